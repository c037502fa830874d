//! `kiln distill`: a run like any other, the same for any number of threads, and refusals that write nothing.

mod common;

use common::{as_of, done, judged, refused, untrained_run};
use kiln::{format, pretrained};
use std::path::Path;

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
    let [figures, _] = judged(place, &["evaluate", run]);
    assert!(figures.contains("mode-mass total variation"), "{figures}");
    refused(place, &[&distill[..], &["--out", "two"]].concat(), "'two' is already used", "another --out");
    refused(place, &["distill", "small.kiln", "--hidden", "8"], "'small.kiln' is a deployed model", "exported from");
    refused(place, &["train", "--resume", run], "has no checkpoint", "distil anew");
    // A student can teach.
    refused(
        place,
        &["distill", run, "--hidden", "32"],
        "a student of 32 x 2 has 3330 numbers",
        "--hidden 12 --depth 2",
    );
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
        "a student is smaller: try --hidden 64 --depth 4",
    );
    // 64 x 15 has more numbers than the teacher.
    refused(place, &ask(&["--hidden", "8192", "--depth", "15"]), "a student of 8192 x 15", "--hidden 32 --depth 15");
    let deep = "models have at most 15 hidden layers: try --hidden 8 --depth 15";
    refused(place, &ask(&["--hidden", "8", "--depth", "20"]), "a student of 8 x 20 cannot be deployed", deep);
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
    refused(place, &["distill", "absent.kiln", "--hidden", "8"], "cannot read 'absent.kiln'", "`kiln export` wrote");
    refused(place, &["distill", "file", "--hidden", "8"], "the run 'file' is not a directory", "ends in .kiln");
    kept_as_it_was(place);
}

/// Runs that lack something, or whose parts are not of one training.
fn kept_as_it_was(place: &Path) {
    let run = untrained_run(place);
    let write = |bytes: &[u8]| run.write("generator.safetensors", bytes).unwrap();
    let distill = ["distill", "run", "--hidden", "8", "--depth", "1", "--steps", "4", "--batch", "4"];
    refused(place, &distill, "the run 'run' has no generator.safetensors", "kiln train --resume run");
    write(&pretrained::find("mog40").unwrap().generator[..5000]);
    refused(place, &distill, "'run/generator.safetensors' is damaged", "--resume run");
    let dw4 = pretrained::find("dw4").unwrap().file().unwrap();
    write(&dw4.to_bytes());
    refused(place, &distill, "'run/generator.safetensors' is of another run", "put back");
    write(&as_of(&run, dw4));
    refused(place, &distill, "the generator of 'run' has 8 coordinates, MoG-40 has 2", "not of one training");
    assert!(!place.join("runs").exists());
}

#[test]
fn what_integers_do_not_have_is_said_and_the_rest_is_judged() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    // The published network of particles, made small.
    let mut train = vec!["-q", "train", "dw4", "--preset", "paper", "--out", "run"];
    for setting in [
        "generator.hidden=6",
        "generator.depth=2",
        "score.hidden=4",
        "score.depth=1",
        "train.steps=1",
        "train.inner=1",
        "train.pretrain=0",
        "train.warmup=0",
        "train.batch=4",
        "posterior.chain=2",
        "posterior.keep=1",
    ] {
        train.extend(["--set", setting]);
    }
    judged(place, &train);
    let distill =
        ["distill", "run", "--hidden", "3", "--depth", "1", "--steps", "2", "--batch", "4", "--out", "student"];
    let [_, told] = done(place, &distill);
    let parts = "the network has parts that integers do not have: ReLU, squared distances, directed messages";
    for who in ["teacher", "student"] {
        assert!(told.contains(&format!("no i8w16a of the {who}: {parts}")), "{told}");
    }
    let said = told.lines().last().unwrap();
    assert!(said.contains("`kiln export student --format f32 -o small.kiln`"), "{said}");
    done(place, &["export", "student", "--no-quality", "--format", "f32", "-o", "small.kiln"]);
    let json = std::fs::read(place.join("student/distillation.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["notes"].as_array().map(Vec::len), Some(2), "{json}");
    assert!(json["i8w16a_error"].is_null() && json["student_error"]["p99"].as_f64().is_some(), "{json}");
}
