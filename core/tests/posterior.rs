//! The posterior sampler against exact answers at every noise level, with the effort that training spends: the crux of
//! the method, tested by itself. Prints its table (`cargo test -p kiln-core --test posterior -- --nocapture`).

mod common;

use common::by_value::denoise;
use common::exact::{Exact, Line, Wells, WellsPosterior, levels, mog};
use common::statistics::{Moments, kolmogorov_smirnov_ratio};
use common::targets::{DoubleWell, RightHalf};
use common::tolerance;
use kiln_core::dynamics::step_size;
use kiln_core::posterior::{Params, Transition};
use kiln_core::random::{Purpose, Stream, Streams};
use kiln_core::score::Estimator;
use kiln_core::{Energy, Lanes, Scalar, tensor};

const L: usize = 16;
type Pack = Lanes<L>;

/// MoG-40: weighted particles, in two dimensions enough of them hit.
const IMPORTANCE: Params = Params {
    particles: 256,
    levels: 1,
    transition: Transition::Mala,
    transition_step: 0.1,
    cycles: 0,
    min_effective_sample_size: f64::INFINITY,
    refresh_sweeps: 0,
    refresh_block: 1,
    chain: Transition::Mala,
    chain_steps: 0,
    chain_step: 0.1,
    keep: 1,
    scale_steps: true,
    adapt: None,
    estimator: Estimator::MinimumVariance,
};

/// Many-Well-32: a short annealing, then a chain that refreshes coordinates.
const CHAIN: Params = Params {
    particles: 4,
    levels: 10,
    transition: Transition::Hmc { leapfrog_steps: 1 },
    transition_step: 0.3,
    cycles: 30,
    min_effective_sample_size: f64::INFINITY,
    refresh_sweeps: 1,
    refresh_block: 1,
    chain: Transition::Mala,
    chain_steps: 2,
    chain_step: 0.05,
    keep: 15,
    scale_steps: true,
    adapt: Some(step_size::Params { target_acceptance: 0.574, rate: 0.3, half_life: 50.0 }),
    estimator: Estimator::MinimumVariance,
};

/// Errors of sampled denoisers at one noise level.
#[derive(Default)]
struct Level {
    /// ‖error‖²
    error: Moments,
    /// The posterior's spread E‖x − D‖².
    spread: Moments,
    /// (D̂ − D)·(D − y) and ‖D − y‖²: their ratio is the relative bias of the score.
    along: Moments,
    score: Moments,
    /// P(d > 0 | y), exact and sampled, and the error.
    exact_right: Moments,
    right: Moments,
    right_error: Moments,
    ess: Moments,
    acceptance: Moments,
    refresh: Moments,
    evaluations: u32,
}

impl Level {
    /// Root of the mean squared error over the posterior's width.
    fn relative_error(&self) -> f64 {
        (self.error.mean() / self.spread.mean()).sqrt()
    }
    /// Relative bias of the score along itself, and its standard error.
    fn bias(&self) -> (f64, f64) {
        (self.along.mean() / self.score.mean(), self.along.standard_error() / self.score.mean())
    }
}

