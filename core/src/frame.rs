//! From the whitened coordinates u that a generator gives to the coordinates x of its energy: x = φ(m + L u).
//!
//! m is a location of d numbers and L a diagonal or a lower triangle with a positive diagonal: in coordinates u the energy has
//! about mean 0 and covariance 1, whatever its own scales are. φ acts on each y = m + L u by itself and keeps a [`Bound`]:
//!
//! | ends | x |
//! |---|---|
//! | none | y |
//! | lower | low + e^y |
//! | upper | high − e^y |
//! | both | low + (high − low)/(1 + e^−y) |
//!
//! With both ends the share of the nearer end is computed, so that x is exact near either. No x is outside its ends; where e^y
//! or that share is lost beside an end, x is that end.
//!
//! [`fixed::Frame`](crate::fixed::Frame) is the same in integers; [`cells`](crate::cells) have several locations and whitenings.

use crate::Scalar;

/// Where a coordinate may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Bound<T> {
    /// Anywhere.
    None,
    /// Above a lower end.
    Low(T),
    /// Below an upper end.
    High(T),
    /// Between two ends.
    Both {
        /// The lower.
        low: T,
        /// The upper.
        high: T,
    },
}

impl<T: Copy> Bound<T> {
    /// What a file says of it: 0 no end, 1 a lower, 2 an upper, 3 both.
    pub const fn kind(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Low(_) => 1,
            Self::High(_) => 2,
            Self::Both { .. } => 3,
        }
    }

    /// That of a kind from 0 to 3; ends that the kind does not have are ignored.
    pub const fn of(kind: u8, low: T, high: T) -> Option<Self> {
        Some(match kind {
            0 => Self::None,
            1 => Self::Low(low),
            2 => Self::High(high),
            3 => Self::Both { low, high },
            _ => return None,
        })
    }
}

/// An x within a bound, as the free y says, and how it changes with y.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mapped<S> {
    /// x = φ(y).
    pub x: S,
    /// dx/dy.
    pub slope: S,
    /// log |dx/dy|.
    pub log_slope: S,
    /// Its derivative by y.
    pub log_slope_slope: S,
}

impl<T> Bound<T> {
    /// The allowed x that a free y stands for, its slope, and the logarithm of that with its derivative.
    #[inline(always)]
    pub fn map<S: Scalar<Real = T>>(self, y: S) -> Mapped<S> {
        let (zero, one) = (S::zero(), S::one());
        match self {
            Self::None => Mapped { x: y, slope: one, log_slope: zero, log_slope_slope: zero },
            Self::Low(low) => {
                let e = y.exp();
                Mapped { x: S::splat(low) + e, slope: e, log_slope: y, log_slope_slope: one }
            }
            Self::High(high) => {
                let e = y.exp();
                Mapped { x: S::splat(high) - e, slope: -e, log_slope: y, log_slope_slope: one }
            }
            Self::Both { low, high } => {
                let (low, high) = (S::splat(low), S::splat(high));
                // The share of the nearer end, at most a half, and that of the farther; e^−|y| is no subnormal number.
                let (width, e) = (high - low, (-y.abs()).exp());
                let (near, far) = (e / (one + e), one / (one + e));
                let (is_low, inside) = (y.lt(zero), width * near);
                Mapped {
                    x: S::select(is_low, low + inside, high - inside),
                    slope: inside * far,
                    // Where e is lost, the logarithm is not.
                    log_slope: width.ln() - y.abs() - S::constant(2.0) * (one + e).ln(),
                    log_slope_slope: S::select(is_low, far - near, near - far),
                }
            }
        }
    }
}

/// The bounds of all coordinates. Without any end all three are empty.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Bounds<'a, T> {
    /// What each coordinate has: see [`Bound::kind`].
    pub kinds: &'a [u8],
    /// The lower ends; 0 where there is none.
    pub low: &'a [T],
    /// The upper ends; 0 where there is none.
    pub high: &'a [T],
}

impl<'a, T: Copy + Default + PartialOrd> Bounds<'a, T> {
    /// No coordinate has an end.
    pub const NONE: Self = Self { kinds: &[], low: &[], high: &[] };

