//! A bitmap with the caption at its head; drawn large, averaged down, encoded as PNG.

use super::Caption;
use super::style::{EXACT, EXACT_EDGE, FAINT_INK, INK, MODEL, OVERSAMPLING, PAPER, bold, px, text};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::io::Cursor;

pub type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// What went wrong in drawing, in words.
pub type Drawn<T> = Result<T, String>;

pub fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Height of the head in shown pixels.
pub const HEAD: u32 = 104;

/// From the top of the key's letters to their middle.
const LETTER_MIDDLE: i32 = px(8);

/// A picture of that size: `body` draws below the head.
pub fn render(
    width: u32,
    height: u32,
    caption: &Caption,
    legend: &Legend,
    body: impl FnOnce(&Area<'_>) -> Drawn<()>,
) -> Drawn<Vec<u8>> {
    let (wide, high) = (width * OVERSAMPLING, height * OVERSAMPLING);
    let mut buffer = vec![255_u8; (wide * high * 3) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut buffer, (wide, high)).into_drawing_area();
        root.fill(&PAPER).map_err(words)?;
        let (head, rest) = root.split_vertically(px(HEAD as i32));
        head.draw_text(&caption.title, &bold(30, INK), (px(34), px(22))).map_err(words)?;
        head.draw_text(&caption.figures, &text(19, FAINT_INK), (px(35), px(64))).map_err(words)?;
        legend.draw(&head, px(width as i32))?;
        body(&rest)?;
        root.present().map_err(words)?;
    }
    encode(&average(&buffer, wide as usize, high as usize), width, height)
}

/// How the model's samples are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Dots,
    Line,
}

/// The key at the head's right: the model's mark, a filled box for what is exact.
pub struct Legend {
    /// How the model's samples are drawn.
    pub mark: Mark,
    /// What the model's mark means.
    pub model: String,
    /// What the box means, if anything.
    pub exact: Option<&'static str>,
}

impl Legend {
    fn draw(&self, head: &Area<'_>, right: i32) -> Drawn<()> {
        let left = right - px(250);
        let mut y = px(32);
        match self.mark {
            Mark::Dots => head.draw(&Circle::new((left, y), px(6), MODEL.filled())).map_err(words)?,
            Mark::Line => {
                let ends = vec![(left - px(8), y), (left + px(8), y)];
                head.draw(&PathElement::new(ends, MODEL.stroke_width(6))).map_err(words)?;
            }
        }
        head.draw_text(&self.model, &text(17, INK), (left + px(18), y - LETTER_MIDDLE)).map_err(words)?;
        if let Some(exact) = self.exact {
            y += px(28);
            let corners = [(left - px(7), y - px(7)), (left + px(7), y + px(7))];
            head.draw(&Rectangle::new(corners, EXACT.filled())).map_err(words)?;
            head.draw(&Rectangle::new(corners, EXACT_EDGE.stroke_width(2))).map_err(words)?;
            head.draw_text(exact, &text(17, INK), (left + px(18), y - LETTER_MIDDLE)).map_err(words)?;
        }
        Ok(())
    }
}

/// A number at an axis: no digits that say nothing.
pub fn axis_number(value: &f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    format!("{}", if rounded == 0.0 { 0.0 } else { rounded }).replace('-', "\u{2212}")
}

/// Each shown pixel is the mean of its drawn ones.
fn average(large: &[u8], wide: usize, high: usize) -> Vec<u8> {
    let k = OVERSAMPLING as usize;
    let mut small = Vec::with_capacity(large.len() / (k * k));
    for y in 0..high / k {
        for x in 0..wide / k {
            for channel in 0..3 {
                let at = |dx: usize, dy: usize| u32::from(large[((y * k + dy) * wide + x * k + dx) * 3 + channel]);
                let sum: u32 = (0..k * k).map(|i| at(i % k, i / k)).sum();
                small.push((sum / (k * k) as u32) as u8);
            }
        }
    }
    small
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Drawn<Vec<u8>> {
    let mut png = Cursor::new(Vec::new());
    image::write_buffer_with_format(
        &mut png,
        pixels,
        width,
        height,
        image::ColorType::Rgb8,
        image::ImageOutputFormat::Png,
    )
    .map_err(words)?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_numbers_are_short() {
        let shown: Vec<String> = [-40.0, 0.1 + 0.2, -0.0, 2.5].iter().map(axis_number).collect();
        assert_eq!(shown, ["\u{2212}40", "0.3", "0", "2.5"]);
    }

    #[test]
    fn four_pixels_become_their_mean() {
        let mut large = vec![0_u8; 4 * 2 * 3];
        large[0] = 100; // red of the pixel (0, 0)
        assert_eq!(average(&large, 4, 2), [25, 0, 0, 0, 0, 0]);
    }
}
