//! Floats as the integers of `kiln_core::fixed`.

use crate::error::Error;
use kiln_core::fixed::Scale;

/// 1 in Q16.
const ONE: f64 = 65_536.0;

/// The factor of a row's sums whose weights are multiples of `step` and whose activations have binary point `point`.
fn factor(step: f64, point: u8) -> f64 {
    step * f64::from(16 - i32::from(point)).exp2()
}

/// The smallest step from `step` up for which there is a scale; infinite where there is none.
pub fn representable(step: f64, point: u8) -> f64 {
    let factor = factor(step, point);
    if factor <= 0.0 || !factor.is_finite() {
        return factor;
    }
    let shift = (15.0 - factor.log2().floor()).min(f64::from(Scale::MAX_SHIFT));
    if shift < 0.0 {
        return f64::INFINITY;
    }
    let mantissa = (factor * shift.exp2()).ceil().max(32_768.0);
    mantissa * (-shift).exp2() / f64::from(16 - i32::from(point)).exp2()
}

/// The scale of a step that [`representable`] gave.
///
/// # Errors
/// If there is none.
pub fn scale(step: f64, point: u8) -> Result<Scale, Error> {
    let factor = factor(step, point);
    let shift = if factor > 0.0 { 15.0 - factor.log2().floor() } else { 0.0 };
    let mantissa = (factor * shift.exp2()).round();
    let fits = factor.is_finite() && (0.0..=f64::from(Scale::MAX_SHIFT)).contains(&shift);
    Scale::new(mantissa as u16, shift as u8).filter(|_| fits).ok_or_else(|| too_large("a row of weights"))
}

/// A number in Q16, to the nearest.
///
/// # Errors
/// If it is too large.
pub fn q16(x: f64) -> Result<i32, Error> {
    let whole = (x * ONE).round();
    if whole.abs() < 2_147_483_647.0 { Ok(whole as i32) } else { Err(too_large("a number of the network")) }
}

fn too_large(what: &str) -> Error {
    Error::numerics(format!("{what} is too large for integers in Q16"), "export with --format f32")
}

/// Thresholds in Q16, rounded down: a latent in Q16 is above the one where it is above the other.
pub fn thresholds(thresholds: &[f32]) -> Vec<i32> {
    thresholds.iter().map(|c| (f64::from(*c) * ONE).floor() as i32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_scales_can_hold_are_a_little_larger_and_exact() {
        for step in [1e-12, 3.7e-5, 0.01, 0.4999, 0.5, 1.0, 77.7] {
            for point in [0, 7, 12, 15] {
                let held = representable(step, point);
                if !held.is_finite() {
                    continue;
                }
                assert!(held >= step && (held < step * (1.0 + 1.0 / 32_768.0) || step < 1e-9), "{step} {held}");
                let scale = scale(held, point).unwrap();
                let value = f64::from(scale.mantissa()) / f64::from(scale.shift()).exp2();
                assert_eq!(value, factor(held, point));
            }
        }
        assert_eq!(scale(0.0, 12).unwrap().mantissa(), 0);
        assert!(scale(f64::INFINITY, 0).is_err());
    }

    #[test]
    fn thresholds_separate_the_same_latents() {
        for c in [0.3_f32, -0.3, 1.0, -1.0, 0.0, 1.234_567_9] {
            let whole = thresholds(&[c])[0];
            for z in whole - 2..=whole + 2 {
                assert_eq!(z > whole, kiln_core::artifact::from_fixed(z) > c, "{z} {c}");
            }
        }
    }
}
