//! The raw settings, section by section. What each key means and may be stands in [`super::KEYS`].

use serde::{Deserialize, Serialize};

/// Every setting of a run, not yet checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What is run, from which seed, where.
    pub run: Run,
    /// The one-step sampler.
    pub generator: Generator,
    /// The network that follows the generator's noised score.
    pub score: Score,
    /// Noise levels.
    pub noise: Noise,
    /// Optimisation.
    pub train: Train,
    /// Sampling of the denoising posterior.
    pub posterior: Posterior,
}

/// `[run]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is described in config::KEYS")]
pub struct Run {
    pub target: String,
    pub preset: String,
    pub seed: u64,
    pub threads: usize,
    pub device: String,
}

/// `[generator]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is described in config::KEYS")]
pub struct Generator {
    pub network: NetworkKind,
    pub latent: usize,
    pub hidden: usize,
    pub depth: usize,
    pub radial: usize,
    pub radial_range: f64,
    pub range: f64,
    pub thresholds: usize,
    pub threshold_range: f64,
    pub skip: f64,
    pub scale: f64,
}

/// `[score]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is described in config::KEYS")]
pub struct Score {
    pub kind: ScoreKind,
    pub network: NetworkKind,
    pub hidden: usize,
    pub depth: usize,
    pub radial: usize,
    pub radial_range: f64,
    pub range: f64,
    pub data_sd: f64,
}

/// `[noise]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is described in config::KEYS")]
pub struct Noise {
    pub v_min: f64,
    pub v_max: f64,
    pub anneal: f64,
    pub beta_start: f64,
    pub beta_end: f64,
    pub levels: usize,
}

/// `[train]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is described in config::KEYS")]
pub struct Train {
    pub steps: usize,
    pub batch: usize,
    pub inner: usize,
    pub pretrain: usize,
    pub objective: Objective,
    pub weight: Weight,
    pub generator_lr: f64,
    pub score_lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub score_beta1: f64,
    pub score_beta2: f64,
    pub warmup: usize,
    pub decay: Decay,
    pub clip: f64,
    pub sample_clip: f64,
    pub ema: f64,
    pub score_ema: f64,
    pub select: Select,
    pub checkpoint_every: usize,
    pub evaluate_every: usize,
}

/// `[posterior]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is described in config::KEYS")]
pub struct Posterior {
    pub particles: usize,
    pub annealing: usize,
    pub transition: Transition,
    pub leapfrog_steps: usize,
    pub step_size: f64,
    pub refresh: usize,
    pub chain: usize,
    pub chain_kernel: Transition,
    pub chain_leapfrog_steps: usize,
    pub chain_steps: usize,
    pub chain_step_size: f64,
    pub keep: usize,
    pub min_ess: f64,
    pub estimator: Estimator,
    pub adapt: bool,
}

/// Which network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkKind {
    /// Layers of SiLU units.
    Mlp,
    /// Messages between particles, lean: one message a pair, SiLU, a radial basis, no layer before the coordinate factor.
    Egnn,
    /// Messages between particles, as published.
    EgnnPublished,
}

/// How the score network is parametrised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreKind {
    /// Denoiser with Karras et al. (2022) preconditioning, conditioned on log v.
    Preconditioned,
    /// The raw score of x_t, conditioned on the integer noise index.
    Published,
}

/// What the generator is trained to minimise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Reverse diffusive Kullback-Leibler divergence (\[P\] algorithm 1).
    Dikl,
    /// Reverse Kullback-Leibler by score matching, no noise: the mode-collapsing baseline.
    ReverseKl,
}

/// Weight of a noise level in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the formulas")]
pub enum Weight {
    #[serde(rename = "1/alpha")]
    InverseAlpha,
    #[serde(rename = "sigma/alpha")]
    SigmaOverAlpha,
    #[serde(rename = "sigma^2/alpha")]
    SigmaSquaredOverAlpha,
    #[serde(rename = "1")]
    One,
}

/// How the learning rates fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Decay {
    Cosine,
    None,
}

/// Which generator of a training is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// The last one.
    Last,
    /// Of the second half, the latest that misses Stein's identity about as little as the best (`kiln_metrics::selection`).
    Stein,
}

/// A Markov kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Transition {
    Hmc,
    Mala,
}

/// Which identity turns posterior states into a score: denoising, target, mixed, or their best mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// \[P\] eq. 15, weights α² and 1 - α².
    Mixed,
    /// \[P\] eq. 12.
    Denoising,
    /// \[P\] eq. 14.
    Target,
    /// The weight of least variance, measured on the same states.
    MinimumVariance,
}
