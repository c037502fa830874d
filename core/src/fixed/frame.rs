//! From the whitened coordinates u that a generator gives to those of its energy, in integers: [`crate::frame::Frame`] after
//! conversion, x = φ(m + L u).

use super::exponential::{exp, logistic_tail};
use super::number::{saturate, shift_round};
use crate::frame::{Bound, Bounds, Factor, InvalidFrame};

/// A checked map from u to x, both in Q16, that borrows its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Frame<'a> {
    centre: &'a [i32],
    factor: Factor<'a, i32>,
    points: &'a [u8],
    bounds: Bounds<'a, i32>,
}

impl<'a> Frame<'a> {
    /// The sum of a row's magnitudes is at most this: with any u its sum of products has a magnitude of at most 2^62.
    pub const ROW_LIMIT: u64 = 1 << 31;
    /// The largest binary point of a row.
    pub const MAX_POINT: u8 = 62;

    /// The map x = φ(`centre` + `factor` u), φ of `bounds`: centre and ends in Q16, and a row's numbers with a binary point of
    /// its own, `points`.
    ///
    /// # Errors
    /// If the lengths are not those of as many coordinates as `centre` has, a diagonal number is not positive, a row's sum can
    /// overflow, a binary point is above [`Frame::MAX_POINT`], or a bound is none.
    pub fn new(
        centre: &'a [i32],
        factor: Factor<'a, i32>,
        points: &'a [u8],
        bounds: Bounds<'a, i32>,
    ) -> Result<Self, InvalidFrame> {
        let dim = centre.len();
        if dim == 0 || !factor.is_of(dim) || points.len() != dim {
            return Err(InvalidFrame::Lengths);
        }
        for (coordinate, point) in points.iter().enumerate() {
            check_row(coordinate, factor.row(coordinate).0, *point)?;
        }
        Ok(Self { centre, factor, points, bounds: bounds.checked(dim, |_, _| true)? })
    }

    /// How many coordinates it is of.
    pub fn dim(&self) -> usize {
        self.centre.len()
    }

    /// m, in Q16.
    pub fn centre(&self) -> &'a [i32] {
        self.centre
    }

    /// L; of a row with binary point f the number n stands for n/2^f.
    pub fn factor(&self) -> Factor<'a, i32> {
        self.factor
    }

    /// The binary points of L's rows.
    pub fn points(&self) -> &'a [u8] {
        self.points
    }

    /// The bounds of x, in Q16.
    pub fn bounds(&self) -> Bounds<'a, i32> {
        self.bounds
    }

    /// Turns u into x, in place; coordinates that `u` lacks are left out. A row's products are summed exactly and rounded once.
    pub fn apply(&self, u: &mut [i32]) {
        // From the last row to the first: a row needs the coordinates before it as they were.
        for row in (0..self.dim().min(u.len())).rev() {
            let (numbers, first) = self.factor.row(row);
            let y = located(self.centre[row], (numbers, self.points[row]), u[first..].iter().copied());
            u[row] = bounded(self.bounds.get(row), y);
        }
    }
}

/// Refuses the row of a coordinate whose diagonal number, the last, is not positive, whose sum can overflow, or whose binary point
/// is too large.
pub(super) fn check_row(coordinate: usize, row: &[i32], point: u8) -> Result<(), InvalidFrame> {
    if row.last().is_none_or(|x| *x <= 0) {
        return Err(InvalidFrame::Diagonal { coordinate });
    }
    if row.iter().map(|x| u64::from(x.unsigned_abs())).sum::<u64>() > Frame::ROW_LIMIT {
        return Err(InvalidFrame::Overflow { coordinate });
    }
    if point > Frame::MAX_POINT { Err(InvalidFrame::Point { coordinate }) } else { Ok(()) }
}

/// A number of a centre and Σ l u of a checked row with its binary point: summed exactly and rounded once.
#[inline(always)]
pub(super) fn located(centre: i32, (row, point): (&[i32], u8), u: impl Iterator<Item = i32>) -> i32 {
    let products = row.iter().zip(u).map(|(l, u)| i64::from(*l) * i64::from(u));
    saturate(i64::from(centre) + shift_round(products.sum(), point.into()))
}

/// φ(y).
pub(super) fn bounded(bound: Bound<i32>, y: i32) -> i32 {
    match bound {
        Bound::None => y,
        Bound::Low(low) => low.saturating_add(exp(y)),
        Bound::High(high) => high.saturating_sub(exp(y)),
        Bound::Both { low, high } => {
            // The share of the nearer end, at most a half, of less than 2^32 units: between the ends after rounding too.
            let inside = shift_round((i64::from(high) - i64::from(low)) * logistic_tail(y), 30);
            saturate(if y < 0 { i64::from(low) + inside } else { i64::from(high) - inside })
        }
    }
}
