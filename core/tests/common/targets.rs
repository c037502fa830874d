//! The registry of energies: every generic test walks [`every_energy`], so that a new energy is tested by standing here.

use kiln_core::diffusion::Posterior;
use kiln_core::dynamics::annealing::Residual;
use kiln_core::energy::{self, Gaussian, GaussianMixture, LennardJones, ManyWell, Pairs, mog40};
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::symmetry::Symmetry;
use kiln_core::{Energy, Scalar};

/// An energy in every scalar type, and the scale of its structure.
pub trait Case<const N: usize> {
    const NAME: &'static str;
    /// Test points are this wide around the origin.
    const WIDTH: f64;
    /// A step size with which leapfrog is accurate.
    const STEP: f64;
    type At<S: Scalar>: Energy<S>;
    fn at<S: Scalar>() -> Self::At<S>;

    /// A test point, exact in f32.
    fn point(index: u64) -> [f64; N] {
        let mut rng = Stream::new(17, Purpose::Test, index);
        core::array::from_fn(|_| {
            let z: f32 = rng.normal();
            f64::from(z * Self::WIDTH as f32)
        })
    }
}

pub trait Visitor {
    fn visit<C: Case<N>, const N: usize>(&mut self);
}

pub fn every_energy(visitor: &mut impl Visitor) {
    visitor.visit::<PlainGaussian, 3>();
    visitor.visit::<ThreeModes, 2>();
    visitor.visit::<Mog40, 2>();
    visitor.visit::<Mog40Convolved, 2>();
    visitor.visit::<Double, 1>();
    visitor.visit::<ManyWell2, 2>();
    visitor.visit::<ManyWell32, 32>();
    visitor.visit::<Mog40Posterior, 2>();
    visitor.visit::<ManyWellPosterior, 4>();
    visitor.visit::<Mog40Residual, 2>();
    visitor.visit::<ManyWellResidual, 4>();
    visitor.visit::<Dw4, 8>();
    visitor.visit::<Dw4Posterior, 8>();
    visitor.visit::<Lj13, 39>();
    visitor.visit::<Lj13PairsOnce, 39>();
    visitor.visit::<Lj13Smooth, 39>();
    visitor.visit::<Lj55, 165>();
}

/// A double well with a barrier of about one nat, E = x⁴ − 2x² − x/2: every sampler crosses it.
#[derive(Clone, Copy, Debug)]
pub struct DoubleWell;

impl<S: Scalar> Energy<S> for DoubleWell {
    fn dim(&self) -> usize {
        1
    }
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let ([x_0], [gradient]) = (x, gradient) else { panic!("a point must have as many coordinates as the energy") };
        *gradient = S::constant(4.0) * *x_0 * (x_0.square() - S::one()) - S::constant(0.5);
        self.energy(x)
    }
    fn energy(&self, x: &[S]) -> S {
        let [x] = x else { panic!("a point must have as many coordinates as the energy") };
        let square = x.square();
        S::zero() + (square * square - S::constant(2.0) * square - S::constant(0.5) * *x)
    }
}

/// Another energy, which is NaN where x₀ < 0.
#[derive(Clone, Copy, Debug)]
pub struct RightHalf<E>(pub E);

impl<S: Scalar, E: Energy<S>> Energy<S> for RightHalf<E> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let energy = self.0.energy_and_gradient(x, gradient);
        let outside = x[0].lt(S::zero());
        let nan = S::zero() / S::zero();
        for g in gradient.iter_mut() {
            *g = S::select(outside, nan, *g);
        }
        S::select(outside, nan, energy)
    }
    fn energy(&self, x: &[S]) -> S {
        let outside = x[0].lt(S::zero());
        S::select(outside, S::zero() / S::zero(), self.0.energy(x))
    }
}

/// The same energy or random numbers behind calls that the compiler does not inline: tests that instantiate many kernels
/// compile in seconds instead of minutes.
#[derive(Clone, Debug)]
pub struct Apart<T>(pub T);

impl<S: Scalar, E: Energy<S>> Energy<S> for Apart<E> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    #[inline(never)]
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        self.0.energy_and_gradient(x, gradient)
    }
    #[inline(never)]
    fn energy(&self, x: &[S]) -> S {
        self.0.energy(x)
    }
    fn symmetry(&self) -> Symmetry {
        self.0.symmetry()
    }
}

impl<S: Scalar, R: Randomness<S>> Randomness<S> for Apart<R> {
    #[inline(never)]
    fn uniform(&mut self) -> S {
        self.0.uniform()
    }
    #[inline(never)]
    fn normal_pair(&mut self) -> (S, S) {
        self.0.normal_pair()
    }
    #[inline(never)]
    fn fill_normal(&mut self, out: &mut [S]) {
        self.0.fill_normal(out);
    }
}

