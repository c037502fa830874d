//! Step-size adaptation: its equilibrium is the target acceptance, and frozen it stays.

mod common;

use common::by_value::start;
use common::tolerance;
use kiln_core::Lanes;
use kiln_core::dynamics::{Info, State, Workspace, hmc, langevin, step_size};
use kiln_core::energy::Gaussian;
use kiln_core::random::{Purpose, Randomness, Streams};

const L: usize = 16;
const N: usize = 8;
type Pack = Lanes<L>;
type Chain = [Pack; N];

/// Adapts for 3000 steps from `first`, freezes, and measures each lane's acceptance over 4000 more.
fn settled(
    params: &step_size::Params,
    first: f32,
    mut step: impl FnMut(&mut Streams<L>, &mut State<Chain>, Pack, &Gaussian<Chain>, &mut Workspace<Chain>) -> Info<Pack>,
) -> [f64; L] {
    let energy = Gaussian { mean: [Lanes([1.0; L]); N], standard_deviation: Lanes([0.6; L]) };
    let mut rng = Streams::new(21, Purpose::Test, core::array::from_fn(|i| i as u64));
    let mut x = [Lanes([0.0; L]); N];
    rng.fill_normal(&mut x);
    let (mut state, mut workspace) = start(&energy, x);
    let mut adapted = step_size::init(Lanes([first; L]));
    for _ in 0..3000 {
        let info = step(&mut rng, &mut state, adapted.step_size, &energy, &mut workspace);
        step_size::step(&mut adapted, params, info.acceptance);
    }
    assert!(!adapted.frozen && adapted.steps == 3000);
    adapted.freeze();
    let frozen = adapted;
    let mut acceptance = [0.0; L];
    for _ in 0..4000 {
        let info = step(&mut rng, &mut state, adapted.step_size, &energy, &mut workspace);
        step_size::step(&mut adapted, params, info.acceptance);
        for (sum, a) in acceptance.iter_mut().zip(info.acceptance.0) {
            *sum += f64::from(a) / 4000.0;
        }
    }
    assert_eq!(adapted, frozen, "frozen stays");
    acceptance
}

#[track_caller]
fn assert_settled(acceptance: [f64; L], target: f64) {
    let mean = acceptance.iter().sum::<f64>() / L as f64;
    assert!((mean - target).abs() < tolerance::ACCEPTANCE, "mean {mean} for {target}: {acceptance:?}");
    // A single lane adds its own measurement's noise.
    for a in acceptance {
        assert!((a - target).abs() < 2.0 * tolerance::ACCEPTANCE, "{a} for {target}");
    }
}

#[test]
fn mala_settles_at_its_target() {
    for (target, first) in [(0.574, 1e-4), (0.574, 30.0), (0.8, 0.1)] {
        let params = step_size::Params { target_acceptance: target, ..step_size::Params::default() };
        let acceptance = settled(&params, first, |rng, state, h, energy, workspace| {
            langevin::step(rng, state, &langevin::Params { step_size: h }, energy, workspace)
        });
        assert_settled(acceptance, target);
    }
}

#[test]
fn hmc_settles_at_its_target() {
    for first in [1e-3, 5.0] {
        let params = step_size::Params { target_acceptance: 0.651, ..step_size::Params::default() };
        let acceptance = settled(&params, first, |rng, state, h, energy, workspace| {
            hmc::step(rng, state, &hmc::Params { step_size: h, steps: 1 }, energy, workspace)
        });
        assert_settled(acceptance, 0.651);
    }
}

/// Acceptance at the target changes nothing, above it the step grows, below it shrinks, and the rate decays.
#[test]
fn moves_towards_the_equilibrium() {
    let params = step_size::Params { target_acceptance: 0.6, rate: 0.5, half_life: 10.0 };
    let after = |acceptance: f64, steps: u32| {
        let mut state = step_size::State { step_size: 0.1_f64, steps, frozen: false };
        step_size::step(&mut state, &params, acceptance);
        assert_eq!(state.steps, steps + 1);
        (state.step_size / 0.1).ln()
    };
    assert_eq!(after(0.6, 0), 0.0);
    assert!((after(1.0, 0) - 0.5 * 0.4).abs() < 1e-12);
    assert!((after(0.0, 0) + 0.5 * 0.6).abs() < 1e-12);
    assert!((after(1.0, 10) - 0.25 * 0.4).abs() < 1e-12);
}
