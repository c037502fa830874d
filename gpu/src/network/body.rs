//! The network inside a generator or score network: an [`Mlp`] for coordinates without a symmetry, an [`Egnn`] for
//! particles.

use super::egnn::Egnn;
use super::mlp::Mlp;
use super::parameters::{Network, Parameter, ParameterMut};
use crate::backend::{Backend, Scratch};

pub use crate::shape::body::Body;

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
            Self::Mlp(mlp) => mlp.device(),
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

    fn scratch_mut(&mut self) -> &mut Scratch {
        match self {
            Self::Mlp(mlp) => mlp.scratch_mut(),
            Self::Egnn(egnn) => egnn.scratch_mut(),
        }
    }
}
