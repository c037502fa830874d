//! A training that starts from an exploration: in its coordinates, with its widths and noise, to samples of an energy that lies
//! far away, is narrow, and has a wall; through sampling, resuming, export and the verdict.

mod common;

use common::StopAt;
use kiln::explore::{Bound, Start};
use kiln::export;
use kiln::fit::{Options, Prepared, Trained, fit, fit_explored, take};
use kiln::frame::Frame;
use kiln::learned::Explored;
use kiln::metric::Measured;
use kiln::pool::FRAME;
use kiln::pool::{Order, Pool, explore};
use kiln::progress::Silent;
use kiln::run::{DENOISER, EXPLORATION, LEARNED};
use kiln::sample::{Sampler, sample};
use kiln::target::Target;
use kiln::train::Outcome;
use kiln::verdict::{Against, Outcome as Verdict, verdict};
use kiln::weights::float_model;
use kiln_core::artifact::Artifact;
use kiln_core::{Energy, Scalar};
use kiln_gpu::pack::Pack;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// x0 ~ N(300, 0.05²); x1 > 0 is gamma of shape 4 and rate 2, in a unit a hundred times as large.
struct Far;

const WIDTH: f64 = 0.05;
const UNIT: f64 = 100.0;

impl<S: Scalar> Energy<S> for Far {
    fn dim(&self) -> usize {
        2
    }
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        gradient[0] = (x[0] - S::constant(300.0)) * S::constant(WIDTH.powi(-2));
        gradient[1] = S::constant(2.0 / UNIT) - S::constant(3.0) / x[1];
        self.energy(x)
    }
    fn energy(&self, x: &[S]) -> S {
        let far = x[0] - S::constant(300.0);
        S::constant(0.5 * WIDTH.powi(-2)) * far * far + S::constant(2.0 / UNIT) * x[1] - S::constant(3.0) * x[1].ln()
    }
}

/// That energy times a factor, which counts how often it is asked.
struct Counting(f64, Arc<AtomicU64>);

impl<S: Scalar> Energy<S> for Counting {
    fn dim(&self) -> usize {
        2
    }
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        Far.energy_and_gradient(x, gradient);
        gradient.iter_mut().for_each(|g| *g *= S::constant(self.0));
        self.energy(x)
    }
    fn energy(&self, x: &[S]) -> S {
        self.1.fetch_add(1, Ordering::Relaxed);
        S::constant(self.0) * Far.energy(x)
    }
}

fn target_of(energy: impl Energy<f64> + Energy<Pack> + Send + Sync + 'static, convention: &str) -> Target {
    let bounds = vec![Bound::NONE, Bound { low: 0.0, high: f64::INFINITY }];
    let names = vec!["far".into(), "wait".into()];
    let target = Target::new("far", energy).described("Far", "a Gaussian and a gamma", convention);
    target.with_coordinates(names, bounds).from_file(PathBuf::from("far.toml"), None)
}

fn target() -> Target {
    target_of(Far, "E = far")
}

fn explored(target: &Target, seed: u64) -> Pool {
    let order = Order { evaluations: 400_000, seconds: None, seed, start: Start::Scattered };
    explore(target, &order, &Silent, &AtomicBool::new(false)).unwrap()
}

