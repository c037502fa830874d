//! The exponential moving average of a network: what is sampled and exported.

use crate::backend::Backend;
use crate::network::parameters::{Network, Role};
use std::marker::PhantomData;

/// An average of the networks that were shown to it.
#[derive(Clone, Debug)]
pub struct Ema<D: Backend, N: Network<D>> {
    network: N,
    device: PhantomData<D>,
}

impl<D: Backend, N: Network<D>> Ema<D, N> {
    /// Starts as a copy of `net`.
    pub fn new(net: &N) -> Self {
        Self { network: net.duplicate(), device: PhantomData }
    }

    /// `average <- decay average + (1 - decay) net`, for trained parameters.
    ///
    /// # Panics
    /// If `net` has another shape.
    pub fn update(&mut self, net: &N, decay: f32) {
        let source = net.parameters();
        let target = self.network.parameters_mut();
        assert_eq!(source.len(), target.len(), "an average of another network");
        for (t, s) in target.into_iter().zip(source).filter(|(t, _)| t.role == Role::Trained) {
            D::lerp(t.matrix, s.matrix, 1.0 - decay);
        }
    }

    /// The average.
    pub fn network(&self) -> &N {
        &self.network
    }

    /// The average, for a checkpoint to load.
    pub fn network_mut(&mut self) -> &mut N {
        &mut self.network
    }
}
