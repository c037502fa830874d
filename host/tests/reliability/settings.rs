//! Every setting with hostile values, as `--set` and in a file: it trains and can be used, or it is refused before anything
//! is made.

use super::lives::{LIMIT, SAMPLES, small, with};
use super::readers::numbers;
use super::trial::{DONE, Ended, Findings, INPUT, INTERRUPTED, NUMERICS, is_long, run, seed, size, start_within};
use kiln::config::{Domain, KEYS, Key};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// What a training may take before it is asked to end: its budget, a step, 10,000 samples and their picture.
const BOUND: Duration = Duration::from_secs(20);
const BUDGET: &str = "2s";
/// Settings that each may have, and that together need terabytes.
const SIZES: &[(&str, &[&str])] = &[
    ("mog40", &["generator.hidden=8192", "generator.depth=64", "train.batch=1048576"]),
    ("mog40", &["score.hidden=8192", "score.depth=64", "train.batch=1048576"]),
    ("mw32", &["generator.latent=4096", "generator.thresholds=256", "generator.hidden=8192", "train.batch=1048576"]),
    ("dw4", &["generator.hidden=8192", "generator.depth=64", "generator.radial=256", "train.batch=1048576"]),
    ("dw4", &["score.hidden=8192", "score.depth=64", "score.radial=256", "train.batch=1048576"]),
];
/// Address space in kilobytes, so that a size that is not refused harms nothing but its own process.
const ADDRESSES: usize = 8 << 20;
/// A size is refused within this time.
const AT_ONCE: Duration = Duration::from_secs(10);
/// Keys and values in the gate.
const IN_THE_GATE: usize = 64;
/// From one of them to the next: a prime, so that none is met twice before all were.
const STRIDE: usize = 487;

/// Sixteen hostile values of a key; `max` and the next number above it are the key's own.
const VALUES: [&str; 16] = [
    "0",
    "-1",
    "1",
    "max",
    "max + 1",
    "9223372036854775807",
    "-9223372036854775808",
    "1e308",
    "1e-308",
    "nan",
    "inf",
    "-inf",
    "\"\"",
    "\"word\"",
    "true",
    "[1]",
];

/// What makes a key matter that plays no part otherwise.
const NEEDED: &[(&str, &[&str])] = &[
    ("noise.beta", &["score.kind=published"]),
    ("noise.levels", &["score.kind=published"]),
    ("posterior.transition", &["posterior.annealing=3"]),
    ("posterior.leapfrog_steps", &["posterior.annealing=3", "posterior.transition=hmc"]),
    ("posterior.step_size", &["posterior.annealing=3"]),
    ("posterior.chain_leapfrog_steps", &["posterior.chain_kernel=hmc", "posterior.min_ess=1e9"]),
    ("posterior.chain", &["posterior.min_ess=1e9"]),
    ("train.warmup", &["train.steps=2"]),
    ("train.score_ema", &["train.steps=2"]),
];
/// Keys of networks of particles; the others are tried on a mixture.
const OF_PARTICLES: &[&str] = &["radial", "range", "radial_range", "network", "refresh", "select", "latent"];

/// How a setting is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Set,
    File,
}

#[test]
fn a_hostile_setting_trains_or_is_refused_before_anything_is_made() {
    let mut findings = Findings::new("Hostile settings");
    let mut outcomes: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    let cases = KEYS.len() * VALUES.len();
    let ways: &[Way] = &[Way::Set, Way::File];
    for at in 0..size(IN_THE_GATE, cases * ways.len()) {
        let (case, way) = match is_long() {
            true => (at % cases, ways[at / cases]),
            // The next seed goes on where this one ends.
            false => ((seed() as usize * IN_THE_GATE + at) * STRIDE % cases, ways[at % ways.len()]),
        };
        let (key, value) = (&KEYS[case / VALUES.len()], VALUES[case % VALUES.len()]);
        let outcome = one(key, value, way, &mut findings);
        *outcomes.entry(value).or_default().entry(outcome).or_default() += 1;
    }
    let mut table = String::new();
    for value in VALUES {
        let of_value: Vec<String> =
            outcomes.get(value).into_iter().flatten().map(|(outcome, n)| format!("{n} {outcome}")).collect();
        table += &format!("  {value:<22} {}\n", of_value.join(", "));
    }
    findings.finish(&table);
}

