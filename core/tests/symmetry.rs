//! Particles: energies are invariant, kernels, estimators and posterior sampling are equivariant under permutations,
//! rotations, reflections and translations, and all of it stays in the mean-free subspace.

mod common;

use common::by_value::{denoise, start};
use common::exact::gradient;
use common::group::{Element, Seen, largest_mean};
use common::kernels::{Move, MoveVisitor, every_kernel};
use common::targets::{Apart, Case, Dw4, Lj13, Lj13PairsOnce, Lj13Smooth, Lj55};
use common::tolerance;
use kiln_core::diffusion::Posterior;
use kiln_core::dynamics::{langevin, step_size};
use kiln_core::posterior::{Params, Transition};
use kiln_core::random::{Purpose, Randomness, Stream, Streams};
use kiln_core::score::Estimator;
use kiln_core::symmetry::{MeanFree, Symmetry, remove_mean};
use kiln_core::{Energy, Lanes, Mask, Scalar};

/// Group elements by name, permutations where they are asked for.
fn elements<const N: usize, const D: usize>(permutations: bool) -> Vec<(&'static str, Element<N, D>)> {
    let rng = &mut Stream::new(61, Purpose::Test, 0);
    let new = Element::<N, D>::identity;
    let mut all = vec![
        ("rotation", new().reflections(2, rng)),
        ("reflection", new().reflections(1, rng)),
        ("translation", new().shifted(rng)),
        ("motion", new().reflections(3, rng).shifted(rng)),
    ];
    if permutations {
        all.push(("permutation", new().permuted(rng)));
        all.push(("all", new().permuted(rng).reflections(1, rng).shifted(rng)));
    }
    all
}

#[track_caller]
fn near<const M: usize>(what: &str, got: &[f64; M], want: &[f64; M], scale: f64) {
    for (g, w) in got.iter().zip(want) {
        let error = (g - w).abs() / scale;
        assert!(error < tolerance::EQUIVARIANT, "{what}: {g} instead of {w} ({error:e})");
    }
}

fn invariant<C: Case<M>, const N: usize, const D: usize, const M: usize>() {
    let energy = C::at::<f64>();
    assert_eq!(Energy::<f64>::symmetry(&energy), Symmetry::Particles { count: N, dimensions: D });
    for (name, element) in elements::<N, D>(true) {
        for index in 0..10 {
            let x = C::point(index);
            let (before, after) = (energy.energy(&x), energy.energy(&element.point(&x)));
            let g = gradient(&energy, &x);
            let scale = g.iter().fold(1.0_f64, |a, g| a.max(g.abs()));
            assert!((before - after).abs() < tolerance::EQUIVARIANT * scale, "{} {name}: {before} {after}", C::NAME);
            near(C::NAME, &gradient(&energy, &element.point(&x)), &element.direction(&g), scale);
            assert!(largest_mean(&g, D) < tolerance::EQUIVARIANT * scale, "{}: a force on the whole", C::NAME);
        }
    }
}

#[test]
fn energies_are_invariant() {
    invariant::<Dw4, 4, 2, 8>();
    invariant::<Lj13, 13, 3, 39>();
    invariant::<Lj13PairsOnce, 13, 3, 39>();
    invariant::<Lj13Smooth, 13, 3, 39>();
    invariant::<Lj55, 55, 3, 165>();
}

/// Twenty steps of a kernel, and the same seen through a group element, end at corresponding points.
fn commutes<M: Move, C: Case<K>, const N: usize, const D: usize, const K: usize>() {
    // A sweep visits particles in their order.
    let permutations = M::NAME != "refresh";
    let energy = C::at::<f64>();
    let symmetry = Energy::<f64>::symmetry(&energy);
    let chain = |through: &Element<N, D>| {
        let y = C::point(1);
        let y = through.point(&y);
        let posterior = Posterior::new(Apart(&energy), &y, 0.4);
        let rng = Apart(Stream::new(62, Purpose::Test, 5));
        let mut rng = MeanFree { rng: Seen { rng, through: through.clone() }, symmetry };
        let (mut state, mut workspace) = start(&posterior, y);
        let mut accepted = 0;
        for _ in 0..20 {
            accepted += u32::from(M::step(&mut rng, &mut state, C::STEP, &posterior, &mut workspace).accepted);
        }
        assert!(accepted > 0, "{} on {}: must move to be a test", M::NAME, C::NAME);
        state
    };
    let plain = chain(&Element::identity());
    for (name, element) in elements::<N, D>(permutations) {
        let moved = chain(&element);
        let what = format!("{} on {}, {name}", M::NAME, C::NAME);
        near(&what, &moved.position, &element.point(&plain.position), 1.0);
        let scale = plain.gradient.iter().fold(1.0_f64, |a, g| a.max(g.abs()));
        near(&what, &moved.gradient, &element.direction(&plain.gradient), scale);
        assert!((moved.energy - plain.energy).abs() < tolerance::EQUIVARIANT * scale, "{what}");
    }
}

