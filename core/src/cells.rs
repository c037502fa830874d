//! From the numbers v that a generator gives to the coordinates x of its energy where those have several locations: coordinates in
//! blocks, a block in cells, each with a location and a whitening of its own.
//!
//! Of a block with the coordinates i_1 … i_d a cell k has a centre of d numbers and a lower triangle L with a positive diagonal:
//!
//! y_(i_r) = m_r + Σ_(s ≤ r) L_rs v_(i_s), x_i = φ_i(y_i)
//!
//! with the bounds φ of [`crate::frame`]. A block of more than one cell has a latent number of its own, behind the first `dim`: its
//! cell is how many of the block's thresholds lie below that number. The shares of the cells are those of the normal distribution
//! between the thresholds. One block of one cell is a [`Frame`](crate::frame::Frame), to the bit.
//!
//! [`fixed::Cells`](crate::fixed::Cells) is the same in integers.

use num_traits::Bounded;

use crate::frame::{Bounds, InvalidFrame, located, triangle};

/// The latent numbers that choose among the cells of blocks, and where they change from one to the next.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Choices<'a, T> {
    cells: &'a [u32],
    thresholds: &'a [T],
    numbers: usize,
}

impl<'a, T> Choices<'a, T> {
    /// No number chooses.
    pub const NONE: Self = Self { cells: &[], thresholds: &[], numbers: 0 };

    /// How many numbers choose: one for each block of more than one cell.
    pub const fn numbers(&self) -> usize {
        self.numbers
    }

    /// All thresholds, those of one number after those of another.
    pub const fn thresholds(&self) -> &'a [T] {
        self.thresholds
    }

    /// The thresholds of each number.
    pub fn lists(&self) -> impl Iterator<Item = &'a [T]> + use<'a, T> {
        let mut rest = self.thresholds;
        let choosing = self.cells.iter().filter(|cells| **cells > 1);
        choosing.map(move |cells| cut(&mut rest, *cells as usize - 1))
    }
}

impl<T: PartialEq> PartialEq for Choices<'_, T> {
    /// Blocks of one cell choose nothing.
    fn eq(&self, other: &Self) -> bool {
        self.lists().eq(other.lists())
    }
}

impl<'a, T: Copy + PartialOrd + Bounded> Choices<'a, T> {
    /// Those of blocks with so many `cells` each; a block has one threshold less than cells. [`Choices::NONE`] where each has one.
    ///
    /// # Errors
    /// If a block has no cell, there are other thresholds than that, or those of a block are not finite or do not rise.
    pub fn new(cells: &'a [u32], thresholds: &'a [T]) -> Result<Self, InvalidFrame> {
        if let Some(block) = cells.iter().position(|cells| *cells == 0) {
            return Err(InvalidFrame::Block { block });
        }
        let needed = cells.iter().try_fold(0_usize, |sum, cells| sum.checked_add(*cells as usize - 1));
        if needed != Some(thresholds.len()) {
            return Err(InvalidFrame::Lengths);
        }
        if !thresholds.iter().all(|c| T::min_value() <= *c && *c <= T::max_value()) {
            return Err(InvalidFrame::NotFinite);
        }
        let mut rest = thresholds;
        let falls = |cells: &u32| cut(&mut rest, *cells as usize - 1).windows(2).any(|pair| pair[0] >= pair[1]);
        if let Some(block) = cells.iter().position(falls) {
            return Err(InvalidFrame::Thresholds { block });
        }
        match cells.iter().filter(|cells| **cells > 1).count() {
            0 => Ok(Self::NONE),
            numbers => Ok(Self { cells, thresholds, numbers }),
        }
    }
}

/// The first `n` of what is left, or all of it.
fn cut<'a, T>(rest: &mut &'a [T], n: usize) -> &'a [T] {
    let (first, others) = rest.split_at(n.min(rest.len()));
    *rest = others;
    first
}

