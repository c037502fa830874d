//! The mixture that is fitted to states.

use super::coordinates::{minus, solved};
use super::shares::{Fitted, States, corrections};
use crate::config::Config;
use crate::error::Error;
use crate::pool::Pool;
use kiln_core::random::{Purpose, Stream};
use kiln_gpu::mixture::{Cell, Mixture, MixtureBlock};
use kiln_metrics::gaussians::{Fit, FitOptions};
use kiln_metrics::principal::eigen;
use kiln_metrics::quantile::normal_quantile;
use rayon::prelude::*;

/// Streams of fits begin here.
const FIT_STREAMS: u64 = 8 << 40;
/// States that a mixture is fitted to, at most.
const MOST_ROWS: usize = 6000;
/// A cell with a smaller share cannot be told from its neighbour by thresholds in f32.
const LEAST_SHARE: f64 = 1e-4;

/// What was found.
pub struct Found {
    pub mixture: Mixture,
    /// What the shares of its cells say of the weight of every state.
    pub corrections: Vec<f64>,
    /// Evaluations that the shares took.
    pub spent: u64,
}

/// One block.
struct Block {
    coordinates: Vec<usize>,
    fit: Fit,
    /// Whether its shape was sharpened by gradients.
    believed: bool,
    /// Of each component; the fit's own where nothing better is known.
    shares: Vec<f64>,
}

/// The mixture over u of free states and the energy's gradients by them; a block that is best described by the frame has none. So
/// many evaluations may go into the shares of its cells.
pub fn mixture(
    pool: &Pool,
    states: &States<'_>,
    by_y: &[Vec<f64>],
    (centre, lower): (&[f64], &[f64]),
    config: &Config,
    evaluations: u64,
) -> Result<Found, Error> {
    let (dim, rows) = (centre.len(), states.rows);
    let n = rows.len() as f64;
    let width = |at: usize| (rows.iter().map(|y| (y[at] - centre[at]).powi(2)).sum::<f64>() / n).sqrt();
    let widths: Vec<f64> = (0..dim).map(width).collect();
    let local = |y: &[f64], coordinates: &[usize]| -> Vec<f64> {
        coordinates.iter().map(|at| (y[*at] - centre[*at]) / widths[*at]).collect()
    };
    let fitted = |(number, coordinates): (usize, Vec<usize>)| {
        let part: Vec<f64> = rows.iter().flat_map(|y| local(y, &coordinates)).collect();
        let gradients: Vec<f64> = by_y.iter().flat_map(|g| coordinates.iter().map(|at| g[*at] * widths[*at])).collect();
        let options = FitOptions {
            most_components: config.learn.cells,
            most_rows: MOST_ROWS,
            tied: true,
            ..FitOptions::default()
        };
        let mut stream = Stream::new(config.run.seed, Purpose::Exploration, FIT_STREAMS + number as u64);
        let (fit, believed) = Fit::with_gradients(&part, &gradients, coordinates.len(), &options, &mut stream)?;
        let shares = fit.components().map(|(weight, _)| weight).collect();
        Some(Block { coordinates, fit, believed, shares })
    };
    let mut blocks: Vec<Block> = blocks(pool, lower).into_iter().enumerate().filter_map(fitted).collect();
    let several = blocks.iter().filter(|block| block.fit.len() > 1).count().max(1);
    let (mut weights, mut spent) = (vec![1.0; rows.len()], 0);
    for (number, block) in blocks.iter_mut().enumerate().filter(|(_, block)| block.fit.len() > 1) {
        let Block { coordinates, fit, .. } = &*block;
        let fitted = Fitted { number, fit, coordinates, centre, widths: &widths };
        let Some((shares, evaluations)) = states.shares(&fitted, evaluations / several as u64) else { continue };
        spent += evaluations;
        let parts: Vec<Vec<f64>> =
            rows.par_iter().map(|y| fit.log_density_and_shares(&local(y, coordinates)).1).collect();
        weights.iter_mut().zip(corrections(&parts, &shares)).for_each(|(weight, part)| *weight *= part);
        block.shares = shares;
    }
    let found = blocks.iter().filter_map(|block| cells(block, lower, &widths)).collect();
    let wrong = |error| Error::numerics(format!("no mixture fits the explored states: {error}"), "set learn.cells=1");
    Ok(Found { mixture: Mixture::new(dim, found).map_err(wrong)?, corrections: weights, spent })
}

