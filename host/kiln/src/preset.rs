//! The presets: `kiln`, our own recipe, which learns from an exploration; `direct`, ours by posterior sampling at every
//! sample, which can do without one; and `paper`, the published one (\[P\] He et al., AISTATS 2025, tables of
//! the appendix; \[C\] the authors' published code where the two differ).

mod paper;

use crate::config::{
    Decay, Estimator, Generator, Learn, NetworkKind, Noise, Posterior, Score, ScoreKind, Select, Settings, Train,
    Transition, Weight,
};
use kiln_core::symmetry::Symmetry;
pub use paper::NEVER;
use paper::{Published, paper_mog40, paper_mw32, paper_particles, paper_user};

/// The names of the presets, the default first.
pub const PRESETS: [&str; 3] = ["kiln", "direct", "paper"];

/// The general recipes, `direct` and `paper`, for a target of `dim` dimensions that brings none of its own.
pub fn general(dim: usize) -> [Settings; 2] {
    [kiln_user(dim), paper_user(dim)]
}

/// What an exploration found, in its whitened coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// The least width within a mode that matters.
    pub narrowest: f64,
    /// The leapfrog step that moves on the target were accepted well with, where it is known.
    pub step: Option<f64>,
}

impl Found {
    /// One mode of unit width.
    pub const UNIT: Self = Self { narrowest: 1.0, step: None };
}

/// The preset `kiln` in the coordinates of an exploration: the generator begins as a mixture that was fitted to the states, and is
/// moved gently by what denoisers of both have learned; noise goes down to a part of the least width of a mode. Particles have no
/// mixture.
pub fn learned(dim: usize, symmetry: Symmetry, found: Found) -> Settings {
    let base = explored(dim, symmetry, found);
    let learn = Learn { states: true, ..Learn::OFF };
    if let Symmetry::Particles { count, .. } = symmetry {
        // No mixture to begin as: weights of arrangements are set at large noise first. What the target's denoiser has not learned before
        // the first step, the generator never learns.
        let base = Settings { noise: Noise { anneal: 0.3, ..base.noise }, ..base };
        if count > FEW_PARTICLES {
            // A leapfrog step is about the width of the stiffest direction, which noise must not drown.
            let stiffest = found.step.map_or(base.noise.v_min, |step| FINEST_STEP * step);
            let v_min = stiffest.clamp(LEAST_LEARNED, base.noise.v_min);
            return Settings {
                noise: Noise { v_min, ..base.noise },
                learn: Learn { pretrain: 12_000, ..learn },
                ..base
            };
        }
        return Settings {
            score: Score { depth: 4, radial: 32, radial_range: 4.5, ..base.score },
            train: Train { batch: 2 * base.train.batch, ..base.train },
            learn: Learn { pretrain: 24_000, ..learn },
            ..base
        };
    }
    let v_min = (FINEST_LEARNED * found.narrowest).clamp(LEAST_LEARNED, 0.1);
    Settings {
        generator: Generator { thresholds: 0, scale: 0.3, ..base.generator },
        noise: Noise { v_min, v_max: 2.5, ..base.noise },
        train: Train { steps: 1500, inner: 4, generator_lr: 1e-4, score_lr: 5e-4, score_ema: 0.99, ..base.train },
        learn,
        ..base
    }
}

/// So few are cheap.
const FEW_PARTICLES: usize = 8;
/// The least noise of [`learned`], of a mode's least width, and never less than this.
const FINEST_LEARNED: f64 = 0.15;
const LEAST_LEARNED: f64 = 1e-4;
/// Of more particles the least noise, of a leapfrog step.
const FINEST_STEP: f64 = 0.4;

/// The preset `direct` in the coordinates of an exploration, in which the whole has about unit width: noise goes down to what
/// still shows the narrowest mode, and up to where all modes are one; step sizes begin with what the exploration's own moves had.
pub fn explored(dim: usize, symmetry: Symmetry, found: Found) -> Settings {
    let base = match symmetry {
        Symmetry::None => kiln_user(dim),
        Symmetry::Particles { count, dimensions } => kiln_explored_particles(count, dimensions),
    };
    let v_min = (FINEST * found.narrowest * found.narrowest).clamp(LEAST_NOISE, base.noise.v_min);
    // MALA's h is half the square of a leapfrog step.
    let step = |kernel, otherwise| match (found.step.map(|step| step.clamp(LEAST_STEP, MOST_STEP)), kernel) {
        (None, _) => otherwise,
        (Some(step), Transition::Hmc) => step,
        (Some(step), Transition::Mala) => 0.5 * step * step,
    };
    let posterior = &base.posterior;
    let posterior = Posterior {
        step_size: step(posterior.transition, posterior.step_size),
        chain_step_size: step(posterior.chain_kernel, posterior.chain_step_size),
        ..posterior.clone()
    };
    let (noise, score) = (Noise { v_min, ..base.noise }, Score { data_sd: 1.0, ..base.score });
    Settings { noise, score, posterior, ..base }
}

