//! The leapfrog integrator on every energy: reversible, and of second order.

mod common;

use common::statistics::slope;
use common::targets::{Case, Visitor, every_energy};
use common::tolerance;
use kiln_core::Scalar;
use kiln_core::dynamics::{State, leapfrog};
use kiln_core::random::{Purpose, Randomness, Stream};

const STARTS: u64 = 20;

fn momentum<const N: usize>(index: u64) -> [f64; N] {
    let mut rng = Stream::new(8, Purpose::Test, index);
    core::array::from_fn(|_| rng.normal())
}

/// How far a trajectory of 20 steps lands from its start when it is run back.
fn return_error<S: Scalar, C: Case<N>, const N: usize>(index: u64) -> f64 {
    let energy = C::at::<S>();
    let params = leapfrog::Params { step_size: S::constant(C::STEP), steps: 20 };
    let start = C::point(index).map(S::constant);
    let mut state = State::new(&energy, start);
    let mut p = momentum(index).map(S::constant);
    leapfrog::step(&mut state, &mut p, &params, &energy);
    let travelled = (state.position[0] - start[0]).lane_f64(0).abs();
    assert!(travelled > 1e-3 * C::STEP, "{}: it must move to be a test", C::NAME);
    p = p.map(|p| -p);
    leapfrog::step(&mut state, &mut p, &params, &energy);
    (0..N).map(|i| (state.position[i] - start[i]).lane_f64(0).abs()).fold(0.0, f64::max) / C::WIDTH
}

struct Reversible;
impl Visitor for Reversible {
    fn visit<C: Case<N>, const N: usize>(&mut self) {
        for index in 0..STARTS {
            let double = return_error::<f64, C, N>(index);
            assert!(double < tolerance::REVERSIBLE, "{} in f64: {double:e}", C::NAME);
            let single = return_error::<f32, C, N>(index);
            assert!(single < tolerance::REVERSIBLE_SINGLE, "{} in f32: {single:e}", C::NAME);
        }
    }
}

#[test]
fn trajectories_return_when_momentum_is_flipped() {
    every_energy(&mut Reversible);
}

struct Order;
impl Visitor for Order {
    fn visit<C: Case<N>, const N: usize>(&mut self) {
        let energy = C::at::<f64>();
        // The largest drift of H along a trajectory of fixed length, averaged over starts.
        let drift = |halvings: u32| {
            let step_size = C::STEP / f64::from(1 << halvings);
            let params = leapfrog::Params { step_size, steps: 1 };
            let mut total = 0.0;
            for index in 0..STARTS {
                let mut state = State::new(&energy, C::point(index));
                let mut p = momentum(index);
                let h0 = leapfrog::hamiltonian(&state, &p);
                let mut largest = 0.0_f64;
                for _ in 0..20 << halvings {
                    leapfrog::step(&mut state, &mut p, &params, &energy);
                    largest = largest.max((leapfrog::hamiltonian(&state, &p) - h0).abs());
                }
                total += largest;
            }
            total / STARTS as f64
        };
        let points: Vec<_> = (2..6).map(|k| (-f64::from(k), drift(k).log2())).collect();
        let order = slope(&points);
        assert!(tolerance::LEAPFROG_ORDER.contains(&order), "{}: order {order}", C::NAME);
    }
}

#[test]
fn energy_error_is_of_second_order() {
    every_energy(&mut Order);
}

/// Several steps at once are the same as one at a time.
#[test]
fn steps_compose() {
    let energy = common::targets::three_modes();
    let mut whole = State::new(&energy, [0.4_f64, -0.9]);
    let mut parts = whole;
    let (mut p, mut q) = ([0.3, 0.7], [0.3, 0.7]);
    leapfrog::step(&mut whole, &mut p, &leapfrog::Params { step_size: 0.2, steps: 7 }, &energy);
    for _ in 0..7 {
        leapfrog::step(&mut parts, &mut q, &leapfrog::Params { step_size: 0.2, steps: 1 }, &energy);
    }
    assert_eq!((whole, p), (parts, q));
}
