//! The frame of a model, or its cells, in views; the frame in bytes.

use super::bytes::{Reader, Writer};
use super::{ArtifactError, CELLS, FRAMED, Network};
use crate::cells::{Cells, Choices};
use crate::fixed;
use crate::frame::{Bounds, Factor, Frame, InvalidFrame, triangle};

/// Flag of a frame: L is a lower triangle.
const TRIANGLE: u32 = 1;
/// A coordinate has an end.
pub(super) const BOUNDS: u32 = 2;

/// What takes a network's outputs to the coordinates of a sample, in the model's numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ModelFrame<'a> {
    /// In `f32`.
    Float(Frame<'a>),
    /// In integers.
    Fixed(fixed::Frame<'a>),
    /// By cells, in `f32`.
    FloatCells(Cells<'a>),
    /// By cells, in integers.
    FixedCells(fixed::Cells<'a>),
}

impl<'a> From<Frame<'a>> for ModelFrame<'a> {
    fn from(frame: Frame<'a>) -> Self {
        Self::Float(frame)
    }
}

impl<'a> From<fixed::Frame<'a>> for ModelFrame<'a> {
    fn from(frame: fixed::Frame<'a>) -> Self {
        Self::Fixed(frame)
    }
}

impl<'a> From<Cells<'a>> for ModelFrame<'a> {
    fn from(cells: Cells<'a>) -> Self {
        Self::FloatCells(cells)
    }
}

impl<'a> From<fixed::Cells<'a>> for ModelFrame<'a> {
    fn from(cells: fixed::Cells<'a>) -> Self {
        Self::FixedCells(cells)
    }
}

impl<'a> ModelFrame<'a> {
    /// How many coordinates it is of.
    pub fn dim(&self) -> usize {
        match self {
            Self::Float(frame) => frame.dim(),
            Self::Fixed(frame) => frame.dim(),
            Self::FloatCells(cells) => cells.dim(),
            Self::FixedCells(cells) => cells.dim(),
        }
    }

    /// Whether coordinates depend on each other: L is a triangle, not a diagonal. Of cells always.
    pub fn is_triangle(&self) -> bool {
        match self {
            Self::Float(frame) => matches!(frame.factor(), Factor::Triangle(_)),
            Self::Fixed(frame) => matches!(frame.factor(), Factor::Triangle(_)),
            Self::FloatCells(_) | Self::FixedCells(_) => true,
        }
    }

    /// How many coordinates have an end or two.
    pub fn bounded(&self) -> usize {
        let kinds = match self {
            Self::Float(frame) => frame.bounds().kinds,
            Self::Fixed(frame) => frame.bounds().kinds,
            Self::FloatCells(cells) => cells.packed().bounds.kinds,
            Self::FixedCells(cells) => cells.packed().bounds.kinds,
        };
        kinds.iter().filter(|kind| **kind != 0).count()
    }

