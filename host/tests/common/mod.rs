//! What tests of the command line share: the binary run in a folder of its own, and what refusals look like.

// Each test binary compiles this module and uses a part of it.
#![allow(dead_code)]

use assert_cmd::Command;
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

/// Runs what must be refused with one sentence and a hint, leaving as many files as there were.
pub fn refused(place: &Path, arguments: &[&str], sentence: &str, hint: &str) {
    let files = || std::fs::read_dir(place).unwrap().count();
    let before = files();
    let output = kiln(place, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{arguments:?}: {stderr}");
    assert!(lines[0].starts_with("error: ") && lines[0].contains(sentence), "{arguments:?}: {stderr}");
    assert!(lines[1].starts_with("hint: ") && lines[1].contains(hint), "{arguments:?}: {stderr}");
    assert_eq!(files(), before, "{arguments:?}");
}
