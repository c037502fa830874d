//! (c) and (d): draws against a pool.

use super::features::Reference;
use super::{Cell, FAMILY_ERROR, Family, KOLMOGOROV, MASSES, Member, Samples, masses};
use crate::kolmogorov::{critical_value, statistic};
use kiln_core::random::Stream;
use kiln_core::symmetry::Symmetry;
use rayon::prelude::*;

/// Both families, and the cells of the second: draws with n effective ones, the pool's judging part with m.
pub fn families(
    draws: &Samples<'_>,
    n: f64,
    judging: &Samples<'_>,
    m: f64,
    reference: &Reference,
    seed: u64,
) -> ([Family; 2], Vec<Cell>) {
    let count = draws.energies.len();
    let (ours, theirs) = (reference.frames(draws, seed), reference.frames(judging, seed ^ 1));
    let columns = reference.columns();
    let half = critical_value(n, m, FAMILY_ERROR / columns as f64);
    let members = (0..columns).into_par_iter().map(|column| {
        let value = statistic(&reference.values(&ours, column), &reference.values(&theirs, column));
        Member::around(reference.name(column), value, half)
    });
    let kolmogorov = Family::of(KOLMOGOROV.0, KOLMOGOROV.1, count, m, members.collect());
    let (masses, cells) = match (reference.cells(&ours), reference.cells(&theirs)) {
        (Some((cells, ours)), Some((_, found))) => {
            let (drawn, known) = (counts(cells, &ours), counts(cells, &found));
            let states = judging.energies.len();
            let middles = reference.middles(&theirs, cells, &found);
            (masses::family(&drawn, count, n, &known, states, m), masses::cells(&drawn, count, &known, states, middles))
        }
        _ => (Family::unknown(MASSES, count, m, "the fitting part of the pool gives no cells"), Vec::new()),
    };
    ([kolmogorov, masses], cells)
}

/// How many samples each cell has.
fn counts(cells: usize, found: &[Option<usize>]) -> Vec<usize> {
    let mut counts = vec![0; cells];
    found.iter().flatten().for_each(|cell| counts[*cell] += 1);
    counts
}

/// Whether two independent halves of an exploration, each with its effective sample size, agree: no figure of (c) and (d)
/// between them fails, by whitening and cells that `fitting` gives. `None` where a figure is unknown.
pub fn halves_agree(
    symmetry: Symmetry,
    dim: usize,
    fitting: &Samples<'_>,
    halves: [(Samples<'_>, f64); 2],
    stream: &mut Stream,
) -> Option<bool> {
    let fits = |samples: &Samples<'_>| dim > 0 && samples.rows.len() == samples.energies.len() * dim;
    let [(first, n), (second, m)] = halves;
    if ![fitting, &first, &second].into_iter().all(fits) {
        return None;
    }
    let reference = Reference::of(symmetry.fitting(dim), dim, fitting, None, stream);
    let (found, _) = families(&first, n, &second, m, &reference, stream.next_bits());
    let known = found.iter().all(|family| !family.upper.is_nan() && !family.lower.is_nan());
    known.then(|| !found.iter().any(Family::fails))
}
