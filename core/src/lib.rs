//! # kiln-core
//!
//! The physics and the arithmetic of Kiln: energies, integrators, posterior sampling, score
//! estimators, random streams and network inference. An energy written as a formula alone gets its
//! gradient from dual numbers: see [`dual`].
//!
//! ## Guarantees
//! - `no_std`, no heap, no `unsafe`: every buffer is the caller's or on the stack. Networks have shapes that are const
//!   generics; energies take slices, and what moves on them holds its points in any [`Vector`]: an array, or a row of a
//!   length known at run time that a crate with a heap brings.
//! - No allocation in a step: samplers work in a workspace that is made once.
//! - The same source gives the same bits on every target with IEEE 754 arithmetic: no operation is
//!   contracted, every reduction has a fixed order, elementary functions are our own or `libm`'s.
//! - A pack of lanes ([`Lanes`]) computes in each lane exactly the bits of the scalar `f32` code.
//! - Randomness is a parameter, keyed by (seed, purpose, index): see [`random`].
//!
//! ## Non-goals
//! - No training: gradients with respect to weights live in `kiln-gpu`.
//! - No allocation, no type-level arithmetic, no macros that hide control flow.
//!
//! ## Notation
//! A target is p(x) ∝ exp(-E(x)). Noising is x_t = α x + σ ε; most code works with
//! y = x_t/α and the noise-to-signal ratio v = σ/α, where the denoiser D(y, v) = E\[x | y\] gives
//! the score of the noised density as σ ∇log p_t(x_t) = (D − y)/v.
//! \[P\] is He et al., *Training Neural Samplers with Reverse Diffusive KL Divergence*, AISTATS
//! 2025 (arXiv 2410.12456); \[T\] is Chen's PhD thesis, Cambridge 2025.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod artifact;
pub mod cells;
pub mod diffusion;
pub mod dual;
pub mod dynamics;
pub mod energy;
pub mod fixed;
pub mod frame;
mod lanes;
pub mod math;
pub mod network;
pub mod posterior;
pub mod random;
mod scalar;
pub mod score;
mod state;
pub mod symmetry;
pub mod tensor;
mod vector;

pub use energy::Energy;
pub use lanes::{Lanes, LanesMask};
pub use scalar::{Mask, Scalar};
pub use vector::Vector;
