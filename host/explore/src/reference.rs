//! The distribution at the hot end of a ladder: easy to draw from, known with its constant, and wide enough that all of the
//! target lies within.

use crate::frame::Frame;
use crate::refresh::{BlockProposal, LARGEST_BLOCK};
use kiln_core::random::{Randomness, Stream};
use kiln_metrics::gaussians::Fit;

/// A distribution over u.
#[derive(Debug, Clone)]
pub enum Reference {
    /// N(0, width²) in so many coordinates.
    Gaussian {
        /// Its standard deviation in every coordinate.
        width: f64,
        /// Coordinates.
        dim: usize,
    },
    /// A mixture that was fitted to states, widened.
    Mixture(Fit),
    /// Independent blocks that together are all coordinates of y, in this frame.
    Blocks(Vec<BlockProposal>, Frame),
}

impl Reference {
    /// -log density, normalised, and its gradient.
    pub fn energy_and_gradient(&self, u: &[f64], gradient: &mut [f64]) -> f64 {
        match self {
            Self::Gaussian { width, dim } => {
                let precision = 1.0 / (width * width);
                gradient.iter_mut().zip(u).for_each(|(g, u)| *g = precision * u);
                let square: f64 = u.iter().map(|u| u * u).sum();
                0.5 * precision * square + *dim as f64 * (width.ln() + 0.5 * std::f64::consts::TAU.ln())
            }
            Self::Mixture(fit) => {
                let log_density = fit.log_density_and_gradient(u, gradient);
                gradient.iter_mut().for_each(|g| *g = -*g);
                -log_density
            }
            Self::Blocks(blocks, frame) => {
                let (mut y, mut by_y) = (vec![0.0; u.len()], vec![0.0; u.len()]);
                frame.place(u, &mut y);
                let log_density: f64 = blocks.iter().map(|block| block.add_gradient(&y, &mut by_y)).sum();
                by_y.iter_mut().for_each(|g| *g = -*g);
                frame.pull_back(&by_y, gradient);
                -log_density - frame.log_volume()
            }
        }
    }

    /// One draw.
    pub fn draw(&self, stream: &mut Stream, u: &mut [f64]) {
        match self {
            Self::Gaussian { width, .. } => {
                stream.fill_normal(u);
                u.iter_mut().for_each(|u| *u *= width);
            }
            Self::Mixture(fit) => fit.draw(stream, u),
            Self::Blocks(blocks, frame) => {
                let mut y = vec![0.0; u.len()];
                let mut values = [0.0; LARGEST_BLOCK];
                for block in blocks {
                    let values = &mut values[..block.coordinates.len()];
                    block.draw(stream, values);
                    block.coordinates.iter().zip(&*values).for_each(|(at, value)| y[*at] = *value);
                }
                frame.unplace(&y, u);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reinforce::reinforced;
    use kiln_core::random::Purpose;
    use kiln_core::symmetry::Symmetry;
    use kiln_metrics::gaussians::FitOptions;

    /// Three coordinates, of which the first two make a valley y = x².
    fn valley(n: usize) -> Vec<f64> {
        let mut stream = Stream::new(5, Purpose::Test, 0);
        let mut rows = vec![0.0; 3 * n];
        stream.fill_normal(&mut rows);
        rows.chunks_exact_mut(3).for_each(|row| row[1] = row[0] * row[0] + 0.2 * row[1]);
        rows
    }

    fn energy(values: &[f64]) -> f64 {
        0.5 * values[0] * values[0] + 12.5 * (values[1] - values[0] * values[0]).powi(2)
    }

    #[test]
    fn a_reference_of_blocks_is_normalised_and_its_gradient_is_its_own() {
        let rows = valley(2000);
        let mut stream = Stream::new(5, Purpose::Test, 1);
        let states: Vec<Vec<f64>> = rows.chunks_exact(3).map(|row| row[..2].to_vec()).collect();
        let two = BlockProposal::fitted(
            &[0, 1],
            &rows,
            3,
            &states,
            &|all: &[Vec<f64>]| all.iter().map(|values| energy(values)).collect(),
            &mut stream,
        )
        .unwrap();
        let last: Vec<Vec<f64>> = rows.chunks_exact(3).map(|row| row[2..].to_vec()).collect();
        let square = |values: &[f64]| 0.5 * values[0] * values[0];
        let one = BlockProposal::fitted(
            &[2],
            &rows,
            3,
            &last,
            &|all: &[Vec<f64>]| all.iter().map(|values| square(values)).collect(),
            &mut stream,
        )
        .unwrap();
        let frame = Frame::of(Symmetry::None, 3, &rows);
        let reference = Reference::Blocks(vec![two, one], frame);
        let mut gradient = [0.0; 3];
        let u = [0.3, -0.4, 1.1];
        let value = reference.energy_and_gradient(&u, &mut gradient);
        let mut other = [0.0; 3];
        for k in 0..3 {
            let mut moved = u;
            moved[k] += 1e-5;
            let numeric = (reference.energy_and_gradient(&moved, &mut other) - value) / 1e-5;
            assert!((numeric - gradient[k]).abs() < 1e-3 * (1.0 + numeric.abs()), "{numeric} {gradient:?}");
        }
        // The mean over draws of another density, a broad Gaussian's, divided by the reference's own, is 1.
        let broad = Reference::Gaussian { width: 0.7, dim: 3 };
        let n = 20_000;
        let ratio = |_| {
            let mut u = [0.0; 3];
            reference.draw(&mut stream, &mut u);
            let own = reference.energy_and_gradient(&u, &mut other);
            (own - broad.energy_and_gradient(&u, &mut gradient)).exp() / f64::from(n)
        };
        let mass: f64 = (0..n).map(ratio).sum();
        assert!((mass - 1.0).abs() < 0.1, "{mass}");
    }

    #[test]
    fn reinforcement_finds_what_a_mixture_leaves_light() {
        let rows = valley(4000);
        let mut stream = Stream::new(5, Purpose::Test, 2);
        let part: Vec<f64> = rows.chunks_exact(3).flat_map(|row| row[..2].to_vec()).collect();
        let states: Vec<(&[f64], f64)> = part.chunks_exact(2).map(|values| (values, energy(values))).collect();
        let options = FitOptions { most_components: 2, ..FitOptions::default() };
        let fit = Fit::of(&part, 2, &options, &mut stream).unwrap();
        let worst = |fit: &Fit| {
            let mut ratios: Vec<f64> = states.iter().map(|(u, energy)| -energy - fit.log_density(u)).collect();
            ratios.sort_by(f64::total_cmp);
            ratios[ratios.len() * 998 / 1000] - ratios[ratios.len() / 2]
        };
        let before = worst(&fit);
        let after = worst(&reinforced(fit, &states, &mut stream));
        assert!(after < 2.0 && after < before, "{before} {after}");
    }
}
