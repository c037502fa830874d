//! Ends that are asked for: signals, once and twice at once, in the middle of a training and of work that takes long.

use super::kills::{Moment, await_moment};
use super::lives::{CHECKPOINT, LIMIT, Whole, partials, small, with};
use super::trial::{DONE, Draws, Findings, INTERRUPTED, run, size, start};
use std::os::unix::process::ExitStatusExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How each training is ended: as `timeout` does, by a lost terminal, by a person.
const SIGNALS: &[&[&str]] =
    &[&["TERM", "TERM"], &["TERM", "TERM", "TERM"], &["INT", "INT"], &["HUP"], &["TERM"], &["INT", "TERM"]];
/// So many end as `timeout` ends them, by the first of these.
const AS_TIMEOUT: usize = 15;
/// The name of their count.
const TWICE: &str = "terminated twice at once";
/// What a training says at its end: a signal that comes later stops nothing.
const FINISHED: &str = "done; ";
/// Times between the signals: as `timeout` sends them, and so that the second one comes while the first is obeyed.
const APART: [Duration; 3] = [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(4)];
/// Long work ends within this after it was asked to: what two calls of an energy take, and a checkpoint.
const SOON: Duration = Duration::from_secs(5);
/// What a training says when it has set up what it does on a signal.
const BEGUN: &str = "training on ";
/// Long work has begun, and is not over, when a process is that old.
const AT_WORK: Duration = Duration::from_millis(600);

/// Trainings that are asked to end: exit code 130, a checkpoint, and from there the bits of one that was not.
#[test]
fn a_signal_ends_with_130_and_a_checkpoint_however_often_it_comes() {
    let mut findings = Findings::new("Trainings terminated");
    let whole = Whole::trained(
        small("mog40", &["train.steps=2400", "train.checkpoint_every=200", "train.evaluate_every=200"]),
        "mog40",
    );
    let rounds = size(3, AS_TIMEOUT);
    for at in 0..4 * rounds {
        if findings.counted(TWICE) < rounds {
            terminated(&whole, SIGNALS[0], at, &mut findings);
        }
    }
    for (at, signals) in SIGNALS.iter().enumerate().skip(1) {
        terminated(&whole, signals, at, &mut findings);
    }
    assert!(findings.counted(TWICE) >= rounds, "trainings end before they can be asked to");
    findings.finish("");
}

fn terminated(whole: &Whole, signals: &[&str], at: usize, findings: &mut Findings) {
    let mut draws = Draws::new(&signals.join(" "), at);
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let note = format!("{signals:?}, {:?} apart, training {at}", APART[at % APART.len()]);
    let mut training = start(place, &whole.go_on(place));
    // Every third in a write, the others at any time of the first half.
    let alive = match at % 3 {
        2 => await_moment(Moment::Write(3, Duration::ZERO), &mut training, &place.join("run")),
        _ => {
            while !training.has_said(BEGUN) && !training.has_ended() {
                sleep(Duration::from_millis(1));
            }
            await_moment(Moment::After(draws.time(whole.time / 3)), &mut training, place)
        }
    };
    if !alive {
        findings.count("ended before it was asked to");
        training.wait(LIMIT);
        return;
    }
    training.signal(signals, APART[at % APART.len()]);
    let ended = training.wait(LIMIT);
    if ended.is_done() && ended.stderr.contains(FINISHED) {
        findings.count("finished before they were asked to end");
        return;
    }
    findings.count(if signals == SIGNALS[0] { TWICE } else { "ended by other signals" });
    if let Some(happened) = ended.fault(&[INTERRUPTED]) {
        findings.bad_end("a training that was asked to end", &happened, &ended, &note);
    }
    if !place.join("run").join(CHECKPOINT).is_file() {
        findings.fault("a training that was asked to end left no checkpoint", &note);
    }
    whole.at_rest(place, findings, &note);
    let ended = run(place, &whole.go_on(place), LIMIT);
    match ended.fault(&[DONE]) {
        Some(happened) => findings.bad_end("an interrupted training does not go on", &happened, &ended, &note),
        None => whole.at_end(place, findings, &note),
    }
}

/// Commands in the middle of work that takes minutes: a step with long chains, score steps before the first step, a student,
/// a reference, polishing.
#[test]
fn long_work_can_be_interrupted() {
    let chains = small("mog40", &["posterior.chain=1000000", "posterior.keep=1", "posterior.min_ess=1e9"]);
    let annealing = small("mw32", &["posterior.annealing=100000", "posterior.particles=64"]);
    let pretraining = small("mog40", &["train.pretrain=1000000", "score.hidden=256", "train.batch=512"]);
    let inner = small("mog40", &["train.inner=10000", "score.hidden=512", "train.batch=2048"]);
    let words = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
    let works = [
        // What is done, the command, and whether the signal itself may end it, since there is nothing to keep.
        ("a step of long chains", with(&chains, "--out", "out"), false),
        ("a step of long annealing", with(&annealing, "--out", "out"), false),
        ("score steps before the first step", with(&pretraining, "--out", "out"), false),
        ("score steps of one step", with(&inner, "--out", "out"), false),
        ("a distillation", words("distill mog40 --hidden 64 --depth 3 --steps 1000000 --batch 4096 --out out"), false),
        ("a reference", words("reference lj55 -n 2000 -o out.npy"), false),
        ("polishing", words("sample lj13 -n 2000 --polish 1000000 -o out.npy"), true),
        ("many samples", words("sample lj13 -n 10000000 -o out.npy"), true),
    ];
    let mut findings = Findings::new("Long work interrupted");
    let mut draws = Draws::new("long work", 0);
    // The gate tries some of them, another at each seed.
    let first = draws.below(works.len());
    for at in 0..size(3, works.len()) {
        let (what, words, may_die) = &works[(first + at) % works.len()];
        let place = tempfile::tempdir().unwrap();
        let working = start(place.path(), words);
        sleep(AT_WORK + draws.time(AT_WORK / 4));
        let asked = Instant::now();
        working.signal(&["TERM"], Duration::ZERO);
        let limit = working.age() + 2 * SOON;
        let ended = working.wait(limit);
        let took = asked.elapsed();
        findings.count("interrupted");
        if place.path().join("out.npy").exists() || !partials(place.path()).is_empty() {
            findings.fault(format!("{what}, interrupted, leaves a file"), &ended.command);
        }
        let died = *may_die && !ended.late && ended.status.signal() == Some(15);
        if let (Some(happened), false) = (ended.fault(&[INTERRUPTED]), died) {
            findings.bad_end(&format!("{what}, interrupted"), &happened, &ended, "");
        } else if took > SOON {
            findings.fault(
                format!("{what} goes on after it was asked to end"),
                format!("for {:.1} s: {}", took.as_secs_f64(), ended.command),
            );
        }
    }
    findings.finish("");
}
