//! A sheet of charts as a picture: what is said of the samples, what the marks mean, and the charts below, rendered to PNG.

use super::groups::{Group, groups};
use super::histogram::Size;
use super::ticks::width;
use super::{Figure, HALF, View, WHOLE, style};
use kiln::error::Error;
use maud::{Markup, PreEscaped, html};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use std::sync::Arc;

/// What stands above a picture.
#[derive(Debug, Clone, Default)]
pub struct Caption {
    /// Such as "MoG-40, preset kiln, seed 0".
    pub title: String,
    /// What is said of the samples, line by line, such as "log p -6.85 (truth -6.86), 40 of 40 modes".
    pub said: Vec<String>,
}

/// Pixels of a unit.
const SCALE: f32 = 2.0;
/// Around everything, and between charts.
const MARGIN: f64 = 20.0;
const GAP: f64 = 16.0;
/// From one line to the next of what is said.
const LINE: f64 = 17.0;
const SAID: f64 = 12.0;
/// Height of a title or a heading with its distance from what follows.
const TITLE: f64 = 22.0;
/// The same of the sheet's own title.
const HEAD: f64 = 30.0;

/// The picture, as PNG.
///
/// # Errors
/// If there are no samples of the target's coordinates.
pub fn picture(view: &View<'_>, caption: &Caption) -> Result<Vec<u8>, Error> {
    let (dim, n) = (view.target.dim(), view.samples.energies.len());
    if n == 0 || dim == 0 || view.samples.rows.len() != n * dim {
        return Err(Error::input("there are no samples to draw", "sample the run first"));
    }
    rendered(&sheet(view, caption)).map_err(|what| {
        Error::numerics(format!("the picture could not be drawn: {what}"), "the samples themselves are in the run")
    })
}

/// What is drawn from the top down.
#[derive(Default)]
struct Column {
    y: f64,
    parts: Vec<Markup>,
}

impl Column {
    /// Lines of text, as wide as the sheet at most.
    fn lines(&mut self, class: &str, text: &str, size: f64, step: f64) {
        for line in wrapped(text, WHOLE, size) {
            self.parts.push(html! { text class=(class) x="0" y=(self.y + size) { (line) } });
            self.y += step;
        }
    }
}

/// The whole sheet as SVG.
fn sheet(view: &View<'_>, caption: &Caption) -> String {
    let mut column = Column { y: MARGIN, parts: Vec::new() };
    column.lines("title", &caption.title, 20.0, HEAD);
    caption.said.iter().for_each(|line| column.lines("said", line, SAID, LINE));
    column.y += 6.0;
    column.parts.push(key(view, column.y));
    column.y += 30.0;
    for Group { heading, size, figures } in groups(view) {
        if !heading.is_empty() {
            column.lines("heading", &heading, 13.0, TITLE + 4.0);
        }
        let (count, wide) = match size {
            Size::Small => (4, (WHOLE - 3.0 * GAP) / 4.0),
            Size::Half => (2, HALF),
            Size::Whole => (1, WHOLE),
        };
        for row in figures.chunks(count) {
            let placed =
                row.iter().enumerate().map(|(at, figure)| place(figure, (wide + GAP) * at as f64, column.y, wide));
            let (parts, heights): (Vec<Markup>, Vec<f64>) = placed.unzip();
            column.parts.extend(parts);
            column.y += heights.into_iter().fold(0.0, f64::max) + GAP;
        }
    }
    let (wide, high) = (WHOLE + 2.0 * MARGIN, (column.y + MARGIN - GAP).ceil());
    let svg = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(wide) height=(high) viewBox={ "0 0 " (wide) " " (high) } {
            title { (caption.title) }
            style { (PreEscaped(style::of_picture())) }
            rect.paper width=(wide) height=(high) {}
            g transform={ "translate(" (MARGIN) " 0)" } { @for part in &column.parts { (part) } }
        }
    };
    svg.into_string()
}

/// The marks and what they mean, in one line.
fn key(view: &View<'_>, y: f64) -> Markup {
    let (samples, reference) = view.key();
    let second = 42.0 + width(&samples, SAID) + 24.0;
    html! {
        path.line d={ "M0 " (y + 8.0) "h22" } {}
        path.dots d={ "M29 " (y + 5.0) "h0M34 " (y + 8.0) "h0M29 " (y + 11.0) "h0" } {}
        text.said x="42" y=(y + SAID) { (samples) }
        @if let Some(reference) = reference {
            rect.area x=(second) y=(y + 3.0) width="18" height="10" {}
            text.said x=(second + 26.0) y=(y + SAID) { (reference) }
        }
    }
}

/// A figure with its title and caption at (x, y), in the middle of that width, and its height.
fn place(figure: &Figure, x: f64, y: f64, wide: f64) -> (Markup, f64) {
    let Figure { title, note, caption, drawing } = figure;
    let left = x + (0.5 * (wide - drawing.width)).max(0.0);
    let foot = y + TITLE + drawing.height;
    let lines = wrapped(caption, drawing.width, SAID);
    let markup = html! {
        text.heading x=(left) y=(y + 13.0) { (title) }
        text.said x=(left + drawing.width) y=(y + 13.0) text-anchor="end" { (note) }
        g transform={ "translate(" (left) " " (y + TITLE) ")" } { (drawing.body) }
        @for (at, line) in lines.iter().enumerate() {
            text.said x=(left) y=(foot + LINE * (at + 1) as f64) { (line) }
        }
    };
    (markup, TITLE + drawing.height + if lines.is_empty() { 0.0 } else { LINE * lines.len() as f64 + 6.0 })
}

