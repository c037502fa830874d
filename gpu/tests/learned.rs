//! Training from states of the target: without an evaluation of the energy, from a start that is off, and stopped anywhere.

use kiln_core::posterior::{Params, Transition};
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::score::Estimator;
use kiln_core::symmetry::Symmetry;
use kiln_core::{Energy, Scalar as _};
use kiln_gpu::mixture::{Cell, Mixture, MixtureBlock};
use kiln_gpu::pack::Pack;
use kiln_gpu::trainer::{Learned, Noising, Objective, StepError, Trainer, TrainerSpec, Weight};
use kiln_gpu::{AdamOptions, Body, Checkpoint, Cpu, GeneratorSpec, ScoreSpec};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Steps of a whole training.
const STEPS: u64 = 1000;
static NEVER: AtomicBool = AtomicBool::new(false);

/// Half a square of both coordinates, which counts how often it is asked.
#[derive(Default)]
struct Counting(AtomicU64);

impl Energy<Pack> for Counting {
    fn dim(&self) -> usize {
        2
    }

    fn energy_and_gradient(&self, x: &[Pack], gradient: &mut [Pack]) -> Pack {
        gradient.copy_from_slice(x);
        self.energy(x)
    }

    fn energy(&self, x: &[Pack]) -> Pack {
        self.0.fetch_add(16, Ordering::Relaxed);
        (x[0] * x[0] + x[1] * x[1]) * Pack::constant(0.5)
    }

    fn symmetry(&self) -> Symmetry {
        Symmetry::None
    }
}

/// Cells at (±1, 0), shares 0.25 and 0.75, of these widths.
fn mixture(widths: [f32; 2]) -> Mixture {
    let cell = |weight: f32, at: f32| Cell {
        weight,
        mean: vec![at, 0.0],
        factor: vec![widths[0], 0.0, 0.0, widths[1]],
        axes: vec![1.0, 0.0, 0.0, 1.0],
        variances: widths.iter().map(|width| width * width).collect(),
    };
    let cells = vec![cell(0.25, -1.0), cell(0.75, 1.0)];
    Mixture::new(2, vec![MixtureBlock { coordinates: vec![0, 1], cells, thresholds: vec![-0.674_489_8] }]).unwrap()
}

/// States of the target: cells of widths 0.3 and 0.6, their second coordinate bent by the first: x1 += x0².
fn states() -> Vec<f32> {
    let n = 4000;
    let mut stream = Stream::new(1, Purpose::Test, 0);
    let mut z = vec![0.0_f32; 3 * n];
    stream.fill_normal(&mut z);
    let mut x: Vec<f32> = z.chunks_exact(3).flat_map(|z| z[..2].to_vec()).collect();
    mixture([0.3, 0.6]).place(&z, &mut x);
    x.chunks_exact_mut(2).for_each(|x| x[1] += x[0] * x[0]);
    x
}

/// A short chain.
fn chain() -> Params {
    Params {
        particles: 1,
        levels: 1,
        transition: Transition::Mala,
        transition_step: 0.3,
        min_effective_sample_size: f64::INFINITY,
        cycles: 4,
        refresh_sweeps: 0,
        refresh_block: 1,
        chain: Transition::Mala,
        chain_steps: 2,
        chain_step: 0.05,
        keep: 3,
        scale_steps: true,
        adapt: None,
        estimator: Estimator::MinimumVariance,
    }
}

fn spec() -> TrainerSpec {
    // The start: right shares, wrong widths, no bend.
    let mixture = Arc::new(mixture([0.45, 0.9]));
    let adam = |learning_rate| AdamOptions { learning_rate, ..AdamOptions::default() };
    TrainerSpec {
        seed: 3,
        steps: STEPS,
        batch: 256,
        inner: 4,
        pretrain: 0,
        generator: GeneratorSpec {
            dim: 2,
            latent: 3,
            thresholds: Vec::new(),
            cells: mixture.thresholds(),
            skip: 1.0,
            scale: 0.3,
            body: Body::Mlp { hidden: 32, depth: 2 },
        },
        score: ScoreSpec::Guided { body: Body::Mlp { hidden: 32, depth: 2 }, mixture: Arc::clone(&mixture) },
        noising: Noising::Continuous { v_min: 0.05, v_max: 2.5, anneal: 0.0 },
        weight: Weight::SigmaOverAlpha,
        objective: Objective::Dikl,
        generator_adam: adam(1e-3),
        score_adam: adam(2e-3),
        warmup: 10,
        cosine: true,
        sample_clip: Some(5.0),
        ema: 0.95,
        score_ema: 0.95,
        posterior: chain(),
        mixture: Some(mixture),
        learned: Some(Learned {
            states: Arc::new(states()),
            slopes: None,
            spent: 0,
            reuse: 1,
            pretrain: 1000,
            inner: 1,
            pretrain_rate: 4e-3,
            ema: 0.99,
            direct_from: 1.0,
            direct_below: 0.0,
        }),
    }
}

fn trainer() -> Trainer<Cpu> {
    Trainer::new(&Cpu::default(), spec()).unwrap()
}

fn latents(n: usize) -> Vec<f32> {
    let mut stream = Stream::new(9, Purpose::Test, 1);
    let mut z = vec![0.0; 3 * n];
    stream.fill_normal(&mut z);
    z
}

/// Share of x0 < 0, variance of x0 within the right cell, and mean of x1 - x0² with its variance.
fn figures(x: &[f32]) -> [f64; 4] {
    let rows: Vec<[f64; 2]> = x.chunks_exact(2).map(|x| [f64::from(x[0]), f64::from(x[1])]).collect();
    let n = rows.len() as f64;
    let moments = |values: Vec<f64>| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        [mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64]
    };
    let left = rows.iter().filter(|x| x[0] < 0.0).count() as f64 / n;
    let [_, within] = moments(rows.iter().filter(|x| x[0] > 0.0).map(|x| x[0]).collect());
    let [bend, width] = moments(rows.iter().map(|x| x[1] - x[0] * x[0]).collect());
    [left, within, bend, width]
}

