//! Bad input of every kind: exit code 2, one clear sentence, a hint, and nothing written or changed.

mod common;

use common::{ended, kiln, refused, untrained_run};
use std::fs;
use tempfile::TempDir;

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn an_unknown_target_gets_the_nearest_name() {
    refused(place(), &["train", "mog41"], "unknown target 'mog41'", "did you mean 'mog40'?");
    refused(place(), &["train", "--set", "run.target=mw33"], "--set: unknown target 'mw33'", "did you mean 'mw32'?");
    refused(place(), &["presets", "zebra"], "unknown target 'zebra'", "mog40, mw32");
}

#[test]
fn malformed_toml_is_placed_by_line_and_column() {
    let place = place();
    fs::write(place.path().join("bad.toml"), "[train]\nbatch = 64\ninner = = 3\n").unwrap();
    refused(&place, &["train", "--config", "bad.toml"], "bad.toml:3:9: not valid TOML", "key = value");
    fs::write(place.path().join("binary.toml"), [0xff, 0xfe, 0x00]).unwrap();
    refused(&place, &["train", "--config", "binary.toml"], "not a text file", "TOML");
    refused(&place, &["train", "--config", "absent.toml"], "cannot read 'absent.toml'", "path");
}

#[test]
fn unknown_keys_get_the_nearest_one() {
    let place = place();
    fs::write(place.path().join("bad.toml"), "[train]\n  bach = 64\n").unwrap();
    refused(&place, &["train", "--config", "bad.toml"], "bad.toml:2:3: unknown key 'train.bach'", "'train.batch'");
    refused(
        &place,
        &["train", "--set", "posterior.particle=3"],
        "unknown key 'posterior.particle'",
        "'posterior.particles'",
    );
    refused(&place, &["train", "--set", "batch=3"], "unknown key 'batch'", "'train.batch'");
    refused(&place, &["train", "--set", "train.batch"], "has no '='", "section.key=value");
    refused(&place, &["train", "--preset", "papr"], "--preset: run.preset is \"papr\"", "did you mean \"paper\"?");
    refused(&place, &["presets", "mog40", "--preset", "papr"], "unknown preset 'papr'", "'paper'");
}

#[test]
fn sizes_that_are_zero_negative_or_not_numbers_are_refused() {
    let place = place();
    for value in ["0", "-5", "nan", "1.5", "many"] {
        refused(&place, &["train", "--set", &format!("train.batch={value}")], "train.batch is", "samples per step");
    }
    for value in ["0", "-0.1", "nan", "inf"] {
        refused(
            &place,
            &["train", "--set", &format!("train.score_lr={value}")],
            "must be a number above 0",
            "learning rate",
        );
    }
    fs::write(place.path().join("bad.toml"), "[generator]\nhidden = -3\n").unwrap();
    refused(
        &place,
        &["train", "--config", "bad.toml"],
        "bad.toml:2:10: generator.hidden is -3, but must be a whole number from 1",
        "width",
    );
    refused(&place, &["train", "--seed", "-1"], "--seed: run.seed is -1", "random");
    refused(&place, &["train", "--threads", "-1"], "--threads: run.threads is -1", "threads");
    refused(&place, &["train", "--set", "generator.latent=1"], "must be at least 2", "generator.latent=2");
    refused(&place, &["train", "--device", "gpu"], "--device: run.device is \"gpu\"", "where");
}

#[test]
fn networks_that_do_not_fit_the_target_are_refused() {
    let place = place();
    refused(&place, &["train", "--set", "generator.network=egnn"], "an egnn needs a target of particles", "\"mlp\"");
    let odd = ["train", "dw4", "--set", "generator.latent=9"];
    refused(&place, &odd, "equally many for each particle", "[generator]");
}

