//! Dual numbers: every operation's derivative against finite differences and with the plain operation's bits, and energies
//! written as formulas against those with gradients written by hand.

mod common;

use common::exact::gradient;
use common::rows::{Number, bits};
use common::targets::{Case, Double, Dw4, ManyWell32, PlainGaussian, ThreeModes, three_modes};
use common::tolerance;
use kiln_core::dual::{Differentiated, Dual, Formula};
use kiln_core::dynamics::{State, Workspace, langevin};
use kiln_core::symmetry::Symmetry;
use kiln_core::{Energy, Lanes, Scalar};

/// Functions of one number that are smooth where they are tested.
trait Function {
    fn at<S: Scalar>(x: S) -> S;
}
macro_rules! functions {
    ($($name:ident: |$x:ident| $body:expr;)*) => {
        $(struct $name;
        impl Function for $name {
            fn at<S: Scalar>($x: S) -> S {
                $body
            }
        })*
        fn every_function(check: &mut impl Check) {
            $(check.check::<$name>(stringify!($name));)*
        }
    };
}
trait Check {
    fn check<F: Function>(&mut self, name: &str);
}

functions! {
    Exp: |x| x.exp();
    Ln: |x| x.square().ln();
    Sqrt: |x| (S::one() + x.square()).sqrt();
    Abs: |x| x.abs();
    SinTurns: |x| turns(x).sin_cos_turns().0;
    CosTurns: |x| turns(x).sin_cos_turns().1;
    Sigmoid: |x| x.sigmoid();
    Silu: |x| x.silu();
    Tanh: |x| x.tanh();
    Square: |x| x.square();
    Min: |x| Scalar::min(x, x.square());
    Max: |x| Scalar::max(x, x.square());
    Select: |x| S::select(x.lt(S::zero()), x.exp(), x * x * x);
    AddSub: |x| x + x.exp() - x.square() - S::one();
    Mul: |x| x * x.exp() * S::constant(0.3);
    Div: |x| (x - S::one()) / (S::constant(0.7) + x.square());
    NegRatio: |x| -(S::one() / x);
    Assigned: |x| {
        let mut y = x;
        y += x.square();
        y *= S::constant(0.5) * x;
        y -= S::one();
        y
    };
}

/// A number in (0, 1).
fn turns<S: Scalar>(x: S) -> S {
    x.sigmoid()
}

/// Away from the kinks at 0 and 1.
const POINTS: [f64; 10] = [-6.3, -2.2, -1.1, -0.35, -0.12, 0.13, 0.4, 0.85, 1.6, 5.2];

struct Derivatives;
impl Check for Derivatives {
    fn check<F: Function>(&mut self, name: &str) {
        for x in POINTS {
            let step = 1e-5;
            let difference = (F::at(x + step) - F::at(x - step)) / ((x + step) - (x - step));
            let Dual { value, derivative } = F::at(Dual::variable(x));
            assert_eq!(value.to_bits(), F::at(x).to_bits(), "{name} at {x}");
            let error = (derivative - difference).abs() / (1.0 + difference.abs());
            assert!(error < 1e-8, "{name} at {x}: {derivative}, differences {difference}");
            assert_eq!(F::at(Dual::fixed(x)).derivative, 0.0, "{name} of a number that is fixed");
            // The chain rule's factor.
            let tripled = F::at(Dual { value: x, derivative: 3.0 }).derivative;
            assert!((tripled - 3.0 * derivative).abs() <= 1e-14 * tripled.abs(), "{name} at {x}");
        }
    }
}

#[test]
fn derivatives_agree_with_finite_differences() {
    every_function(&mut Derivatives);
}

