//! `kiln sample` on a small trained run: prefixes, polishing, gates, files.

mod common;

use common::{done, judged, kiln};
use kiln::format;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn trained(place: &Path, target: &str) {
    let train = ["-q", "train", target, "--out", "run", "--seed", "1", "--set", "train.warmup=0"];
    judged(place, &[&train[..], &["--set", "train.steps=3", "--set", "train.pretrain=0"]].concat());
}

#[test]
fn polished_samples_of_a_seed_are_a_sequence_and_a_gate_takes_from_it() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    trained(place, "mog40");
    let sample = |n: &str, output: &str, more: &[&str]| {
        let [_, told] = done(place, &[&["sample", "run", "-n", n, "-o", output, "--seed", "4"], more].concat());
        told
    };
    let read = |name: &str| format::read(&place.join(name)).unwrap().data;
    sample("500", "plain.npy", &[]);
    let told = sample("500", "polished.npy", &["--polish", "8"]);
    // 500 samples of 1 + 8 evaluations, the pilot's 256 of 1 + 100.
    assert!(told.contains("polished by 8 MALA steps: acceptance 0.") && told.contains("30356 energy eval"), "{told}");
    sample("20", "few.npz", &["--polish", "8"]);
    assert_eq!(read("few.npz"), read("polished.npy")[..40]);
    assert_ne!(read("plain.npy"), read("polished.npy"));
    let told = sample("500", "same.npy", &["--polish", "0", "--gate", "inf"]);
    assert!(told.contains("500 of 500 samples") && told.contains("(100.00 %), 0 left out"), "{told}");
    assert_eq!(read("same.npy"), read("plain.npy"));

    // The gate at the median: twice the draws, the same sequence with gaps.
    let targets = kiln::targets::builtin();
    let energy = |row: &[f32]| targets[0].energy(&[f64::from(row[0]), f64::from(row[1])]);
    let energies: Vec<f64> = read("polished.npy").chunks(2).map(energy).collect();
    let gate = kiln::metric::statistic::median(&energies);
    let told = sample("500", "gated.npy", &["--polish", "8", "--gate", &gate.to_string()]);
    let gated = read("gated.npy");
    assert_eq!(gated.len(), 1000);
    assert!(gated.chunks(2).all(|row| energy(row) <= gate));
    let kept: Vec<f32> = read("polished.npy").chunks(2).filter(|row| energy(row) <= gate).flatten().copied().collect();
    assert_eq!(gated[..kept.len()], kept);
    assert!(told.contains("gate: ") && told.contains("left out"), "{told}");

    let before = fs::read(place.join("gated.npy")).unwrap();
    let output = kiln(place, &["sample", "run", "-n", "5", "-o", "gated.npy", "--force", "--gate", "-50"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.starts_with("error: --gate -50 lets 0 of 1000 samples through") && told.contains("hint: "), "{told}");
    assert_eq!(fs::read(place.join("gated.npy")).unwrap(), before);
}

/// `kiln sample` with these arguments, into pipes.
fn piped(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command.arg("sample").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn stdout_gets_the_bytes_of_the_file_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    for extension in ["npy", "csv", "xyz", "extxyz", "npy.gz", "csv.gz", "xyz.gz", "extxyz.gz"] {
        let name = format!("x.{extension}");
        done(place, &["-q", "sample", "dw4", "-n", "3000", "-o", &name]);
        let output = kiln(place, &["sample", "dw4", "-n", "3000", "-o", "-", "--format", extension]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && output.stdout == fs::read(place.join(&name)).unwrap(), "{name}: {told}");
        assert!(told.starts_with("3000 samples of DW-4 in ") && told.ends_with(" s, to stdout\n"), "{told}");
    }
    let [text, told] = done(place, &["-q", "sample", "dw4", "-n", "3000", "-o", "-"]);
    assert_eq!((text, told), (fs::read_to_string(place.join("x.csv")).unwrap(), String::new()), "csv is the default");
    // A format is named where the file's name names none, and may be where it does.
    for name in ["samples", "y.csv"] {
        done(place, &["-q", "sample", "dw4", "-n", "3000", "-o", name, "--format", "csv"]);
        assert!(fs::read(place.join(name)).unwrap() == fs::read(place.join("x.csv")).unwrap(), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_of_stdout_that_has_seen_enough_ends_the_drawing_quietly() {
    for format in ["csv", "npy", "csv.gz"] {
        // More than any machine draws in the time of a test.
        let mut child = piped(&["mog40", "-n", "1000000000000", "-o", "-", "--format", format]);
        let mut first = [0; 100];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        assert!(format != "csv" || first.starts_with(b"x0,x1\n"));
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}: {told}");
        assert!(["error", "panicked", "to stdout"].iter().all(|word| !told.contains(word)), "{format}: {told}");
    }
}

#[cfg(unix)]
#[test]
fn a_stdout_that_is_full_is_one_sentence() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    let output = command.args(["sample", "mog40", "-n", "9", "-o", "-"]).stdout(full).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.starts_with("error: cannot write to stdout: ") && told.lines().count() == 2, "{told}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_draw_says_that_stdout_has_not_all_and_leaves_gzip_data_without_an_end() {
    let mut child = piped(&["mog40", "-n", "1000000000000", "-o", "-", "--format", "csv.gz"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.fill_buf().unwrap();
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("x.csv.gz");
    std::io::copy(&mut stdout, &mut fs::File::create(&path).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains(" draws; what went to stdout is not all\nhint: "), "{told}");
    assert!(format::read(&path).unwrap_err().to_string().ends_with("its gzip data are cut off"));
}
