//! The arithmetic behind the fused CPU operations, on plain slices: it knows shapes, but no tensors, tapes or networks.
//!
//! Work is split over the rows of a batch in chunks whose size depends on the batch alone, and partial
//! sums are added in the order of the chunks: results have the same bits for every number of threads.

pub(crate) mod activation;
pub(crate) mod adam;
pub(crate) mod egnn;
pub(crate) mod gemm;
pub(crate) mod mlp;
pub(crate) mod scratch;
