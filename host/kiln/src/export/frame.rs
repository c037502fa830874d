//! A frame in integers: centre and ends in Q16, every row of the factor with the largest binary point that its sums allow. What
//! Q16 cannot hold is refused before anything is rounded.

use super::scale::q16;
use crate::error::Error;
use kiln_core::fixed;
use kiln_core::frame::{Bound, Bounds, Factor, Frame, InvalidFrame};

/// Coordinates of samples stay below it, some way from where Q16 ends.
const REACH: f64 = 32_000.0;
/// Within so many standard deviations.
const DEVIATIONS: f64 = 8.0;
/// The step of Q16.
const STEP: f64 = 1.0 / 65_536.0;
/// A standard deviation has at least so many steps.
const STEPS: f64 = 256.0;
/// What is told to do instead.
pub(super) const HINT: &str = "export it with --format f32";

/// A frame in integers that owns its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantisedFrame {
    centre: Vec<i32>,
    factor: Vec<i32>,
    lower: bool,
    points: Vec<u8>,
    kinds: Vec<u8>,
    low: Vec<i32>,
    high: Vec<i32>,
}

impl QuantisedFrame {
    /// That of a frame in floats.
    ///
    /// # Errors
    /// If a coordinate is too wide or too narrow for Q16; u is taken as standard normal.
    pub fn of(frame: &Frame<'_>) -> Result<Self, Error> {
        let dim = frame.dim();
        let mut whole = Self {
            centre: Vec::with_capacity(dim),
            factor: Vec::with_capacity(frame.factor().numbers().len()),
            lower: matches!(frame.factor(), Factor::Triangle(_)),
            points: Vec::with_capacity(dim),
            kinds: frame.bounds().kinds.to_vec(),
            low: Vec::new(),
            high: Vec::new(),
        };
        for coordinate in 0..dim {
            let row = row(frame, coordinate);
            let (centre, bound) = (f64::from(frame.centre()[coordinate]), bound(frame.bounds(), coordinate));
            let (mantissas, point) = checked_row(coordinate, centre, &row, bound)?;
            whole.centre.push(q16(centre)?);
            whole.factor.extend(mantissas);
            whole.points.push(point);
            if !whole.kinds.is_empty() {
                let [low, high] = ends(bound)?;
                whole.low.push(low);
                whole.high.push(high);
            }
        }
        Ok(whole)
    }

    /// The checked view.
    ///
    /// # Errors
    /// None: [`QuantisedFrame::of`] makes what fits.
    pub fn view(&self) -> Result<fixed::Frame<'_>, InvalidFrame> {
        let factor = if self.lower { Factor::Triangle(&self.factor[..]) } else { Factor::Diagonal(&self.factor[..]) };
        let bounds = Bounds { kinds: &self.kinds, low: &self.low, high: &self.high };
        fixed::Frame::new(&self.centre, factor, &self.points, bounds)
    }
}

/// The numbers of a row, the diagonal's last.
fn row(frame: &Frame<'_>, row: usize) -> Vec<f64> {
    let numbers = match frame.factor() {
        Factor::Diagonal(widths) => &widths[row..=row],
        Factor::Triangle(numbers) => &numbers[row * (row + 1) / 2..][..=row],
    };
    numbers.iter().map(|x| f64::from(*x)).collect()
}

/// The bound of a coordinate.
pub(super) fn bound(bounds: Bounds<'_, f32>, coordinate: usize) -> Bound<f64> {
    match bounds.get(coordinate) {
        Bound::None => Bound::None,
        Bound::Low(low) => Bound::Low(low.into()),
        Bound::High(high) => Bound::High(high.into()),
        Bound::Both { low, high } => Bound::Both { low: low.into(), high: high.into() },
    }
}

/// The ends of a bound, 0 where there is none: inwards, so that none is passed.
pub(super) fn ends(bound: Bound<f64>) -> Result<[i32; 2], Error> {
    let [low, high] = match bound {
        Bound::None => [0.0; 2],
        Bound::Low(low) => [(low / STEP).ceil() * STEP, 0.0],
        Bound::High(high) => [0.0, (high / STEP).floor() * STEP],
        Bound::Both { low, high } => [(low / STEP).ceil() * STEP, (high / STEP).floor() * STEP],
    };
    Ok([q16(low)?, q16(high)?])
}

/// The row of a coordinate as whole numbers with their binary point, if Q16 holds what comes of it.
pub(super) fn checked_row(
    coordinate: usize,
    centre: f64,
    row: &[f64],
    bound: Bound<f64>,
) -> Result<(Vec<i32>, u8), Error> {
    check(coordinate, centre, row, bound)?;
    rounded(row).ok_or_else(|| narrow(coordinate, own(row)))
}

