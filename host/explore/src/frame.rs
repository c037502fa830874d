//! Where a distribution lies and how wide it is: y = m + L u, with u of about unit width in every direction. Chains move in u.
//!
//! Particles whose energy does not change when all are moved together have their mean at the origin: u then has one
//! particle's coordinates less, in Helmert's orthonormal basis, and L is one width.

use kiln_core::symmetry::Symmetry;
use kiln_metrics::cholesky::Cholesky;

/// Correlations are shrunk by this much: a covariance from few states is never singular.
const SHRINKAGE: f64 = 0.05;
/// Up to so many coordinates correlations are taken out too, not widths alone.
const MOST_DENSE: usize = 256;

/// A location and a linear map.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// m.
    pub mean: Vec<f64>,
    shape: Shape,
}

/// L as it is written down.
#[derive(Debug, Clone, PartialEq)]
pub enum Factor {
    /// The widths of all coordinates.
    Widths(Vec<f64>),
    /// A lower triangle, row by row.
    Triangle(Vec<f64>),
}

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Diagonal(Vec<f64>),
    Dense(Cholesky),
    Particles { count: usize, dimensions: usize, width: f64 },
}

impl Frame {
    /// The origin and unit widths.
    pub fn identity(symmetry: Symmetry, dim: usize) -> Self {
        let shape = match symmetry {
            Symmetry::None => Shape::Diagonal(vec![1.0; dim]),
            Symmetry::Particles { count, dimensions } => Shape::Particles { count, dimensions, width: 1.0 },
        };
        Self { mean: vec![0.0; dim], shape }
    }

    /// Of states (n, dim), of which there must be at least two.
    pub fn of(symmetry: Symmetry, dim: usize, rows: &[f64]) -> Self {
        Self::of_blocks(symmetry, dim, rows, SHRINKAGE, &[])
    }

