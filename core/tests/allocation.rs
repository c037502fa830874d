//! No step allocates, with vectors on the heap and the energy behind `dyn`: kernels, annealing, resampling and posterior
//! sampling, in a workspace that was made before. The counter replaces this binary's allocator and counts by thread, so
//! that tests may run side by side.

mod common;

use allocation_counter::measure;
use common::by_value::start;
use common::kernels::{Move, MoveVisitor, every_kernel};
use common::rows::{Number, Row};
use common::targets::{Case, Dw4, Mog40};
use kiln_core::diffusion::Posterior;
use kiln_core::dual::{Differentiated, Formula};
use kiln_core::dynamics::{self, annealing, hmc, importance, langevin, step_size};
use kiln_core::posterior::{self, Params, Transition};
use kiln_core::score::{Accumulator, Estimate, Estimator};
use kiln_core::{Energy, Lanes, Scalar};

/// A row with the same test point in every lane.
fn row<S: Scalar, C: Case<N>, const N: usize>() -> Row<S> {
    Row::of(&C::point(1).map(S::constant))
}

#[track_caller]
fn assert_silent(what: &str, work: impl FnOnce()) {
    let info = measure(work);
    assert_eq!((info.count_total, info.bytes_total), (0, 0), "{what} allocates");
}

/// The counter counts: two vectors of a state and a momentum, of 8 numbers each.
#[test]
fn making_a_workspace_allocates() {
    let y = row::<f64, Dw4, 8>();
    let info = measure(|| drop(std::hint::black_box(dynamics::Workspace::new(&y))));
    assert_eq!((info.count_total, info.bytes_total, info.bytes_current), (3, 3 * 64, 0));
    let info = measure(|| drop(std::hint::black_box(posterior::Workspace::new(&y))));
    assert!(info.count_total > 3 && info.bytes_total > 3 * 64, "{info:?}");
}

struct Kernels;
impl Kernels {
    fn check<M: Move, S: Number, C: Case<N>, const N: usize>() {
        let energy = C::at::<S>();
        let energy: &dyn Energy<S> = &energy;
        let y = row::<S, C, N>();
        let posterior = Posterior::new(energy, &y, S::constant(0.7));
        let (mut state, mut workspace) = start(&posterior, y.clone());
        let mut rng = S::random(91, 0);
        assert_silent(M::NAME, || {
            for _ in 0..20 {
                M::step(&mut rng, &mut state, C::STEP, &posterior, &mut workspace);
            }
        });
    }
}
impl MoveVisitor for Kernels {
    fn visit<M: Move>(&mut self) {
        Self::check::<M, f32, Mog40, 2>();
        Self::check::<M, f64, Dw4, 8>();
        Self::check::<M, Lanes<16>, Dw4, 8>();
    }
}

#[test]
fn steps_of_kernels() {
    every_kernel(&mut Kernels);
}

fn annealing_in<S: Number>() {
    let energy = Dw4::at::<S>();
    let energy: &dyn Energy<S> = &energy;
    let y = row::<S, Dw4, 8>();
    let (mut particle, mut workspace) = (annealing::Particle::new(&y), dynamics::Workspace::new(&y));
    let mut rng = S::random(92, 0);
    let hmc = annealing::Params { levels: 9, kernel: hmc::Params { step_size: S::constant(0.02), steps: 2 } };
    let mala = annealing::Params { levels: 9, kernel: langevin::Params { step_size: S::constant(4e-4) } };
    assert_silent("annealing", || {
        annealing::run(&mut rng, &y, S::constant(0.7), energy, &hmc, &mut particle, &mut workspace);
        annealing::run(&mut rng, &y, S::constant(0.7), energy, &mala, &mut particle, &mut workspace);
    });
    let particles = [y.clone(), particle.state.position];
    let (mut chosen, mut sums, mut estimate) = (y.clone(), Accumulator::new(&y), Estimate::new(&y));
    assert_silent("resampling and sums", || {
        let mut weights = [S::constant(0.3), S::constant(-0.2)];
        importance::normalise(&mut weights);
        importance::resample(&mut rng, &particles, &weights, &mut chosen);
        sums.restart(&chosen);
        sums.add(&particles[0], &particles[1], S::one(), weights[0]);
        sums.rescale(weights[1]);
        sums.estimate(S::one(), Estimator::MinimumVariance, &mut estimate);
    });
}

#[test]
fn annealing_and_weights() {
    annealing_in::<f32>();
    annealing_in::<f64>();
    annealing_in::<Lanes<16>>();
}

fn denoise_in<S: Number>() {
    let chain = Params {
        particles: 4,
        levels: 4,
        transition: Transition::Hmc { leapfrog_steps: 2 },
        transition_step: 0.02,
        cycles: 6,
        min_effective_sample_size: f64::INFINITY,
        refresh_sweeps: 1,
        refresh_block: 1,
        chain: Transition::Mala,
        chain_steps: 2,
        chain_step: 4e-4,
        keep: 3,
        scale_steps: true,
        adapt: Some(step_size::Params::default()),
        estimator: Estimator::MinimumVariance,
    };
    let energy = Dw4::at::<S>();
    let energy: &dyn Energy<S> = &energy;
    let y = row::<S, Dw4, 8>();
    let (mut estimate, mut workspace) = (Estimate::new(&y), posterior::Workspace::new(&y));
    let mut rng = S::random(93, 0);
    for params in [
        chain,
        Params { cycles: 0, ..chain },
        Params { chain: Transition::Hmc { leapfrog_steps: 3 }, chain_step: 0.02, ..chain },
        Params { min_effective_sample_size: 2.0, ..chain },
    ] {
        assert_silent("denoising", || {
            posterior::denoise(&mut rng, energy, &y, S::constant(0.7), &params, &mut estimate, &mut workspace);
        });
    }
}

#[test]
fn posterior_sampling() {
    denoise_in::<f32>();
    denoise_in::<f64>();
    denoise_in::<Lanes<16>>();
}

/// Gradients by dual numbers need no heap either.
#[test]
fn dual_numbers() {
    struct Wells;
    impl Formula for Wells {
        fn dim(&self) -> usize {
            8
        }
        fn energy<S: Scalar>(&self, x: &[S]) -> S {
            x.iter().fold(S::zero(), |sum, x| sum + x.square() * (x.square() - S::one()))
        }
    }
    let energy = Differentiated::<_, 8>::new(Wells).expect("8 coordinates");
    let energy: &dyn Energy<f64> = &energy;
    let (x, mut gradient) = (row::<f64, Dw4, 8>(), [0.0; 8]);
    assert_silent("a gradient by dual numbers", || {
        std::hint::black_box(energy.energy_and_gradient(&x.0, &mut gradient));
    });
}
