//! The shares of a mixture's cells, by the energy itself.
//!
//! A fit counts states, and half of an exploration knows a share of a fifth to 0.005. Draws of the fitted cells, which cost an evaluation
//! each, know it better. J of them take the place of a block's coordinates in a state x₀, whose other coordinates stay;
//! with w = exp(-E) / q of the state and of the draws, Σ wᵢ rₖ(xᵢ) / Σ wᵢ is on average over states the share E\[rₖ\] of
//! cell k, however well the fit q does, if the states are those of the target (Tjelmeland 2004, *Using all Metropolis-Hastings
//! proposals to estimate mean values*; iterated sampling importance resampling of Andrieu, Lee, Vihola 2018). Where draws of the fit are never
//! of any weight it counts states as before.

use super::coordinates::wide;
use crate::frame::Frame;
use crate::target::Target;
use kiln_core::random::{Purpose, Stream};
use kiln_metrics::gaussians::Fit;
use kiln_metrics::measure::energies;
use rayon::prelude::*;

/// Draws beside a state.
pub const DRAWS: usize = 32;
/// States whose draws are evaluated together.
const AT_ONCE: usize = 256;
/// Fewer states say nothing.
const LEAST_STATES: usize = 32;
/// Streams of draws begin here; a block has this many.
const DRAW_STREAMS: u64 = 9 << 40;
const STREAMS_OF_A_BLOCK: u64 = 1 << 32;

/// States with their energies.
pub struct States<'a> {
    pub target: &'a Target,
    pub frame: &'a Frame,
    /// In free coordinates.
    pub rows: &'a [&'a [f64]],
    pub energies: &'a [f64],
    pub seed: u64,
}

/// A fit of some of the free coordinates, each about a centre in units of a width.
pub struct Fitted<'a> {
    pub number: usize,
    pub fit: &'a Fit,
    pub coordinates: &'a [usize],
    pub centre: &'a [f64],
    pub widths: &'a [f64],
}

impl States<'_> {
    /// The shares of a fit's components for so many evaluations at most, and how many were spent; none where they are too few.
    pub fn shares(&self, fitted: &Fitted<'_>, evaluations: u64) -> Option<(Vec<f64>, u64)> {
        let all = self.rows.len();
        let n = all.min(evaluations as usize / DRAWS);
        if n < LEAST_STATES {
            return None;
        }
        let mut sums = vec![0.0; fitted.fit.len()];
        let chosen: Vec<usize> = (0..n).map(|k| k * all / n).collect();
        for part in chosen.chunks(AT_ONCE) {
            let drawn: Vec<Drawn> = part.par_iter().map(|at| self.drawn(fitted, *at)).collect();
            let places: Vec<f64> = drawn.iter().flat_map(|drawn| &drawn.places).copied().collect();
            let energies = energies(self.target, &places);
            for (drawn, energies) in drawn.iter().zip(energies.chunks_exact(DRAWS)) {
                let shares = drawn.shares(energies);
                sums.iter_mut().zip(shares.iter().flatten()).for_each(|(sum, share)| *sum += share);
            }
        }
        let total: f64 = sums.iter().sum();
        (total > 0.0).then(|| (sums.into_iter().map(|sum| sum / total).collect(), (n * DRAWS) as u64))
    }

    /// One state and the draws beside it.
    fn drawn(&self, fitted: &Fitted<'_>, at: usize) -> Drawn {
        let Fitted { number, fit, coordinates, centre, widths } = *fitted;
        let stream = DRAW_STREAMS + number as u64 * STREAMS_OF_A_BLOCK + at as u64;
        let mut stream = Stream::new(self.seed, Purpose::Exploration, stream);
        let (row, bounds) = (self.rows[at], |k: usize| wide(self.frame.bound(k)));
        let mut x: Vec<f64> = row.iter().enumerate().map(|(k, y)| bounds(k).map(*y).x).collect();
        let mut part: Vec<f64> = coordinates.iter().map(|k| (row[*k] - centre[*k]) / widths[*k]).collect();
        let volume = coordinates.iter().map(|k| bounds(*k).map(row[*k]).log_slope).sum::<f64>();
        let (density, shares) = fit.log_density_and_shares(&part);
        let mut drawn = Drawn { state: (volume - self.energies[at] - density, shares), ..Drawn::default() };
        for _ in 0..DRAWS {
            fit.draw(&mut stream, &mut part);
            let mut volume = 0.0;
            for (k, part) in coordinates.iter().zip(&part) {
                let mapped = bounds(*k).map(centre[*k] + widths[*k] * part);
                x[*k] = mapped.x;
                volume += mapped.log_slope;
            }
            let (density, shares) = fit.log_density_and_shares(&part);
            drawn.places.extend_from_slice(&x);
            drawn.draws.push(([volume, density], shares));
        }
        drawn
    }
}

