//! Bad input of every kind: exit code 2, one clear sentence, a hint, and nothing written or changed.

use assert_cmd::Command;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn kiln(place: &Path, arguments: &[&str]) -> std::process::Output {
    Command::cargo_bin("kiln").unwrap().current_dir(place).args(arguments).output().unwrap()
}

/// Names and contents of all that is in a directory.
fn contents(place: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push((path.display().to_string(), Vec::new()));
            all.extend(contents(&path));
        } else {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

/// Runs the command and checks that it is refused as promised.
fn refused(place: &TempDir, arguments: &[&str], sentence: &str, hint: &str) {
    let before = contents(place.path());
    let output = kiln(place.path(), arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{arguments:?}: one sentence and a hint, not {stderr}");
    assert!(lines[0].starts_with("error: ") && lines[0].contains(sentence), "{arguments:?}: {stderr}");
    assert!(lines[1].starts_with("hint: ") && lines[1].contains(hint), "{arguments:?}: {stderr}");
    assert_eq!(contents(place.path()), before, "{arguments:?}: nothing may be written");
}

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn an_unknown_target_gets_the_nearest_name() {
    refused(&place(), &["train", "mog41"], "unknown target 'mog41'", "did you mean 'mog40'?");
    refused(&place(), &["train", "--set", "run.target=mw33"], "--set: unknown target 'mw33'", "did you mean 'mw32'?");
    refused(&place(), &["presets", "zebra"], "unknown target 'zebra'", "mog40, mw32");
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
        refused(&place(), &["train", "--budget", bad], &format!("--budget: '{bad}'"), "1h30m");
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
    refused(&place, &["evaluate", "empty"], "has no generator.safetensors", "--resume empty");
    refused(&place, &["train", "--resume", "empty"], "has no checkpoint.safetensors", "anew");
}

#[test]
fn samples_go_only_where_they_can_and_may() {
    let place = place();
    let sample = |n: &'static str, output: &'static str| ["sample", "absent", "-n", n, "-o", output];
    refused(&place, &sample("0", "x.npy"), "-n is 0", "-n 10000");
    refused(&place, &sample("-3", "x.npy"), "-n is -3", "-n 10000");
    refused(&place, &sample("5", "x.txt"), "no extension that names a format", ".npy, .npz or .csv");
    refused(&place, &sample("5", "no/x.npy"), "the directory 'no' of 'no/x.npy' does not exist", "create it");
    fs::write(place.path().join("old.npy"), "mine").unwrap();
    refused(&place, &sample("5", "old.npy"), "'old.npy' already exists", "--force");
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
        host::config::from_run_text(&text, "preset.toml").unwrap();
    }
    let table = String::from_utf8(kiln(place.path(), &["presets"]).stdout).unwrap();
    for key in host::config::KEYS.iter().filter(|key| key.section() != "run") {
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
