//! Mixtures of isotropic Gaussians, normalised: E = −log p. [`mog40`] is the 40-mode benchmark of
//! the field.

use crate::random::{Randomness, Stream};
use crate::{Energy, Scalar};

/// Σ_k w_k N(μ_k, s_k² I) with K components in N dimensions.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct GaussianMixture<const K: usize, const N: usize> {
    means: [[f64; N]; K],
    weights: [f64; K],
    standard_deviations: [f64; K],
    /// 1/(2 s_k²)
    half_precisions: [f64; K],
    /// −log w_k + N log s_k + (N/2) log 2π
    offsets: [f64; K],
}

/// Why a mixture cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum InvalidMixture {
    /// A weight is negative, not finite, or they do not sum to 1 within 1e-6.
    Weights,
    /// A standard deviation is not a positive finite number.
    StandardDeviation,
    /// A mean is not finite.
    Mean,
}

impl core::fmt::Display for InvalidMixture {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Weights => "mixture weights must be positive and sum to 1",
            Self::StandardDeviation => "standard deviations must be positive and finite",
            Self::Mean => "means must be finite",
        })
    }
}

impl core::error::Error for InvalidMixture {}

impl<const K: usize, const N: usize> GaussianMixture<K, N> {
    /// A mixture with these means, weights (positive, summing to 1) and standard deviations.
    ///
    /// # Errors
    /// [`InvalidMixture`] says which argument is out of range.
    pub fn new(means: [[f64; N]; K], weights: [f64; K], standard_deviations: [f64; K]) -> Result<Self, InvalidMixture> {
        if means.iter().flatten().any(|m| !m.is_finite()) {
            return Err(InvalidMixture::Mean);
        }
        let total: f64 = weights.iter().sum();
        if weights.iter().any(|w| !w.is_finite() || *w <= 0.0) || (total - 1.0).abs() > 1e-6 {
            return Err(InvalidMixture::Weights);
        }
        if standard_deviations.iter().any(|s| !s.is_finite() || *s <= 0.0) {
            return Err(InvalidMixture::StandardDeviation);
        }
        // ½ log 2π
        const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_8;
        let mut mixture = Self { means, weights, standard_deviations, half_precisions: [0.0; K], offsets: [0.0; K] };
        for k in 0..K {
            let s = standard_deviations[k];
            mixture.half_precisions[k] = 0.5 / (s * s);
            mixture.offsets[k] = N as f64 * (libm::log(s) + HALF_LOG_TAU) - libm::log(weights[k]);
        }
        Ok(mixture)
    }

    /// The means, (K, N).
    pub fn means(&self) -> &[[f64; N]; K] {
        &self.means
    }

    /// The weights, summing to 1.
    pub fn weights(&self) -> &[f64; K] {
        &self.weights
    }

    /// The standard deviations.
    pub fn standard_deviations(&self) -> &[f64; K] {
        &self.standard_deviations
    }

    /// The density of y = x + v ε, again a mixture, with widths √(s_k² + v²). Its energy's gradient
    /// gives the exact denoiser D(y) = y − v² ∇E_v(y).
    #[must_use]
    pub fn convolved(&self, v: f64) -> Self {
        let mut widths = self.standard_deviations;
        for s in &mut widths {
            *s = libm::sqrt(*s * *s + v * v);
        }
        Self::new(self.means, self.weights, widths).unwrap_or(*self)
    }

    /// An exact sample: a component by inversion, then a Gaussian around it.
    pub fn sample(&self, rng: &mut Stream) -> [f64; N] {
        let u: f64 = rng.uniform();
        let mut cumulative = 0.0;
        let mut component = K - 1;
        for (k, w) in self.weights.iter().enumerate() {
            cumulative += w;
            if u < cumulative {
                component = k;
                break;
            }
        }
        let mut x = [0.0; N];
        rng.fill_normal(&mut x);
        for (x, mean) in x.iter_mut().zip(&self.means[component]) {
            *x = mean + self.standard_deviations[component] * *x;
        }
        x
    }

    /// −log of each component's weighted density, and the smallest of them.
    #[inline(always)]
    fn exponents<S: Scalar>(&self, x: &[S; N]) -> ([S; K], S) {
        // Far beyond any use; keeps −log p finite where the square would overflow.
        let largest = S::constant(1e37);
        let mut q = [S::zero(); K];
        let mut least = largest;
        for k in 0..K {
            let mut square = S::zero();
            for i in 0..N {
                square += (x[i] - S::constant(self.means[k][i])).square();
            }
            let e = square * S::constant(self.half_precisions[k]) + S::constant(self.offsets[k]);
            // Written so that NaN stays NaN.
            q[k] = S::select(largest.lt(e), largest, e);
            least = S::select(least.lt(q[k]), least, q[k]);
        }
        (q, least)
    }
}

