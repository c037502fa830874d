//! `kiln distill`: a run like any other, the same for any number of threads, and refusals that write nothing.

mod common;

use common::{done, refused};
use host::format;

#[test]
fn a_student_is_a_run_like_any_other_and_the_same_on_one_thread_and_on_two() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let distill =
        ["distill", "mog40", "--hidden", "24", "--depth", "2", "--steps", "600", "--batch", "320", "--seed", "5"];
    let fine = ["--fine-tune", "3"];
    let [told, log] = done(place, &[&distill[..], &fine, &["--threads", "1"]].concat());
    let run = told.trim_end();
    assert_eq!(run, "runs/mog40-distilled-h24-seed5");
    for word in [
        "24 x 2",
        "603",
        "teacher, mog40",
        "student",
        "in i8w16a",
        "modes covered",
        "a tenth of the width",
        "kiln export",
    ] {
        assert!(log.contains(word), "{word}: {log}");
    }
    let read = |run: &str, name: &str| std::fs::read(place.join(run).join(name)).unwrap();
    let text = |run: &str, name: &str| String::from_utf8(read(run, name)).unwrap();
    assert_eq!(format::read(&place.join(run).join("samples.npy")).unwrap().data.len(), 20_000);
    assert!(read(run, "samples.png").starts_with(b"\x89PNG"));
    let config = text(run, "config.toml");
    for word in
        ["distilled_from = \"mog40\"", "600 steps of 320 latents, seed 5, then 3 steps", "hidden = 24", "depth = 2"]
    {
        assert!(config.contains(word), "{word}: {config}");
    }
    let metrics = text(run, "metrics.jsonl");
    let lines: Vec<serde_json::Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<u64> = lines.iter().map(|line| line["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [0, 500, 600, 603]);
    let error = |at: usize| lines[at]["error"].as_f64().unwrap();
    assert!(error(2) < 0.5 * error(0), "{metrics}");
    assert!(lines[1]["loss"].as_f64().is_some_and(|loss| loss > 0.0), "{metrics}");

    let [json, _] =
        done(place, &[&distill[..], &fine, &["--threads", "2", "--out", "two", "--json", "--quiet"]].concat());
    assert_eq!(read("two", "generator.safetensors"), read(run, "generator.safetensors"));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&read("two", "distillation.json")).unwrap(), json);
    assert_eq!(json["student_size"]["numbers"], 68 * 24 + 24 + 24 * 24 + 24 + 24 * 2 + 2);

    done(place, &["sample", run, "-n", "50", "-o", "few.npy"]);
    done(place, &["export", "two", "--format", "i8w16a", "-o", "small.kiln"]);
    let bytes = std::fs::metadata(place.join("small.kiln")).unwrap().len();
    assert_eq!(json["student_size"]["i8w16a_bytes"], bytes, "as export makes it");
    assert!(bytes < 8192, "{bytes}");
    let [figures, _] = done(place, &["evaluate", run]);
    assert!(figures.contains("mode-mass total variation"), "{figures}");
    refused(place, &[&distill[..], &["--out", "two"]].concat(), "'two' is already used", "another --out");
    refused(place, &["distill", "small.kiln", "--hidden", "8"], "'small.kiln' is a deployed model", "exported from");
    refused(place, &["train", "--resume", run], "has no checkpoint", "train anew");
    // A student can teach.
    refused(place, &["distill", run, "--hidden", "32"], "a student of 32 x 2 has 3330 numbers", "try --hidden 12");
}

#[test]
fn particles_have_students_too() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let [json, _] = done(
        place,
        &["distill", "dw4", "--hidden", "8", "--depth", "2", "--steps", "4", "--batch", "16", "--json", "-q"],
    );
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let size = |who: &str| json[who]["i8w16a_bytes"].as_u64().unwrap();
    assert!(4 * size("student_size") < size("teacher_size"), "{json}");
    done(place, &["sample", "runs/dw4-distilled-h8-seed0", "-n", "5", "-o", "few.extxyz"]);
}

#[test]
fn what_cannot_be_distilled_is_refused_in_one_sentence() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let ask = |arguments: &[&'static str]| [&["distill", "mog40"][..], arguments].concat();
    refused(place, &["distill", "mog41", "--hidden", "8"], "the run 'mog41' does not exist", "mog40");
    refused(place, &ask(&["--hidden", "0"]), "--hidden: generator.hidden is 0", "width of the hidden layers");
    refused(place, &ask(&["--hidden", "-3"]), "--hidden: generator.hidden is -3", "width");
    refused(
        place,
        &ask(&["--hidden", "128"]),
        "a student of 128 x 4 has 58626 numbers",
        "a student is smaller: try --hidden 64",
    );
    refused(place, &ask(&["--hidden", "8192", "--depth", "15"]), "a student of 8192 x 15", "--hidden 64");
    refused(place, &ask(&["--hidden", "8", "--depth", "20"]), "a student of 8 x 20", "at most 15 hidden layers");
    refused(place, &ask(&["--hidden", "8", "--depth", "0"]), "--depth: generator.depth is 0", "hidden layers");
    refused(place, &ask(&["--hidden", "8", "--depth", "65"]), "--depth: generator.depth is 65", "hidden layers");
    refused(place, &ask(&["--hidden", "8", "--steps", "0"]), "--steps: train.steps is 0", "steps");
    refused(place, &ask(&["--hidden", "8", "--batch", "0"]), "--batch: train.batch is 0", "samples");
    refused(place, &ask(&["--hidden", "8", "--fine-tune", "-1"]), "--fine-tune is -1", "--fine-tune");
    refused(place, &ask(&["--hidden", "8", "--seed", "-1"]), "run.seed is -1", "random");
    std::fs::write(place.join("file"), "").unwrap();
    refused(
        place,
        &ask(&["--hidden", "8", "--out", "file"]),
        "--out 'file' is already used: it is a file",
        "another --out",
    );
}
