//! Every energy: its gradient against finite differences, its two methods against each other, f32 against f64, and the
//! exact samplers against known expectations.

mod common;

use common::exact::{Exact, Wells, gradient, levels, mog};
use common::golden::assert_close;
use common::rows::{Number, bits};
use common::statistics::{Moments, kolmogorov_smirnov_ratio};
use common::targets::{Case, DoubleWell, RightHalf, Visitor, every_energy};
use common::tolerance;
use kiln_core::energy::{GaussianMixture, InvalidMixture, ManyWell, mog40};
use kiln_core::random::{Purpose, Stream};
use kiln_core::{Energy, Lanes};

const POINTS: u64 = 50;

struct FiniteDifferences;
impl Visitor for FiniteDifferences {
    fn visit<C: Case<N>, const N: usize>(&mut self) {
        const STEP: f64 = 3e-5;
        let energy = C::at::<f64>();
        for index in 0..POINTS {
            let x = C::point(index);
            let g = gradient(&energy, &x);
            let scale = g.iter().fold(1.0_f64, |a, g| a.max(g.abs()));
            for i in 0..N {
                let (mut above, mut below) = (x, x);
                above[i] += STEP;
                below[i] -= STEP;
                let difference = (energy.energy(&above) - energy.energy(&below)) / (above[i] - below[i]);
                let error = (difference - g[i]).abs() / scale;
                assert!(error < tolerance::FINITE_DIFFERENCE, "{}: {difference} for {} ({error:e})", C::NAME, g[i]);
            }
        }
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    every_energy(&mut FiniteDifferences);
}

struct SameValue;
impl Visitor for SameValue {
    fn visit<C: Case<N>, const N: usize>(&mut self) {
        let energy = C::at::<f64>();
        for index in 0..POINTS {
            let x = C::point(index);
            let both = energy.energy_and_gradient(&x, &mut [0.0; N]);
            assert_close(C::NAME, energy.energy(&x), both, tolerance::SAME_ENERGY);
        }
    }
}

#[test]
fn both_methods_give_the_same_energy() {
    every_energy(&mut SameValue);
}

/// To the bit: samplers compare the one with the other.
struct SameBits;
impl SameBits {
    fn check<S: Number, C: Case<N>, const N: usize>() {
        let energy = C::at::<S>();
        for index in 0..POINTS {
            let points: [[f64; N]; 16] = core::array::from_fn(|lane| C::point(16 * index + lane as u64));
            let x: [S; N] = core::array::from_fn(|i| S::pack(|lane| points[lane][i]));
            let both = energy.energy_and_gradient(&x, &mut [S::zero(); N]);
            assert_eq!(bits(&[energy.energy(&x)]), bits(&[both]), "{}", C::NAME);
        }
    }
}
impl Visitor for SameBits {
    fn visit<C: Case<N>, const N: usize>(&mut self) {
        Self::check::<f32, C, N>();
        Self::check::<f64, C, N>();
        Self::check::<Lanes<16>, C, N>();
    }
}

#[test]
fn both_methods_give_the_same_bits() {
    every_energy(&mut SameBits);
}

/// The dimension is the registry's, and slices of another length are refused with a message that says so.
struct Lengths;
impl Lengths {
    fn check<S: Number, C: Case<N>, const N: usize>() {
        let energy = C::at::<S>();
        assert_eq!(energy.dim(), N, "{}", C::NAME);
        for (point, gradient) in [(N - 1, N), (N + 1, N), (N, N - 1), (N, N + 1), (2 * N, 2 * N), (0, 0)] {
            let x = vec![S::constant(0.3); point];
            let both = || energy.energy_and_gradient(&x, &mut vec![S::zero(); gradient]);
            refuses(&format!("{} with {point} and {gradient}", C::NAME), both);
            if point != N {
                refuses(&format!("{} with {point}", C::NAME), || energy.energy(&x));
            }
        }
        let mut g = vec![S::zero(); N];
        energy.energy_and_gradient(&vec![S::constant(0.3); N], &mut g);
    }
}
impl Visitor for Lengths {
    fn visit<C: Case<N>, const N: usize>(&mut self) {
        Self::check::<f32, C, N>();
        Self::check::<f64, C, N>();
        Self::check::<Lanes<16>, C, N>();
    }
}

fn refuses<S>(what: &str, work: impl FnOnce() -> S) {
    let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) else { panic!("{what} passes") };
    let message = panic.downcast_ref::<&str>().copied();
    assert_eq!(message, Some("a point must have as many coordinates as the energy"), "{what}");
}