#[test]
fn a_used_or_unwritable_place_is_left_alone() {
    let place = place();
    fs::create_dir(place.path().join("used")).unwrap();
    fs::write(place.path().join("used/precious"), "mine").unwrap();
    refused(&place, &["train", "--out", "used"], "'used' is already used", "nothing was overwritten");
    refused(&place, &["train", "--out", "used/precious"], "is already used: it is a file", "choose another --out");
    // Not even root can make a directory below a file.
    refused(
        &place,
        &["train", "--out", "used/precious/below"],
        "cannot create the directory 'used/precious/below'",
        "another place",
    );
}

#[test]
fn bad_budgets_are_refused() {
    for bad in ["soon", "5", "-5m", "0s", "5x"] {
        refused(place(), &["train", "--budget", bad], &format!("--budget: '{bad}'"), "1h30m");
    }
}

#[test]
fn what_is_missing_is_named() {
    let place = place();
    for command in
        [&["evaluate", "absent"][..], &["sample", "absent", "-n", "5", "-o", "x.npy"], &["train", "--resume", "absent"]]
    {
        refused(&place, command, "the run 'absent' does not exist", "kiln train");
    }
    fs::create_dir(place.path().join("empty")).unwrap();
    refused(&place, &["evaluate", "empty"], "'empty' is not a run: it has no config.toml", "kiln train");
    let preset = kiln(place.path(), &["presets", "mog40"]);
    fs::write(place.path().join("empty/config.toml"), preset.stdout).unwrap();
    for command in [&["evaluate", "empty"][..], &["train", "--resume", "empty"]] {
        refused(&place, command, "has no format: the run is of an older Kiln", "kiln train --config empty/config.toml");
    }
}

#[test]
fn samples_go_only_where_they_can_and_may() {
    let place = place();
    let sample = |n: &'static str, output: &'static str| ["sample", "absent", "-n", n, "-o", output];
    refused(&place, &sample("0", "x.npy"), "-n is 0", "-n 10000");
    refused(&place, &sample("-3", "x.npy"), "-n is -3", "-n 10000");
    refused(&place, &sample("5", "x.txt"), "no extension that names a format", ".npy, .npz, .csv");
    refused(&place, &sample("5", "no/x.npy"), "the directory 'no' of 'no/x.npy' does not exist", "create it");
    fs::write(place.path().join("old.npy"), "mine").unwrap();
    refused(&place, &sample("5", "old.npy"), "'old.npy' already exists", "--force");
    refused(&place, &sample("5", "x.npz.gz"), "archives are not gzipped", ".npy.gz");
    let with = |output: &'static str, format: &'static str| [&sample("5", output)[..], &["--format", format]].concat();
    refused(&place, &with("-", "cvs"), "--format: 'cvs' is no format of samples", "did you mean 'csv'?");
    refused(&place, &with("-", "npz"), "an .npz cannot go to stdout", "--format npy");
    refused(&place, &with("x.npy", "npy.gz"), "--format is .npy.gz, but 'x.npy' ends in .npy", "leave --format out");
    refused(&place, &["reference", "mog40", "-n", "5", "-o", "-"], "a reference goes to a file", "kiln sample");
    let of_mog40 = ["sample", "mog40", "-n", "5", "-o", "-", "--format", "xyz.gz"];
    refused(&place, &of_mog40, "an .xyz.gz holds particles, and MoG-40 has none", ".csv");
}

