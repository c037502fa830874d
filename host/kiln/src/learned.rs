//! What a training takes from the states of an exploration, of the half of the ladders that does not judge it: the states themselves, in the coordinates of training, and the
//! mixture that the generator begins as and that guides both denoisers (see [`kiln_gpu::mixture`]).
//!
//! The mixture is fitted in the user's free coordinates, each in units of its width, block by block: coordinates that the
//! exploration found to be apart are fitted apart, so that many wells need few cells. A block that is best described by one
//! Gaussian needs none. Particles have no mixture: their states are learned from alone.

use crate::cells::{Block, Cells};
use crate::config::Config;
use crate::error::Error;
use crate::frame::Frame;
use crate::pool::Pool;
use crate::target::Target;
use kiln_core::frame::{Bound, InvalidFrame};
use kiln_core::random::{Purpose, Stream};
use kiln_core::symmetry::Symmetry;
use kiln_gpu::ScoreSpec;
use kiln_gpu::body::Body;
use kiln_gpu::mixture::{Cell, Mixture, MixtureBlock};
use kiln_gpu::trainer::{Learned, TrainerSpec};
use kiln_metrics::gaussians::{Fit, FitOptions};
use kiln_metrics::measure::energies_and_gradients;
use kiln_metrics::principal::eigen;
use kiln_metrics::quantile::normal_quantile;
use std::sync::Arc;

/// Streams of fits begin here.
const FIT_STREAMS: u64 = 8 << 40;
/// States that a mixture is fitted to, at most.
const MOST_ROWS: usize = 6000;
/// A cell with a smaller share cannot be told from its neighbour by thresholds in f32.
const LEAST_SHARE: f64 = 1e-4;

/// States and mixture.
#[derive(Debug, Clone)]
pub struct Explored {
    states: Arc<Vec<f32>>,
    slopes: Option<Arc<Vec<f32>>>,
    mixture: Option<Arc<Mixture>>,
}

impl Explored {
    /// Of a pool whose frame is the one given.
    ///
    /// # Errors
    /// If no state of it is finite in these coordinates.
    pub fn of(pool: &Pool, frame: &Frame, target: &Target, config: &Config) -> Result<Self, Error> {
        let dim = frame.dim();
        let lower = frame.lower();
        let all = pool.fitting().0.chunks_exact(dim).map(|x| (x, freed(frame, x)));
        let (places, free): (Vec<&[f32]>, Vec<Vec<f64>>) = all.filter(|(_, y)| y.iter().all(|y| y.is_finite())).unzip();
        let rows: Vec<&[f64]> = free.iter().map(|y| &y[..]).collect();
        if rows.is_empty() {
            let place = pool.path().display();
            return Err(Error::input(format!("'{place}' has no state within its bounds"), "explore anew"));
        }
        let centre: Vec<f64> = frame.centre().iter().map(|m| f64::from(*m)).collect();
        let states = rows.iter().flat_map(|y| solved(&lower, &minus(y, &centre))).map(|u| u as f32);
        let states = Arc::new(states.collect::<Vec<f32>>());
        // Of particles the model's denoiser is learned from samples alone, and that of the target must not know more: what neither knows
        // cancels.
        if target.symmetry() != Symmetry::None {
            return Ok(Self { states, slopes: None, mixture: None });
        }
        // In f64: where f32 sees a noisy energy, its gradients are noisier.
        let (_, gradients) = energies_and_gradients(target, &places.concat());
        let pairs = rows.iter().zip(gradients.chunks_exact(dim));
        let by_y: Vec<Vec<f64>> = pairs.map(|(y, by_x)| by_free(frame, y, by_x)).collect();
        let slopes = by_y.iter().flat_map(|g| pulled_back(&lower, g)).map(|g| g as f32).collect();
        let mixture = mixture(pool, (&rows, &by_y), &centre, &lower, config)?;
        Ok(Self { states, slopes: Some(Arc::new(slopes)), mixture: Some(Arc::new(mixture)) })
    }

    /// The mixture; none of particles.
    pub fn mixture(&self) -> Option<&Mixture> {
        self.mixture.as_deref()
    }

