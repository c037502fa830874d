//! Estimators of the denoiser D(y, v) = E\[x | y\], hence of the score of the noised density,
//! σ ∇log p_t(x_t) = (D − y)/v, from (weighted) posterior samples and the score at them.
//!
//! Each sample x gives two unbiased estimates of D: itself, d = x (denoising, DSI, \[P\] eq. 12),
//! and t = y − v² ∇E(x) (target, TSI, \[P\] eq. 14). Any mixture (1 − λ) d + λ t is unbiased too.
//! With the posterior's energy U(x) = E(x) + ‖x − y‖²/(2v²), d − t = v² ∇U(x): the mixture is
//! x − λ v² ∇U(x), a control variate whose mean is 0 by Stein's identity.
//!
//! The mixed estimator (MSI, \[P\] eq. 15) fixes λ = α² = 1/(1 + v²), which is optimal only for
//! structure of unit width. [`Estimator::MinimumVariance`] takes the λ that minimises the variance,
//! λ* = Cov(d, d − t)/Var(d − t), pooled over coordinates and estimated from the same samples. For
//! a Gaussian of width s it is s²/(s² + v²), and no variance is left.

use crate::{Scalar, Vector, tensor};

/// How the two estimates are mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Estimator {
    /// λ = 0: denoising score identity.
    Denoising,
    /// λ = 1: target score identity.
    Target,
    /// λ = 1/(1 + v²): mixed score identity with the published weights.
    Mixed,
    /// λ estimated to minimise the variance.
    MinimumVariance,
}

/// Running sums over samples, from which every [`Estimator`] follows.
///
/// Positions are summed relative to the first sample, so that nothing cancels where the spread is
/// small against the distance from the origin.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Accumulator<V: Vector> {
    /// Σ w
    weight: V::Scalar,
    /// Σ w (d − origin)
    d: V,
    /// Σ w (d − t)
    gap: V,
    /// Σ w ‖d − t‖²
    gap_square: V::Scalar,
    /// Σ w (d − origin)·(d − t)
    cross: V::Scalar,
    origin: V,
}

/// A mixed estimate of the denoiser.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Estimate<V: Vector> {
    /// D(y, v).
    pub denoiser: V,
    /// The weight λ of the target's part.
    pub lambda: V::Scalar,
}

impl<S: Scalar, V: Vector<Scalar = S>> Estimate<V> {
    /// Room for an estimate in this many coordinates.
    #[inline(always)]
    pub fn new(like: &V) -> Self {
        Self { denoiser: like.clone(), lambda: S::zero() }
    }
}

impl<S: Scalar, V: Vector<Scalar = S>> Accumulator<V> {
    /// No samples yet. `origin` is any point near the samples, the first of them for instance.
    #[inline(always)]
    pub fn new(origin: &V) -> Self {
        let zero = S::zero();
        let mut new = Self {
            weight: zero,
            d: origin.clone(),
            gap: origin.clone(),
            gap_square: zero,
            cross: zero,
            origin: origin.clone(),
        };
        new.restart(origin);
        new
    }

    /// As new.
    #[inline(always)]
    pub fn restart(&mut self, origin: &V) {
        (self.weight, self.gap_square, self.cross) = (S::zero(), S::zero(), S::zero());
        self.d.as_mut_slice().fill(S::zero());
        self.gap.as_mut_slice().fill(S::zero());
        self.origin.as_mut_slice().copy_from_slice(origin.as_slice());
    }

    /// Adds the posterior sample `x` with weight `w` ≥ 0; `gradient` is the posterior's ∇U(x), which
    /// holds the target's score: ∇U = ∇E + (x − y)/v².
    #[inline(always)]
    pub fn add(&mut self, x: &V, gradient: &V, v: S, w: S) {
        let variance = v.square();
        self.weight += w;
        let (mut square, mut cross) = (S::zero(), S::zero());
        let sample = x.as_slice().iter().zip(self.origin.as_slice()).zip(gradient.as_slice());
        let sums = self.d.as_mut_slice().iter_mut().zip(self.gap.as_mut_slice());
        for (((x, origin), gradient), (d_sum, gap_sum)) in sample.zip(sums) {
            let d = *x - *origin;
            let gap = variance * *gradient;
            *d_sum += w * d;
            *gap_sum += w * gap;
            square += gap.square();
            cross += d * gap;
        }
        self.gap_square += w * square;
        self.cross += w * cross;
    }

    /// Multiplies all weights so far by `factor`, for weights known up to a running normaliser.
    #[inline(always)]
    pub fn rescale(&mut self, factor: S) {
        self.weight *= factor;
        for (d, gap) in self.d.as_mut_slice().iter_mut().zip(self.gap.as_mut_slice()) {
            *d *= factor;
            *gap *= factor;
        }
        self.gap_square *= factor;
        self.cross *= factor;
    }

    /// The estimate of D(y, v), into `out`. λ* is kept in \[0, 1\]; it is 0 where the samples show no spread.
    #[inline(always)]
    pub fn estimate(&self, v: S, estimator: Estimator, out: &mut Estimate<V>) {
        let scale = S::one() / self.weight;
        let (d, gap) = (self.d.as_slice(), self.gap.as_slice());
        let lambda = match estimator {
            Estimator::Denoising => S::zero(),
            Estimator::Target => S::one(),
            Estimator::Mixed => S::one() / (S::one() + v.square()),
            Estimator::MinimumVariance => {
                let covariance = self.cross * scale - tensor::dot(d, gap) * scale.square();
                let second_moment = self.gap_square * scale;
                let variance = second_moment - tensor::squared_norm(gap) * scale.square();
                // Below this the difference is rounding.
                let spread = (S::constant(1e-6) * second_moment).lt(variance);
                let lambda = S::select(spread, covariance / variance, S::zero());
                lambda.max(S::zero()).min(S::one())
            }
        };
        let sums = self.origin.as_slice().iter().zip(d.iter().zip(gap));
        for (out, (origin, (d, gap))) in out.denoiser.as_mut_slice().iter_mut().zip(sums) {
            *out = *origin + (*d - lambda * *gap) * scale;
        }
        out.lambda = lambda;
    }
}
