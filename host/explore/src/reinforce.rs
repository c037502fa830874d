//! Fitted mixtures made heavier where they are lightest against the target, for references and for proposals of blocks.

use kiln_core::random::Stream;
use kiln_metrics::gaussians::{Fit, FitOptions};
use rayon::prelude::*;

/// What a number of a fit costs: proposals and references gain by more components than samples prove.
pub const PENALTY: f64 = 0.5;
/// States that reinforcement looks at.
const LOOKED_AT: usize = 20_000;
/// Times that it adds components.
const REINFORCEMENTS: usize = 12;
/// Coordinates of which it is worth while to add many.
const SMALL: usize = 24;
/// The most states that new components are fitted to at once, as a share: those whose density exceeds the mixture's most.
const LIGHT: f64 = 0.02;
/// States a coordinate that components are fitted to at least.
const ROWS: usize = 30;
/// What is added is wider than its states by this much.
const INFLATION: f64 = 1.2;
/// The weight of what is added.
const ADDED: f64 = 0.02;
/// A state is light where the densities' ratio is e to more than this power above its median.
const ENOUGH: f64 = 1.5;

/// A mixture with components where it is lightest against the target: a state whose density exceeds the mixture's by far
/// hardly ever exchanges its place, and sits still in its neck or corner. `states` are u and E(u) of the target.
pub fn reinforced(mut fit: Fit, states: &[(&[f64], f64)], stream: &mut Stream) -> Fit {
    let n = states.len().min(LOOKED_AT);
    let looked: Vec<(&[f64], f64)> = (0..n).map(|at| states[at * states.len() / n]).collect();
    let Some(dim) = looked.first().map(|(u, _)| u.len()) else { return fit };
    // Each component is paid for in every step, by the square of the coordinates.
    let (rounds, most_components) = if dim <= SMALL { (REINFORCEMENTS, 3) } else { (REINFORCEMENTS / 4, 1) };
    for _ in 0..rounds {
        let ratio = |(at, (u, energy)): (usize, &(&[f64], f64))| (-energy - fit.log_density(u), at);
        let mut ratios: Vec<(f64, usize)> = looked.par_iter().with_min_len(256).enumerate().map(ratio).collect();
        ratios.sort_by(|a, b| b.0.total_cmp(&a.0));
        let enough = ratios[n / 2].0 + ENOUGH;
        let light = ratios.partition_point(|(ratio, _)| *ratio > enough);
        // Fewer than these say nothing of a shape.
        let least = 2 * dim + 2;
        if 2 * light < least || 4 * least > n {
            break;
        }
        // There may be several places: as many states as three components take, where there are so many.
        let most = (LIGHT * n as f64) as usize;
        let chosen = light.max(ROWS * dim).min(most).max(least);
        let rows: Vec<f64> = ratios[..chosen].iter().flat_map(|(_, at)| looked[*at].0.iter().copied()).collect();
        let options = FitOptions { most_components, penalty: PENALTY, ..FitOptions::default() };
        let Some(added) = Fit::of(&rows, dim, &options, stream) else { break };
        fit = fit.mixed_with(added.inflated(INFLATION), ADDED);
    }
    fit
}