    /// The cells that the generator's numbers are put into, in the user's coordinates; none where the frame is all there is.
    ///
    /// # Errors
    /// If f32 cannot hold them.
    pub fn cells(&self, frame: &Frame) -> Result<Option<Cells>, InvalidFrame> {
        let Some(mixture) = self.mixture.as_ref().filter(|mixture| !mixture.blocks().is_empty()) else {
            return Ok(None);
        };
        let (dim, lower) = (frame.dim(), frame.lower());
        let centre: Vec<f64> = frame.centre().iter().map(|m| f64::from(*m)).collect();
        // m + L (mean + F v) of the coordinates of a block, which the frame does not connect with others.
        let block = |coordinates: &[usize], cells: &mut dyn Iterator<Item = (Vec<f64>, Vec<f64>)>| {
            let d = coordinates.len();
            let own = |i: usize, j: usize| lower[coordinates[i] * dim + coordinates[j]];
            let placed = |(mean, factor): (Vec<f64>, Vec<f64>)| {
                let at = |i: usize| centre[coordinates[i]] + (0..=i).map(|j| own(i, j) * mean[j]).sum::<f64>();
                let entry = |i: usize, k: usize| (k..=i).map(|j| own(i, j) * factor[j * d + k]).sum::<f64>();
                let rows = (0..d).flat_map(|i| (0..=i).map(move |k| (i, k))).map(|(i, k)| entry(i, k) as f32);
                ((0..d).map(|i| at(i) as f32).collect(), rows.collect())
            };
            Block { coordinates: coordinates.to_vec(), cells: cells.map(placed).collect() }
        };
        let doubles = |numbers: &[f32]| numbers.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let of_mixture = mixture.blocks().iter().map(|mixed| {
            let mut cells = mixed.cells.iter().map(|cell| (doubles(&cell.mean), doubles(&cell.factor)));
            block(&mixed.coordinates, &mut cells)
        });
        let mut blocks: Vec<Block> = of_mixture.collect();
        let rest: Vec<usize> = (0..dim).filter(|at| !blocks.iter().any(|b| b.coordinates.contains(at))).collect();
        if !rest.is_empty() {
            let d = rest.len();
            let identity = (0..d * d).map(|at| f64::from(u8::from(at % (d + 1) == 0))).collect();
            blocks.push(block(&rest, &mut std::iter::once((vec![0.0; d], identity))));
        }
        let bounds: Vec<Bound<f32>> = (0..dim).map(|at| frame.bound(at)).collect();
        let bounds = if bounds.iter().all(|bound| bound.kind() == 0) { &[] } else { &bounds[..] };
        Cells::new(&blocks, &mixture.thresholds(), bounds).map(Some)
    }

    /// Makes a training one that learns from the states.
    pub fn teach(&self, spec: &mut TrainerSpec, config: &Config) {
        let learn = &config.learn;
        spec.learned = Some(Learned {
            states: Arc::clone(&self.states),
            slopes: self.slopes.clone(),
            pretrain: learn.pretrain,
            inner: learn.inner,
            pretrain_rate: learn.rate as f32,
            ema: learn.ema as f32,
            direct_from: learn.direct_from,
            direct_below: learn.direct_below as f32,
        });
        let Some(mixture) = &self.mixture else { return };
        let Body::Mlp { .. } = spec.generator.body else { return };
        spec.generator.cells = mixture.thresholds();
        spec.generator.latent = spec.generator.dim + spec.generator.cells.len();
        spec.score = ScoreSpec::Guided { body: spec.score.body().clone(), mixture: Arc::clone(mixture) };
        spec.mixture = Some(Arc::clone(mixture));
    }
}

/// The free y of a state, f32 as it is.
fn freed(frame: &Frame, x: &[f32]) -> Vec<f64> {
    let one = |(at, x): (usize, &f32)| {
        let x = f64::from(*x);
        match wide(frame.bound(at)) {
            Bound::None => x,
            Bound::Low(low) => (x - low).ln(),
            Bound::High(high) => (high - x).ln(),
            Bound::Both { low, high } => ((x - low) / (high - x)).ln(),
        }
    };
    x.iter().enumerate().map(one).collect()
}

/// The gradient by the free y, Jacobian included, of one by x.
fn by_free(frame: &Frame, y: &[f64], by_x: &[f64]) -> Vec<f64> {
    let one = |(at, by_x): (usize, &f64)| match frame.bound(at) {
        Bound::None => *by_x,
        bound => {
            let mapped = wide(bound).map(y[at]);
            by_x * mapped.slope - mapped.log_slope_slope
        }
    };
    by_x.iter().enumerate().map(one).collect()
}

