//! The verdict on samples of a target: holds, fails, or cannot be told, against the pool of an exploration, a reference, or
//! nothing. The statistics are those of [`kiln_metrics::verdict`].

use crate::metric::{Comparison, Measured};
use crate::pool::Pool;
use crate::target::Target;
use kiln_core::random::{Purpose, Stream};
use kiln_explore::{FLAT, Kind};
use kiln_metrics::verdict::{Draws, Evidence, Pool as Parts, Samples, halves_agree, judge};
use std::borrow::Cow;

pub use kiln_metrics::verdict::{Cell, Family, Outcome, Verdict};

/// The file of a run that holds its verdict.
pub const QUALITY: &str = "quality.json";
/// The streams of cells and of random pairs.
const STREAMS: u64 = 1 << 40;

/// What samples are compared with.
#[derive(Debug, Clone, Copy)]
pub enum Against<'a> {
    /// The pool of an exploration.
    Pool(&'a Pool),
    /// Exact samples, or a reference.
    Comparison(&'a Comparison),
    /// Nothing: only what the energy says of samples alone.
    Nothing,
}

impl<'a> Against<'a> {
    /// A pool where there is one, else a comparison.
    pub fn best(pool: Option<&'a Pool>, comparison: Option<&'a Comparison>) -> Self {
        match (pool, comparison) {
            (Some(pool), _) => Self::Pool(pool),
            (None, Some(comparison)) => Self::Comparison(comparison),
            (None, None) => Self::Nothing,
        }
    }
}

/// Judges independent draws; those with gradients ([`Measured::differentiated`]) by Stein's identity too. Coordinates with
/// bounds are judged as the free ones they stand for: there the density vanishes at the ends, as the identity asks.
pub fn verdict(target: &Target, draws: &Measured, against: Against<'_>) -> Verdict {
    let mut stream = Stream::new(0, Purpose::Evaluation, STREAMS);
    let (symmetry, dim) = (target.symmetry(), target.dim());
    let rows = freed(target, &draws.samples.data);
    let gradients = freed_gradients(target, draws);
    let gradients = (!gradients.is_empty()).then_some(&*gradients);
    let draws = Draws { symmetry, dim, samples: Samples { rows: &rows, energies: &draws.energies }, gradients };
    let Some((fitting, judging, evidence)) = parts(against, dim) else { return judge(&draws, None, &mut stream) };
    let [fitting_rows, judging_rows] = [fitting, judging].map(|part| freed(target, part.rows));
    let fitting = Samples { rows: &fitting_rows, ..fitting };
    let judging = Samples { rows: &judging_rows, ..judging };
    let halves_agree = match evidence.halves_agree {
        // Independent draws need no second look.
        Some(agree) => Some(agree),
        None => {
            let effective = evidence.effective.unwrap_or(f64::NAN);
            halves_agree(symmetry, dim, &fitting, [(fitting, effective), (judging, effective)], &mut stream)
        }
    };
    let evidence = Evidence { halves_agree, ..evidence };
    let mut verdict = judge(&draws, Some(&Parts { judging, fitting, cells: None, evidence }), &mut stream);
    // Cells lie in free coordinates; a reader knows the target's.
    for middle in verdict.cells.iter_mut().map(|cell| &mut cell.middle) {
        middle.iter_mut().zip(target.bounds()).for_each(|(x, bound)| *x = bound.map(*x).x);
    }
    verdict
}

fn is_bounded(target: &Target) -> bool {
    target.bounds().iter().any(|bound| !bound.is_none())
}

/// Rows in free coordinates; what lies outside the bounds is not finite there.
fn freed<'a>(target: &Target, rows: &'a [f32]) -> Cow<'a, [f32]> {
    if !is_bounded(target) {
        return Cow::Borrowed(rows);
    }
    let bounds = target.bounds();
    rows.iter().enumerate().map(|(at, x)| bounds[at % bounds.len()].free(f64::from(*x)) as f32).collect()
}