/// A reference that lives as long as the tests, for posteriors that a function returns.
pub fn leaked<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Three overlapping modes of different weight and width.
pub fn three_modes() -> GaussianMixture<3, 2> {
    GaussianMixture::new([[0.0, 0.0], [2.2, 0.5], [0.5, -2.0]], [0.5, 0.3, 0.2], [0.7, 0.9, 0.6]).expect("valid")
}

pub struct PlainGaussian;
impl Case<3> for PlainGaussian {
    const NAME: &'static str = "Gaussian";
    const WIDTH: f64 = 1.5;
    const STEP: f64 = 0.1;
    type At<S: Scalar> = Gaussian<[S; 3]>;
    fn at<S: Scalar>() -> Gaussian<[S; 3]> {
        Gaussian { mean: [0.5, -1.0, 2.0].map(S::constant), standard_deviation: S::constant(0.7) }
    }
}

pub struct ThreeModes;
impl Case<2> for ThreeModes {
    const NAME: &'static str = "three modes";
    const WIDTH: f64 = 2.0;
    const STEP: f64 = 0.1;
    type At<S: Scalar> = GaussianMixture<3, 2>;
    fn at<S: Scalar>() -> GaussianMixture<3, 2> {
        three_modes()
    }
}

pub struct Mog40;
impl Case<2> for Mog40 {
    const NAME: &'static str = "MoG-40";
    const WIDTH: f64 = 25.0;
    const STEP: f64 = 0.05;
    type At<S: Scalar> = GaussianMixture<40, 2>;
    fn at<S: Scalar>() -> GaussianMixture<40, 2> {
        mog40()
    }
}

pub struct Mog40Convolved;
impl Case<2> for Mog40Convolved {
    const NAME: &'static str = "MoG-40 at v = 5";
    const WIDTH: f64 = 30.0;
    const STEP: f64 = 0.2;
    type At<S: Scalar> = GaussianMixture<40, 2>;
    fn at<S: Scalar>() -> GaussianMixture<40, 2> {
        mog40().convolved(5.0)
    }
}

pub struct Double;
impl Case<1> for Double {
    const NAME: &'static str = "double well";
    const WIDTH: f64 = 1.5;
    const STEP: f64 = 0.05;
    type At<S: Scalar> = DoubleWell;
    fn at<S: Scalar>() -> DoubleWell {
        DoubleWell
    }
}

pub struct ManyWell2;
impl Case<2> for ManyWell2 {
    const NAME: &'static str = "Many-Well-2";
    const WIDTH: f64 = 1.7;
    const STEP: f64 = 0.02;
    type At<S: Scalar> = ManyWell<2>;
    fn at<S: Scalar>() -> ManyWell<2> {
        ManyWell
    }
}

pub struct ManyWell32;
impl Case<32> for ManyWell32 {
    const NAME: &'static str = "Many-Well-32";
    const WIDTH: f64 = 1.7;
    const STEP: f64 = 0.02;
    type At<S: Scalar> = ManyWell<32>;
    fn at<S: Scalar>() -> ManyWell<32> {
        ManyWell
    }
}

pub struct Mog40Posterior;
impl Case<2> for Mog40Posterior {
    const NAME: &'static str = "posterior of MoG-40, tempered";
    const WIDTH: f64 = 20.0;
    const STEP: f64 = 0.05;
    type At<S: Scalar> = Posterior<'static, GaussianMixture<40, 2>, [S; 2]>;
    fn at<S: Scalar>() -> Self::At<S> {
        let posterior = Posterior::new(mog40(), leaked([-12.0, 7.0].map(S::constant)), S::constant(6.0));
        Posterior { beta: S::constant(0.4), ..posterior }
    }
}

pub struct ManyWellPosterior;
impl Case<4> for ManyWellPosterior {
    const NAME: &'static str = "posterior of Many-Well-4";
    const WIDTH: f64 = 1.5;
    const STEP: f64 = 0.02;
    type At<S: Scalar> = Posterior<'static, ManyWell<4>, [S; 4]>;
    fn at<S: Scalar>() -> Self::At<S> {
        Posterior::new(ManyWell, leaked([1.2, -0.3, -2.0, 0.8].map(S::constant)), S::constant(0.6))
    }
}

fn reference<S: Scalar, const N: usize>(width: f64) -> Gaussian<[S; N]> {
    Gaussian { mean: core::array::from_fn(|i| S::constant(0.3 * i as f64)), standard_deviation: S::constant(width) }
}

