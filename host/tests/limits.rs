//! What is too large is refused before anything is made, whatever number a person gives; and every kind of end has its exit
//! code.
#![cfg(unix)]

mod common;

use common::{as_of, done, judged, kiln, refused, untrained_run};
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
        &["reference", "mw32", "-n", "10000000"],
        &["evaluate", "large.npy", "--target", "mog40"],
    ];
    for order in orders {
        let [error, hint] = ended(&within(place, 2_000_000, order), 2, order);
        assert!(error.starts_with("error: ") && error.contains(" needs about "), "{order:?}: {error}");
        assert!(error.contains(" GB of memory, and ") && error.ends_with("B are available"), "{order:?}: {error}");
        assert!(hint.starts_with("hint: "), "{order:?}: {hint}");
        assert_eq!(common::contents(place).len(), before, "{order:?}: nothing may be made");
    }
}

#[test]
fn a_reference_whose_effort_outgrows_the_memory_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let order = ["reference", "lj55", "-n", "1000", "--effort", "1000"];
    let [error, hint] = ended(&within(place.path(), 2_000_000, &order), 2, &order);
    assert!(error.contains("a reference of 1000 frames needs about "), "{error}");
    assert!(hint.contains("--effort"), "{hint}");
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
fn numbers_that_are_not_finite_end_with_three_and_leave_no_directory() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    // A run whose generator overflows.
    let run = untrained_run(place);
    let file = kiln::pretrained::find("mog40").unwrap().file().unwrap();
    let mut spec = kiln_gpu::GeneratorSpec::from_checkpoint(&file).unwrap();
    spec.skip = f32::MAX;
    let generator = kiln_gpu::Generator::new(&kiln_gpu::Cpu::default(), spec, &mut || 0.5).unwrap();
    run.write("generator.safetensors", &as_of(&run, generator.to_checkpoint([]))).unwrap();
    let order = ["distill", "run", "--hidden", "4"];
    let [error, hint] = ended(&kiln(place, &order), 3, &order);
    assert!(error.starts_with("error: 'run' draws samples that are not finite"), "{error}");
    assert!(hint.starts_with("hint: ") && !place.join("runs").exists());
}

/// Starts what takes long, interrupts it once `file` is there, and returns its exit code.
fn interrupted(place: &Path, arguments: &[&str], file: &str, signal: &str) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command.current_dir(place).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    while !place.join(file).exists() && start.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    child.wait().unwrap().code()
}

#[test]
fn an_interruption_ends_with_130_and_leaves_what_there_is() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    for (signal, run) in [("-INT", "a"), ("-TERM", "b")] {
        let train = ["train", "--preset", "direct", "--out", run, "--set", "train.pretrain=0"];
        assert_eq!(interrupted(place, &train, &format!("{run}/config.toml"), signal), Some(130), "{signal}");
        assert!(place.join(run).join("checkpoint.safetensors").is_file());
        let student = format!("{run}-student");
        let distill = ["distill", "mog40", "--hidden", "32", "--steps", "10000000", "--out", &student];
        let first = format!("{student}/generator.safetensors");
        assert_eq!(interrupted(place, &distill, &first, signal), Some(130), "{signal}");
        assert!(place.join(first).is_file());
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    fs::write(place.join("x.csv"), "x0,x1\n1,2\n3,4\n5,6\n").unwrap();
    done(place, &["export", "mog40", "--no-quality", "-o", "m.kiln"]);
    let orders: [&[&str]; 6] = [
        &["targets"],
        &["presets"],
        &["presets", "mog40"],
        &["inspect", "m.kiln"],
        &["evaluate", "x.csv", "--target", "mog40"],
        &["--help"],
    ];
    for order in orders {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command.current_dir(place).args(order).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{order:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn threads_are_asked_for_with_every_command_and_change_nothing() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let mut seen = Vec::new();
    for threads in ["1", "2", "1024"] {
        let train = ["-q", "train", "--preset", "direct", "--out", threads, "--threads", threads];
        judged(place, &[&train[..], &SHORT].concat());
        let file = format!("{threads}.npy");
        done(place, &["--threads", threads, "sample", threads, "-n", "50", "-o", &file]);
        let [figures, _] = judged(place, &["evaluate", &file, "--target", "mog40", "--json", "--threads", threads]);
        let bytes = fs::read(place.join(&file)).unwrap();
        seen.push((
            fs::read(place.join(threads).join("generator.safetensors")).unwrap(),
            bytes,
            figures.replace(&file, ""),
        ));
    }
    assert!(seen[0] == seen[1] && seen[0] == seen[2]);
    let sentence = "--threads: run.threads is -1, but must be a whole number from 0 to 1024";
    for command in [&["targets"][..], &["train"], &["distill", "mog40", "--hidden", "8"], &["presets"]] {
        refused(place, &[command, &["--threads", "-1"]].concat(), sentence, "threads");
    }
}

#[test]
fn no_number_on_the_command_line_ends_in_a_panic_or_never() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    fs::write(place.join("x.csv"), "x0,x1\n1,2\n3,4\n5,6\n").unwrap();
    let sample = ["-q", "sample", "mog40", "-o", "s.npy", "--force"];
    let reference = ["-q", "reference", "mog40", "-o", "r.npy", "--force", "--accept-unconverged"];
    let distill = ["-q", "distill", "mog40", "--out", "student"];
    let evaluate = ["-q", "evaluate", "x.csv", "--target", "mog40"];
    let small = ["--steps", "2", "--batch", "4"];
    // A command that is quick but for the number that is tried, and the flags that take one.
    let orders: [(&[&str], &[&str], &[&str]); 12] = [
        (&sample, &[], &["-n"]),
        (&sample, &["-n", "5"], &["--polish", "--gate", "--seed", "--steps"]),
        (&reference, &[], &["-n"]),
        (&reference, &["-n", "20"], &["--seed", "--effort", "--evaluations"]),
        (&evaluate, &[], &["--polish", "--gate", "--seed"]),
        (&["-q", "export", "mog40", "--no-quality", "-o", "m.kiln", "--force"], &[], &["--seed"]),
        (&distill, &small, &["--hidden"]),
        (&distill, &["--hidden", "4", "--batch", "4"], &["--steps"]),
        (&distill, &["--hidden", "4", "--steps", "2"], &["--batch", "--depth"]),
        (&distill, &["--hidden", "4", "--steps", "2", "--batch", "4"], &["--seed", "--fine-tune"]),
        (&["-q", "train", "--preset", "direct", "--out", "run"], &SHORT, &["--seed", "--budget", "--threads"]),
        (&["targets"], &[], &["--threads"]),
    ];
    for (command, more, flags) in orders {
        for flag in flags {
            for value in ["0", "-1", "1e308", "-1e308", "9223372036854775807", "nan", "inf", "0.5", ""] {
                let _ = fs::remove_dir_all(place.join("run"));
                let _ = fs::remove_dir_all(place.join("student"));
                let order = [command, more, &[flag, value]].concat();
                let mut timed = assert_cmd::Command::cargo_bin("kiln").unwrap();
                timed.current_dir(place).args(&order).timeout(Duration::from_secs(300));
                let output = timed.output().unwrap();
                let (code, told) = (output.status.code(), String::from_utf8_lossy(&output.stderr));
                assert!(code.is_some_and(|code| [0, 1, 2, 3].contains(&code)), "{order:?}: {code:?}, {told}");
                assert!(code == Some(0) || told.starts_with("error: "), "{order:?}: {told}");
            }
        }
    }
}
