//! The frame of a model, in views and in bytes.

use super::bytes::{Reader, Writer};
use super::{ArtifactError, Format};
use crate::fixed;
use crate::frame::{Bounds, Factor, Frame, InvalidFrame, triangle};

/// Flag of a frame: L is a lower triangle.
const TRIANGLE: u32 = 1;
/// A coordinate has an end.
const BOUNDS: u32 = 2;

/// What takes a network's outputs to the coordinates of a sample, in the model's numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ModelFrame<'a> {
    /// In `f32`.
    Float(Frame<'a>),
    /// In integers.
    Fixed(fixed::Frame<'a>),
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

impl<'a> ModelFrame<'a> {
    /// How many coordinates it is of.
    pub fn dim(&self) -> usize {
        match self {
            Self::Float(frame) => frame.dim(),
            Self::Fixed(frame) => frame.dim(),
        }
    }

    /// Whether coordinates depend on each other: L is a triangle, not a diagonal.
    pub fn is_triangle(&self) -> bool {
        match self {
            Self::Float(frame) => matches!(frame.factor(), Factor::Triangle(_)),
            Self::Fixed(frame) => matches!(frame.factor(), Factor::Triangle(_)),
        }
    }

    /// How many coordinates have an end or two.
    pub fn bounded(&self) -> usize {
        let kinds = match self {
            Self::Float(frame) => frame.bounds().kinds,
            Self::Fixed(frame) => frame.bounds().kinds,
        };
        kinds.iter().filter(|kind| **kind != 0).count()
    }

    /// Refuses a model of other coordinates or in other numbers.
    pub(super) fn check(&self, dim: usize, format: Format) -> Result<(), ArtifactError> {
        if matches!(self, Self::Float(_)) != (format == Format::F32) {
            return Err(InvalidFrame::Numbers.into());
        }
        if self.dim() == dim { Ok(()) } else { Err(InvalidFrame::Lengths.into()) }
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

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), ArtifactError> {
        out.slice(&[self.flags(), 0])?;
        match self {
            Self::Float(frame) => {
                out.slice(frame.centre())?;
                out.slice(frame.factor().numbers())?;
                write_bounds(&frame.bounds(), out)
            }
            Self::Fixed(frame) => {
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

fn bounds<'a, T: bytemuck::Pod + PartialOrd + Default>(
    flags: u32,
    dim: usize,
    rest: &mut Reader<'a>,
) -> Result<Bounds<'a, T>, ArtifactError> {
    if flags & BOUNDS == 0 {
        return Ok(Bounds::NONE);
    }
    Ok(Bounds { kinds: rest.slice(dim)?, low: rest.slice(dim)?, high: rest.slice(dim)? })
}

fn write_bounds<T: bytemuck::Pod + PartialOrd + Default>(
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
