//! What is delivered is what was trained: the core's inference of a generator's file against the network that wrote it.

use kiln::fit::{Options, Prepared};
use kiln::run::{GENERATOR, Run};
use kiln::targets::builtin;
use kiln::train;
use kiln_core::random::Purpose;
use kiln_core::symmetry::Symmetry;
use kiln_gpu::posterior::normal_batch;
use kiln_gpu::{Body, Checkpoint, Cpu, Generator};

/// A run of a few steps, with short posterior chains.
fn run(target: &kiln::target::Target, out: &std::path::Path) -> Run {
    let mut settings = target.settings();
    (settings.train.steps, settings.train.pretrain, settings.train.warmup) = (3, 3, 0);
    (settings.posterior.chain, settings.posterior.keep, settings.train.batch) = (2, 2, 64);
    let prepared = Prepared::new(target, settings.check().unwrap(), Some(out), None).unwrap();
    prepared.train(target, &Options::default()).unwrap();
    prepared.run
}

/// How many of `n` samples may lie on the other side of a step. Thresholds see the latent itself, the same number in
/// both; a distance in it is rounded. Two roundings of 2e-7 of a distance up to 4 span 8e-7, where it lies with a density
/// of at most 0.5: 4e-7 for each comparison of a pair with a step. The Poisson number is allowed five deviations.
fn steps_crossed(symmetry: Symmetry, body: &Body, n: usize) -> usize {
    let (Symmetry::Particles { count, .. }, Body::Egnn(egnn)) = (symmetry, body) else { return 0 };
    let comparisons = (count * (count - 1) / 2 * egnn.radial.count() * n) as f64;
    let mean = 4e-7 * comparisons;
    (mean + 5.0 * mean.sqrt()).ceil() as usize
}

#[test]
fn the_core_samples_what_the_trained_network_does() {
    let place = tempfile::tempdir().unwrap();
    for target in builtin() {
        let run = run(&target, &place.path().join(target.name()));
        let file = Checkpoint::from_bytes(&std::fs::read(run.file(GENERATOR)).unwrap()).unwrap();
        let generator = Generator::from_checkpoint(&Cpu::default(), &file).unwrap();
        // Not a multiple of the lanes, so that the last pack is not full.
        let n = 1003;
        let trained = generator.sample(&normal_batch(7, Purpose::Sample, 0, n, generator.spec().latent));
        let delivered = train::sample(&run, 7, n).unwrap();
        assert_eq!((delivered.dim, delivered.len()), (target.dim(), n));
        let scale = trained.iter().fold(0.0_f32, |a, x| a.max(x.abs()));
        let dim = target.dim();
        let rows = trained.chunks_exact(dim).zip(delivered.data.chunks_exact(dim));
        let differs = |(a, b): &(&[f32], &[f32])| a.iter().zip(*b).any(|(a, b)| (a - b).abs() > 1e-4 * scale);
        let different = rows.filter(differs).count();
        let allowed = steps_crossed(target.symmetry(), &generator.spec().body, n);
        assert!(different <= allowed, "{}: {different} of {n} samples differ, {allowed} may", target.name());
    }
}

#[test]
fn a_sample_does_not_depend_on_how_many_are_drawn() {
    let place = tempfile::tempdir().unwrap();
    let target = &builtin()[0];
    let run = run(target, &place.path().join("run"));
    let (few, many) = (train::sample(&run, 3, 10).unwrap(), train::sample(&run, 3, 1000).unwrap());
    assert_eq!(few.data, many.data[..few.data.len()]);
    assert_ne!(few.data, train::sample(&run, 4, 10).unwrap().data);
}