/// The cells of a block over u, in the order of their first coordinate.
fn cells(block: &Block, lower: &[f64], widths: &[f64]) -> Option<MixtureBlock> {
    let Block { coordinates, fit, believed, shares } = block;
    let (d, dim) = (coordinates.len(), widths.len());
    let of = fit.components().zip(shares).enumerate();
    let mut order: Vec<(usize, f64, Vec<f64>)> =
        of.map(|(at, ((_, mean), share))| (at, *share, mean.to_vec())).collect();
    order.retain(|(_, share, _)| *share > LEAST_SHARE);
    order.sort_by(|a, b| a.2[0].total_cmp(&b.2[0]));
    if order.len() < 2 && !believed {
        return None;
    }
    let total: f64 = order.iter().map(|(_, share, _)| share).sum();
    let own: Vec<f64> = coordinates.iter().flat_map(|i| coordinates.iter().map(move |j| lower[i * dim + j])).collect();
    // From units of widths to u.
    let to_u = |x: &[f64]| {
        let scaled: Vec<f64> = x.iter().zip(coordinates).map(|(x, at)| x * widths[*at]).collect();
        solved(&own, &scaled)
    };
    let narrow = |numbers: Vec<f64>| numbers.into_iter().map(|x| x as f32).collect::<Vec<f32>>();
    let cell = |(at, share, mean): &(usize, f64, Vec<f64>)| {
        let mut factor = vec![0.0; d * d];
        for column in 0..d {
            let (mut unit, mut image) = (vec![0.0; d], vec![0.0; d]);
            unit[column] = 1.0;
            fit.place(*at, &unit, &mut image);
            let image = to_u(&minus(&image, mean));
            image.iter().enumerate().for_each(|(row, x)| factor[row * d + column] = *x);
        }
        let rows = || factor.chunks_exact(d);
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let covariance: Vec<f64> = rows().flat_map(|a| rows().map(move |b| product(a, b))).collect();
        let (variances, axes) = eigen(&covariance, d);
        Cell {
            weight: (share / total) as f32,
            mean: narrow(to_u(mean)),
            factor: narrow(factor.clone()),
            axes: narrow(axes),
            variances: narrow(variances),
        }
    };
    let mut sum = 0.0;
    let thresholds = order[..order.len() - 1].iter().map(|(_, share, _)| {
        sum += share / total;
        normal_quantile(sum) as f32
    });
    let thresholds = thresholds.collect();
    Some(MixtureBlock { cells: order.iter().map(cell).collect(), coordinates: coordinates.clone(), thresholds })
}

/// Blocks that the exploration found, all else together; everything together where the frame connects blocks.
fn blocks(pool: &Pool, lower: &[f64]) -> Vec<Vec<usize>> {
    let names = &pool.facts.names;
    let dim = names.len();
    let place = |name: &String| names.iter().position(|other| other == name);
    let mut blocks: Vec<Vec<usize>> =
        pool.facts.blocks.iter().map(|(block, _)| block.iter().filter_map(place).collect()).collect();
    let rest: Vec<usize> = (0..dim).filter(|at| !blocks.iter().any(|block| block.contains(at))).collect();
    if !rest.is_empty() {
        blocks.push(rest);
    }
    blocks.iter_mut().for_each(|block| block.sort_unstable());
    let of: Vec<Option<usize>> = (0..dim).map(|at| blocks.iter().position(|block| block.contains(&at))).collect();
    let connected = (0..dim).any(|i| (0..i).any(|j| of[i] != of[j] && lower[i * dim + j] != 0.0));
    if connected { vec![(0..dim).collect()] } else { blocks }
}