#[test]
fn a_training_starts_from_what_was_explored() {
    let folder = tempfile::tempdir().unwrap();
    let target = target();
    let mut pool = explored(&target, 1);
    pool.write(&folder.path().join("pool")).unwrap();
    let pool = Pool::open(&folder.path().join("pool")).unwrap();
    let mut settings = pool.settings(&target, "direct").unwrap();
    assert_eq!((settings.score.data_sd, settings.generator.skip), (1.0, 1.0), "in units of the whole's width");
    let narrowest = pool.facts.narrowest.unwrap();
    assert!((0.2..1.0).contains(&narrowest), "one mode, of which a gamma's logarithm makes several parts: {narrowest}");
    assert_eq!(settings.noise.v_min, (0.09 * narrowest * narrowest).min(0.05), "noise down to what shows it");
    let train = &mut settings.train;
    (train.steps, train.batch, train.pretrain, train.checkpoint_every, train.evaluate_every) = (300, 64, 100, 100, 100);
    (settings.generator.hidden, settings.score.hidden) = (32, 32);
    (settings.posterior.particles, settings.posterior.chain, settings.posterior.keep) = (8, 10, 5);

    // Without its coordinates it could not begin.
    let error = fit(&target, settings.clone(), Some(&folder.path().join("no")), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("bounds of wait"), "{error}");
    assert_eq!(error.exit_code(), 2);

    let whole = folder.path().join("whole");
    let options = Options::default();
    let Trained { run, samples, outcome, .. } =
        fit_explored(&target, &pool, settings.clone(), Some(&whole), &options).unwrap();
    assert_eq!(outcome, Outcome::Finished);
    let column = |k: usize| samples.data.iter().skip(k).step_by(2).map(|x| f64::from(*x)).collect::<Vec<f64>>();
    let moments = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let square = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
        (mean, square.sqrt())
    };
    let ((far, width), (wait, spread)) = (moments(&column(0)), moments(&column(1)));
    assert!((far - 300.0).abs() < 0.4 * WIDTH && (0.7..1.4).contains(&(width / WIDTH)), "{far} {width}");
    assert!((wait / UNIT - 2.0).abs() < 0.4 && (0.6..1.5).contains(&(spread / UNIT)), "{wait} {spread}");
    assert!(column(1).iter().all(|x| *x > 0.0), "nothing outside a wall");

    // The run keeps what it started from, and its verdict can be told against it.
    let kept = Pool::open(&run.file(EXPLORATION)).unwrap();
    assert_eq!((kept.samples.clone(), kept.frame.clone()), (pool.samples.clone(), pool.frame.clone()));
    let measured = Measured::differentiated(&target, samples.clone()).unwrap();
    let ours = verdict(&target, &measured, Against::Pool(&kept));
    assert!(!ours.families.is_empty(), "{ours:?}");
    let mut shifted = samples.clone();
    shifted.data.iter_mut().step_by(2).for_each(|x| *x += 2.0 * WIDTH as f32);
    let shifted = Measured::differentiated(&target, shifted).unwrap();
    assert_eq!(verdict(&target, &shifted, Against::Pool(&kept)).outcome, Verdict::Fails);

    // The map belongs to the model.
    let file = run.generator_file().unwrap();
    assert_eq!(Frame::of_checkpoint(&file, 2).unwrap(), pool.frame);
    let bytes = float_model(&file, "far", "far").unwrap();
    let model = Artifact::check(bytes.as_slice()).unwrap();
    assert_eq!(export::draw::rows(&model, 0, 0, 50).unwrap().data, samples.data[..100]);

    // Interrupted and taken up again it comes to the same bits.
    let parts = folder.path().join("parts");
    let stop = StopAt(170, AtomicBool::new(false));
    let some = Options { progress: &stop, stop: &stop.1, ..options };
    fit_explored(&target, &pool, settings, Some(&parts), &some).unwrap_err();
    let (run, config) = take(&parts).unwrap();
    let prepared = Prepared::resumed(run, &config.clone(), config, &target).unwrap();
    assert_eq!(prepared.frame, pool.frame);
    assert_eq!(prepared.train(&target, &Options::default()).unwrap(), Outcome::Finished);
    assert_eq!(sample(&prepared.run, 0, 50).unwrap().data, samples.data[..100]);

    // A run knows the exploration that it began with: without it, or with another, it cannot go on in the right coordinates.
    drop(prepared);
    let refused = |why: &str| {
        let (run, config) = take(&parts).unwrap();
        let Err(error) = Prepared::resumed(run, &config.clone(), config, &target) else { unreachable!() };
        assert!(error.to_string().contains(why) && error.exit_code() == 2, "{error}");
        assert!(error.hint().contains("put it back"), "{}", error.hint());
    };
    let place = parts.join(EXPLORATION);
    std::fs::write(place.join(FRAME), b"no tensors").unwrap();
    refused("frame.safetensors' is damaged");
    std::fs::remove_dir_all(&place).unwrap();
    refused("exploration");
    let mut other = explored(&target, 2);
    other.write(&place).unwrap();
    refused("is not the exploration that this run began with");
}

