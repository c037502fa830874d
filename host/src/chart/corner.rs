//! The first coordinates in pairs: a histogram of each on the diagonal, samples over the density of each pair below it.

use super::binning::range;
use super::density::{DEPTHS_TOLD, SHARES_TOLD, bands, is_known};
use super::frame::{Frame, room, short};
use super::histogram;
use super::masses::by_mass;
use super::ticks::width;
use super::{Drawing, Figure, View, WHOLE};
use maud::{Markup, html};

/// Coordinates that are shown.
pub const MOST: usize = 5;
/// Square pixels of a panel for one dot.
const ROOM_OF_A_DOT: f64 = 18.0;
/// Cells whose numbers stand in the panels.
const MOST_NUMBERS: usize = 9;
const BINS: usize = 40;
/// Largest panel, between panels, and for numbers and names at the left and below.
const LARGEST: f64 = 300.0;
const GAP: f64 = 10.0;
const NAME: f64 = 22.0;
const FOOT: f64 = 44.0;
/// Numbers at an axis, about.
const NUMBERS: usize = 3;
const NAME_LETTERS: f64 = 12.0;

/// Of up to [`MOST`] coordinates.
pub fn figure(view: &View<'_>) -> Figure {
    let (dim, names) = (view.target.dim(), view.target.names());
    let count = dim.min(MOST);
    let columns: Vec<Vec<f64>> = (0..count).map(|at| view.samples.column(at)).collect();
    let theirs: Option<Vec<Vec<f64>>> = view.reference.map(|(set, _)| (0..count).map(|at| set.column(at)).collect());
    let of_reference = |at: usize| theirs.as_ref().map(|columns| columns[at].as_slice());
    let ranges: Vec<(f64, f64)> =
        (0..count).map(|at| range(of_reference(at).unwrap_or(&columns[at]), &columns[at])).collect();
    let left = ranges[1..].iter().map(|y| room(*y, NUMBERS)).fold(0.0, f64::max) + if count > 1 { NAME } else { 8.0 };
    let side = ((WHOLE - left - 8.0 - GAP * (count - 1) as f64) / count as f64).min(LARGEST);
    let corner = |row: usize, column: usize| (left + (side + GAP) * column as f64, 8.0 + (side + GAP) * row as f64);
    let size = left + side * count as f64 + GAP * (count - 1) as f64;
    let bottom = 8.0 + size - left;
    // In hundreds, which reads better.
    let dots = (100 * (side * side / ROOM_OF_A_DOT / 100.0) as usize).min(columns[0].len());

    let diagonal = |at: usize| {
        let place = |y: (f64, f64)| Frame::at(corner(at, at), (side, side), ranges[at], y);
        let (frame, steps) = histogram::plot(&columns[at], of_reference(at), BINS, ranges[at], place);
        html! { (steps) (frame.border()) }
    };
    let pair = |row: usize, column: usize| {
        let (x, y) = (ranges[column], ranges[row]);
        let frame = Frame::at(corner(row, column), (side, side), x, y);
        let points: Vec<(f64, f64)> =
            columns[column].iter().copied().zip(columns[row].iter().copied()).take(dots).collect();
        html! {
            (bands(view, (column, row), &frame, x, y))
            (frame.dots(&points))
            (numbers(view, &frame, (column, row)))
            (frame.border())
            @if column == 0 { (frame.y_numbers(NUMBERS)) }
        }
    };
    let body = html! {
        @for row in 0..count {
            @for column in 0..row { (pair(row, column)) }
            (diagonal(row))
        }
        @for at in 0..count {
            @let frame = Frame::at(corner(count - 1, at), (side, side), ranges[at], (0.0, 1.0));
            @let middle = corner(count - 1, at).0 + 0.5 * side;
            (frame.x_axis(NUMBERS))
            text.name x=(short(middle)) y=(short(bottom + 36.0)) text-anchor="middle" { (shortened(&names[at], side)) }
            @if at > 0 {
                @let (x, y) = (12.0, corner(at, 0).1 + 0.5 * side);
                text.name x=(x) y=(short(y)) text-anchor="middle" transform={ "rotate(-90 " (x) " " (short(y)) ")" } {
                    (shortened(&names[at], side))
                }
            }
        }
    };
    let shown = names[..count].join(", ");
    Figure {
        title: if count > 1 { "Coordinates in pairs".into() } else { names[0].clone() },
        note: if count < dim { format!("the first {count} of {dim}") } else { String::new() },
        caption: if count > 1 { caption(view, dots) } else { String::new() },
        drawing: Drawing {
            width: short(size + 8.0),
            height: short(bottom + FOOT),
            label: format!("Histograms of {shown}, and samples of each pair of them as dots"),
            body,
        },
    }
}

