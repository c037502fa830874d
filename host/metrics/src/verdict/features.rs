//! Numbers of a sample that are compared, and the cells that samples fall into.

use super::Samples;
use crate::gaussians::{Fit, FitOptions};
use crate::kd::Tree;
use crate::principal::Whitening;
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::symmetry::Symmetry;
use rayon::prelude::*;

/// Cells where a mixture has a single component.
const CELLS: usize = 16;
/// Ranks of the ordered distances of particles that are compared.
const RANKS: usize = 8;

/// What the fitting part of a pool gives.
pub struct Reference {
    symmetry: Symmetry,
    dim: usize,
    whitening: Option<Whitening>,
    cells: Option<Cells>,
}

enum Cells {
    Mixture(Fit),
    /// Of the features of [`Reference::place`].
    Tree(Tree),
}

impl Reference {
    /// Of the fitting part (n, dim), and of the mixture that the exploration fitted if there is one.
    pub fn of(
        symmetry: Symmetry,
        dim: usize,
        fitting: &Samples<'_>,
        mixture: Option<&Fit>,
        stream: &mut Stream,
    ) -> Self {
        let plain = symmetry == Symmetry::None;
        let whitening = if plain { fitting.whitening(dim) } else { None };
        let mut reference = Self { symmetry, dim, whitening, cells: None };
        let mixture = match mixture {
            _ if !plain => None,
            Some(given) => Some(given.clone()).filter(|given| given.dim() == dim),
            None => Fit::of(&fitting.finite_rows(dim), dim, &FitOptions::default(), stream),
        };
        reference.cells = match mixture.filter(|mixture| mixture.len() > 1) {
            Some(mixture) => Some(Cells::Mixture(mixture)),
            None => {
                let frames = Frames::of(symmetry, dim, fitting, 0);
                let places: Vec<Vec<f64>> = (0..fitting.energies.len())
                    .into_par_iter()
                    .filter(|at| fitting.is_finite(*at, dim))
                    .map(|at| reference.place(&frames, at))
                    .collect();
                let width = places.first().map_or(0, Vec::len);
                Tree::of(&places.concat(), width, CELLS).map(Cells::Tree)
            }
        };
        reference
    }

    /// The whitening, if the fitting part has one.
    pub fn whitening(&self) -> Option<&Whitening> {
        self.whitening.as_ref()
    }

    /// Where a sample lies for the tree: whitened coordinates and energy; for particles energy, smallest, middle and
    /// largest compared distance, radius of gyration.
    fn place(&self, frames: &Frames<'_>, at: usize) -> Vec<f64> {
        let energy = frames.samples.energies[at];
        match (&frames.shapes, &self.whitening) {
            (Some(shapes), _) => {
                let shape = &shapes[at];
                let ranks = shape.len() - 2;
                vec![energy, shape[0], shape[ranks / 2], shape[ranks - 1], shape[ranks + 1]]
            }
            (None, Some(whitening)) => {
                let row = || frames.row(at).iter().map(|x| f64::from(*x));
                (0..self.dim).map(|i| whitening.component(row(), i)).chain([energy]).collect()
            }
            (None, None) => vec![energy],
        }
    }

    /// How many cells there are, and which of them each sample falls into; those that are lost into none. `None` without
    /// cells.
    pub fn cells(&self, frames: &Frames<'_>) -> Option<(usize, Vec<Option<usize>>)> {
        let cells = self.cells.as_ref()?;
        let count = match cells {
            Cells::Mixture(mixture) => mixture.len(),
            Cells::Tree(tree) => tree.cells(),
        };
        let cell = |at: usize| match cells {
            Cells::Mixture(mixture) => {
                mixture.component(&frames.row(at).iter().map(|x| f64::from(*x)).collect::<Vec<_>>())
            }
            Cells::Tree(tree) => tree.cell(&self.place(frames, at)),
        };
        let found = (0..frames.samples.energies.len())
            .into_par_iter()
            .map(|at| frames.samples.is_finite(at, self.dim).then(|| cell(at)));
        Some((count, found.collect()))
    }

    /// The mean of the samples of each cell; none of an empty cell, and of particles, whose places mean nothing.
    pub fn middles(&self, frames: &Frames<'_>, count: usize, cells: &[Option<usize>]) -> Vec<Vec<f64>> {
        let mut middles = vec![Vec::new(); count];
        if self.symmetry != Symmetry::None {
            return middles;
        }
        let mut counts = vec![0_usize; count];
        for (at, cell) in cells.iter().enumerate().filter_map(|(at, cell)| Some((at, (*cell)?))) {
            counts[cell] += 1;
            let middle = &mut middles[cell];
            middle.resize(self.dim, 0.0);
            // The running mean.
            let part = 1.0 / counts[cell] as f64;
            middle.iter_mut().zip(frames.row(at)).for_each(|(mean, x)| *mean += part * (f64::from(*x) - *mean));
        }
        middles
    }

