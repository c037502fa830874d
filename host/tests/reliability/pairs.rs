//! Two processes on one run directory: two that train, and one that samples while another trains.

use super::lives::{GENERATOR, LIMIT, Whole, small, with};
use super::trial::{DONE, Draws, Ended, Findings, INPUT, run, size, start};
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// Two processes on one directory, new and resumed: one trains, the other is refused and changes nothing.
#[test]
fn of_two_processes_on_one_run_directory_one_is_refused() {
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

/// A training writes at every step; meanwhile its generator is sampled, again and again.
#[test]
fn a_run_can_be_sampled_while_it_is_trained() {
    let mut findings = Findings::new("Sampling beside a training");
    let whole = Whole::of("mog40", size(60, 600), 1);
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let mut training = start(place, &whole.go_on(place));
    while !training.has_ended() {
        // A generator that is there stays there.
        let there = place.join("run").join(GENERATOR).exists();
        let ended = run(place, &["sample", "run", "-n", "5", "-o", "few.npy", "--force"], LIMIT);
        let may: &[i32] = if there { &[DONE] } else { &[DONE, INPUT] };
        if let Some(happened) = ended.fault(may) {
            findings.bad_end("sampling beside a training", &happened, &ended, "");
        }
        findings.count(if there { "times sampled" } else { "times too early" });
    }
    let ended = training.wait(LIMIT);
    match ended.fault(&[DONE]) {
        Some(happened) => findings.bad_end("a training beside which was sampled", &happened, &ended, ""),
        None => whole.at_end(place, &mut findings, "sampled meanwhile"),
    }
    findings.finish("");
}
