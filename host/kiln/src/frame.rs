//! The frame of a generator in its file: what takes the network's outputs u to the coordinates x of the energy,
//! x = φ(m + L u) (see [`kiln_core::frame`]).
//!
//! | tensor | shape | what |
//! |---|---|---|
//! | `frame.centre` | (d) | m |
//! | `frame.factor` | (d, d) | L, a lower triangle with zeros above, or instead |
//! | `frame.widths` | (d) | L, a diagonal |
//! | `frame.bounds` | (d, 3) | optional; kind (0 no end, 1 a lower, 2 an upper, 3 both), lower end, upper end, 0 where there is none |

use kiln_core::frame::{Bound, Bounds, Factor, InvalidFrame, triangle};
use kiln_gpu::{Checkpoint, CheckpointError};

const CENTRE: &str = "frame.centre";
const FACTOR: &str = "frame.factor";
const WIDTHS: &str = "frame.widths";
const BOUNDS: &str = "frame.bounds";

/// A width of this part of the location has 512 steps of f32.
pub(crate) const COARSEST: f32 = 1.0 / 16_384.0;

/// Why a file holds no frame or cells, or numbers make none.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A tensor is missing, has another shape, or holds numbers that are not finite.
    #[error(transparent)]
    Tensor(#[from] CheckpointError),
    /// The numbers make no frame, or no cells.
    #[error(transparent)]
    Invalid(#[from] InvalidFrame),
    /// Both kinds of factor are there.
    #[error("it holds both `{FACTOR}` and `{WIDTHS}`")]
    TwoFactors,
    /// A frame and cells are both there.
    #[error("it holds both a frame and cells")]
    TwoMaps,
    /// The factor is no lower triangle.
    #[error("`{FACTOR}` is not zero above its diagonal")]
    NotTriangular,
}

/// A frame that owns its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    centre: Vec<f32>,
    factor: OwnedFactor,
    bounds: OwnedBounds,
}

/// Bounds of coordinates; empty where none has an end.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct OwnedBounds {
    kinds: Vec<u8>,
    low: Vec<f32>,
    high: Vec<f32>,
}

impl OwnedBounds {
    pub(crate) fn of(bounds: &[Bound<f32>]) -> Self {
        let ends = |bound: &Bound<f32>| match *bound {
            Bound::None => (0.0, 0.0),
            Bound::Low(low) => (low, 0.0),
            Bound::High(high) => (0.0, high),
            Bound::Both { low, high } => (low, high),
        };
        let (low, high) = bounds.iter().map(ends).unzip();
        Self { kinds: bounds.iter().map(|bound| bound.kind()).collect(), low, high }
    }

    pub(crate) fn view(&self) -> Bounds<'_, f32> {
        Bounds { kinds: &self.kinds, low: &self.low, high: &self.high }
    }

    /// Those of a file: a row for each coordinate, if there are any.
    pub(crate) fn read(file: &Checkpoint, name: &str, dim: usize) -> Result<Vec<Bound<f32>>, FrameError> {
        let rows = match file.tensor(name, &[dim, 3]) {
            Err(CheckpointError::Missing(_)) => return Ok(Vec::new()),
            found => found?.as_chunks::<3>().0,
        };
        let bounds =
            rows.iter().enumerate().map(|(coordinate, row)| bound(*row).ok_or(InvalidFrame::Kind { coordinate }));
        Ok(bounds.collect::<Result<_, _>>()?)
    }

    pub(crate) fn insert_into(&self, name: &str, file: &mut Checkpoint) {
        if !self.kinds.is_empty() {
            let ends = self.kinds.iter().zip(&self.low).zip(&self.high);
            let rows = ends.flat_map(|((kind, low), high)| [f32::from(*kind), *low, *high]).collect();
            file.insert_tensor(name, vec![self.kinds.len(), 3], rows);
        }
    }
}

/// L.
#[derive(Debug, Clone, PartialEq)]
enum OwnedFactor {
    Widths(Vec<f32>),
    Triangle(Vec<f32>),
}