/// In single precision and in lanes: the plain operation's bits, and the derivative of double precision.
struct SinglePrecision;
impl Check for SinglePrecision {
    fn check<F: Function>(&mut self, name: &str) {
        let pack = <Lanes<16> as Number>::pack(|lane| POINTS[lane % POINTS.len()]);
        let lanes = F::at(Dual::variable(pack));
        assert_eq!(bits(&[lanes.value]), bits(&[F::at(pack)]), "{name}");
        for (lane, x) in POINTS.into_iter().enumerate() {
            let single = F::at(Dual::variable(x as f32));
            assert_eq!(bits(&[single.value]), bits(&[F::at(x as f32)]), "{name} at {x}");
            assert_eq!(single.derivative.to_bits(), lanes.derivative.0[lane].to_bits(), "{name} at {x}, in a lane");
            let exact = F::at(Dual::variable(f64::from(x as f32))).derivative;
            let error = (f64::from(single.derivative) - exact).abs() / (1.0 + exact.abs());
            assert!(error < 3e-6, "{name} at {x}: {} for {exact}", single.derivative);
        }
    }
}

#[test]
fn single_precision_and_lanes_agree() {
    every_function(&mut SinglePrecision);
}

/// Where e^x overflows and where tanh has no digits left, slopes are those of the functions.
#[test]
fn slopes_are_right_far_out() {
    for x in [-500.0_f32, -100.0, 100.0, 500.0] {
        let x = Dual::variable(x);
        let step = if x.value > 0.0 { 1.0 } else { 0.0 };
        assert_eq!((x.sigmoid().derivative, x.tanh().derivative, x.silu().derivative), (0.0, 0.0, step), "{x:?}");
    }
    for x in [-9.0_f32, -6.0, 6.0, 9.0] {
        let exact = f64::from(x).cosh().powi(-2);
        let got = f64::from(Dual::variable(x).tanh().derivative);
        assert!((got / exact - 1.0).abs() < 1e-5, "{x}: {got} for {exact}");
    }
}

/// Kinks, and what is not a number.
#[test]
fn kinks_have_a_finite_slope() {
    let zero = Dual::variable(0.0_f64);
    assert_eq!(zero.abs().derivative, 0.0);
    assert_eq!(zero.square().sqrt().derivative, 0.0);
    assert_eq!(Dual::fixed(0.0_f64).sqrt().derivative, 0.0);
    assert_eq!(zero.sqrt().derivative, f64::INFINITY);
    let nan = Dual::variable(f64::NAN);
    for y in [nan.abs(), nan.sqrt(), nan.exp(), nan.ln(), nan.tanh(), nan * zero] {
        assert!(y.value.is_nan() && y.derivative.is_nan(), "{y:?}");
    }
    assert!(Dual { value: 1.0, derivative: f64::NAN }.sqrt().derivative.is_nan());
}

/// Decisions are by value: a function takes the path that it takes on plain numbers.
#[test]
fn decisions_are_by_value() {
    use num_traits::Zero;
    let (a, b) = (Dual { value: 1.0_f64, derivative: 5.0 }, Dual { value: 1.0, derivative: -2.0 });
    assert!(a == b && !a.lt(b) && !b.lt(a));
    assert!(Dual { value: 0.0_f64, derivative: 1.0 }.is_zero() && !a.is_zero());
    assert!(Scalar::is_finite(Dual { value: 0.0_f64, derivative: f64::INFINITY }));
    let chosen = Dual::select(true, a, b);
    assert_eq!((chosen.value, chosen.derivative), (1.0, 5.0));
    let mut quotient = a;
    quotient /= Dual::fixed(2.0);
    assert_eq!((quotient.value, quotient.derivative), (0.5, 2.5));
    assert_eq!(Dual::<Lanes<16>>::LANES, 16);
    let pack = Dual::<Lanes<16>>::from_lanes(|lane| lane as f32);
    assert_eq!((pack.lane(3), pack.derivative), (3.0, Lanes([0.0; 16])));
    assert_eq!(Dual::<f32>::splat(2.0).lane(0), Dual::<f32>::constant(2.0).value);
}

// Energies of the registry once more, as formulas.

struct BowlFormula;
impl Formula for BowlFormula {
    fn dim(&self) -> usize {
        3
    }
    fn energy<S: Scalar>(&self, x: &[S]) -> S {
        let mut energy = S::constant(3.0 * (0.5 * core::f64::consts::TAU.ln() + 0.7_f64.ln()));
        for (x, mean) in x.iter().zip([0.5, -1.0, 2.0]) {
            energy += ((*x - S::constant(mean)) / S::constant(0.7)).square() * S::constant(0.5);
        }
        energy
    }
}

