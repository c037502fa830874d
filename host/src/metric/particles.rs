//! What is measured on particles: distances, and energies below a gate.

use super::comparison::Block;

/// Every distance between two particles, frame by frame: rows of `dimensions`-dimensional particles in rows of `dim`.
pub fn distances(data: &[f32], dim: usize, dimensions: usize) -> Vec<f64> {
    let mut all = Vec::new();
    for frame in data.chunks_exact(dim.max(1)) {
        for (i, a) in frame.chunks_exact(dimensions.max(1)).enumerate() {
            for b in frame.chunks_exact(dimensions.max(1)).skip(i + 1) {
                let square: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
                all.push(square.sqrt());
            }
        }
    }
    all
}

/// The values up to the gate; what is not a number is above it.
pub fn gated(energies: &[f64], gate: f64) -> Vec<f64> {
    energies.iter().copied().filter(|energy| *energy <= gate).collect()
}

/// The share of energies above the gate or not a number: the discard rate of [`gated`].
pub fn share_above(energies: &[f64], gate: f64) -> f64 {
    1.0 - gated(energies, gate).len() as f64 / energies.len().max(1) as f64
}

impl Block<'_> {
    /// Every distance between two particles.
    pub fn distances(&self, dimensions: usize) -> Vec<f64> {
        distances(self.data, self.data.len() / self.energies.len().max(1), dimensions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_measured_once() {
        let frame = [0.0, 0.0, 3.0, 4.0, 0.0, 8.0];
        assert_eq!(distances(&frame.repeat(2), 6, 2), [5.0, 8.0, 5.0, 5.0, 8.0, 5.0]);
    }

    #[test]
    fn what_is_no_number_is_above_the_gate() {
        let energies = [-1.0, 0.0, 0.5, f64::NAN, f64::INFINITY];
        assert_eq!(gated(&energies, 0.0), [-1.0, 0.0]);
        assert!((share_above(&energies, 0.0) - 0.6).abs() < 1e-15);
    }
}
