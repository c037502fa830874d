//! Cells in integers: centres, ends and thresholds in Q16, every row of a factor with the largest binary point that its sums allow.
//! What Q16 cannot hold is refused before anything is rounded, as of a frame.

use super::frame::{HINT, QuantisedFrame, bound, checked_row, ends};
use super::scale::{q16, thresholds};
use crate::error::Error;
use kiln_core::artifact::ModelFrame;
use kiln_core::cells::{Cells, Packed};
use kiln_core::fixed;
use kiln_core::frame::{Bounds, InvalidFrame};

/// Cells in integers that own their numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantisedCells {
    sizes: Vec<u32>,
    cells: Vec<u32>,
    coordinates: Vec<u32>,
    thresholds: Vec<i32>,
    centres: Vec<i32>,
    factors: Vec<i32>,
    points: Vec<u8>,
    kinds: Vec<u8>,
    low: Vec<i32>,
    high: Vec<i32>,
}

impl QuantisedCells {
    /// Those of cells in floats.
    ///
    /// # Errors
    /// If a coordinate is too wide or too narrow for Q16 in a cell, v taken as standard normal, or Q16 does not tell two thresholds
    /// apart.
    pub fn of(cells: &Cells<'_>) -> Result<Self, Error> {
        let packed = cells.packed();
        for (at, list) in cells.choices().lists().enumerate() {
            if thresholds(list).windows(2).any(|pair| pair[0] >= pair[1]) {
                let message = format!(
                    "two thresholds of latent number {} are nearer than integers tell apart, in steps of 2^-16",
                    cells.dim() + at
                );
                return Err(Error::input(message, HINT));
            }
        }
        let mut whole = Self {
            sizes: packed.sizes.to_vec(),
            cells: packed.cells.to_vec(),
            coordinates: packed.coordinates.to_vec(),
            thresholds: thresholds(packed.thresholds),
            centres: Vec::with_capacity(packed.centres.len()),
            factors: Vec::with_capacity(packed.factors.len()),
            points: Vec::with_capacity(packed.centres.len()),
            kinds: packed.bounds.kinds.to_vec(),
            low: Vec::new(),
            high: Vec::new(),
        };
        let (mut coordinates, mut centres, mut factors) = (packed.coordinates, packed.centres.iter(), packed.factors);
        for (size, cells) in packed.sizes.iter().zip(packed.cells) {
            let (own, others) = coordinates.split_at(*size as usize);
            coordinates = others;
            for coordinates in (0..*cells).map(|_| own) {
                for ((row, coordinate), centre) in coordinates.iter().enumerate().zip(&mut centres) {
                    let (numbers, others) = factors.split_at(row + 1);
                    factors = others;
                    let numbers: Vec<f64> = numbers.iter().map(|x| f64::from(*x)).collect();
                    let (coordinate, centre) = (*coordinate as usize, f64::from(*centre));
                    let bound = bound(packed.bounds, coordinate);
                    let (mantissas, point) = checked_row(coordinate, centre, &numbers, bound)?;
                    whole.centres.push(q16(centre)?);
                    whole.factors.extend(mantissas);
                    whole.points.push(point);
                }
            }
        }
        for coordinate in 0..whole.kinds.len() {
            let [low, high] = ends(bound(packed.bounds, coordinate))?;
            whole.low.push(low);
            whole.high.push(high);
        }
        Ok(whole)
    }

    /// The checked view.
    ///
    /// # Errors
    /// None: [`QuantisedCells::of`] makes what fits.
    pub fn view(&self) -> Result<fixed::Cells<'_>, InvalidFrame> {
        let packed = Packed {
            sizes: &self.sizes,
            cells: &self.cells,
            coordinates: &self.coordinates,
            thresholds: &self.thresholds,
            centres: &self.centres,
            factors: &self.factors,
            bounds: Bounds { kinds: &self.kinds, low: &self.low, high: &self.high },
        };
        fixed::Cells::new(packed, &self.points)
    }
}

/// What takes outputs to coordinates, in integers.
#[derive(Debug, Clone, PartialEq)]
pub enum QuantisedPlacement {
    /// A frame.
    Frame(QuantisedFrame),
    /// Cells.
    Cells(QuantisedCells),
}

impl QuantisedPlacement {
    /// That of a model in floats; none in integers.
    ///
    /// # Errors
    /// If Q16 cannot hold it.
    pub fn of(float: &ModelFrame<'_>) -> Result<Option<Self>, Error> {
        match float {
            ModelFrame::Float(frame) => QuantisedFrame::of(frame).map(Self::Frame).map(Some),
            ModelFrame::FloatCells(cells) => QuantisedCells::of(cells).map(Self::Cells).map(Some),
            ModelFrame::Fixed(_) | ModelFrame::FixedCells(_) => Ok(None),
        }
    }

    /// The checked view.
    ///
    /// # Errors
    /// None: [`QuantisedPlacement::of`] makes what fits.
    pub fn view(&self) -> Result<ModelFrame<'_>, InvalidFrame> {
        match self {
            Self::Frame(frame) => frame.view().map(ModelFrame::Fixed),
            Self::Cells(cells) => cells.view().map(ModelFrame::FixedCells),
        }
    }
}

#[cfg(test)]
mod tests;
