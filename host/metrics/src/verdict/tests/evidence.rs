//! What a pool's evidence allows to be said.

use super::*;
use crate::gaussians::FitOptions;

#[test]
fn without_evidence_of_convergence_nothing_holds_and_only_certain_failures_are_told() {
    let world = rings();
    let exact = Exact::of(&world, 2000, 11);
    let wide: Vec<f64> = exact.fitting.0.iter().map(|x| f64::from(*x)).collect();
    let cells =
        Fit::of(&wide, 2, &FitOptions::default(), &mut Stream::new(1, kiln_core::random::Purpose::Test, 0)).unwrap();
    let pool = |evidence: Evidence| Pool { cells: Some(&cells), ..exact.pool(evidence) };
    let good = Evidence { evaluations: Some(1_000_000), ..Evidence::exact(2000) };
    let cases = [
        (Evidence { effective: None, ..good }, "effective sample size is unknown"),
        (Evidence { effective: Some(f64::NAN), ..good }, "effective sample size is unknown"),
        (Evidence { effective: Some(200.0), ..good }, "effective sample size is 200, at least 400"),
        (Evidence { r_hat: None, ..good }, "R-hat is unknown"),
        (Evidence { r_hat: Some(f64::NAN), ..good }, "R-hat is unknown"),
        (Evidence { r_hat: Some(f64::INFINITY), ..good }, "R-hat is infinite"),
        (Evidence { r_hat: Some(1.2), ..good }, "R-hat is 1.200"),
        (Evidence { round_trips: None, ..good }, "round trips is unknown"),
        (Evidence { round_trips: Some(0.0), ..good }, "round trips is 0"),
        (Evidence { halves_agree: None, ..good }, "halves agree is unknown"),
        (Evidence { halves_agree: Some(false), ..good }, "halves differ"),
    ];
    let (rows, energies, gradients) = world.set(&Spoilt::Nothing, 20_000, 11);
    let (half_rows, half_energies, _) = world.set(&Spoilt::HalfWidth, 20_000, 11);
    let (hot_rows, hot_energies, hot_gradients) = world.set(&Spoilt::Hot, 60_000, 11);
    for (evidence, words) in cases {
        let of = |rows: &[f32], energies: &[f64], gradients: Option<&[f64]>| {
            let samples = Samples { rows, energies };
            let draws = Draws { symmetry: Symmetry::None, dim: 2, samples, gradients };
            judge(&draws, Some(&pool(evidence)), &mut Stream::new(1, kiln_core::random::Purpose::Test, 0))
        };
        let verdict = of(&rows, &energies, Some(&gradients));
        assert_eq!(verdict.outcome, Outcome::CannotTell, "{evidence:?}: {verdict:#?}");
        assert!(verdict.reason.contains(words), "{words}: {}", verdict.reason);
        // What (c) and (d) alone would see is not certain either.
        let verdict = of(&half_rows, &half_energies, None);
        assert_eq!(verdict.outcome, Outcome::CannotTell, "{evidence:?}");
        assert!(verdict.reason.contains(words), "{words}: {}", verdict.reason);
        // But Stein's identity needs no pool.
        let verdict = of(&hot_rows, &hot_energies, Some(&hot_gradients));
        assert_eq!(verdict.outcome, Outcome::Fails, "{evidence:?}: {verdict:#?}");
        assert!(verdict.reason.starts_with("Stein"), "{}", verdict.reason);
    }
    // R-hat² - 1 falls as one over the length: 0.44/0.1025.
    let verdict = against(&world, &Spoilt::Nothing, 100_000, 11, Some(&pool(cases[6].0)));
    assert_eq!(verdict.needed_evaluations, Some(4_292_683), "{verdict:#?}");
}

#[test]
fn without_gradients_nothing_holds() {
    let world = rings();
    let exact = Exact::of(&world, 4000, 12);
    let (rows, energies, gradients) = world.set(&Spoilt::Nothing, 100_000, 12);
    for given in [None, Some(&gradients[1..])] {
        let samples = Samples { rows: &rows, energies: &energies };
        let draws = Draws { symmetry: Symmetry::None, dim: 2, samples, gradients: given };
        let mut stream = Stream::new(1, kiln_core::random::Purpose::Test, 0);
        let verdict = judge(&draws, Some(&exact.pool(Evidence::exact(4000))), &mut stream);
        assert_eq!(verdict.outcome, Outcome::CannotTell);
        assert!(
            verdict.reason.starts_with("Stein's identity is unknown, as no gradients were given"),
            "{}",
            verdict.reason
        );
    }
}

#[test]
fn without_a_pool_draws_fail_or_cannot_be_told() {
    for world in [mixture(), rings()] {
        let verdict = against(&world, &Spoilt::Nothing, 50_000, 13, None);
        assert_eq!(verdict.outcome, Outcome::CannotTell, "{verdict:#?}");
        assert!(verdict.reason.contains("nothing to compare with") && verdict.needed_evaluations.is_none());
        assert!(verdict.families[2].value.is_nan() && verdict.families[3].upper.is_nan());
        let verdict = against(&world, &Spoilt::Hot, 50_000, 13, None);
        assert_eq!(verdict.outcome, Outcome::Fails, "{verdict:#?}");
    }
}

#[test]
fn a_mixture_that_is_given_makes_the_cells_and_a_pool_that_is_lost_is_no_pool() {
    let world = mixture();
    let exact = Exact::of(&world, 2000, 14);
    let wide: Vec<f64> = exact.fitting.0.iter().map(|x| f64::from(*x)).collect();
    let mut stream = Stream::new(1, kiln_core::random::Purpose::Test, 0);
    let cells = Fit::of(&wide, 10, &FitOptions::default(), &mut stream).unwrap();
    let pool = Pool { cells: Some(&cells), ..exact.pool(Evidence::exact(2000)) };
    let verdict = against(&world, &Spoilt::MissingMode, 20_000, 14, Some(&pool));
    assert!(verdict.families[3].members == cells.len() && verdict.families[3].fails(), "{verdict:#?}");
    let nothing = Samples { rows: &[], energies: &[] };
    let pool = Pool { judging: nothing, fitting: nothing, cells: None, evidence: Evidence::exact(2000) };
    let verdict = against(&world, &Spoilt::Nothing, 20_000, 14, Some(&pool));
    assert_eq!(verdict.outcome, Outcome::CannotTell, "{verdict:#?}");
}

#[test]
fn halves_of_one_law_agree_and_a_mode_that_one_has_alone_shows() {
    let world = mixture();
    let set = |spoilt: Spoilt, index: u64| world.set(&spoilt, 2000, index);
    let (fitting, first) = (set(Spoilt::Nothing, 1), set(Spoilt::Nothing, 2));
    let of = |second: &(Vec<f32>, Vec<f64>, Vec<f64>), effective: f64| {
        let [fitting, first, second] = [&fitting, &first, second].map(|(rows, energies, _)| Samples { rows, energies });
        let mut stream = Stream::new(1, kiln_core::random::Purpose::Test, 0);
        halves_agree(Symmetry::None, 10, &fitting, [(first, 2000.0), (second, effective)], &mut stream)
    };
    assert_eq!(of(&set(Spoilt::Nothing, 3), 2000.0), Some(true));
    assert_eq!(of(&set(Spoilt::MissingMode, 3), 2000.0), Some(false));
    assert_eq!(of(&set(Spoilt::Nothing, 3), f64::NAN), None);
}