/// The standard deviation of a y beside those before it.
fn own(row: &[f64]) -> f64 {
    row.last().copied().unwrap_or(0.0)
}

/// Refuses a coordinate that Q16 cannot hold, before the bound or behind it.
fn check(coordinate: usize, centre: f64, row: &[f64], bound: Bound<f64>) -> Result<(), Error> {
    let deviation = row.iter().map(|x| x * x).sum::<f64>().sqrt();
    let ends = [-DEVIATIONS, DEVIATIONS].map(|k| centre + k * deviation);
    let mut far = [ends[0], ends[1], bound.map(ends[0]).x, bound.map(ends[1]).x, 0.0, 0.0];
    if let Bound::Both { low, high } = bound {
        [far[4], far[5]] = [low, high];
    }
    let reach = far.iter().fold(0.0_f64, |reach, x| reach.max(x.abs()));
    if reach > REACH {
        let message = format!(
            "coordinate {coordinate} reaches {reach:.3e} within {DEVIATIONS} standard deviations, and integers hold up to {REACH}"
        );
        return Err(Error::input(message, HINT));
    }
    // Half of what lies within one deviation to either side: the deviation itself where there is no end.
    let own = own(row);
    let behind = (bound.map(centre + own).x - bound.map(centre - own).x).abs() / 2.0;
    let least = own.min(behind);
    if least < STEPS * STEP { Err(narrow(coordinate, least)) } else { Ok(()) }
}

fn narrow(coordinate: usize, deviation: f64) -> Error {
    let message = format!(
        "coordinate {coordinate} has a standard deviation of {deviation:.3e} beside those before it, and integers have steps of \
         {STEP:.3e}, more than 1/{STEPS} of it"
    );
    Error::input(message, HINT)
}