/// Runs the sampler on 16 × `packs` noised points; `inspect` sees each exact posterior with its estimate.
fn measure<T: Exact<N>, const N: usize>(
    target: &T,
    v: f64,
    packs: u64,
    params: &Params,
    mut inspect: impl FnMut(&mut Level, &T::Posterior, &[f64; N]),
) -> Level
where
    T::Energy: Energy<Pack>,
{
    let mut level = Level::default();
    for pack in 0..packs {
        let indices: [u64; L] = core::array::from_fn(|i| pack * L as u64 + i as u64);
        let points = indices.map(|index| target.noised(v, &mut Stream::new(51, Purpose::Noise, index)));
        // What the sampler sees is rounded to f32, and the exact answer is for that.
        let y: [Pack; N] = core::array::from_fn(|j| Lanes(core::array::from_fn(|i| points[i][j] as f32)));
        let mut rng = Streams::<L>::new(51, Purpose::Posterior, indices);
        let (estimate, report) = denoise(&mut rng, target.energy(), &y, Pack::constant(v), params);
        for i in 0..L {
            let y: [f64; N] = core::array::from_fn(|j| y[j].lane_f64(i));
            let posterior = target.condition(&y, v);
            let exact = T::denoiser(&posterior);
            let sampled: [f64; N] = core::array::from_fn(|j| estimate.denoiser[j].lane_f64(i));
            assert!(sampled.iter().all(|d| d.is_finite()), "v = {v}: {sampled:?}");
            level.error.add(tensor::squared_distance(&sampled, &exact));
            level.spread.add(T::spread(&posterior));
            level.along.add((0..N).map(|j| (sampled[j] - exact[j]) * (exact[j] - y[j])).sum());
            level.score.add(tensor::squared_distance(&exact, &y));
            level.ess.add(report.effective_sample_size.lane_f64(i));
            level.acceptance.add(report.chain_acceptance.lane_f64(i));
            level.refresh.add(report.refresh_acceptance.lane_f64(i));
            assert_eq!(report.divergences.0[i], 0.0);
            inspect(&mut level, &posterior, &sampled);
        }
        level.evaluations = report.evaluations;
    }
    level
}

/// P(d > 0 | y) from the mean of d: exact where the mean is, since the wells' own means are known.
fn sides(level: &mut Level, posterior: &WellsPosterior<32>, sampled: &[f64; 32]) {
    for (k, well) in posterior.wells.iter().enumerate() {
        let (right, mean_left, mean_right) = well.sides();
        level.exact_right.add(right);
        let got = if right > 1e-9 && right < 1.0 - 1e-9 {
            (sampled[2 * k] - mean_left) / (mean_right - mean_left)
        } else {
            f64::from(sampled[2 * k] > 0.0)
        };
        level.right.add(got);
        level.right_error.add(got - right);
    }
}

/// The error is that of ESS independent samples, and the score is not biased, at every level.
#[test]
fn importance_sampling_denoises_mog40() {
    println!("\n| target | v | posterior sd | ESS of 256 | RMS error of D / sd | relative bias of the score |");
    println!("|---|---|---|---|---|---|");
    for v in levels(0.16, 60.0, 8) {
        let level = measure(&mog(), v, 128, &IMPORTANCE, |_, _, _| ());
        let (bias, error) = level.bias();
        println!(
            "| MoG-40 | {v:.2} | {:.2} | {:.0} | {:.3} | {bias:+.4} ± {error:.4} |",
            (level.spread.mean() / 2.0).sqrt(),
            level.ess.mean(),
            level.relative_error(),
        );
        assert!(level.relative_error() < 1.5 / level.ess.mean().sqrt(), "v = {v}: {}", level.relative_error());
        assert!(v > 0.2 || (0.9..1.0).contains(&(level.ess.mean() / 256.0)), "v = {v}: {:?}", level.ess);
        assert!(bias.abs() < tolerance::IMPORTANCE_BIAS + tolerance::Z * error, "v = {v}: {bias} ± {error}");
    }
}

/// What the chain reaches at one level of Many-Well-32, as a row of the table.
fn wells_row(target: &Wells<32>, v: f64, params: &Params) -> Level {
    let level = measure(target, v, 16, params, sides);
    let (bias, error) = level.bias();
    println!(
        "| Many-Well-32 | {v:.2} | {} | {} | {:.3} | {:.3} | {bias:+.4} ± {error:.4} | {:.4} | {:.4} | {:.4} | {:.2}, \
         {:.2} | {} |",
        params.cycles,
        if params.refresh_sweeps > 0 { "yes" } else { "no" },
        (level.spread.mean() / 32.0).sqrt(),
        level.relative_error(),
        level.exact_right.mean(),
        level.right.mean(),
        (level.right_error.variance() + level.right_error.mean().powi(2)).sqrt(),
        level.acceptance.mean(),
        level.refresh.mean(),
        level.evaluations,
    );
    level
}

