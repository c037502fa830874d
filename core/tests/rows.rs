//! Vectors whose length is known at run time give the bits that arrays give: kernels, annealing, resampling, estimators and
//! posterior sampling, in every scalar type, with the energy known to the compiler or behind `dyn`.

mod common;

use common::by_value::{anneal, denoise, estimate, resample, start};
use common::kernels::{Move, MoveVisitor, every_kernel};
use common::rows::{Number, Row, bits};
use common::targets::{Apart, Case, Dw4, Lj13, Lj13Smooth, ManyWellPosterior, Mog40, PlainGaussian};
use kiln_core::diffusion::Posterior;
use kiln_core::dynamics::{Kernel, annealing, hmc, importance, langevin, step_size};
use kiln_core::posterior::{Params, Report, Transition};
use kiln_core::random::Randomness;
use kiln_core::score::{Accumulator, Estimate, Estimator};
use kiln_core::{Energy, Lanes, Mask, Vector};

/// A test point in every lane.
fn point<S: Number, C: Case<N>, const N: usize>(first: u64) -> [S; N] {
    core::array::from_fn(|j| S::pack(|lane| C::point(first + lane as u64)[j]))
}

/// Another noise level in every lane.
fn noise_level<S: Number>() -> S {
    S::pack(|lane| 0.4 + 0.1 * lane as f64)
}

/// What ten steps of a kernel told and where they ended, in bits.
fn trace<M: Move, S: Number, V: Vector<Scalar = S>, E: Energy<S>>(energy: E, y: &V, length: f64) -> Vec<u64> {
    let posterior = Posterior::new(energy, y, noise_level());
    let (mut state, mut workspace) = start(&posterior, y.clone());
    let mut rng = Apart(S::random(81, 3));
    let (mut trace, mut accepted) = (Vec::new(), false);
    for _ in 0..10 {
        let info = M::step(&mut rng, &mut state, length, &posterior, &mut workspace);
        accepted |= info.accepted.any();
        trace.extend(bits(&[info.acceptance]));
        trace.extend(
            (0..S::LANES).flat_map(|lane| [info.accepted.lane(lane), info.divergent.lane(lane)]).map(u64::from),
        );
        trace.push(u64::from(info.evaluations));
    }
    assert!(accepted, "{}: must move to be a test", M::NAME);
    trace.extend([state.position.as_slice(), state.gradient.as_slice(), &[state.energy]].into_iter().flat_map(bits));
    trace
}

struct Kernels;
impl Kernels {
    fn check<M: Move, S: Number, C: Case<N>, const N: usize>() {
        let energy = Apart(C::at::<S>());
        let y = point::<S, C, N>(0);
        let length = 3.0 * C::STEP;
        let array = trace::<M, S, _, _>(&energy, &y, length);
        let row = Row::of(&y);
        assert!(array == trace::<M, S, _, _>(&energy, &row, length), "{} on {}, a row", M::NAME, C::NAME);
        let energy: &dyn Energy<S> = &energy;
        assert!(array == trace::<M, S, _, _>(energy, &row, length), "{} on {}, a row and dyn", M::NAME, C::NAME);
        assert!(array == trace::<M, S, _, _>(energy, &y, length), "{} on {}, an array and dyn", M::NAME, C::NAME);
    }
    fn every_scalar<M: Move, C: Case<N>, const N: usize>() {
        Self::check::<M, f32, C, N>();
        Self::check::<M, f64, C, N>();
        Self::check::<M, Lanes<16>, C, N>();
    }
}
impl MoveVisitor for Kernels {
    fn visit<M: Move>(&mut self) {
        Self::every_scalar::<M, Mog40, 2>();
        Self::every_scalar::<M, PlainGaussian, 3>();
        Self::every_scalar::<M, ManyWellPosterior, 4>();
        Self::every_scalar::<M, Dw4, 8>();
        Self::every_scalar::<M, Lj13, 39>();
    }
}

#[test]
fn kernels() {
    every_kernel(&mut Kernels);
}

