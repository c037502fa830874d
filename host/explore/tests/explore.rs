//! Explorations of energies whose truth is known, and of ones that cannot work, as a caller sees them.
//!
//! Budgets are small and seeds fixed. Bounds on means and masses are 2.3 standard errors or more at an effective sample size of
//! 1,000, which these explorations exceed.

use kiln_core::Energy;
use kiln_core::symmetry::Symmetry;
use kiln_explore::{Bound, Enough, Exploration, Refusal, Settings, Start, explore};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// E and its gradient.
type Function = fn(&[f64], &mut [f64]) -> f64;

/// A function as an energy that counts its calls.
struct Own {
    dim: usize,
    function: Function,
    symmetry: Symmetry,
    /// Points of a call.
    together: usize,
    calls: AtomicU64,
    /// Calls for several points, and their points.
    calls_for_many: AtomicU64,
    of_many: AtomicU64,
}

impl Own {
    fn new(dim: usize, function: Function) -> Self {
        let [calls, calls_for_many, of_many] = [const { AtomicU64::new(0) }; 3];
        Self { dim, function, symmetry: Symmetry::None, together: 1, calls, calls_for_many, of_many }
    }
}

impl Energy<f64> for Own {
    fn dim(&self) -> usize {
        self.dim
    }
    fn energy_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        self.calls.fetch_add(1, Ordering::Relaxed);
        (self.function)(x, gradient)
    }
    fn energy(&self, x: &[f64]) -> f64 {
        self.calls.fetch_add(1, Ordering::Relaxed);
        (self.function)(x, &mut vec![0.0; self.dim])
    }
    fn energies_and_gradients(&self, x: &[f64], energies: &mut [f64], gradients: &mut [f64]) {
        assert!(energies.len() <= self.together);
        self.calls_for_many.fetch_add(1, Ordering::Relaxed);
        self.of_many.fetch_add(energies.len() as u64, Ordering::Relaxed);
        let rows = x.chunks_exact(self.dim).zip(gradients.chunks_exact_mut(self.dim));
        energies.iter_mut().zip(rows).for_each(|(energy, (x, gradient))| *energy = (self.function)(x, gradient));
    }
    fn symmetry(&self) -> Symmetry {
        self.symmetry
    }
    fn together(&self) -> usize {
        self.together
    }
}

/// Two unit Gaussians twelve apart, of masses 0.2 and 0.8, normalised but for a constant of 1.
fn two_modes(x: &[f64], gradient: &mut [f64]) -> f64 {
    let part = |centre: f64, mass: f64| {
        let square: f64 = x.iter().enumerate().map(|(k, x)| (x - if k == 0 { centre } else { 0.0 }).powi(2)).sum();
        mass * (-0.5 * square).exp().max(1e-300)
    };
    let (left, right) = (part(-6.0, 0.2), part(6.0, 0.8));
    let share = right / (left + right);
    gradient.copy_from_slice(x);
    gradient[0] = x[0] + 6.0 - 12.0 * share;
    -(left + right).ln()
}

/// N(0, 1) in every coordinate.
/// v ~ N(0, 3²), the others ~ N(0, exp(v)).
fn funnel(x: &[f64], gradient: &mut [f64]) -> f64 {
    let (v, rest) = (x[0], &x[1..]);
    let square: f64 = rest.iter().map(|x| x * x).sum();
    gradient[0] = v / 9.0 - 0.5 * (-v).exp() * square + 0.5 * rest.len() as f64;
    gradient[1..].iter_mut().zip(rest).for_each(|(g, x)| *g = (-v).exp() * x);
    v * v / 18.0 + 0.5 * (-v).exp() * square + 0.5 * v * rest.len() as f64
}

fn bowl(x: &[f64], gradient: &mut [f64]) -> f64 {
    gradient.copy_from_slice(x);
    0.5 * x.iter().map(|x| x * x).sum::<f64>()
}

fn found(energy: &Own, settings: &Settings) -> Result<Exploration, Refusal> {
    explore(energy, settings, &|_| {}, &AtomicBool::new(false))
}

