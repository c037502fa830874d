//! Network inference from borrowed weights: no copy, no heap, one source for all scalars.

mod egnn;
mod generator;
mod mlp;
mod particle_generator;

pub use egnn::{Activation, Egnn, EgnnLayer, EgnnShape, Radial};
pub use generator::{Generator, write_features};
pub use mlp::{InvalidNetwork, Layer, Mlp};
pub use particle_generator::ParticleGenerator;