impl Frame {
    /// The frame of a location and of widths, d numbers each; `bounds` are d, or none where no coordinate has an end.
    ///
    /// # Errors
    /// If the numbers make no frame.
    pub fn of_widths(centre: Vec<f32>, widths: Vec<f32>, bounds: &[Bound<f32>]) -> Result<Self, InvalidFrame> {
        Self::new(centre, OwnedFactor::Widths(widths), bounds)
    }

    /// The frame of a location and of a lower triangle row by row, d (d + 1)/2 numbers; `bounds` are d, or none where no
    /// coordinate has an end.
    ///
    /// # Errors
    /// If the numbers make no frame.
    pub fn of_triangle(centre: Vec<f32>, rows: Vec<f32>, bounds: &[Bound<f32>]) -> Result<Self, InvalidFrame> {
        Self::new(centre, OwnedFactor::Triangle(rows), bounds)
    }

    fn new(centre: Vec<f32>, factor: OwnedFactor, bounds: &[Bound<f32>]) -> Result<Self, InvalidFrame> {
        let mut frame = Self { centre, factor, bounds: OwnedBounds::of(bounds) };
        if frame.as_core()?.bounds().is_none() {
            frame.bounds = OwnedBounds::default();
        }
        Ok(frame)
    }

    /// The frame of a generator of `dim` coordinates, if its file has one.
    ///
    /// # Errors
    /// If the file has parts of a frame that make none.
    pub fn of_checkpoint(file: &Checkpoint, dim: usize) -> Result<Option<Self>, FrameError> {
        let tensor = |name: &str, shape: &[usize]| match file.tensor(name, shape) {
            Ok(numbers) => Ok(Some(numbers.to_vec())),
            Err(CheckpointError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        };
        let (centre, bounds) = (tensor(CENTRE, &[dim])?, OwnedBounds::read(file, BOUNDS, dim)?);
        let factor = match (tensor(FACTOR, &[dim, dim])?, tensor(WIDTHS, &[dim])?) {
            (None, None) if centre.is_none() && bounds.is_empty() => return Ok(None),
            (None, None) => return Err(CheckpointError::Missing(format!("{FACTOR}` or `{WIDTHS}")).into()),
            (Some(_), Some(_)) => return Err(FrameError::TwoFactors),
            (Some(square), None) => OwnedFactor::Triangle(packed(&square, dim)?),
            (None, Some(widths)) => OwnedFactor::Widths(widths),
        };
        let centre = centre.ok_or_else(|| CheckpointError::Missing(CENTRE.into()))?;
        Ok(Some(Self::new(centre, factor, &bounds)?))
    }

    /// Adds it to a generator's file, in place of another.
    pub fn insert_into(&self, file: &mut Checkpoint) {
        let dim = self.centre.len();
        file.insert_tensor(CENTRE, vec![dim], self.centre.clone());
        match &self.factor {
            OwnedFactor::Widths(widths) => file.insert_tensor(WIDTHS, vec![dim], widths.clone()),
            OwnedFactor::Triangle(rows) => {
                let mut square = vec![0.0; dim * dim];
                let mut rest = &rows[..];
                for (row, numbers) in square.chunks_exact_mut(dim).enumerate() {
                    let (held, others) = rest.split_at(row + 1);
                    numbers[..=row].copy_from_slice(held);
                    rest = others;
                }
                file.insert_tensor(FACTOR, vec![dim, dim], square);
            }
        }
        self.bounds.insert_into(BOUNDS, file);
    }

    /// The checked view.
    ///
    /// # Errors
    /// None: it was checked when it was made.
    pub fn as_core(&self) -> Result<kiln_core::frame::Frame<'_>, InvalidFrame> {
        let factor = match &self.factor {
            OwnedFactor::Widths(widths) => Factor::Diagonal(widths),
            OwnedFactor::Triangle(rows) => Factor::Triangle(rows),
        };
        kiln_core::frame::Frame::new(&self.centre, factor, self.bounds.view())
    }