    /// The same with correlations shrunk by this much, and none between coordinates of different blocks. What is in no block
    /// is one of its own.
    pub fn of_blocks(symmetry: Symmetry, dim: usize, rows: &[f64], shrinkage: f64, blocks: &[Vec<usize>]) -> Self {
        let n = (rows.len() / dim) as f64;
        if let Symmetry::Particles { count, dimensions } = symmetry {
            let square: f64 = rows.iter().map(|x| x * x).sum();
            let width = (square / (n * (dim - dimensions) as f64)).sqrt();
            return Self { mean: vec![0.0; dim], shape: Shape::Particles { count, dimensions, width } };
        }
        let mut mean = vec![0.0; dim];
        for row in rows.chunks_exact(dim) {
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / n);
        }
        let mut width = vec![0.0; dim];
        for row in rows.chunks_exact(dim) {
            width.iter_mut().zip(row).zip(&mean).for_each(|((width, x), mean)| *width += (x - mean).powi(2) / n);
        }
        // A coordinate that never moved still has a width.
        width.iter_mut().zip(&mean).for_each(|(width, mean)| *width = width.sqrt().max(1e-12 * (1.0 + mean.abs())));
        let block: Vec<usize> =
            (0..dim).map(|at| blocks.iter().take_while(|block| !block.contains(&at)).count()).collect();
        if dim > MOST_DENSE || blocks.len() == dim {
            return Self { mean, shape: Shape::Diagonal(width) };
        }
        let mut covariance = vec![0.0; dim * dim];
        let mut centred = vec![0.0; dim];
        for row in rows.chunks_exact(dim) {
            centred.iter_mut().zip(row).zip(&mean).for_each(|((c, x), mean)| *c = x - mean);
            for (i, a) in centred.iter().enumerate() {
                let line = &mut covariance[i * dim..=i * dim + i];
                line.iter_mut().zip(&centred).for_each(|(sum, b)| *sum += (1.0 - shrinkage) * a * b / n);
            }
        }
        for i in 0..dim {
            (0..i).filter(|j| block[i] != block[*j]).for_each(|j| covariance[i * dim + j] = 0.0);
        }
        for (i, width) in width.iter().enumerate() {
            covariance[i * dim + i] = width * width;
        }
        match Cholesky::of(&covariance, dim) {
            Some(factor) => Self { mean, shape: Shape::Dense(factor) },
            None => Self { mean, shape: Shape::Diagonal(width) },
        }
    }

    /// L, over as many coordinates as y has. Of particles it is their width, for all of them.
    pub fn factor(&self) -> Factor {
        match &self.shape {
            Shape::Diagonal(widths) => Factor::Widths(widths.clone()),
            Shape::Dense(factor) => Factor::Triangle(factor.lower()),
            Shape::Particles { width, .. } => Factor::Widths(vec![*width; self.dim()]),
        }
    }

    /// Coordinates of y.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// Coordinates of u.
    pub fn free(&self) -> usize {
        match self.shape {
            Shape::Particles { count, dimensions, .. } => (count - 1) * dimensions,
            _ => self.mean.len(),
        }
    }

    /// log |det L|.
    pub fn log_volume(&self) -> f64 {
        match &self.shape {
            Shape::Diagonal(widths) => widths.iter().map(|width| width.ln()).sum(),
            Shape::Dense(factor) => factor.half_log_determinant(),
            Shape::Particles { width, .. } => self.free() as f64 * width.ln(),
        }
    }

    /// y = m + L u.
    pub fn place(&self, u: &[f64], y: &mut [f64]) {
        match &self.shape {
            Shape::Diagonal(widths) => y.iter_mut().zip(u).zip(widths).for_each(|((y, u), width)| *y = width * u),
            Shape::Dense(factor) => factor.multiply(u, y),
            Shape::Particles { count, dimensions, width } => {
                for axis in 0..*dimensions {
                    // The part that all earlier particles share of the later axes of the basis.
                    let mut shared = 0.0;
                    for i in (0..*count).rev() {
                        let own = if i == 0 { 0.0 } else { helmert(i) * u[(i - 1) * dimensions + axis] };
                        y[i * dimensions + axis] = width * (shared - i as f64 * own);
                        shared += own;
                    }
                }
            }
        }
        y.iter_mut().zip(&self.mean).for_each(|(y, mean)| *y += mean);
    }

    /// u of y: L⁻¹ (y - m).
    pub fn unplace(&self, y: &[f64], u: &mut [f64]) {
        match &self.shape {
            Shape::Diagonal(widths) => {
                let centred = y.iter().zip(&self.mean).map(|(y, mean)| y - mean);
                u.iter_mut().zip(centred).zip(widths).for_each(|((u, y), width)| *u = y / width);
            }
            Shape::Dense(factor) => {
                u.iter_mut().zip(y).zip(&self.mean).for_each(|((u, y), mean)| *u = y - mean);
                factor.solve(u);
            }
            Shape::Particles { width, .. } => {
                self.pull_back(y, u);
                u.iter_mut().for_each(|u| *u /= width * width);
            }
        }
    }

    /// A gradient by u from one by y: Lᵀ ∇.
    pub fn pull_back(&self, gradient: &[f64], out: &mut [f64]) {
        match &self.shape {
            Shape::Diagonal(widths) => {
                out.iter_mut().zip(gradient).zip(widths).for_each(|((out, g), width)| *out = width * g);
            }
            Shape::Dense(factor) => factor.multiply_transposed(gradient, out),
            Shape::Particles { count, dimensions, width } => {
                for axis in 0..*dimensions {
                    let mut before = gradient[axis];
                    for i in 1..*count {
                        let own = gradient[i * dimensions + axis];
                        out[(i - 1) * dimensions + axis] = width * helmert(i) * (before - i as f64 * own);
                        before += own;
                    }
                }
            }
        }
    }
}