#[test]
fn states_alone_move_the_generator_from_its_mixture_to_the_target() {
    let (mut trainer, energy) = (trainer(), Counting::default());
    let z = latents(20_000);
    let start = trainer.sample(&z);
    let mut drawn: Vec<f32> = z.chunks_exact(3).flat_map(|z| z[..2].to_vec()).collect();
    mixture([0.45, 0.9]).place(&z, &mut drawn);
    assert_eq!(start, drawn, "it begins as the mixture");
    let [_, _, bend, width] = figures(&start);
    assert!(bend < -1.0 && width > 1.0, "the start is off: {bend} {width}");
    for step in 0..STEPS {
        let report = trainer.step(&energy, step as f64 / STEPS as f64, &NEVER).unwrap();
        assert_eq!((report.evaluations, report.posterior.len()), (0, 0));
    }
    assert_eq!(energy.0.load(Ordering::Relaxed), 0, "nothing was asked of the energy");
    let [left, within, bend, width] = figures(&trainer.sample(&z));
    // 0.25, 0.09 (cut at 0 by nothing), 0 and 0.36.
    assert!((left - 0.25).abs() < 0.03, "{left}");
    assert!((within - 0.09).abs() < 0.02, "{within}");
    assert!(bend.abs() < 0.1, "{bend}");
    assert!((width - 0.36).abs() < 0.09, "{width}");
}

#[test]
fn small_noise_is_asked_of_the_energy_itself_where_it_is_told_to() {
    let mut spec = spec();
    let learned = spec.learned.as_mut().unwrap();
    (learned.pretrain, learned.direct_from, learned.direct_below) = (2, 0.5, 0.3);
    let (mut trainer, energy) = (Trainer::new(&Cpu::default(), spec).unwrap(), Counting::default());
    assert_eq!(trainer.step(&energy, 0.4, &NEVER).unwrap().evaluations, 0);
    let report = trainer.step(&energy, 0.6, &NEVER).unwrap();
    let below = report.ratios.iter().filter(|v| **v < 0.3).count() as u64;
    assert!(below > 50 && report.evaluations >= below && report.evaluations % below == 0, "{}", report.evaluations);
}

#[test]
fn a_training_that_is_stopped_within_its_first_step_goes_on_with_the_same_bits() {
    let mut short = spec();
    short.learned.as_mut().unwrap().pretrain = 5;
    let energy = Counting::default();
    let new = || Trainer::new(&Cpu::default(), short.clone()).unwrap();
    let (mut straight, mut stopped) = (new(), new());
    for step in 0..3 {
        straight.step(&energy, step as f64 / STEPS as f64, &NEVER).unwrap();
    }
    let stop = AtomicBool::new(true);
    assert_eq!(stopped.step(&energy, 0.0, &stop).unwrap_err(), StepError::Interrupted);
    stopped.step(&energy, 0.0, &NEVER).unwrap();
    let half = Checkpoint::from_bytes(&stopped.to_checkpoint().to_bytes()).unwrap();
    let mut resumed = new();
    resumed.load(&half).unwrap();
    for step in 1..3 {
        resumed.step(&energy, step as f64 / STEPS as f64, &NEVER).unwrap();
    }
    assert!(resumed.to_checkpoint().to_bytes() == straight.to_checkpoint().to_bytes());
}

#[test]
fn updates_that_share_samples_go_on_with_the_same_bits_wherever_they_were_stopped() {
    let mut short = spec();
    let learned = short.learned.as_mut().unwrap();
    (learned.pretrain, learned.reuse) = (2, 3);
    let energy = Counting::default();
    let new = || Trainer::new(&Cpu::default(), short.clone()).unwrap();
    let mut straight = new();
    (0..4).for_each(|_| drop(straight.step(&energy, 0.5, &NEVER).unwrap()));
    let mut stopped = new();
    let (mut stops, mut wait) = (0, 0);
    while stopped.steps_done() < 4 {
        let stop = AtomicBool::new(false);
        let done = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_micros(wait));
                stop.store(true, Ordering::Relaxed);
            });
            stopped.step(&energy, 0.5, &stop)
        });
        stops += usize::from(done.is_err());
        // Longer and longer, so that every step ends at some time.
        wait += 300;
    }
    assert!(stops > 0, "it was never stopped");
    assert!(stopped.to_checkpoint().to_bytes() == straight.to_checkpoint().to_bytes());
    // Shared samples are other ones than fresh ones.
    let mut fresh = Trainer::new(&Cpu::default(), {
        let mut spec = short.clone();
        spec.learned.as_mut().unwrap().reuse = 1;
        spec
    })
    .unwrap();
    (0..4).for_each(|_| drop(fresh.step(&energy, 0.5, &NEVER).unwrap()));
    assert!(fresh.to_checkpoint().to_bytes() != straight.to_checkpoint().to_bytes());
}

#[test]
fn what_comes_before_the_first_step_ends_where_there_is_no_time_for_it() {
    let (energy, mut late) = (Counting::default(), trainer());
    late.before().hurry();
    late.step(&energy, 0.0, &NEVER).unwrap();
    // One of the thousand, one beside the step, those of the model's score network, and the generator's own.
    let batches: u64 = late.to_checkpoint().parsed("batches").unwrap();
    assert_eq!(batches, 3 + late.spec().inner as u64);
    assert_eq!(late.steps_done(), 1);
}
