//! Trainings that run away: taken back to the last good state with lower rates, twice, then ended; to the same bits however
//! often they are interrupted. Healthy ones are left alone.

use kiln::config::Settings;
use kiln::error::{Error, ErrorKind};
use kiln::fit::{Options, Prepared, take};
use kiln::progress::{Part, Progress, Tick};
use kiln::run::{CHECKPOINT, GENERATOR, GOOD, METRICS, Record, Run};
use kiln::target::Target;
use kiln::train::Outcome;
use kiln_core::energy::ManyWell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

fn target() -> Target {
    Target::new("wells", ManyWell::<2>)
}

/// A training of a few seconds.
fn settings(generator_lr: f64, warmup: usize, steps: usize) -> Settings {
    let mut settings = target().settings();
    let train = &mut settings.train;
    (train.steps, train.batch, train.warmup, train.pretrain, train.inner) = (steps, 32, warmup, 2, 2);
    (train.generator_lr, train.checkpoint_every, train.evaluate_every) = (generator_lr, 150, 70);
    (settings.generator.hidden, settings.score.hidden, settings.generator.thresholds) = (16, 16, 3);
    (settings.posterior.particles, settings.posterior.chain, settings.posterior.keep) = (8, 4, 2);
    settings
}

/// A rate that rises and is too high from about step 300 on, for a score network that follows slowly.
fn too_fast(checkpoint_every: usize) -> Settings {
    let mut settings = settings(0.3, 1500, 1500);
    (settings.train.score_lr, settings.train.checkpoint_every) = (1e-4, checkpoint_every);
    settings
}

/// Hears what is said, and copies a run as a kill at each of these moments would leave it: whenever so many steps are done.
struct Witness<'a> {
    run: &'a Path,
    at: &'a [u64],
    copies: Mutex<Vec<PathBuf>>,
    notes: Mutex<Vec<String>>,
}

impl<'a> Witness<'a> {
    fn new(run: &'a Path, at: &'a [u64]) -> Self {
        Self { run, at, copies: Mutex::default(), notes: Mutex::default() }
    }

    fn options(&self) -> Options<'_> {
        Options { progress: self, ..Options::default() }
    }

    fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }
}

impl Progress for Witness<'_> {
    fn part<'a>(&'a self, _: Part<'a>) -> Box<dyn Tick + 'a> {
        Box::new(Moments(self))
    }

    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.into());
    }
}

struct Moments<'a>(&'a Witness<'a>);

impl Tick for Moments<'_> {
    fn step(&self, done: u64) {
        let mut copies = self.0.copies.lock().unwrap();
        if self.0.at.contains(&done) {
            let copy = self.0.run.with_extension(format!("killed-{}-at-{done}", copies.len()));
            fs::create_dir(&copy).unwrap();
            for entry in fs::read_dir(self.0.run).unwrap().map(Result::unwrap) {
                fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
            }
            copies.push(copy);
        }
    }
}

fn trained(out: &Path, settings: Settings, witness: &Witness<'_>) -> Result<Outcome, Error> {
    Prepared::new(&target(), settings.check().unwrap(), Some(out), None).unwrap().train(&target(), &witness.options())
}

fn records(run: &Path) -> Vec<Record> {
    let metrics = Run::open(run).unwrap().0.metrics().unwrap();
    assert_eq!(metrics.damaged, 0);
    metrics.records
}

#[test]
fn a_healthy_training_is_never_taken_back() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("run");
    let witness = Witness::new(&out, &[]);
    assert_eq!(trained(&out, settings(0.003, 50, 2000), &witness).unwrap(), Outcome::Finished);
    assert_eq!(witness.notes(), [""; 0]);
    assert_eq!(records(&out).last().unwrap().roll_backs, Some(0));
    let good = Run::open(&out).unwrap().0.tensors(GOOD).unwrap().unwrap();
    assert!(good.parsed::<u64>("step").unwrap() >= 1500);
}

#[test]
fn one_that_runs_away_goes_back_to_the_last_good_state_and_heals_to_the_same_bits_however_it_is_killed() {
    // The moments of its optimiser overflow, which shows where they are saved.
    heals(150, "the training diverged before step 600");
    // Where that is rare, the signs of five windows show it.
    heals(5000, "100 % of the last gradients were clipped or lost, chains accepted 0 % of their proposals");
}

