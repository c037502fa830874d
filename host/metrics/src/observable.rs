//! What chains are watched by: the energy, and where the samples lie. For particles that is the smallest distance, the
//! radius of gyration and the mean distance, elsewhere every coordinate. Modes of one shape have one energy, so that
//! chains that never leave theirs show in the others alone.

use kiln_core::symmetry::Symmetry;
use rayon::prelude::*;

/// What is watched of particles.
const SHAPE: [&str; 3] = ["smallest distance", "radius of gyration", "mean distance"];

/// Observables of samples in their order, the energy first.
pub struct Observables<'a> {
    energies: &'a [f64],
    data: &'a [f32],
    dim: usize,
    /// Of particles, sample by sample.
    shapes: Option<Vec<[f64; 3]>>,
}

impl<'a> Observables<'a> {
    /// Of samples (n, dim) with these energies.
    pub fn of(symmetry: Symmetry, dim: usize, data: &'a [f32], energies: &'a [f64]) -> Self {
        let shapes = match symmetry {
            Symmetry::Particles { dimensions, .. } => {
                Some(data.par_chunks_exact(dim).map(|row| shape(row, dimensions)).collect())
            }
            Symmetry::None => None,
        };
        Self { energies, data, dim, shapes }
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.energies.len()
    }

    /// Samples without a finite energy.
    pub fn lost(&self) -> usize {
        self.energies.iter().filter(|energy| !energy.is_finite()).count()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        1 + if self.shapes.is_some() { SHAPE.len() } else { self.dim }
    }

    /// Name of one.
    pub fn name(&self, at: usize) -> String {
        match (at, &self.shapes) {
            (0, _) => "energy".into(),
            (at, Some(_)) => SHAPE[at - 1].into(),
            (at, None) => format!("x{}", at - 1),
        }
    }

    /// All of them, for a sentence.
    pub fn summary(&self) -> String {
        match (&self.shapes, self.dim) {
            (Some(_), _) => format!("energy, {}, {} and {}", SHAPE[0], SHAPE[1], SHAPE[2]),
            (None, 1) => "energy and coordinate".into(),
            (None, dim) => format!("energy and {dim} coordinates"),
        }
    }

    /// One value a sample.
    pub fn values(&self, at: usize) -> Vec<f64> {
        match (at, &self.shapes) {
            (0, _) => self.energies.to_vec(),
            (at, Some(shapes)) => shapes.iter().map(|shape| shape[at - 1]).collect(),
            (at, None) => self.data.chunks_exact(self.dim).map(|row| f64::from(row[at - 1])).collect(),
        }
    }
}

/// Smallest distance, radius of gyration, mean distance.
fn shape(x: &[f32], dimensions: usize) -> [f64; 3] {
    let particles: Vec<&[f32]> = x.chunks_exact(dimensions).collect();
    let (mut least, mut sum, mut squares, mut pairs) = (f64::INFINITY, 0.0, 0.0, 0.0);
    for (i, a) in particles.iter().enumerate() {
        for b in &particles[..i] {
            let square: f64 = a.iter().zip(*b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
            let distance = square.sqrt();
            least = least.min(distance);
            sum += distance;
            squares += square;
            pairs += 1.0;
        }
    }
    // Σ_i |x_i - mean|² = Σ_{i<j} r_ij² / count.
    [least, squares.sqrt() / particles.len() as f64, sum / pairs]
}