#[test]
fn a_size_beyond_any_memory_is_refused_before_anything_is_made() {
    let mut findings = Findings::new("Sizes beyond any memory");
    for (target, sizes) in SIZES {
        let place = tempfile::tempdir().unwrap();
        let words = with(&small(target, sizes), "--out", "out");
        let ended = start_within(place.path(), &words, ADDRESSES).wait(AT_ONCE);
        findings.count("sizes");
        let note = format!("{target}, {}", sizes.join(", "));
        match ended.fault(&[INPUT]) {
            Some(happened) => findings.bad_end("a size beyond any memory", &happened, &ended, &note),
            None if place.path().join("out").exists() => {
                findings.fault("a size beyond any memory is refused after its directory was made", &note);
            }
            None => {}
        }
    }
    findings.finish("");
}

/// The value as TOML.
fn value_of(key: &Key, value: &str) -> String {
    let next = |max: f64| max.next_up();
    match (value, key.domain) {
        ("max", Domain::Count { max, .. }) => max.to_string(),
        ("max + 1", Domain::Count { max, .. }) => (i128::from(max) + 1).to_string(),
        ("max", Domain::Above { max, .. } | Domain::Real { max, .. }) => format!("{max:e}"),
        ("max + 1", Domain::Above { max, .. } | Domain::Real { max, .. }) => format!("{:e}", next(max)),
        ("max", Domain::Fraction) => format!("{:?}", 1.0_f64.next_down()),
        ("max + 1", Domain::Fraction) => "1.0".into(),
        ("max", Domain::Choice(words)) => format!("\"{}\"", words[words.len() - 1]),
        ("max", Domain::Switch) => "false".into(),
        ("max", Domain::Name) => format!("\"{}\"", "a".repeat(64)),
        ("max", Domain::Device) => "\"cuda:65535\"".into(),
        ("max + 1", _) => format!("\"{}\"", "a".repeat(65)),
        _ => value.into(),
    }
}

/// Trains with one hostile setting; returns the outcome in a word.
fn one(key: &Key, value: &str, way: Way, findings: &mut Findings) -> String {
    let value = value_of(key, value);
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let needed = NEEDED.iter().filter(|(start, _)| key.name.starts_with(start)).flat_map(|(_, settings)| *settings);
    let mut more: Vec<&str> = vec!["train.steps=2", "run.threads=1"];
    more.extend(needed);
    let target = if OF_PARTICLES.contains(&key.field()) { "dw4" } else { "mog40" };
    let mut words = small(target, &more);
    words.retain(|word| word != "--threads" && word != "1");
    if key.name == "run.target" {
        // Named on the command line it would win.
        words.retain(|word| word != target);
    }
    match way {
        Way::Set => words.extend(["--set".into(), format!("{}={value}", key.name)]),
        Way::File => {
            // --set wins over a file.
            let name = format!("{}=", key.name);
            while let Some(at) = words.iter().position(|word| word.starts_with(&name)) {
                words.drain(at - 1..=at);
            }
            fs::write(place.join("mine.toml"), format!("[{}]\n{} = {value}\n", key.section(), key.field())).unwrap();
            words.extend(["--config".into(), "mine.toml".into()]);
        }
    }
    words.extend(["--budget", BUDGET, "--out", "out"].map(String::from));
    let ended = run(place, &words, BOUND);
    findings.count("trainings");
    let note = format!("{way:?} {}={value}", key.name);
    if ended.late && ended.code() == Some(INTERRUPTED) {
        // Slower than its budget, but it can be ended: told in the table, not a fault.
        return "past the budget, interrupted".into();
    }
    match fault(place, &ended) {
        Some(happened) => {
            findings.bad_end(key.name, &happened, &ended, &note);
            "FAULTS".into()
        }
        None if ended.code() == Some(DONE) => "trained".into(),
        None if ended.code() == Some(INPUT) => "refused".into(),
        None => "overflowed".into(),
    }
}

fn fault(place: &Path, ended: &Ended) -> Option<String> {
    if let Some(happened) = ended.fault(&[DONE, INPUT, NUMERICS]) {
        return Some(happened);
    }
    let out = place.join("out");
    match ended.code() {
        Some(INPUT) if out.exists() => Some("refused after its directory was made".into()),
        Some(DONE) => {
            let sampled = run(place, &["sample", "out", "-n", "5", "-o", "few.npy"], LIMIT);
            if let Some(happened) = sampled.fault(&[DONE]) {
                return Some(format!("trained, but sampling ends with {happened}"));
            }
            let files = [place.join("few.npy"), out.join(SAMPLES)];
            let bad = files.iter().find(|file| !is_finite(file))?;
            Some(format!("trained, but {} is not finite", bad.file_name()?.display()))
        }
        _ => None,
    }
}

/// Whether a file holds float32 numbers, all finite.
fn is_finite(file: &Path) -> bool {
    numbers(file).is_some_and(|(_, numbers)| !numbers.is_empty() && numbers.iter().all(|x| x.is_finite()))
}
