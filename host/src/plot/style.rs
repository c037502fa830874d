//! Colours, fonts and sizes of all pictures.

use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};
use std::sync::Once;

/// Pixels drawn per pixel shown, in each direction.
pub const OVERSAMPLING: u32 = 2;

pub const PAPER: RGBColor = RGBColor(255, 255, 255);
pub const INK: RGBColor = RGBColor(27, 38, 49);
pub const FAINT_INK: RGBColor = RGBColor(94, 108, 122);
pub const GRID: RGBColor = RGBColor(228, 233, 238);
/// Samples of the model.
pub const MODEL: RGBColor = RGBColor(230, 85, 13);
/// What is exact.
pub const EXACT: RGBColor = RGBColor(158, 188, 214);
pub const EXACT_EDGE: RGBColor = RGBColor(66, 112, 156);
/// Bands of the target's density, from the outermost in.
pub const BANDS: [RGBColor; 5] = [
    RGBColor(238, 244, 249),
    RGBColor(217, 230, 241),
    RGBColor(190, 212, 231),
    RGBColor(156, 189, 217),
    RGBColor(119, 163, 201),
];

const FAMILY: &str = "kiln-sans";

/// A size in pixels of the finished picture.
pub const fn px(size: i32) -> i32 {
    size * OVERSAMPLING as i32
}

/// Text of that size and colour.
pub fn text(size: i32, colour: RGBColor) -> TextStyle<'static> {
    styled(size, colour, FontStyle::Normal)
}

/// Bold text.
pub fn bold(size: i32, colour: RGBColor) -> TextStyle<'static> {
    styled(size, colour, FontStyle::Bold)
}

fn styled(size: i32, colour: RGBColor, style: FontStyle) -> TextStyle<'static> {
    static FONTS: Once = Once::new();
    FONTS.call_once(|| {
        // The bytes are constant and parse; were they not, plotters would say so when text is drawn.
        let _ = register_font(FAMILY, FontStyle::Normal, notosans::REGULAR_TTF);
        let _ = register_font(FAMILY, FontStyle::Bold, notosans::BOLD_TTF);
    });
    TextStyle { color: colour.to_backend_color(), ..TextStyle::from((FAMILY, px(size), style).into_font()) }
}
