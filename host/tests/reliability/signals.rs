//! Ends that are asked for: signals, once and twice at once, in work that takes long; and two processes that want one run
//! directory.

use super::kills::{Moment, await_moment};
use super::lives::{CHECKPOINT, LIMIT, Whole, small, with};
use super::trial::{DONE, Draws, Ended, Findings, INPUT, INTERRUPTED, run, size, start};
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How each training is ended: as `timeout` does, by a lost terminal, by a person.
const SIGNALS: &[&[&str]] =
    &[&["TERM", "TERM"], &["TERM", "TERM", "TERM"], &["INT", "INT"], &["HUP"], &["TERM"], &["INT", "TERM"]];
/// Of these, so many are the first ones, which end as `timeout` does.
const AS_TIMEOUT: usize = 15;
/// Times between the signals: as `timeout` sends them, and so that the second one comes while the first is obeyed.
const APART: [Duration; 3] = [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(4)];
/// Long work ends within this after it was asked to: what two calls of an energy take, and a checkpoint.
const SOON: Duration = Duration::from_secs(3);
/// A process has set up what it does on a signal when it is that old.
const SETTLED: Duration = Duration::from_millis(150);

/// Trainings that are asked to end: exit code 130, a checkpoint, and from there the bits of one that was not.
pub fn terminations() {
    let mut findings = Findings::new("Trainings terminated");
    let whole = Whole::trained(
        small("mog40", &["train.steps=2400", "train.checkpoint_every=200", "train.evaluate_every=200"]),
        "mog40",
    );
    let rounds = size(3, AS_TIMEOUT);
    for at in 0..rounds + SIGNALS.len() - 1 {
        let signals = if at < rounds { SIGNALS[0] } else { SIGNALS[1 + at - rounds] };
        let mut draws = Draws::new("terminations", at);
        terminated(&whole, signals, at, &mut draws, &mut findings);
    }
    findings.finish("");
}

fn terminated(whole: &Whole, signals: &[&str], at: usize, draws: &mut Draws, findings: &mut Findings) {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let note = format!("{signals:?}, {:?} apart, training {at}", APART[at % APART.len()]);
    let mut training = start(place, &whole.go_on(place));
    // Every third in a write, the others at any time of the first half.
    let alive = match at % 3 {
        2 => await_moment(Moment::Write(3), &mut training, &place.join("run")),
        _ => await_moment(Moment::After(SETTLED + draws.time(whole.time / 3)), &mut training, place),
    };
    if !alive {
        findings.count("ended before it was asked to");
        training.wait(LIMIT);
        return;
    }
    training.signal(signals, APART[at % APART.len()]);
    let ended = training.wait(LIMIT);
    findings.count(if signals == SIGNALS[0] { "terminated twice at once" } else { "ended by other signals" });
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
pub fn long_work() {
    let chains = small("mog40", &["posterior.chain=1000000", "posterior.keep=1", "posterior.min_ess=1e9"]);
    let annealing = small("mw32", &["posterior.annealing=100000", "posterior.particles=64"]);
    let pretraining = small("mog40", &["train.pretrain=1000000", "score.hidden=256", "train.batch=512"]);
    let inner = small("mog40", &["train.inner=10000", "score.hidden=512", "train.batch=2048"]);
    let words = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
    let works = [
        ("a step of long chains", with(&chains, "--out", "out")),
        ("a step of long annealing", with(&annealing, "--out", "out")),
        ("score steps before the first step", with(&pretraining, "--out", "out")),
        ("score steps of one step", with(&inner, "--out", "out")),
        ("a distillation", words("distill mog40 --hidden 64 --depth 3 --steps 1000000 --batch 4096 --out out")),
        ("a reference", words("reference lj55 -n 2000 -o out.npy")),
        ("polishing", words("sample lj13 -n 2000 --polish 1000000 -o out.npy")),
        ("many samples", words("sample lj13 -n 10000000 -o out.npy")),
    ];
    let mut findings = Findings::new("Long work interrupted");
    let mut draws = Draws::new("long work", 0);
    // The gate tries some of them, another at each seed.
    let first = draws.below(works.len());
    for at in 0..size(3, works.len()) {
        let (what, words) = &works[(first + at) % works.len()];
        let place = tempfile::tempdir().unwrap();
        let working = start(place.path(), words);
        sleep(4 * SETTLED + draws.time(SETTLED));
        let asked = Instant::now();
        working.signal(&["TERM"], Duration::ZERO);
        let limit = working.age() + 2 * SOON;
        let ended = working.wait(limit);
        let took = asked.elapsed();
        findings.count("interrupted");
        if let Some(happened) = ended.fault(&[INTERRUPTED]) {
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

/// Two processes on one directory, new and resumed: one trains, the other is refused and changes nothing.
pub fn two_at_once() {
    let mut findings = Findings::new("Two processes on one directory");
    let settings = ["train.steps=1600", "train.checkpoint_every=100", "train.evaluate_every=100"];
    let wholes = ["1", "2"].map(|seed| Whole::trained(with(&small("mog40", &settings), "--seed", seed), "mog40"));
    for at in 0..size(2, 10) {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        let mut draws = Draws::new("two at once", at);
        let apart = draws.time(Duration::from_millis(20));
        let note = format!("pair {at}, {apart:?} apart");
        let pair = wholes.each_ref().map(|whole| whole.go_on(place));
        judge(race(place, &pair, apart), place, &wholes, &mut findings, &format!("new, {note}"));

        // The same of a run that was interrupted half way.
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        let training = start(place, &wholes[0].go_on(place));
        sleep(wholes[0].time / 3);
        training.signal(&["KILL"], Duration::ZERO);
        training.wait(LIMIT);
        let pair = [(); 2].map(|()| wholes[0].go_on(place));
        judge(race(place, &pair, apart), place, &wholes, &mut findings, &format!("resumed, {note}"));
    }
    findings.finish("");
}

fn race(place: &Path, pair: &[Vec<String>; 2], apart: Duration) -> [Ended; 2] {
    let first = start(place, &pair[0]);
    sleep(apart);
    let second = start(place, &pair[1]);
    [first.wait(LIMIT), second.wait(LIMIT)]
}

fn judge(ended: [Ended; 2], place: &Path, wholes: &[Whole; 2], findings: &mut Findings, note: &str) {
    findings.count("pairs");
    let won: Vec<usize> = (0..2).filter(|at| ended[*at].is_done()).collect();
    let &[winner] = won.as_slice() else {
        let how = format!("{} and {}", ended[0].how(), ended[1].how());
        findings.bad_end("not one of two processes goes on", &how, &ended[1], note);
        return;
    };
    let other = &ended[1 - winner];
    if let Some(happened) = other.fault(&[INPUT]) {
        findings.bad_end("the other of two processes is not refused", &happened, other, note);
    }
    // Whose settings lie there, of that seed the rest must be.
    let config = fs::read_to_string(place.join("run/config.toml")).unwrap_or_default();
    let seed = usize::from(config.lines().any(|line| line.starts_with("seed = 2")));
    wholes[seed].at_end(place, findings, note);
}
