//! `kiln sample` on a small trained run: prefixes, polishing, gates, files.

mod common;

use common::{done, judged, kiln};
use kiln::format;
use std::path::Path;

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

    let before = std::fs::read(place.join("gated.npy")).unwrap();
    let output = kiln(place, &["sample", "run", "-n", "5", "-o", "gated.npy", "--force", "--gate", "-50"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.starts_with("error: --gate -50 lets 0 of 1000 samples through") && told.contains("hint: "), "{told}");
    assert_eq!(std::fs::read(place.join("gated.npy")).unwrap(), before);
}