/// What the panels show; nothing where that is all samples alone.
fn caption(view: &View<'_>, dots: usize) -> String {
    let over = match view.reference {
        _ if is_known(view) => format!(" over {DEPTHS_TOLD}"),
        Some(_) => format!(" over {SHARES_TOLD}"),
        None => String::new(),
    };
    let some =
        if dots < view.samples.energies.len() { format!("the first {dots} samples") } else { "the samples".into() };
    if over.is_empty() && dots == view.samples.energies.len() {
        return String::new();
    }
    format!("Dots are {some}{over}.")
}

/// The numbers of cells, where there are few, at their middles.
fn numbers(view: &View<'_>, frame: &Frame, (x, y): (usize, usize)) -> Markup {
    let cells = by_mass(view.cells);
    let few = if cells.len() > MOST_NUMBERS { &[] } else { &cells[..] };
    let middle = |cell: &kiln::verdict::Cell| Some((*cell.middle.get(x)?, *cell.middle.get(y)?));
    html! {
        @for (at, point) in few.iter().enumerate().filter_map(|(at, cell)| Some((at, middle(cell)?))) {
            @if frame.shows(&point) { (frame.text("tag", point, &(at + 1).to_string())) }
        }
    }
}

/// A name that fits into so many pixels.
fn shortened(name: &str, length: f64) -> String {
    if width(name, NAME_LETTERS) <= length {
        return name.into();
    }
    let most = (length / width("x", NAME_LETTERS)) as usize;
    name.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Set;
    use crate::chart::tests::{attributes, points};
    use kiln::target::Target;
    use kiln_core::{Energy, Scalar};

    struct Flat(usize);

    impl<S: Scalar> Energy<S> for Flat {
        fn dim(&self) -> usize {
            self.0
        }
        fn energy_and_gradient(&self, _: &[S], gradient: &mut [S]) -> S {
            gradient.fill(S::constant(0.0));
            S::constant(0.0)
        }
        fn energy(&self, _: &[S]) -> S {
            S::constant(0.0)
        }
    }

    fn named(names: &[&str]) -> Target {
        let bounds = vec![kiln::explore::Bound::NONE; names.len()];
        let all = names.iter().map(|name| (*name).to_string()).collect();
        Target::new("flat", Flat(names.len())).with_coordinates(all, bounds).from_file("flat.toml".into(), None)
    }

    #[test]
    fn names_are_shown_and_points_lie_where_they_belong() {
        let target =
            named(&["alpha", "b < c", "a name that is much too long for any panel of a corner plot, however large"]);
        // Four corners of a box in (alpha, b), at one value of the third.
        let corners = [[-1.0, -2.0, 5.0], [1.0, -2.0, 5.0], [1.0, 2.0, 5.0], [-1.0, 2.0, 5.0_f32]].concat();
        let energies = [0.0; 4];
        let samples = Set { rows: &corners, energies: &energies };
        let view = View { target: &target, samples, reference: Some((samples, "states")), cells: &[] };
        let text = figure(&view).drawing.standing_alone();
        assert!(text.contains(">alpha<") && text.contains(">b &lt; c<") && text.contains("…<"));
        let dots = attributes(&text, "dots", "d");
        assert_eq!(dots.len(), 3, "one panel a pair");
        let [a, b, c, d] = points(&dots[0])[..] else { panic!("{dots:?}") };
        // The second coordinate points upwards: its least values stand lowest, at the largest y.
        assert!(a.0 < b.0 && a.0 == d.0 && b.0 == c.0 && a.1 == b.1 && c.1 == d.1 && c.1 < a.1, "{dots:?}");
        // The same margin at both sides.
        let frames: Vec<Vec<f64>> = ["x", "y", "width", "height"]
            .map(|name| attributes(&text, "frame", name).iter().map(|x| x.parse().unwrap()).collect())
            .into();
        // Rows of panels: the diagonal's first, then the pair of the second row.
        let [x, y, wide, high] = [0, 1, 2, 3].map(|at: usize| frames[at][1]);
        assert!(((a.0 - x) - (x + wide - b.0)).abs() < 0.3 && ((c.1 - y) - (y + high - a.1)).abs() < 0.3);
        // Each histogram is of all samples, each pair has its areas.
        assert_eq!(attributes(&text, "line", "d").len(), 3);
        assert_eq!(attributes(&text, "band", "d").len(), 3 * 4);
    }

    #[test]
    fn samples_that_are_not_numbers_do_not_stop_it_and_one_coordinate_is_a_histogram() {
        for dim in [1, 2, 7] {
            let names: Vec<String> = (0..dim).map(|at| format!("x{at}")).collect();
            let target = named(&names.iter().map(String::as_str).collect::<Vec<_>>());
            for value in [f32::NAN, 1.0] {
                let (rows, energies) = (vec![value; 3 * dim], [f64::NAN; 3]);
                let samples = Set { rows: &rows, energies: &energies };
                let text =
                    figure(&View { target: &target, samples, reference: None, cells: &[] }).drawing.standing_alone();
                assert_eq!(attributes(&text, "frame", "x").len(), dim.min(MOST) * (dim.min(MOST) + 1) / 2);
                assert!(!text.contains("NaN") && !text.contains("inf"));
            }
        }
    }
}