/// One annealing run in bits.
fn annealed<S: Number, V: Vector<Scalar = S>, E: Energy<S> + ?Sized, K: Kernel<V>>(
    energy: &E,
    y: &V,
    kernel: K,
) -> Vec<u64> {
    let params = annealing::Params { levels: 7, kernel };
    let (particle, report) = anneal(&mut Apart(S::random(82, 5)), (y, noise_level()), energy, &params);
    let state = &particle.state;
    let numbers = [state.energy, particle.log_weight, report.acceptance, report.divergences];
    let mut trace: Vec<_> =
        [state.position.as_slice(), state.gradient.as_slice(), &numbers].into_iter().flat_map(bits).collect();
    trace.push(u64::from(report.evaluations));
    trace
}

fn annealing_in<S: Number, C: Case<N>, const N: usize>() {
    let energy = Apart(C::at::<S>());
    let y = point::<S, C, N>(1);
    let row = Row::of(&y);
    let hmc = hmc::Params { step_size: S::constant(C::STEP), steps: 2 };
    let mala = langevin::Params { step_size: S::constant(C::STEP * C::STEP) };
    let dynamic: &dyn Energy<S> = &energy;
    let array = annealed(&energy, &y, hmc);
    assert!(array == annealed(&energy, &row, hmc) && array == annealed(dynamic, &row, hmc), "HMC on {}", C::NAME);
    let array = annealed(&energy, &y, mala);
    assert!(array == annealed(&energy, &row, mala) && array == annealed(dynamic, &row, mala), "MALA on {}", C::NAME);
}

#[test]
fn annealing() {
    annealing_in::<f32, Mog40, 2>();
    annealing_in::<f64, Mog40, 2>();
    annealing_in::<Lanes<16>, Mog40, 2>();
    annealing_in::<f32, Dw4, 8>();
    annealing_in::<f64, Dw4, 8>();
    annealing_in::<Lanes<16>, Dw4, 8>();
}

/// Resampling, and the sums and estimates that follow from weighted points.
fn weighted<S: Number>() {
    let mut rng = S::random(83, 0);
    let mut points = [[S::zero(); 5]; 12];
    points.iter_mut().for_each(|x| rng.fill_normal(x));
    let mut weights = [S::zero(); 12];
    rng.fill_normal(&mut weights);
    importance::normalise(&mut weights);
    let rows: Vec<_> = points.iter().map(|x| Row::of(x)).collect();
    for seed in 0..20 {
        let array = resample(&mut S::random(84, seed), &points, &weights);
        assert_eq!(bits(&array), bits(&resample(&mut S::random(84, seed), &rows, &weights).0));
    }
    let (mut of_arrays, mut of_rows) = (Accumulator::new(&points[0]), Accumulator::new(&rows[0]));
    let v = noise_level();
    for restart in [false, true] {
        if restart {
            of_arrays.restart(&points[3]);
            of_rows.restart(&rows[3]);
        }
        for j in 1..12 {
            of_arrays.add(&points[j], &points[j - 1], v, weights[j]);
            of_rows.add(&rows[j], &rows[j - 1], v, weights[j]);
            of_arrays.rescale(weights[0]);
            of_rows.rescale(weights[0]);
        }
        for estimator in [Estimator::Denoising, Estimator::Target, Estimator::Mixed, Estimator::MinimumVariance] {
            let array = estimate(&of_arrays, &points[0], v, estimator);
            let row = estimate(&of_rows, &rows[0], v, estimator);
            assert_eq!(bits(&array.denoiser), bits(&row.denoiser.0), "{estimator:?}");
            assert_eq!(bits(&[array.lambda]), bits(&[row.lambda]), "{estimator:?}");
        }
    }
}

#[test]
fn resampling_and_estimators() {
    weighted::<f32>();
    weighted::<f64>();
    weighted::<Lanes<16>>();
}