#[test]
fn slices_of_another_length_are_refused() {
    every_energy(&mut Lengths);
}

struct SinglePrecision {
    worst: (f64, f64),
}
impl Visitor for SinglePrecision {
    fn visit<C: Case<N>, const N: usize>(&mut self) {
        let (single, double) = (C::at::<f32>(), C::at::<f64>());
        for index in 0..10 * POINTS {
            let x = C::point(index);
            let mut g = [0.0; N];
            let e = double.energy_and_gradient(&x, &mut g);
            let mut g32 = [0.0; N];
            let e32 = single.energy_and_gradient(&x.map(|x| x as f32), &mut g32);
            // Σ |x ∂E/∂x| measures the terms that cancel in E.
            let terms: f64 = x.iter().zip(&g).map(|(x, g)| (x * g).abs()).sum();
            let energy_error = (f64::from(e32) - e).abs() / (1.0 + e.abs() + terms);
            let scale = g.iter().fold(1.0_f64, |a, g| a.max(g.abs()));
            let gradient_error = g.iter().zip(&g32).map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max) / scale;
            assert!(energy_error < tolerance::SINGLE_ENERGY, "{}: {e32} for {e} ({energy_error:e})", C::NAME);
            assert!(gradient_error < tolerance::SINGLE_GRADIENT, "{}: {g32:?} for {g:?}", C::NAME);
            self.worst = (self.worst.0.max(energy_error), self.worst.1.max(gradient_error));
        }
    }
}

#[test]
fn single_precision_agrees_with_double() {
    let mut check = SinglePrecision { worst: (0.0, 0.0) };
    every_energy(&mut check);
    println!("largest relative errors in f32: energy {:.1e}, gradient {:.1e}", check.worst.0, check.worst.1);
}

/// A convolved mixture's score gives the denoiser, which is also the mean over responsibilities.
#[test]
fn convolved_mixture_gives_the_exact_denoiser() {
    let target = mog();
    for v in levels(0.16, 60.0, 8) {
        let convolved = mog40().convolved(v);
        for index in 0..POINTS {
            let y = target.noised(v, &mut Stream::new(3, Purpose::Test, index));
            let exact = common::exact::Mixture::<40, 2>::denoiser(&target.condition(&y, v));
            let g = gradient(&convolved, &y);
            for i in 0..2 {
                let denoiser = y[i] - v * v * g[i];
                assert!((denoiser - exact[i]).abs() < 25.0 * tolerance::EXACT_DENOISER, "{denoiser} {}", exact[i]);
            }
        }
    }
}

/// MoG-40's energy stays finite, and points home, wherever a network may throw a sample.
#[test]
fn mog40_is_finite_everywhere() {
    for x in [1e3, 1e6, 1e18, -1e30] {
        let mut g = [0.0_f32; 2];
        let e = mog40().energy_and_gradient(&[x, -x], &mut g);
        assert!(e.is_finite() && g.iter().all(|g| g.is_finite()), "{x}: {e} {g:?}");
        assert!(g[0] * x > 0.0 && g[1] * x < 0.0, "{x}: {g:?}");
    }
    let e: f32 = mog40().energy(&[f32::NAN, 0.0]);
    assert!(e.is_nan(), "{e}");
}

#[test]
fn mixtures_reject_bad_arguments() {
    let new = |mean, weight, width| GaussianMixture::new([[mean], [0.0]], [weight, 0.5], [width, 1.0]);
    assert!(new(0.0, 0.5, 1.0).is_ok());
    assert_eq!(new(f64::NAN, 0.5, 1.0), Err(InvalidMixture::Mean));
    assert_eq!(new(f64::INFINITY, 0.5, 1.0), Err(InvalidMixture::Mean));
    for weight in [0.6, 0.0, -0.5, f64::NAN] {
        assert_eq!(new(0.0, weight, 1.0), Err(InvalidMixture::Weights), "{weight}");
    }
    for width in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        assert_eq!(new(0.0, 0.5, width), Err(InvalidMixture::StandardDeviation), "{width}");
    }
}

