//! An isotropic Gaussian, normalised: the simplest target, and the reference that annealing starts
//! from.

use crate::random::Randomness;
use crate::{Energy, Scalar, Vector, tensor};

/// N(mean, `standard_deviation`² I), with E = −log p. Mean and width may differ from lane to lane.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Gaussian<V: Vector> {
    /// The mean.
    pub mean: V,
    /// The standard deviation of every coordinate.
    pub standard_deviation: V::Scalar,
}

impl<S: Scalar, V: Vector<Scalar = S>> Gaussian<V> {
    /// An exact sample.
    #[inline(always)]
    pub fn sample<R: Randomness<S>>(&self, rng: &mut R) -> V {
        let mut x = self.mean.clone();
        sample(rng, self.mean.as_slice(), self.standard_deviation, x.as_mut_slice());
        x
    }
}

/// An exact sample of N(mean, `standard_deviation`² I), into `x` of the mean's length.
#[inline(always)]
pub fn sample<S: Scalar, R: Randomness<S>>(rng: &mut R, mean: &[S], standard_deviation: S, x: &mut [S]) {
    rng.fill_normal(x);
    for (x, mean) in x.iter_mut().zip(mean) {
        *x = *mean + standard_deviation * *x;
    }
}

impl<S: Scalar, V: Vector<Scalar = S>> Energy<S> for Gaussian<V> {
    #[inline(always)]
    fn dim(&self) -> usize {
        self.mean.as_slice().len()
    }

    #[inline(always)]
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        if gradient.len() != self.mean.as_slice().len() {
            super::wrong_length();
        }
        let precision = S::one() / self.standard_deviation.square();
        for (gradient, (x, mean)) in gradient.iter_mut().zip(x.iter().zip(self.mean.as_slice())) {
            *gradient = (*x - *mean) * precision;
        }
        self.energy(x)
    }

    #[inline(always)]
    fn energy(&self, x: &[S]) -> S {
        // ½ log 2π
        const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_8;
        let mean = self.mean.as_slice();
        if x.len() != mean.len() {
            super::wrong_length();
        }
        let precision = S::one() / self.standard_deviation.square();
        let n = S::constant(mean.len() as f64);
        S::constant(0.5) * tensor::squared_distance(x, mean) * precision
            + n * (S::constant(HALF_LOG_TAU) + self.standard_deviation.ln())
    }
}