    /// How many columns are compared.
    pub fn columns(&self) -> usize {
        1 + match self.symmetry {
            Symmetry::Particles { count, .. } => ranks(count).len() + 2,
            Symmetry::None if self.whitening.is_some() => 2 * self.dim,
            Symmetry::None => self.dim,
        }
    }

    /// The name of a column.
    pub fn name(&self, column: usize) -> String {
        match (column, self.symmetry) {
            (0, _) => "energy".into(),
            (at, Symmetry::Particles { count, .. }) => {
                let ranks = ranks(count);
                match ranks.get(at - 1) {
                    Some(rank) => format!("distance {rank} in order"),
                    None if at - 1 == ranks.len() => "distance of a random pair".into(),
                    None => "radius of gyration".into(),
                }
            }
            (at, Symmetry::None) if at <= self.dim => format!("x{}", at - 1),
            (at, Symmetry::None) => format!("principal component {}", at - 1 - self.dim),
        }
    }

    /// A column's value of every sample, NaN for those that are lost.
    pub fn values(&self, frames: &Frames<'_>, column: usize) -> Vec<f64> {
        let value = |at: usize| match (column, &frames.shapes) {
            (0, _) => frames.samples.energies[at],
            (column, Some(shapes)) => shapes[at][column - 1],
            (column, None) if column <= self.dim => f64::from(frames.row(at)[column - 1]),
            (column, None) => self.whitening.as_ref().map_or(f64::NAN, |whitening| {
                whitening.component(frames.row(at).iter().map(|x| f64::from(*x)), column - 1 - self.dim)
            }),
        };
        let n = frames.samples.energies.len();
        (0..n).map(|at| if frames.samples.is_finite(at, self.dim) { value(at) } else { f64::NAN }).collect()
    }

    /// Samples with what is measured on each frame of particles.
    pub fn frames<'a>(&self, samples: &Samples<'a>, seed: u64) -> Frames<'a> {
        Frames::of(self.symmetry, self.dim, samples, seed)
    }
}

/// Samples, and for particles the shape of each: some ordered distances, the distance of a random pair, radius of gyration.
pub struct Frames<'a> {
    samples: Samples<'a>,
    dim: usize,
    shapes: Option<Vec<Vec<f64>>>,
}

impl<'a> Frames<'a> {
    fn of(symmetry: Symmetry, dim: usize, samples: &Samples<'a>, seed: u64) -> Self {
        let shapes = match symmetry {
            Symmetry::None => None,
            Symmetry::Particles { count, dimensions } => {
                let ranks = ranks(count);
                let shaped = |(at, row): (usize, &[f32])| {
                    let stream = &mut Stream::new(seed, Purpose::Evaluation, at as u64);
                    shape(row, count, dimensions, &ranks, stream)
                };
                Some(samples.rows.par_chunks_exact(dim).enumerate().map(shaped).collect())
            }
        };
        Self { samples: *samples, dim, shapes }
    }

    fn row(&self, at: usize) -> &[f32] {
        &self.samples.rows[at * self.dim..][..self.dim]
    }
}

/// Which of the ordered distances are compared: all, or so many from the smallest to the largest.
fn ranks(count: usize) -> Vec<usize> {
    let pairs = count * (count - 1) / 2;
    let kept = pairs.min(RANKS);
    (0..kept).map(|k| if kept > 1 { k * (pairs - 1) / (kept - 1) } else { 0 }).collect()
}

fn shape(row: &[f32], count: usize, dimensions: usize, ranks: &[usize], stream: &mut Stream) -> Vec<f64> {
    let mut distances = crate::particles::distances(row, row.len(), dimensions);
    let u: f64 = stream.uniform();
    let random = distances[((u * distances.len() as f64) as usize).min(distances.len() - 1)];
    // Σ_i |x_i - mean|² = Σ_{i<j} r_ij² / count.
    let gyration = distances.iter().map(|r| r * r).sum::<f64>().sqrt() / count as f64;
    distances.sort_unstable_by(f64::total_cmp);
    ranks.iter().map(|rank| distances[*rank]).chain([random, gyration]).collect()
}
