//! A stderr that is full, closed or gone is no reason to stop, and every kind of end has its exit code.
#![cfg(unix)]

mod common;

use common::kiln;
use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, Stdio};

const TRAIN: [&str; 11] = [
    "train",
    "--preset=direct",
    "--out",
    "run",
    "--set",
    "train.steps=3",
    "--set",
    "train.warmup=0",
    "--set",
    "train.pretrain=0",
    "--seed=1",
];

/// The exit code with a stderr that accepts nothing.
fn with_full_stderr(place: &Path, arguments: &[&str]) -> Option<i32> {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command.current_dir(place).args(arguments).stdout(Stdio::null()).stderr(full).status().unwrap().code()
}

/// The exit code where nobody reads stderr any more.
fn with_closed_stderr(place: &Path, arguments: &[&str]) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command.current_dir(place).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stderr.take());
    child.wait().unwrap().code()
}

#[test]
fn a_full_or_closed_stderr_ends_neither_a_training_nor_a_refusal() {
    for run in [with_full_stderr, with_closed_stderr] {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        // Three steps train nothing: the verdict may say so with 1.
        assert!(matches!(run(place, &TRAIN), Some(0 | 1)));
        for file in ["generator.safetensors", "checkpoint.safetensors", "samples.npy"] {
            assert!(place.join("run").join(file).is_file(), "{file}");
        }
        assert_eq!(run(place, &["sample", "run", "-n", "5", "-o", "x.npy"]), Some(0));
        assert_eq!(run(place, &["sample", "run", "-n", "5", "-o", "x.npy"]), Some(2), "a refusal stays one");
        assert_eq!(run(place, &["reference", "mog40", "-n", "20", "-o", "r.npy"]), Some(0));
    }
}

#[test]
fn a_reference_that_does_not_converge_ends_with_one() {
    let place = tempfile::tempdir().unwrap();
    let order = ["reference", "lj13", "-n", "16", "--effort", "0.01"];
    let output = kiln(place.path(), &order);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("error: not a reference of LJ-13") && told.contains("hint: nothing was written"), "{told}");
    assert_eq!(output.status.code(), Some(1));
}