struct DoubleFormula;
impl Formula for DoubleFormula {
    fn dim(&self) -> usize {
        1
    }
    fn energy<S: Scalar>(&self, x: &[S]) -> S {
        let square = x[0] * x[0];
        square * square - S::constant(2.0) * square - S::constant(0.5) * x[0]
    }
}

struct WellsFormula;
impl Formula for WellsFormula {
    fn dim(&self) -> usize {
        32
    }
    fn energy<S: Scalar>(&self, x: &[S]) -> S {
        let mut energy = S::zero();
        for pair in x.chunks_exact(2) {
            let (d, v) = (pair[0], pair[1]);
            energy += d * d * d * d - S::constant(6.0) * d * d - S::constant(0.5) * d + S::constant(0.5) * v * v;
        }
        energy
    }
}

struct MixtureFormula;
impl Formula for MixtureFormula {
    fn dim(&self) -> usize {
        2
    }
    fn energy<S: Scalar>(&self, x: &[S]) -> S {
        let mixture = three_modes();
        let exponent = |k: usize| {
            let width = mixture.standard_deviations()[k];
            let offset = (mixture.weights()[k] / (core::f64::consts::TAU * width * width)).ln();
            let mut exponent = S::constant(offset);
            for (x, mean) in x.iter().zip(mixture.means()[k]) {
                exponent -= S::constant(0.5) * ((*x - S::constant(mean)) / S::constant(width)).square();
            }
            exponent
        };
        let largest = Scalar::max(Scalar::max(exponent(0), exponent(1)), exponent(2));
        let sum = (0..3).fold(S::zero(), |sum, k| sum + (exponent(k) - largest).exp());
        -(largest + sum.ln())
    }
}

struct PairsFormula;
impl Formula for PairsFormula {
    fn dim(&self) -> usize {
        8
    }
    fn energy<S: Scalar>(&self, x: &[S]) -> S {
        let mut energy = S::zero();
        for i in 0..4 {
            for j in 0..i {
                let distance = ((x[2 * i] - x[2 * j]).square() + (x[2 * i + 1] - x[2 * j + 1]).square()).sqrt();
                let stretch = (distance - S::constant(4.0)).square();
                energy += S::constant(0.9) * stretch.square() - S::constant(4.0) * stretch;
            }
        }
        energy
    }
    fn symmetry(&self) -> Symmetry {
        Symmetry::Particles { count: 4, dimensions: 2 }
    }
}

/// Against the energy with a gradient written by hand, in f64 to rounding; in f32 as far as that is from f64; and against
/// finite differences.
fn formula<F: Formula, C: Case<N>, const N: usize>(formula: F) {
    let energy = Differentiated::<F, N>::new(formula).expect("N coordinates");
    assert_eq!((Energy::<f64>::dim(&energy), Energy::<f64>::symmetry(&energy)), (N, C::at::<f64>().symmetry()));
    for index in 0..50 {
        let x = C::point(index);
        let (mut g, mut exact) = ([f64::NAN; N], [0.0; N]);
        let value = energy.energy_and_gradient(&x, &mut g);
        let by_hand = C::at::<f64>().energy_and_gradient(&x, &mut exact);
        let plain: f64 = energy.formula().energy(&x);
        assert_eq!((value.to_bits(), energy.energy(&x).to_bits()), (plain.to_bits(), plain.to_bits()), "{}", C::NAME);
        let scale = exact.iter().fold(1.0_f64, |a, g| a.max(g.abs()));
        // What cancels in E.
        let terms = 1.0 + by_hand.abs() + x.iter().zip(&exact).map(|(x, g)| (x * g).abs()).sum::<f64>();
        assert!((value - by_hand).abs() < 1e-14 * terms, "{}: {value} {by_hand}", C::NAME);
        let single = x.map(|x| x as f32);
        let mut g32 = [f32::NAN; N];
        let value32 = energy.energy_and_gradient(&single, &mut g32);
        assert_eq!(value32.to_bits(), energy.formula().energy(&single).to_bits(), "{}", C::NAME);
        let pack = single.map(|x| Lanes([x; 16]));
        let mut lanes = [Lanes([f32::NAN; 16]); N];
        let value_in_lanes = energy.energy_and_gradient(&pack, &mut lanes);
        assert_eq!(bits(&[value_in_lanes]), bits(&[Lanes([value32; 16])]), "{}", C::NAME);
        for i in 0..N {
            assert!((g[i] - exact[i]).abs() < 1e-13 * scale, "{}: {} for {}", C::NAME, g[i], exact[i]);
            let (mut above, mut below) = (x, x);
            above[i] += 3e-5;
            below[i] -= 3e-5;
            let (up, down): (f64, f64) = (energy.energy(&above), energy.energy(&below));
            let difference = (up - down) / (above[i] - below[i]);
            assert!((difference - g[i]).abs() < tolerance::FINITE_DIFFERENCE * scale, "{}: {difference}", C::NAME);
            let error = (f64::from(g32[i]) - exact[i]).abs() / scale;
            assert!(error < tolerance::SINGLE_GRADIENT, "{}: {} for {}", C::NAME, g32[i], exact[i]);
            assert_eq!(bits(&[lanes[i]]), bits(&[Lanes([g32[i]; 16])]), "{}", C::NAME);
        }
    }
}

