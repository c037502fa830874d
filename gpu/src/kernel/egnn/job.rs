//! What a call of the network reads, and its parts for a chunk of samples.

use super::super::gemm::Packed;
use super::super::scratch::{Buffer, Scratch};
use super::geometry::{Geometry, radial};
use super::plan::Plan;
use std::ops::Range;
use std::sync::Arc;

/// A network with its numbers and a batch: what both directions read. It owns what it reads, and may wait on a tape for
/// the way back.
pub(crate) struct Job {
    pub(crate) plan: Plan,
    /// All matrices, spread by [`Plan::spread`].
    pub(crate) parameters: Arc<Buffer>,
    pub(crate) batch: usize,
    /// (batch, particles, node inputs).
    pub(crate) h: Buffer,
    /// (batch, particles, dimensions).
    pub(crate) x: Buffer,
    pub(crate) scratch: Scratch,
}

impl Job {
    pub(super) fn check(&self) {
        let spec = &self.plan.spec;
        assert_eq!(self.parameters.len(), self.plan.len, "parameters");
        assert_eq!(self.h.len(), self.batch * spec.particles * spec.node_inputs, "node inputs");
        assert_eq!(self.x.len(), self.batch * spec.particles * spec.dimensions, "coordinates");
    }

    pub(super) fn matrix(&self, at: usize) -> &[f32] {
        &self.parameters[self.plan.ranges[at].clone()]
    }

    pub(super) fn samples(&self, chunk: usize) -> Range<usize> {
        let size = self.plan.chunk(self.batch);
        chunk * size..((chunk + 1) * size).min(self.batch)
    }

    pub(super) fn inputs(&self, samples: &Range<usize>) -> &[f32] {
        let width = self.plan.spec.particles * self.plan.spec.node_inputs;
        &self.h[samples.start * width..samples.end * width]
    }

    pub(super) fn coordinates(&self, samples: &Range<usize>) -> &[f32] {
        let width = self.plan.spec.particles * self.plan.spec.dimensions;
        &self.x[samples.start * width..samples.end * width]
    }

    pub(super) fn embedding(&self, transposed: bool) -> Packed {
        let pack = if transposed { Packed::transposed } else { Packed::new };
        pack(&self.scratch, self.matrix(0), self.plan.spec.node_inputs, self.plan.width)
    }

    /// The radial functions of the distances at the input: (edges of the samples, functions).
    pub(super) fn input_features(&self, samples: &Range<usize>, geometry: &mut Geometry) -> Buffer {
        let kind = self.plan.spec.radial;
        let count = kind.count();
        geometry.set(&self.plan, self.coordinates(samples));
        let mut features = self.scratch.take(geometry.squares().len() * count);
        radial(kind, geometry.squares(), count, &mut features);
        features
    }
}