    /// Whether no coordinate has an end.
    pub fn is_none(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The bound of a coordinate.
    #[inline(always)]
    pub fn get(&self, coordinate: usize) -> Bound<T> {
        let kind = self.kinds.get(coordinate).copied().unwrap_or_default();
        let end = |ends: &[T]| ends.get(coordinate).copied().unwrap_or_default();
        Bound::of(kind, end(self.low), end(self.high)).unwrap_or(Bound::None)
    }

    /// Themselves for `dim` coordinates, [`Bounds::NONE`] where none has an end. `fits` says whether there is room between
    /// a lower and an upper end.
    pub(crate) fn checked(self, dim: usize, fits: impl Fn(T, T) -> bool) -> Result<Self, InvalidFrame> {
        let lengths = [self.kinds.len(), self.low.len(), self.high.len()];
        if lengths != [0; 3] && lengths != [dim; 3] {
            return Err(InvalidFrame::Lengths);
        }
        let zero = T::default();
        let all = self.kinds.iter().zip(self.low).zip(self.high).enumerate();
        for (coordinate, ((kind, low), high)) in all {
            // Ends that are not there are zeros, so that nothing can be written in two ways.
            let spare = (kind & 1 == 0 && *low != zero) || (kind & 2 == 0 && *high != zero);
            if *kind > 3 || spare {
                return Err(InvalidFrame::Kind { coordinate });
            }
            if *kind == 3 && !(low < high && fits(*low, *high)) {
                return Err(InvalidFrame::Ends { coordinate });
            }
        }
        Ok(if self.kinds.iter().all(|kind| *kind == 0) { Self::NONE } else { self })
    }
}

/// L of m + L u.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Factor<'a, T> {
    /// Its diagonal, d numbers: the widths of the coordinates.
    Diagonal(&'a [T]),
    /// Its lower triangle with the diagonal, row by row, d (d + 1)/2 numbers.
    Triangle(&'a [T]),
}

/// How many numbers the lower triangle of d rows has.
pub const fn triangle(dim: usize) -> Option<usize> {
    let Some(after) = dim.checked_add(1) else { return None };
    // One of the two is even.
    if dim.is_multiple_of(2) { (dim / 2).checked_mul(after) } else { dim.checked_mul(after / 2) }
}

impl<'a, T: Copy> Factor<'a, T> {
    /// Its numbers.
    pub const fn numbers(&self) -> &'a [T] {
        match self {
            Self::Diagonal(numbers) | Self::Triangle(numbers) => numbers,
        }
    }

    /// Whether it has as many numbers as `dim` coordinates need.
    pub(crate) fn is_of(&self, dim: usize) -> bool {
        let needed = match self {
            Self::Diagonal(_) => Some(dim),
            Self::Triangle(_) => triangle(dim),
        };
        needed == Some(self.numbers().len())
    }

    /// The numbers of a row and the first coordinate that they are for: the last is the diagonal's. Of a checked factor.
    #[inline(always)]
    pub(crate) fn row(&self, row: usize) -> (&'a [T], usize) {
        match self {
            Self::Diagonal(numbers) => (&numbers[row..=row], row),
            Self::Triangle(numbers) => (&numbers[row * (row + 1) / 2..][..=row], 0),
        }
    }
}

/// A number of a centre and Σ l u of a row, whose products are summed in their order before that number comes.
#[inline(always)]
pub(crate) fn located<S: Scalar<Real = f32>>(centre: f32, row: &[f32], u: impl Iterator<Item = S>) -> S {
    let products = row.iter().zip(u).map(|(l, u)| S::splat(*l) * u);
    S::splat(centre) + products.fold(S::zero(), |sum, product| sum + product)
}

/// Why numbers do not make a frame, or cells. Coordinates and blocks are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum InvalidFrame {
    /// There is no coordinate, or something else than one number, one row or one bound for each; or the generator has
    /// other coordinates.
    Lengths,
    /// In `f32` for a generator in integers, or in integers for one in `f32`.
    Numbers,
    /// A number is infinite or none.
    NotFinite,
    /// A diagonal number is not positive.
    Diagonal {
        /// The coordinate.
        coordinate: usize,
    },
    /// A kind of bound is none of four, or an end that it does not have is not 0.
    Kind {
        /// The coordinate.
        coordinate: usize,
    },
    /// The lower end is not below the upper one, or so far below that no number tells how far.
    Ends {
        /// The coordinate.
        coordinate: usize,
    },
    /// Of cells: a coordinate is in two blocks, or in none.
    Coordinates,
    /// Of cells: a block has no coordinate, or no cell.
    Block {
        /// The block.
        block: usize,
    },
    /// Of cells: the thresholds of a block do not rise.
    Thresholds {
        /// The block.
        block: usize,
    },
    /// The network's latent numbers choose among cells, and these are others or none.
    Choices,
    /// In integers: a row's sum of products can overflow.
    Overflow {
        /// The coordinate.
        coordinate: usize,
    },
    /// In integers: a row's binary point is too large.
    Point {
        /// The coordinate.
        coordinate: usize,
    },
}

