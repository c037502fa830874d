//! What a run directory promises, asked of the binary: nothing is lost, nothing of another run is taken, and what is written
//! down is what was done.

mod common;

use common::{done, judged, kiln, refused};
use kiln::run::{CHECKPOINT, GENERATOR, METRICS, Metrics, PREVIOUS, Run};
use std::fs;
use std::path::Path;

/// A training of a second.
const SMALL: [&str; 15] = [
    "--seed=1",
    "--preset=direct",
    "--set=train.warmup=0",
    "--set=train.pretrain=2",
    "--set=train.inner=2",
    "--set=train.batch=32",
    "--set=generator.hidden=16",
    "--set=score.hidden=16",
    "--set=generator.thresholds=3",
    "--set=posterior.particles=8",
    "--set=posterior.chain=2",
    "--set=posterior.keep=1",
    "--set=train.evaluate_every=10",
    "--set=train.checkpoint_every=15",
    "-q",
];

fn train(place: &Path, out: &str, more: &[&str]) -> std::process::Output {
    kiln(place, &[&["train", "--out", out][..], &SMALL, more].concat())
}

/// Trains to the end.
fn trained(place: &Path, out: &str, steps: &str) {
    judged(place, &[&["train", "--out", out][..], &SMALL, &[&format!("--set=train.steps={steps}")]].concat());
}

fn metrics(run: &Path) -> Metrics {
    Run::open(run).unwrap().0.metrics().unwrap()
}

/// What the metrics say but for the time.
fn timeless(metrics: &Metrics) -> Vec<kiln::run::Record> {
    metrics.records.iter().map(|record| kiln::run::Record { seconds: 0.0, ..record.clone() }).collect()
}

#[test]
fn a_resumed_run_has_every_step_once_and_all_of_its_evaluations() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    trained(place, "whole", "60");
    trained(place, "cut", "60");
    // Back to the checkpoint of step 45, between two records, with what a kill leaves: later records and half a line.
    let cut = place.join("cut");
    fs::rename(cut.join(PREVIOUS), cut.join(CHECKPOINT)).unwrap();
    let mut text = fs::read(cut.join(METRICS)).unwrap();
    let half = text[..100].to_vec();
    text.extend(half);
    fs::write(cut.join(METRICS), text).unwrap();
    judged(place, &["train", "--resume", "cut", "-q"]);
    let (whole, cut) = (metrics(&place.join("whole")), metrics(&cut));
    assert_eq!(timeless(&cut).iter().map(|record| record.step).collect::<Vec<_>>(), [10, 20, 30, 40, 50, 60]);
    assert_eq!(cut.all_energy_evaluations(), whole.all_energy_evaluations());
    assert!(whole.all_energy_evaluations() == whole.records.iter().map(|record| record.energy_evaluations).sum());
    for (ours, theirs) in timeless(&cut).iter().zip(timeless(&whole)) {
        // Posterior sampling by noise level is of the rows since the checkpoint.
        assert_eq!(*ours, kiln::run::Record { posterior: ours.posterior.clone(), ..theirs });
    }
    for file in [GENERATOR, CHECKPOINT] {
        assert!(fs::read(place.join("whole").join(file)).unwrap() == fs::read(place.join("cut").join(file)).unwrap());
    }
}

#[test]
fn a_finished_run_gains_no_empty_records_and_can_be_extended() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    trained(place, "run", "20");
    let files = [GENERATOR, CHECKPOINT, METRICS, "config.toml"].map(|name| place.join("run").join(name));
    let before = files.clone().map(|path| fs::read(path).unwrap());
    let [_, told] = judged(place, &["train", "--resume", "run"]);
    assert!(told.contains("has done all of its 20 steps; for more add --set train.steps=40"), "{told}");
    assert!(files.clone().map(|path| fs::read(path).unwrap()) == before);

    refused(
        place,
        &["train", "--resume", "run", "--set", "train.batch=64"],
        "train.batch cannot change",
        "train.steps",
    );
    refused(place, &["train", "--resume", "run", "--set", "train.steps=10"], "has done 20 steps", "train.steps=20");
    judged(place, &["train", "--resume", "run", "-q", "--set", "train.steps=40"]);
    let steps: Vec<u64> = metrics(&place.join("run")).records.iter().map(|record| record.step).collect();
    assert_eq!(steps, [10, 20, 30, 40]);
    done(place, &["sample", "run", "-n", "5", "-o", "x.npy"]);
}

#[test]
fn a_run_killed_before_its_first_checkpoint_begins_anew_from_its_settings() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    trained(place, "run", "20");
    let run = place.join("run");
    let generator = fs::read(run.join(GENERATOR)).unwrap();
    for file in [GENERATOR, CHECKPOINT, PREVIOUS, "samples.npy", "samples.png"] {
        fs::remove_file(run.join(file)).unwrap();
    }
    let [_, told] = judged(place, &["train", "--resume", "run"]);
    assert!(told.contains("there is no checkpoint yet"), "{told}");
    assert!(fs::read(run.join(GENERATOR)).unwrap() == generator);
    assert_eq!(metrics(&run).records.len(), 2);
}

