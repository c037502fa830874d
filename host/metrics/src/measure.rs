//! What is measured on every sample: its energy, and its part of the virial.
//!
//! A row with a coordinate that is not finite has no energy, whatever the target's formula says: the log-sum-exp of a
//! mixture, for one, stays finite there.
//!
//! **The virial** E\[(x - c)·∇E\] is the number of free coordinates for every density exp(-E) that vanishes at infinity
//! (integration by parts), whatever the fixed centre c. About the origin, samples that lie far from it for their width
//! drown the figure: its error grows as |c|. Here c is, for each sample, the mean of all others: fixed as far as that sample
//! goes, so that the virial of independent samples has no bias. (For n effective samples of a chain c is not quite
//! independent of its neighbours; what that lowers the virial by, about d/n, is below its error √(2 d/n).) Particles are taken as they are: their
//! energy does not change when a frame is moved, so that its forces add up to zero and no centre matters.

use kiln_core::Energy;
use kiln_core::symmetry::Symmetry;
use rayon::prelude::*;

/// Whether a row can have an energy at all.
pub fn finite<T: Copy + Into<f64>>(row: &[T]) -> bool {
    row.iter().all(|x| (*x).into().is_finite())
}

/// E of every row; NaN where a coordinate is not finite.
pub fn energies<E, T>(target: &E, samples: &[T]) -> Vec<f64>
where
    E: Energy<f64> + Sync + ?Sized,
    T: Copy + Into<f64> + Sync,
{
    if target.together() > 1 {
        return energies_and_gradients(target, samples).0;
    }
    let energy = |x: &mut Vec<f64>, row: &[T]| {
        x.clear();
        x.extend(row.iter().map(|v| (*v).into()));
        if finite(row) { target.energy(x) } else { f64::NAN }
    };
    samples.par_chunks_exact(target.dim().max(1)).map_init(Vec::new, energy).collect()
}

/// E and ∇E (rows, dim) of every row, with one evaluation each; E is NaN where a coordinate is not finite.
pub fn energies_and_gradients<E, T>(target: &E, samples: &[T]) -> (Vec<f64>, Vec<f64>)
where
    E: Energy<f64> + Sync + ?Sized,
    T: Copy + Into<f64> + Sync,
{
    let (dim, together) = (target.dim().max(1), target.together().max(1));
    let n = samples.len() / dim;
    let (mut energies, mut gradients) = (vec![0.0; n], vec![0.0; n * dim]);
    let parts = energies.par_chunks_mut(together).zip(gradients.par_chunks_mut(together * dim));
    let measured = |x: &mut Vec<f64>, ((energies, gradients), rows): ((&mut [f64], &mut [f64]), &[T])| {
        x.clear();
        x.extend(rows.iter().map(|v| (*v).into()));
        target.energies_and_gradients(x, energies, gradients);
        let lost = energies.iter_mut().zip(rows.chunks_exact(dim)).filter(|(_, row)| !finite(row));
        lost.for_each(|(energy, _)| *energy = f64::NAN);
    };
    parts.zip(samples[..n * dim].par_chunks(together * dim)).for_each_init(Vec::new, measured);
    (energies, gradients)
}

/// E and (x - c)·∇E of every row, with one evaluation of energy and gradient each.
pub fn energies_and_virials<E: Energy<f64> + Sync + ?Sized>(target: &E, samples: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let (energies, gradients) = energies_and_gradients(target, samples);
    (energies, virials(target.symmetry(), samples, &gradients, target.dim().max(1)))
}

/// (x - c)·∇E of every row, from gradients that are known; NaN where a coordinate is not finite.
pub fn virials<T>(symmetry: Symmetry, samples: &[T], gradients: &[f64], dim: usize) -> Vec<f64>
where
    T: Copy + Into<f64> + Sync,
{
    let (centre, others) = centre(symmetry, samples, dim);
    let virial = |(row, gradient): (&[T], &[f64])| {
        if !finite(row) {
            return f64::NAN;
        }
        let parts = row.iter().zip(&centre).zip(gradient);
        others * parts.map(|((x, c), g)| ((*x).into() - c) * *g).sum::<f64>()
    };
    samples.par_chunks_exact(dim).zip(gradients.par_chunks_exact(dim)).map(virial).collect()
}

/// The mean of all finite rows, and how many times as far from the mean of all others a row is: n/(n - 1), unknown for a
/// single row. The origin, and 1, for particles.
fn centre<T: Copy + Into<f64>>(symmetry: Symmetry, samples: &[T], dim: usize) -> (Vec<f64>, f64) {
    let (mut sum, mut rows) = (vec![0.0; dim], 0_usize);
    if symmetry == Symmetry::None {
        for row in samples.chunks_exact(dim).filter(|row| finite(row)) {
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += (*x).into());
            rows += 1;
        }
    }
    let n = rows as f64;
    let others = match symmetry {
        Symmetry::None if rows < 2 => f64::NAN,
        Symmetry::None => n / (n - 1.0),
        Symmetry::Particles { .. } => 1.0,
    };
    (sum.into_iter().map(|sum| sum / n.max(1.0)).collect(), others)
}