/// A state and the draws beside it.
#[derive(Default)]
struct Drawn {
    /// The state's log weight, and the components' shares at it.
    state: (f64, Vec<f64>),
    /// The draws (draws, dim) in the user's coordinates.
    places: Vec<f64>,
    /// The logarithms of their volume and of the fit's density, and the components' shares.
    draws: Vec<([f64; 2], Vec<f64>)>,
}

impl Drawn {
    /// The shares that the draws' energies give; none where neither the state nor a draw has an energy.
    fn shares(&self, energies: &[f64]) -> Option<Vec<f64>> {
        let (own, shares) = &self.state;
        let draws = self.draws.iter().zip(energies);
        let draws = draws.map(|(([volume, density], shares), energy)| (volume - energy - density, shares));
        let all: Vec<(f64, &Vec<f64>)> = std::iter::once((*own, shares)).chain(draws).collect();
        let most = all.iter().map(|(weight, _)| *weight).filter(|weight| weight.is_finite()).reduce(f64::max)?;
        let mut sums = vec![0.0; shares.len()];
        let mut total = 0.0;
        for (weight, shares) in all.iter().filter(|(weight, _)| weight.is_finite()) {
            let weight = (weight - most).exp();
            total += weight;
            sums.iter_mut().zip(*shares).for_each(|(sum, share)| *sum += weight * share);
        }
        Some(sums.into_iter().map(|sum| sum / total).collect())
    }
}

/// What a state's weight has to be multiplied by where the shares of a fit's components are others than those that the states have of
/// them: a number a state.
pub fn corrections(parts: &[Vec<f64>], shares: &[f64]) -> Vec<f64> {
    let n = parts.len() as f64;
    let counted = |k: usize| parts.iter().map(|part| part[k]).sum::<f64>() / n;
    let ratios: Vec<f64> =
        shares.iter().enumerate().map(|(k, share)| share / counted(k).max(f64::MIN_POSITIVE)).collect();
    parts.iter().map(|part| part.iter().zip(&ratios).map(|(part, ratio)| part * ratio).sum()).collect()
}