#[test]
fn chains_denoise_many_well_32() {
    let target = Wells::<32>::new();
    println!(
        "\n| target | v | cycles | refresh | posterior sd | RMS error of D / sd | relative bias of the score | \
         P(d>0) exact | sampled | RMS error of P(d>0 given y) | acceptance MALA, refresh | evaluations |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for v in levels(0.05, 3.0, 8) {
        for cycles in [20, 40] {
            let level = wells_row(&target, v, &Params { cycles, keep: cycles / 2, ..CHAIN });
            let (bias, error) = level.bias();
            let right = level.right_error;
            if cycles == 40 {
                assert!(bias.abs() < tolerance::CHAIN_BIAS + tolerance::Z * error, "v = {v}: {bias} ± {error}");
                let limit = tolerance::CHAIN_RIGHT + tolerance::Z * right.standard_error();
                assert!(right.mean().abs() < limit, "v = {v}: P(d > 0) is {} off", right.mean());
                assert!(level.relative_error() < tolerance::CHAIN_ERROR, "v = {v}: {}", level.relative_error());
            }
        }
        // Without refreshes, Langevin dynamics stays where annealing left it: from the noise at which wells merge in the
        // posterior on, both the score and the wells' weights are wrong.
        let level = wells_row(&target, v, &Params { cycles: 40, keep: 20, refresh_sweeps: 0, ..CHAIN });
        if v > 0.9 {
            let (bias, error) = level.bias();
            assert!(bias < -tolerance::CHAIN_BIAS - tolerance::Z * error, "v = {v}: {bias} ± {error}");
            let limit = tolerance::CHAIN_RIGHT + tolerance::Z * level.right_error.standard_error();
            assert!(level.right_error.mean() < -limit, "v = {v}: {:?}", level.right_error);
        }
    }
}

/// The particle that a chain starts from is drawn by its weight: it is distributed as the posterior.
#[test]
fn resampled_particle_is_a_posterior_sample() {
    let (y, v) = (0.3, 1.5);
    let line = Line::new(-4.0, 4.0, 8001, |x| x.powi(4) - 2.0 * x * x - 0.5 * x + 0.5 * (x - y).powi(2) / (v * v));
    let start = Params { cycles: 1, chain_steps: 0, estimator: Estimator::Denoising, ..IMPORTANCE };
    // With a chain, its last state is one.
    let chain = Params { cycles: 40, particles: 2, chain_steps: 1, ..start };
    for params in [
        start,
        Params { levels: 5, transition_step: 0.3, particles: 64, ..start },
        chain,
        Params { chain: Transition::Hmc { leapfrog_steps: 4 }, chain_step: 0.3, ..chain },
    ] {
        let mut values = Vec::new();
        for pack in 0..1024 {
            let mut rng = Streams::<L>::new(54, Purpose::Test, core::array::from_fn(|i| pack * L as u64 + i as u64));
            let (estimate, _) = denoise(&mut rng, &DoubleWell, &[Pack::constant(y)], Pack::constant(v), &params);
            values.extend((0..L).map(|i| estimate.denoiser[0].lane_f64(i)));
        }
        let ratio = kolmogorov_smirnov_ratio(&mut values, |x| line.distribution(x));
        assert!(ratio < 1.0, "{params:?}: {ratio}");
    }
}

