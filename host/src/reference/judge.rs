//! What is measured on frames: energy, distances, the virial, and how well chains agree on them.

use super::manifest::{Observable, Virial};
use crate::error::Error;
use crate::metric::chain;
use crate::metric::statistic::Mean;
use crate::target_api::Target;
use kiln_core::symmetry::Symmetry;
use rayon::prelude::*;

/// Coordinates that are watched where there are no particles.
const COORDINATES: usize = 4;

/// Observables of frames in the order of the chains: name and one value a frame, the virial x·∇E last.
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    names: Vec<String>,
    values: Vec<Vec<f64>>,
    free: usize,
}

/// Measures energy, for particles smallest distance, radius of gyration and mean distance, elsewhere the first
/// coordinates, and the virial, of frames (n, dim).
///
/// # Errors
/// If the target has no dynamics.
pub fn observe(target: &dyn Target, frames: &[f32]) -> Result<Traces, Error> {
    let (dim, symmetry) = (target.dim(), target.symmetry());
    let dynamics = target.dynamics().ok_or_else(|| {
        Error::input(format!("{} has no gradient to judge frames by", target.title()), "choose one of `kiln targets`")
    })?;
    let mut names = vec!["energy".to_string()];
    match symmetry {
        Symmetry::Particles { .. } => {
            names.extend(["smallest distance", "radius of gyration", "mean distance"].map(String::from))
        }
        Symmetry::None => names.extend((0..dim.min(COORDINATES)).map(|k| format!("x{k}"))),
    }
    names.push("virial".into());
    let row = |(x, gradient): &mut (Vec<f64>, Vec<f64>), frame: &[f32]| {
        x.iter_mut().zip(frame).for_each(|(x, frame)| *x = f64::from(*frame));
        let mut row = vec![dynamics.energy_and_gradient(x, gradient)];
        match symmetry {
            Symmetry::Particles { dimensions, .. } => row.extend(shape(x, dimensions)),
            Symmetry::None => row.extend(x.iter().take(COORDINATES)),
        }
        row.push(x.iter().zip(gradient).map(|(x, g)| x * *g).sum());
        row
    };
    let scratch = || (vec![0.0; dim], vec![0.0; dim]);
    let rows: Vec<Vec<f64>> = frames.par_chunks_exact(dim).map_init(scratch, row).collect();
    let values = (0..names.len()).map(|k| rows.iter().map(|row| row[k]).collect()).collect();
    Ok(Traces { names, values, free: symmetry.free_coordinates(dim) })
}

/// Smallest distance, radius of gyration, mean distance.
fn shape(x: &[f64], dimensions: usize) -> [f64; 3] {
    let particles: Vec<&[f64]> = x.chunks_exact(dimensions).collect();
    let (mut least, mut sum, mut squares, mut pairs) = (f64::INFINITY, 0.0, 0.0, 0.0);
    for (i, a) in particles.iter().enumerate() {
        for b in &particles[..i] {
            let square: f64 = a.iter().zip(*b).map(|(a, b)| (a - b) * (a - b)).sum();
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

impl Traces {
    /// The longest integrated autocorrelation time of chains of `length`, in frames.
    pub fn memory(&self, length: usize) -> f64 {
        let time = |values: &Vec<f64>| values.len() as f64 / chain::effective_sample_size(values, length);
        self.values.iter().map(time).fold(1.0, f64::max)
    }

    /// Every observable but the virial.
    pub fn observables(&self, length: usize) -> Vec<Observable> {
        let all = self.names.iter().zip(&self.values).take(self.names.len() - 1);
        all.map(|(name, values)| {
            let (mean, standard_error) = chain::mean_with_error(values, length);
            let finite = |value: f64| Some(value).filter(|value| value.is_finite());
            Observable {
                name: name.clone(),
                mean,
                standard_error: finite(standard_error),
                sd: Mean::of(values).sd,
                r_hat: finite(chain::r_hat(values, length)),
                effective_sample_size: finite(chain::bulk_effective_sample_size(values, length)),
                lag_1: finite(chain::autocorrelation(values, length, 1)),
            }
        })
        .collect()
    }

    /// E\[x·∇E\] against the number of free coordinates.
    pub fn virial(&self, length: usize) -> Virial {
        let values = &self.values[self.values.len() - 1];
        let (mean, by_chains) = chain::mean_with_error(values, length);
        let simple = Mean::of(values).standard_error();
        let standard_error = if by_chains.is_finite() { by_chains } else { simple };
        let expected = self.free as f64;
        Virial { mean, standard_error, expected, z: (mean - expected) / standard_error }
    }
}

/// The virial of independent samples (n, dim): a sampler of another distribution, or of another convention of the
/// energy, misses it.
///
/// # Errors
/// If the target has no dynamics.
pub fn virial(target: &dyn Target, samples: &[f32]) -> Result<Virial, Error> {
    observe(target, samples).map(|traces| traces.virial(1))
}
