//! The published recipes.

use crate::config::{
    Decay, Estimator, Generator, Learn, NetworkKind, Noise, Objective, Posterior, Run, Score, ScoreKind, Select,
    Settings, Train, Transition, Weight,
};

fn run() -> Run {
    Run { target: String::new(), preset: String::new(), seed: 0, threads: 0, device: "cpu".into() }
}

/// No effective sample size is larger: always the chain.
pub const NEVER: f64 = 1e9;

/// The published recipe on MoG-40: MLP 4 x 400, 50 score steps, AIS 10 x 15 with HMC, 5 MALA steps.
pub fn paper_mog40(dim: usize) -> Settings {
    Settings {
        run: run(),
        generator: Generator {
            network: NetworkKind::Mlp,
            latent: dim,
            hidden: 400,
            depth: 4,
            radial: 16,
            radial_range: 8.0,
            range: 1.0,
            thresholds: 0,
            threshold_range: 2.0,
            skip: 0.0,
            scale: 1.0,
        },
        score: Score {
            kind: ScoreKind::Published,
            network: NetworkKind::Mlp,
            hidden: 400,
            depth: 4,
            radial: 16,
            radial_range: 8.0,
            range: 1.0,
            data_sd: 1.0,
        },
        noise: Noise { v_min: 0.16, v_max: 1514.0, anneal: 0.0, beta_start: 1e-4, beta_end: 0.7, levels: 30 },
        train: Train {
            steps: 100_000,
            batch: 1024,
            inner: 50,
            pretrain: 0,
            objective: Objective::Dikl,
            weight: Weight::InverseAlpha,
            generator_lr: 1e-3,
            score_lr: 1e-4,
            beta1: 0.9,
            beta2: 0.999,
            score_beta1: 0.9,
            score_beta2: 0.999,
            warmup: 0,
            decay: Decay::None,
            clip: 10.0,
            sample_clip: 0.0,
            ema: 0.0,
            score_ema: 0.0,
            select: Select::Last,
            checkpoint_every: 500,
            evaluate_every: 50,
        },
        learn: Learn::OFF,
        posterior: Posterior {
            particles: 10,
            annealing: 15,
            transition: Transition::Hmc,
            leapfrog_steps: 1,
            step_size: 1.0,
            refresh: 0,
            chain: 5,
            chain_kernel: Transition::Mala,
            chain_leapfrog_steps: 1,
            chain_steps: 1,
            chain_step_size: 0.01,
            keep: 1,
            min_ess: NEVER,
            estimator: Estimator::Mixed,
            adapt: false,
        },
    }
}

/// The published recipe on Many-Well-32: as on MoG-40, with less noise and smaller steps.
pub fn paper_mw32(dim: usize) -> Settings {
    let mut settings = paper_mog40(dim);
    settings.noise = Noise { v_min: 0.07, v_max: 3.1, beta_end: 0.15, ..settings.noise };
    settings.posterior.step_size = 0.3;
    settings.posterior.chain_step_size = 0.05;
    settings
}

/// The published recipe on a target of one's own.
pub fn paper_user(dim: usize) -> Settings {
    paper_mw32(dim)
}

/// What differs between the published recipes for particles: (hidden, layers) of the networks, batch and outer steps.
pub struct Published {
    /// Hidden width and layers.
    pub generator: (usize, usize),
    /// The same of the score network.
    pub score: (usize, usize),
    /// Batch.
    pub batch: usize,
    /// Outer steps.
    pub steps: usize,
}

/// The published recipe on particles. DW-4: AIS 20 x 10 with MALA, then 50 adapted MALA steps; Lennard-Jones: importance
/// sampling of 500, then 1000 adapted MALA steps, of which the last 500 are averaged.
pub fn paper_particles(particles: usize, dimensions: usize, published: Published) -> Settings {
    let dim = particles * dimensions;
    let paper = paper_mog40(dim);
    let network = |(hidden, depth): (usize, usize)| (hidden, depth, 15.0 / depth as f64);
    let ((hidden, depth, range), (score_hidden, score_depth, score_range)) =
        (network(published.generator), network(published.score));
    let posterior = Posterior { transition: Transition::Mala, step_size: 0.01, adapt: true, ..paper.posterior };
    Settings {
        generator: Generator { network: NetworkKind::EgnnPublished, hidden, depth, range, ..paper.generator },
        score: Score {
            network: NetworkKind::EgnnPublished,
            hidden: score_hidden,
            depth: score_depth,
            range: score_range,
            ..paper.score
        },
        noise: Noise { v_min: 0.04, v_max: 1.07, beta_start: 1e-6, beta_end: 0.05, ..paper.noise },
        train: Train {
            steps: published.steps,
            batch: published.batch,
            inner: 100,
            weight: Weight::One,
            generator_lr: 5e-4,
            checkpoint_every: 10,
            evaluate_every: 10,
            ..paper.train
        },
        posterior: if dimensions == 2 {
            Posterior { particles: 20, annealing: 10, chain: 50, ..posterior }
        } else {
            Posterior { particles: 500, annealing: 1, chain: 1000, keep: 500, ..posterior }
        },
        ..paper
    }
}
