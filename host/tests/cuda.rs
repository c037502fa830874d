//! Training on an NVIDIA GPU (feature `cuda`; needs one): it follows the CPU's training, a CPU goes on with its files, and
//! the command line knows which devices there are.

mod common;

use common::{done, judged, refused};
use kiln::target::Target;
use kiln::{targets, train};
use kiln_gpu::trainer::{StepReport, Trainer, TrainerSpec};
use kiln_gpu::{Backend, Checkpoint, Cpu, Generator, Network, cuda};
use std::sync::atomic::AtomicBool;

/// What is allowed in any case, relative to the largest number: both are f32, sum in orders of their own, and train on it.
const ROUNDING: f64 = 2e-3;
/// Chains accept or refuse, and between steep cores a refusal more makes a row's gradient another: rounding is amplified.
/// How much, a CPU's training tells whose first weights are changed by this part (LJ-13: 6e-3; the others: nothing).
const NUDGE: f32 = 5e-7;
/// Such distances are chance: how many of them the GPU may be away.
const FACTOR: f64 = 3.0;
/// Outer steps of each training.
const STEPS: usize = 4;

/// A shipped recipe, cut down in effort but not in the networks' kind.
fn recipe(name: &str) -> (Target, TrainerSpec) {
    let target = targets::builtin().into_iter().find(|target| target.name() == name).unwrap();
    let mut settings = target.settings();
    settings.train.batch = 32;
    settings.train.pretrain = 2;
    settings.train.steps = STEPS;
    settings.train.warmup = 0;
    settings.posterior.chain = 20;
    settings.posterior.keep = 10;
    let config = settings.check().unwrap();
    let mut spec = train::trainer_spec(&config, target.dim(), target.symmetry()).unwrap();
    // Adam's first steps are signs of gradients: of those that are rounding errors alone it would make whole steps.
    spec.generator_adam.epsilon = 1e-3;
    spec.score_adam.epsilon = 1e-3;
    (target, spec)
}

/// A few steps of it.
fn trained<D: Backend>(device: &D, name: &str, nudge: f32) -> (Trainer<D>, StepReport) {
    let (target, spec) = recipe(name);
    let training = target.training();
    let first = Trainer::new(device, spec.clone()).unwrap().generator().to_checkpoint([]);
    let mut generator = Generator::from_checkpoint(device, &first).unwrap();
    for parameter in generator.parameters_mut() {
        let numbers = parameter.matrix.as_vec();
        let nudged = numbers.iter().enumerate().map(|(i, w)| w * (1.0 + nudge * (i as f32).sin()));
        parameter.matrix.copy_from(&nudged.collect::<Vec<_>>());
    }
    let mut trainer = Trainer::with_generator(device, spec, generator).unwrap();
    let mut last = StepReport::default();
    for step in 0..STEPS {
        last = trainer.step(training, step as f64 / STEPS as f64, &AtomicBool::new(false)).unwrap();
    }
    (trainer, last)
}

fn relative(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1e-3_f32, |a, x| a.max(x.abs()));
    let worst = found.iter().zip(expected).map(|(f, e)| f64::from((f - e).abs() / largest));
    worst.fold(0.0, |a, error| if error.is_nan() { f64::INFINITY } else { a.max(error) })
}

fn latents<D: Backend>(trainer: &Trainer<D>) -> Vec<f32> {
    (0..50 * trainer.spec().generator.latent).map(|i| (i as f32 * 0.7).sin()).collect()
}

#[test]
fn trainings_follow_the_cpus() {
    let gpu = cuda::open(0).expect("tests of feature cuda need an NVIDIA GPU");
    for name in ["mog40", "mw32", "dw4", "lj13"] {
        let (on_cpu, expected) = trained(&Cpu::default(), name, 0.0);
        let (neighbour, nudged) = trained(&Cpu::default(), name, NUDGE);
        let (on_gpu, found) = trained(&gpu, name, 0.0);
        let z = latents(&on_cpu);
        let start = Trainer::new(&Cpu::default(), recipe(name).1).unwrap().generator().sample(&z);
        let samples = [on_cpu.generator(), neighbour.generator()].map(|generator| generator.sample(&z));
        let loss = [expected, nudged, found].map(|report| {
            assert_eq!((report.dropped, report.skipped), (0, false), "{name}");
            report.score_loss.expect("every step updates the score network")
        });
        for (what, found, neighbour, expected) in [
            ("score loss", &loss[2..], &loss[1..2], &loss[..1]),
            ("samples", &on_gpu.generator().sample(&z)[..], &samples[1], &samples[0]),
        ] {
            let (error, yardstick) = (relative(found, expected), relative(neighbour, expected));
            assert!(
                error < ROUNDING + FACTOR * yardstick,
                "{name}: {what} differ by {error:e}, a neighbour's by {yardstick:e}"
            );
        }

        let allowed = ROUNDING + FACTOR * relative(&samples[1], &samples[0]);
        assert!(relative(&start, &samples[0]) > 4.0 * allowed, "{name}: these steps move too little to be a test");

        // What the GPU wrote, the CPU goes on with.
        let bytes = on_gpu.to_checkpoint().to_bytes();
        let mut moved = on_cpu;
        moved.load(&Checkpoint::from_bytes(&bytes).unwrap()).unwrap();
        assert_eq!(moved.to_checkpoint().to_bytes(), bytes, "{name}");
        let error = relative(&moved.generator().sample(&z), &on_gpu.generator().sample(&z));
        assert!(error < 1e-4, "{name}: one network on two devices differs by {error:e}");
    }
}

#[test]
fn the_command_line_trains_there() {
    let place = tempfile::tempdir().unwrap();
    let short = ["--set", "train.steps=20", "--set", "train.warmup=0"];
    let train = [&["train", "mog40", "--seed", "1", "--device", "cuda:0", "--out", "run"][..], &short].concat();
    judged(place.path(), &train);
    let config = std::fs::read_to_string(place.path().join("run/config.toml")).unwrap();
    assert!(config.contains("device = \"cuda:0\""), "{config}");
    done(place.path(), &["sample", "run", "-n", "100", "-o", "x.npy"]);
}

#[test]
fn devices_that_are_not_there_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let train = ["train", "mog40", "--device", "cuda:99", "--out", "run"];
    refused(place.path(), &train, "CUDA device(s)", "--device cpu");
}
