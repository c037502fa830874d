//! Independence moves of small blocks of coordinates: a proposal fitted to the states so far, accepted by Metropolis and
//! Hastings. Where coordinates fall apart into blocks that do not interact, each block leaves its mode on its own, however many
//! modes all of them have together.

use crate::reinforce::{PENALTY, reinforced};
use kiln_core::random::Stream;
use kiln_metrics::gaussians::{Fit, FitOptions};

/// Largest block.
pub const LARGEST_BLOCK: usize = 4;
/// Components of a block's mixture at most: blocks are small, and valleys are curved.
const COMPONENTS: usize = 32;
/// Proposals are wider than what was found, and a part of them much wider, so that no tail is out of reach.
const INFLATION: f64 = 1.2;
const BROAD_SHARE: f64 = 0.1;
const BROAD_WIDTH: f64 = 2.0;
const TWIN_SHARE: f64 = 0.2;
const TWIN_WIDTH: f64 = 2.0;
/// What a second component of a block must be worth before it is not called Gaussian.
const DOUBT: f64 = 3.0;

/// Times that draws of a proposal this much wider are looked at, and how light a draw is by the logarithm.
const REACHES: usize = 3;
const REACH: f64 = 1.5;
const LIGHT: f64 = 1.0;

/// A block of coordinates and its proposal, over the free y.
#[derive(Debug, Clone)]
pub struct BlockProposal {
    /// Which coordinates.
    pub coordinates: Vec<usize>,
    fit: Fit,
}

impl BlockProposal {
    /// Fitted to states (n, dim), and reinforced by the energies of some values of the block.
    pub fn fitted(
        coordinates: &[usize],
        rows: &[f64],
        dim: usize,
        states: &[Vec<f64>],
        energies_of: &dyn Fn(&[Vec<f64>]) -> Vec<f64>,
        stream: &mut Stream,
    ) -> Option<Self> {
        let part: Vec<f64> = rows.chunks_exact(dim).flat_map(|row| coordinates.iter().map(|at| row[*at])).collect();
        let options = FitOptions { most_components: COMPONENTS, penalty: PENALTY, ..FitOptions::default() };
        let fit = Fit::of(&part, coordinates.len(), &options, stream)?;
        let mut fit = fit.inflated(INFLATION).with_broad(BROAD_SHARE, BROAD_WIDTH);
        let energies = energies_of(states);
        let own: Vec<(&[f64], f64)> = states.iter().map(|values| &**values).zip(energies).collect();
        fit = reinforced(fit, &own, stream);
        // A fit is never light where its own states are. Draws of a wider one tell where others would be.
        for _ in 0..REACHES {
            let mut ratios: Vec<f64> = own.iter().map(|(values, energy)| -energy - fit.log_density(values)).collect();
            ratios.sort_by(f64::total_cmp);
            let Some(enough) = ratios.get(ratios.len() / 2).map(|median| median + LIGHT) else { break };
            let wide = fit.clone().inflated(REACH);
            let draw = |_| {
                let mut values = vec![0.0; coordinates.len()];
                wide.draw(stream, &mut values);
                values
            };
            let drawn: Vec<Vec<f64>> = (0..states.len()).map(draw).collect();
            let energies = energies_of(&drawn);
            let light = drawn.iter().map(|values| &**values).zip(energies);
            let light = light.filter(|(values, energy)| -energy - fit.log_density(values) > enough);
            let all: Vec<(&[f64], f64)> = own.iter().copied().chain(light).collect();
            fit = reinforced(fit, &all, stream);
        }
        // Wide twins reach beyond the last state, where a chain would stay for long.
        fit = fit.clone().mixed_with(fit.inflated(TWIN_WIDTH), TWIN_SHARE);
        Some(Self { coordinates: coordinates.to_vec(), fit })
    }

    /// Whether states (n, dim) say nothing against these coordinates being Gaussian.
    pub fn gaussian(coordinates: &[usize], rows: &[f64], dim: usize, stream: &mut Stream) -> bool {
        let part: Vec<f64> = rows.chunks_exact(dim).flat_map(|row| coordinates.iter().map(|at| row[*at])).collect();
        let options = FitOptions { most_components: 2, penalty: DOUBT, ..FitOptions::default() };
        Fit::of(&part, coordinates.len(), &options, stream).is_some_and(|fit| fit.len() == 1)
    }

    /// Proposes values of the block.
    pub fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        self.fit.draw(stream, out);
    }

    /// log of the proposal's density of the block's values.
    pub fn log_density(&self, values: &[f64]) -> f64 {
        self.fit.log_density(values)
    }

    /// log of the proposal's density at y, whose gradient is put into `gradient` at the block's coordinates.
    pub fn add_gradient(&self, y: &[f64], gradient: &mut [f64]) -> f64 {
        let [mut values, mut own] = [[0.0; LARGEST_BLOCK]; 2];
        let (values, own) = (&mut values[..self.coordinates.len()], &mut own[..self.coordinates.len()]);
        values.iter_mut().zip(&self.coordinates).for_each(|(value, at)| *value = y[*at]);
        let log_density = self.fit.log_density_and_gradient(values, own);
        self.coordinates.iter().zip(&*own).for_each(|(at, own)| gradient[*at] = *own);
        log_density
    }
}
