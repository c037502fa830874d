//! The cells of a generator in its file: what takes the network's outputs v to the coordinates x of the energy where those have
//! several locations, in place of a frame (see [`kiln_core::cells`]).
//!
//! | what the file has | shape | what |
//! |---|---|---|
//! | text `blocks` | | how many blocks of coordinates there are |
//! | `blocks.B.coordinates` | (d) | which coordinates, counted from 0 |
//! | `blocks.B.centres` | (cells, d) | m of each cell |
//! | `blocks.B.factors` | (cells, d (d + 1)/2) | L of each cell, the lower triangle row by row |
//! | `blocks.bounds` | (dim, 3) | optional; as `frame.bounds`: see [`crate::frame`] |
//!
//! The thresholds are those of the generator, `cells.C.thresholds`, where C counts the blocks of more than one cell: see
//! [`GeneratorSpec::cells`].

use crate::frame::{COARSEST, Frame, FrameError, OwnedBounds};
use kiln_core::artifact::ModelFrame;
use kiln_core::cells::Packed;
use kiln_core::frame::{Bound, InvalidFrame, triangle};
use kiln_gpu::{Checkpoint, CheckpointError, GeneratorSpec};

const BLOCKS: &str = "blocks";
const BOUNDS: &str = "blocks.bounds";

/// Coordinates that share their cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Which, counted from 0, in the order of the rows.
    pub coordinates: Vec<usize>,
    /// Of each cell its centre and the rows of its lower triangle, one after the other.
    pub cells: Vec<(Vec<f32>, Vec<f32>)>,
}

/// Cells that own their numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Cells {
    sizes: Vec<u32>,
    cells: Vec<u32>,
    coordinates: Vec<u32>,
    thresholds: Vec<f32>,
    centres: Vec<f32>,
    factors: Vec<f32>,
    bounds: OwnedBounds,
}

impl Cells {
    /// Cells of blocks; `thresholds` are those of each block of more than one cell, in their order, one less than it has cells
    /// ([`GeneratorSpec::cells`]); `bounds` are one for each coordinate, or none where no coordinate has an end.
    ///
    /// # Errors
    /// If the numbers make no cells.
    pub fn new(blocks: &[Block], thresholds: &[Vec<f32>], bounds: &[Bound<f32>]) -> Result<Self, InvalidFrame> {
        let word = |n: usize| u32::try_from(n).map_err(|_| InvalidFrame::Lengths);
        let mut cells = Self {
            sizes: Vec::with_capacity(blocks.len()),
            cells: Vec::with_capacity(blocks.len()),
            coordinates: Vec::new(),
            thresholds: thresholds.concat(),
            centres: Vec::new(),
            factors: Vec::new(),
            bounds: OwnedBounds::of(bounds),
        };
        for block in blocks {
            let size = block.coordinates.len();
            cells.sizes.push(word(size)?);
            cells.cells.push(word(block.cells.len())?);
            for coordinate in &block.coordinates {
                cells.coordinates.push(word(*coordinate)?);
            }
            for (centre, rows) in &block.cells {
                if centre.len() != size || triangle(size) != Some(rows.len()) {
                    return Err(InvalidFrame::Lengths);
                }
                cells.centres.extend(centre);
                cells.factors.extend(rows);
            }
        }
        let view = cells.as_core()?;
        if !view.choices().lists().map(<[f32]>::len).eq(thresholds.iter().map(Vec::len)) {
            return Err(InvalidFrame::Choices);
        }
        if view.packed().bounds.is_none() {
            cells.bounds = OwnedBounds::default();
        }
        Ok(cells)
    }

    /// The cells of a generator of `dim` coordinates, if its file has some.
    ///
    /// # Errors
    /// If the file has parts of cells that make none, or a latent that chooses among cells without them.
    pub fn of_checkpoint(file: &Checkpoint, dim: usize) -> Result<Option<Self>, FrameError> {
        if !file.texts().contains_key(BLOCKS) {
            let chooses = file.tensor("cells.0.thresholds", &[]);
            let chooses = !matches!(chooses, Err(CheckpointError::Missing(_)));
            return if chooses { Err(CheckpointError::Missing(BLOCKS.into()).into()) } else { Ok(None) };
        }
        let thresholds = GeneratorSpec::from_checkpoint(file)?.cells;
        let mut blocks = Vec::new();
        for at in 0..file.parsed::<usize>(BLOCKS)? {
            let name = |part: &str| format!("{BLOCKS}.{at}.{part}");
            let coordinates = file.coordinates(&name("coordinates"))?;
            let size = coordinates.len();
            // Its shape says how many there are.
            let factors = triangle(size).ok_or(InvalidFrame::Lengths)?;
            let cells = file.rows(&name("centres"), size)?;
            let centres = file.tensor(&name("centres"), &[cells, size])?;
            let rows = file.tensor(&name("factors"), &[cells, factors])?;
            let pairs = centres.chunks_exact(size.max(1)).zip(rows.chunks_exact(factors.max(1)));
            let cells = pairs.map(|(centre, rows)| (centre.to_vec(), rows.to_vec())).collect();
            blocks.push(Block { coordinates, cells });
        }
        let cells = Self::new(&blocks, &thresholds, &OwnedBounds::read(file, BOUNDS, dim)?)?;
        if cells.dim() == dim { Ok(Some(cells)) } else { Err(InvalidFrame::Lengths.into()) }
    }