impl<S: Scalar, const K: usize, const N: usize> Energy<S> for GaussianMixture<K, N> {
    #[inline(always)]
    fn dim(&self) -> usize {
        N
    }

    #[inline(always)]
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let (x, gradient): (&[S; N], &mut [S; N]) = (super::array(x), super::array_mut(gradient));
        let (q, least) = self.exponents(x);
        let mut total = S::zero();
        let mut sum = [S::zero(); N];
        for k in 0..K {
            let w = (least - q[k]).exp();
            total += w;
            let w = w * S::constant(2.0 * self.half_precisions[k]);
            for i in 0..N {
                sum[i] += w * (x[i] - S::constant(self.means[k][i]));
            }
        }
        let scale = S::one() / total;
        for i in 0..N {
            gradient[i] = sum[i] * scale;
        }
        least - total.ln()
    }

    #[inline(always)]
    fn energy(&self, x: &[S]) -> S {
        let (q, least) = self.exponents(super::array(x));
        let mut total = S::zero();
        for q in &q {
            total += (least - *q).exp();
        }
        least - total.ln()
    }
}

/// softplus(1), the standard deviation of every mode of [`mog40`].
pub const MOG40_STANDARD_DEVIATION: f64 = 1.313_261_687_518_222_8;

/// MoG-40 (\[P\] section 4.1; Midgley et al. 2023): 40 equal modes in the plane, standard deviation
/// [`MOG40_STANDARD_DEVIATION`]. E\[log p\] of exact samples is −6.860.
pub fn mog40() -> GaussianMixture<40, 2> {
    let mixture = GaussianMixture::new(MOG40_MEANS, [1.0 / 40.0; 40], [MOG40_STANDARD_DEVIATION; 40]);
    mixture.unwrap_or_else(|_| unreachable!("the constants of this file are valid"))
}

/// Uniform in [−40, 40]²: `(torch.rand((40, 2)) − 0.5) · 80` after `torch.manual_seed(0)`, as in
/// the published benchmark; float32 values written in full.
#[rustfmt::skip]
const MOG40_MEANS: [[f64; 2]; 40] = [
    [-0.2994728088378906, 21.457744598388672],
    [-32.92180633544922, -29.43756103515625],
    [-15.406174659729004, 10.72629451751709],
    [-0.7925271987915039, 31.715579986572266],
    [-3.5497617721557617, 10.584502220153809],
    [-12.088522911071777, -7.862615585327148],
    [-38.21393966674805, -26.491283416748047],
    [-16.488924026489258, 1.4817428588867188],
    [15.813407897949219, 24.000911712646484],
    [-27.117643356323242, -17.418514251708984],
    [14.528684616088867, 33.215518951416016],
    [-8.232007026672363, 29.932470321655273],
    [-6.447334289550781, 4.2325639724731445],
    [36.21904754638672, -37.106815338134766],
    [-25.1815185546875, -10.126609802246094],
    [-15.591998100280762, 34.56003189086914],
    [-25.92718505859375, -18.413314819335938],
    [-27.94561767578125, -37.462440490722656],
    [-23.349618911743164, 34.3839225769043],
    [17.848735809326172, 19.38690185546875],
    [2.1036624908447266, -20.507339477539062],
    [6.767387390136719, -37.3477897644043],
    [-28.90264892578125, -20.621200561523438],
    [25.237518310546875, 23.452850341796875],
    [-17.73980140686035, -1.4432954788208008],
    [25.582427978515625, 39.765323638916016],
    [15.875287055969238, 5.403714179992676],
    [26.819454193115234, -23.552093505859375],
    [7.453761100769043, -31.01222038269043],
    [-27.723445892333984, -20.663341522216797],
    [18.098922729492188, 16.086416244506836],
    [-23.69409942626953, 12.084283828735352],
    [21.958881378173828, -5.048694610595703],
    [1.527261734008789, 9.2681884765625],
    [24.8150634765625, 38.40776443481445],
    [-30.82494354248047, -14.65878963470459],
    [15.720396041870117, 33.14197540283203],
    [34.808292388916016, 35.29426956176758],
    [7.9605817794799805, -34.78330612182617],
    [3.6796998977661133, -25.024213790893555],
];