/// The numbers of cells, those of a block after those of the one before it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Packed<'a, T> {
    /// How many coordinates each block has.
    pub sizes: &'a [u32],
    /// How many cells each block has.
    pub cells: &'a [u32],
    /// Which coordinates, counted from 0: each is in one block.
    pub coordinates: &'a [u32],
    /// Where one cell of a block ends and the next begins: see [`Choices`].
    pub thresholds: &'a [T],
    /// Of each cell as many numbers as its block has coordinates.
    pub centres: &'a [T],
    /// Of each cell a lower triangle with the diagonal, row by row.
    pub factors: &'a [T],
    /// The bounds of all coordinates, in their own order: those of a block hold for all of its cells.
    pub bounds: Bounds<'a, T>,
}

/// How many numbers blocks have together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub coordinates: usize,
    pub thresholds: usize,
    pub centres: usize,
    pub factors: usize,
}

impl Counts {
    /// Of blocks of so many coordinates and cells; none where that cannot be counted.
    pub fn of(sizes: &[u32], cells: &[u32]) -> Option<Self> {
        let none = Self { coordinates: 0, thresholds: 0, centres: 0, factors: 0 };
        sizes.iter().zip(cells).try_fold(none, |sum, (size, cells)| {
            let (size, cells) = (*size as usize, *cells as usize);
            Some(Self {
                coordinates: sum.coordinates.checked_add(size)?,
                thresholds: sum.thresholds.checked_add(cells.saturating_sub(1))?,
                centres: sum.centres.checked_add(size.checked_mul(cells)?)?,
                factors: sum.factors.checked_add(triangle(size)?.checked_mul(cells)?)?,
            })
        })
    }
}

/// The numbers of one block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'a, T> {
    pub coordinates: &'a [u32],
    pub thresholds: &'a [T],
    pub centres: &'a [T],
    pub factors: &'a [T],
    /// Where its centres begin among those of all blocks.
    pub first: usize,
}

/// A row of a cell: a coordinate, its number of the centre, and those of the factor with the diagonal's last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a, T> {
    pub coordinate: usize,
    pub centre: T,
    pub numbers: &'a [T],
    /// Where its number of the centre stands among those of all blocks.
    pub at: usize,
}

impl<'a, T: Copy + PartialOrd> Block<'a, T> {
    /// The cell that the latent number next in turn says; of a block of one cell no number is taken.
    #[inline]
    pub fn chosen<'z>(&self, numbers: &mut impl Iterator<Item = &'z T>) -> usize
    where
        T: 'z,
    {
        if self.thresholds.is_empty() {
            return 0;
        }
        numbers.next().map_or(0, |z| self.thresholds.iter().take_while(|c| z > *c).count())
    }

    /// The rows of a cell from the last to the first: a row needs those before it as they were. Of checked numbers.
    #[inline]
    pub fn rows(&self, cell: usize) -> impl Iterator<Item = Row<'a, T>> + use<'a, T> {
        let size = self.coordinates.len();
        let (coordinates, from) = (self.coordinates, self.first + cell * size);
        let centres = &self.centres[cell * size..][..size];
        let whole = size * (size + 1) / 2;
        let factors = &self.factors[cell * whole..][..whole];
        (0..size).rev().map(move |row| Row {
            coordinate: coordinates[row] as usize,
            centre: centres[row],
            numbers: &factors[row * (row + 1) / 2..][..=row],
            at: from + row,
        })
    }
}

impl<'a, T: Copy + PartialOrd + Bounded + Default> Packed<'a, T> {
    /// The blocks, one after the other. Of checked numbers.
    #[inline]
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Block<'a, T>> + use<'a, T> {
        let Self { sizes, cells, mut coordinates, mut thresholds, mut centres, mut factors, .. } = *self;
        let mut next = 0;
        sizes.iter().zip(cells).map(move |(size, cells)| {
            let (size, cells) = (*size as usize, *cells as usize);
            let first = next;
            next += size * cells;
            Block {
                coordinates: cut(&mut coordinates, size),
                thresholds: cut(&mut thresholds, cells - 1),
                centres: cut(&mut centres, size * cells),
                factors: cut(&mut factors, size * (size + 1) / 2 * cells),
                first,
            }
        })
    }

