//! A histogram of samples as a line, over that of what they are compared with.

use super::binning::{densities, range};
use super::frame::Frame;
use super::{Drawing, Figure};
use kiln::metric::report::percent;
use maud::{Markup, html};

/// How large one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// One of many.
    Small,
    /// Half of a page's width.
    Half,
    /// All of it.
    Whole,
}

impl Size {
    fn of(self) -> (f64, f64) {
        match self {
            Self::Small => (180.0, 110.0),
            Self::Half => (super::HALF, 220.0),
            Self::Whole => (super::WHOLE, 240.0),
        }
    }

    fn bins(self) -> usize {
        match self {
            Self::Small => 40,
            Self::Half => 60,
            Self::Whole => 90,
        }
    }
}

/// Of values with a title, and a word beside it.
pub fn figure(title: &str, note: &str, samples: &[f64], reference: Option<&[f64]>, size: Size) -> Figure {
    let (width, height) = size.of();
    let x = range(reference.unwrap_or(samples), samples);
    let small = size == Size::Small;
    let body = |frame: &Frame, steps: Markup| html! { (steps) (frame.x_axis(if small { 3 } else { 6 })) };
    let (frame, steps) = plot(samples, reference, size.bins(), x, |y| Frame::new(width, height, x, y));
    let outside =
        samples.iter().filter(|value| !(**value >= x.0 && **value <= x.1)).count() as f64 / samples.len().max(1) as f64;
    let compared = if reference.is_some() { " against the reference" } else { "" };
    let told = !small && outside > 0.0;
    Figure {
        title: title.into(),
        note: note.into(),
        caption: if told {
            format!("{} of the samples are outside this range", percent(outside))
        } else {
            String::new()
        },
        drawing: Drawing {
            width,
            height,
            label: format!("Histogram of the samples{compared}: {title} {note}").trim_end().into(),
            body: body(&frame, steps),
        },
    }
}

/// As many bins as so few values fill, up to `most`.
fn enough(values: usize, most: usize) -> usize {
    ((3.0 * (values as f64).cbrt()) as usize).clamp(10, most)
}

/// The steps of both in up to `most` bins, in a frame as high as they are.
pub fn plot(
    samples: &[f64],
    reference: Option<&[f64]>,
    most: usize,
    x: (f64, f64),
    frame: impl FnOnce((f64, f64)) -> Frame,
) -> (Frame, Markup) {
    let bins = enough(reference.map_or(samples.len(), |reference| reference.len().min(samples.len())), most);
    let densities = |values: &[f64]| densities(values, x, bins);
    let (mine, theirs) = (densities(samples), reference.map(densities));
    let top = mine.iter().chain(theirs.iter().flatten()).copied().fold(1e-300, f64::max) * 1.08;
    let frame = frame((0.0, top));
    let steps = html! {
        @if let Some(theirs) = &theirs { (frame.steps("area", theirs)) }
        (frame.steps("line", &mine))
    };
    (frame, steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::tests::{attributes, points};

    #[test]
    fn the_bars_add_up_to_all_values() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i * 7919 % 1000) / 1000.0).collect();
        let text = figure("x", "", &values, None, Size::Half).drawing.standing_alone();
        let line = points(&attributes(&text, "line", "d")[0]);
        // A step is two points at one height over the foot, where the line begins and ends.
        let heights: Vec<f64> = line[1..line.len() - 1].chunks_exact(2).map(|step| line[0].1 - step[0].1).collect();
        let bins = heights.len();
        assert_eq!(bins, 30, "as many as a thousand values fill");
        let (low, high) = range(&values, &values);
        let inside =
            |at: usize| values.iter().filter(|x| ((*x - low) / (high - low) * bins as f64) as usize == at).count();
        let fullest = (0..bins).map(inside).max().unwrap() as f64;
        let n = heights.iter().sum::<f64>() / heights.iter().copied().fold(0.0, f64::max) * fullest;
        assert!((n - 1000.0).abs() < 10.0, "{n}");
    }

    #[test]
    fn outliers_do_not_squeeze_the_rest_and_are_told() {
        let reference: Vec<f64> = (0..2000).map(|i| f64::from(i) / 2000.0).collect();
        let mut samples = reference.clone();
        samples.extend([1e9, f64::NAN]);
        let (low, high) = range(&reference, &samples);
        assert!(low > -0.2 && high < 1.2);
        let found = figure("Energy", "", &samples, Some(&reference), Size::Half);
        assert_eq!(found.caption, "0.10 % of the samples are outside this range");
        assert!(figure("E", "", &[f64::NAN], None, Size::Small).drawing.standing_alone().contains("<path"));
    }
}
