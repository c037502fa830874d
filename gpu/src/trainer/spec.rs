//! What decides a training, its target aside.

use crate::mixture::Mixture;
use crate::network::generator::GeneratorSpec;
use crate::network::score_network::ScoreSpec;
use crate::optimiser::adam::AdamOptions;
use kiln_core::posterior::Params;
use std::sync::Arc;

/// Where noise levels come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Noising {
    /// v log-uniform in [v_low, v_max], one draw in each of `batch` equal cells. For the generator v_low falls from
    /// v_max to v_min over the fraction `anneal` of training, since weights of modes are decided at large noise and
    /// their shape at small; the score network runs a little ahead.
    Continuous {
        /// Smallest v.
        v_min: f64,
        /// Largest v.
        v_max: f64,
        /// Fraction of training; 0 for the whole range at once.
        anneal: f64,
    },
    /// t uniform over 1 … T−1 of a table of (alpha, sigma), as published.
    Levels(Vec<(f32, f32)>),
}

/// w(t), the weight of a noise level in the generator's loss, in terms of alpha = 1/√(1 + v²), sigma = v alpha.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// 1.
    One,
    /// 1/alpha, as published.
    InverseAlpha,
    /// sigma/alpha = v.
    SigmaOverAlpha,
    /// sigma²/alpha.
    SigmaSquaredOverAlpha,
}

impl Weight {
    /// w at noise-to-signal ratio v.
    pub fn at(self, v: f32) -> f32 {
        match self {
            Self::One => 1.0,
            Self::InverseAlpha => v.hypot(1.0),
            Self::SigmaOverAlpha => v,
            Self::SigmaSquaredOverAlpha => v * v / v.hypot(1.0),
        }
    }
}

/// What the generator minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// Reverse diffusive KL.
    Dikl,
    /// Reverse KL by score matching at the smallest noise: the baseline that collapses onto few modes.
    ReverseKl,
}

/// The target's denoiser as a second score network, learned from states of the target by denoising score matching in place of
/// posterior sampling: it costs no evaluation of the energy.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// States (n, dim).
    pub states: Arc<Vec<f32>>,
    /// The energy's gradients at them (n, dim), which say more than states alone; none where they are unknown.
    pub slopes: Option<Arc<Vec<f32>>>,
    /// Energy evaluations that all this took: they count to the first step.
    pub spent: u64,
    /// Updates before the first outer step; the model's score network begins as what they lead to.
    pub pretrain: usize,
    /// Updates before each outer step.
    pub inner: usize,
    /// The learning rate of the first of them, which falls to a tenth. Those of the outer steps have the score network's.
    pub pretrain_rate: f32,
    /// Updates of the model's score network that share a batch of generated samples.
    pub reuse: usize,
    /// Decay of its average, which the generator follows.
    pub ema: f32,
    /// The part of the training after which the energy itself says what small noise is estimated to be, by posterior sampling;
    /// 1 for never.
    pub direct_from: f64,
    /// Up to which v.
    pub direct_below: f32,
}

/// Everything that decides a training, its target aside.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainerSpec {
    /// Seed of every random number.
    pub seed: u64,
    /// Outer steps of the whole training, which schedules refer to.
    pub steps: u64,
    /// Samples a step.
    pub batch: usize,
    /// Updates of the score network before each one of the generator.
    pub inner: usize,
    /// Updates of the score network before the first outer step.
    pub pretrain: usize,
    /// The generator.
    pub generator: GeneratorSpec,
    /// The score network.
    pub score: ScoreSpec,
    /// Noise levels.
    pub noising: Noising,
    /// w(t).
    pub weight: Weight,
    /// What is minimised.
    pub objective: Objective,
    /// The generator's optimiser.
    pub generator_adam: AdamOptions,
    /// The score network's optimiser.
    pub score_adam: AdamOptions,
    /// Outer steps over which the generator's learning rate rises from 0.
    pub warmup: u64,
    /// Whether the generator's learning rate falls by a half cosine to 0. The score network's stays: the slower the
    /// generator, the better it is followed.
    pub cosine: bool,
    /// Largest norm of one sample's coefficient; `None` for no limit.
    pub sample_clip: Option<f32>,
    /// Decay of the generator's average; 0 for none.
    pub ema: f32,
    /// Decay, an update of the score network, of the average that the generator follows; 0 for none. It takes out the
    /// noise of the score network's own optimisation.
    pub score_ema: f32,
    /// Effort of posterior sampling.
    pub posterior: Params,
    /// The cells that the generator's samples are put into; none where there is only one. A generator with a learned target
    /// begins as an exact draw of it.
    pub mixture: Option<Arc<Mixture>>,
    /// How the target's denoiser is learned; none where it is estimated anew at every sample.
    pub learned: Option<Learned>,
}
