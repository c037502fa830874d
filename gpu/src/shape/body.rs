//! The two kinds of network inside a generator or score network: an MLP for coordinates without a symmetry, an EGNN for
//! particles.

use super::egnn::EgnnSpec;

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

impl Body {
    /// Hidden width and depth: the layers of units, or of messages.
    pub fn size(&self) -> (usize, usize) {
        match self {
            Self::Mlp { hidden, depth } => (*hidden, *depth),
            Self::Egnn(EgnnSpec { hidden, layers, .. }) => (*hidden, *layers),
        }
    }
}
