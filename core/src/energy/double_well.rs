//! Particles bound in pairs by a double well in their distance.

use crate::symmetry::Symmetry;
use crate::{Energy, Scalar};

/// N particles in D dimensions, E = Σ_{i<j} 0.9 (r_ij − 4)⁴ − 4 (r_ij − 4)² (\[P\] section 4.3; Köhler
/// et al. 2020 with temperature 1). Every pair sits at r = 4 ± 1.49 or pays up to 4.4 for standing
/// between. DW-4 is `DoubleWell<4, 2>`, 8 coordinates of which 6 are free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DoubleWell<const N: usize, const D: usize>;

impl<const N: usize, const D: usize> DoubleWell<N, D> {
    /// Distance between the two wells of a pair's energy.
    pub const CENTER: f64 = 4.0;
    /// Factor of (r − 4)⁴.
    pub const QUARTIC: f64 = 0.9;
    /// Factor of −(r − 4)².
    pub const QUADRATIC: f64 = 4.0;

    /// (r, energy of a pair) from r².
    #[inline(always)]
    fn pair<S: Scalar>(square: S) -> (S, S) {
        let r = square.sqrt();
        let stretch = (r - S::constant(Self::CENTER)).square();
        (r, stretch * (S::constant(Self::QUARTIC) * stretch - S::constant(Self::QUADRATIC)))
    }
}

impl<S: Scalar, const N: usize, const D: usize> Energy<S> for DoubleWell<N, D> {
    #[inline(always)]
    fn dim(&self) -> usize {
        N * D
    }

    /// At r = 0, where the energy has a kink, the pair's part of the gradient is 0.
    #[inline(always)]
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let quartic = S::constant(4.0 * Self::QUARTIC);
        let quadratic = S::constant(2.0 * Self::QUADRATIC);
        let x: &[[S; D]; N] = super::particles(x);
        let gradient: &mut [[S; D]; N] = super::particles_mut(gradient);
        *gradient = [[S::zero(); D]; N];
        let mut energy = S::zero();
        for i in 1..N {
            for j in 0..i {
                let (d, square) = super::separation(&x[i], &x[j]);
                let (r, pair) = Self::pair(square);
                energy += pair;
                let stretch = r - S::constant(Self::CENTER);
                let slope = stretch * (quartic * stretch.square() - quadratic);
                let force = S::select(S::zero().lt(r), slope / r, S::zero());
                for k in 0..D {
                    let g = force * d[k];
                    gradient[i][k] += g;
                    gradient[j][k] -= g;
                }
            }
        }
        energy
    }

    #[inline(always)]
    fn energy(&self, x: &[S]) -> S {
        let x: &[[S; D]; N] = super::particles(x);
        let mut energy = S::zero();
        for i in 1..N {
            for j in 0..i {
                let (_, square) = super::separation(&x[i], &x[j]);
                energy += Self::pair(square).1;
            }
        }
        energy
    }

    #[inline(always)]
    fn symmetry(&self) -> Symmetry {
        Symmetry::Particles { count: N, dimensions: D }
    }
}