    /// The first coordinate whose width is below what f32 tells apart at its location, with both.
    pub fn coarse(&self) -> Option<(usize, [f32; 2])> {
        let width = |row: usize| match &self.factor {
            OwnedFactor::Widths(widths) => widths[row],
            OwnedFactor::Triangle(rows) => {
                rows[row * (row + 1) / 2..][..=row].iter().map(|l| l * l).sum::<f32>().sqrt()
            }
        };
        let pairs = self.centre.iter().enumerate().map(|(row, centre)| (row, [*centre, width(row)]));
        pairs.into_iter().find(|(_, [centre, width])| *width < COARSEST * centre.abs())
    }

    /// m.
    pub fn centre(&self) -> &[f32] {
        &self.centre
    }

    /// L, whole rows (d, d).
    pub fn lower(&self) -> Vec<f64> {
        let dim = self.dim();
        let mut square = vec![0.0; dim * dim];
        match &self.factor {
            OwnedFactor::Widths(widths) => {
                widths.iter().enumerate().for_each(|(row, width)| square[row * dim + row] = f64::from(*width));
            }
            OwnedFactor::Triangle(rows) => {
                for row in 0..dim {
                    let held = &rows[row * (row + 1) / 2..][..=row];
                    square[row * dim..].iter_mut().zip(held).for_each(|(to, l)| *to = f64::from(*l));
                }
            }
        }
        square
    }

    /// The bound of a coordinate.
    pub fn bound(&self, coordinate: usize) -> Bound<f32> {
        self.bounds.view().get(coordinate)
    }

    /// How many coordinates it is of.
    pub fn dim(&self) -> usize {
        self.centre.len()
    }
}

/// The lower triangle of a square matrix, row by row.
fn packed(square: &[f32], dim: usize) -> Result<Vec<f32>, FrameError> {
    let mut rows = Vec::with_capacity(triangle(dim).unwrap_or_default());
    for (row, numbers) in square.chunks_exact(dim.max(1)).enumerate() {
        let (held, above) = numbers.split_at(row + 1);
        if above.iter().any(|x| *x != 0.0) {
            return Err(FrameError::NotTriangular);
        }
        rows.extend(held);
    }
    Ok(rows)
}

