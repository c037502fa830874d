//! Round numbers for axes, as short as they tell them apart.

use super::style::LETTERS;

/// Between two numbers.
const GAP: f64 = 8.0;
/// How far one may reach over an end of its axis.
const BEYOND: f64 = 4.0;

/// Widest that so many letters get: digits of Noto Sans are 0.57 of the letters' size, those of other fonts less.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * 0.58 * size
}

/// Round numbers within a range with their texts, about as many as asked for.
pub fn ticks(range: (f64, f64), about: usize) -> Vec<(f64, String)> {
    let (values, step) = nice(range, about);
    let largest = values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    values.into_iter().map(|value| (value, number(value, step, largest))).collect()
}

/// The same of an axis of that length, no more than stand side by side.
pub fn fitting(range: (f64, f64), about: usize, length: f64) -> Vec<(f64, String)> {
    let fits = |found: &[(f64, String)]| {
        let widest = found.iter().map(|(_, text)| width(text, LETTERS)).fold(0.0, f64::max);
        let step = length / (range.1 - range.0) * (found.get(1).map_or(range.1, |x| x.0) - found[0].0);
        found.len() < 2 || step >= widest + GAP
    };
    let mut shown: Vec<_> =
        (1..=about).rev().map(|about| ticks(range, about)).find(|all| all.is_empty() || fits(all)).unwrap_or_default();
    // Nothing stands far beyond the ends of its axis.
    let place = |value: f64| (value - range.0) / (range.1 - range.0) * length;
    shown.retain(|(value, text)| {
        let half = 0.5 * width(text, LETTERS) - BEYOND;
        place(*value) >= half && place(*value) <= length - half
    });
    shown
}

/// Round numbers within a range, about as many as asked for, and their distance.
fn nice((low, high): (f64, f64), about: usize) -> (Vec<f64>, f64) {
    let raw = (high - low) / about.max(1) as f64;
    if !(raw.is_finite() && raw > 0.0) {
        return (Vec::new(), 1.0);
    }
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= 0.75 * raw);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    ((first..=last).map(|k| k as f64 * step).collect(), step)
}

/// No digits that say nothing: 0.25, 1200, 15k, 2e6, 3e-7.
fn number(value: f64, step: f64, largest: f64) -> String {
    let (size, fineness) = (largest.log10().floor(), step.log10().floor());
    let text = if value == 0.0 {
        "0".to_string()
    } else if !(1e-3..1e6).contains(&largest) {
        // As many digits as tell neighbours apart, and no zeros at their end.
        let text = format!("{value:.*e}", (size - fineness).clamp(0.0, 15.0) as usize);
        match text.split_once('e') {
            Some((digits, power)) if digits.contains('.') => {
                format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
            }
            _ => text,
        }
    } else if largest >= 1e4 && step >= 100.0 {
        format!("{}k", (value / 100.0).round() / 10.0)
    } else {
        format!("{value:.*}", (-fineness).clamp(0.0, 15.0) as usize)
    };
    minus(&text)
}

/// A true minus sign.
pub fn minus(number: &str) -> String {
    number.replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(range: (f64, f64), about: usize) -> Vec<String> {
        ticks(range, about).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(texts((-0.3, 10.2), 5), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(ticks((0.0, 0.05), 5).len(), 6);
        assert!(ticks((1.0, 1.0), 5).is_empty() && ticks((0.0, f64::NAN), 5).is_empty());
    }

    #[test]
    fn numbers_are_short_and_tell_each_other_apart() {
        assert_eq!(texts((-40.0, 0.0), 2), ["\u{2212}40", "\u{2212}20", "0"]);
        assert_eq!(texts((0.0, 0.4), 2), ["0", "0.2", "0.4"]);
        assert_eq!(texts((0.0, 30_000.0), 2), ["0", "20k"]);
        assert_eq!(texts((1.9e6, 4.1e6), 2), ["2e6", "3e6", "4e6"]);
        assert_eq!(texts((1.05e-7, 3.1e-7), 2), ["2e\u{2212}7", "3e\u{2212}7"]);
        for range in [(1e6, 1e6 + 3.0), (20_000.0, 20_003.0), (-1e-9, 2e-9), (0.999, 1.001), (1e12, 3e12)] {
            let all = texts(range, 3);
            assert!(all.len() > 1 && all.windows(2).all(|pair| pair[0] != pair[1]), "{all:?}");
        }
    }

    #[test]
    fn numbers_at_an_axis_do_not_touch() {
        for range in [(0.0, 1.0), (-3.0, 8.0), (1e6, 1e6 + 3.0), (-2e-7, 5e-7), (0.999, 1.001)] {
            for length in [60.0, 130.0, 380.0] {
                let shown = fitting(range, 6, length);
                let place = |value: f64| (value - range.0) / (range.1 - range.0) * length;
                for pair in shown.windows(2) {
                    let room = place(pair[1].0) - place(pair[0].0);
                    let taken = 0.5 * (width(&pair[0].1, LETTERS) + width(&pair[1].1, LETTERS));
                    assert!(room > taken + 5.0, "{range:?} {length} {shown:?}");
                }
            }
        }
    }
}
