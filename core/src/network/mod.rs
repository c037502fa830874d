//! Network inference from borrowed weights: no copy, no heap, one source for all scalars.

mod generator;
mod mlp;

pub use generator::{Generator, write_features};
pub use mlp::{InvalidNetwork, Layer, Mlp};