#[test]
fn a_training_learns_from_explored_states_and_evaluates_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let target = target();
    let mut pool = explored(&target, 1);
    pool.write(&folder.path().join("pool")).unwrap();
    let pool = Pool::open(&folder.path().join("pool")).unwrap();
    let mut settings = pool.settings(&target, "kiln").unwrap();
    assert!(settings.learn.states && settings.run.preset == "kiln");
    let train = &mut settings.train;
    (train.steps, train.batch, train.checkpoint_every, train.evaluate_every) = (400, 128, 100, 100);
    train.generator_lr = 1e-3;
    (settings.generator.hidden, settings.score.hidden, settings.learn.pretrain) = (32, 32, 400);

    // Without states there is nothing to learn from.
    let error = fit(&target, settings.clone(), Some(&folder.path().join("no")), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("no exploration to learn from") && error.exit_code() == 2, "{error}");

    let options = Options::default();
    let whole = folder.path().join("whole");
    let Trained { run, samples, .. } = fit_explored(&target, &pool, settings.clone(), Some(&whole), &options).unwrap();
    // The gradients at the states, and the shares of the cells, to the unit.
    let count = Arc::new(AtomicU64::new(0));
    let counting = target_of(Counting(1.0, Arc::clone(&count)), "E = far");
    let config = settings.clone().check().unwrap();
    let learned = Explored::of(&pool, pool.frame.as_ref().unwrap(), &counting, &config).unwrap();
    let spent: u64 = learned.to_checkpoint(2).parsed("spent").unwrap();
    assert_eq!(spent, count.load(Ordering::Relaxed));
    let gradients = pool.fitting().1.len() as u64;
    assert!(spent > gradients && spent <= config.learn.after(pool.facts.evaluations), "{spent}, gradients {gradients}");
    assert_eq!(run.metrics().unwrap().all_energy_evaluations(), Some(spent));
    // The gamma's mean and standard deviation, 2 and 1, and its third central moment, 1: not those of a Gaussian's exponential.
    let is_right = |samples: &[f32]| {
        let column = |k: usize| samples.iter().skip(k).step_by(2).map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let (far, wait) = (column(0), column(1).iter().map(|x| x / UNIT).collect::<Vec<f64>>());
        let moment =
            |x: &[f64], about: f64, power: i32| x.iter().map(|x| (x - about).powi(power)).sum::<f64>() / x.len() as f64;
        let (at, mean) = (moment(&far, 0.0, 1), moment(&wait, 0.0, 1));
        assert!((at - 300.0).abs() < 0.1 * WIDTH && (moment(&far, at, 2).sqrt() / WIDTH - 1.0).abs() < 0.06, "{at}");
        assert!((mean - 2.0).abs() < 0.06 && (moment(&wait, mean, 2).sqrt() - 1.0).abs() < 0.06, "{mean}");
        assert!((moment(&wait, mean, 3) - 1.0).abs() < 0.3, "{}", moment(&wait, mean, 3));
        assert!(wait.iter().all(|x| *x > 0.0), "nothing outside a wall");
    };
    is_right(&samples.data);

    // Its denoiser draws in several steps, as well, and a sample is the same whichever others are drawn.
    let sampler = Sampler::in_steps(&run, 12).unwrap();
    let drawn = sampler.rows(3, 0, samples.len()).unwrap().data;
    is_right(&drawn);
    assert_eq!(sampler.rows(3, 101, 33).unwrap().data, drawn[202..268]);
    assert!(drawn != sample(&run, 3, samples.len()).unwrap().data);

    // Cells or the frame belong to the model.
    let bytes = float_model(&run.generator_file().unwrap(), "far", "far").unwrap();
    let model = Artifact::check(bytes.as_slice()).unwrap();
    assert_eq!(export::draw::rows(&model, 0, 0, 50).unwrap().data, samples.data[..100]);

    // Interrupted and taken up again it comes to the same bits.
    let parts = folder.path().join("parts");
    let stop = StopAt(130, AtomicBool::new(false));
    let some = Options { progress: &stop, stop: &stop.1, ..options };
    fit_explored(&target, &pool, settings, Some(&parts), &some).unwrap_err();
    let (run, config) = take(&parts).unwrap();
    let prepared = Prepared::resumed(run, &config.clone(), config, &counting).unwrap();
    assert_eq!(count.load(Ordering::Relaxed), spent, "nothing is asked of the energy again");
    assert_eq!(prepared.train(&target, &Options::default()).unwrap(), Outcome::Finished);
    assert_eq!(sample(&prepared.run, 0, 50).unwrap().data, samples.data[..100]);
    assert_eq!(prepared.run.metrics().unwrap().all_energy_evaluations(), Some(spent));
    // What was made of the exploration is made anew where it is damaged, and is the same.
    std::fs::write(prepared.run.file(LEARNED), b"no tensors").unwrap();
    drop(prepared);
    let (run, config) = take(&parts).unwrap();
    let prepared = Prepared::resumed(run, &config.clone(), config, &counting).unwrap();
    assert_eq!((prepared.explored, count.load(Ordering::Relaxed)), (Some(learned), 2 * spent));
    let run = &prepared.run;
    assert!(run.tensors(LEARNED).unwrap().is_some());
    assert_eq!(Sampler::in_steps(run, 12).unwrap().rows(3, 0, 50).unwrap().data, drawn[..100]);

    // What is damaged, of another run or not there is told.
    let refused = |why: &str| {
        let error = Sampler::in_steps(run, 12).err().unwrap();
        assert!(error.to_string().contains(why) && error.exit_code() == 2, "{error}");
    };
    let place = run.file(DENOISER);
    let whole = std::fs::read(&place).unwrap();
    std::fs::write(&place, &whole[..whole.len() / 2]).unwrap();
    refused("denoiser.safetensors' is damaged");
    std::fs::remove_file(&place).unwrap();
    refused("has no denoiser.safetensors to draw from in several steps");
}