fn column(found: &Exploration, at: usize) -> Vec<f64> {
    found.rows.iter().skip(at).step_by(found.dim).copied().collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn refusal(function: Function, dim: usize) -> Refusal {
    found(&Own::new(dim, function), &Settings::new(dim, 300_000, 1)).map(|found| found.reasons).unwrap_err()
}

#[test]
fn an_exploration_ends_when_there_is_what_was_wanted_and_not_before() {
    let with = |effective: f64, states: usize| {
        let enough = Some(Enough { effective, r_hat: 1.01, states });
        found(&Own::new(3, bowl), &Settings { enough, ..Settings::new(3, 4_000_000, 7) }).unwrap()
    };
    let (more, states) = (with(20_000.0, 0), with(3000.0, 30_000));
    assert!(more.effective() >= 20_000.0 && more.r_hat() <= 1.01, "{}", more.effective());
    assert!(states.ladders * states.frames >= 30_000, "{} of {}", states.frames, states.ladders);
    let few = with(3000.0, 0);
    assert!(few.effective() >= 3000.0 && few.evaluations < states.evaluations.min(more.evaluations));
    assert!(more.evaluations < 4_000_000);
}

#[test]
fn every_evaluation_is_counted_and_none_is_beyond_the_budget() {
    // With a neck trajectories are as long as they come.
    for (dim, budget, function) in [(3, 300_000, bowl as Function), (3, 60_000, bowl), (3, 300_000, funnel)] {
        let energy = Own::new(dim, function);
        let found = found(&energy, &Settings::new(dim, budget, 1)).unwrap();
        assert_eq!(found.evaluations, energy.calls.load(Ordering::Relaxed));
        assert!(found.evaluations <= budget, "{} of {budget}", found.evaluations);
        assert_eq!(found.rows.len(), found.ladders * found.frames * dim);
        assert_eq!(found.energies.len(), found.ladders * found.frames);
        // The energies are the user's, at the user's points.
        for (row, kept) in found.rows.chunks_exact(dim).zip(&found.energies).take(100) {
            assert!((energy.energy(row) - kept).abs() < 1e-9);
        }
    }
}

#[test]
fn one_seed_is_one_result_whatever_the_threads() {
    let with = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| found(&Own::new(2, two_modes), &Settings::new(2, 200_000, seed)).unwrap().rows)
    };
    let one = with(1, 4);
    assert_eq!(one, with(3, 4));
    assert_ne!(one, with(1, 5));
}

#[test]
fn an_energy_that_is_called_gets_the_points_of_all_chains_and_the_result_is_the_same() {
    let (one_by_one, mut called) = (Own::new(4, two_modes), Own::new(4, two_modes));
    called.together = 50;
    let asked = Settings::new(4, 300_000, 3);
    let [alone, together] = [&one_by_one, &called].map(|energy| found(energy, &asked).unwrap());
    assert!(alone.rows == together.rows && alone.figures == together.figures);
    assert_eq!(alone.evaluations, together.evaluations);
    let [calls, points, single] =
        [&called.calls_for_many, &called.of_many, &called.calls].map(|count| count.load(Ordering::Relaxed));
    assert_eq!(points + single, together.evaluations);
    // All but the probe's; 32 ladders move at such a budget.
    assert!(single < 1000 && points > 25 * calls, "{points} points in {calls} calls, {single} alone");
}

#[test]
fn modes_have_their_masses_and_the_constant_is_right() {
    for seed in [1, 2, 3] {
        let found = found(&Own::new(5, two_modes), &Settings::new(5, 1_000_000, seed)).unwrap();
        let right = column(&found, 0).iter().filter(|x| **x > 0.0).count() as f64 / found.energies.len() as f64;
        assert!((right - 0.8).abs() < 0.04, "{right}");
        let (log_z, error) = found.log_z.unwrap();
        let truth = 2.5 * std::f64::consts::TAU.ln();
        assert!((log_z - truth).abs() < 0.1 && error < 0.05, "{log_z} ± {error}, {truth}");
        assert!(found.r_hat() < 1.05 && found.effective() > 1000.0, "{} {}", found.r_hat(), found.effective());
        assert!(found.reasons.is_empty(), "{:?}", found.reasons);
        assert!(!found.cells.is_empty() && found.figures.iter().any(|figure| figure.name.starts_with("cell")));
    }
}