/// The gradient by u of one by the free y.
fn pulled_back(lower: &[f64], by_y: &[f64]) -> Vec<f64> {
    let dim = by_y.len();
    (0..dim).map(|k| (k..dim).map(|i| lower[i * dim + k] * by_y[i]).sum()).collect()
}

/// The same bound in f64.
fn wide(bound: Bound<f32>) -> Bound<f64> {
    match bound {
        Bound::None => Bound::None,
        Bound::Low(low) => Bound::Low(low.into()),
        Bound::High(high) => Bound::High(high.into()),
        Bound::Both { low, high } => Bound::Both { low: low.into(), high: high.into() },
    }
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// L⁻¹ x of a lower triangle, whole rows.
fn solved(lower: &[f64], x: &[f64]) -> Vec<f64> {
    let dim = x.len();
    let mut u: Vec<f64> = Vec::with_capacity(dim);
    for (row, x) in lower.chunks_exact(dim).zip(x) {
        let known: f64 = row.iter().zip(&u).map(|(l, u)| l * u).sum();
        u.push((x - known) / row[u.len()]);
    }
    u
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

/// The mixture over u of free states y and the energy's gradients by them; a block that is best described by the frame has none.
fn mixture(
    pool: &Pool,
    (rows, by_y): (&[&[f64]], &[Vec<f64>]),
    centre: &[f64],
    lower: &[f64],
    config: &Config,
) -> Result<Mixture, Error> {
    let dim = centre.len();
    let n = rows.len() as f64;
    let width = |at: usize| (rows.iter().map(|y| (y[at] - centre[at]).powi(2)).sum::<f64>() / n).sqrt();
    let widths: Vec<f64> = (0..dim).map(width).collect();
    let fitted = |(number, coordinates): (usize, Vec<usize>)| {
        let d = coordinates.len();
        let part: Vec<f64> =
            rows.iter().flat_map(|y| coordinates.iter().map(|at| (y[*at] - centre[*at]) / widths[*at])).collect();
        let gradients: Vec<f64> = by_y.iter().flat_map(|g| coordinates.iter().map(|at| g[*at] * widths[*at])).collect();
        let options = FitOptions {
            most_components: config.learn.cells,
            most_rows: MOST_ROWS,
            tied: true,
            ..FitOptions::default()
        };
        let mut stream = Stream::new(config.run.seed, Purpose::Exploration, FIT_STREAMS + number as u64);
        let (fit, believed) = Fit::with_gradients(&part, &gradients, d, &options, &mut stream)?;
        let mut order: Vec<(usize, f64, Vec<f64>)> =
            fit.components().enumerate().map(|(at, (weight, mean))| (at, weight, mean.to_vec())).collect();
        order.retain(|(_, weight, _)| *weight > LEAST_SHARE);
        order.sort_by(|a, b| a.2[0].total_cmp(&b.2[0]));
        if order.len() < 2 && !believed {
            return None;
        }
        let total: f64 = order.iter().map(|(_, weight, _)| weight).sum();
        let own: Vec<f64> =
            coordinates.iter().flat_map(|i| coordinates.iter().map(move |j| lower[i * dim + j])).collect();
        // From units of widths to u.
        let to_u = |x: &[f64]| {
            let scaled: Vec<f64> = x.iter().zip(&coordinates).map(|(x, at)| x * widths[*at]).collect();
            solved(&own, &scaled)
        };
        let narrow = |numbers: Vec<f64>| numbers.into_iter().map(|x| x as f32).collect::<Vec<f32>>();
        let cell = |(at, weight, mean): &(usize, f64, Vec<f64>)| {
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
                weight: (weight / total) as f32,
                mean: narrow(to_u(mean)),
                factor: narrow(factor.clone()),
                axes: narrow(axes),
                variances: narrow(variances),
            }
        };
        let mut sum = 0.0;
        let thresholds = order[..order.len() - 1].iter().map(|(_, weight, _)| {
            sum += weight / total;
            normal_quantile(sum) as f32
        });
        let thresholds = thresholds.collect();
        Some(MixtureBlock { cells: order.iter().map(cell).collect(), coordinates, thresholds })
    };
    let found: Vec<MixtureBlock> = blocks(pool, lower).into_iter().enumerate().filter_map(fitted).collect();
    let wrong = |error| Error::numerics(format!("no mixture fits the explored states: {error}"), "set learn.cells=1");
    Mixture::new(dim, found).map_err(wrong)
}
