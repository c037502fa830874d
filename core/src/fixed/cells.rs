//! From the numbers v that a generator gives to the coordinates of its energy, by cells, in integers: [`crate::cells::Cells`] after
//! conversion.

use super::frame::{bounded, check_row, located};
use crate::cells::{Choices, Packed};
use crate::frame::InvalidFrame;

/// A checked map from v to x, both in Q16, that borrows its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cells<'a> {
    packed: Packed<'a, i32>,
    points: &'a [u8],
    choices: Choices<'a, i32>,
}

impl<'a> Cells<'a> {
    /// The map of these numbers: centres, ends and thresholds in Q16, and a row's numbers with a binary point of its own, `points`,
    /// as many as there are numbers of centres and in their order. Rows have the limits of a [`Frame`](super::Frame).
    ///
    /// # Errors
    /// As [`crate::cells::Cells::new`], or if a row's sum can overflow or its binary point is too large.
    pub fn new(packed: Packed<'a, i32>, points: &'a [u8]) -> Result<Self, InvalidFrame> {
        if points.len() != packed.centres.len() {
            return Err(InvalidFrame::Lengths);
        }
        let (packed, choices) =
            packed.checked(|_, _| true, |row| check_row(row.coordinate, row.numbers, points[row.at]))?;
        Ok(Self { packed, points, choices })
    }

    /// How many coordinates it is of.
    pub fn dim(&self) -> usize {
        self.packed.coordinates.len()
    }

    /// How many latent numbers there are: coordinates, and numbers that choose.
    pub fn latent(&self) -> usize {
        self.dim() + self.choices.numbers()
    }

    /// Its numbers; of a row of factors with binary point f the number n stands for n/2^f.
    pub fn packed(&self) -> Packed<'a, i32> {
        self.packed
    }

    /// The binary points of the rows.
    pub fn points(&self) -> &'a [u8] {
        self.points
    }

    /// What chooses.
    pub fn choices(&self) -> Choices<'a, i32> {
        self.choices
    }

    /// Turns v into x, in place; `z` is the latent in Q16. Of longer slices the first [`Cells::dim`] and [`Cells::latent`] numbers
    /// count, shorter ones are left as they are. A row's products are summed exactly and rounded once.
    pub fn apply(&self, z: &[i32], v: &mut [i32]) {
        let (Some(v), Some(choosing)) = (v.get_mut(..self.dim()), z.get(self.dim()..self.latent())) else { return };
        let mut choosing = choosing.iter();
        for block in self.packed.blocks() {
            for row in block.rows(block.chosen(&mut choosing)) {
                let numbers = (row.numbers, self.points[row.at]);
                let y = located(row.centre, numbers, block.coordinates.iter().map(|i| v[*i as usize]));
                v[row.coordinate] = bounded(self.packed.bounds.get(row.coordinate), y);
            }
        }
    }
}
