//! An isotropic Gaussian, normalised: the simplest target, and the reference that annealing starts
//! from.

use crate::random::Randomness;
use crate::{Energy, Scalar, tensor};

/// N(mean, `standard_deviation`² I), with E = −log p. Mean and width may differ from lane to lane.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Gaussian<S, const N: usize> {
    /// The mean.
    pub mean: [S; N],
    /// The standard deviation of every coordinate.
    pub standard_deviation: S,
}

impl<S: Scalar, const N: usize> Gaussian<S, N> {
    /// An exact sample.
    #[inline(always)]
    pub fn sample<R: Randomness<S>>(&self, rng: &mut R) -> [S; N] {
        let mut x = [S::zero(); N];
        rng.fill_normal(&mut x);
        for (x, mean) in x.iter_mut().zip(&self.mean) {
            *x = *mean + self.standard_deviation * *x;
        }
        x
    }
}

impl<S: Scalar, const N: usize> Energy<S, N> for Gaussian<S, N> {
    #[inline(always)]
    fn energy_and_gradient(&self, x: &[S; N], gradient: &mut [S; N]) -> S {
        let precision = S::one() / self.standard_deviation.square();
        for i in 0..N {
            gradient[i] = (x[i] - self.mean[i]) * precision;
        }
        self.energy(x)
    }

    #[inline(always)]
    fn energy(&self, x: &[S; N]) -> S {
        // ½ log 2π
        const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_8;
        let precision = S::one() / self.standard_deviation.square();
        let n = S::constant(N as f64);
        S::constant(0.5) * tensor::squared_distance(x, &self.mean) * precision
            + n * (S::constant(HALF_LOG_TAU) + self.standard_deviation.ln())
    }
}
