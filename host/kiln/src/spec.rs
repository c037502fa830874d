//! From a checked configuration to what the trainer takes: networks, noise, objective, optimisers, posterior sampling.

use crate::config::{self, Config, NetworkKind};
use crate::error::Error;
use crate::preset;
use kiln_core::diffusion::Schedule;
use kiln_core::dynamics::step_size;
use kiln_core::posterior::{Params, Transition};
use kiln_core::symmetry::Symmetry;
use kiln_gpu::egnn::{Activation, Edges, EgnnSpec, Head, Radial};
use kiln_gpu::trainer::{Noising, TrainerSpec};
use kiln_gpu::{AdamOptions, Body, GeneratorSpec, ScoreSpec};

/// The trainer's settings from a configuration.
///
/// # Errors
/// If the published schedule cannot be built, or no network has this shape.
pub fn trainer_spec(config: &Config, dim: usize, symmetry: Symmetry) -> Result<TrainerSpec, Error> {
    let (generator, score, noise, train) = (&config.generator, &config.score, &config.noise, &config.train);
    let thresholds = config.thresholds();
    let own = match symmetry {
        Symmetry::Particles { count, .. } => generator.latent.saturating_sub(dim) / count,
        Symmetry::None => 0,
    };
    let generator_body = body(
        symmetry,
        generator.network,
        (generator.hidden, generator.depth),
        GeneratorSpec::node_inputs(own, thresholds.len()),
        pairs(generator.radial, generator.radial_range, !thresholds.is_empty()),
        generator.range,
    )?;
    let shape = |kind, node_inputs| {
        let radial = pairs(score.radial, score.radial_range, false);
        body(symmetry, kind, (score.hidden, score.depth), node_inputs, radial, score.range)
    };
    let (score, noising) = match score.kind {
        config::ScoreKind::Preconditioned => (
            ScoreSpec::Preconditioned {
                dim,
                body: shape(score.network, ScoreSpec::NODE_INPUTS)?,
                data_sd: score.data_sd as f32,
            },
            Noising::Continuous { v_min: noise.v_min, v_max: noise.v_max, anneal: noise.anneal },
        ),
        config::ScoreKind::Published => {
            if score.network == NetworkKind::Mlp && score.hidden % 2 == 1 {
                let message =
                    format!("score.hidden is {}, but must be even for the published score network", score.hidden);
                return Err(Error::input(message, "half of its features of t are sines, half cosines"));
            }
            let schedule = Schedule::linear(noise.beta_start, noise.beta_end, noise.levels).ok_or_else(|| {
                Error::input("no such noise schedule", "check noise.beta_start, noise.beta_end and noise.levels")
            })?;
            let levels: Vec<(f32, f32)> = schedule.levels().iter().map(|l| (l.alpha as f32, l.sigma as f32)).collect();
            let network = ScoreSpec::Published { dim, body: shape(score.network, 1)?, levels: levels.clone() };
            (network, Noising::Levels(levels))
        }
    };
    let adam = |rate: f64, beta1: f64, beta2: f64, clip: Option<f64>| AdamOptions {
        learning_rate: rate as f32,
        beta1: beta1 as f32,
        beta2: beta2 as f32,
        clip: clip.map(|clip| clip as f32),
        ..AdamOptions::default()
    };
    let spec = TrainerSpec {
        seed: config.run.seed,
        steps: train.steps as u64,
        batch: train.batch,
        inner: train.inner,
        pretrain: train.pretrain,
        generator: GeneratorSpec {
            dim,
            latent: generator.latent,
            thresholds: thresholds.into_iter().map(|c| c as f32).collect(),
            cells: Vec::new(),
            skip: generator.skip as f32,
            scale: generator.scale as f32,
            body: generator_body,
        },
        score,
        noising,
        weight: train.weight,
        objective: train.objective,
        generator_adam: adam(train.generator_lr, train.beta1, train.beta2, Some(train.clip)),
        score_adam: adam(train.score_lr, train.score_beta1, train.score_beta2, None),
        warmup: train.warmup as u64,
        cosine: train.decay == config::Decay::Cosine,
        sample_clip: (train.sample_clip > 0.0).then_some(train.sample_clip as f32),
        ema: train.ema as f32,
        score_ema: train.score_ema as f32,
        posterior: posterior_params(&config.posterior),
        mixture: None,
        learned: None,
    };
    spec.generator
        .check()
        .map_err(|error| Error::input(format!("no such generator: {error}"), "check the [generator] settings"))?;
    Ok(spec)
}

/// What a lean EGNN sees of distances. A generator with thresholds has them on the latent's distances too.
fn pairs(count: usize, range: f64, steps: bool) -> Radial {
    let range = range as f32;
    if steps { Radial::Steps { count, range } } else { Radial::Basis { count, range } }
}

/// The network of a generator or score network; `radial` is what a lean EGNN sees of distances, `range` the bound of a pair's
/// coordinate factor.
fn body(
    symmetry: Symmetry,
    kind: NetworkKind,
    (hidden, depth): (usize, usize),
    node_inputs: usize,
    radial: Radial,
    range: f64,
) -> Result<Body, Error> {
    let Symmetry::Particles { count, dimensions } = symmetry else {
        return match kind {
            NetworkKind::Mlp => Ok(Body::Mlp { hidden, depth }),
            _ => Err(Error::input(
                "an egnn needs a target of particles",
                "set generator.network and score.network to \"mlp\"",
            )),
        };
    };
    let lean = kind == NetworkKind::Egnn;
    Ok(match kind {
        NetworkKind::Mlp => Body::Mlp { hidden, depth },
        NetworkKind::Egnn | NetworkKind::EgnnPublished => Body::Egnn(EgnnSpec {
            particles: count,
            dimensions,
            node_inputs,
            hidden,
            layers: depth,
            activation: if lean { Activation::Silu } else { Activation::Relu },
            edges: if lean { Edges::Symmetric } else { Edges::Directed },
            head: if lean { Head::Direct } else { Head::Deep },
            attention: true,
            radial: if lean { radial } else { Radial::Squared },
            range: range as f32,
        }),
    })
}

fn posterior_params(settings: &config::Posterior) -> Params {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let kernel = |kind: config::Transition, leapfrog_steps: usize| match kind {
        config::Transition::Hmc => Transition::Hmc { leapfrog_steps: count(leapfrog_steps) },
        config::Transition::Mala => Transition::Mala,
    };
    Params {
        particles: count(settings.particles),
        levels: count(settings.annealing),
        transition: kernel(settings.transition, settings.leapfrog_steps),
        transition_step: settings.step_size,
        min_effective_sample_size: if settings.min_ess < preset::NEVER { settings.min_ess } else { f64::INFINITY },
        cycles: count(settings.chain),
        refresh_sweeps: count(settings.refresh),
        refresh_block: 1,
        chain: kernel(settings.chain_kernel, settings.chain_leapfrog_steps),
        chain_steps: count(settings.chain_steps),
        chain_step: settings.chain_step_size,
        keep: count(settings.keep),
        scale_steps: settings.adapt,
        adapt: settings.adapt.then(step_size::Params::default),
        estimator: settings.estimator,
    }
}
