//! More than two dimensions: a grid of marginal histograms against the exact ones, the energies below.

use super::Caption;
use super::canvas::{Area, Drawn, HEAD, Legend, Mark, axis_number, render, words};
use super::style::{EXACT, EXACT_EDGE, FAINT_INK, GRID, INK, MODEL, bold, px, text};
use crate::binning::{densities, range};
use plotters::prelude::*;

const WIDTH: u32 = 1200;
const ROW_HEIGHT: u32 = 190;
const ENERGY_HEIGHT: u32 = 320;
const COLUMNS: usize = 4;
const BINS: usize = 64;

/// One histogram.
pub struct Panel {
    /// What it is of.
    pub title: String,
    /// A figure beside the title.
    pub note: String,
    /// The model's values.
    pub samples: Vec<f64>,
    /// Exact values.
    pub exact: Option<Vec<f64>>,
}

/// All panels but the last in a grid, the last across the foot.
pub fn draw(panels: &[Panel], caption: &Caption) -> Drawn<Vec<u8>> {
    let Some((foot, grid)) = panels.split_last() else { return Err("there is nothing to draw".into()) };
    let rows = grid.len().div_ceil(COLUMNS);
    let height = HEAD + rows as u32 * ROW_HEIGHT + ENERGY_HEIGHT + 16;
    let exact = foot.exact.is_some().then_some("exact samples");
    let legend = Legend { mark: Mark::Line, model: format!("{} samples", foot.samples.len()), exact };
    render(WIDTH, height, caption, &legend, |area| {
        let (top, bottom) = area.split_vertically(px((rows as u32 * ROW_HEIGHT) as i32));
        let top = top.margin(0, 0, px(22), px(22));
        for (panel, cell) in grid.iter().zip(top.split_evenly((rows, COLUMNS))) {
            histogram(panel, &cell, 5, 15)?;
        }
        histogram(foot, &bottom.margin(px(6), px(12), px(22), px(22)), 12, 18)
    })
}

fn histogram(panel: &Panel, area: &Area<'_>, labels: usize, title_size: i32) -> Drawn<()> {
    let (low, high) = range(panel.exact.as_deref().unwrap_or(&panel.samples), &panel.samples);
    let model = densities(&panel.samples, (low, high), BINS);
    let exact = panel.exact.as_deref().map(|values| densities(values, (low, high), BINS));
    let top = model.iter().chain(exact.iter().flatten()).copied().fold(1e-300, f64::max) * 1.12;
    let mut chart = ChartBuilder::on(area)
        .margin_left(px(10))
        .margin_right(px(10))
        .margin_top(px(title_size + 16))
        .x_label_area_size(px(24))
        .build_cartesian_2d(low..high, 0.0..top)
        .map_err(words)?;
    chart
        .configure_mesh()
        .disable_y_axis()
        .disable_y_mesh()
        .x_labels(labels)
        .x_label_formatter(&axis_number)
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(2))
        .axis_style(FAINT_INK.stroke_width(2))
        .label_style(text(13, FAINT_INK))
        .draw()
        .map_err(words)?;
    let width = (high - low) / BINS as f64;
    let edge = |bin: usize| low + width * bin as f64;
    if let Some(exact) = &exact {
        let bars = exact
            .iter()
            .enumerate()
            .map(|(bin, value)| Rectangle::new([(edge(bin), 0.0), (edge(bin + 1), *value)], EXACT.filled()));
        chart.draw_series(bars).map_err(words)?;
        chart
            .draw_series([PathElement::new(outline(exact, edge), EXACT_EDGE.mix(0.6).stroke_width(2))])
            .map_err(words)?;
    }
    chart.draw_series([PathElement::new(outline(&model, edge), MODEL.stroke_width(5))]).map_err(words)?;
    area.draw_text(&panel.title, &bold(title_size, INK), (px(11), px(5))).map_err(words)?;
    let right = area.dim_in_pixel().0 as i32 - px(11);
    let note = text(title_size - 1, FAINT_INK).pos(plotters::style::text_anchor::Pos::new(
        plotters::style::text_anchor::HPos::Right,
        plotters::style::text_anchor::VPos::Top,
    ));
    area.draw_text(&panel.note, &note, (right, px(5))).map_err(words)
}

/// The steps of a histogram as a line.
fn outline(values: &[f64], edge: impl Fn(usize) -> f64) -> Vec<(f64, f64)> {
    let mut line = vec![(edge(0), 0.0)];
    for (bin, value) in values.iter().enumerate() {
        line.extend([(edge(bin), *value), (edge(bin + 1), *value)]);
    }
    line.push((edge(values.len()), 0.0));
    line
}
