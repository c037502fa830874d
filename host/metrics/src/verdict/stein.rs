//! (b) Stein's identity, from the draws and their gradients alone.
//!
//! For p ∝ exp(-E) and every smooth field F that does not grow too fast, E\[div F\] = E\[F·∇E\] (integration by parts). In
//! coordinates u, any fixed affine image of x, F = u_i e_i gives E\[u_i ∂E/∂u_i\] = 1 and F = e_i gives E\[∂E/∂u_i\] = 0: the
//! first is off by the square root of what a width is off by, or the temperature; the second, read in units of the larger
//! of 1 and the standard deviation of ∂E/∂u_i, by how far narrow parts lie from their place for their width. Whitening
//! makes the limits mean the same for every target; as any map will do, a pool that has not converged does no harm.
//!
//! Where a few draws carry the sums, so that their errors are not to be trusted, the field is bounded instead:
//! F = φ(u_i) h(E) e_i with φ = tanh (or 1) and a window h that falls from 1 to 0 above the usual energies, so that
//! E\[φ ∂E/∂u_i (h - h')\] = E\[φ' h\].
//!
//! For particles F = x (without its mean), and E\[x·∇E\] is the number of free coordinates (the virial theorem).

use super::{FAMILY_ERROR, Family, Member, STEIN, Samples};
use crate::principal::Whitening;
use crate::quantile::normal_quantile;
use crate::statistic::Mean;
use kiln_core::symmetry::{Symmetry, remove_mean};
use rayon::prelude::*;

/// Below so many draws no error is trusted.
const LEAST: usize = 100;
/// A sum is carried by a few draws where the largest thousandth has more of the sum of squares than this: 6 % for u² of a
/// Gaussian.
const CARRIED: f64 = 0.25;

/// Draws with gradients.
pub struct Given<'a> {
    pub symmetry: Symmetry,
    pub dim: usize,
    pub samples: Samples<'a>,
    /// (n, dim).
    pub gradients: &'a [f64],
    /// Which draws are not lost.
    pub kept: &'a [bool],
}

/// 1 up to `from`, 0 above `to`, half a cosine between.
struct Window {
    from: f64,
    to: f64,
}

impl Window {
    /// From the 99th percentile of energies, as far again as that lies above the median.
    fn of(energies: impl Iterator<Item = f64>) -> Option<Self> {
        let mut energies: Vec<f64> = energies.filter(|e| e.is_finite()).collect();
        energies.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| energies.get((share * energies.len() as f64) as usize).copied();
        let (median, from) = (at(0.5)?, at(0.99)?);
        (from > median).then_some(Self { from, to: 2.0 * from - median })
    }

    /// h and h' at an energy.
    fn at(&self, energy: f64) -> (f64, f64) {
        let turn = std::f64::consts::PI / (self.to - self.from);
        match energy - self.from {
            below if below <= 0.0 => (1.0, 0.0),
            above if above >= self.to - self.from => (0.0, 0.0),
            within => (0.5 + 0.5 * (turn * within).cos(), -0.5 * turn * (turn * within).sin()),
        }
    }
}

