//! Elements of the symmetry group of particles, and randomness seen through one.

use kiln_core::Scalar;
use kiln_core::random::{Randomness, Stream};
use kiln_core::tensor;

/// A permutation of N particles, a rotation or reflection of D dimensions, and a shift.
#[derive(Clone, Debug)]
pub struct Element<const N: usize, const D: usize> {
    pub permutation: [usize; N],
    pub orthogonal: [[f64; D]; D],
    pub shift: [f64; D],
}

impl<const N: usize, const D: usize> Element<N, D> {
    pub fn identity() -> Self {
        let orthogonal = core::array::from_fn(|i| core::array::from_fn(|j| f64::from(i == j)));
        Self { permutation: core::array::from_fn(|i| i), orthogonal, shift: [0.0; D] }
    }

    /// A product of random reflections: of one, a reflection; of two, a rotation.
    pub fn reflections(mut self, count: usize, rng: &mut Stream) -> Self {
        for _ in 0..count {
            let mut normal = [0.0; D];
            rng.fill_normal(&mut normal);
            let square = tensor::squared_norm(&normal);
            for row in &mut self.orthogonal {
                let along = 2.0 * tensor::dot(row, &normal) / square;
                for k in 0..D {
                    row[k] -= along * normal[k];
                }
            }
        }
        self
    }

    /// A random permutation (Fisher, Yates).
    pub fn permuted(mut self, rng: &mut Stream) -> Self {
        for i in (1..N).rev() {
            let u: f64 = rng.uniform();
            self.permutation.swap(i, (u * (i + 1) as f64) as usize);
        }
        self
    }

    pub fn shifted(mut self, rng: &mut Stream) -> Self {
        rng.fill_normal(&mut self.shift);
        self
    }

    /// Moves whole configurations; parts of one are only rotated.
    fn act(&self, x: &mut [f64], shift: [f64; D]) {
        let before = x.to_vec();
        let whole = x.len() == N * D;
        for (i, particle) in x.chunks_exact_mut(D).enumerate() {
            let from = if whole { self.permutation[i] } else { i };
            for k in 0..D {
                particle[k] = shift[k] + (0..D).map(|l| self.orthogonal[k][l] * before[from * D + l]).sum::<f64>();
            }
        }
    }

    /// Where a configuration goes.
    pub fn point<const M: usize>(&self, x: &[f64; M]) -> [f64; M] {
        let mut x = *x;
        self.act(&mut x, self.shift);
        x
    }

    /// Where a direction (gradient, momentum, noise) goes.
    pub fn direction<const M: usize>(&self, x: &[f64; M]) -> [f64; M] {
        let mut x = *x;
        self.act(&mut x, [0.0; D]);
        x
    }
}

/// Randomness whose normal vectors are moved by a group element: a kernel that is equivariant takes the moved steps.
pub struct Seen<R, const N: usize, const D: usize> {
    pub rng: R,
    pub through: Element<N, D>,
}

impl<R: Randomness<f64>, const N: usize, const D: usize> Randomness<f64> for Seen<R, N, D> {
    fn uniform(&mut self) -> f64 {
        self.rng.uniform()
    }
    fn normal_pair(&mut self) -> (f64, f64) {
        self.rng.normal_pair()
    }
    fn fill_normal(&mut self, out: &mut [f64]) {
        self.rng.fill_normal(out);
        self.through.act(out, [0.0; D]);
    }
}

/// The largest mean over particles of any coordinate, in any lane.
pub fn largest_mean<S: Scalar>(x: &[S], dimensions: usize) -> f64 {
    let mut largest = 0.0_f64;
    for lane in 0..S::LANES {
        for k in 0..dimensions {
            let sum: f64 = x.iter().skip(k).step_by(dimensions).map(|x| x.lane_f64(lane)).sum();
            largest = largest.max((sum * dimensions as f64 / x.len() as f64).abs());
        }
    }
    largest
}
