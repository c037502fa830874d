//! The charts of samples, drawn once as SVG: a page takes them as they are, with its colours; a picture is a sheet of the same
//! charts, rendered to PNG.
//!
//! In two dimensions samples lie over the target's density; double wells and particles have their own histograms; of an
//! energy of which nothing is known there is a corner plot, with the masses of the verdict's cells.

mod binning;
mod contour;
mod corner;
mod density;
mod frame;
mod groups;
mod histogram;
mod masses;
mod sheet;
mod style;
mod ticks;

pub use frame::Frame;
pub use groups::{Group, groups};
pub use histogram::Size;
pub use sheet::{Caption, picture};
pub use style::of_page;
pub use ticks::minus;

use kiln::metric::Measured;
use kiln::target::Target;
use kiln::verdict::Cell;
use maud::{Markup, html};

/// Width of a chart over all of a page, and of one of two beside each other.
const WHOLE: f64 = 768.0;
const HALF: f64 = 376.0;
/// Samples that are drawn.
const DRAWN: usize = 10_000;

/// Samples with their energies.
#[derive(Debug, Clone, Copy)]
pub struct Set<'a> {
    /// Coordinates, row by row.
    pub rows: &'a [f32],
    /// E of each.
    pub energies: &'a [f64],
}

impl<'a> Set<'a> {
    /// As many as are drawn.
    pub fn of(measured: &'a Measured) -> Self {
        Self::cut(&measured.samples.data, &measured.energies)
    }

    /// The same of rows and energies.
    pub fn cut(rows: &'a [f32], energies: &'a [f64]) -> Self {
        let (n, dim) = (energies.len().min(DRAWN), rows.len() / energies.len().max(1));
        Self { rows: &rows[..n * dim], energies: &energies[..n] }
    }

    /// One coordinate of every sample.
    fn column(&self, at: usize) -> Vec<f64> {
        let dim = self.rows.len() / self.energies.len().max(1);
        self.rows.chunks_exact(dim.max(1)).map(|row| f64::from(row[at])).collect()
    }

    /// Two of them.
    fn points(&self, x: usize, y: usize) -> Vec<(f64, f64)> {
        self.column(x).into_iter().zip(self.column(y)).collect()
    }
}

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Of what the samples are.
    pub target: &'a Target,
    /// The samples.
    pub samples: Set<'a>,
    /// What they are compared with, and what that is.
    pub reference: Option<(Set<'a>, &'static str)>,
    /// The cells of their verdict.
    pub cells: &'a [Cell],
}

impl View<'_> {
    /// What the marks stand for: of the samples, and of what they are compared with.
    pub fn key(&self) -> (String, Option<String>) {
        let reference = self.reference.map(|(set, what)| format!("{} {what}", set.energies.len()));
        (format!("{} samples", self.samples.energies.len()), reference)
    }
}

/// An SVG without its outermost element.
#[derive(Debug, Clone)]
pub struct Drawing {
    /// Its size.
    pub width: f64,
    /// The same.
    pub height: f64,
    /// What is read out instead of it.
    pub label: String,
    /// What is in it.
    pub body: Markup,
}

impl Drawing {
    /// For a page.
    pub fn inline(&self) -> Markup {
        html! {
            svg viewBox={ "0 0 " (self.width) " " (self.height) } role="img" aria-label=(self.label) {
                title { (self.label) }
                (self.body)
            }
        }
    }

    /// As a file of its own.
    #[cfg(test)]
    pub fn standing_alone(&self) -> String {
        self.inline().into_string().replace("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ")
    }
}

/// A drawing with what is said of it.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What it is of.
    pub title: String,
    /// A word beside the title.
    pub note: String,
    /// What a reader must know; may be nothing.
    pub caption: String,
    /// The drawing.
    pub drawing: Drawing,
}

#[cfg(test)]
mod tests {
    use resvg::usvg::roxmltree::Document;

    /// An attribute of every element of a class in an SVG, which must be XML.
    pub fn attributes(svg: &str, class: &str, name: &str) -> Vec<String> {
        let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
        let of_class = document.descendants().filter(|node| node.attribute("class") == Some(class));
        of_class.filter_map(|node| node.attribute(name)).map(String::from).collect()
    }

    /// The points of a path of straight lines.
    pub fn points(path: &str) -> Vec<(f64, f64)> {
        let pairs = path.split(['M', 'L', 'Z']).map(|pair| pair.trim_end_matches("h0")).filter(|pair| !pair.is_empty());
        let number = |text: &str| text.parse::<f64>().unwrap();
        pairs.map(|pair| pair.split_once(' ').map(|(x, y)| (number(x), number(y))).unwrap()).collect()
    }
}