/// Leapfrog steps where adaptation may begin: an energy that is flat takes any.
const LEAST_STEP: f64 = 1e-4;
const MOST_STEP: f64 = 2.0;
/// The least noise, of the square of a mode's least width. On MoG-40 it is 0.15 of 1.7.
const FINEST: f64 = 0.09;
/// Less noise than this is no noise in f32.
const LEAST_NOISE: f64 = 1e-5;

/// Those of MoG-40.
pub fn mog40() -> [Settings; 2] {
    [kiln_mog40(2), paper_mog40(2)]
}

/// Those of Many-Well in `dim` dimensions.
pub fn many_well(dim: usize) -> [Settings; 2] {
    [kiln_mw32(dim), paper_mw32(dim)]
}

/// Those of DW-4.
pub fn dw4() -> [Settings; 2] {
    let published = Published { generator: (144, 8), score: (144, 4), batch: 1024, steps: 2000 };
    [kiln_dw4(), paper_particles(4, 2, published)]
}

/// Those of so many Lennard-Jones particles in space.
pub fn lennard_jones(particles: usize) -> [Settings; 2] {
    let published = Published { generator: (192, 8), score: (192, 8), batch: 256, steps: 3000 };
    [kiln_lennard_jones(particles), paper_particles(particles, 3, published)]
}

/// Kiln's recipe on MoG-40. The generator starts as a cloud as wide as the region; weighted particles estimate the score,
/// and a chain does where their weights degenerate.
fn kiln_mog40(dim: usize) -> Settings {
    let paper = paper_mog40(dim);
    Settings {
        generator: Generator {
            hidden: 128,
            thresholds: 33,
            threshold_range: 2.5,
            skip: 20.0,
            scale: 10.0,
            ..paper.generator
        },
        score: Score { kind: ScoreKind::Preconditioned, hidden: 128, data_sd: 25.0, ..paper.score },
        noise: Noise { v_min: 0.15, v_max: 20.0, anneal: 0.8, ..paper.noise },
        train: Train {
            steps: 20_000,
            batch: 512,
            inner: 4,
            pretrain: 300,
            weight: Weight::SigmaSquaredOverAlpha,
            generator_lr: 3e-3,
            score_lr: 1e-3,
            warmup: 300,
            decay: Decay::Cosine,
            sample_clip: 2.0,
            ema: 0.99,
            score_ema: 0.9,
            checkpoint_every: 1000,
            evaluate_every: 250,
            ..paper.train
        },
        posterior: Posterior {
            particles: 96,
            annealing: 1,
            min_ess: 2.0,
            chain_step_size: 0.5,
            chain: 20,
            keep: 10,
            estimator: Estimator::MinimumVariance,
            adapt: true,
            ..paper.posterior
        },
        ..paper
    }
}

/// Kiln's recipe on Many-Well-32: posterior chains with coordinate refreshes, which set the wells' weights.
fn kiln_mw32(dim: usize) -> Settings {
    let base = kiln_mog40(dim);
    Settings {
        generator: Generator {
            hidden: 256,
            thresholds: 7,
            threshold_range: 1.5,
            skip: 1.8,
            scale: 1.0,
            ..base.generator
        },
        score: Score { hidden: 256, data_sd: 1.4, ..base.score },
        noise: Noise { v_min: 0.05, v_max: 2.5, anneal: 0.5, ..base.noise },
        train: Train {
            steps: 8000,
            weight: Weight::SigmaOverAlpha,
            generator_lr: 5e-4,
            beta1: 0.5,
            beta2: 0.99,
            warmup: 50,
            sample_clip: 20.0,
            evaluate_every: 100,
            ..base.train
        },
        posterior: Posterior {
            particles: 1,
            min_ess: NEVER,
            step_size: 0.3,
            chain_step_size: 0.05,
            refresh: 1,
            chain: 60,
            keep: 45,
            ..base.posterior
        },
        ..base
    }
}

/// Latent numbers of each particle beside its coordinates.
const OWN_LATENTS: usize = 4;

