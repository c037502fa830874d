//! The verdict on a sampler's draws: not "are they equal to the target?", which no finite set can show, but "are they off
//! by more than a tolerance?".
//!
//! Four families of figures, each of one or more members:
//!
//! | | figure | fails above | holds below |
//! |---|---|---|---|
//! | (a) | share of draws without a finite row, energy or gradient, by the exact binomial bounds | 1e-3 | 1e-3 |
//! | (b) | Stein: E\[u_i ∂E/∂u_i\] = 1 and E\[∂E/∂u_i\] = 0 in whitened coordinates u, which the draws tell without a pool | 0.05 | 0.15 |
//! | (c) | Kolmogorov-Smirnov distance of coordinates, principal components and energy to the pool's | 0.03 | 0.09 |
//! | (d) | difference of the masses of cells | 0.015 | 0.05 |
//!
//! Every figure has bounds that are together right with a probability of about 99 %: [`ERROR`] is shared evenly by the
//! families, then by their members (Bonferroni). Those of (a) are exact, (c) and (d) hold up to the effective sample size's
//! own error, (b) rests on the central limit theorem.
//! - **Fails**: a lower bound lies above the family's first limit.
//! - **Holds**: every upper bound lies below the second one.
//! - **Cannot be told**: otherwise; or (c) and (d) would decide and the pool's exploration is not known to have converged
//!   ([`Evidence`]); or there is no pool. A figure that is unknown is never good.
//!
//! For a sampler that is exact, and a pool that is what its evidence says, *fails* is wrong with a probability of at most
//! [`ERROR`]; in practice far less, as a figure has to be off by more than a limit, not by more than nothing (the tests'
//! table counts). For one that is off by more than a *holds* limit in any figure, *holds* is wrong with a probability of
//! at most [`ERROR`].
//!
//! For particles, (b) is the virial, (c) compares ordered distances, the distance of a random pair, the radius of gyration
//! and the energy, (d) cells of energy, distances and radius of gyration: all are the same for frames that are moved,
//! turned, mirrored or relabelled.
//!
//! **A mode that the pool misses too is invisible to every test here.**

mod compare;
mod evidence;
mod features;
mod masses;
mod sentence;
mod stein;
#[cfg(test)]
mod tests;

pub use compare::halves_agree;
pub use evidence::{Evidence, LEAST_EFFECTIVE, LEAST_ROUND_TRIPS, MOST_R_HAT};

use crate::gaussians::Fit;
use crate::number;
use crate::principal::Whitening;
use crate::quantile::share_bounds;
use features::Reference;
use kiln_core::random::Stream;
use kiln_core::symmetry::Symmetry;
use serde::{Deserialize, Serialize};

/// Probability that any bound of a verdict is wrong.
pub const ERROR: f64 = 0.01;
/// What of it each of the four families has.
const FAMILY_ERROR: f64 = ERROR / 4.0;

/// Samples with their energies.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    /// Coordinates (n, dim).
    pub rows: &'a [f32],
    /// Energies (n).
    pub energies: &'a [f64],
}

/// What is judged: independent draws of a sampler.
#[derive(Debug, Clone, Copy)]
pub struct Draws<'a> {
    /// What leaves the energy unchanged.
    pub symmetry: Symmetry,
    /// Coordinates of a draw.
    pub dim: usize,
    /// The draws (n, dim).
    pub samples: Samples<'a>,
    /// ∇E at the draws (n, dim), for (b).
    pub gradients: Option<&'a [f64]>,
}

/// What it is compared with: states of an exploration, split by whole ladders, so that the parts are independent.
#[derive(Debug, Clone, Copy)]
pub struct Pool<'a> {
    /// The part that judges and does nothing else (m, dim).
    pub judging: Samples<'a>,
    /// The part that whitening and cells are fitted to, and that training may have seen.
    pub fitting: Samples<'a>,
    /// The mixture that the exploration fitted, in the coordinates of the rows; without it one is fitted here.
    pub cells: Option<&'a Fit>,
    /// What is known of the judging part.
    pub evidence: Evidence,
}

/// The outcome of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Off by less than the tolerances in every figure.
    Holds,
    /// Off by more than a tolerance.
    Fails,
    /// Neither is certain.
    CannotTell,
}