#[test]
fn the_neck_of_a_funnel_is_reached() {
    let found = found(&Own::new(6, funnel), &Settings::new(6, 4_000_000, 1)).unwrap();
    assert!(found.reasons.is_empty(), "{:?}", found.reasons);
    let mut v = column(&found, 0);
    v.sort_by(f64::total_cmp);
    // Quantiles of N(0, 3²); the first two are in the neck, whose width is a fiftieth and a tenth there.
    for (share, truth) in [(0.01, -6.98), (0.05, -4.93), (0.5, 0.0), (0.95, 4.93)] {
        let at = v[(share * v.len() as f64) as usize];
        assert!((at - truth).abs() < 0.5, "{share}: {at} for {truth}");
    }
}

#[test]
fn far_and_thin_distributions_are_found_from_scattered_starts() {
    // N(50, 0.01²) and N(-30, 20²).
    fn thin(x: &[f64], gradient: &mut [f64]) -> f64 {
        let (a, b) = ((x[0] - 50.0) / 0.01, (x[1] + 30.0) / 20.0);
        (gradient[0], gradient[1]) = (a / 0.01, b / 20.0);
        0.5 * (a * a + b * b)
    }
    let found = found(&Own::new(2, thin), &Settings::new(2, 400_000, 2)).unwrap();
    for (at, centre, sd) in [(0, 50.0, 0.01), (1, -30.0, 20.0)] {
        let x = column(&found, at);
        let spread = mean(&x.iter().map(|x| (x - centre).powi(2)).collect::<Vec<_>>()).sqrt();
        assert!((mean(&x) - centre).abs() < 0.15 * sd && (spread / sd - 1.0).abs() < 0.1, "{} {spread}", mean(&x));
    }
}

#[test]
fn walls_and_holes_in_the_domain_leave_right_samples() {
    /// Gamma(3, 1), NaN below 0.
    fn gamma(x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.iter_mut().zip(x).for_each(|(g, x)| *g = 1.0 - 2.0 / x);
        x.iter().map(|x| if *x < 0.0 { f64::NAN } else { x - 2.0 * x.ln() }).sum()
    }
    /// N(1, 1) cut off at 0 in the first coordinate.
    fn wall(x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.iter_mut().zip(x).for_each(|(g, x)| *g = x - 1.0);
        if x[0] < 0.0 { f64::INFINITY } else { 0.5 * x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() }
    }
    let mut settings = Settings::new(2, 400_000, 3);
    let open = found(&Own::new(2, gamma), &settings).unwrap();
    // Declared bounds: no state can be outside, and the result is the same distribution.
    settings.bounds = vec![Bound { low: 0.0, high: f64::INFINITY }; 2];
    let bounded = found(&Own::new(2, gamma), &settings).unwrap();
    for found in [open, bounded] {
        assert!(found.rows.iter().all(|x| *x > 0.0));
        assert!((mean(&found.rows) - 3.0).abs() < 0.15, "{}", mean(&found.rows));
    }
    let found = found(&Own::new(2, wall), &Settings::new(2, 400_000, 3)).unwrap();
    let first = column(&found, 0);
    assert!(first.iter().all(|x| *x >= 0.0));
    // φ(1)/Φ(1) above 1.
    assert!((mean(&first) - 1.2876).abs() < 0.06, "{}", mean(&first));
}

#[test]
fn wrong_gradients_are_refused_with_the_coordinate_and_both_values() {
    fn sign(x: &[f64], gradient: &mut [f64]) -> f64 {
        let energy = bowl(x, gradient);
        gradient[1] = -gradient[1];
        energy
    }
    fn half(x: &[f64], gradient: &mut [f64]) -> f64 {
        let energy = bowl(x, gradient);
        gradient[2] *= 0.5;
        energy
    }
    fn nothing(x: &[f64], gradient: &mut [f64]) -> f64 {
        let energy = bowl(x, gradient);
        gradient[0] = f64::NAN;
        energy
    }
    let refused = refusal(sign, 3);
    assert!(refused.message.contains("x1") && refused.message.contains("its sign is wrong"), "{refused}");
    let refused = refusal(half, 3);
    assert!(refused.message.contains("x2") && refused.message.contains("0.500 times"), "{refused}");
    refusal(nothing, 3);
}