struct Kernels;
impl MoveVisitor for Kernels {
    fn visit<M: Move>(&mut self) {
        commutes::<M, Dw4, 4, 2, 8>();
        commutes::<M, Lj13Smooth, 13, 3, 39>();
    }
}

#[test]
fn kernels_are_equivariant() {
    every_kernel(&mut Kernels);
}

/// Annealed particles that feed the estimator, then chains of every kind.
fn efforts() -> [(&'static str, Params); 4] {
    let weighted = Params {
        particles: 6,
        levels: 3,
        transition: Transition::Hmc { leapfrog_steps: 2 },
        transition_step: 0.01,
        min_effective_sample_size: 0.0,
        cycles: 0,
        refresh_sweeps: 0,
        refresh_block: 1,
        chain: Transition::Mala,
        chain_steps: 1,
        chain_step: 1e-4,
        keep: 5,
        scale_steps: true,
        adapt: Some(step_size::Params::default()),
        estimator: Estimator::MinimumVariance,
    };
    let chain = Params {
        transition: Transition::Mala,
        transition_step: 1e-4,
        min_effective_sample_size: f64::INFINITY,
        cycles: 10,
        ..weighted
    };
    [
        ("weights", weighted),
        ("MALA", chain),
        ("HMC", Params { chain: Transition::Hmc { leapfrog_steps: 4 }, chain_step: 0.01, ..chain }),
        ("MALA with refreshes", Params { refresh_sweeps: 1, ..chain }),
    ]
}

const ESTIMATORS: [Estimator; 4] =
    [Estimator::Denoising, Estimator::Target, Estimator::Mixed, Estimator::MinimumVariance];

fn denoises<C: Case<K>, const N: usize, const D: usize, const K: usize>() {
    let energy = Apart(C::at::<f64>());
    for (effort, params) in efforts() {
        for estimator in ESTIMATORS {
            let params = Params { estimator, ..params };
            let run = |through: &Element<N, D>| {
                let rng = Apart(Stream::new(63, Purpose::Test, 2));
                let mut rng = Seen { rng, through: through.clone() };
                denoise(&mut rng, &energy, &through.point(&C::point(3)), 0.2, &params)
            };
            let (plain, report) = run(&Element::identity());
            assert!(report.divergences == 0.0, "{effort}: {report:?}");
            // TSI's forces reach far: relative to how far.
            let scale = plain.denoiser.iter().fold(1.0_f64, |a, d| a.max(d.abs()));
            for (name, element) in elements::<N, D>(params.refresh_sweeps == 0) {
                let what = format!("{} {effort} {estimator:?} {name}", C::NAME);
                let (moved, _) = run(&element);
                near(&what, &moved.denoiser, &element.point(&plain.denoiser), scale);
                assert!((moved.lambda - plain.lambda).abs() < tolerance::EQUIVARIANT, "{what}");
            }
        }
    }
}

#[test]
fn posterior_sampling_is_equivariant_with_every_estimator() {
    denoises::<Dw4, 4, 2, 8>();
    denoises::<Lj13Smooth, 13, 3, 39>();
}

/// The mean of the denoiser is the mean of y, wherever that is.
#[test]
fn the_denoiser_keeps_the_mean() {
    for (effort, params) in efforts() {
        let mut y = Lj13::point(2).map(|x| x as f32);
        remove_mean(Symmetry::Particles { count: 13, dimensions: 3 }, &mut y);
        let energy = Apart(Lj13Smooth::at::<f32>());
        let rng = &mut Stream::new(64, Purpose::Test, 0);
        let (estimate, _) = denoise(rng, &energy, &y, 0.3_f32, &params);
        let mean = largest_mean(&estimate.denoiser, 3);
        assert!(mean < tolerance::MEAN_SINGLE, "{effort}: {mean:e}");
    }
}

fn symmetry<C: Case<K>, const K: usize>() -> Symmetry {
    Energy::<f64>::symmetry(&C::at::<f64>())
}

/// Where a cluster's mean is after 10,000 MALA steps in the lanes, from noise of either kind.
fn mean_after<C: Case<K>, const K: usize>(steps: u32, symmetry: Symmetry, dimensions: usize) -> f64 {
    let energy = Apart(C::at::<Lanes<16>>());
    let streams = Streams::<16>::new(65, Purpose::Test, core::array::from_fn(|i| i as u64));
    let mut rng = MeanFree { rng: Apart(streams), symmetry };
    let mut x = C::point(4).map(Scalar::constant);
    remove_mean(Energy::<Lanes<16>>::symmetry(&energy), &mut x);
    let (mut state, mut workspace) = start(&energy, x);
    let params = langevin::Params { step_size: Scalar::constant(C::STEP * C::STEP) };
    let mut worst = 0.0_f64;
    let mut moved = 0;
    for _ in 0..steps {
        moved += u32::from(langevin::step(&mut rng, &mut state, &params, &energy, &mut workspace).accepted.all());
        worst = worst.max(largest_mean(&state.position, dimensions));
    }
    assert!(moved > steps / 2, "{}: must move to be a test, {moved}", C::NAME);
    worst
}

#[test]
fn the_mean_stays_where_it_is() {
    for (mean, drift) in [
        (mean_after::<Dw4, 8>(10_000, symmetry::<Dw4, 8>(), 2), mean_after::<Dw4, 8>(1000, Symmetry::None, 2)),
        (mean_after::<Lj13, 39>(10_000, symmetry::<Lj13, 39>(), 3), mean_after::<Lj13, 39>(1000, Symmetry::None, 3)),
    ] {
        println!("largest mean {mean:e}, without the projection {drift:e}");
        assert!(mean < tolerance::MEAN_SINGLE, "{mean:e}");
        assert!(drift > 1000.0 * tolerance::MEAN_SINGLE, "without the projection it drifts: {drift:e}");
    }
}

/// The projection leaves standard normal numbers in the subspace: each coordinate has variance 1 − 1/n, two particles
/// covariance −1/n. Draws that are not whole configurations pass through.
#[test]
fn mean_free_noise_is_normal_in_the_subspace() {
    let symmetry = Symmetry::Particles { count: 4, dimensions: 2 };
    let mut rng = MeanFree { rng: Stream::new(66, Purpose::Test, 0), symmetry };
    let (mut square, mut product) = (common::statistics::Moments::default(), common::statistics::Moments::default());
    for _ in 0..100_000 {
        let mut x = [0.0_f64; 8];
        rng.fill_normal(&mut x);
        assert!(largest_mean(&x, 2) < 1e-15);
        square.add(x[5] * x[5]);
        product.add(x[1] * x[7]);
    }
    square.assert_mean("variance", 0.75);
    product.assert_mean("covariance", -0.25);
    let (mut through, mut plain) = ([0.0_f64; 5], [0.0_f64; 5]);
    MeanFree { rng: Stream::new(67, Purpose::Test, 0), symmetry }.fill_normal(&mut through);
    Stream::new(67, Purpose::Test, 0).fill_normal(&mut plain);
    assert_eq!(through, plain);
    assert_eq!(symmetry.free_coordinates(8), 6);
    assert_eq!(Symmetry::None.free_coordinates(8), 8);
}

/// A sampler that trusted such a symmetry would divide by nothing, or never end.
#[test]
fn a_symmetry_that_does_not_fit_the_coordinates_is_none() {
    let particles = |count, dimensions| Symmetry::Particles { count, dimensions };
    assert_eq!(particles(4, 2).fitting(8), particles(4, 2));
    for (symmetry, n) in [(particles(4, 2), 9), (particles(4, 0), 0), (particles(1, 2), 2), (particles(0, 0), 0)] {
        assert_eq!(symmetry.fitting(n), Symmetry::None, "{symmetry:?}, {n}");
    }
    assert_eq!(Symmetry::None.fitting(3), Symmetry::None);
}