#[test]
fn polishing_and_gates_are_checked_before_anything_is_drawn() {
    let place = place();
    let sample = |more: &[&'static str]| [&["sample", "run", "-n", "5", "-o", "x.npy"], more].concat();
    refused(&place, &sample(&["--polish", "-1"]), "--polish is -1", "--polish 20");
    refused(&place, &sample(&["--polish", "1000001"]), "at most 1000000 steps", "kiln reference");
    refused(&place, &sample(&["--gate", "nan"]), "--gate is not a number", "--gate 0");
    refused(&place, &sample(&["--steps", "1"]), "--steps is 1, but must be a whole number from 2 up", "--steps 20");
    refused(&place, &sample(&["--steps", "10001"]), "at most 10000", "20 are near");
    let mog40 = ["sample", "mog40", "-n", "5", "-o", "x.npy", "--steps", "20"];
    refused(&place, &mog40, "needs the denoiser of a run, which 'mog40' is not", "leave --steps out");
    // A run of MoG-40 that was never trained: what it holds is not read before these are settled.
    untrained_run(place.path()).write("generator.safetensors", b"none").unwrap();
    let with = |n: &'static str, output: &'static str| ["sample", "run", "-n", n, "-o", output];
    refused(&place, &with("5", "x.extxyz"), "an .extxyz holds particles, and MoG-40 has none", ".npy");
    let space = "9000000000000000 samples of MoG-40 take 72000.0 TB, and the disk of 'x.npy' has ";
    refused(&place, &with("9000000000000000", "x.npy"), space, "draw fewer");
    refused(&place, &with("9000000000000000000", "x.csv"), "samples of MoG-40 take 36000000.0 TB, and", "free some");
    refused(&place, &with("1000000000", "x.npz"), "take 8.0 GB, and an .npz holds 4 GB", "write an .npy");
    refused(&place, &with("5", "x.npy"), "is damaged", "--resume run");
    // A run that is not there, where there is another.
    fs::create_dir_all(place.path().join("runs")).unwrap();
    fs::rename(place.path().join("run"), place.path().join("runs/mog40-kiln-seed0")).unwrap();
    let absent = ["sample", "mog40-kiln-seed1", "-n", "5", "-o", "x.npy"];
    refused(&place, &absent, "does not exist", "did you mean 'runs/mog40-kiln-seed0'?");
}

#[test]
fn references_are_refused_before_anything_is_computed() {
    let place = place();
    let reference = |more: &[&'static str]| [&["reference", "dw4", "-o", "x.npy"], more].concat();
    refused(&place, &["reference", "dw5"], "unknown target 'dw5'", "did you mean 'dw4'?");
    refused(&place, &reference(&["-n", "0"]), "-n is 0", "-n 10000");
    refused(&place, &reference(&["-n", "99999999999"]), "-n is 99999999999, but must be at most", "--seed");
    refused(&place, &reference(&["--seed", "-1"]), "--seed is -1", "--seed");
    for effort in ["0", "-1", "nan", "inf", "1e9"] {
        refused(&place, &reference(&["--effort", effort]), "--effort is", "four times");
    }
    for evaluations in ["0", "-16", "nan", "1e13"] {
        refused(&place, &reference(&["--evaluations", evaluations]), "--evaluations is", "--evaluations 5e6");
    }
    refused(&place, &["reference", "mog40", "-o", "x.extxyz"], "an .extxyz holds particles", ".npy");
    refused(&place, &["reference", "dw4", "-o", "x.json"], "no extension that names a format", ".npy");
    fs::write(place.path().join("x.json"), "mine").unwrap();
    refused(&place, &reference(&[]), "'x.json', where the manifest goes, already exists", "--force");
    fs::write(place.path().join("dw4-reference.npy"), "mine").unwrap();
    refused(&place, &["reference", "dw4"], "'dw4-reference.npy' already exists", "--force");
}

#[test]
fn a_reference_that_has_not_converged_is_kept_only_when_asked_for() {
    let place = place();
    let hasty = ["-q", "reference", "lj13", "-n", "100", "--effort", "0.01", "-o", "x.npy"];
    ended(&place, 1, &hasty, "not a reference of LJ-13: ", "nothing was written; try --effort 0.04");
    let output = kiln(place.path(), &[&hasty[..], &["--accept-unconverged"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout, b"x.npy\n");
    let manifest = fs::read(place.path().join("x.json")).unwrap();
    let manifest: kiln::reference::Manifest = serde_json::from_slice(&manifest).unwrap();
    assert!(!manifest.converged && manifest.command.ends_with("--accept-unconverged -o x.npy"), "{}", manifest.command);
    assert_eq!(kiln::files::hash(&fs::read(place.path().join("x.npy")).unwrap()), manifest.sha256);
}

#[test]
fn a_file_of_samples_is_judged_only_as_what_it_is() {
    let place = place();
    fs::write(place.path().join("x.csv"), "x0,x1\n1,2\n3,4\n").unwrap();
    fs::write(place.path().join("mine.html"), "mine").unwrap();
    let evaluate = |more: &[&'static str]| [&["evaluate", "x.csv"], more].concat();
    refused(&place, &evaluate(&[]), "'x.csv' does not say what its samples are of", "--target, one of mog40, mw32");
    refused(&place, &evaluate(&["--target", "mog41"]), "--target: unknown target 'mog41'", "'mog40'");
    refused(&place, &evaluate(&["--target", "dw4"]), "in 'x.csv' have 2 coordinates, DW-4 has 8", "--target");
    refused(&place, &evaluate(&["--target", "mog40", "--polish", "-1"]), "--polish is -1", "--polish 20");
    refused(&place, &evaluate(&["--target", "mog40", "--steps", "0"]), "--steps is 0", "--steps 20");
    refused(&place, &evaluate(&["--target", "mog40", "--steps", "9"]), "--steps is for runs", "leave --steps out");
    refused(
        &place,
        &evaluate(&["--target", "mog40", "--polish", "1000001"]),
        "at most 1000000 steps",
        "kiln reference",
    );
    refused(&place, &evaluate(&["--target", "mog40", "--gate", "nan"]), "--gate is not a finite number", "--gate 0");
    refused(&place, &evaluate(&["--target", "mog40", "--reference", "no.npy"]), "cannot read 'no.npy'", "path");
    refused(&place, &evaluate(&["--target", "mog40", "--report", "no/x.html"]), "the directory 'no'", "create it");
    refused(&place, &evaluate(&["--target", "mog40", "--report", "mine.html"]), "is not a report of Kiln", "another");
    refused(&place, &["evaluate", "mine.html", "--target", "mog40"], "no extension that names a format", ".npy");

    let output = kiln(place.path(), &evaluate(&["--target", "mog40", "--json", "--report", "x.html"]));
    let text = String::from_utf8(output.stdout).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    for row in report["rows"].as_array().unwrap() {
        for field in ["effective_sample_size", "r_hat", "acceptance", "energy_evaluations", "n", "floor", "sd"] {
            assert!(row.get(field).is_some(), "{field} of {row}");
        }
    }
    assert!(fs::read_to_string(place.path().join("x.html")).unwrap().contains("</html>"));
}

#[test]
fn usage_errors_end_with_two_as_well() {
    for arguments in
        [&["trian"][..], &["train", "--nonsense"], &["sample", "x"], &["train", "--resume", "x", "--seed", "1"], &[]]
    {
        let output = kiln(place().path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_printed_preset_is_a_configuration() {
    let place = place();
    for (target, preset) in [("mog40", "kiln"), ("mog40", "paper"), ("mw32", "kiln"), ("mw32", "paper")] {
        let output = kiln(place.path(), &["presets", target, "--preset", preset]);
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        kiln::config::from_run_text(&text, "preset.toml").unwrap();
    }
    let table = String::from_utf8(kiln(place.path(), &["presets"]).stdout).unwrap();
    for key in kiln::config::KEYS.iter().filter(|key| key.section() != "run") {
        assert!(table.contains(key.name), "{}", key.name);
    }
    let targets = String::from_utf8(kiln(place.path(), &["targets"]).stdout).unwrap();
    assert!(targets.contains("mog40") && targets.contains("mw32"));
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    use std::process::{Command as Process, Stdio};
    let mut child = Process::new(env!("CARGO_BIN_EXE_kiln"))
        .arg("presets")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}
