//! The shapes of networks: sizes, the names and order of their matrices, and the texts that tell a shape in a file. No
//! shape needs a device.

pub mod body;
pub mod egnn;
pub mod generator;
pub mod mlp;
pub mod score;

/// What a matrix of a network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Changed by training.
    Trained,
    /// Drawn once and kept.
    Frozen,
}
