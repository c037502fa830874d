//! Verdicts on exact and on spoilt draws. The long table is in `table`.

mod evidence;
mod table;
mod worlds;

use super::*;
use worlds::{Spoilt, World, exact_particles, mixture, rings};

/// A pool of two parts of m exact states each, of that index.
struct Exact {
    judging: (Vec<f32>, Vec<f64>),
    fitting: (Vec<f32>, Vec<f64>),
}

impl Exact {
    fn of(world: &World, m: usize, index: u64) -> Self {
        let part = |part: u64| {
            let (rows, energies, _) = world.set(&Spoilt::Nothing, m, 1000 + 2 * index + part);
            (rows, energies)
        };
        Self { judging: part(0), fitting: part(1) }
    }

    fn pool(&self, evidence: Evidence) -> Pool<'_> {
        let [judging, fitting] = [&self.judging, &self.fitting].map(|(rows, energies)| Samples { rows, energies });
        Pool { judging, fitting, cells: None, evidence }
    }
}

fn judged(world: &World, spoilt: &Spoilt, n: usize, m: usize, index: u64) -> Verdict {
    let exact = Exact::of(world, m, index);
    against(world, spoilt, n, index, Some(&exact.pool(Evidence { evaluations: Some(1_000_000), ..Evidence::exact(m) })))
}

fn against(world: &World, spoilt: &Spoilt, n: usize, index: u64, pool: Option<&Pool<'_>>) -> Verdict {
    let (rows, energies, gradients) = world.set(spoilt, n, index);
    let draws = Draws {
        symmetry: world.symmetry,
        dim: world.dim,
        samples: Samples { rows: &rows, energies: &energies },
        gradients: Some(&gradients),
    };
    judge(&draws, pool, &mut Stream::new(index, kiln_core::random::Purpose::Test, 77))
}

#[test]
fn exact_draws_hold() {
    for (world, index) in [(mixture(), 0), (rings(), 0)] {
        let verdict = judged(&world, &Spoilt::Nothing, 100_000, 4000, index);
        assert_eq!(verdict.outcome, Outcome::Holds, "{}: {verdict:#?}", world.name);
        assert!(verdict.needed_evaluations.is_none() && verdict.families.iter().all(Family::holds));
        // Every draw and every state of the pool is in one of the cells, whose middles are the pool's.
        for shares in [|cell: &Cell| cell.draws, |cell: &Cell| cell.pool] {
            assert!((verdict.cells.iter().map(shares).sum::<f64>() - 1.0).abs() < 1e-9);
        }
        assert!(verdict.cells.iter().all(|cell| cell.middle.len() == world.dim));
        // Through JSON and back to the same bits.
        let text = serde_json::to_string(&verdict).unwrap();
        assert_eq!(serde_json::from_str::<Verdict>(&text).unwrap(), verdict);
    }
}

#[test]
fn spoilt_draws_fail_in_the_figure_that_sees_it() {
    for (world, spoilt, family) in [
        (mixture(), Spoilt::MissingMode, 3),
        (mixture(), Spoilt::HalfWidth, 2),
        (mixture(), Spoilt::Hot, 1),
        (rings(), Spoilt::HalfWidth, 2),
        (rings(), Spoilt::Hot, 1),
    ] {
        let verdict = judged(&world, &spoilt, 60_000, 2000, 3);
        assert_eq!(verdict.outcome, Outcome::Fails, "{} {spoilt:?}: {verdict:#?}", world.name);
        assert!(verdict.families[family].fails() || verdict.families.iter().any(Family::fails));
        if spoilt == Spoilt::MissingMode {
            assert!(verdict.families[family].fails(), "{verdict:#?}");
            assert!(verdict.families[family].member.contains("(0.0000 of the draws, 0.0"), "{verdict:#?}");
        }
    }
}

#[test]
fn few_draws_cannot_be_told_and_more_would_settle_it() {
    let verdict = judged(&mixture(), &Spoilt::Nothing, 2000, 300, 4);
    // 300 states are below what an exploration must have.
    assert_eq!(verdict.outcome, Outcome::CannotTell);
    assert!(verdict.reason.contains("effective sample size is 300, at least 400"), "{}", verdict.reason);
    assert!(verdict.needed_evaluations.unwrap() > 1_300_000);
    let verdict = judged(&mixture(), &Spoilt::Nothing, 100_000, 600, 4);
    assert_eq!(verdict.outcome, Outcome::CannotTell, "{verdict:#?}");
    let needed = verdict.needed_evaluations.unwrap();
    assert!((1_200_000..20_000_000).contains(&needed), "{needed}: {verdict:#?}");
    // Without the cost of the pool nothing tells.
    let (world, exact) = (mixture(), Exact::of(&mixture(), 600, 4));
    let verdict = against(&world, &Spoilt::Nothing, 20_000, 4, Some(&exact.pool(Evidence::exact(600))));
    assert!(verdict.outcome == Outcome::CannotTell && verdict.needed_evaluations.is_none());
}