/// A target that is NaN in a half space: the estimate is that of the other half, and what was rejected is counted.
#[test]
fn energies_that_are_not_finite_do_not_spoil_the_estimate() {
    let (y, v) = (0.3, 1.0);
    let line = Line::new(0.0, 4.0, 8001, |x| x.powi(4) - 2.0 * x * x - 0.5 * x + 0.5 * (x - y).powi(2) / (v * v));
    let chain = Params { cycles: 40, keep: 20, refresh_sweeps: 1, chain_steps: 2, particles: 8, levels: 4, ..CHAIN };
    for params in [IMPORTANCE, Params { levels: 4, ..IMPORTANCE }, chain] {
        // Target scores are wrong at a hard wall (Stein's identity has a boundary term): x itself is asked for.
        let params = Params { estimator: Estimator::Denoising, ..params };
        let (mut denoiser, mut energy) = (Moments::default(), Moments::default());
        for pack in 0..256 {
            let mut rng = Streams::<L>::new(52, Purpose::Test, core::array::from_fn(|i| pack * L as u64 + i as u64));
            let y = [Pack::constant(y)];
            let (estimate, report) = denoise(&mut rng, &RightHalf(DoubleWell), &y, Pack::constant(v), &params);
            for i in 0..L {
                assert!(report.divergences.0[i] > 0.0);
                denoiser.add(estimate.denoiser[0].lane_f64(i));
                energy.add(report.energy.lane_f64(i));
            }
        }
        let sd = line.mean(|x| (x - line.mean(|x| x)).powi(2)).sqrt();
        let error = denoiser.mean() - line.mean(|x| x);
        assert!(error.abs() < 0.01 * sd + tolerance::Z * denoiser.standard_error(), "{params:?}: {error}");
        let error = energy.mean() - line.mean(|x| x.powi(4) - 2.0 * x * x - 0.5 * x);
        assert!(error.abs() < 0.01 + tolerance::Z * energy.standard_error(), "{params:?}: energy {error}");
    }
}

/// Where no energy is finite there is no estimate: it is NaN, not something plausible, and everything is counted.
#[test]
fn without_any_finite_energy_there_is_no_estimate() {
    struct Nowhere;
    impl Energy<f32> for Nowhere {
        fn dim(&self) -> usize {
            2
        }
        fn energy_and_gradient(&self, _: &[f32], gradient: &mut [f32]) -> f32 {
            gradient.fill(f32::NAN);
            f32::NAN
        }
        fn energy(&self, _: &[f32]) -> f32 {
            f32::NAN
        }
    }
    for params in [IMPORTANCE, CHAIN] {
        let mut rng = Stream::new(53, Purpose::Test, 0);
        let (estimate, report) = denoise(&mut rng, &Nowhere, &[0.0; 2], 1.0, &params);
        assert!(estimate.denoiser.iter().all(|d| d.is_nan()), "{estimate:?}");
        assert!(report.divergences >= params.particles as f32, "{report:?}");
    }
}

/// A bowl that is to be left after so many evaluations.
struct Closing {
    evaluations: std::cell::Cell<u32>,
    after: u32,
}

impl<S: Scalar> Energy<S> for Closing {
    fn dim(&self) -> usize {
        2
    }

    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        gradient.copy_from_slice(x);
        self.energy(x)
    }

    fn energy(&self, x: &[S]) -> S {
        self.evaluations.set(self.evaluations.get() + 1);
        S::constant(0.5) * tensor::squared_norm(x)
    }

    fn stopped(&self) -> bool {
        self.evaluations.get() >= self.after
    }
}

#[test]
fn a_sampler_that_is_told_to_stop_ends_between_two_steps() {
    let forever = u32::MAX;
    for params in [
        Params { particles: forever, ..IMPORTANCE },
        Params { levels: forever, ..CHAIN },
        Params { cycles: forever, ..CHAIN },
        Params { refresh_sweeps: forever, ..CHAIN },
        Params { chain_steps: forever, ..CHAIN },
    ] {
        let energy = Closing { evaluations: 0.into(), after: 1000 };
        denoise(&mut Stream::new(1, Purpose::Test, 0), &energy, &[0.3_f64, -0.2], 0.5, &params);
        // A sweep of both coordinates, or one step, and the energies of where it ends.
        assert!((1000..1010).contains(&energy.evaluations.get()), "{}: {params:?}", energy.evaluations.get());
    }
}

#[test]
#[should_panic(expected = "a point must have as many coordinates as the energy")]
fn a_point_of_another_length_is_refused_even_where_the_energy_does_not_look() {
    let energy = Closing { evaluations: 0.into(), after: 1000 };
    denoise(&mut Stream::new(1, Purpose::Test, 0), &energy, &[0.3_f64, -0.2, 0.1], 0.5, &CHAIN);
}