#[test]
fn a_pool_of_another_energy_is_refused() {
    let target = target();
    let pool = explored(&target, 1);
    // Of another name only, it is the same.
    assert!(pool.is_of(&target_of(Far, "E = the same")));
    let other = target_of(Counting(0.5, Arc::default()), "E = half of it");
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let settings = pool.settings(&target, "kiln").unwrap();
    let error = fit_explored(&other, &pool, settings, Some(&run), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("another energy"), "{error}");
    assert!(!run.exists(), "nothing was written");
}

#[test]
fn an_energy_that_single_precision_makes_noisy_is_told() {
    /// A Gaussian whose energy is a small difference of large numbers.
    struct Noisy;
    impl<S: Scalar> Energy<S> for Noisy {
        fn dim(&self) -> usize {
            1
        }
        fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
            gradient[0] = x[0];
            self.energy(x)
        }
        fn energy(&self, x: &[S]) -> S {
            let half = S::constant(0.5) * x[0] * x[0];
            (half + S::constant(3e7)) - S::constant(3e7)
        }
    }
    let target = Target::new("noisy", Noisy);
    let folder = tempfile::tempdir().unwrap();
    let notes = |target: &Target, name: &str| {
        let pool = explored(target, 1);
        let settings = pool.settings(target, "kiln").unwrap().check().unwrap();
        Prepared::new(target, settings, Some(&folder.path().join(name)), Some(&pool)).unwrap().notes
    };
    let noisy = notes(&target, "noisy");
    assert!(noisy.len() == 1 && noisy[0].contains("in single precision"), "{noisy:?}");
    assert!(notes(&self::target(), "far").is_empty());
}
