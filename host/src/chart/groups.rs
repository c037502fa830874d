//! Which charts suit a target, in the order in which they are read.

use super::histogram::{self, Size};
use super::{Figure, View, corner, density, masses};
use kiln::metric::number::digits;
use kiln::metric::particles::distances;
use kiln::metric::wells::right_fractions;
use kiln::target::Structure;

/// Most marginals shown.
const MOST_MARGINALS: usize = 16;

/// Figures of one size that belong together.
#[derive(Debug, Clone)]
pub struct Group {
    /// What they are; may be nothing.
    pub heading: String,
    /// Their size.
    pub size: Size,
    /// The figures.
    pub figures: Vec<Figure>,
}

impl Group {
    fn of(size: Size, figures: Vec<Figure>) -> Self {
        Self { heading: String::new(), size, figures }
    }
}

/// All that fits the target.
pub fn groups(view: &View<'_>) -> Vec<Group> {
    let (target, dim) = (view.target, view.target.dim());
    let energy = |size: Size| {
        let theirs = view.reference.map(|(set, _)| set.energies);
        histogram::figure("Energy", "", view.samples.energies, theirs, size)
    };
    match target.structure() {
        Structure::Particles { dimensions, .. } => {
            let mine = distances(view.samples.rows, dim, dimensions);
            let theirs = view.reference.map(|(set, _)| distances(set.rows, dim, dimensions));
            let distances = histogram::figure("Distances between particles", "", &mine, theirs.as_deref(), Size::Half);
            vec![Group::of(Size::Half, vec![energy(Size::Half), distances])]
        }
        Structure::Wells { right } => {
            let shares = right_fractions(view.samples.rows, dim);
            let well =
                |(well, share): (usize, &[f64; 2])| marginal(view, 2 * well, &format!("d{well}"), &between(*share));
            let wells = shares.iter().enumerate().take(MOST_MARGINALS).map(well).collect();
            let heading = format!("The double wells, with P(d > 0); truth {right:.3}");
            vec![
                Group::of(Size::Whole, vec![energy(Size::Whole)]),
                Group { heading, size: Size::Small, figures: wells },
            ]
        }
        Structure::Mixture { .. } if density::is_known(view) => {
            vec![Group::of(Size::Whole, vec![density::figure(view)]), Group::of(Size::Whole, vec![energy(Size::Whole)])]
        }
        Structure::Mixture { .. } | Structure::Unknown => {
            let first = match masses::figure(view.cells) {
                Some(masses) => Group::of(Size::Half, vec![masses, energy(Size::Half)]),
                None => Group::of(Size::Whole, vec![energy(Size::Whole)]),
            };
            let others = (corner::MOST..dim).take(MOST_MARGINALS);
            let others: Vec<Figure> = others.map(|at| marginal(view, at, &target.names()[at], "")).collect();
            let mut groups = vec![first, Group::of(Size::Whole, vec![corner::figure(view)])];
            if !others.is_empty() {
                groups.push(Group { heading: "The next coordinates".into(), size: Size::Small, figures: others });
            }
            groups
        }
    }
}

/// The histogram of one coordinate.
fn marginal(view: &View<'_>, at: usize, title: &str, note: &str) -> Figure {
    let theirs = view.reference.map(|(set, _)| set.column(at));
    histogram::figure(title, note, &view.samples.column(at), theirs.as_deref(), Size::Small)
}

/// The share right of 0, or both ends of what it could be where samples are lost.
fn between([least, most]: [f64; 2]) -> String {
    if least < most { format!("{least:.3} to {most:.3}") } else { digits(least, 3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_samples_leave_a_share_open() {
        assert_eq!([[0.5, 0.5], [0.25, 0.5], [f64::NAN; 2]].map(between), ["0.500", "0.250 to 0.500", "unknown"]);
    }
}