/// Words in lines of at most that width; a single word may be wider.
fn wrapped(text: &str, wide: f64, size: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(word, size) + width(" ", size) <= wide => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

fn rendered(svg: &str) -> Result<Vec<u8>, String> {
    let mut options = Options::default();
    let fonts = Arc::make_mut(&mut options.fontdb);
    fonts.load_font_data(notosans::REGULAR_TTF.to_vec());
    fonts.load_font_data(notosans::BOLD_TTF.to_vec());
    let tree = Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let size = tree.size();
    let mut pixels = Pixmap::new((size.width() * SCALE) as u32, (size.height() * SCALE) as u32)
        .ok_or("there is no room for its pixels")?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Set;
    use crate::chart::tests::{attributes, points};
    use kiln::target::Target;
    use kiln::targets::find;

    /// The sheet of exact samples, and its picture.
    fn drawn(target: &Target, n: usize) -> (String, Pixmap) {
        let rows = target.exact_samples(3, n).unwrap_or_else(|| vec![0.5; n * target.dim()]);
        let energies: Vec<f64> = (0..n).map(|at| at as f64).collect();
        let samples = Set::cut(&rows, &energies);
        let view = View { target, samples, reference: Some((samples, "exact samples")), cells: &[] };
        let said = vec!["a <b> & \"c\"".into(), "many words ".repeat(40)];
        let caption = Caption { title: "A title".into(), said };
        let png = picture(&view, &caption).unwrap();
        assert_eq!(png, picture(&view, &caption).unwrap(), "the same samples, the same bytes");
        (sheet(&view, &caption), Pixmap::decode_png(&png).unwrap())
    }

    #[test]
    fn the_picture_has_the_sheets_size_and_its_letters_and_colours() {
        for name in ["mog40", "mw32", "dw4"] {
            let (svg, pixels) = drawn(&find(name).unwrap(), 500);
            let size = |name: &str| attributes(&svg, "paper", name)[0].parse::<f64>().unwrap() * f64::from(SCALE);
            assert_eq!([f64::from(pixels.width()), f64::from(pixels.height())], [size("width"), size("height")]);
            let count = |of: fn(i32, i32) -> bool, rows: std::ops::Range<usize>| {
                let all =
                    pixels.pixels()[rows.start * pixels.width() as usize..rows.end * pixels.width() as usize].iter();
                all.filter(|p| of(i32::from(p.red()), i32::from(p.blue()))).count()
            };
            let all = 0..pixels.height() as usize;
            assert!(count(|red, blue| red - blue > 60, all.clone()) > 500, "{name}: samples");
            assert!(count(|red, blue| blue - red > 30, all) > 500, "{name}: what they are compared with");
            // The title is there: the font is.
            assert!(count(|red, blue| red + blue < 150, 0..100) > 200, "{name}: letters");
        }
    }

    #[test]
    fn samples_of_known_places_are_drawn_there() {
        let target = find("mog40").unwrap();
        let (svg, _) = drawn(&target, 800);
        let [x0, x1, y0, y1] = target.window().unwrap();
        let frame: Vec<f64> =
            ["x", "y", "width", "height"].map(|name| attributes(&svg, "frame", name)[0].parse().unwrap()).into();
        let dots: Vec<(f64, f64)> =
            attributes(&svg, "dots", "d").iter().skip(1).flat_map(|path| points(path)).collect();
        let rows = target.exact_samples(3, 800).unwrap();
        let inside = |row: &&[f32]| (x0..=x1).contains(&f64::from(row[0])) && (y0..=y1).contains(&f64::from(row[1]));
        let shown: Vec<&[f32]> = rows.chunks_exact(2).filter(inside).collect();
        assert_eq!(dots.len(), shown.len());
        for (dot, row) in dots.iter().zip(shown) {
            let x = frame[0] + (f64::from(row[0]) - x0) / (x1 - x0) * frame[2];
            let y = frame[1] + (y1 - f64::from(row[1])) / (y1 - y0) * frame[3];
            assert!((dot.0 - x).abs() < 0.2 && (dot.1 - y).abs() < 0.2, "{dot:?} {row:?}");
        }
    }

    #[test]
    fn samples_that_are_not_numbers_do_not_stop_the_picture() {
        for name in ["mog40", "mw32", "dw4"] {
            let target = find(name).unwrap();
            for value in [f32::NAN, 1.0] {
                let rows = vec![value; 3 * target.dim()];
                let samples = Set { rows: &rows, energies: &[f64::NAN; 3] };
                let view = View { target: &target, samples, reference: None, cells: &[] };
                assert!(picture(&view, &Caption::default()).is_ok(), "{name}");
            }
            let wrong = Set { rows: &[0.0; 3], energies: &[0.0] };
            let view = View { target: &target, samples: wrong, reference: None, cells: &[] };
            assert!(picture(&view, &Caption::default()).is_err());
        }
    }

    #[test]
    fn lines_are_no_wider_than_they_may_be() {
        let lines = wrapped(&"some words of a line ".repeat(20), 300.0, 12.0);
        assert!(lines.len() > 3 && lines.iter().all(|line| width(line, 12.0) <= 300.0));
        assert!(wrapped("", 300.0, 12.0).is_empty());
    }
}
