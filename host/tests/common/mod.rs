//! What tests of the command line share: the binary run in a folder of its own, and what refusals look like.

// Each test binary compiles this module and uses a part of it.
#![allow(dead_code)]

use assert_cmd::Command;
use kiln::config::{About, from_run_text};
use kiln::pretrained::find;
use kiln::run::Run;
use kiln::targets::builtin;
use kiln_gpu::Checkpoint;
use std::fs;
use std::path::Path;
use std::process::Output;

/// Runs `kiln` in `place`.
pub fn kiln(place: &Path, arguments: &[&str]) -> Output {
    Command::cargo_bin("kiln").unwrap().current_dir(place).args(arguments).output().unwrap()
}

/// Runs what must succeed and returns what it says on stdout and stderr.
pub fn done(place: &Path, arguments: &[&str]) -> [String; 2] {
    let output = kiln(place, arguments);
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    [stdout, stderr]
}

/// Runs `kiln evaluate` or a small `kiln train`, whose samples may fail the verdict, and returns what it says.
pub fn judged(place: &Path, arguments: &[&str]) -> [String; 2] {
    let output = kiln(place, arguments);
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let fails = output.status.code() == Some(1);
    assert!(output.status.success() || fails && stderr.contains("does not draw"), "{arguments:?}: {stderr}");
    [stdout, stderr]
}

/// Names and contents of all that is in a directory.
pub fn contents(place: &Path) -> Vec<(String, Vec<u8>)> {
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

/// Runs what must be refused with one sentence and a hint, and must write and change nothing.
pub fn refused(place: impl AsRef<Path>, arguments: &[&str], sentence: &str, hint: &str) {
    ended(place, 2, arguments, sentence, hint);
}

/// The same with another exit code.
pub fn ended(place: impl AsRef<Path>, code: i32, arguments: &[&str], sentence: &str, hint: &str) {
    let place = place.as_ref();
    let before = contents(place);
    let output = kiln(place, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{arguments:?}: one sentence and a hint, not {stderr}");
    assert!(lines[0].starts_with("error: ") && lines[0].contains(sentence), "{arguments:?}: {stderr}");
    assert!(lines[1].starts_with("hint: ") && lines[1].contains(hint), "{arguments:?}: {stderr}");
    assert_eq!(contents(place), before, "{arguments:?}: nothing may be written");
}

/// A run directory `run` of MoG-40 in which nothing was trained yet.
pub fn untrained_run(place: &Path) -> Run {
    let mog40 = find("mog40").unwrap();
    let config = from_run_text(mog40.config, "config.toml").unwrap();
    let target = builtin().into_iter().find(|target| target.name() == "mog40").unwrap();
    Run::create(Some(&place.join("run")), &config, &About::training(target.convention())).unwrap()
}

/// The bytes of a generator's file as if the run had written it.
pub fn as_of(run: &Run, mut file: Checkpoint) -> Vec<u8> {
    run.identity().texts().into_iter().for_each(|(key, text)| file.insert_text(key, text));
    file.to_bytes()
}
