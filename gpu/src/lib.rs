//! What Kiln trains: networks, objectives, optimisers and the reverse diffusive KL trainer on dfdx, generic over the device.
//!
//! # Layers
//! Each knows those before it: [`shape`] (what a network looks like) < kernels (slices in, slices out) < [`backend`] (shapes
//! and parameter slices; knows no network) < networks ([`mlp`], [`egnn`], [`generator`], [`score_network`]) < [`objective`] and
//! optimisers ([`adam`], [`ema`]) < [`trainer`], [`distill`] and [`flow`]. Beside them: [`checkpoint`], a leaf of named tensors and texts;
//! [`pack`] and [`posterior`], which sample a target's posterior for whole batches. Of dfdx only [`tensor`] and the backends
//! name what they use.
//!
//! # Guarantees
//! - Every fused operation agrees with the same network in plain dfdx operations, value and gradients, and both
//!   with float64 golden vectors of the published networks; the tests of this crate hold them to it.
//! - On the CPU the same inputs give the same bits for any number of threads. Work runs in rayon's current pool.
//! - Random numbers are keyed by seed, purpose and index: initialisers take a source of uniforms, objectives take filled
//!   slices, and only [`posterior`], [`trainer`] and [`distill`] open streams.
//! - A training that is saved and loaded goes on with the same bits ([`checkpoint`]), and equal states give equal files.
//! - Bytes from outside are checked before they become a network: malformed files are typed errors.
//!
//! # Non-goals
//! - No general framework: dfdx's tape differentiates, this crate adds the few operations that are worth fusing.
//! - No files, no settings, no schedule of a whole run: one [`trainer::Trainer::step`] is the largest unit of work.
//! - The same bits on different machines: vector width and fused multiply-add are used where they exist. The
//!   deployed network in `kiln-core` is what has the same bits everywhere.
//! - Recovery from a full device memory: dfdx's operations panic then, and so do these.
//!
//! Wrong shapes of slices are errors of the caller and panic; each function says which.
#![forbid(unsafe_code)]

pub mod backend;
pub mod called;
pub mod checkpoint;
pub mod distill;
pub mod flow;
mod kernel;
mod memory;
pub mod mixture;
mod network;
pub mod noise;
pub mod objective;
mod optimiser;
pub mod pack;
pub mod posterior;
pub mod shape;
pub mod tensor;
pub mod trainer;

#[cfg(feature = "cuda")]
pub use backend::cuda;
pub use network::{body, egnn, generator, layer, mlp, parameters, score_network};
pub use optimiser::{adam, ema};

pub use adam::{Adam, AdamOptions, NonFiniteGradient};
pub use backend::{Backend, InputGradient, Scratch};
pub use body::{Body, Net};
pub use checkpoint::{Checkpoint, CheckpointError, checksum};
pub use distill::{DistillSpec, Distillation};
pub use egnn::{Egnn, EgnnSpec, EgnnSpecError};
pub use ema::Ema;
pub use generator::{Generator, GeneratorSpec, SpecError};
pub use layer::{Condition, Layer};
pub use mixture::{Cell, Guess, Mixture, MixtureBlock};
pub use mlp::Mlp;
pub use noise::NoiseBatch;
pub use parameters::{Network, Parameter, ParameterMut, Role};
pub use score_network::{ScoreNetwork, ScoreSpec};
#[cfg(feature = "cuda")]
pub use tensor::Cuda;
pub use tensor::{Cpu, Grads, Matrix, Scalar, Taped};