/// Weights alone, a chain with refreshes and adaptation after annealed HMC, one of HMC, and weights where they can be
/// trusted.
fn efforts(step: f64) -> [Params; 4] {
    let chain = Params {
        particles: 4,
        levels: 4,
        transition: Transition::Hmc { leapfrog_steps: 2 },
        transition_step: step,
        cycles: 6,
        min_effective_sample_size: f64::INFINITY,
        refresh_sweeps: 1,
        refresh_block: 1,
        chain: Transition::Mala,
        chain_steps: 2,
        chain_step: step * step,
        keep: 3,
        scale_steps: true,
        adapt: Some(step_size::Params::default()),
        estimator: Estimator::MinimumVariance,
    };
    [
        Params { particles: 20, levels: 1, cycles: 0, estimator: Estimator::Mixed, ..chain },
        chain,
        Params {
            transition: Transition::Mala,
            transition_step: step * step,
            chain: Transition::Hmc { leapfrog_steps: 3 },
            chain_step: step,
            refresh_block: 2,
            scale_steps: false,
            ..chain
        },
        Params { particles: 8, min_effective_sample_size: 2.0, ..chain },
    ]
}

fn answer<S: Number, V: Vector<Scalar = S>>((estimate, report): (Estimate<V>, Report<S>)) -> Vec<u64> {
    let Report { effective_sample_size, annealing_acceptance, chain_acceptance, refresh_acceptance, .. } = report;
    let acceptances = [effective_sample_size, annealing_acceptance, chain_acceptance, refresh_acceptance];
    let rest = [estimate.lambda, report.divergences, report.energy];
    let mut answer: Vec<_> = [estimate.denoiser.as_slice(), &acceptances, &rest].into_iter().flat_map(bits).collect();
    answer.push(u64::from(report.evaluations));
    answer
}

fn denoised<S: Number, C: Case<N>, const N: usize>() {
    let energy = Apart(C::at::<S>());
    let (y, v) = (point::<S, C, N>(2), noise_level());
    let row = Row::of(&y);
    let new = || Apart(S::random(85, 1));
    for params in efforts(C::STEP) {
        let array = answer(denoise(&mut new(), &energy, &y, v, &params));
        let what = format!("{}, {params:?}", C::NAME);
        assert!(array == answer(denoise(&mut new(), &energy, &row, v, &params)), "a row, {what}");
        let energy: &dyn Energy<S> = &energy;
        assert!(array == answer(denoise(&mut new(), energy, &row, v, &params)), "a row and dyn, {what}");
        assert!(array == answer(denoise(&mut new(), energy, &y, v, &params)), "an array and dyn, {what}");
    }
}

#[test]
fn posterior_sampling() {
    denoised::<f32, Mog40, 2>();
    denoised::<f64, Mog40, 2>();
    denoised::<Lanes<16>, Mog40, 2>();
    denoised::<f32, Dw4, 8>();
    denoised::<f64, Dw4, 8>();
    denoised::<Lanes<16>, Dw4, 8>();
    denoised::<f32, Lj13Smooth, 39>();
    denoised::<f64, Lj13Smooth, 39>();
    denoised::<Lanes<16>, Lj13Smooth, 39>();
}

/// A workspace that has served one point serves the next as a new one would.
#[test]
fn a_workspace_holds_nothing_between_calls() {
    let energy = Apart(Dw4::at::<f64>());
    let (first, second) = (Row::of(&Dw4::point(7)), Row::of(&Dw4::point(8)));
    let mut workspace = kiln_core::posterior::Workspace::new(&first);
    let mut estimate = Estimate::new(&first);
    for params in efforts(Dw4::STEP) {
        let mut run = |y: &Row<f64>| {
            let rng = &mut f64::random(86, 0);
            let report = kiln_core::posterior::denoise(rng, &energy, y, 0.6, &params, &mut estimate, &mut workspace);
            answer((estimate.clone(), report))
        };
        run(&first);
        let used = run(&second);
        assert!(used == answer(denoise(&mut f64::random(86, 0), &energy, &second, 0.6, &params)), "{params:?}");
    }
}
