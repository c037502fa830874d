//! Which of several samplers is best, asked without reference samples: from samples, energies and gradients alone.
//!
//! **Stein's identity**: for samples of p ∝ exp(-E) and any smooth field f that does not grow too fast,
//! E\[∇·f - f·∇E\] = 0 (integration by parts). A finite set of fields f is taken, and
//! Σ_f |mean(∇·f - f·∇E)| / Σ_f (mean|∇·f| + mean|f·∇E|), between 0 and 1, is how far the samples miss it:
//! - *energy*: f = φ(E) x with bumps φ along the energy. Summed over all φ it is the virial identity E\[x·∇E\] = number
//!   of free coordinates; bump by bump it fixes the shape of the distribution of energies;
//! - *structure*: for particles f = h(r_ij) r̂_ij summed over pairs, with bumps h along the distance: the Born-Green-Yvon
//!   identity, which fixes the distances; otherwise f = h(x_k) e_k, one coordinate at a time.
//!
//! Collapse cannot pay: at a minimum ∇E = 0, but ∇·f is not 0, and the ratio is 1. Too cold, too hot, blurred and
//! rescaled samples miss it in proportion. Every field ends smoothly above the energies that a sampler should have, so
//! that one contact does not decide; the share of samples there is the third part, *lost*.
//!
//! **What it does not see**: identities are local. Weights of modes between which hardly any density lies, missing modes
//! among them, leave them intact, and so does a set of few frames that is itself typical as soon as it has a few hundred
//! different ones. [`free_energy`] sees missing modes where neighbours among the samples are near enough to tell their
//! density: DW-4 and Many-Well-32, not Lennard-Jones clusters, whose frames lie turned and relabelled.

use crate::measure::energies_and_gradients;
use crate::statistic::median;
use kiln_core::Energy;
use kiln_core::symmetry::Symmetry;
use rayon::prelude::*;
use std::ops::AddAssign;

/// Bumps of the energy, in units of √(free/2) from the median: a harmonic energy's own standard deviation.
const ENERGY_BUMPS: std::ops::RangeInclusive<i32> = -4..=6;
/// Bumps of distances, between the 1 % and 99 % quantiles.
const DISTANCE_BUMPS: usize = 16;
/// Bumps of a coordinate, likewise.
const COORDINATE_BUMPS: usize = 12;
/// Where the fields of the structure end, and where samples count as lost, in the same units.
const END: f64 = 6.0;
const LOST: f64 = 8.0;

/// How far samples miss Stein's identity: 0 for exact ones but for chance, at most 1 a part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stein {
    /// By fields along the energy.
    pub energy: f64,
    /// By fields along distances or coordinates.
    pub structure: f64,
    /// Share of samples whose energy is not finite or far above the median.
    pub lost: f64,
}

impl Stein {
    /// One figure, lower is better: the sum. 2000 exact samples of DW-4, LJ-13 and Many-Well-32 score 0.02 to 0.06.
    pub fn score(&self) -> f64 {
        self.energy + self.structure + self.lost
    }
}

/// The score of samples (rows, dim), their energies and gradients (rows, dim): see [`Stein::score`].
pub fn score(symmetry: Symmetry, samples: &[f32], energies: &[f64], gradients: &[f64]) -> f64 {
    stein(symmetry, samples, energies, gradients).score()
}

/// The same with energies and gradients from the target's true energy, one evaluation a sample.
pub fn stein_of<E: Energy<f64> + Sync + ?Sized>(target: &E, samples: &[f32]) -> Stein {
    let (energies, gradients) = energies_and_gradients(target, samples);
    stein(target.symmetry(), samples, &energies, &gradients)
}

/// A sample with what is known of it.
struct Sample<'a> {
    x: &'a [f32],
    gradient: &'a [f64],
    /// (E - median)/scale.
    level: f64,
}

/// Sums of ∇·f and f·∇E over samples, field by field.
#[derive(Clone, Copy, Default)]
struct Balance {
    sum: f64,
    size: f64,
}

impl Balance {
    fn add(&mut self, divergence: f64, force: f64) {
        self.sum += divergence - force;
        self.size += divergence.abs() + force.abs();
    }
}

impl AddAssign for Balance {
    fn add_assign(&mut self, other: Self) {
        self.sum += other.sum;
        self.size += other.size;
    }
}

fn ratio(fields: &[Balance]) -> f64 {
    let size: f64 = fields.iter().map(|field| field.size).sum();
    if size > 0.0 { fields.iter().map(|field| field.sum.abs()).sum::<f64>() / size } else { 1.0 }
}