impl Given<'_> {
    /// The family. Whitening and window come from the fitting part of the pool; without one from every other draw, the
    /// rest being measured, as a map that is fitted to what it is used on would fit it too well.
    pub fn family(&self, fitting: Option<&Samples<'_>>, whitening: Option<&Whitening>) -> Family {
        let own = fitting.is_none();
        let kept = || (0..self.kept.len()).filter(|at| self.kept[*at]);
        let measured: Vec<usize> = kept().filter(|at| !own || at % 2 == 1).collect();
        let window = match fitting {
            Some(fitting) => Window::of(fitting.energies.iter().copied()),
            None => Window::of(kept().filter(|at| at % 2 == 0).map(|at| self.samples.energies[at])),
        };
        let n = measured.len();
        if n < LEAST {
            return Family::unknown(STEIN, n, 0.0, "too few draws are left");
        }
        let members = match self.symmetry {
            Symmetry::Particles { .. } => vec![self.virial(&measured, window.as_ref())],
            Symmetry::None => {
                let fitted = if own { self.whitening_of_half() } else { whitening.cloned() };
                let Some(whitening) = fitted else {
                    return Family::unknown(STEIN, n, 0.0, "the samples have no width in some direction");
                };
                let z = normal_quantile(1.0 - 0.5 * FAMILY_ERROR / (2 * self.dim) as f64);
                let member = |i: usize| self.members(i, &measured, &whitening, window.as_ref(), z);
                (0..self.dim).into_par_iter().flat_map_iter(member).collect()
            }
        };
        Family::of(STEIN.0, STEIN.1, n, 0.0, members)
    }

    fn row(&self, at: usize) -> impl Iterator<Item = f64> {
        self.samples.rows[at * self.dim..][..self.dim].iter().map(|x| f64::from(*x))
    }

    fn whitening_of_half(&self) -> Option<Whitening> {
        let half = (0..self.kept.len()).filter(|at| self.kept[*at] && at % 2 == 0);
        Whitening::of(&half.flat_map(|at| self.row(at)).collect::<Vec<_>>(), self.dim)
    }

    /// Both figures of one whitened coordinate.
    fn members(
        &self,
        i: usize,
        measured: &[usize],
        whitening: &Whitening,
        window: Option<&Window>,
        z: f64,
    ) -> [Member; 2] {
        let u: Vec<f64> = measured.iter().map(|at| whitening.component(self.row(*at), i)).collect();
        let g: Vec<f64> = measured
            .iter()
            .map(|at| whitening.gradient_component(&self.gradients[at * self.dim..][..self.dim], i))
            .collect();
        let plain: Vec<f64> = u.iter().zip(&g).map(|(u, g)| u * g).collect();
        let name = format!("u{i} dE/du{i}");
        let width = if carried(&plain) {
            let terms = self.windowed(measured, window, |k| (u[k].tanh(), 1.0 - u[k].tanh().powi(2), g[k]));
            ratio(format!("{name}, bounded"), &terms, z)
        } else {
            ratio(name, &plain.iter().map(|t| [*t, 1.0]).collect::<Vec<_>>(), z)
        };
        let name = format!("dE/du{i}");
        let place = if carried(&g) {
            let terms = self.windowed(measured, window, |k| (1.0, 0.0, g[k]));
            centre(format!("{name}, bounded"), &terms.iter().map(|[a, _]| *a).collect::<Vec<_>>(), z)
        } else {
            centre(name, &g, z)
        };
        [width, place]
    }

    /// φ g (h - h') and φ' h of every measured draw, of φ, φ' and g; NaN without a window.
    fn windowed(
        &self,
        measured: &[usize],
        window: Option<&Window>,
        term: impl Fn(usize) -> (f64, f64, f64),
    ) -> Vec<[f64; 2]> {
        let terms = measured.iter().enumerate().map(|(k, at)| {
            let (h, slope) = window.map_or((f64::NAN, 0.0), |window| window.at(self.samples.energies[*at]));
            let (phi, derivative, g) = term(k);
            [phi * g * (h - slope), derivative * h]
        });
        terms.collect()
    }

    fn virial(&self, measured: &[usize], window: Option<&Window>) -> Member {
        let free = self.symmetry.free_coordinates(self.dim) as f64;
        let virials: Vec<f64> = measured
            .iter()
            .map(|at| {
                let mut x: Vec<f64> = self.row(*at).collect();
                remove_mean(self.symmetry, &mut x);
                x.iter().zip(&self.gradients[at * self.dim..]).map(|(x, g)| x * g).sum()
            })
            .collect();
        let z = normal_quantile(1.0 - 0.5 * FAMILY_ERROR);
        if carried(&virials) {
            return ratio("virial, bounded".into(), &self.windowed(measured, window, |k| (1.0, free, virials[k])), z);
        }
        ratio("virial".into(), &virials.iter().map(|t| [*t, free]).collect::<Vec<_>>(), z)
    }
}

/// Whether a few terms carry the sum of squares.
fn carried(terms: &[f64]) -> bool {
    let mut squares: Vec<f64> = terms.iter().map(|t| t * t).collect();
    let total: f64 = squares.iter().sum();
    let few = squares.len().div_ceil(1000);
    squares.select_nth_unstable_by(few - 1, |a, b| b.total_cmp(a));
    let share = squares[..few].iter().sum::<f64>() / total;
    // An infinite total is carried by its infinite terms.
    total > 0.0 && (share.is_nan() || share > CARRIED)
}

/// |Σ a/Σ b - 1| with the error of a ratio of means.
fn ratio(name: String, terms: &[[f64; 2]], z: f64) -> Member {
    let n = terms.len() as f64;
    let [a, b] = [0, 1].map(|k| terms.iter().map(|t| t[k]).sum::<f64>() / n);
    let ratio = a / b;
    // In the window there must be draws to tell by.
    let most = terms.iter().map(|t| t[1].abs()).fold(0.0, f64::max);
    if b.is_nan() || b <= 0.05 * most {
        return Member::around(name, f64::NAN, f64::NAN);
    }
    let rest: Vec<f64> = terms.iter().map(|t| (t[0] - ratio * t[1]) / b).collect();
    Member::around(name, (ratio - 1.0).abs(), z * Mean::of(&rest).standard_error())
}

/// The mean in units of the larger of 1 and the standard deviation.
fn centre(name: String, terms: &[f64], z: f64) -> Member {
    let mean = Mean::of(terms);
    let unit = if mean.sd > 1.0 { mean.sd } else { 1.0 };
    Member::around(name, mean.mean.abs() / unit, z * mean.standard_error() / unit)
}
