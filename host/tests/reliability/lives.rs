//! A small training that is cut short and taken up again: what is trained, what must hold whenever it is at rest, and what
//! it must come to at its end.

use super::trial::{DONE, Findings, INPUT, run};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Files of a run directory.
pub const CONFIG: &str = "config.toml";
pub const METRICS: &str = "metrics.jsonl";
pub const GENERATOR: &str = "generator.safetensors";
pub const CHECKPOINT: &str = "checkpoint.safetensors";
pub const BEFORE: &str = "checkpoint.previous.safetensors";
pub const BEST: &str = "best.safetensors";
pub const SAMPLES: &str = "samples.npy";

/// No command of these trials takes longer, not even on a machine that does four other things.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Small networks and short chains: a step takes a millisecond.
const SMALL: &[&str] = &[
    "generator.hidden=8",
    "generator.depth=2",
    "generator.thresholds=3",
    "score.hidden=8",
    "score.depth=2",
    "train.batch=16",
    "train.inner=1",
    "train.pretrain=0",
    "train.warmup=0",
    "posterior.particles=4",
    "posterior.chain=2",
    "posterior.chain_steps=1",
    "posterior.keep=1",
];
const PARTICLES: &[&str] = &["train.select=stein", "generator.radial=4", "score.radial=4"];

/// Words of a small training on one thread, without `--out`.
pub fn small(target: &str, more: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = ["train", target, "--preset", "direct", "--threads", "1"].map(String::from).into();
    let particles = if target == "dw4" { PARTICLES } else { &[] };
    for setting in SMALL.iter().chain(particles).chain(more) {
        words.extend(["--set".into(), (*setting).into()]);
    }
    words
}

/// A training, and what it comes to where nothing cuts it short.
pub struct Whole {
    place: TempDir,
    words: Vec<String>,
    /// What a file must be to the bit.
    files: &'static [&'static str],
    /// Step and energy evaluations of each line of metrics.
    records: Vec<(u64, u64)>,
    /// How long it took.
    pub time: Duration,
}

impl Whole {
    /// Trains, uninterrupted.
    pub fn of(target: &str, steps: usize, every: usize) -> Self {
        let [steps, checkpoint, evaluate] = [("steps", steps), ("checkpoint_every", every), ("evaluate_every", every)]
            .map(|(k, n)| format!("train.{k}={n}"));
        Self::trained(small(target, &[&steps, &checkpoint, &evaluate]), target)
    }

    /// Trains as `words` say.
    pub fn trained(words: Vec<String>, target: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let started = Instant::now();
        let ended = run(place.path(), &with(&words, "--out", "run"), LIMIT);
        assert_eq!(ended.code(), Some(DONE), "{}: {}", ended.command, ended.stderr);
        let time = started.elapsed();
        let records = records(&place.path().join("run")).unwrap();
        let files: &[&str] = if target == "dw4" { &[GENERATOR, BEST, SAMPLES] } else { &[GENERATOR, SAMPLES] };
        let lacks = files.iter().find(|file| !place.path().join("run").join(file).exists());
        assert_eq!(lacks, None, "{}", ended.command);
        Self { place, words, files, records, time }
    }

    /// Its run directory.
    pub fn run(&self) -> std::path::PathBuf {
        self.place.path().join("run")
    }

    /// The command that trains it into `run`, or that goes on with what is there.
    pub fn go_on(&self, place: &Path) -> Vec<String> {
        match place.join("run").join(CONFIG).exists() {
            true => ["train", "--threads", "1", "--resume", "run"].map(String::from).into(),
            false => with(&self.words, "--out", "run"),
        }
    }

    /// What must hold of a run whose process was killed, at whatever moment: where there is a generator, it samples.
    pub fn at_rest(&self, place: &Path, findings: &mut Findings, note: &str) {
        let there = place.join("run").join(GENERATOR).exists();
        let ended = run(place, &["sample", "run", "-n", "5", "-o", "few.npy", "--force"], LIMIT);
        let expected = if there { DONE } else { INPUT };
        if let Some(happened) = ended.fault(&[expected]) {
            findings.bad_end("sampling from a run that was cut short", &happened, &ended, note);
        }
        findings.count(if there { "runs at rest sampled" } else { "runs at rest without a generator" });
    }

    /// What must hold of the finished run: the same bits, every step once, the same sum of evaluations, nothing left over.
    pub fn at_end(&self, place: &Path, findings: &mut Findings, note: &str) {
        let run = place.join("run");
        for file in self.files {
            if fs::read(run.join(file)).ok() != fs::read(self.run().join(file)).ok() {
                findings.fault(format!("{file} has other bits than without interruption"), note);
            }
        }
        match records(&run) {
            Err(why) => findings.fault("metrics.jsonl cannot be read", format!("{note}: {why}")),
            Ok(found) => self.compare_records(&found, findings, note),
        }
        for name in partials(&run) {
            findings.fault("a .partial file is left", format!("{note}: {name}"));
        }
    }

    /// An interruption may add a line; no line may stand twice, be missing, or count differently in sum.
    fn compare_records(&self, found: &[(u64, u64)], findings: &mut Findings, note: &str) {
        let steps: Vec<u64> = found.iter().map(|(step, _)| *step).collect();
        if !steps.is_sorted_by(|a, b| a < b) {
            findings.fault("metrics.jsonl has a step twice", format!("{note}: {steps:?}"));
        }
        if let Some((step, _)) = self.records.iter().find(|(step, _)| !steps.contains(step)) {
            findings.fault("metrics.jsonl lacks a step", format!("{note}: {step} is not in {steps:?}"));
        }
        let sum = |records: &[(u64, u64)]| records.iter().map(|(_, n)| n).sum::<u64>();
        let (is, should) = (sum(found), sum(&self.records));
        if is != should {
            findings.fault("energy evaluations do not add up", format!("{note}: {is}, without interruption {should}"));
        }
    }
}

/// `words` and two more.
pub fn with(words: &[String], flag: &str, value: &str) -> Vec<String> {
    words.iter().cloned().chain([flag.into(), value.into()]).collect()
}

/// Step and energy evaluations of each line. What follows the JSON object on a line, such as a checksum, is not looked at.
pub fn records(run: &Path) -> Result<Vec<(u64, u64)>, String> {
    let text = fs::read_to_string(run.join(METRICS)).map_err(|error| error.to_string())?;
    let record = |line: &str| {
        let value = serde_json::Deserializer::from_str(line).into_iter::<serde_json::Value>().next()?.ok()?;
        Some((value["step"].as_u64()?, value["energy_evaluations"].as_u64()?))
    };
    text.lines().map(|line| record(line).ok_or_else(|| format!("the line '{line:.80}'"))).collect()
}

/// Temporary files in a directory.
pub fn partials(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".partial")).collect()
}
