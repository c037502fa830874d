//! Many-Well: W independent two-dimensional double wells, with 2ᵂ modes of unequal weight.

use crate::random::{Randomness, Stream};
use crate::{Energy, Scalar};

/// Many-Well in N = 2W dimensions, x = (d₀, v₀, d₁, v₁, …):
/// E(x) = Σ_k d_k⁴ − 6 d_k² − d_k/2 + v_k²/2 (\[P\] section 4.2; Noé et al. 2019). Unnormalised;
/// log Z is W × [`ManyWell::LOG_Z`]. N must be even, which is checked at compile time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ManyWell<const N: usize>;

/// log Z of the 32-dimensional target: 16 × 10.293479707.
pub const MANY_WELL_32_LOG_Z: f64 = 164.695_675_319_796_9;

impl<const N: usize> ManyWell<N> {
    const EVEN: () = assert!(N.is_multiple_of(2), "Many-Well has two dimensions a well");
    /// log Z of one well, (d, v) together: quadrature over d, ½ log 2π over v.
    pub const LOG_Z: f64 = MANY_WELL_32_LOG_Z / 16.0;
    /// P(d > 0), by quadrature.
    pub const RIGHT_WELL: f64 = 0.844_31;

    /// The double well's energy along d.
    #[inline(always)]
    pub fn well_energy<S: Scalar>(d: S) -> S {
        d * (d * (d.square() - S::constant(6.0)) - S::constant(0.5))
    }

    /// An exact sample: rejection per well from an even mixture of two Gaussians at ±1.7.
    ///
    /// The envelope is e^10.6 · ½ Σ exp(−((d ∓ 1.7)/0.4)²/2); that it lies above exp(−E) is
    /// tested on a grid.
    pub fn sample(&self, rng: &mut Stream) -> [f64; N] {
        let () = Self::EVEN;
        let mut x = [0.0; N];
        for pair in x.chunks_exact_mut(2) {
            pair[0] = loop {
                let u: f64 = rng.uniform();
                let (z, v): (f64, f64) = rng.normal_pair();
                let d = if u < 0.5 { -PROPOSAL_MEAN } else { PROPOSAL_MEAN } + PROPOSAL_WIDTH * z;
                let accept: f64 = rng.uniform();
                if libm::log(accept) < -Self::well_energy(d) - log_envelope(d) {
                    pair[1] = v;
                    break d;
                }
            };
        }
        x
    }
}

const PROPOSAL_MEAN: f64 = 1.7;
const PROPOSAL_WIDTH: f64 = 0.4;

/// log of the rejection sampler's envelope at d.
fn log_envelope(d: f64) -> f64 {
    let bump = |mean: f64| {
        let u = (d - mean) / PROPOSAL_WIDTH;
        libm::exp(-0.5 * u * u)
    };
    10.6 + libm::log(0.5 * (bump(PROPOSAL_MEAN) + bump(-PROPOSAL_MEAN)))
}

impl<S: Scalar, const N: usize> Energy<S> for ManyWell<N> {
    #[inline(always)]
    fn dim(&self) -> usize {
        N
    }

    #[inline(always)]
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let () = Self::EVEN;
        let (x, gradient): (&[S; N], &mut [S; N]) = (super::array(x), super::array_mut(gradient));
        let (two, twelve, half) = (S::constant(2.0), S::constant(12.0), S::constant(0.5));
        for k in 0..N / 2 {
            let (d, v) = (x[2 * k], x[2 * k + 1]);
            gradient[2 * k] = two * two * d * d.square() - twelve * d - half;
            gradient[2 * k + 1] = v;
        }
        self.energy(x)
    }

    #[inline(always)]
    fn energy(&self, x: &[S]) -> S {
        let x: &[S; N] = super::array(x);
        let mut energy = S::zero();
        let half = S::constant(0.5);
        for k in 0..N / 2 {
            energy += Self::well_energy(x[2 * k]) + half * x[2 * k + 1].square();
        }
        energy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelope_is_above_the_density() {
        for i in -60_000..=60_000 {
            let d = f64::from(i) * 1e-4;
            let room = log_envelope(d) + ManyWell::<2>::well_energy(d);
            assert!(room > 0.0, "{room} at {d}");
        }
        // Not wastefully so: the mean acceptance is Z over the envelope's mass.
        let mass = 10.6 + libm::log(PROPOSAL_WIDTH) + 0.5 * libm::log(core::f64::consts::TAU);
        let log_z = ManyWell::<2>::LOG_Z - 0.5 * libm::log(core::f64::consts::TAU);
        assert!(libm::exp(log_z - mass) > 0.2, "{}", libm::exp(log_z - mass));
    }
}