/// A row as whole numbers with the largest binary point that its sums allow; none where the diagonal's number vanishes.
fn rounded(row: &[f64]) -> Option<(Vec<i32>, u8)> {
    (0..=fixed::Frame::MAX_POINT).rev().find_map(|point| {
        let whole: Vec<f64> = row.iter().map(|x| (x * f64::from(point).exp2()).round()).collect();
        let sum: f64 = whole.iter().map(|x| x.abs()).sum();
        let fits = sum <= fixed::Frame::ROW_LIMIT as f64 && whole.iter().all(|x| x.abs() <= f64::from(i32::MAX));
        (fits && own(&whole) > 0.0).then(|| (whole.iter().map(|x| *x as i32).collect(), point))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENTRE: [f32; 4] = [1000.0, -0.3, 0.7, 0.25];
    const ROWS: [f32; 10] = [200.0, -0.5, 0.3, 0.001, 0.2, 0.4, 0.1, 0.7, -0.3, 0.9];
    const BOUNDS: Bounds<'_, f32> =
        Bounds { kinds: &[0, 1, 2, 3], low: &[0.0, -2.000_01, 0.0, -1.0], high: &[0.0, 0.0, 3.3, 7.77] };

    fn frames() -> [Frame<'static>; 2] {
        [
            Frame::new(&CENTRE, Factor::Triangle(&ROWS), BOUNDS).unwrap(),
            Frame::new(&CENTRE, Factor::Diagonal(&[200.0, 0.3, 0.4, 0.9]), Bounds::NONE).unwrap(),
        ]
    }

    #[test]
    fn integers_give_what_floats_do() {
        let grid = [-3.5_f32, -1.0, -0.25, 0.0, 0.5, 1.75, 4.0];
        for frame in frames() {
            let quantised = QuantisedFrame::of(&frame).unwrap();
            let whole = quantised.view().unwrap();
            for k in 0..7_usize.pow(4) {
                let u: [f32; 4] = std::array::from_fn(|i| grid[k / 7_usize.pow(i as u32) % 7]);
                let (mut x, mut n) = (u, u.map(|u| (u * 65_536.0) as i32));
                frame.apply(&mut x);
                whole.apply(&mut n);
                for (coordinate, (x, n)) in x.into_iter().zip(n).enumerate() {
                    let (x, n) = (f64::from(x), f64::from(n) * STEP);
                    // A step of y, and one of x.
                    let slope = match bound(frame.bounds(), coordinate) {
                        Bound::None => 1.0,
                        Bound::Low(end) | Bound::High(end) => (x - end).abs(),
                        Bound::Both { .. } => 9.0 / 4.0,
                    };
                    assert!((x - n).abs() < (1.0 + slope) * STEP + 2e-7 * x.abs(), "{coordinate} of {u:?}: {x} {n}");
                }
            }
        }
    }

    #[test]
    fn ends_are_rounded_inwards() {
        let quantised = QuantisedFrame::of(&frames()[0]).unwrap();
        let whole = quantised.view().unwrap();
        for (coordinate, float) in (1..4).map(|coordinate| (coordinate, bound(frames()[0].bounds(), coordinate))) {
            let real = |n: i32| f64::from(n) * STEP;
            match (float, whole.bounds().get(coordinate)) {
                (Bound::Low(end), Bound::Low(n)) => assert!((0.0..STEP).contains(&(real(n) - end))),
                (Bound::High(end), Bound::High(n)) => assert!((0.0..STEP).contains(&(end - real(n)))),
                (Bound::Both { low, high }, Bound::Both { low: n, high: m }) => {
                    assert!((0.0..STEP).contains(&(real(n) - low)) && (0.0..STEP).contains(&(high - real(m))));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn rows_are_as_fine_as_their_sums_allow() {
        for frame in frames() {
            let quantised = QuantisedFrame::of(&frame).unwrap();
            let whole = quantised.view().unwrap();
            let mut rest = whole.factor().numbers();
            for (coordinate, point) in whole.points().iter().enumerate() {
                let floats = row(&frame, coordinate);
                let (numbers, others) = rest.split_at(floats.len());
                rest = others;
                let sum: u64 = numbers.iter().map(|n| u64::from(n.unsigned_abs())).sum();
                assert!(sum <= fixed::Frame::ROW_LIMIT && sum > fixed::Frame::ROW_LIMIT / 4, "{coordinate} {sum}");
                for (n, x) in numbers.iter().zip(floats) {
                    assert!((f64::from(*n) / f64::from(*point).exp2() - x).abs() <= 0.5 / f64::from(*point).exp2());
                }
            }
        }
    }

    fn refused(centre: f32, width: f32, bounds: Bounds<'_, f32>) -> Option<String> {
        let (centre, widths) = ([0.0, centre], [1.0, width]);
        let frame = Frame::new(&centre, Factor::Diagonal(&widths), bounds).unwrap();
        let error = QuantisedFrame::of(&frame).err()?;
        assert_eq!(error.hint(), HINT);
        Some(error.to_string())
    }

    #[test]
    fn scales_that_integers_cannot_hold_are_refused() {
        let low: Bounds<'_, f32> = Bounds { kinds: &[0, 1], low: &[0.0; 2], high: &[0.0; 2] };
        let both: Bounds<'_, f32> = Bounds { kinds: &[0, 3], low: &[0.0, -1.0], high: &[0.0, 1.0] };
        let wide: Bounds<'_, f32> = Bounds { kinds: &[0, 3], low: &[0.0; 2], high: &[0.0, 40_000.0] };
        for (centre, width, bounds) in [
            (0.0, 3999.0, Bounds::NONE),
            (-31_000.0, 120.0, Bounds::NONE),
            (0.0, 0.004, Bounds::NONE),
            (2.0, 1.0, low),
            (-4.0, 1.0, low),
            (0.0, 0.01, both),
        ] {
            assert_eq!(refused(centre, width, bounds), None, "{centre} {width}");
        }
        let reaches = |centre, width, bounds| refused(centre, width, bounds).unwrap();
        for (centre, width, bounds) in
            [(0.0, 4001.0, Bounds::NONE), (-31_000.0, 130.0, Bounds::NONE), (3.0, 1.0, low), (0.0, 1.0, wide)]
        {
            let message = reaches(centre, width, bounds);
            assert!(message.starts_with("coordinate 1 reaches ") && message.ends_with("hold up to 32000"), "{message}");
        }
        for (centre, width, bounds) in
            [(0.0, 0.0039, Bounds::NONE), (-6.0, 1.0, low), (-7.0, 1.0, both), (9.0, 1.0, both)]
        {
            let message = refused(centre, width, bounds).unwrap();
            assert!(message.starts_with("coordinate 1 has a standard deviation of "), "{message}");
            assert!(message.ends_with("more than 1/256 of it"), "{message}");
        }
        // Wide by what others say, narrow by itself.
        let frame = Frame::new(&[0.0; 2], Factor::Triangle(&[1.0, 1.0, 1e-4]), Bounds::NONE).unwrap();
        assert!(QuantisedFrame::of(&frame).unwrap_err().to_string().contains("1.000e-4 beside those before it"));
    }
}