/// Which states to take, as many as there are weights, each as often as its weight says: systematic resampling (Kitagawa 1996).
pub fn resampled(weights: &[f64], start: f64) -> Vec<usize> {
    let total: f64 = weights.iter().sum();
    let (mut sum, mut taken) = (0.0, Vec::with_capacity(weights.len()));
    for (at, weight) in weights.iter().enumerate() {
        sum += weight / total * weights.len() as f64;
        while (taken.len() as f64) + start < sum && taken.len() < weights.len() {
            taken.push(at);
        }
    }
    // What rounding left.
    taken.resize(weights.len(), weights.len() - 1);
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_core::frame::Bound;
    use kiln_core::random::Randomness as _;
    use kiln_core::{Energy, Scalar};
    use kiln_metrics::cholesky::Cholesky;

    /// The share of the lower well.
    const LOWER: f64 = 0.3;

    /// y = log x₁ has wells of width 0.5 about -2 and 2; x₀ is about 0.2 y.
    struct Wells;

    impl<S: Scalar> Energy<S> for Wells {
        fn dim(&self) -> usize {
            2
        }
        fn energy_and_gradient(&self, _: &[S], _: &mut [S]) -> S {
            unreachable!("shares need no gradient")
        }
        fn energy(&self, x: &[S]) -> S {
            let y = x[1].ln();
            let well = |share: f64, at: f64| {
                let off = y - S::constant(at);
                S::constant(share) * (-S::constant(2.0) * off * off).exp()
            };
            let off = x[0] - S::constant(0.2) * y;
            S::constant(0.5) * off * off + y - (well(LOWER, -2.0) + well(1.0 - LOWER, 2.0)).ln()
        }
    }

    /// Exact states in free coordinates.
    fn states(n: usize) -> Vec<[f64; 2]> {
        let mut stream = Stream::new(1, Purpose::Test, 0);
        let mut one = || {
            let (mut noise, share): ([f64; 2], f64) = ([0.0; 2], stream.uniform());
            stream.fill_normal(&mut noise);
            let y = 0.5 * noise[1] + if share < LOWER { -2.0 } else { 2.0 };
            [0.2 * y + noise[0], y]
        };
        (0..n).map(|_| one()).collect()
    }

    /// Shares by a fit with means as given, of which both components have a half; and what was spent.
    fn found(means: [f64; 2], evaluations: u64) -> Option<(Vec<f64>, u64)> {
        let target = Target::new("wells", Wells);
        let frame = Frame::of_widths(vec![0.0; 2], vec![1.0; 2], &[Bound::None, Bound::Low(0.0)]).unwrap();
        let all = states(2000);
        let rows: Vec<&[f64]> = all.iter().map(|y| &y[..]).collect();
        let energies: Vec<f64> = all.iter().map(|[x, y]| target.energy(&[*x, y.exp()])).collect();
        let part = |mean: f64| (0.5, vec![mean / 2.0], Cholesky::diagonal(&[0.3]));
        let fit = Fit::new(means.map(part).to_vec()).unwrap();
        let fitted = Fitted { number: 0, fit: &fit, coordinates: &[1], centre: &[0.0; 2], widths: &[1.0, 2.0] };
        let states = States { target: &target, frame: &frame, rows: &rows, energies: &energies, seed: 3 };
        states.shares(&fitted, evaluations)
    }

    #[test]
    fn shares_are_those_of_the_energy_better_than_states_count_them() {
        let counted = states(2000).iter().filter(|y| y[1] < 0.0).count() as f64 / 2000.0;
        assert!((counted - LOWER).abs() > 0.005, "these states say nothing: {counted}");
        let (shares, spent) = found([-2.0, 2.0], 64_000).unwrap();
        // Some 40,000 draws in effect: four standard errors are 0.009; half of that is what the states are off by.
        assert!((shares[0] - LOWER).abs() < 0.5 * (counted - LOWER).abs().max(0.009), "{shares:?}, counted {counted}");
        assert_eq!(spent, 64_000);
    }

    #[test]
    fn a_useless_fit_counts_states_and_too_few_evaluations_are_none() {
        // Draws lie a hundred widths away, where no state is: all states are of the nearer component.
        let (shares, _) = found([80.0, 100.0], 64_000).unwrap();
        assert_eq!(shares, [1.0, 0.0]);
        assert_eq!(found([-2.0, 2.0], 1000), None);
    }

    #[test]
    fn states_are_taken_as_often_as_shares_say() {
        let parts = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]].map(Vec::from);
        assert_eq!(corrections(&parts, &[0.25, 0.75]), [0.5, 0.5, 1.5, 1.5]);
        assert_eq!(resampled(&[0.5, 0.5, 1.5, 1.5], 0.25), [0, 2, 2, 3]);
        assert_eq!(resampled(&[1.0; 4], 0.5), [0, 1, 2, 3]);
        assert_eq!(resampled(&[0.0, 2.0, 0.0], 0.9), [1, 1, 1]);
    }
}