    /// Themselves, with what chooses, if every row passes `row` too.
    pub(crate) fn checked(
        self,
        ends: impl Fn(T, T) -> bool,
        row: impl Fn(Row<'a, T>) -> Result<(), InvalidFrame>,
    ) -> Result<(Self, Choices<'a, T>), InvalidFrame> {
        let Self { sizes, cells, coordinates, .. } = self;
        if sizes.is_empty() || sizes.len() != cells.len() {
            return Err(InvalidFrame::Lengths);
        }
        if let Some(block) = sizes.iter().zip(cells).position(|(size, cells)| *size == 0 || *cells == 0) {
            return Err(InvalidFrame::Block { block });
        }
        let found = Counts {
            coordinates: coordinates.len(),
            thresholds: self.thresholds.len(),
            centres: self.centres.len(),
            factors: self.factors.len(),
        };
        if Counts::of(sizes, cells) != Some(found) {
            return Err(InvalidFrame::Lengths);
        }
        let mut numbers = [self.centres, self.factors, self.bounds.low, self.bounds.high].into_iter().flatten();
        if !numbers.all(|x| T::min_value() <= *x && *x <= T::max_value()) {
            return Err(InvalidFrame::NotFinite);
        }
        // As many as there are, each below that number, and none twice: each is there.
        let once = |(at, i): (usize, &u32)| (*i as usize) < coordinates.len() && !coordinates[..at].contains(i);
        if !coordinates.iter().enumerate().all(once) {
            return Err(InvalidFrame::Coordinates);
        }
        let choices = Choices::new(cells, self.thresholds)?;
        for (block, cells) in self.blocks().zip(cells) {
            for held in (0..*cells as usize).flat_map(|cell| block.rows(cell)) {
                if held.numbers.last().is_none_or(|x| *x <= T::default()) {
                    return Err(InvalidFrame::Diagonal { coordinate: held.coordinate });
                }
                row(held)?;
            }
        }
        let bounds = self.bounds.checked(coordinates.len(), ends)?;
        Ok((Self { bounds, ..self }, choices))
    }
}

/// A checked map from v to x that borrows its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cells<'a> {
    packed: Packed<'a, f32>,
    choices: Choices<'a, f32>,
}

impl<'a> Cells<'a> {
    /// The map of these numbers, all of which are read; coordinates are held against each other, n²/2 comparisons.
    ///
    /// # Errors
    /// If a block has no coordinate or no cell, the lengths are not those that sizes and cells say, a coordinate is in two blocks or
    /// in none, a number is not finite, a diagonal number not positive, thresholds do not rise, or a bound is none.
    pub fn new(packed: Packed<'a, f32>) -> Result<Self, InvalidFrame> {
        let (packed, choices) = packed.checked(|low, high| (high - low).is_finite(), |_| Ok(()))?;
        Ok(Self { packed, choices })
    }

    /// How many coordinates it is of.
    pub fn dim(&self) -> usize {
        self.packed.coordinates.len()
    }

    /// How many latent numbers there are: coordinates, and numbers that choose.
    pub fn latent(&self) -> usize {
        self.dim() + self.choices.numbers()
    }

    /// Its numbers.
    pub fn packed(&self) -> Packed<'a, f32> {
        self.packed
    }

    /// What chooses.
    pub fn choices(&self) -> Choices<'a, f32> {
        self.choices
    }

    /// Turns v into x, in place; `z` is the latent. Of longer slices the first [`Cells::dim`] and [`Cells::latent`] numbers count,
    /// shorter ones are left as they are. Products are summed in the order of the block's coordinates, then comes the centre.
    pub fn apply(&self, z: &[f32], v: &mut [f32]) {
        let (Some(v), Some(choosing)) = (v.get_mut(..self.dim()), z.get(self.dim()..self.latent())) else { return };
        let mut choosing = choosing.iter();
        for block in self.packed.blocks() {
            for row in block.rows(block.chosen(&mut choosing)) {
                let y = located(row.centre, row.numbers, block.coordinates.iter().map(|i| v[*i as usize]));
                v[row.coordinate] = self.packed.bounds.get(row.coordinate).map(y).x;
            }
        }
    }
}