/// 1/√(i (i + 1)).
fn helmert(i: usize) -> f64 {
    1.0 / ((i * (i + 1)) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_core::random::{Purpose, Randomness, Stream};

    fn rows(dim: usize, n: usize) -> Vec<f64> {
        let mut stream = Stream::new(1, Purpose::Test, dim as u64);
        let mut rows = vec![0.0; dim * n];
        stream.fill_normal(&mut rows);
        for row in rows.chunks_exact_mut(dim) {
            for i in 0..dim {
                row[i] = 3.0 * i as f64 + (1.0 + i as f64) * (row[i] + if i > 0 { 0.5 * row[0] } else { 0.0 });
            }
        }
        rows
    }

    #[test]
    fn whitened_states_have_unit_width_and_places_go_there_and_back() {
        let (dim, n) = (5, 4000);
        let rows = rows(dim, n);
        let frame = Frame::of(Symmetry::None, dim, &rows);
        let (mut u, mut y) = (vec![0.0; dim], vec![0.0; dim]);
        let mut squares = vec![0.0; dim];
        for row in rows.chunks_exact(dim) {
            frame.unplace(row, &mut u);
            frame.place(&u, &mut y);
            assert!(y.iter().zip(row).all(|(a, b)| (a - b).abs() < 1e-9), "{y:?} {row:?}");
            squares.iter_mut().zip(&u).for_each(|(sum, u)| *sum += u * u / n as f64);
        }
        assert!(squares.iter().all(|square| (square - 1.0).abs() < 0.1), "{squares:?}");
    }

    #[test]
    fn blocks_keep_their_own_correlations_and_have_none_with_others() {
        // Coordinates 1 to 4 all follow coordinate 0.
        let (dim, rows) = (5, rows(5, 4000));
        let entry = |frame: &Frame, i: usize, j: usize| match frame.factor() {
            Factor::Triangle(numbers) => numbers[i * (i + 1) / 2 + j],
            Factor::Widths(_) => 0.0,
        };
        let whole = Frame::of_blocks(Symmetry::None, dim, &rows, 0.0, &[]);
        let apart = Frame::of_blocks(Symmetry::None, dim, &rows, 0.0, &[vec![0, 2]]);
        assert!(entry(&whole, 1, 0) > 0.5 && entry(&whole, 2, 0) > 0.5);
        assert_eq!(entry(&apart, 2, 0), entry(&whole, 2, 0));
        assert_eq!([entry(&apart, 1, 0), entry(&apart, 3, 2), entry(&apart, 4, 0)], [0.0; 3]);
        assert!(entry(&apart, 3, 1) > 0.1, "what is in no block is one");
        let each: Vec<Vec<usize>> = (0..dim).map(|at| vec![at]).collect();
        assert!(matches!(Frame::of_blocks(Symmetry::None, dim, &rows, 0.0, &each).factor(), Factor::Widths(_)));
        let shrunk = Frame::of_blocks(Symmetry::None, dim, &rows, 0.5, &[]);
        assert!((entry(&shrunk, 1, 0) / entry(&whole, 1, 0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_factor_is_that_of_the_map() {
        let dim = 5;
        let frame = Frame::of(Symmetry::None, dim, &rows(dim, 50));
        let Factor::Triangle(numbers) = frame.factor() else { unreachable!() };
        let u: Vec<f64> = (0..dim).map(|i| 1.5 - i as f64).collect();
        let mut y = vec![0.0; dim];
        frame.place(&u, &mut y);
        for i in 0..dim {
            let row = &numbers[i * (i + 1) / 2..][..=i];
            let sum: f64 = row.iter().zip(&u).map(|(l, u)| l * u).sum();
            assert!((y[i] - frame.mean[i] - sum).abs() < 1e-12);
        }
        let particles = Frame::of(Symmetry::Particles { count: 4, dimensions: 3 }, 12, &rows(12, 50));
        let Factor::Widths(widths) = particles.factor() else { unreachable!() };
        assert!(widths.len() == 12 && widths[0] > 0.0 && widths.iter().all(|width| *width == widths[0]));
    }

    #[test]
    fn gradients_are_those_of_the_map() {
        let particles = Symmetry::Particles { count: 4, dimensions: 3 };
        let frames = [
            Frame::of(Symmetry::None, 5, &rows(5, 50)),
            Frame::identity(Symmetry::None, 5),
            Frame::of(particles, 12, &rows(12, 50)),
        ];
        for frame in frames {
            let (dim, free) = (frame.dim(), frame.free());
            let w: Vec<f64> = (0..dim).map(|i| (i as f64 * 0.7).sin()).collect();
            let value = |u: &[f64]| {
                let mut y = vec![0.0; dim];
                frame.place(u, &mut y);
                y.iter().zip(&w).map(|(y, w)| y * w).sum::<f64>()
            };
            let mut gradient = vec![0.0; free];
            frame.pull_back(&w, &mut gradient);
            for k in 0..free {
                let (mut up, mut down) = (vec![0.1; free], vec![0.1; free]);
                (up[k], down[k]) = (0.1 + 0.5, 0.1 - 0.5);
                assert!((gradient[k] - (value(&up) - value(&down))).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn particles_keep_their_mean_and_their_distances() {
        let frame = Frame::identity(Symmetry::Particles { count: 5, dimensions: 2 }, 10);
        let u: Vec<f64> = (0..8).map(|i| f64::from(i * i) - 9.0).collect();
        let (mut y, mut back) = (vec![0.0; 10], vec![0.0; 8]);
        frame.place(&u, &mut y);
        for axis in 0..2 {
            assert!(y.iter().skip(axis).step_by(2).sum::<f64>().abs() < 1e-12);
        }
        let square = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
        assert!((square(&y) - square(&u)).abs() < 1e-9, "an orthonormal basis");
        frame.unplace(&y, &mut back);
        assert!(back.iter().zip(&u).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}