    /// How many cells each block of coordinates has; none where there is one location for all.
    pub fn cells(&self) -> Option<&'a [u32]> {
        match self {
            Self::Float(_) | Self::Fixed(_) => None,
            Self::FloatCells(cells) => Some(cells.packed().cells),
            Self::FixedCells(cells) => Some(cells.packed().cells),
        }
    }

    /// The version of a file with it.
    pub(super) fn version(&self) -> u16 {
        if self.cells().is_some() { CELLS } else { FRAMED }
    }

    /// Refuses a network of other coordinates, in other numbers, or whose latent chooses among other cells.
    pub(super) fn check(&self, network: &Network<'a>) -> Result<(), ArtifactError> {
        use Network::{Egnn, Egnn8, Egnn16, Mlp, Mlp8, Mlp16};
        let header = network.header();
        let choosing = match (self, network) {
            (Self::Float(_), Mlp(network)) => *network.inputs().choices() == Choices::NONE,
            (Self::Fixed(_), Mlp16(network)) => *network.inputs().choices() == Choices::NONE,
            (Self::Fixed(_), Mlp8(network)) => *network.inputs().choices() == Choices::NONE,
            (Self::Float(_), Egnn(_)) | (Self::Fixed(_), Egnn16(_) | Egnn8(_)) => true,
            (Self::FloatCells(cells), Mlp(network)) => *network.inputs().choices() == cells.choices(),
            (Self::FixedCells(cells), Mlp16(network)) => *network.inputs().choices() == cells.choices(),
            (Self::FixedCells(cells), Mlp8(network)) => *network.inputs().choices() == cells.choices(),
            // Particles have no cells.
            (Self::FloatCells(_), Egnn(_)) | (Self::FixedCells(_), Egnn16(_) | Egnn8(_)) => false,
            _ => return Err(InvalidFrame::Numbers.into()),
        };
        if self.dim() != header.dim {
            return Err(InvalidFrame::Lengths.into());
        }
        let latent = match self {
            Self::FloatCells(cells) => cells.latent(),
            Self::FixedCells(cells) => cells.latent(),
            _ => header.latent,
        };
        if choosing && latent == header.latent { Ok(()) } else { Err(InvalidFrame::Choices.into()) }
    }

    /// That of a model of `dim` coordinates, in `f32` or in integers.
    pub(super) fn read(dim: usize, floats: bool, rest: &mut Reader<'a>) -> Result<Self, ArtifactError> {
        let &[flags, 0] = rest.slice(2)? else { return Err(ArtifactError::Reserved) };
        if flags & !(TRIANGLE | BOUNDS) != 0 {
            return Err(ArtifactError::Reserved);
        }
        let frame = if floats {
            let centre = rest.slice(dim)?;
            let factor = factor(flags, dim, rest)?;
            Self::Float(Frame::new(centre, factor, bounds(flags, dim, rest)?)?)
        } else {
            let centre = rest.slice(dim)?;
            let factor = factor(flags, dim, rest)?;
            let points = rest.slice(dim)?;
            Self::Fixed(fixed::Frame::new(centre, factor, points, bounds(flags, dim, rest)?)?)
        };
        // Bounds without an end are not written.
        if frame.flags() == flags { Ok(frame) } else { Err(ArtifactError::Reserved) }
    }

    /// Behind the network; cells are written before it.
    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), ArtifactError> {
        match self {
            Self::FloatCells(_) | Self::FixedCells(_) => Ok(()),
            Self::Float(frame) => {
                out.slice(&[self.flags(), 0])?;
                out.slice(frame.centre())?;
                out.slice(frame.factor().numbers())?;
                write_bounds(&frame.bounds(), out)
            }
            Self::Fixed(frame) => {
                out.slice(&[self.flags(), 0])?;
                out.slice(frame.centre())?;
                out.slice(frame.factor().numbers())?;
                out.slice(frame.points())?;
                write_bounds(&frame.bounds(), out)
            }
        }
    }

    fn flags(&self) -> u32 {
        let flag = |on: bool, flag: u32| if on { flag } else { 0 };
        flag(self.is_triangle(), TRIANGLE) | flag(self.bounded() > 0, BOUNDS)
    }
}

fn factor<'a, T: bytemuck::Pod>(flags: u32, dim: usize, rest: &mut Reader<'a>) -> Result<Factor<'a, T>, ArtifactError> {
    if flags & TRIANGLE == 0 {
        return rest.slice(dim).map(Factor::Diagonal);
    }
    rest.slice(triangle(dim).ok_or(ArtifactError::Sizes)?).map(Factor::Triangle)
}

pub(super) fn bounds<'a, T: bytemuck::Pod + PartialOrd + Default>(
    flags: u32,
    dim: usize,
    rest: &mut Reader<'a>,
) -> Result<Bounds<'a, T>, ArtifactError> {
    if flags & BOUNDS == 0 {
        return Ok(Bounds::NONE);
    }
    Ok(Bounds { kinds: rest.slice(dim)?, low: rest.slice(dim)?, high: rest.slice(dim)? })
}

pub(super) fn write_bounds<T: bytemuck::Pod + PartialOrd + Default>(
    bounds: &Bounds<'_, T>,
    out: &mut Writer<'_>,
) -> Result<(), ArtifactError> {
    if bounds.is_none() {
        return Ok(());
    }
    out.slice(bounds.kinds)?;
    out.slice(bounds.low)?;
    out.slice(bounds.high)
}