impl core::fmt::Display for InvalidFrame {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Lengths => f.write_str("the frame is not of as many coordinates as the generator"),
            Self::Numbers => f.write_str("the frame is not in the numbers of the generator, floats or integers"),
            Self::NotFinite => f.write_str("the frame holds numbers that are not finite"),
            Self::Diagonal { coordinate } => write!(f, "the frame's factor is not positive at coordinate {coordinate}"),
            Self::Kind { coordinate } => write!(f, "coordinate {coordinate} has no kind of bound that there is"),
            Self::Ends { coordinate } => write!(f, "coordinate {coordinate} has no room between its two ends"),
            Self::Coordinates => f.write_str("a coordinate is in two of the cells' blocks, or in none"),
            Self::Block { block } => write!(f, "block {block} of the cells has no coordinate, or no cell"),
            Self::Thresholds { block } => write!(f, "the thresholds among the cells of block {block} do not rise"),
            Self::Choices => f.write_str("the network's latent does not choose among the cells that there are"),
            Self::Overflow { coordinate } => write!(f, "the frame's row {coordinate} has sums that can overflow"),
            Self::Point { coordinate } => write!(f, "the frame's row {coordinate} has a binary point out of its range"),
        }
    }
}

impl core::error::Error for InvalidFrame {}

/// A checked map from u to x that borrows its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Frame<'a> {
    centre: &'a [f32],
    factor: Factor<'a, f32>,
    bounds: Bounds<'a, f32>,
}

impl<'a> Frame<'a> {
    /// The map x = φ(`centre` + `factor` u), φ of `bounds`. Reads every number.
    ///
    /// # Errors
    /// If the lengths are not those of as many coordinates as `centre` has, a number is not finite, a diagonal number not
    /// positive, or a bound is none.
    pub fn new(centre: &'a [f32], factor: Factor<'a, f32>, bounds: Bounds<'a, f32>) -> Result<Self, InvalidFrame> {
        let dim = centre.len();
        if dim == 0 || !factor.is_of(dim) {
            return Err(InvalidFrame::Lengths);
        }
        let mut numbers = [centre, factor.numbers(), bounds.low, bounds.high].into_iter().flatten();
        if !numbers.all(|x| x.is_finite()) {
            return Err(InvalidFrame::NotFinite);
        }
        let positive = |row: &usize| factor.row(*row).0.last().is_some_and(|x| *x > 0.0);
        if let Some(coordinate) = (0..dim).find(|row| !positive(row)) {
            return Err(InvalidFrame::Diagonal { coordinate });
        }
        let bounds = bounds.checked(dim, |low, high| (high - low).is_finite())?;
        Ok(Self { centre, factor, bounds })
    }

    /// How many coordinates it is of.
    pub fn dim(&self) -> usize {
        self.centre.len()
    }

    /// m.
    pub fn centre(&self) -> &'a [f32] {
        self.centre
    }

    /// L.
    pub fn factor(&self) -> Factor<'a, f32> {
        self.factor
    }

    /// The bounds of x.
    pub fn bounds(&self) -> Bounds<'a, f32> {
        self.bounds
    }

    /// Coordinate `row` of y = m + L u. Products are summed in the order of the coordinates, then comes m.
    ///
    /// # Panics
    /// If there is no such row, or `u` has fewer coordinates than the row needs.
    #[inline]
    pub fn located<S: Scalar<Real = f32>>(&self, row: usize, u: &[S]) -> S {
        let (numbers, first) = self.factor.row(row);
        located(self.centre[row], numbers, u[first..].iter().copied())
    }

    /// Turns u into x, in place; coordinates that `u` lacks are left out.
    #[inline]
    pub fn apply<S: Scalar<Real = f32>>(&self, u: &mut [S]) {
        // From the last row to the first: a row needs the coordinates before it as they were.
        for row in (0..self.dim().min(u.len())).rev() {
            u[row] = self.bounds.get(row).map(self.located(row, u)).x;
        }
    }

    /// A gradient by u from one by y, Lᵀ ∇, of as many coordinates as there are rows.
    #[inline]
    pub fn pull_back<S: Scalar<Real = f32>>(&self, by_y: &[S], by_u: &mut [S]) {
        by_u.fill(S::zero());
        for (row, slope) in by_y.iter().enumerate().take(self.dim()) {
            let (numbers, first) = self.factor.row(row);
            by_u.iter_mut().skip(first).zip(numbers).for_each(|(g, l)| *g += S::splat(*l) * *slope);
        }
    }
}
