//! The table of all keys: name, allowed values, meaning. Everything that reads, checks, prints or documents
//! the configuration walks this table, so that a key added here is known everywhere.

use super::Domain;

/// One key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `section.key`.
    pub name: &'static str,
    /// What it may be.
    pub domain: Domain,
    /// What it means.
    pub help: &'static str,
}

impl Key {
    /// The part before the dot.
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// The part after the dot.
    pub fn field(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, field)| field)
    }
}

/// The key of that full name.
pub fn find_key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

const fn key(name: &'static str, domain: Domain, help: &'static str) -> Key {
    Key { name, domain, help }
}

const fn count(min: i64, max: i64) -> Domain {
    Domain::Count { min, max }
}

const fn above_zero(max: f64) -> Domain {
    Domain::Above { above: 0.0, max }
}

/// Every key, in the order in which a configuration is written.
pub const KEYS: &[Key] = &[
    key("run.target", Domain::Name, "what is sampled; see `kiln targets`"),
    key("run.preset", Domain::Choice(&["kiln", "paper"]), "where the defaults come from; see `kiln presets`"),
    key("run.seed", count(0, i64::MAX), "every random number follows from it"),
    key("run.threads", count(0, 1024), "worker threads, 0 = all cores; never changes a result"),
    key("run.device", Domain::Device, "where the networks are trained"),
    key(
        "generator.network",
        Domain::Choice(&["mlp", "egnn", "egnn-published"]),
        "layers of units, or (particles) messages between them: lean or published",
    ),
    key(
        "generator.latent",
        count(1, 4096),
        "dimension of the Gaussian latent, at least the target's; egnn: the rest belongs to the particles",
    ),
    key("generator.hidden", count(1, 8192), "width of the hidden layers"),
    key("generator.depth", count(1, 64), "number of hidden layers"),
    key("generator.radial", count(2, 256), "egnn: radial basis functions of each distance"),
    key("generator.radial_range", above_zero(1e6), "egnn: the basis covers distances up to this"),
    key("generator.range", above_zero(1e6), "egnn: bound of a pair's coordinate factor in one layer"),
    key("generator.thresholds", count(0, 256), "sign features per latent coordinate, 0 = none"),
    key("generator.threshold_range", above_zero(8.0), "thresholds are evenly spaced in [-r, r]"),
    key("generator.skip", Domain::Real { min: 0.0, max: 1e6 }, "x = skip z + scale net(z)"),
    key("generator.scale", above_zero(1e6), "x = skip z + scale net(z)"),
    key(
        "score.kind",
        Domain::Choice(&["preconditioned", "published"]),
        "preconditioned denoiser of (y, log v), or the published raw score of (x_t, t)",
    ),
    key(
        "score.network",
        Domain::Choice(&["mlp", "egnn", "egnn-published"]),
        "layers of units, or (particles) messages between them: lean or published",
    ),
    key("score.hidden", count(1, 8192), "width of the hidden layers"),
    key("score.depth", count(1, 64), "number of hidden layers"),
    key("score.radial", count(2, 256), "egnn: radial basis functions of each distance"),
    key("score.radial_range", above_zero(1e6), "egnn: the basis covers distances up to this"),
    key("score.range", above_zero(1e6), "egnn: bound of a pair's coordinate factor in one layer"),
    key("score.data_sd", above_zero(1e6), "width of the target's region, for the preconditioning"),
    key("noise.v_min", above_zero(1e6), "smallest noise-to-signal ratio v = sigma/alpha"),
    key("noise.v_max", above_zero(1e6), "largest v; v is drawn log-uniformly"),
    key(
        "noise.anneal",
        Domain::Real { min: 0.0, max: 1.0 },
        "fraction of training over which the lower end falls from v_max to v_min, 0 = none",
    ),
    key("noise.beta_start", Domain::Above { above: 0.0, max: 0.999 }, "published schedule: first beta"),
    key("noise.beta_end", Domain::Above { above: 0.0, max: 0.999 }, "published schedule: last beta"),
    key("noise.levels", count(2, 64), "published schedule: number of levels T; t is drawn from 1 to T-1"),
    key("train.steps", count(1, 100_000_000), "outer steps (one generator update each)"),
    key("train.batch", count(2, 1 << 20), "samples per step"),
    key("train.inner", count(1, 10_000), "score-network steps per outer step"),
    key("train.pretrain", count(0, 1_000_000), "score-network steps before the first outer step"),
    key(
        "train.objective",
        Domain::Choice(&["dikl", "reverse-kl"]),
        "reverse diffusive KL, or the mode-collapsing baseline without noise",
    ),
    key(
        "train.weight",
        Domain::Choice(&["1/alpha", "sigma/alpha", "sigma^2/alpha", "1"]),
        "weight of a noise level in the loss",
    ),
    key("train.generator_lr", above_zero(10.0), "Adam's learning rate, generator"),
    key("train.score_lr", above_zero(10.0), "Adam's learning rate, score network"),
    key("train.beta1", Domain::Fraction, "Adam's first decay, generator"),
    key("train.beta2", Domain::Fraction, "Adam's second decay, generator"),
    key("train.score_beta1", Domain::Fraction, "Adam's first decay, score network"),
    key("train.score_beta2", Domain::Fraction, "Adam's second decay, score network"),
    key("train.warmup", count(0, 1_000_000), "outer steps over which the generator's rate rises from 0"),
    key("train.decay", Domain::Choice(&["cosine", "none"]), "how the generator's learning rate falls"),
    key("train.clip", above_zero(1e12), "largest norm of the generator's gradient"),
    key("train.sample_clip", Domain::Real { min: 0.0, max: 1e12 }, "largest norm of one sample's gradient, 0 = off"),
    key("train.ema", Domain::Fraction, "decay of the generator's moving average, 0 = off"),
    key(
        "train.score_ema",
        Domain::Fraction,
        "decay of the score network's average that the generator follows, 0 = off",
    ),
    key(
        "train.select",
        Domain::Choice(&["last", "stein"]),
        "which generator is kept: the last, or the latest of the second half about as near to Stein's identity as the best",
    ),
    key("train.checkpoint_every", count(1, 100_000_000), "outer steps between checkpoints"),
    key("train.evaluate_every", count(1, 100_000_000), "outer steps between quality figures"),
    key("posterior.particles", count(1, 100_000), "particles per posterior"),
    key("posterior.annealing", count(1, 100_000), "annealing levels K, 1 = plain importance sampling"),
    key("posterior.transition", Domain::Choice(&["hmc", "mala"]), "Markov kernel of the annealing"),
    key("posterior.leapfrog_steps", count(1, 10_000), "leapfrog steps per HMC transition"),
    key("posterior.step_size", above_zero(1e3), "step size of the annealing's kernel, where adaptation starts"),
    key(
        "posterior.refresh",
        count(0, 1_000),
        "sweeps of coordinate (or particle) refreshes in each cycle of the chain",
    ),
    key("posterior.chain", count(0, 1_000_000), "cycles of the chain; 0 = weighted particles only"),
    key(
        "posterior.chain_kernel",
        Domain::Choice(&["hmc", "mala"]),
        "what moves the chain after the refreshes of a cycle",
    ),
    key("posterior.chain_leapfrog_steps", count(1, 10_000), "leapfrog steps per HMC step of the chain"),
    key("posterior.chain_steps", count(0, 10_000), "steps of that kernel in each cycle"),
    key("posterior.chain_step_size", above_zero(1e3), "their step size, where adaptation starts"),
    key("posterior.keep", count(1, 1_000_000), "last states of the chain that are averaged"),
    key(
        "posterior.min_ess",
        Domain::Real { min: 0.0, max: 1e9 },
        "all weighted particles are used where their effective sample size exceeds this, a chain elsewhere",
    ),
    key(
        "posterior.estimator",
        Domain::Choice(&["mixed", "denoising", "target", "minimum-variance"]),
        "score identity: MSI, DSI, TSI, or their mix of least variance",
    ),
    key("posterior.adapt", Domain::Switch, "adapt step sizes to the acceptance"),
];
