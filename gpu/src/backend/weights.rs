//! The matrices of a network with its shape, and what a backend reads in their place: one copy of all numbers as its kernels
//! want them. It is made when it is first asked for, and dropped by whoever may change a matrix: the only way to a `&mut`
//! of one is [`Weights::matrices_mut`], so no copy outlives a change.

use crate::kernel::scratch::{Buffer, Scratch};
use crate::tensor::{Dtype, Matrix, NoneTape, Storage};
use std::sync::{Arc, OnceLock};

/// The matrices of a network of shape `S`, in the order that the shape says. Clones share their numbers, the copy for
/// kernels included, until one is changed.
#[derive(Clone, Debug)]
pub struct Weights<S, D: Storage<E>, E: Dtype = f32> {
    shape: S,
    matrices: Vec<Matrix<D, NoneTape, E>>,
    gathered: OnceLock<Arc<Buffer>>,
    scratch: Scratch,
}

impl<S, D: Storage<E>, E: Dtype> Weights<S, D, E> {
    /// With free buffers of its own.
    pub fn new(shape: S, matrices: Vec<Matrix<D, NoneTape, E>>) -> Self {
        Self { shape, matrices, gathered: OnceLock::new(), scratch: Scratch::default() }
    }

    /// The network's shape.
    pub fn shape(&self) -> &S {
        &self.shape
    }

    /// All matrices.
    pub fn matrices(&self) -> &[Matrix<D, NoneTape, E>] {
        &self.matrices
    }

    /// All matrices, to be changed.
    pub fn matrices_mut(&mut self) -> &mut [Matrix<D, NoneTape, E>] {
        self.gathered.take();
        &mut self.matrices
    }

    /// Where kernels take their buffers from.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The same, to be replaced. The copy for kernels is dropped; what was taken from the old buffers goes back there.
    pub fn scratch_mut(&mut self) -> &mut Scratch {
        self.gathered.take();
        &mut self.scratch
    }

    /// All numbers as kernels want them; `gather` copies them into a buffer from [`Weights::scratch`]. It runs while others
    /// wait for the copy: no work for several threads in it.
    pub(super) fn gathered(&self, gather: impl FnOnce(&Self) -> Buffer) -> Arc<Buffer> {
        Arc::clone(self.gathered.get_or_init(|| Arc::new(gather(self))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Backend, InputGradient};
    use crate::shape::mlp::{LayerShape, MlpShape};
    use crate::tensor::{Cpu, Taped, backward, matrix, on_tape, sum};

    fn weights() -> Weights<MlpShape, Cpu> {
        let layer = |inputs, outputs| LayerShape { inputs, outputs, table: None };
        let shape = MlpShape { layers: vec![layer(2, 3), layer(3, 1)], features: 0 };
        let sizes = [(2, 3), (1, 3), (3, 1), (1, 1)];
        let matrices = sizes.map(|(rows, columns)| matrix(&Cpu::default(), vec![0.5; rows * columns], (rows, columns)));
        Weights::new(shape, matrices.to_vec())
    }

    fn output(weights: &Weights<MlpShape, Cpu>) -> Matrix<Cpu, Taped<Cpu>> {
        let x = on_tape(matrix(&Cpu::default(), vec![1.0; 10], (5, 2)));
        Cpu::mlp(weights, x, None, InputGradient::Skipped)
    }

    fn address(weights: &Weights<MlpShape, Cpu>) -> Option<*const Buffer> {
        weights.gathered.get().map(Arc::as_ptr)
    }

    #[test]
    fn numbers_are_gathered_once_and_again_after_a_change() {
        let mut weights = weights();
        assert_eq!(address(&weights), None);
        output(&weights);
        let first = address(&weights);
        assert!(first.is_some());
        output(&weights);
        output(&weights.clone());
        assert_eq!(address(&weights), first, "used again");
        assert_eq!(address(&weights.clone()), first, "shared by a clone");
        let clone = weights.clone();
        weights.matrices_mut();
        assert_eq!((address(&weights), address(&clone)), (None, first));
    }

    #[test]
    fn buffers_go_with_the_last_who_needs_them() {
        let weights = weights();
        let alive = weights.scratch().alive();
        let y = output(&weights);
        drop(weights);
        assert!(alive(), "the tape still reads them");
        drop(backward(sum(y)));
        assert!(!alive());
    }
}
