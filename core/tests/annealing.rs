//! Annealed importance sampling gives unbiased normalisers, with either transition; importance weights and resampling do
//! what they say; energies that are not finite are counted.

mod common;

use common::by_value::{anneal, resample};
use common::exact::{Line, Wells};
use common::statistics::{Moments, chi_square_ratio};
use common::targets::{DoubleWell, RightHalf};
use common::tolerance;
use kiln_core::dynamics::annealing::{self, Residual};
use kiln_core::dynamics::{Info, Kernel, State, Workspace, hmc, importance, langevin};
use kiln_core::energy::{Gaussian, MANY_WELL_32_LOG_Z, ManyWell};
use kiln_core::random::{Purpose, Randomness, Stream, Streams};
use kiln_core::{Energy, Lanes, Scalar};

const L: usize = 16;
type Pack = Lanes<L>;

fn gaussian<const N: usize>(mean: f64, width: f64) -> Gaussian<[Pack; N]> {
    Gaussian { mean: [Pack::constant(mean); N], standard_deviation: Pack::constant(width) }
}

fn hmc(length: f64, steps: u32) -> hmc::Params<Pack> {
    hmc::Params { step_size: Pack::constant(length), steps }
}

fn mala(h: f64) -> langevin::Params<Pack> {
    langevin::Params { step_size: Pack::constant(h) }
}

/// Weights and acceptance of `count` particles.
fn weights<E: Energy<Pack>, K: Kernel<[Pack; N]>, const N: usize>(
    reference: &Gaussian<[Pack; N]>,
    target: &E,
    levels: u32,
    kernel: K,
    count: u64,
) -> (Vec<f64>, f64) {
    let params = annealing::Params { levels, kernel };
    let (mut log_weights, mut acceptance) = (Vec::new(), 0.0);
    for pack in 0..count / L as u64 {
        let mut rng = Streams::<L>::new(31, Purpose::Test, core::array::from_fn(|i| pack * L as u64 + i as u64));
        let (particle, report) = anneal(&mut rng, (&reference.mean, reference.standard_deviation), target, &params);
        log_weights.extend(particle.log_weight.0.map(f64::from));
        acceptance += report.acceptance.0.iter().map(|a| f64::from(*a)).sum::<f64>();
    }
    (log_weights, acceptance / count as f64)
}

/// Z of [`gaussian_case`]: the target's density convolved with the reference, at its centre.
fn gaussian_z() -> f64 {
    let variance = 0.5_f64.powi(2) + 1.2_f64.powi(2);
    (-0.5 * 3.0 * 0.8_f64.powi(2) / variance).exp() / (core::f64::consts::TAU * variance).powf(1.5)
}

/// How many standard errors the mean weight lies from Z, for a Gaussian target away from the reference.
fn gaussian_case<K: Kernel<[Pack; 3]>>(levels: u32, kernel: K) -> f64 {
    let (log_weights, acceptance) = weights(&gaussian(0.0, 1.2), &gaussian::<3>(0.8, 0.5), levels, kernel, 131_072);
    assert!(levels == 1 || (0.3..=1.0).contains(&acceptance), "{acceptance}");
    Moments::of(log_weights.iter().map(|l| l.exp())).z(gaussian_z())
}

#[test]
fn mean_weight_is_unbiased_on_a_gaussian() {
    for (name, z) in [
        ("importance sampling", gaussian_case(1, mala(0.1))),
        ("2 levels, MALA", gaussian_case(2, mala(0.1))),
        ("10 levels, MALA", gaussian_case(10, mala(0.1))),
        ("2 levels, HMC", gaussian_case(2, hmc(0.4, 1))),
        ("10 levels, HMC", gaussian_case(10, hmc(0.4, 1))),
        ("10 levels, HMC with 3 steps", gaussian_case(10, hmc(0.3, 3))),
    ] {
        assert!(z.abs() < tolerance::Z, "{name}: z = {z:.1}");
    }
}