/// How far samples (rows, dim) with their energies and gradients (rows, dim) miss Stein's identity.
pub fn stein(symmetry: Symmetry, samples: &[f32], energies: &[f64], gradients: &[f64]) -> Stein {
    let rows = energies.len().max(1);
    let dim = (samples.len() / rows).max(1);
    let free = symmetry.free_coordinates(dim) as f64;
    let scale = (free / 2.0).sqrt();
    let finite: Vec<f64> = energies.iter().copied().filter(|energy| energy.is_finite()).collect();
    let middle = median(&finite);
    let usable: Vec<Sample<'_>> = samples
        .chunks_exact(dim)
        .zip(gradients.chunks_exact(dim))
        .zip(energies)
        .map(|((x, gradient), energy)| Sample { x, gradient, level: (energy - middle) / scale })
        .filter(|s| s.level <= LOST + END && s.gradient.iter().all(|g| g.is_finite()))
        .collect();
    let kept = usable.iter().filter(|sample| sample.level <= LOST).count();
    let structure = match symmetry {
        Symmetry::Particles { dimensions, .. } => pairs(&usable, dimensions, scale),
        Symmetry::None => coordinates(&usable, dim, scale),
    };
    Stein {
        energy: ratio(&along_energy(&usable, free, scale)),
        structure: ratio(&structure),
        lost: 1.0 - kept as f64 / rows as f64,
    }
}

