//! The two kinds of network inside a generator or score network: an [`Mlp`] for coordinates without a symmetry, an
//! [`Egnn`] for particles.

use crate::backend::Backend;
use crate::egnn::{Egnn, EgnnSpec};
use crate::mlp::Mlp;
use crate::parameters::{Network, Parameter, ParameterMut};

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

/// The network inside.
#[derive(Clone, Debug)]
pub enum Net<D: Backend> {
    /// Of [`Body::Mlp`].
    Mlp(Mlp<D>),
    /// Of [`Body::Egnn`].
    Egnn(Egnn<D>),
}

impl<D: Backend> Net<D> {
    /// Where it lives.
    pub fn device(&self) -> &D {
        match self {
            Self::Mlp(mlp) => mlp.layers()[0].weight().device(),
            Self::Egnn(egnn) => egnn.device(),
        }
    }
}

impl<D: Backend> Network<D> for Net<D> {
    fn parameters(&self) -> Vec<Parameter<'_, D>> {
        match self {
            Self::Mlp(mlp) => mlp.parameters(),
            Self::Egnn(egnn) => egnn.parameters(),
        }
    }

    fn parameters_mut(&mut self) -> Vec<ParameterMut<'_, D>> {
        match self {
            Self::Mlp(mlp) => mlp.parameters_mut(),
            Self::Egnn(egnn) => egnn.parameters_mut(),
        }
    }
}
