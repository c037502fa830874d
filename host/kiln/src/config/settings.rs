//! Every setting, declared once: the raw settings section by section, and [`KEYS`], the table of them. Whatever reads, checks,
//! prints or documents a configuration walks that table, so that a setting added here is known everywhere.

use super::choice::{self, Choice, Decay, NetworkKind, ScoreKind, Select, Transition};
use super::domain::{Domain, above_zero, count, real};
use super::key::Key;
use kiln_core::score::Estimator;
use kiln_gpu::trainer::{Objective, Weight};
use serde::{Deserialize, Serialize};

/// Declares the sections and their settings, from
///
/// ```text
/// /// What the section is about.
/// section: Struct {
///     field: type, domain, "help", unit: "its unit", paper: "its name in the papers";
///     field in Choice, "help";
/// }
/// ```
///
/// where unit and name are left out if there is none. The second form is a setting that is one word of a [`Choice`]. This
/// defines `Settings` with one field a section, the struct of each section with one field a setting, and `KEYS`.
macro_rules! settings {
    ($(
        #[doc = $about:literal]
        $section:ident: $name:ident {$(
            $field:ident $(: $type:ty, $domain:expr,)? $(in $choice:ident,)? $help:literal
                $(, unit: $unit:literal)? $(, paper: $paper:literal)?;
        )*}
    )*) => {
        /// Every setting of a run, not yet checked.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Settings {$(
            #[doc = $about]
            pub $section: $name,
        )*}

        $(
            #[doc = concat!("`[", stringify!($section), "]`:")]
            #[doc = $about]
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name {$(
                #[doc = $help]
                $(#[doc = concat!("\n\nDomain: `", stringify!($domain), "`.")])?
                $(#[doc = concat!("\n\nUnit: ", $unit, ".")])?
                $(#[doc = concat!("\n\nIn the papers: ", $paper, ".")])?
                $(
                    #[doc = concat!("\n\nA word of [`", stringify!($choice), "`].")]
                    #[serde(with = "choice")]
                )?
                pub $field: $($type)? $($choice)?,
            )*}
        )*

        /// Every key, in the order in which a configuration is written.
        pub const KEYS: &[Key] = &[$($(
            Key {
                name: concat!(stringify!($section), ".", stringify!($field)),
                domain: $($domain)? $(Domain::Choice(<$choice as Choice>::WORDS))?,
                help: $help,
                unit: concat!($($unit)?),
                paper: concat!($($paper)?),
            },
        )*)*];
    };
}

settings! {
    /// What is run, from which seed, where.
    run: Run {
        target: String, Domain::Name, "what is sampled; see `kiln targets`";
        preset: String, Domain::Choice(&["kiln", "direct", "paper"]), "where the defaults come from; see `kiln presets`";
        seed: u64, count(0, i64::MAX), "every random number follows from it";
        threads: usize, count(0, 1024), "worker threads, 0 = all cores; never changes a result";
        device: String, Domain::Device, "where the networks are trained";
    }

    /// The one-step sampler.
    generator: Generator {
        network in NetworkKind, "layers of units, or (particles) messages between them: lean or published";
        latent: usize, count(1, 4096),
            "dimension of the Gaussian latent, at least the target's; egnn: the rest belongs to the particles",
            paper: "dimension of z";
        hidden: usize, count(1, 8192), "width of the hidden layers";
        depth: usize, count(1, 64), "number of hidden layers";
        radial: usize, count(2, 256), "egnn: radial basis functions of each distance";
        radial_range: f64, above_zero(1e6), "egnn: the basis covers distances up to this";
        range: f64, above_zero(1e6), "egnn: bound of a pair's coordinate factor in one layer";
        thresholds: usize, count(0, 256), "sign features per latent coordinate, 0 = none";
        threshold_range: f64, above_zero(8.0), "thresholds are evenly spaced in [-r, r]",
            unit: "standard deviations of the latent";
        skip: f64, real(0.0, 1e6), "x = skip z + scale net(z)", unit: "the target's unit of length";
        scale: f64, above_zero(1e6), "x = skip z + scale net(z)", unit: "the target's unit of length";
    }

    /// The network that follows the generator's noised score.
    score: Score {
        kind in ScoreKind, "preconditioned denoiser of (y, log v), or the published raw score of (x_t, t)";
        network in NetworkKind, "layers of units, or (particles) messages between them: lean or published";
        hidden: usize, count(1, 8192), "width of the hidden layers";
        depth: usize, count(1, 64), "number of hidden layers";
        radial: usize, count(2, 256), "egnn: radial basis functions of each distance";
        radial_range: f64, above_zero(1e6), "egnn: the basis covers distances up to this",
            unit: "the target's unit of length";
        range: f64, above_zero(1e6), "egnn: bound of a pair's coordinate factor in one layer";
        data_sd: f64, above_zero(1e6), "width of the target's region, for the preconditioning",
            unit: "the target's unit of length", paper: "σ_data (Karras et al. 2022)";
    }

    /// Noise levels.
    noise: Noise {
        v_min: f64, above_zero(1e6), "smallest noise-to-signal ratio v = sigma/alpha",
            unit: "the target's unit of length", paper: "smallest σ_t/α_t";
        v_max: f64, above_zero(1e6), "largest v; v is drawn log-uniformly",
            unit: "the target's unit of length", paper: "largest σ_t/α_t";
        anneal: f64, real(0.0, 1.0),
            "fraction of training over which the lower end falls from v_max to v_min, 0 = none";
        beta_start: f64, Domain::Above { above: 0.0, max: 0.999 }, "published schedule: first beta", paper: "β_1";
        beta_end: f64, Domain::Above { above: 0.0, max: 0.999 }, "published schedule: last beta", paper: "β_T";
        levels: usize, count(2, 64), "published schedule: number of levels T; t is drawn from 1 to T-1", paper: "T";
    }

    /// Optimisation.
    train: Train {
        steps: usize, count(1, 100_000_000), "outer steps (one generator update each)", unit: "outer steps";
        batch: usize, count(2, 1 << 20), "samples per step", unit: "samples", paper: "batch size";
        inner: usize, count(1, 10_000), "score-network steps per outer step", paper: "N_φ, number of score updates";
        pretrain: usize, count(0, 1_000_000), "score-network steps before the first outer step";
        objective in Objective, "reverse diffusive KL, or the mode-collapsing baseline without noise",
            paper: "DiKL, or R-KL by score matching";
        weight in Weight, "weight of a noise level in the loss", paper: "w(t)";
        generator_lr: f64, above_zero(10.0), "Adam's learning rate, generator";
        score_lr: f64, above_zero(10.0), "Adam's learning rate, score network";
        beta1: f64, Domain::Fraction, "Adam's first decay, generator";
        beta2: f64, Domain::Fraction, "Adam's second decay, generator";
        score_beta1: f64, Domain::Fraction, "Adam's first decay, score network";
        score_beta2: f64, Domain::Fraction, "Adam's second decay, score network";
        warmup: usize, count(0, 1_000_000), "outer steps over which the generator's rate rises from 0",
            unit: "outer steps";
        decay in Decay, "how the generator's learning rate falls";
        clip: f64, above_zero(1e12), "largest norm of the generator's gradient";
        sample_clip: f64, real(0.0, 1e12), "largest norm of one sample's gradient, 0 = off";
        ema: f64, Domain::Fraction, "decay of the generator's moving average, 0 = off";
        score_ema: f64, Domain::Fraction, "decay of the score network's average that the generator follows, 0 = off";
        select in Select,
            "which generator is kept: the last, or the latest of the second half about as near to Stein's identity as the best";
        checkpoint_every: usize, count(1, 100_000_000), "outer steps between checkpoints", unit: "outer steps";
        evaluate_every: usize, count(1, 100_000_000), "outer steps between quality figures", unit: "outer steps";
    }

    /// Learning from the states of an exploration, in place of posterior sampling at every sample.
    learn: Learn {
        states: bool, Domain::Switch,
            "learn the target's denoiser from explored states; needs an exploration";
        exploring: f64, Domain::Above { above: 0.0, max: 1.0 },
            "part of all evaluations that the exploration may take; with the rest the energy measures the cells' shares";
        exploring_time: f64, Domain::Above { above: 0.0, max: 1.0 },
            "part of a budget of time that the exploration may take";
        pretrain_time: f64, Domain::Above { above: 0.0, max: 1.0 },
            "part of what is left of it that the updates before the first outer step may take";
        cells: usize, count(1, 64), "Gaussians that the generator starts from, at most, of each block of coordinates";
        pretrain: usize, count(0, 1_000_000), "that denoiser's updates before the first outer step";
        rate: f64, above_zero(10.0), "Adam's learning rate of these; it falls to a tenth";
        inner: usize, count(0, 10_000), "its updates before every outer step";
        reuse: usize, count(1, 10_000), "score-network steps that share a batch of generated samples";
        ema: f64, Domain::Fraction, "decay of its average, which the generator follows";
        direct_from: f64, real(0.0, 1.0),
            "part of the training after which small noise is estimated from the energy itself, 1 = never";
        direct_below: f64, real(0.0, 1e6), "up to which v";
    }

    /// Sampling of the denoising posterior.
    posterior: Posterior {
        particles: usize, count(1, 100_000), "particles per posterior", paper: "AIS particles";
        annealing: usize, count(1, 100_000), "annealing levels K, 1 = plain importance sampling", paper: "K, AIS steps";
        transition in Transition, "Markov kernel of the annealing", paper: "transition kernel of AIS";
        leapfrog_steps: usize, count(1, 10_000), "leapfrog steps per HMC transition";
        step_size: f64, above_zero(1e3), "step size of the annealing's kernel, where adaptation starts",
            paper: "AIS step size";
        refresh: usize, count(0, 1_000), "sweeps of coordinate (or particle) refreshes in each cycle of the chain";
        chain: usize, count(0, 1_000_000), "cycles of the chain; 0 = weighted particles only", paper: "MALA steps";
        chain_kernel in Transition, "what moves the chain after the refreshes of a cycle";
        chain_leapfrog_steps: usize, count(1, 10_000), "leapfrog steps per HMC step of the chain";
        chain_steps: usize, count(0, 10_000), "steps of that kernel in each cycle";
        chain_step_size: f64, above_zero(1e3), "their step size, where adaptation starts", paper: "MALA step size";
        keep: usize, count(1, 1_000_000), "last states of the chain that are averaged", paper: "L";
        min_ess: f64, real(0.0, 1e9),
            "all weighted particles are used where their effective sample size exceeds this, a chain elsewhere";
        estimator in Estimator, "score identity: MSI, DSI, TSI, or their mix of least variance",
            paper: "MSI, DSI and TSI: mixed, denoising and target score identity";
        adapt: bool, Domain::Switch, "adapt step sizes to the acceptance";
    }
}

/// The section of [`Learn`].
pub const LEARN: &str = "learn";

impl Learn {
    /// Nothing is learned from states; how it would be, were it switched on.
    pub const OFF: Self = Self {
        states: false,
        exploring: 0.95,
        exploring_time: 0.25,
        pretrain_time: 0.4,
        cells: 64,
        pretrain: 2000,
        rate: 2e-3,
        inner: 1,
        reuse: 1,
        ema: 0.999,
        direct_from: 1.0,
        direct_below: 0.3,
    };

    /// The evaluations of so many that the exploration may take.
    pub fn exploration(&self, evaluations: u64) -> u64 {
        (evaluations as f64 * self.exploring) as u64
    }

    /// Those that are left after an exploration of so many.
    pub fn after(&self, exploration: u64) -> u64 {
        (exploration as f64 * (1.0 / self.exploring - 1.0)) as u64
    }
}

/// The key of that full name.
pub fn find_key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}
