//! Two dimensions: samples over bands of a density, that of the target where it has two, else that of what they are compared with.

use super::binning::range;
use super::contour::Grid;
use super::frame::Frame;
use super::{Drawing, Figure, View};
use maud::{Markup, html};

/// The bands of a target end where log p is this far below its greatest value: 5 to 1 standard deviations of a Gaussian.
const DEPTHS: [f64; 5] = [12.5, 8.0, 4.5, 2.0, 0.5];
/// Those of points hold these shares of them.
const SHARES: [f64; 4] = [0.99, 0.95, 0.8, 0.5];
/// What bands of a target, and of points, stand for.
pub const DEPTHS_TOLD: &str =
    "bands of the target\u{2019}s density, which end where a Gaussian\u{2019}s would at 1 to 5 sd";
pub const SHARES_TOLD: &str = "areas that hold 50, 80, 95 and 99 % of the reference";
/// Points of the grid of log densities each way, and bins of points.
const GRID: usize = 200;
const BINS: usize = 48;

const SIDE: f64 = 640.0;
/// For numbers at the axes and their names.
const ROOM: f64 = 48.0;

/// Whether the target's own density is known over the plane of its coordinates.
pub fn is_known(view: &View<'_>) -> bool {
    view.target.dim() == 2 && view.target.has_energy()
}

/// Bands over the plane of two coordinates, the first one's number less than the other's; nothing where neither density is known.
pub fn bands(view: &View<'_>, (a, b): (usize, usize), frame: &Frame, x: (f64, f64), y: (f64, f64)) -> Markup {
    if is_known(view) {
        let known = |value: f64| if value.is_finite() { value } else { f64::NEG_INFINITY };
        let grid = Grid::of(GRID, x, y, |u, v| known(-view.target.energy(&[u, v])));
        let top = grid.top();
        // Far down one depth is as good as another, and lines between finite points stay smooth.
        let grid = grid.clipped(top - 4.0 * DEPTHS[0]);
        return if top.is_finite() {
            frame.bands(&grid, &DEPTHS.map(|depth| top - depth))
        } else {
            html! {}
        };
    }
    let Some((set, _)) = view.reference else { return html! {} };
    let points = set.points(a, b);
    // As Scott's rule has it for a fifth of the window, halved: modes are narrower than the whole.
    let width = 0.1 * BINS as f64 * (points.len().max(1) as f64).powf(-1.0 / 6.0);
    let grid = Grid::density(&points, BINS, x, y, width);
    if grid.top() > 0.0 {
        frame.bands(&grid, &SHARES.map(|share| grid.level(share)))
    } else {
        html! {}
    }
}

/// All samples over the density of a target of two dimensions.
pub fn figure(view: &View<'_>) -> Figure {
    let [x0, x1, y0, y1] = view.target.window().unwrap_or_else(|| window(view));
    let (x, y) = ((x0, x1), (y0, y1));
    let frame = Frame::at((ROOM, 8.0), (SIDE, SIDE), x, y);
    let points = view.samples.points(0, 1);
    let outside = points.iter().filter(|point| !frame.shows(point)).count();
    let names = view.target.names();
    let body = html! {
        (frame.y_numbers(8))
        (bands(view, (0, 1), &frame, x, y))
        (frame.dots(&points))
        (frame.border())
        (frame.x_axis(8))
    };
    let n = points.len();
    let beyond = if outside > 0 { format!("; {outside} of {n} lie outside") } else { String::new() };
    Figure {
        title: format!("{} against {}", names[1], names[0]),
        note: String::new(),
        caption: format!("Samples over {DEPTHS_TOLD}{beyond}."),
        drawing: Drawing {
            width: ROOM + SIDE + 16.0,
            height: SIDE + 32.0,
            label: format!("{n} samples of {} as dots over bands of its density", view.target.title()),
            body,
        },
    }
}

/// A square window around all but the outermost of the samples, or of what they are compared with.
fn window(view: &View<'_>) -> [f64; 4] {
    let ends = |axis: usize| {
        let mine = view.samples.column(axis);
        let theirs = view.reference.map(|(set, _)| set.column(axis));
        range(theirs.as_deref().unwrap_or(&mine), &mine)
    };
    let ((x0, x1), (y0, y1)) = (ends(0), ends(1));
    let half = 0.5 * (x1 - x0).max(y1 - y0);
    let (x, y) = (f64::midpoint(x0, x1), f64::midpoint(y0, y1));
    [x - half, x + half, y - half, y + half]
}
