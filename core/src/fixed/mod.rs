//! The generators in integers, for processors without floating point and for identical samples everywhere.
//!
//! ## Numbers
//! - Latents, coordinates, biases, values before activations and outputs are `i32` in Q16: n stands for n/2^16.
//! - Activations are `i16` with a binary point f of their own place: n stands for n/2^f, 0 ≤ f ≤ 15.
//! - Weights are `i8` or `i16` ([`Weight`]), with a [`Scale`] for each row of a matrix, which takes a row's sum of
//!   products to Q16.
//!
//! ## Guarantees
//! - No floating point. Nothing is divided but by 2^s, except for a pair's root and factor, for means over particles, and for
//!   a coordinate between two ends.
//! - One rounding, half up; every narrowing saturates, nothing wraps. A checked network's sums cannot overflow.
//! - Sums of products do not depend on their order, so that every implementation of [`Products`] gives the same
//!   samples, and relabelled particles give the relabelled sample.
//! - After the checks of the constructors nothing panics; buffers are the caller's.

mod cells;
mod egnn;
mod exponential;
mod frame;
pub mod functions;
mod generator;
mod matrix;
mod mlp;
mod normal;
mod number;
mod particle_generator;
mod products;
#[rustfmt::skip]
mod tables;

pub use cells::Cells;
pub use egnn::{Egnn, EgnnLayer, EgnnShape, Gate, NodeLayer, Radial, Scratch, ScratchLength};
pub use frame::Frame;
pub use generator::{Generator, write_features, write_inputs};
pub use matrix::{Affine, Matrix};
pub use mlp::{Layer, Mlp};
pub use normal::{fill_normal, normal};
pub use number::{ONE, POINT, Scale, divide_round, multiply, narrow, saturate, shift_round};
pub use particle_generator::ParticleGenerator;
pub use products::{Portable, Products, Weight};

/// Binary point of latents and signs where they enter a network: latents saturate at ±8.
pub const LATENT_POINT: u32 = 12;

/// Binary point of radial functions.
pub const RADIAL_POINT: u32 = 14;

/// The largest binary point of an activation.
pub const MAX_POINT: u8 = 15;

/// Why numbers do not make a network. Layers are counted from 0; in a particle network the embedding is layer 0 and the
/// others follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum InvalidNetwork {
    /// There is no layer, or a size is too small.
    Empty,
    /// A layer has no outputs, or a length in it does not fit.
    Shape {
        /// The layer.
        layer: usize,
    },
    /// A layer has a packed scale that is none: see [`Scale::unpack`].
    Scale {
        /// The layer.
        layer: usize,
    },
    /// A layer has a row whose sum of products can overflow: see [`Weight::ROW_LIMIT`].
    Overflow {
        /// The layer.
        layer: usize,
    },
    /// A layer has a binary point above 15, or one for sums of messages above that of messages.
    Point {
        /// The layer.
        layer: usize,
    },
    /// The number of inputs or outputs is not what the generator needs.
    Ends,
    /// The radial functions, or the bound of the coordinate factors, are none: see [`EgnnShape`].
    Radial,
    /// So many particles that a sum over them can overflow: see [`EgnnShape::particles`].
    Particles,
    /// A buffer is too short.
    Buffer,
}

impl core::fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Empty => f.write_str("the network has no layer, or none of something else that it needs"),
            Self::Shape { layer } => write!(f, "layer {layer}'s lengths do not fit its inputs and outputs"),
            Self::Scale { layer } => write!(f, "layer {layer} has a malformed scale"),
            Self::Overflow { layer } => write!(f, "layer {layer} has a row of weights whose sums can overflow"),
            Self::Point { layer } => write!(f, "layer {layer} has a binary point out of its range"),
            Self::Ends => f.write_str("the network's inputs or outputs do not fit the generator"),
            Self::Radial => f.write_str("the radial functions or the range of coordinate factors are malformed"),
            Self::Particles => f.write_str("sums over so many particles can overflow"),
            Self::Buffer => f.write_str("a buffer is too short"),
        }
    }
}

impl core::error::Error for InvalidNetwork {}

/// The next multiple of four: rows of activations begin at multiples of eight bytes.
const fn padded(length: usize) -> Option<usize> {
    length.checked_next_multiple_of(4)
}
