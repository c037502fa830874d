//! What is too large is refused before anything is made, whatever number a person gives; and every kind of end has its exit
//! code.
#![cfg(unix)]

mod common;

use common::{done, kiln, refused};
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A training of a second.
const SHORT: [&str; 8] =
    ["--set", "train.steps=3", "--set", "train.warmup=0", "--set", "train.pretrain=0", "--set", "train.inner=1"];

/// Runs `kiln` with so many kilobytes of address space.
fn within(place: &Path, kilobytes: u64, arguments: &[&str]) -> Output {
    let script = format!("ulimit -v {kilobytes}; exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell.current_dir(place).args(["-c", &script, env!("CARGO_BIN_EXE_kiln")]).args(arguments).output().unwrap()
}

/// What ended with that code, its first two lines on stderr.
fn ended(output: &Output, code: i32, what: &[&str]) -> [String; 2] {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{what:?}: {stderr}");
    let mut lines = stderr.lines().map(String::from);
    [lines.next().unwrap_or_default(), lines.next().unwrap_or_default()]
}

#[test]
fn sizes_beyond_the_memory_are_refused_with_the_estimate_before_anything_is_made() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    fs::write(place.join("large.npy"), "").unwrap();
    fs::File::options().write(true).open(place.join("large.npy")).unwrap().set_len(4_000_000_000).unwrap();
    let before = common::contents(place).len();
    let orders: [&[&str]; 9] = [
        &["train", "--set", "generator.hidden=8192"],
        &["train", "--set", "score.hidden=8192"],
        &["train", "--set", "train.batch=1048576"],
        &["train", "lj13", "--set", "generator.hidden=8192", "--set", "generator.depth=64"],
        &["train", "mw32", "--set", "generator.latent=4096", "--set", "generator.hidden=4096"],
        &["distill", "mw32", "--hidden", "128", "--batch", "1048576"],
        &["reference", "lj55", "-n", "10000000"],
        &["reference", "mw32", "-n", "10000000", "--ladders", "4096"],
        &["evaluate", "large.npy", "--target", "mog40"],
    ];
    for order in orders {
        let [error, hint] = ended(&within(place, 2_000_000, order), 2, order);
        assert!(error.starts_with("error: ") && error.contains(" needs about "), "{order:?}: {error}");
        assert!(error.contains(" GB of memory, and 1.") && error.ends_with("GB are available"), "{order:?}: {error}");
        assert!(hint.starts_with("hint: "), "{order:?}: {hint}");
        assert_eq!(common::contents(place).len(), before, "{order:?}: nothing may be made");
    }
}

#[test]
fn a_pilot_that_outgrows_the_memory_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let order = ["reference", "lj55", "-n", "10", "--ladders", "4096", "--effort", "1000"];
    let [error, hint] = ended(&within(place.path(), 2_000_000, &order), 2, &order);
    assert!(error.contains("a pilot of 500000 rounds on 4096 ladders needs about "), "{error}");
    assert!(hint.contains("--ladders"), "{hint}");
}

#[test]
fn settings_of_which_no_training_can_begin_leave_no_directory() {
    let place = tempfile::tempdir().unwrap();
    let refuse = |target: &str, preset: &str, setting: &str, sentence: &str| {
        let order = ["train", target, "--preset", preset, "--out", "run", "--set", setting];
        refused(&place, &[&order[..], &SHORT].concat(), sentence, "");
    };
    for key in ["generator.range", "generator.radial_range", "score.range", "score.radial_range", "noise.v_min"] {
        refuse("dw4", "kiln", &format!("{key}=1e-60"), "must be at least 1e-12");
    }
    for key in ["train.beta1", "train.beta2", "train.score_beta1", "train.ema"] {
        refuse(
            "mog40",
            "kiln",
            &format!("{key}=0.999999999"),
            &format!("--set: {key} is 9.99999999e-1, but is computed"),
        );
    }
    refuse("mog40", "paper", "score.hidden=3", "score.hidden is 3, but must be even");
}

#[test]
fn an_energy_that_is_not_finite_ends_with_three_and_leaves_no_directory() {
    let place = tempfile::tempdir().unwrap();
    let order = ["train", "mw32", "--out", "run", "--set", "generator.skip=1e6", "--set", "generator.scale=1e6"];
    let order = [&order[..], &["--set", "generator.range=1e6"], &SHORT].concat();
    let output = kiln(place.path(), &order);
    let [error, _] = ended(&output, output.status.code().unwrap(), &order);
    if output.status.code() != Some(0) {
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(!place.path().join("run").exists(), "{error}");
    }
}
