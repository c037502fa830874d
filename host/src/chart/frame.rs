//! Where data goes in a drawing: axes, lines, steps of histograms, contours and dots.

use super::contour::Grid;
use super::style::LETTERS;
use super::ticks::{fitting, ticks, width};
use maud::{Markup, html};
use std::fmt::Write as _;

/// Room around the plot of a chart that stands alone: for the numbers below, and for letters that reach over an end.
const BOTTOM: f64 = 22.0;
const TOP: f64 = 8.0;
const SIDE: f64 = 8.0;
/// Dots of one path: dots of one path do not add up where they lie over each other, those of several do.
const DOTS: usize = 500;
/// Numbers at an upright axis, about.
const UPRIGHT: usize = 4;

/// The plot: where it lies, and which range of the data it shows.
#[derive(Debug, Clone)]
pub struct Frame {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    x: (f64, f64),
    y: (f64, f64),
}

impl Frame {
    /// Of a drawing of that size, with room for numbers below it.
    pub fn new(width: f64, height: f64, x: (f64, f64), y: (f64, f64)) -> Self {
        Self { left: SIDE, top: TOP, right: width - SIDE, bottom: height - BOTTOM, x, y }
    }

    /// With its corner at (left, top).
    pub fn at((left, top): (f64, f64), (width, height): (f64, f64), x: (f64, f64), y: (f64, f64)) -> Self {
        Self { left, top, right: left + width, bottom: top + height, x, y }
    }

    /// With room for numbers at the left too.
    pub fn with_y(self) -> Self {
        Self { left: self.left + room(self.y, UPRIGHT), ..self }
    }

    fn px(&self, x: f64) -> f64 {
        self.left + (x - self.x.0) / (self.x.1 - self.x.0) * (self.right - self.left)
    }

    /// Clipped a little beyond the edges.
    fn py(&self, y: f64) -> f64 {
        let share = ((y - self.y.0) / (self.y.1 - self.y.0)).clamp(-0.02, 1.02);
        self.bottom - share * (self.bottom - self.top)
    }

    /// The axis below, with about so many numbers.
    pub fn x_axis(&self, about: usize) -> Markup {
        let numbers = fitting(self.x, about, self.right - self.left);
        html! {
            line.axis x1=(short(self.left)) x2=(short(self.right)) y1=(short(self.bottom)) y2=(short(self.bottom)) {}
            @for (value, text) in numbers {
                @let x = short(self.px(value));
                line.axis x1=(x) x2=(x) y1=(short(self.bottom)) y2=(short(self.bottom + 4.0)) {}
                text x=(x) y=(short(self.bottom + 17.0)) text-anchor="middle" { (text) }
            }
        }
    }

    /// Numbers at the left, with lines across.
    pub fn y_axis(&self, about: usize) -> Markup {
        html! {
            @for (value, _) in ticks(self.y, about) {
                @let y = short(self.py(value));
                line.grid x1=(short(self.left)) x2=(short(self.right)) y1=(y) y2=(y) {}
            }
            (self.y_numbers(about))
        }
    }

    /// Numbers at the left alone.
    pub fn y_numbers(&self, about: usize) -> Markup {
        html! {
            @for (value, text) in ticks(self.y, about) {
                text x=(short(self.left - 6.0)) y=(short(self.py(value) + 0.35 * LETTERS)) text-anchor="end" { (text) }
            }
        }
    }

    /// A word whose middle is at a point.
    pub fn text(&self, class: &str, (x, y): (f64, f64), text: &str) -> Markup {
        html! {
            text class=(class) x=(short(self.px(x))) y=(short(self.py(y) + 0.35 * LETTERS)) text-anchor="middle" { (text) }
        }
    }

    /// As [`Frame::y_axis`], about as many as a chart that stands alone has room for.
    pub fn upright_axis(&self) -> Markup {
        self.y_axis(UPRIGHT)
    }

