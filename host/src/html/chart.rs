//! Small charts as SVG that takes the page's colours.

use maud::{Markup, html};
use std::fmt::Write as _;

/// Room for the numbers at the axes.
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 8.0;
const RIGHT: f64 = 8.0;

/// Where data goes in a drawing of that size.
pub struct Frame {
    width: f64,
    height: f64,
    left: f64,
    x: (f64, f64),
    y: (f64, f64),
}

impl Frame {
    /// With numbers at both axes.
    pub fn new(width: f64, height: f64, x: (f64, f64), y: (f64, f64)) -> Self {
        Self { width, height, left: LEFT, x, y }
    }

    /// With numbers at the x axis alone.
    pub fn without_y(self) -> Self {
        Self { left: RIGHT, ..self }
    }

    fn px(&self, x: f64) -> f64 {
        self.left + (x - self.x.0) / (self.x.1 - self.x.0) * (self.width - self.left - RIGHT)
    }

    /// Clipped a little beyond the edges.
    fn py(&self, y: f64) -> f64 {
        let share = ((y - self.y.0) / (self.y.1 - self.y.0)).clamp(-0.02, 1.02);
        self.height - BOTTOM - share * (self.height - BOTTOM - TOP)
    }

    /// The drawing: axes, then `body`; `label` is read out instead of it.
    pub fn draw(&self, label: &str, ticks: usize, body: &Markup) -> Markup {
        let (bottom, right) = (self.height - BOTTOM, self.width - RIGHT);
        let y_ticks = if self.left == LEFT { nice(self.y, 4) } else { Vec::new() };
        html! {
            svg viewBox={ "0 0 " (self.width) " " (self.height) } role="img" aria-label=(label) {
                title { (label) }
                @for tick in &y_ticks {
                    @let y = short(self.py(*tick));
                    line.grid x1=(self.left) x2=(right) y1=(y) y2=(y) {}
                    text x=(self.left - 6.0) y=(y) dy="0.35em" text-anchor="end" { (number(*tick)) }
                }
                (body)
                line.axis x1=(self.left) x2=(right) y1=(bottom) y2=(bottom) {}
                @for tick in nice(self.x, ticks) {
                    @let x = short(self.px(tick));
                    line.axis x1=(x) x2=(x) y1=(bottom) y2=(bottom + 4.0) {}
                    text x=(x) y=(self.height - 5.0) text-anchor="middle" { (number(tick)) }
                }
            }
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

    /// The steps of a histogram over the frame's whole width, closed at the foot.
    pub fn steps(&self, class: &str, values: &[f64]) -> Markup {
        let width = (self.x.1 - self.x.0) / values.len().max(1) as f64;
        let edge = |at: usize| self.x.0 + width * at as f64;
        let mut points = vec![(edge(0), 0.0)];
        points.extend(values.iter().enumerate().flat_map(|(at, value)| [(edge(at), *value), (edge(at + 1), *value)]));
        points.push((edge(values.len()), 0.0));
        self.line(class, &points)
    }
}

/// Round numbers within a range, about as many as asked for.
fn nice((low, high): (f64, f64), about: usize) -> Vec<f64> {
    let raw = (high - low) / about.max(1) as f64;
    if !(raw.is_finite() && raw > 0.0) {
        return Vec::new();
    }
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= 0.75 * raw);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|k| k as f64 * step).collect()
}

/// No digits that say nothing: 0.25, 1200, 3k, 2e6.
fn number(value: f64) -> String {
    let size = value.abs();
    let text = if size >= 1e6 {
        format!("{value:.0e}")
    } else if size >= 1e4 {
        format!("{}k", (value / 1e3 * 10.0).round() / 10.0)
    } else {
        format!("{}", (value * 1e6).round() / 1e6 + 0.0)
    };
    super::table::minus(&text)
}

/// A tenth of a pixel is enough.
fn short(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(nice((-0.3, 10.2), 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(nice((0.0, 0.05), 5).len(), 6);
        assert!(nice((1.0, 1.0), 5).is_empty() && nice((0.0, f64::NAN), 5).is_empty());
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.1 + 0.2, -40.0, 15000.0, 2e6, -0.0].map(number);
        assert_eq!(shown, ["0.3", "\u{2212}40", "15k", "2e6", "0"]);
    }

    #[test]
    fn lines_have_gaps_and_labels_are_escaped() {
        let frame = Frame::new(100.0, 50.0, (0.0, 1.0), (0.0, 1.0)).without_y();
        let line = frame.line("line", &[(0.0, 0.0), (0.5, f64::NAN), (1.0, 1.0)]).into_string();
        assert_eq!(line.matches('M').count(), 2);
        assert!(frame.draw("a <b>", 3, &html! {}).into_string().contains("a &lt;b&gt;"));
    }
}
