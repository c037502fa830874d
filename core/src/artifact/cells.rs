//! The cells of a model, in bytes.

use super::bytes::{Reader, Writer};
use super::frame::{BOUNDS, bounds, write_bounds};
use super::header::{size, word};
use super::{ArtifactError, ModelFrame};
use crate::cells::{Cells, Choices, Counts, Packed};
use crate::fixed;
use bytemuck::Pod;

impl<'a> ModelFrame<'a> {
    /// Cells of a model of `dim` coordinates, in `f32` or in integers.
    pub(super) fn read_cells(dim: usize, floats: bool, rest: &mut Reader<'a>) -> Result<Self, ArtifactError> {
        let &[blocks, flags] = rest.slice(2)? else { return Err(ArtifactError::Reserved) };
        if flags & !BOUNDS != 0 {
            return Err(ArtifactError::Reserved);
        }
        let blocks = size(blocks)?;
        let (sizes, cells) = (rest.slice(blocks)?, rest.slice(blocks)?);
        let counts = Counts::of(sizes, cells).filter(|counts| counts.coordinates == dim);
        let counts = counts.ok_or(ArtifactError::Sizes)?;
        let found = if floats {
            let (packed, _) = packed(sizes, cells, counts, flags, 0, rest)?;
            Self::FloatCells(Cells::new(packed)?)
        } else {
            let (packed, points) = packed(sizes, cells, counts, flags, counts.centres, rest)?;
            Self::FixedCells(fixed::Cells::new(packed, points)?)
        };
        // Bounds without an end are not written.
        if (found.bounded() > 0) == (flags == BOUNDS) { Ok(found) } else { Err(ArtifactError::Reserved) }
    }

    /// Cells, before the network; a frame is written behind it.
    pub(super) fn write_cells(&self, out: &mut Writer<'_>) -> Result<(), ArtifactError> {
        let flags = if self.bounded() > 0 { BOUNDS } else { 0 };
        match self {
            Self::Float(_) | Self::Fixed(_) => Ok(()),
            Self::FloatCells(cells) => write(&cells.packed(), flags, &[], out),
            Self::FixedCells(cells) => write(&cells.packed(), flags, cells.points(), out),
        }
    }

    /// What a network in `f32` chooses.
    pub(super) fn float_choices(&self) -> Choices<'a, f32> {
        if let Self::FloatCells(cells) = self { cells.choices() } else { Choices::NONE }
    }

    /// What a network in integers chooses.
    pub(super) fn fixed_choices(&self) -> Choices<'a, i32> {
        if let Self::FixedCells(cells) = self { cells.choices() } else { Choices::NONE }
    }
}

/// The numbers of cells and their binary points, of which there are so many.
fn packed<'a, T: Pod + PartialOrd + Default>(
    sizes: &'a [u32],
    cells: &'a [u32],
    counts: Counts,
    flags: u32,
    points: usize,
    rest: &mut Reader<'a>,
) -> Result<(Packed<'a, T>, &'a [u8]), ArtifactError> {
    let coordinates = rest.slice(counts.coordinates)?;
    let thresholds = rest.slice(counts.thresholds)?;
    let (centres, factors) = (rest.slice(counts.centres)?, rest.slice(counts.factors)?);
    let points = rest.slice(points)?;
    let bounds = bounds(flags, counts.coordinates, rest)?;
    Ok((Packed { sizes, cells, coordinates, thresholds, centres, factors, bounds }, points))
}

fn write<T: Pod + PartialOrd + Default>(
    packed: &Packed<'_, T>,
    flags: u32,
    points: &[u8],
    out: &mut Writer<'_>,
) -> Result<(), ArtifactError> {
    out.slice(&[word(packed.sizes.len())?, flags])?;
    out.slice(packed.sizes)?;
    out.slice(packed.cells)?;
    out.slice(packed.coordinates)?;
    out.slice(packed.thresholds)?;
    out.slice(packed.centres)?;
    out.slice(packed.factors)?;
    out.slice(points)?;
    write_bounds(&packed.bounds, out)
}