#[test]
fn what_is_damaged_or_of_another_run_is_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    trained(place, "one", "20");
    let output = train(place, "two", &["--set=train.steps=20", "--seed=2"]);
    assert_eq!(output.status.code(), Some(2), "a flag given twice");
    judged(place, &[&["train", "--out", "two"], &SMALL[1..], &["--set=train.steps=20", "--seed=2"]].concat());
    let at = |run: &str, file: &str| place.join(run).join(file);

    fs::copy(at("two", CHECKPOINT), at("one", CHECKPOINT)).unwrap();
    refused(place, &["train", "--resume", "one"], "is of another run: it is of seed 2", "put back");
    fs::copy(at("two", GENERATOR), at("one", GENERATOR)).unwrap();
    for command in
        [&["sample", "one", "-n", "5", "-o", "x.npy"][..], &["evaluate", "one"], &["export", "one", "-o", "x.kiln"]]
    {
        refused(place, command, "is of another run", "put back");
    }

    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    flip(&at("two", GENERATOR));
    refused(place, &["sample", "two", "-n", "5", "-o", "x.npy"], "its checksum is wrong", "--resume two");
    [CHECKPOINT, PREVIOUS].iter().for_each(|file| flip(&at("two", file)));
    refused(place, &["train", "--resume", "two"], "its checksum is wrong", "no better");

    let config = fs::read_to_string(at("two", "config.toml")).unwrap();
    fs::write(at("two", "config.toml"), config.replace("seed = 2", "seed = 1")).unwrap();
    refused(place, &["train", "--resume", "two"], "was changed after the run wrote it", "train.steps");
}

#[test]
fn a_training_whose_samples_fail_ends_with_one_and_keeps_all() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let steps = ["--set=train.steps=20"];
    let budget = ["--set=train.steps=1000000", "--budget=0.1s"];
    for (out, more) in [("done", &steps[..]), ("spent", &budget)] {
        let output = train(place, out, more);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(&format!("error: {out} does not draw MoG-40: ")) && told.contains("hint: "), "{told}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{out}\n"));
        let quality = fs::read_to_string(place.join(out).join("quality.json")).unwrap();
        assert!(quality.contains("\"fails\""), "{quality}");
        for file in [GENERATOR, CHECKPOINT, METRICS, "samples.npy", "samples.png"] {
            assert!(place.join(out).join(file).is_file(), "{file}");
        }
    }
    assert_eq!(kiln(place, &["train", "--resume", "done", "-q"]).status.code(), Some(1));
    // The normal distribution that this generator draws before it has learned anything.
    fs::write(place.join("bell.toml"), "name = \"bell\"\nenergy = \"(a^2 + b^2)/2\"\n\n[parts]\na = 1\nb = 1\n")
        .unwrap();
    let bell = [
        "train",
        "bell.toml",
        "--out",
        "bell",
        "--set=generator.thresholds=0",
        "--set=train.generator_lr=1e-9",
        "--set=generator.scale=1e-6",
    ];
    let small: Vec<&str> = SMALL.into_iter().filter(|word| !word.contains("thresholds")).collect();
    let output = kiln(place, &[&bell[..], &small, &steps].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_report_of_a_real_training_has_its_curves_and_its_table() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let short = [
        "--set=train.steps=12",
        "--set=train.evaluate_every=3",
        "--set=train.select=stein",
        "--set=posterior.min_ess=1e9",
    ];
    judged(place, &[&["train", "--out", "run"][..], &SMALL, &short].concat());
    judged(place, &["evaluate", "run", "-q"]);
    let page = fs::read_to_string(place.join("run/report.html")).unwrap();
    let curves =
        ["Median energy of the samples", "Mean energy of the samples", "Stein score", "Loss of the score network"];
    for title in curves {
        assert!(page.contains(&format!("{title} over 12 steps")), "{title}");
    }
    let dw4 = ["--set=train.steps=3", "--set=train.evaluate_every=1", "--set=generator.depth=2", "--set=score.depth=1"];
    judged(place, &[&["train", "dw4", "--out", "dw4"], &SMALL[..], &dw4].concat());
    judged(place, &["evaluate", "dw4", "-q"]);
    let particles = fs::read_to_string(place.join("dw4/report.html")).unwrap();
    assert!(particles.contains("Distance TVD over 3 steps"));
    for head in ["noise v", "residual", "median energy", "ESS of particles", "chain accepted", "divergences"] {
        assert!(page.contains(&format!("<th scope=\"col\">{head}</th>")), "{head}");
    }
}