/// Trains what runs away and heals, by this sight of it, and once more from where kills would leave it.
fn heals(checkpoint_every: usize, seen: &str) {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("run");
    let witness = Witness::new(&out, &[0, 100, 420, 1010, 1490]);
    assert_eq!(trained(&out, too_fast(checkpoint_every), &witness).unwrap(), Outcome::Finished);
    let notes = witness.notes();
    assert!(notes.len() == 1 && notes[0].contains(seen), "{notes:?}");
    assert!(notes[0].contains("with a quarter of its learning rates"), "{notes:?}");
    assert!(!notes[0].contains("goes back to step 0,"), "{notes:?}");
    let whole = records(&out);
    let last = whole.last().unwrap();
    assert_eq!((last.step, last.roll_backs), (1500, Some(1)));
    assert!(last.median_energy.unwrap() < 0.0, "{:?}", last.median_energy);
    // Every step stands there once, and what was spent on those that were gone over again counts.
    assert!(whole.windows(2).all(|pair| pair[0].step < pair[1].step));
    let sum = whole.iter().map(|record| record.energy_evaluations.unwrap()).sum::<u64>();
    assert_eq!(last.all_energy_evaluations, Some(sum));
    let again = whole.iter().position(|record| record.roll_backs == Some(1)).unwrap();
    assert!(whole[again].energy_evaluations > Some(2 * whole[again + 1].energy_evaluations.unwrap()));

    let copies = witness.copies.lock().unwrap().clone();
    assert!(copies.len() > 6, "what comes before it ran away comes twice, from where it goes back to");
    for copy in copies {
        let (run, config) = take(&copy).unwrap();
        let witness = Witness::new(&copy, &[]);
        let resumed = Prepared::resumed(run, &config.clone(), config, &target()).unwrap();
        assert_eq!(resumed.train(&target(), &witness.options()).unwrap(), Outcome::Finished);
        for file in [GENERATOR, CHECKPOINT, GOOD] {
            assert!(
                fs::read(copy.join(file)).unwrap() == fs::read(out.join(file)).unwrap(),
                "{} {file}",
                copy.display()
            );
        }
        let found = records(&copy);
        assert_eq!(found.len(), whole.len());
        for (ours, theirs) in found.into_iter().zip(&whole) {
            let (seconds, posterior) = (theirs.seconds, theirs.posterior.clone());
            // Posterior sampling by noise level is of the rows since the checkpoint.
            assert_eq!(Record { seconds, posterior, ..ours }, *theirs, "{}", copy.display());
        }
    }
}

#[test]
fn one_that_runs_away_again_and_again_ends_with_what_was_seen_and_its_good_state() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("run");
    let witness = Witness::new(&out, &[]);
    let error = trained(&out, settings(10.0, 0, 2000), &witness).unwrap_err();
    assert_eq!((error.kind(), error.exit_code()), (ErrorKind::Verdict, 1));
    assert!(error.to_string().contains("ran away by step"), "{error}");
    assert!(error.to_string().contains("at its best it was"), "{error}");
    assert!(error.hint().contains("lower train.generator_lr") && error.hint().contains("is kept"), "{}", error.hint());
    assert_eq!(witness.notes().len(), 2, "twice it went back");
    assert!(out.join(METRICS).is_file(), "the signs are kept");
    // The state that it went back to, not the one that ran away.
    let state = Run::open(&out).unwrap().0.latest_checkpoint().unwrap().unwrap();
    assert!(error.hint().contains(&format!("the state of step {} is kept", state.checkpoint.text("step").unwrap())));
    assert_eq!(state.note, None);
    let generator = Run::open(&out).unwrap().0.generator_file().unwrap();
    assert_eq!(generator.text("step").unwrap(), state.checkpoint.text("step").unwrap());
    // Taken up again it comes to the same end.
    let (run, config) = take(&out).unwrap();
    let again = Prepared::resumed(run, &config.clone(), config, &target()).unwrap();
    assert_eq!(again.train(&target(), &Witness::new(&out, &[]).options()).unwrap_err().to_string(), error.to_string());
}
