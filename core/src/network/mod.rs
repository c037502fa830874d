//! Network inference from borrowed weights: no copy, no heap, one source for all scalars.

mod egnn;
mod generator;
mod inputs;
mod mlp;
mod particle_generator;

pub use egnn::{Activation, Egnn, EgnnLayer, EgnnShape, Radial};
pub use generator::Generator;
pub use inputs::{Inputs, write_features, write_inputs};
pub use mlp::{InvalidNetwork, Layer, Mlp};
pub use particle_generator::ParticleGenerator;
