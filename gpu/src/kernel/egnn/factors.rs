//! The matrices of layers as right factors of products.

use super::super::gemm::Packed;
use super::job::Job;
use crate::shape::egnn::LayerAt;
use rayon::prelude::*;

/// One layer's matrices as right factors.
pub(super) struct Factors {
    pub(super) source: Packed,
    pub(super) target: Option<Packed>,
    pub(super) radial: Packed,
    pub(super) message: Packed,
    pub(super) head: Option<Packed>,
    /// The halves of the node matrix for h and for the sums of messages, and the update.
    pub(super) node: Option<[Packed; 3]>,
}

impl Factors {
    /// The factors of every layer, `transposed` for the way back.
    pub(super) fn all(job: &Job, transposed: bool) -> Vec<Self> {
        job.plan.layout.layers.par_iter().map(|layer| Self::new(job, layer, transposed)).collect()
    }

    fn new(job: &Job, layer: &LayerAt, transposed: bool) -> Self {
        let width = job.plan.width;
        let pack = |numbers: &[f32]| {
            let pack = if transposed { Packed::transposed } else { Packed::new };
            pack(&job.scratch, numbers, numbers.len() / width, width)
        };
        Self {
            source: pack(job.matrix(layer.source)),
            target: layer.target.map(|at| pack(job.matrix(at))),
            radial: pack(job.matrix(layer.radial)),
            message: pack(job.matrix(layer.message.0)),
            head: layer.head.map(|(at, _)| pack(job.matrix(at))),
            node: layer.node.zip(layer.update).map(|(node, update)| {
                let (h, sums) = job.matrix(node.0).split_at(width * width);
                [pack(h), pack(sums), pack(job.matrix(update.0))]
            }),
        }
    }
}