/// Figures of one kind; where they are unknown they are NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Family {
    /// What is measured.
    pub name: String,
    /// The member that decides: the most certain failure, else the one furthest from holding; without members, why there
    /// are none.
    pub member: String,
    /// Number of members.
    pub members: usize,
    /// How far that member is off.
    #[serde(with = "number")]
    pub value: f64,
    /// The largest lower bound of all members.
    #[serde(with = "number")]
    pub lower: f64,
    /// The largest upper bound of all members; unknown if that of any is.
    #[serde(with = "number")]
    pub upper: f64,
    /// Above this a lower bound fails.
    pub limit_fail: f64,
    /// Below this all upper bounds hold.
    pub limit_hold: f64,
    /// Draws that it is computed from.
    pub n: usize,
    /// Effective samples of the pool that they are compared with; 0 where none are needed.
    #[serde(with = "number")]
    pub m: f64,
}

/// One figure with its bounds.
struct Member {
    name: String,
    value: f64,
    lower: f64,
    upper: f64,
}

impl Member {
    /// A figure that is at least 0, known up to ± half.
    fn around(name: String, value: f64, half: f64) -> Self {
        let lower = if half.is_nan() { f64::NAN } else { f64::max(value - half, 0.0) };
        Self { name, value, lower, upper: value + half }
    }
}

impl Family {
    fn of(name: &str, limits: [f64; 2], n: usize, m: f64, members: Vec<Member>) -> Self {
        let count = members.len();
        let largest = |of: fn(&Member) -> f64| {
            members.iter().reduce(|a, b| if of(b) > of(a) || of(a).is_nan() && !of(b).is_nan() { b } else { a })
        };
        let unknown = members.iter().find(|member| member.upper.is_nan());
        let least_certain = unknown.or_else(|| largest(|member| member.upper));
        let failing = largest(|member| member.lower).filter(|member| member.lower > limits[0]);
        let deciding = failing.or(least_certain);
        Self {
            name: name.into(),
            member: deciding.map_or_else(String::new, |member| member.name.clone()),
            members: count,
            value: deciding.map_or(f64::NAN, |member| member.value),
            lower: largest(|member| member.lower).map_or(f64::NAN, |member| member.lower),
            upper: least_certain.map_or(f64::NAN, |member| member.upper),
            limit_fail: limits[0],
            limit_hold: limits[1],
            n,
            m,
        }
    }

    /// Nothing of it is known, for that reason.
    fn unknown((name, limits): (&str, [f64; 2]), n: usize, m: f64, why: &str) -> Self {
        Self { member: why.into(), ..Self::of(name, limits, n, m, Vec::new()) }
    }

    /// Whether it is off by more than the tolerance for certain.
    pub fn fails(&self) -> bool {
        self.lower > self.limit_fail
    }

    /// Whether it is within the tolerance for certain.
    pub fn holds(&self) -> bool {
        self.upper <= self.limit_hold
    }
}

/// A cell of (d): what of the draws and of the pool's judging part lies in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Share of the draws.
    pub draws: f64,
    /// Share of the pool.
    pub pool: f64,
    /// The mean of the pool's states in it; empty where it has none, and of particles.
    pub middle: Vec<f64>,
}

/// What can be said of the draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The outcome.
    pub outcome: Outcome,
    /// (a), (b), (c), (d) in this order; what could not be computed has figures that are unknown.
    pub families: Vec<Family>,
    /// The cells of (d); empty where there are none, and in verdicts of earlier versions.
    #[serde(default)]
    pub cells: Vec<Cell>,
    /// Why, in one sentence with the figure that decides.
    pub reason: String,
    /// About how many evaluations of energy and gradient would settle it: the pool's in all, grown in proportion to the
    /// effective samples it lacks, and one for each draw where more draws are needed. `None` where it is settled, or
    /// where nothing tells.
    pub needed_evaluations: Option<u64>,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::CannotTell => "cannot be told",
        })
    }
}

impl Verdict {
    /// One line: the outcome, why, and what would settle it.
    pub fn line(&self) -> String {
        let needed = self.needed_evaluations.map(|n| format!("; about {:.0e} evaluations would settle it", n as f64));
        format!("verdict: {}: {}{}", self.outcome, self.reason, needed.unwrap_or_default())
    }
}

