//! The two kinds of network inside a generator or score network: an MLP for coordinates without a symmetry, an EGNN for
//! particles.

use super::egnn::{EgnnSpec, EgnnSpecError};
use crate::checkpoint::{Checkpoint, CheckpointError};

/// No layer is wider: products of two widths fit everywhere.
pub(crate) const WIDEST: usize = 1 << 20;
/// Hidden layers at most.
const DEEPEST: usize = 1000;

/// The shape of the network inside.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Layers of SiLU units.
    Mlp {
        /// Width of the hidden layers.
        hidden: usize,
        /// How many hidden layers.
        depth: usize,
    },
    /// Messages between particles.
    Egnn(EgnnSpec),
}

/// Why no network has a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A size is zero.
    #[error("dim, hidden and depth must be at least 1")]
    Empty,
    /// The latent is too small.
    #[error("the latent must have at least as many numbers as a sample")]
    Latent,
    /// Particles and latent do not fit.
    #[error("beside dim numbers the latent must have equally many for each particle")]
    Particles,
    /// Cells and latent do not fit.
    #[error("cells need an mlp and one latent number each beside dim of them")]
    Cells,
    /// Not finite.
    #[error("thresholds, skip and scale must be finite")]
    NonFinite,
    /// More numbers than fit in memory.
    #[error("the network is too large")]
    TooLarge,
    /// No equivariant network.
    #[error(transparent)]
    Egnn(#[from] EgnnSpecError),
}

impl Body {
    /// Hidden width and depth: the layers of units, or of messages.
    pub fn size(&self) -> (usize, usize) {
        match self {
            Self::Mlp { hidden, depth } => (*hidden, *depth),
            Self::Egnn(EgnnSpec { hidden, layers, .. }) => (*hidden, *layers),
        }
    }

    /// # Errors
    /// If no network can have this shape.
    pub fn check(&self) -> Result<(), SpecError> {
        match self {
            Self::Mlp { hidden: 0, .. } | Self::Mlp { depth: 0, .. } => Err(SpecError::Empty),
            Self::Mlp { hidden, depth } if *hidden > WIDEST || *depth > DEEPEST => Err(SpecError::TooLarge),
            Self::Mlp { .. } => Ok(()),
            Self::Egnn(egnn) => Ok(egnn.check()?),
        }
    }

    /// Adds the shape to a file, as texts that begin with `prefix`.
    pub fn insert_into(&self, prefix: &str, file: &mut Checkpoint) {
        let name = |part: &str| format!("{prefix}{part}");
        match self {
            Self::Mlp { hidden, depth } => {
                file.insert_text(name("network"), "mlp");
                file.insert_text(name("hidden"), hidden.to_string());
                file.insert_text(name("depth"), depth.to_string());
            }
            Self::Egnn(egnn) => {
                file.insert_text(name("network"), "egnn");
                egnn.insert_into(&name("egnn."), file);
            }
        }
    }

    /// The shape in a file.
    ///
    /// # Errors
    /// If a text is missing or says no such thing.
    pub fn from_checkpoint(prefix: &str, file: &Checkpoint) -> Result<Self, CheckpointError> {
        let name = |part: &str| format!("{prefix}{part}");
        match file.text(&name("network"))? {
            "mlp" => Ok(Self::Mlp { hidden: file.parsed(&name("hidden"))?, depth: file.parsed(&name("depth"))? }),
            "egnn" => Ok(Self::Egnn(EgnnSpec::from_checkpoint(&name("egnn."), file)?)),
            _ => Err(file.bad_text(&name("network"))),
        }
    }
}