/// The bound of a row of the file; none where it is none.
fn bound([kind, low, high]: [f32; 3]) -> Option<Bound<f32>> {
    let known = [0.0, 1.0, 2.0, 3.0].iter().position(|known| *known == kind)?;
    let bound = Bound::of(known as u8, low, high)?;
    let spare = |end: f32, has: bool| !has && end != 0.0;
    let spared = spare(low, known & 1 != 0) || spare(high, known & 2 != 0);
    (!spared).then_some(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: [Bound<f32>; 4] =
        [Bound::None, Bound::Low(-1.5), Bound::High(2.5), Bound::Both { low: -1.0, high: 0.25 }];

    fn frames() -> [Frame; 3] {
        let centre = vec![1.0, -2.0, 3.0, 0.5];
        let rows = vec![1.5, 0.25, 0.5, -1.0, 2.0, 3.0, 0.0, 0.125, -4.0, 0.75];
        [
            Frame::of_triangle(centre.clone(), rows.clone(), &BOUND).unwrap(),
            Frame::of_widths(centre.clone(), vec![1.5, 0.5, 3.0, 0.75], &BOUND).unwrap(),
            Frame::of_triangle(centre, rows, &[Bound::None; 4]).unwrap(),
        ]
    }

    fn file(frame: &Frame) -> Checkpoint {
        let mut file = Checkpoint::new();
        frame.insert_into(&mut file);
        Checkpoint::from_bytes(&file.to_bytes()).unwrap()
    }

    #[test]
    fn frames_are_read_as_they_were_written() {
        for frame in frames() {
            let read = Frame::of_checkpoint(&file(&frame), 4).unwrap().unwrap();
            assert_eq!(read, frame);
            assert_eq!(read.as_core().unwrap(), frame.as_core().unwrap());
            assert_eq!(read.dim(), 4);
        }
        assert_eq!(Frame::of_checkpoint(&Checkpoint::new(), 4).unwrap(), None);
        let square = file(&frames()[0]);
        let expected = [1.5, 0.0, 0.0, 0.0, 0.25, 0.5, 0.0, 0.0, -1.0, 2.0, 3.0, 0.0, 0.0, 0.125, -4.0, 0.75];
        assert_eq!(square.tensor(FACTOR, &[4, 4]).unwrap(), expected);
        assert!(file(&frames()[2]).tensor(BOUNDS, &[4, 3]).is_err(), "nothing to keep");
        let kept = [0.0, 0.0, 0.0, 1.0, -1.5, 0.0, 2.0, 0.0, 2.5, 3.0, -1.0, 0.25];
        assert_eq!(square.tensor(BOUNDS, &[4, 3]).unwrap(), kept);
    }

    #[test]
    fn widths_that_f32_cannot_hold_are_told() {
        let far = |centre: f32| Frame::of_triangle(vec![0.0, centre], vec![1.0, 0.6, 0.8], &[]).unwrap();
        assert_eq!(far(1e4).coarse(), None);
        assert_eq!(far(-1e5).coarse(), Some((1, [-1e5, 1.0])));
        let widths = Frame::of_widths(vec![3.0, 0.0], vec![1e-4, 1e-9], &[]).unwrap();
        assert_eq!(widths.coarse(), Some((0, [3.0, 1e-4])));
    }

    #[test]
    fn parts_that_make_no_frame_are_refused() {
        let refused = |change: &dyn Fn(&mut Checkpoint), why: &str| {
            let mut file = file(&frames()[0]);
            change(&mut file);
            let error = Frame::of_checkpoint(&file, 4).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        };
        let bounds = |at: usize, value: f32| {
            move |file: &mut Checkpoint| {
                let mut rows = file.tensor(BOUNDS, &[4, 3]).unwrap().to_vec();
                rows[at] = value;
                file.insert_tensor(BOUNDS, vec![4, 3], rows);
            }
        };
        let square = |at: usize, value: f32| {
            move |file: &mut Checkpoint| {
                let mut rows = file.tensor(FACTOR, &[4, 4]).unwrap().to_vec();
                rows[at] = value;
                file.insert_tensor(FACTOR, vec![4, 4], rows);
            }
        };
        refused(&square(2, 1e-3), "not zero above its diagonal");
        refused(&square(5, 0.0), "not positive at coordinate 1");
        refused(&square(4, f32::NAN), "`frame.factor` holds numbers that are not finite");
        refused(&bounds(0, 4.0), "coordinate 0 has no kind of bound");
        refused(&bounds(3, 0.5), "coordinate 1 has no kind of bound");
        refused(&bounds(5, 1.0), "coordinate 1 has no kind of bound");
        refused(&bounds(10, 0.25), "coordinate 3 has no room");
        refused(&|file| file.insert_tensor(CENTRE, vec![5], vec![0.0; 5]), "`frame.centre` has shape [5], not [4]");
        refused(&|file| file.insert_tensor(WIDTHS, vec![4], vec![1.0; 4]), "both `frame.factor` and `frame.widths`");
        let mut lone = Checkpoint::new();
        lone.insert_tensor(CENTRE, vec![4], vec![0.0; 4]);
        let error = Frame::of_checkpoint(&lone, 4).unwrap_err().to_string();
        assert_eq!(error, "`frame.factor` or `frame.widths` is missing");
        let mut lone = Checkpoint::new();
        lone.insert_tensor(WIDTHS, vec![4], vec![1.0; 4]);
        assert_eq!(Frame::of_checkpoint(&lone, 4).unwrap_err().to_string(), "`frame.centre` is missing");
    }
}