/// The gradient of the free coordinates' energy, Jacobian included.
fn freed_gradients<'a>(target: &Target, draws: &'a Measured) -> Cow<'a, [f64]> {
    if !is_bounded(target) {
        return Cow::Borrowed(&draws.gradients);
    }
    let bounds = target.bounds();
    let pairs = draws.gradients.iter().zip(&draws.samples.data).enumerate();
    let free = |(at, (gradient, x)): (usize, (&f64, &f32))| {
        let bound = bounds[at % bounds.len()];
        let mapped = bound.map(bound.free(f64::from(*x)));
        gradient * mapped.slope - mapped.log_slope_slope
    };
    pairs.map(free).collect()
}

/// A part that cells and whitening are fitted to, one that judges, and what is known of it; whole ladders each.
fn parts<'a>(against: Against<'a>, dim: usize) -> Option<(Samples<'a>, Samples<'a>, Evidence)> {
    let cut = |rows: &'a [f32], energies: &'a [f64], at: usize| {
        let ((first, last), (low, high)) = (rows.split_at(at * dim), energies.split_at(at));
        (Samples { rows: first, energies: low }, Samples { rows: last, energies: high })
    };
    match against {
        Against::Nothing => None,
        Against::Pool(pool) => {
            let facts = &pool.facts;
            let [fitting, judging] =
                [pool.fitting(), pool.judging()].map(|(rows, energies)| Samples { rows, energies });
            let still = facts.kind == Kind::Plain || facts.barrier < FLAT;
            let evidence = Evidence {
                effective: Some(0.5 * pool.effective()),
                r_hat: Some(pool.r_hat()),
                round_trips: if still { Some(f64::INFINITY) } else { facts.round_trips },
                halves_agree: None,
                evaluations: Some(facts.evaluations),
            };
            Some((fitting, judging, evidence))
        }
        Against::Comparison(Comparison { reference, independent: Some(independent), .. }) => {
            let whole = |set: &'a Measured| Samples { rows: &set.samples.data, energies: &set.energies };
            Some((whole(reference), whole(independent), Evidence::exact(independent.len())))
        }
        Against::Comparison(Comparison { reference, independent: None, facts }) => {
            let half = reference.len() / 2;
            let (fitting, judging) = cut(&reference.samples.data, &reference.energies, half);
            let mixing = &facts.mixing;
            let evidence = Evidence {
                effective: Some(mixing.effective_fraction * judging.energies.len() as f64),
                r_hat: Some(mixing.r_hat.unwrap_or(1.0)),
                round_trips: Some(f64::INFINITY),
                halves_agree: None,
                evaluations: facts.energy_evaluations,
            };
            Some((fitting, judging, evidence))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Samples as Rows;
    use crate::targets::find;

    fn drawn(seed: u64, n: usize) -> (Target, Measured) {
        let target = find("mog40").unwrap();
        let data = target.exact_samples(seed, n).unwrap();
        let measured = Measured::differentiated(&target, Rows { dim: 2, data }).unwrap();
        (target, measured)
    }

    #[test]
    fn exact_samples_do_not_fail_and_half_of_the_modes_do() {
        let (target, exact) = drawn(1, 20_000);
        let comparison = Comparison::of(&target, 10_000).unwrap();
        let found = verdict(&target, &exact, Against::Comparison(&comparison));
        assert_ne!(found.outcome, Outcome::Fails, "{found:?}");
        let right: Vec<f32> = exact.samples.data.chunks_exact(2).filter(|x| x[0] > 0.0).flatten().copied().collect();
        let half = Measured::differentiated(&target, Rows { dim: 2, data: right }).unwrap();
        let found = verdict(&target, &half, Against::Comparison(&comparison));
        assert_eq!(found.outcome, Outcome::Fails, "{found:?}");
        assert!(found.line().starts_with("verdict: fails: "), "{}", found.line());
        // Without anything to compare with, what the energy says of them looks right: nothing can be told.
        let found = verdict(&target, &exact, Against::Nothing);
        assert_eq!(found.outcome, Outcome::CannotTell, "{found:?}");
    }
}
