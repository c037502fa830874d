//! Two dimensions: samples over bands of the target's density.

use super::Caption;
use super::canvas::{Drawn, Legend, Mark, axis_number, render, words};
use super::style::{BANDS, EXACT_EDGE, FAINT_INK, GRID, INK, MODEL, px, text};
use kiln::target::Target;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use rayon::prelude::*;

/// The bands end where log p is this far below its greatest value: 1 to 5 standard deviations of a Gaussian,
/// innermost last, as in [`BANDS`].
const DEPTHS: [f64; 5] = [12.5, 8.0, 4.5, 2.0, 0.5];

/// Points of the grid of log densities, each way.
const GRID_POINTS: usize = 500;

const SIDE: u32 = 1000;
const HEIGHT: u32 = 1090;

pub fn draw(target: &Target, samples: &[f32], exact: Option<&[f32]>, caption: &Caption) -> Drawn<Vec<u8>> {
    let [x0, x1, y0, y1] = target.window().unwrap_or_else(|| window(exact.unwrap_or(samples)));
    let grid = Grid::new(target, [x0, x1, y0, y1]);
    let inside: Vec<(f64, f64)> = samples
        .chunks_exact(2)
        .map(|x| (f64::from(x[0]), f64::from(x[1])))
        .filter(|(x, y)| (x0..x1).contains(x) && (y0..y1).contains(y))
        .collect();
    let outside = samples.len() / 2 - inside.len();
    let legend = Legend {
        mark: Mark::Dots,
        model: match outside {
            0 => format!("{} samples", inside.len()),
            _ => format!("{} samples, {outside} outside", samples.len() / 2),
        },
        exact: Some("target, 1 to 5 sd"),
    };
    render(SIDE, HEIGHT, caption, &legend, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin_left(px(14))
            .margin_right(px(32))
            .margin_bottom(px(14))
            .x_label_area_size(px(36))
            .y_label_area_size(px(48))
            .build_cartesian_2d(x0..x1, y0..y1)
            .map_err(words)?;
        chart
            .configure_mesh()
            .x_labels(9)
            .x_label_formatter(&axis_number)
            .y_label_formatter(&axis_number)
            .y_labels(9)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.stroke_width(2))
            .axis_style(FAINT_INK.stroke_width(2))
            .label_style(text(16, INK))
            .draw()
            .map_err(words)?;
        paint(&grid, chart.plotting_area())?;
        let dot = MODEL.mix(if inside.len() > 4000 { 0.45 } else { 0.7 }).filled();
        let radius = if inside.len() > 4000 { px(3) / 2 } else { px(2) };
        chart.draw_series(inside.iter().map(|point| Circle::new(*point, radius, dot))).map_err(words)?;
        Ok(())
    })
}

/// Log densities over a window.
struct Grid {
    window: [f64; 4],
    values: Vec<f64>,
    top: f64,
}

impl Grid {
    fn new(target: &Target, window: [f64; 4]) -> Self {
        let [x0, x1, y0, y1] = window;
        let at = |low: f64, high: f64, i: usize| low + (high - low) * i as f64 / (GRID_POINTS - 1) as f64;
        let values: Vec<f64> = (0..GRID_POINTS * GRID_POINTS)
            .into_par_iter()
            .map(|i| {
                let value = -target.energy(&[at(x0, x1, i % GRID_POINTS), at(y0, y1, i / GRID_POINTS)]);
                if value.is_finite() { value } else { -1e300 }
            })
            .collect();
        let top = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { window, values, top }
    }

    /// How many bands (x, y) is in, by bilinear interpolation.
    fn band(&self, x: f64, y: f64) -> usize {
        let [x0, x1, y0, y1] = self.window;
        let place = |value: f64, low: f64, high: f64| {
            let at = ((value - low) / (high - low)).clamp(0.0, 1.0) * (GRID_POINTS - 1) as f64;
            let cell = (at as usize).min(GRID_POINTS - 2);
            (cell, at - cell as f64)
        };
        let ((i, u), (j, v)) = (place(x, x0, x1), place(y, y0, y1));
        let corner = |di: usize, dj: usize| self.values[(j + dj) * GRID_POINTS + i + di];
        let value = (1.0 - v) * ((1.0 - u) * corner(0, 0) + u * corner(1, 0))
            + v * ((1.0 - u) * corner(0, 1) + u * corner(1, 1));
        DEPTHS.iter().take_while(|depth| self.top - value <= **depth).count()
    }
}

type Plane = Cartesian2d<RangedCoordf64, RangedCoordf64>;

/// Fills the bands and draws a line where one meets the next.
fn paint(grid: &Grid, area: &DrawingArea<BitMapBackend<'_>, Plane>) -> Drawn<()> {
    let [x0, x1, y0, y1] = grid.window;
    let (columns, rows) = area.get_pixel_range();
    let (wide, high) = ((columns.end - columns.start) as usize, (rows.end - rows.start) as usize);
    let at = |i: usize, j: usize| {
        (x0 + (x1 - x0) * (i as f64 + 0.5) / wide as f64, y1 - (y1 - y0) * (j as f64 + 0.5) / high as f64)
    };
    let bands: Vec<usize> = (0..wide * high)
        .into_par_iter()
        .map(|pixel| {
            let (x, y) = at(pixel % wide, pixel / wide);
            grid.band(x, y)
        })
        .collect();
    for j in 0..high {
        for i in 0..wide {
            let band = bands[j * wide + i];
            let edge = (i + 1 < wide && bands[j * wide + i + 1] != band)
                || (j + 1 < high && bands[(j + 1) * wide + i] != band);
            let Some(fill) = band.checked_sub(1).map(|at| BANDS[at]) else {
                if edge {
                    area.draw_pixel(at(i, j), &EXACT_EDGE.mix(0.35)).map_err(words)?;
                }
                continue;
            };
            area.draw_pixel(at(i, j), &fill).map_err(words)?;
            if edge {
                area.draw_pixel(at(i, j), &EXACT_EDGE.mix(0.5)).map_err(words)?;
            }
        }
    }
    Ok(())
}

/// A square window around all but the outermost thousandth of the points.
fn window(points: &[f32]) -> [f64; 4] {
    let ends = |axis: usize| {
        let mut values: Vec<f64> =
            points.chunks_exact(2).map(|x| f64::from(x[axis])).filter(|x| x.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        match values.len() {
            0 => (-1.0, 1.0),
            n => (values[n / 1000], values[n - 1 - n / 1000]),
        }
    };
    let ((x0, x1), (y0, y1)) = (ends(0), ends(1));
    let half = 0.55 * (x1 - x0).max(y1 - y0).max(1e-6);
    let (x, y) = (f64::midpoint(x0, x1), f64::midpoint(y0, y1));
    [x - half, x + half, y - half, y + half]
}