/// A kernel that is not invariant makes the weights wrong, and the same test sees it.
#[test]
fn unadjusted_transitions_are_biased() {
    #[derive(Clone, Copy)]
    struct Unadjusted(langevin::Params<Pack>);
    impl<const N: usize> Kernel<[Pack; N]> for Unadjusted {
        fn step<R: Randomness<Pack>, E: Energy<Pack> + ?Sized>(
            &self,
            rng: &mut R,
            state: &mut State<[Pack; N]>,
            energy: &E,
            workspace: &mut Workspace<[Pack; N]>,
        ) -> Info<Pack> {
            langevin::ula_step(rng, state, &self.0, energy, workspace)
        }
    }
    let z = gaussian_case(10, Unadjusted(mala(0.1)));
    assert!(z.abs() > tolerance::Z, "ULA passes for unbiased: z = {z:.1}");
}

/// More levels make better weights.
#[test]
fn annealing_raises_the_effective_sample_size() {
    let ess = |levels| {
        let (mut w, _) = weights(&gaussian::<3>(0.0, 1.2), &gaussian::<3>(0.8, 0.5), levels, hmc(0.4, 1), 16_384);
        importance::normalise(&mut w).effective_sample_size / 16_384.0
    };
    let sizes = [1, 10, 40, 160].map(ess);
    println!("effective sample size per particle with 1, 10, 40, 160 levels: {sizes:.3?}");
    assert!(sizes.windows(2).all(|s| s[1] > 1.3 * s[0]) && sizes[3] > 0.5, "{sizes:?}");
}

/// log Z of Many-Well-32. The reference leans to the right by as much as the wells differ in depth, so that the share of
/// chains in each well, which freezes half way, is right all along; from a centred one the effective sample size is a
/// twentieth.
#[test]
fn log_z_of_many_well_32() {
    let (width, count, levels) = (1.6, 4096, 800);
    let mut reference = gaussian::<32>(0.0, width);
    for d in reference.mean.iter_mut().step_by(2) {
        *d = Pack::constant(0.5 * width * width);
    }
    let target = Residual { target: ManyWell::<32>, reference };
    let (mut log_weights, acceptance) = weights(&reference, &target, levels, hmc(0.2, 2), count);
    let summary = importance::normalise(&mut log_weights);
    // The relative error of the mean weight.
    let error = (1.0 / summary.effective_sample_size - 1.0 / count as f64).sqrt();
    let deviation = summary.log_mean_weight - MANY_WELL_32_LOG_Z;
    println!(
        "log Z of Many-Well-32: {:.4} ± {error:.4}, exact {MANY_WELL_32_LOG_Z:.4}; {count} particles × {levels} levels, \
         acceptance {acceptance:.2}, effective sample size {:.0}",
        summary.log_mean_weight, summary.effective_sample_size
    );
    assert!(error < 0.08, "{error} is no measurement");
    assert!(deviation.abs() < tolerance::Z * error, "{deviation} ± {error}");
}

/// One well against quadrature, where the error is small enough to see a wrong constant.
#[test]
fn log_z_of_one_well() {
    let reference = gaussian::<2>(0.0, 1.6);
    let target = Residual { target: ManyWell::<2>, reference };
    let (mut log_weights, _) = weights(&reference, &target, 40, hmc(0.2, 2), 32_768);
    let summary = importance::normalise(&mut log_weights);
    let error = (1.0 / summary.effective_sample_size - 1.0 / 32_768.0).sqrt();
    let exact = Wells::<2>::new().well().log_normaliser + 0.5 * core::f64::consts::TAU.ln();
    println!("log Z of one well: {:.5} ± {error:.5}, exact {exact:.5}", summary.log_mean_weight);
    assert!(error < 0.02 && (summary.log_mean_weight - exact).abs() < tolerance::Z * error);
}