#[test]
fn energies_that_are_no_distribution_or_no_function_are_refused() {
    fn flat(_: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        0.0
    }
    fn lost(_: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        f64::NAN
    }
    assert!(refusal(flat, 2).message.contains("no finite integral"), "{}", refusal(flat, 2));
    assert!(refusal(lost, 2).message.contains("no finite number at any"), "{}", refusal(lost, 2));
    let settings = Settings { start: Start::At(vec![f64::NAN; 2]), ..Settings::new(2, 300_000, 1) };
    let refused = found(&Own::new(2, bowl), &settings).map(|found| found.reasons).unwrap_err();
    assert!(refused.message.contains("starts that were given"), "{refused}");
    let random = Own::new(2, bowl);
    struct Noisy<'a>(&'a Own);
    impl Energy<f64> for Noisy<'_> {
        fn dim(&self) -> usize {
            2
        }
        fn energy_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
            self.0.energy_and_gradient(x, gradient) + 0.1 * (self.0.calls.load(Ordering::Relaxed) % 7) as f64
        }
        fn energy(&self, x: &[f64]) -> f64 {
            self.energy_and_gradient(x, &mut [0.0; 2])
        }
    }
    let refused = explore(&Noisy(&random), &Settings::new(2, 300_000, 1), &|_| {}, &AtomicBool::new(false));
    assert!(refused.map(|found| found.reasons).unwrap_err().message.contains("at one point"));
}

#[test]
fn particles_keep_their_mean_and_a_symmetry_that_does_not_hold_is_refused() {
    let symmetry = Symmetry::Particles { count: 4, dimensions: 2 };
    let well = kiln_core::energy::DoubleWell::<4, 2>;
    let found = explore(&well, &Settings::new(8, 400_000, 1), &|_| {}, &AtomicBool::new(false)).unwrap();
    for row in found.rows.chunks_exact(8) {
        for axis in 0..2 {
            assert!(row.iter().skip(axis).step_by(2).sum::<f64>().abs() < 1e-9);
        }
    }
    assert!(found.figures.iter().any(|figure| figure.name == "mean distance"));
    let energy = Own {
        symmetry,
        ..Own::new(8, |x, gradient| {
            let energy = bowl(x, gradient);
            gradient[0] *= 2.0;
            energy + 0.5 * x[0] * x[0]
        })
    };
    let refused = explore(&energy, &Settings::new(8, 300_000, 1), &|_| {}, &AtomicBool::new(false));
    let message = refused.map(|found| found.reasons).unwrap_err().message;
    assert!(message.contains("turned, mirrored and renumbered"), "{message}");
}

#[test]
fn chains_that_begin_in_one_point_find_how_wide_it_is() {
    // Three particles whose descent ends at the lowest point, and starts that are all the same; with few evaluations.
    let springs: Function = |x, gradient| {
        let all = || (0..3).flat_map(|i| (0..3).map(move |j| (i, j)));
        gradient.fill(0.0);
        all().for_each(|(i, j)| (0..2).for_each(|k| gradient[2 * i + k] += x[2 * i + k] - x[2 * j + k]));
        0.25 * all().map(|(i, j)| (0..2).map(|k| (x[2 * i + k] - x[2 * j + k]).powi(2)).sum::<f64>()).sum::<f64>()
    };
    let symmetry = Symmetry::Particles { count: 3, dimensions: 2 };
    let pool = found(&Own { symmetry, ..Own::new(6, springs) }, &Settings::new(6, 50_000, 0)).unwrap();
    // E is half of a sum of squares, of four free coordinates.
    assert!((mean(&pool.energies) - 2.0).abs() < 0.3, "{}", mean(&pool.energies));
    let same = Settings { start: Start::At(vec![5.0; 2]), ..Settings::new(2, 50_000, 0) };
    let pool = found(&Own::new(2, bowl), &same).unwrap();
    assert!((mean(&pool.energies) - 1.0).abs() < 0.2, "{}", mean(&pool.energies));
}

#[test]
fn a_stop_ends_it_and_too_small_a_budget_says_so() {
    let stopped = explore(&Own::new(2, bowl), &Settings::new(2, 300_000, 1), &|_| {}, &AtomicBool::new(true));
    assert!(stopped.map(|found| found.reasons).unwrap_err().interrupted);
    let refused = found(&Own::new(2, bowl), &Settings::new(2, 4000, 1)).map(|found| found.reasons).unwrap_err();
    assert!(refused.message.contains("too few"), "{refused}");
}
