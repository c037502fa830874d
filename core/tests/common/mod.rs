//! What the integration tests of `kiln-core` share: one table of tolerances, and below it the statistics, the registries
//! of energies and kernels that generic tests walk, exact posteriors, and the golden vectors.

// Each test binary compiles this module and uses a part of it.
#![allow(dead_code)]

pub mod artifacts;
pub mod by_value;
pub mod exact;
pub mod fixed;
pub mod golden;
pub mod group;
pub mod integers;
pub mod kernels;
pub mod layout;
pub mod particles;
pub mod quantised;
pub mod rows;
pub mod statistics;
pub mod targets;

/// Every tolerance of the crate's integration tests. A statistical test states no tolerance but a false-alarm rate, which
/// is [`FALSE_ALARM`](tolerance::FALSE_ALARM) for each of its comparisons, over the choice of the seed; seeds are fixed,
/// so no test is flaky.
pub mod tolerance {
    /// The probability that one statistical comparison fails although the code is right, for a random seed.
    pub const FALSE_ALARM: f64 = 1e-6;
    /// The two-sided normal quantile of [`FALSE_ALARM`].
    pub const Z: f64 = 4.891_638_475_698_59;
    /// The one-sided normal quantile of [`FALSE_ALARM`].
    pub const Z_ONE_SIDED: f64 = 4.753_424_308_822_899;

    /// Energies, gradients and networks against golden vectors, f64, relative.
    pub const GOLDEN: f64 = 1e-10;
    /// MoG-40 against its golden vectors, which were made with the standard deviation rounded to float32 (4.5e-8 off):
    /// 9e-8 in 1/s² times the exponents, of order 10, that decide between modes.
    pub const MOG40_SINGLE_WIDTH: f64 = 1e-6;
    /// Noise schedules against tables that were made in float32 arithmetic: 30 factors of relative rounding 6e-8 each
    /// give at most 2e-6 on α², hence 1e-6 on α.
    pub const SCHEDULE_ALPHA: f64 = 1e-6;
    /// The same on σ² = 1 − α², where the float32 subtraction keeps the absolute error of α².
    pub const SCHEDULE_SIGMA_SQUARED: f64 = 2e-6;
    /// A gradient against central differences with step 3e-5, relative to the largest component (at least 1).
    pub const FINITE_DIFFERENCE: f64 = 1e-6;
    /// `energy` against `energy_and_gradient`, relative.
    pub const SAME_ENERGY: f64 = 1e-14;
    /// An energy in f32 against f64 at the same point, relative to 1 + the sizes of the terms that are summed.
    pub const SINGLE_ENERGY: f64 = 2e-6;
    /// A gradient in f32 against f64, relative to 1 + its largest component.
    pub const SINGLE_GRADIENT: f64 = 2e-5;
    /// A generator in f32 against f64, absolute, for outputs of order 1.
    pub const SINGLE_NETWORK: f64 = 1e-5;
    /// Where a leapfrog trajectory ends after it was run backwards, f64, relative to the target's width.
    pub const REVERSIBLE: f64 = 1e-9;
    /// The same in f32.
    pub const REVERSIBLE_SINGLE: f64 = 2e-3;
    /// The order of leapfrog's energy error.
    pub const LEAPFROG_ORDER: core::ops::RangeInclusive<f64> = 1.9..=2.1;
    /// Acceptance after adaptation against its target.
    pub const ACCEPTANCE: f64 = 0.03;
    /// A computation on moved particles against the moved computation, f64, relative to its scale: rounding of 10⁻¹⁶
    /// that twenty steps on stiff forces amplify.
    pub const EQUIVARIANT: f64 = 1e-9;
    /// The mean of particles after 10,000 steps in f32: a random walk of roundings of 6e-8.
    pub const MEAN_SINGLE: f64 = 2e-5;
    /// Two ways to the same exact denoiser, relative to the target's width.
    pub const EXACT_DENOISER: f64 = 1e-9;
    /// Constants that are given to five or six digits: half a unit in the last.
    pub const FIVE_DIGITS: f64 = 5e-6;
    /// Relative bias of the score from weighted particles (256, MoG-40), beyond its statistical error.
    pub const IMPORTANCE_BIAS: f64 = 0.01;
    /// The same from chains with refreshes (40 cycles, Many-Well-32): 0.02 remain at v = 3.
    pub const CHAIN_BIAS: f64 = 0.025;
    /// Bias of the mean P(d > 0 | y) from the same chains, beyond its statistical error.
    pub const CHAIN_RIGHT: f64 = 0.02;
    /// Root of the mean squared error of D from the same chains, in units of the posterior's width.
    pub const CHAIN_ERROR: f64 = 0.8;

    /// Fixed-point SiLU, in units of 2^−16.
    pub const FIXED_SILU: f64 = 1.7;
    /// Fixed-point sigmoid, in units of 2^−16.
    pub const FIXED_SIGMOID: f64 = 1.15;
    /// Fixed-point tanh, in units of 2^−16.
    pub const FIXED_TANH: f64 = 1.8;
    /// Fixed-point Gaussian, in units of 2^−14.
    pub const FIXED_GAUSSIAN: f64 = 1.15;
    /// What e^y in integers errs by beside half a unit, relative.
    pub const FIXED_EXP: f64 = 3.7e-9;
    /// 1/(1 + e^|y|), units of 2^−30.
    pub const FIXED_TAIL: f64 = 1.5;
    /// Integer Gaussian latents against the exact quantile, in units of 2^−16.
    pub const FIXED_NORMAL: f64 = 0.65;
    /// Random MLP generators with `i16` weights against the float ones: root of the mean squared error, relative to that
    /// of the output, and the largest error for outputs of order 3.
    pub const FIXED_MLP_I16: f64 = 3e-4;
    pub const FIXED_MLP_I16_LARGEST: f64 = 7e-3;
    /// The same with `i8` weights.
    pub const FIXED_MLP_I8: f64 = 0.015;
    pub const FIXED_MLP_I8_LARGEST: f64 = 0.35;
    /// Random particle generators with `i16` weights against the float ones: root of the mean squared error, relative to
    /// that of the output, and the largest error for outputs of order 1.
    pub const FIXED_EGNN_I16: f64 = 2e-3;
    pub const FIXED_EGNN_I16_LARGEST: f64 = 0.02;
    /// The same with `i8` weights.
    pub const FIXED_EGNN_I8: f64 = 0.1;
    pub const FIXED_EGNN_I8_LARGEST: f64 = 0.8;
}