#[test]
fn lost_draws_fail_by_themselves() {
    let world = rings();
    let exact = Exact::of(&world, 2000, 5);
    for (share, outcome) in [(0.004, Outcome::Fails), (0.001, Outcome::CannotTell)] {
        for pool in [None, Some(exact.pool(Evidence::exact(2000)))] {
            let verdict = against(&world, &Spoilt::Lost(share), 50_000, 5, pool.as_ref());
            assert_eq!(verdict.outcome, outcome, "{share}: {verdict:#?}");
            if outcome == Outcome::Fails {
                assert!(verdict.reason.starts_with("share of lost draws: 200 of 50000 draws"), "{}", verdict.reason);
            }
        }
    }
    // Nothing but lost ones: fails, and no other figure claims to be good.
    let verdict = against(&world, &Spoilt::Lost(1.0), 1000, 5, Some(&exact.pool(Evidence::exact(2000))));
    assert_eq!(verdict.outcome, Outcome::Fails);
    assert!(verdict.families.iter().all(|family| !family.holds()), "{verdict:#?}");
    assert!(verdict.families[1].value.is_nan() && verdict.families[2].value == 1.0);
}

#[test]
fn an_energy_that_is_infinite_or_a_gradient_that_is_not_finite_is_lost() {
    let world = rings();
    let (rows, mut energies, mut gradients) = world.set(&Spoilt::Nothing, 20_000, 6);
    energies[..100].fill(f64::INFINITY);
    gradients[1000..1200].fill(f64::NAN);
    let samples = Samples { rows: &rows, energies: &energies };
    let draws = Draws { symmetry: world.symmetry, dim: 2, samples, gradients: Some(&gradients) };
    let verdict = judge(&draws, None, &mut Stream::new(6, kiln_core::random::Purpose::Test, 0));
    assert_eq!(verdict.families[0].member, "200 of 20000 draws");
    assert_eq!(verdict.outcome, Outcome::Fails);
}

#[test]
fn particles_are_judged_whatever_their_labels_and_turns() {
    let world = exact_particles();
    let verdict = judged(&world, &Spoilt::Nothing, 50_000, 4000, 7);
    assert_eq!(verdict.outcome, Outcome::Holds, "{verdict:#?}");
    for spoilt in [Spoilt::Hot, Spoilt::HalfWidth] {
        let verdict = judged(&world, &spoilt, 20_000, 2000, 7);
        assert_eq!(verdict.outcome, Outcome::Fails, "{spoilt:?}: {verdict:#?}");
    }
    // Draws that are moved and relabelled are the same frames.
    let verdict = judged(&world, &Spoilt::Relabelled, 50_000, 4000, 7);
    assert_eq!(verdict.outcome, Outcome::Holds, "{verdict:#?}");
}

#[test]
fn tails_that_a_few_draws_carry_are_bounded() {
    // Tails |x|^-2.2: the variance of x is infinite.
    let world = worlds::heavy();
    let verdict = against(&world, &Spoilt::Nothing, 100_000, 8, None);
    assert!(!verdict.families[1].fails() && verdict.families[1].holds(), "{verdict:#?}");
    let verdict = against(&world, &Spoilt::Hot, 100_000, 8, None);
    assert!(verdict.families[1].value > 0.05, "{verdict:#?}");
}

#[test]
fn threads_do_not_matter() {
    let world = mixture();
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| judged(&world, &Spoilt::Nothing, 5000, 1000, 9))
    };
    assert_eq!(of(1), of(3));
}

#[test]
fn sets_that_do_not_fit_are_told_as_such() {
    let samples = Samples { rows: &[1.0, 2.0, 3.0], energies: &[1.0] };
    let draws = Draws { symmetry: Symmetry::None, dim: 2, samples, gradients: None };
    let of = |draws: &Draws<'_>| judge(draws, None, &mut Stream::new(1, kiln_core::random::Purpose::Test, 0));
    assert_eq!(of(&draws).outcome, Outcome::CannotTell);
    let nothing = Draws { samples: Samples { rows: &[], energies: &[] }, ..draws };
    assert_eq!(of(&nothing).reason, "there are no draws");
}