    /// A line around it.
    pub fn border(&self) -> Markup {
        html! {
            rect.frame x=(short(self.left)) y=(short(self.top)) width=(short(self.right - self.left))
                height=(short(self.bottom - self.top)) {}
        }
    }

    /// A line through points; a gap where one is not finite.
    pub fn line(&self, class: &str, points: &[(f64, f64)]) -> Markup {
        let mut path = String::new();
        let mut pen = 'M';
        for (x, y) in points {
            if x.is_finite() && y.is_finite() {
                let _ = write!(path, "{pen}{} {}", short(self.px(*x)), short(self.py(*y)));
                pen = 'L';
            } else {
                pen = 'M';
            }
        }
        html! { path class=(class) d=(path) {} }
    }

    /// The steps of a histogram over the whole width, closed at the foot.
    pub fn steps(&self, class: &str, values: &[f64]) -> Markup {
        let width = (self.x.1 - self.x.0) / values.len().max(1) as f64;
        let edge = |at: usize| self.x.0 + width * at as f64;
        let mut points = vec![(edge(0), 0.0)];
        points.extend(values.iter().enumerate().flat_map(|(at, value)| [(edge(at), *value), (edge(at + 1), *value)]));
        points.push((edge(values.len()), 0.0));
        self.line(class, &points)
    }

    /// What lies above each of these levels, one over the other.
    pub fn bands(&self, grid: &Grid, levels: &[f64]) -> Markup {
        let path = |level: &f64| {
            let mut path = String::new();
            for line in grid.contours(*level) {
                let mut last = None;
                for (x, y) in line {
                    let point = (short(self.px(x)), short(self.py(y)));
                    if last != Some(point) {
                        let _ = write!(path, "{}{} {}", if last.is_none() { 'M' } else { 'L' }, point.0, point.1);
                        last = Some(point);
                    }
                }
                path.push('Z');
            }
            path
        };
        html! { @for level in levels { path.band d=(path(level)) {} } }
    }

    /// A dot for every point within, the same number of a path at a time.
    pub fn dots(&self, points: &[(f64, f64)]) -> Markup {
        let inside: Vec<&(f64, f64)> = points.iter().filter(|point| self.shows(point)).collect();
        let path = |points: &[&(f64, f64)]| {
            points.iter().fold(String::new(), |mut path, (x, y)| {
                let _ = write!(path, "M{} {}h0", short(self.px(*x)), short(self.py(*y)));
                path
            })
        };
        html! { @for some in inside.chunks(DOTS) { path.dots d=(path(some)) {} } }
    }

    /// Whether a point lies within.
    pub fn shows(&self, (x, y): &(f64, f64)) -> bool {
        (self.x.0..=self.x.1).contains(x) && (self.y.0..=self.y.1).contains(y)
    }
}

/// Width of the numbers at an upright axis.
pub fn room(range: (f64, f64), about: usize) -> f64 {
    ticks(range, about).iter().map(|(_, text)| width(text, LETTERS)).fold(0.0, f64::max) + 6.0
}

/// A tenth of a pixel is enough.
pub fn short(value: f64) -> f64 {
    (value * 10.0).round() / 10.0 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_gaps() {
        let frame = Frame::new(100.0, 50.0, (0.0, 1.0), (0.0, 1.0));
        let line = frame.line("line", &[(0.0, 0.0), (0.5, f64::NAN), (1.0, 1.0)]).into_string();
        assert_eq!(line.matches('M').count(), 2);
    }

    #[test]
    fn dots_stand_where_their_points_lie_and_none_outside() {
        let frame = Frame::at((10.0, 20.0), (100.0, 50.0), (0.0, 1.0), (-1.0, 1.0));
        let points = [(0.0, -1.0), (0.25, 0.0), (1.0, 1.0), (1.5, 0.0), (f64::NAN, 0.0)];
        assert_eq!(frame.dots(&points).into_string(), "<path class=\"dots\" d=\"M10 70h0M35 45h0M110 20h0\"></path>");
    }
}