/// Kiln's recipe on DW-4. Large noise sets the weights of arrangements, with particle refreshes to sample it.
fn kiln_dw4() -> Settings {
    let base = kiln_mw32(8);
    Settings {
        generator: Generator {
            network: NetworkKind::Egnn,
            latent: 8 + 4 * OWN_LATENTS,
            hidden: 64,
            depth: 8,
            radial: 32,
            radial_range: 8.0,
            range: 3.0,
            thresholds: 7,
            threshold_range: 1.5,
            skip: 2.0,
            scale: 1.0,
        },
        score: Score {
            network: NetworkKind::Egnn,
            hidden: 64,
            depth: 3,
            radial: 16,
            radial_range: 8.0,
            range: 5.0,
            data_sd: 1.8,
            ..base.score
        },
        noise: Noise { v_min: 0.05, v_max: 1.5, anneal: 0.094, ..base.noise },
        train: Train {
            steps: 16_000,
            batch: 256,
            weight: Weight::SigmaOverAlpha,
            generator_lr: 5e-4,
            beta1: 0.9,
            beta2: 0.98,
            warmup: 100,
            // With rate 1e-3, decay 0.999 and clip 10 one bad step in a few thousand saturates every tanh, often for good.
            clip: 1.0,
            sample_clip: 20.0,
            select: Select::Stein,
            evaluate_every: 200,
            ..base.train
        },
        posterior: Posterior {
            particles: 64,
            min_ess: NEVER,
            refresh: 1,
            // Long chains: at large noise a few states see one arrangement, and the weights of arrangements drown in noise.
            chain: 640,
            chain_steps: 5,
            chain_step_size: 0.02,
            keep: 600,
            ..base.posterior
        },
        ..base
    }
}

/// Kiln's recipe on Lennard-Jones clusters: long HMC trajectories reach the posterior's equilibrium where MALA does not.
fn kiln_lennard_jones(particles: usize) -> Settings {
    let base = kiln_dw4();
    Settings {
        generator: Generator {
            latent: 3 * particles + particles * OWN_LATENTS,
            radial_range: 4.0,
            range: 2.5,
            skip: 0.75,
            ..base.generator
        },
        score: Score { radial: 20, radial_range: 6.0, data_sd: 0.75, ..base.score },
        noise: Noise { v_min: 0.03, v_max: 1.2, anneal: 0.16, ..base.noise },
        train: Train { steps: 22_000, batch: 128, ema: 0.995, ..base.train },
        posterior: Posterior {
            particles: 16,
            refresh: 0,
            chain: 55,
            chain_kernel: Transition::Hmc,
            chain_leapfrog_steps: 20,
            chain_steps: 1,
            chain_step_size: 0.025,
            keep: 15,
            ..base.posterior
        },
        ..base
    }
}

/// Kiln's recipe on particles of one's own whose distances are about as wide as those of a standard Gaussian: that of
/// Lennard-Jones clusters in units of their width, and shorter.
fn kiln_explored_particles(particles: usize, dimensions: usize) -> Settings {
    let base = kiln_lennard_jones(particles);
    Settings {
        generator: Generator {
            latent: (dimensions + OWN_LATENTS) * particles,
            radial_range: 5.5,
            skip: 1.0,
            ..base.generator
        },
        score: Score { radial_range: 8.0, ..base.score },
        noise: Noise { v_min: 0.05, v_max: 2.1, anneal: 0.0, ..base.noise },
        train: Train { steps: 4000, ..base.train },
        posterior: Posterior { chain_step_size: 0.04, ..base.posterior },
        ..base
    }
}

/// Kiln's recipe on a target of one's own, for structure of about unit width: as on Many-Well-32, smaller and more
/// careful. All noise levels from the start: small noise holds the samples together while nothing is known of the target.
fn kiln_user(dim: usize) -> Settings {
    let base = kiln_mw32(dim);
    Settings {
        generator: Generator { hidden: 128, skip: 1.0, ..base.generator },
        score: Score { hidden: 128, ..base.score },
        noise: Noise { anneal: 0.0, ..base.noise },
        train: Train { steps: 4000, sample_clip: 5.0, ..base.train },
        posterior: Posterior { particles: 32, ..base.posterior },
        ..base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_sizes_are_those_that_the_exploration_moved_with() {
        let found = Found { narrowest: 0.5, step: Some(0.2) };
        let posterior = explored(3, Symmetry::None, found).posterior;
        assert_eq!(posterior.chain_kernel, Transition::Mala);
        assert!((posterior.chain_step_size - 0.02).abs() < 1e-15, "h = 0.2^2 / 2");
        let particles = Symmetry::Particles { count: 13, dimensions: 3 };
        let posterior = explored(39, particles, found).posterior;
        assert_eq!((posterior.chain_kernel, posterior.chain_step_size), (Transition::Hmc, 0.2));
        let learns = |step| learned(39, particles, Found { step, ..found }).noise.v_min;
        assert!((learns(Some(0.03)) - 0.012).abs() < 1e-15, "below the stiffest direction");
        let few = Symmetry::Particles { count: 4, dimensions: 2 };
        let of_few = |step| learned(8, few, Found { step, ..found }).noise.v_min;
        assert_eq!(of_few(Some(0.03)), of_few(None));
        let most = explored(39, particles, found).noise.v_min;
        assert_eq!([learns(None), learns(Some(1.0))], [most; 2]);
        let flat = explored(3, Symmetry::None, Found { step: Some(1e6), ..found });
        assert_eq!(flat.posterior.chain_step_size, 2.0);
        let unknown = Found { step: None, ..found };
        assert!(explored(39, particles, unknown).posterior.chain_step_size != 0.2);
    }
}