/// Particles whose energy is NaN have no weight, whether they start outside or propose to go there; the mean weight is
/// the normaliser of what is left.
#[test]
fn energies_that_are_not_finite_have_no_weight() {
    let (width, levels) = (1.5, 8);
    let (y, v) = ([Pack::constant(0.2)], Pack::constant(width));
    let params = annealing::Params { levels, kernel: hmc(0.4, 1) };
    let (mut values, mut divergences) = (Moments::default(), 0.0);
    for pack in 0..8192 {
        let mut rng = Streams::<L>::new(33, Purpose::Test, core::array::from_fn(|i| pack * L as u64 + i as u64));
        let (particle, report) = anneal(&mut rng, (&y, v), &RightHalf(DoubleWell), &params);
        divergences += report.divergences.0.iter().map(|d| f64::from(*d)).sum::<f64>();
        for (log_weight, x) in particle.log_weight.0.into_iter().zip(particle.state.position[0].0) {
            assert_eq!(log_weight.is_finite(), x >= 0.0, "{x} {log_weight}");
            values.add(if log_weight.is_finite() { f64::from(log_weight).exp() } else { 0.0 });
        }
        assert_eq!(report.evaluations, levels);
    }
    let line = Line::new(0.0, 4.0, 8001, |x| {
        let pull = 0.5 * ((x - 0.2) / width).powi(2) + (width * core::f64::consts::TAU.sqrt()).ln();
        x.powi(4) - 2.0 * x * x - 0.5 * x + pull
    });
    // The trapezoid rule gives half the weight to a boundary where the density does not vanish.
    let boundary = 0.5 * 0.0005 * (-0.5 * (0.2 / width).powi(2)).exp() / (width * core::f64::consts::TAU.sqrt());
    values.assert_mean("Z of the half space", line.log_normaliser.exp() - boundary);
    // Nearly half start outside, and are counted at each of the levels that they cannot leave.
    assert!(divergences > 0.4 * f64::from(levels - 1) * 8192.0 * L as f64, "{divergences}");
}

#[test]
fn weights_are_normalised() {
    let log_weights = [-700.0, -701.0, f64::NAN, -702.5, f64::NEG_INFINITY, -700.5, f64::INFINITY];
    let mut weights = log_weights;
    let summary = importance::normalise(&mut weights);
    let raw = log_weights.map(|l| if l.is_finite() { (l + 700.0).exp() } else { 0.0 });
    let (sum, squares): (f64, f64) = (raw.iter().sum(), raw.iter().map(|w| w * w).sum());
    for (got, want) in weights.iter().zip(raw) {
        assert!((got - want / sum).abs() < 1e-15, "{got} {want}");
    }
    assert!((summary.log_mean_weight - ((sum / 7.0).ln() - 700.0)).abs() < 1e-12);
    assert!((summary.effective_sample_size - sum * sum / squares).abs() < 1e-12);
    assert!(!summary.degenerate);
}

#[test]
fn degenerate_weights_are_told() {
    let mut weights = [f64::NAN, f64::NEG_INFINITY, f64::NAN, f64::INFINITY];
    let summary = importance::normalise(&mut weights);
    assert!(summary.degenerate);
    assert_eq!(weights, [0.25; 4]);
    let mut single = [-3.0_f64];
    let summary = importance::normalise(&mut single);
    assert_eq!((single, summary.effective_sample_size, summary.degenerate), ([1.0], 1.0, false));
    assert!((summary.log_mean_weight + 3.0).abs() < 1e-15);
}

#[test]
fn resampling_follows_the_weights() {
    let probabilities = [0.05, 0.3, 0.01, 0.14, 0.5];
    let mut weights = probabilities.map(|p: f64| p.ln() + 5.0);
    importance::normalise(&mut weights);
    let particles: [[f64; 2]; 5] = core::array::from_fn(|j| [j as f64, -(j as f64)]);
    let mut counts = [0; 5];
    let mut rng = Stream::new(35, Purpose::Test, 0);
    for _ in 0..300_000 {
        let [first, second] = resample(&mut rng, &particles, &weights);
        assert_eq!(first, -second);
        counts[first as usize] += 1;
    }
    let ratio = chi_square_ratio(&counts, &probabilities);
    assert!(ratio < 1.0, "{counts:?}: {ratio}");
    assert!(chi_square_ratio(&counts, &[0.05, 0.3, 0.01, 0.15, 0.49]) > 1.0, "the test sees a change of 0.01");
}