    /// Adds them to a generator's file that has no frame. Their thresholds are in it with the generator's shape.
    pub fn insert_into(&self, file: &mut Checkpoint) {
        file.insert_text(BLOCKS, self.sizes.len().to_string());
        for (at, block) in self.blocks().into_iter().enumerate() {
            let name = |part: &str| format!("{BLOCKS}.{at}.{part}");
            let (size, cells) = (block.coordinates.len(), block.cells.len());
            let (centres, rows): (Vec<_>, Vec<_>) = block.cells.into_iter().unzip();
            let coordinates = block.coordinates.iter().map(|i| *i as f32).collect();
            file.insert_tensor(name("coordinates"), vec![size], coordinates);
            file.insert_tensor(name("centres"), vec![cells, size], centres.concat());
            let rows = rows.concat();
            file.insert_tensor(name("factors"), vec![cells, rows.len() / cells.max(1)], rows);
        }
        self.bounds.insert_into(BOUNDS, file);
    }

    /// The checked view.
    ///
    /// # Errors
    /// None: they were checked when they were made.
    pub fn as_core(&self) -> Result<kiln_core::cells::Cells<'_>, InvalidFrame> {
        kiln_core::cells::Cells::new(Packed {
            sizes: &self.sizes,
            cells: &self.cells,
            coordinates: &self.coordinates,
            thresholds: &self.thresholds,
            centres: &self.centres,
            factors: &self.factors,
            bounds: self.bounds.view(),
        })
    }

    /// The blocks, as they were given.
    pub fn blocks(&self) -> Vec<Block> {
        let (mut coordinates, mut centres, mut factors) = (&self.coordinates[..], &self.centres[..], &self.factors[..]);
        let block = |(size, cells): (&u32, &u32)| {
            let (size, cells) = (*size as usize, *cells as usize);
            let own = cut(&mut coordinates, size).iter().map(|i| *i as usize).collect();
            let cell = |_| (cut(&mut centres, size).to_vec(), cut(&mut factors, size * (size + 1) / 2).to_vec());
            Block { coordinates: own, cells: (0..cells).map(cell).collect() }
        };
        self.sizes.iter().zip(&self.cells).map(block).collect()
    }

    /// How many coordinates they are of.
    pub fn dim(&self) -> usize {
        self.coordinates.len()
    }

    /// How many latent numbers their generator has.
    pub fn latent(&self) -> usize {
        self.dim() + self.cells.iter().filter(|cells| **cells > 1).count()
    }

    /// Samples (n, dim) of the energy from the latents (n, latent) and what the network gives for them (n, dim).
    ///
    /// # Errors
    /// None: they were checked when they were made.
    pub fn apply(&self, z: &[f32], mut v: Vec<f32>) -> Result<Vec<f32>, InvalidFrame> {
        let view = self.as_core()?;
        let rows = v.chunks_exact_mut(self.dim()).zip(z.chunks_exact(self.latent()));
        rows.for_each(|(v, z)| view.apply(z, v));
        Ok(v)
    }

    /// The first coordinate whose width in a cell is below what f32 tells apart at its location there, with both.
    pub fn coarse(&self) -> Option<(usize, [f32; 2])> {
        self.blocks().into_iter().find_map(|block| {
            block.cells.iter().find_map(|(centre, rows)| {
                let width = |row: usize| rows[row * (row + 1) / 2..][..=row].iter().map(|l| l * l).sum::<f32>().sqrt();
                let pairs = centre.iter().enumerate().map(|(row, centre)| (row, [*centre, width(row)]));
                let found = pairs.into_iter().find(|(_, [centre, width])| *width < COARSEST * centre.abs());
                found.map(|(row, pair)| (block.coordinates[row], pair))
            })
        })
    }
}

/// The first `n` of what is left.
fn cut<'a, T>(rest: &mut &'a [T], n: usize) -> &'a [T] {
    let (first, others) = rest.split_at(n.min(rest.len()));
    *rest = others;
    first
}

/// What takes a generator's outputs to the coordinates of its energy.
#[derive(Debug, Clone, PartialEq)]
pub enum Placement {
    /// One location and whitening for all.
    Frame(Frame),
    /// One for each cell.
    Cells(Cells),
}

impl Placement {
    /// That of a generator of `dim` coordinates, if its file has one.
    ///
    /// # Errors
    /// If the file has parts that make none, or both.
    pub fn of_checkpoint(file: &Checkpoint, dim: usize) -> Result<Option<Self>, FrameError> {
        match (Frame::of_checkpoint(file, dim)?, Cells::of_checkpoint(file, dim)?) {
            (None, None) => Ok(None),
            (Some(frame), None) => Ok(Some(Self::Frame(frame))),
            (None, Some(cells)) => Ok(Some(Self::Cells(cells))),
            (Some(_), Some(_)) => Err(FrameError::TwoMaps),
        }
    }

    /// Adds it to a generator's file.
    pub fn insert_into(&self, file: &mut Checkpoint) {
        match self {
            Self::Frame(frame) => frame.insert_into(file),
            Self::Cells(cells) => cells.insert_into(file),
        }
    }

    /// The checked view.
    ///
    /// # Errors
    /// None: it was checked when it was made.
    pub fn as_core(&self) -> Result<ModelFrame<'_>, InvalidFrame> {
        match self {
            Self::Frame(frame) => frame.as_core().map(ModelFrame::Float),
            Self::Cells(cells) => cells.as_core().map(ModelFrame::FloatCells),
        }
    }

    /// The frame, where it is one.
    pub fn frame(&self) -> Option<&Frame> {
        match self {
            Self::Frame(frame) => Some(frame),
            Self::Cells(_) => None,
        }
    }

    /// The cells, where it is some.
    pub fn cells(&self) -> Option<&Cells> {
        match self {
            Self::Frame(_) => None,
            Self::Cells(cells) => Some(cells),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