/// f = φ(E) x: ∇·f = φ free + φ' x·∇E.
fn along_energy(samples: &[Sample<'_>], free: f64, scale: f64) -> Vec<Balance> {
    let mut fields = vec![Balance::default(); ENERGY_BUMPS.count()];
    for sample in samples {
        let virial: f64 = sample.x.iter().zip(sample.gradient).map(|(x, g)| f64::from(*x) * g).sum();
        for (field, centre) in fields.iter_mut().zip(ENERGY_BUMPS) {
            let (phi, slope) = bump(sample.level, f64::from(centre), 1.0);
            field.add(phi * free + slope / scale * virial, phi * virial);
        }
    }
    fields
}

/// f_i = χ(E) Σ_j h(r_ij) r̂_ij: ∇·f = χ Σ_{i<j} 2 (h' + (d - 1) h/r) + χ' F, f·∇E = χ F with
/// F = Σ_{i<j} h(r_ij) r̂_ij · (∇_i E - ∇_j E).
fn pairs(samples: &[Sample<'_>], dimensions: usize, scale: f64) -> Vec<Balance> {
    // (r, r̂ · (∇_i E - ∇_j E)) of every pair, sample by sample.
    let measured: Vec<Vec<(f64, f64)>> = samples.par_iter().map(|sample| sample.pairs(dimensions)).collect();
    let distances = measured.iter().flatten().map(|(r, _)| *r).collect();
    let bumps = Bumps::over(distances, DISTANCE_BUMPS);
    let across = (dimensions.max(1) - 1) as f64;
    let parts = samples.par_iter().zip(&measured).map(|(sample, pairs)| {
        let (chi, slope) = end(sample.level);
        let field = |k: usize| {
            let (mut divergence, mut force) = (0.0, 0.0);
            for (r, along) in pairs {
                let (h, h1) = bump(*r, bumps.centre(k), bumps.width);
                divergence += 2.0 * (h1 + across * h / r.max(1e-9));
                force += h * along;
            }
            let mut field = Balance::default();
            field.add(chi * divergence + slope / scale * force, chi * force);
            field
        };
        (0..DISTANCE_BUMPS).map(field).collect::<Vec<_>>()
    });
    total(parts.collect(), DISTANCE_BUMPS)
}

/// f = χ(E) h(x_k) e_k, all bumps of all coordinates.
fn coordinates(samples: &[Sample<'_>], dim: usize, scale: f64) -> Vec<Balance> {
    (0..dim)
        .into_par_iter()
        .flat_map_iter(|k| {
            let bumps = Bumps::over(samples.iter().map(|s| f64::from(s.x[k])).collect(), COORDINATE_BUMPS);
            let mut fields = [Balance::default(); COORDINATE_BUMPS];
            for sample in samples {
                let (chi, slope) = end(sample.level);
                for (at, field) in fields.iter_mut().enumerate() {
                    let (h, h1) = bump(f64::from(sample.x[k]), bumps.centre(at), bumps.width);
                    let force = h * sample.gradient[k];
                    field.add(chi * h1 + slope / scale * force, chi * force);
                }
            }
            fields
        })
        .collect()
}

/// Sums sample by sample, in their order.
fn total(parts: Vec<Vec<Balance>>, fields: usize) -> Vec<Balance> {
    let mut sums = vec![Balance::default(); fields];
    parts.iter().for_each(|part| sums.iter_mut().zip(part).for_each(|(sum, field)| *sum += *field));
    sums
}

impl Sample<'_> {
    fn pairs(&self, dimensions: usize) -> Vec<(f64, f64)> {
        let particles: Vec<_> = self.x.chunks_exact(dimensions).zip(self.gradient.chunks_exact(dimensions)).collect();
        let mut pairs = Vec::with_capacity(particles.len() * particles.len() / 2);
        for (i, (a, ga)) in particles.iter().enumerate() {
            for (b, gb) in &particles[..i] {
                let (mut square, mut along) = (0.0, 0.0);
                for k in 0..dimensions {
                    let d = f64::from(a[k]) - f64::from(b[k]);
                    square += d * d;
                    along += d * (ga[k] - gb[k]);
                }
                let r = square.sqrt();
                pairs.push((r, along / r.max(1e-9)));
            }
        }
        pairs
    }
}

/// Evenly spaced bumps, as wide as they are apart.
struct Bumps {
    low: f64,
    width: f64,
}

impl Bumps {
    /// Between the 1 % and 99 % quantiles.
    fn over(mut values: Vec<f64>, count: usize) -> Self {
        let Some(last) = values.len().checked_sub(1) else { return Self { low: 0.0, width: 1.0 } };
        let mut quantile = |share: f64| {
            let at = (share * last as f64).round() as usize;
            *values.select_nth_unstable_by(at, f64::total_cmp).1
        };
        let (low, high) = (quantile(0.01), quantile(0.99));
        Self { low, width: ((high - low) / (count - 1) as f64).max(1e-6) }
    }

    fn centre(&self, k: usize) -> f64 {
        self.low + self.width * k as f64
    }
}

/// exp(-½ ((x - centre)/width)²) and its derivative.
fn bump(x: f64, centre: f64, width: f64) -> (f64, f64) {
    let t = (x - centre) / width;
    let value = (-0.5 * t * t).exp();
    (value, -t / width * value)
}

/// χ, from 1 to 0 around [`END`], and its derivative by the level.
fn end(level: f64) -> (f64, f64) {
    let value = 1.0 / (1.0 + (2.0 * (level - END)).exp());
    (value, -2.0 * value * (1.0 - value))
}

/// Most samples whose neighbours are looked for: n²/2 distances.
const NEIGHBOURS: usize = 2000;

/// An estimate of the free energy E\[E\] - entropy (up to a constant that depends on the number of samples and
/// coordinates alone), which by Gibbs' inequality is least for p itself: lower is better. Samples that are
/// [lost](Stein::lost) are left out of it.
///
/// The entropy is that of Kozachenko & Leonenko (1987), from the distance of every sample to its nearest neighbour in
/// the first 2000; repeated samples drive it to -∞. Its error grows with the dimension, so that it compares samplers of
/// one target, not targets. In nats; NaN for fewer than two samples.
///
/// **Misleading on clusters** such as LJ-13: frames lie turned and relabelled, so that no neighbour is near and the entropy
/// hardly depends on the samples; the least energy wins.
pub fn free_energy(symmetry: Symmetry, samples: &[f32], energies: &[f64]) -> f64 {
    let dim = (samples.len() / energies.len().max(1)).max(1);
    let free = symmetry.free_coordinates(dim) as f64;
    let finite: Vec<f64> = energies.iter().copied().filter(|energy| energy.is_finite()).collect();
    let highest = median(&finite) + LOST * (free / 2.0).sqrt();
    let kept: Vec<(&[f32], f64)> = samples
        .chunks_exact(dim)
        .zip(energies.iter().copied())
        .filter(|(_, energy)| *energy <= highest)
        .take(NEIGHBOURS)
        .collect();
    if kept.len() < 2 {
        return f64::NAN;
    }
    let nearest = |i: usize| {
        let others = kept.iter().enumerate().filter(|(j, _)| *j != i);
        let squared = |y: &[f32]| kept[i].0.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f32>();
        others.map(|(_, (y, _))| squared(y)).fold(f32::INFINITY, f32::min)
    };
    // Copies are at least one rounding apart.
    let log_distance = |i: usize| 0.5 * f64::from(nearest(i).max(1e-30)).ln();
    let n = kept.len() as f64;
    let entropy = free * (0..kept.len()).into_par_iter().map(log_distance).collect::<Vec<_>>().iter().sum::<f64>() / n
        + (n - 1.0).ln();
    kept.iter().map(|(_, energy)| energy).sum::<f64>() / n - entropy
}