#[test]
fn mog40_samples_have_the_known_log_density() {
    // E[log p] = −6.860 ± 0.001 is known from elsewhere; 1e6 samples have a standard error of 0.001.
    let target = mog40();
    let log_p = Moments::of((0..1_000_000).map(|i| {
        let x = target.sample(&mut Stream::new(4, Purpose::Reference, i));
        -target.energy(&x)
    }));
    let error = (log_p.standard_error().powi(2) + 0.001_f64.powi(2)).sqrt();
    let z = (log_p.mean() + 6.860) / error;
    assert!(z.abs() < tolerance::Z, "{} ± {error}", log_p.mean());
}

/// Every mode's mean responsibility is its weight, and E‖x‖² follows from means and widths.
#[test]
fn mog40_samples_have_the_right_modes() {
    let target = mog40();
    let variance = 2.0 * target.standard_deviations()[0].powi(2);
    let mut responsibilities = [Moments::default(); 40];
    let mut squares = Moments::default();
    for i in 0..100_000 {
        let x = target.sample(&mut Stream::new(5, Purpose::Reference, i));
        let densities = target.means().map(|m| (-((x[0] - m[0]).powi(2) + (x[1] - m[1]).powi(2)) / variance).exp());
        let total: f64 = densities.iter().sum();
        for (moments, density) in responsibilities.iter_mut().zip(densities) {
            moments.add(density / total);
        }
        squares.add(x.iter().map(|x| x * x).sum());
    }
    for moments in responsibilities {
        moments.assert_mean("responsibility", 1.0 / 40.0);
    }
    let exact = target.means().iter().flatten().map(|m| m * m).sum::<f64>() / 40.0 + variance;
    squares.assert_mean("E‖x‖²", exact);
}

/// Expectations of Many-Well-32, given to five or six digits.
#[test]
fn many_well_samples_have_the_known_expectations() {
    let line = Wells::<2>::new().well();
    assert_eq!(ManyWell::<2>::RIGHT_WELL, 0.844_31);
    assert!((line.sides().0 - 0.844_31).abs() < tolerance::FIVE_DIGITS, "{}", line.sides().0);
    assert!((line.mean(|d| d) - 1.187_96).abs() < tolerance::FIVE_DIGITS);
    assert!((line.mean(|d| d * d) - 2.959_81).abs() < tolerance::FIVE_DIGITS);
    let log_z = line.log_normaliser + 0.5 * core::f64::consts::TAU.ln();
    assert!((log_z - ManyWell::<2>::LOG_Z).abs() < 1e-9, "{log_z}");

    let (mut right, mut first, mut second, mut v2, mut energies) =
        (Moments::default(), Moments::default(), Moments::default(), Moments::default(), Moments::default());
    let mut positions = Vec::new();
    for i in 0..100_000 {
        let x = ManyWell::<32>.sample(&mut Stream::new(6, Purpose::Reference, i));
        for pair in x.chunks_exact(2) {
            right.add(f64::from(pair[0] > 0.0));
            first.add(pair[0]);
            second.add(pair[0] * pair[0]);
            v2.add(pair[1] * pair[1]);
            positions.push(pair[0]);
        }
        energies.add(ManyWell::<32>.energy(&x));
    }
    right.assert_mean("P(d > 0)", line.sides().0);
    first.assert_mean("E d", line.mean(|d| d));
    second.assert_mean("E d²", line.mean(|d| d * d));
    v2.assert_mean("E v²", 1.0);
    energies.assert_mean("mean energy", -137.1985);
    let variance = Moments::of((0..100_000).map(|i| {
        let x = ManyWell::<32>.sample(&mut Stream::new(6, Purpose::Reference, i));
        (ManyWell::<32>.energy(&x) + 137.1985).powi(2)
    }));
    variance.assert_mean("variance of the energy", 4.8374 * 4.8374);
    let ks = kolmogorov_smirnov_ratio(&mut positions, |d| line.distribution(d));
    assert!(ks < 1.0, "distribution of d: {ks}");
}

/// The test's own energies say what they claim to.
#[test]
fn half_space_is_not_a_number() {
    let energy = RightHalf(DoubleWell);
    let mut g = [0.0_f64; 1];
    assert!(energy.energy_and_gradient(&[-0.1], &mut g).is_nan() && g[0].is_nan());
    assert_eq!(energy.energy_and_gradient(&[1.0], &mut g), -1.5);
    assert_eq!(g[0], -0.5);
}