/// Names of the families and their limits, *fails* and *holds*.
const LOST: (&str, [f64; 2]) = ("share of lost draws", [1e-3, 1e-3]);
const STEIN: (&str, [f64; 2]) = ("Stein's identity", [0.05, 0.15]);
const KOLMOGOROV: (&str, [f64; 2]) = ("Kolmogorov-Smirnov distance", [0.03, 0.09]);
const MASSES: (&str, [f64; 2]) = ("masses of cells", [0.015, 0.05]);

/// Judges `draws` by a pool, or as far as they can be without one. `stream` is for the fit of cells and for random pairs of
/// particles; the same stream gives the same verdict, whatever the number of threads.
pub fn judge(draws: &Draws<'_>, pool: Option<&Pool<'_>>, stream: &mut Stream) -> Verdict {
    let (dim, symmetry) = (draws.dim, draws.symmetry.fitting(draws.dim));
    let n = draws.samples.energies.len();
    let fits = |samples: &Samples<'_>| dim > 0 && samples.rows.len() == samples.energies.len() * dim;
    let gradients = draws.gradients.filter(|gradients| gradients.len() == n * dim);
    let pool_fits = pool.is_none_or(|pool| fits(&pool.judging) && fits(&pool.fitting));
    if !fits(&draws.samples) || !pool_fits || n == 0 {
        let reason = if n == 0 { "there are no draws" } else { "rows, energies and dimension do not fit each other" };
        return Verdict {
            outcome: Outcome::CannotTell,
            families: [LOST, STEIN, KOLMOGOROV, MASSES].map(|family| Family::unknown(family, n, 0.0, reason)).into(),
            cells: Vec::new(),
            reason: reason.into(),
            needed_evaluations: None,
        };
    }
    let kept: Vec<bool> = (0..n)
        .map(|at| {
            let row = |values: &[f64]| values[at * dim..][..dim].iter().all(|x| x.is_finite());
            draws.samples.is_finite(at, dim) && gradients.is_none_or(row)
        })
        .collect();
    let reference = pool.map(|pool| Reference::of(symmetry, dim, &pool.fitting, pool.cells, stream));
    let seed = stream.next_bits();
    let mut families = vec![lost(&kept)];
    families.push(match gradients {
        None => Family::unknown(STEIN, n, 0.0, "no gradients were given"),
        Some(gradients) => {
            let given = stein::Given { symmetry, dim, samples: draws.samples, gradients, kept: &kept };
            given.family(pool.map(|pool| &pool.fitting), reference.as_ref().and_then(Reference::whitening))
        }
    });
    let lost_energies: Vec<f64> =
        kept.iter().zip(draws.samples.energies).map(|(kept, e)| if *kept { *e } else { f64::NAN }).collect();
    let counted = Samples { rows: draws.samples.rows, energies: &lost_energies };
    let (compared, cells) = match (pool, &reference) {
        (Some(pool), Some(reference)) => {
            let m = pool.evidence.effective_of(pool.judging.energies.len());
            compare::families(&counted, n as f64, &pool.judging, m, reference, seed)
        }
        _ => ([KOLMOGOROV, MASSES].map(|family| Family::unknown(family, n, 0.0, "there is no pool")), Vec::new()),
    };
    families.extend(compared);
    sentence::verdict(families, cells, pool.map(|pool| &pool.evidence))
}

fn lost(kept: &[bool]) -> Family {
    let (n, count) = (kept.len(), kept.iter().filter(|kept| !**kept).count());
    let (lower, upper) = share_bounds(count, n, FAMILY_ERROR);
    let name = format!("{count} of {n} draws");
    Family::of(LOST.0, LOST.1, n, 0.0, vec![Member { name, value: count as f64 / n as f64, lower, upper }])
}

impl Samples<'_> {
    /// Whether a sample has a finite row and a finite energy.
    fn is_finite(&self, at: usize, dim: usize) -> bool {
        self.energies[at].is_finite() && self.rows[at * dim..][..dim].iter().all(|x| x.is_finite())
    }

    /// Finite rows as f64, one after another.
    fn finite_rows(&self, dim: usize) -> Vec<f64> {
        (0..self.energies.len())
            .filter(|at| self.is_finite(*at, dim))
            .flat_map(|at| self.rows[at * dim..][..dim].iter().map(|x| f64::from(*x)))
            .collect()
    }

    /// The whitening of the finite rows.
    fn whitening(&self, dim: usize) -> Option<Whitening> {
        Whitening::of(&self.finite_rows(dim), dim)
    }
}