pub struct Mog40Residual;
impl Case<2> for Mog40Residual {
    const NAME: &'static str = "residual of MoG-40";
    const WIDTH: f64 = 20.0;
    const STEP: f64 = 0.05;
    type At<S: Scalar> = Residual<GaussianMixture<40, 2>, [S; 2]>;
    fn at<S: Scalar>() -> Self::At<S> {
        Residual { target: mog40(), reference: reference(30.0) }
    }
}

pub struct ManyWellResidual;
impl Case<4> for ManyWellResidual {
    const NAME: &'static str = "residual of Many-Well-4";
    const WIDTH: f64 = 1.5;
    const STEP: f64 = 0.02;
    type At<S: Scalar> = Residual<ManyWell<4>, [S; 4]>;
    fn at<S: Scalar>() -> Self::At<S> {
        Residual { target: ManyWell, reference: reference(1.3) }
    }
}

/// N particles on a cubic grid, the first N sites that are nearest to its centre, shaken.
pub fn crystal<const M: usize>(index: u64, spacing: f64, jitter: f64) -> [f64; M] {
    let mut sites: Vec<[f64; 3]> =
        (0..125).map(|i| [i % 5, i / 5 % 5, i / 25].map(|k| spacing * (f64::from(k) - 2.0))).collect();
    let radius = |x: &[f64; 3]| x.iter().map(|x| x * x).sum::<f64>();
    sites.sort_by(|a, b| radius(a).total_cmp(&radius(b)));
    let mut rng = Stream::new(18, Purpose::Test, index);
    core::array::from_fn(|i| {
        let z: f32 = rng.normal();
        f64::from(sites[i / 3][i % 3] as f32 + jitter as f32 * z)
    })
}

pub struct Dw4;
impl Case<8> for Dw4 {
    const NAME: &'static str = "DW-4";
    const WIDTH: f64 = 2.0;
    const STEP: f64 = 0.02;
    type At<S: Scalar> = energy::DoubleWell<4, 2>;
    fn at<S: Scalar>() -> Self::At<S> {
        energy::DoubleWell
    }
}

pub struct Dw4Posterior;
impl Case<8> for Dw4Posterior {
    const NAME: &'static str = "posterior of DW-4";
    const WIDTH: f64 = 2.0;
    const STEP: f64 = 0.02;
    type At<S: Scalar> = Posterior<'static, energy::DoubleWell<4, 2>, [S; 8]>;
    fn at<S: Scalar>() -> Self::At<S> {
        let y = [2.1, 0.3, -1.9, 0.4, 0.2, 2.8, -0.4, -3.5];
        Posterior::new(energy::DoubleWell, leaked(y.map(S::constant)), S::constant(0.8))
    }
}

pub struct Lj13;
impl Case<39> for Lj13 {
    const NAME: &'static str = "LJ-13, pairs twice";
    const WIDTH: f64 = 1.0;
    const STEP: f64 = 0.002;
    type At<S: Scalar> = LennardJones<13, 3>;
    fn at<S: Scalar>() -> Self::At<S> {
        LennardJones::new(Pairs::Twice)
    }
    fn point(index: u64) -> [f64; 39] {
        crystal(index, 1.15, 0.08)
    }
}

pub struct Lj13PairsOnce;
impl Case<39> for Lj13PairsOnce {
    const NAME: &'static str = "LJ-13, pairs once";
    const WIDTH: f64 = 1.0;
    const STEP: f64 = 0.003;
    type At<S: Scalar> = LennardJones<13, 3>;
    fn at<S: Scalar>() -> Self::At<S> {
        LennardJones::new(Pairs::Once)
    }
    fn point(index: u64) -> [f64; 39] {
        crystal(index, 1.15, 0.08)
    }
}

/// With points where particles overlap.
pub struct Lj13Smooth;
impl Case<39> for Lj13Smooth {
    const NAME: &'static str = "LJ-13, smooth core";
    const WIDTH: f64 = 1.0;
    const STEP: f64 = 0.002;
    type At<S: Scalar> = LennardJones<13, 3>;
    fn at<S: Scalar>() -> Self::At<S> {
        LennardJones::new(Pairs::Twice).smooth()
    }
}

pub struct Lj55;
impl Case<165> for Lj55 {
    const NAME: &'static str = "LJ-55";
    const WIDTH: f64 = 1.0;
    const STEP: f64 = 0.002;
    type At<S: Scalar> = LennardJones<55, 3>;
    fn at<S: Scalar>() -> Self::At<S> {
        LennardJones::new(Pairs::Twice)
    }
    fn point(index: u64) -> [f64; 165] {
        crystal(index, 1.15, 0.08)
    }
}