#[cfg(unix)]
mod signals {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    fn started(place: &Path, arguments: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command.current_dir(place).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn send(signal: &str, child: &Child) {
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    }

    /// Waits for what must come about within a minute.
    fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
        let start = Instant::now();
        while !there() {
            assert!(start.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn ended(child: &mut Child) -> Option<i32> {
        wait_for("the process ends", || child.try_wait().unwrap().is_some());
        child.wait().unwrap().code()
    }

    #[test]
    fn a_request_to_terminate_that_comes_twice_loses_no_checkpoint() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        trained(place, "whole", "300");
        // The only checkpoint is the one that the signal brings about.
        let rare = ["--set=train.steps=300", "--set=train.checkpoint_every=100000"];
        let mut interrupted = 0;
        for k in 0..3 {
            let out = format!("run{k}");
            let mut child = started(place, &[&["train", "--out", &out][..], &SMALL, &rare].concat());
            let run = place.join(&out);
            wait_for("metrics", || run.join(METRICS).exists());
            send("-TERM", &child);
            send("-TERM", &child);
            let code = ended(&mut child);
            if code != Some(130) {
                assert!(matches!(code, Some(0 | 1)), "{code:?}");
                continue; // It was faster than the signal.
            }
            let state = Run::open(&run).unwrap().0.latest_checkpoint().unwrap().unwrap().checkpoint;
            assert!(state.parsed::<u64>("step").unwrap() >= metrics(&run).records.last().unwrap().step);
            interrupted += 1;
            judged(place, &["train", "--resume", &out, "-q"]);
            assert!(fs::read(run.join(GENERATOR)).unwrap() == fs::read(place.join("whole").join(GENERATOR)).unwrap());
        }
        assert!(interrupted > 0, "no signal came in time");
    }

    /// A step whose chains take hours.
    const ENDLESS: [&str; 3] =
        ["--set=posterior.chain=1000000", "--set=posterior.chain_steps=10000", "--set=posterior.min_ess=1e9"];

    #[test]
    fn a_step_of_hours_is_interrupted_between_two_energies_and_taken_up_again() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        let mut child = started(place, &[&["train", "--out", "run"][..], &SMALL, &ENDLESS].concat());
        wait_for("the run", || place.join("run/config.toml").exists());
        std::thread::sleep(Duration::from_millis(500));
        send("-TERM", &child);
        assert_eq!(ended(&mut child), Some(130));
        let (run, _) = Run::open(&place.join("run")).unwrap();
        let state = run.latest_checkpoint().unwrap().unwrap().checkpoint;
        assert_eq!((state.text("step").unwrap(), state.text("updates").unwrap()), ("0", "4"), "two of pre-training");
        judged(place, &["train", "--resume", "run", "--budget", "0.3s"]);
    }

    #[test]
    fn two_processes_never_share_a_directory() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        let mut first = started(place, &[&["train", "--out", "run"][..], &SMALL, &ENDLESS].concat());
        wait_for("the run", || place.join("run/config.toml").exists());
        refused(place, &["train", "--resume", "run"], "another kiln is at work in 'run'", "wait until it has ended");
        refused(place, &["train", "--out", "run"], "another kiln is at work in 'run'", "another place");
        send("-KILL", &first);
        ended(&mut first);
        let [_, told] = judged(place, &["train", "--resume", "run", "--budget", "0.2s"]);
        assert!(told.contains("no checkpoint yet"), "{told}");
    }

    #[test]
    fn a_reference_and_a_distillation_are_interrupted_too() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        for (begun, arguments) in [
            ("reference of", &["reference", "lj55", "-n", "1000", "--effort", "100", "-o", "x.npy"][..]),
            ("distilling", &["distill", "mog40", "--hidden", "16", "--steps", "10000000", "--out", "small"]),
        ] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
            command.current_dir(place).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
            assert!(lines.any(|line| line.unwrap().starts_with(begun)), "{arguments:?}");
            std::thread::spawn(move || lines.for_each(drop));
            std::thread::sleep(Duration::from_millis(500));
            send("-TERM", &child);
            assert_eq!(ended(&mut child), Some(130), "{arguments:?}");
        }
        assert!(!place.join("x.npy").exists() && place.join("small").join(GENERATOR).is_file());
    }
}

#[test]
fn a_training_that_diverges_keeps_its_last_checkpoint_and_ends_with_three() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    // A score network whose squared gradients soon overflow, while the samples stay where they are.
    let wild = [
        "--set=train.steps=60",
        "--set=train.checkpoint_every=2",
        "--set=train.pretrain=0",
        "--set=train.inner=1",
        "--set=train.score_lr=10",
        "--set=score.depth=5",
    ];
    let output = train(place, "run", &wild);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("diverged") && told.contains("the checkpoint of step"), "{told}");
    let state = || fs::read(place.join("run").join(CHECKPOINT)).unwrap();
    let before = state();
    assert!(Run::open(&place.join("run")).unwrap().0.latest_checkpoint().unwrap().unwrap().note.is_none());
    assert_eq!(kiln(place, &["train", "--resume", "run", "-q"]).status.code(), Some(3));
    assert!(state() == before, "taken up again it ends as before");
}