#[test]
fn formulas_agree_with_gradients_by_hand() {
    formula::<_, PlainGaussian, 3>(BowlFormula);
    formula::<_, Double, 1>(DoubleFormula);
    formula::<_, ManyWell32, 32>(WellsFormula);
    formula::<_, ThreeModes, 2>(MixtureFormula);
    formula::<_, Dw4, 8>(PairsFormula);
}

/// Particles in one place: no force, as the gradient written by hand says.
#[test]
fn particles_in_one_place_have_no_force() {
    let energy = Differentiated::<_, 8>::new(PairsFormula).expect("8 coordinates");
    assert_eq!(gradient(&energy, &[0.7; 8]), [0.0; 8]);
    assert_eq!(gradient(&Dw4::at::<f64>(), &[0.7; 8]), [0.0; 8]);
}

/// A formula with less coordinates than there is room for, behind `dyn`, moved by a kernel.
#[test]
fn a_formula_is_an_energy() {
    let energy = Differentiated::<_, 16>::new(PairsFormula).expect("8 of 16 coordinates");
    assert!(Differentiated::<_, 7>::new(PairsFormula).is_none());
    let dynamic: &dyn Energy<f64> = &energy;
    let params = langevin::Params { step_size: 1e-3 };
    let mut state = State::new(dynamic, Dw4::point(0));
    let mut by_hand = State::new(&Dw4::at::<f64>(), Dw4::point(0));
    let mut workspace = Workspace::new(&state.position);
    let (mut rng, mut same) = (f64::random(95, 0), f64::random(95, 0));
    for _ in 0..20 {
        langevin::step(&mut rng, &mut state, &params, dynamic, &mut workspace);
        langevin::step(&mut same, &mut by_hand, &params, &Dw4::at::<f64>(), &mut workspace);
    }
    assert_ne!(state.position, Dw4::point(0));
    for (a, b) in state.position.iter().zip(by_hand.position) {
        assert!((a - b).abs() < 1e-10, "{a} {b}");
    }
}

#[test]
#[should_panic(expected = "a point must have as many coordinates as the energy")]
fn a_gradient_of_another_length_panics() {
    let energy = Differentiated::<_, 16>::new(PairsFormula).expect("8 of 16 coordinates");
    energy.energy_and_gradient(&[0.0_f64; 8], &mut [0.0; 16]);
}

#[test]
#[should_panic(expected = "a point must have as many coordinates as the energy")]
fn a_point_of_another_length_panics() {
    let energy = Differentiated::<_, 16>::new(PairsFormula).expect("8 of 16 coordinates");
    let _: f64 = energy.energy(&[0.0; 9]);
}
