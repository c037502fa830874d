//! What a training takes from the states of an exploration, of the half of the ladders that does not judge it: the states themselves, in the coordinates of training, and the
//! mixture that the generator begins as and that guides both denoisers (see [`kiln_gpu::mixture`]).
//!
//! The mixture is fitted in the user's free coordinates, each in units of its width, block by block: coordinates that the
//! exploration found to be apart are fitted apart, so that many wells need few cells. A block that is best described by one
//! Gaussian needs none. The shares of the cells are measured by the energy, and the states taken as often as these say. Particles have no
//! mixture: their states are learned from alone.

mod coordinates;
mod file;
mod fitted;
mod shares;

use crate::cells::{Block, Cells};
use crate::config::Config;
use crate::error::Error;
use crate::frame::Frame;
use crate::pool::Pool;
use crate::target::Target;
use coordinates::{by_free, freed, minus, pulled_back, solved};
use kiln_core::frame::{Bound, InvalidFrame};
use kiln_core::random::{Purpose, Randomness as _, Stream};
use kiln_core::symmetry::Symmetry;
use kiln_gpu::ScoreSpec;
use kiln_gpu::body::Body;
use kiln_gpu::mixture::Mixture;
use kiln_gpu::trainer::{Learned, TrainerSpec};
use kiln_metrics::measure::energies_and_gradients;
use std::sync::Arc;

/// The stream that chooses states.
const STATE_STREAM: u64 = 10 << 40;
/// States are chosen by their weights where so large a part of them is left in effect.
const LEAST_EFFECTIVE: f64 = 0.5;

/// States and mixture.
#[derive(Debug, Clone, PartialEq)]
pub struct Explored {
    states: Arc<Vec<f32>>,
    slopes: Option<Arc<Vec<f32>>>,
    mixture: Option<Arc<Mixture>>,
    /// Energy evaluations that they took.
    spent: u64,
}

impl Explored {
    /// Of a pool whose frame is the one given.
    ///
    /// # Errors
    /// If no state of it is finite in these coordinates, or the energy failed.
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
        let whitened = |y: &&[f64]| solved(&lower, &minus(y, &centre)).into_iter().map(|u| u as f32).collect();
        let states: Vec<Vec<f32>> = rows.iter().map(whitened).collect();
        // Of particles the model's denoiser is learned from samples alone, and that of the target must not know more: what neither knows
        // cancels.
        if target.symmetry() != Symmetry::None {
            return Ok(Self { states: Arc::new(states.concat()), slopes: None, mixture: None, spent: 0 });
        }
        // In f64: where f32 sees a noisy energy, its gradients are noisier.
        let (energies, gradients) = energies_and_gradients(target, &places.concat());
        let pairs = rows.iter().zip(gradients.chunks_exact(dim));
        let by_y: Vec<Vec<f64>> = pairs.map(|(y, by_x)| by_free(frame, y, by_x)).collect();
        let slope = |g: &Vec<f64>| pulled_back(&lower, g).into_iter().map(|g| g as f32).collect();
        let slopes: Vec<Vec<f32>> = by_y.iter().map(slope).collect();
        let seed = config.run.seed;
        let known = shares::States { target, frame, rows: &rows, energies: &energies, seed };
        let differentiated = rows.len() as u64;
        let left = config.learn.after(pool.facts.evaluations).saturating_sub(differentiated);
        let found = fitted::mixture(pool, &known, &by_y, (&centre, &lower), config, left)?;
        // Of an energy that failed meanwhile nothing is kept.
        target.check()?;
        let chosen = chosen(&found.corrections, seed);
        let of = |all: &[Vec<f32>]| Arc::new(chosen.iter().flat_map(|at| &all[*at]).copied().collect::<Vec<f32>>());
        Ok(Self {
            states: of(&states),
            slopes: Some(of(&slopes)),
            mixture: Some(Arc::new(found.mixture)),
            spent: differentiated + found.spent,
        })
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
            spent: self.spent,
            pretrain: learn.pretrain,
            inner: learn.inner,
            reuse: learn.reuse,
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

/// The states that are learned from, each as often as its weight says; all of them where weights leave few.
fn chosen(weights: &[f64], seed: u64) -> Vec<usize> {
    let (sum, squares) = weights.iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
    if sum * sum < LEAST_EFFECTIVE * weights.len() as f64 * squares {
        return (0..weights.len()).collect();
    }
    shares::resampled(weights, Stream::new(seed, Purpose::Exploration, STATE_STREAM).uniform())
}
