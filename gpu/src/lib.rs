//! (placeholder)
mod backend;
mod kernel;
mod layer;
mod mlp;
mod parameters;

pub use dfdx::prelude::Cpu;
use dfdx::prelude::*;
/// m
pub type Matrix<D, T = NoneTape, E = f32> = Tensor<(usize, usize), E, D, T>;
/// t
pub trait Tape1<D: Storage<f32>>: Tape<f32, D> + Merge<Self> {}
impl<D: Storage<f32>, T: Tape<f32, D> + Merge<T>> Tape1<D> for T {}
