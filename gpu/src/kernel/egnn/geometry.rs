//! Distances, radial functions and coordinate updates of the edges of a block of samples, forward and backward.
//!
//! Coordinates are (nodes, dimensions); values of edges lie side by side, so that loops over edges are vector code.

use super::super::activation::exp;
use super::super::scratch::{Buffer, Scratch};
use super::plan::Plan;
use crate::shape::egnn::{Edges, ROOT_EPSILON, Radial};

/// The geometry of a block.
pub(super) struct Geometry {
    edges: usize,
    /// x_i - x_j: (dimensions, edges).
    difference: Buffer,
    /// r^2.
    square: Buffer,
    /// 1 / (sqrt(r^2 + eps) + 1).
    inverse: Buffer,
    /// (x'_i - x'_j) · (x_i - x_j) on the way back, where x' is the gradient of the moved coordinates; x'_i alone where
    /// edges are directed.
    projection: Buffer,
    /// The gradient of r^2.
    slope: Buffer,
}

impl Geometry {
    pub(super) fn new(plan: &Plan, samples: usize, scratch: &Scratch) -> Self {
        let edges = samples * plan.edges();
        let values = || scratch.take(edges);
        Self {
            edges,
            difference: scratch.take(edges * plan.spec.dimensions),
            square: values(),
            inverse: values(),
            projection: values(),
            slope: values(),
        }
    }

    /// Every edge and the first coordinates of its two nodes.
    fn nodes(plan: &Plan, samples: usize) -> impl Iterator<Item = (usize, usize)> {
        let (n, d) = (plan.spec.particles, plan.spec.dimensions);
        (0..samples).flat_map(move |s| plan.ends.iter().map(move |(i, j)| ((s * n + i) * d, (s * n + j) * d)))
    }

    /// Differences and distances at coordinates `x` of whole samples, at most those it was made for.
    pub(super) fn set(&mut self, plan: &Plan, x: &[f32]) {
        let d = plan.spec.dimensions;
        let samples = x.len() / (d * plan.spec.particles);
        self.edges = samples * plan.edges();
        for (e, (i, j)) in Self::nodes(plan, samples).enumerate() {
            for k in 0..d {
                self.difference[k * self.edges + e] = x[i + k] - x[j + k];
            }
        }
        self.square.fill(0.0);
        for difference in self.difference[..d * self.edges].chunks_exact(self.edges) {
            for (square, x) in self.square.iter_mut().zip(difference) {
                *square += x * x;
            }
        }
        for (inverse, square) in self.inverse.iter_mut().zip(&*self.square) {
            *inverse = 1.0 / ((square + ROOT_EPSILON).sqrt() + 1.0);
        }
    }

    /// r^2 of the edges that were set.
    pub(super) fn squares(&self) -> &[f32] {
        &self.square[..self.edges]
    }

    /// x_i += sum over j of (x_i - x_j) inverse range tanh.
    pub(super) fn step(&self, plan: &Plan, tanh: &[f32], x: &mut [f32]) {
        let (d, range) = (plan.spec.dimensions, plan.spec.range);
        let both = plan.spec.edges == Edges::Symmetric;
        for (e, (i, j)) in Self::nodes(plan, self.edges / plan.edges()).enumerate() {
            let factor = self.inverse[e] * range * tanh[e];
            for k in 0..d {
                let step = self.difference[k * self.edges + e] * factor;
                x[i + k] += step;
                if both {
                    x[j + k] -= step;
                }
            }
        }
    }

    /// The gradient of what tanh was taken of, from `gx`, that of the moved coordinates.
    pub(super) fn step_back(&mut self, plan: &Plan, tanh: &[f32], gx: &[f32], factors: &mut [f32]) {
        let d = plan.spec.dimensions;
        let both = plan.spec.edges == Edges::Symmetric;
        for (e, (i, j)) in Self::nodes(plan, self.edges / plan.edges()).enumerate() {
            let mut projection = 0.0;
            for k in 0..d {
                let g = if both { gx[i + k] - gx[j + k] } else { gx[i + k] };
                projection += g * self.difference[k * self.edges + e];
            }
            self.projection[e] = projection;
        }
        for (((factor, t), inverse), projection) in
            factors.iter_mut().zip(tanh).zip(&*self.inverse).zip(&*self.projection)
        {
            *factor = plan.spec.range * (1.0 - t * t) * inverse * projection;
        }
    }

    /// Takes note of the gradient of r^2 through the radial functions of the current distance, the first in each row.
    pub(super) fn features_back(&mut self, kind: Radial, values: &[f32], gradients: &[f32]) {
        let slopes = &mut self.slope[..self.edges];
        slopes.fill(0.0);
        radial_back(kind.current(), &self.square[..self.edges], 2 * kind.count(), values, gradients, slopes);
    }

    /// Adds to `out` the gradient of the coordinates before the step: through the step itself, given `gx` at the moved
    /// coordinates, and through the radial functions.
    pub(super) fn step_and_squares_back(&mut self, plan: &Plan, tanh: &[f32], gx: &[f32], out: &mut [f32]) {
        let (d, range) = (plan.spec.dimensions, plan.spec.range);
        let both = plan.spec.edges == Edges::Symmetric;
        let values = self.slope.iter_mut().zip(&*self.inverse).zip(&*self.square).zip(&*self.projection).zip(tanh);
        for ((((slope, inverse), square), projection), t) in values {
            // d inverse / d r^2 = -inverse^2 / (2 r).
            let r = (square + ROOT_EPSILON).sqrt();
            *slope -= range * t * projection * inverse * inverse / (2.0 * r);
        }
        for (e, (i, j)) in Self::nodes(plan, self.edges / plan.edges()).enumerate() {
            let (factor, slope) = (self.inverse[e] * range * tanh[e], 2.0 * self.slope[e]);
            for k in 0..d {
                let g = if both { gx[i + k] - gx[j + k] } else { gx[i + k] };
                let change = factor * g + slope * self.difference[k * self.edges + e];
                out[i + k] += change;
                out[j + k] -= change;
            }
        }
    }

    /// Adds the gradient of the coordinates through r^2 alone, whose gradient is `slope`.
    pub(super) fn squares_back(&self, plan: &Plan, slope: &[f32], out: &mut [f32]) {
        for (e, (i, j)) in Self::nodes(plan, self.edges / plan.edges()).enumerate() {
            for k in 0..plan.spec.dimensions {
                let change = 2.0 * slope[e] * self.difference[k * self.edges + e];
                out[i + k] += change;
                out[j + k] -= change;
            }
        }
    }
}

/// Functions below e^-40 = 4e-18 are 0: products with subnormal numbers take a hundred times longer.
const LOWEST_EXPONENT: f32 = -40.0;

/// The radial functions of each squared distance, in rows that are `stride` apart.
pub(super) fn radial(kind: Radial, squares: &[f32], stride: usize, out: &mut [f32]) {
    match kind {
        Radial::Squared => {
            for (row, square) in out.chunks_mut(stride).zip(squares) {
                row[0] = *square;
            }
        }
        Radial::Basis { count, range } => {
            let width = range / (count - 1) as f32;
            for (row, square) in out.chunks_mut(stride).zip(squares) {
                let r = (square + ROOT_EPSILON).sqrt();
                let at = r / width;
                for (k, value) in row[..count].iter_mut().enumerate() {
                    let u = at - k as f32;
                    let exponent = -0.5 * u * u;
                    *value = if exponent < LOWEST_EXPONENT { 0.0 } else { exp(exponent) };
                }
            }
        }
        Radial::Steps { count, range } => {
            let width = range / (count - 1) as f32;
            for (row, square) in out.chunks_mut(stride).zip(squares) {
                let r = (square + ROOT_EPSILON).sqrt();
                for (k, value) in row[..count].iter_mut().enumerate() {
                    *value = if r > width * k as f32 { 1.0 } else { -1.0 };
                }
            }
        }
    }
}

/// Adds the gradient of each squared distance to `slopes`, from the functions' values and gradients, in rows that are
/// `stride` apart.
pub(super) fn radial_back(
    kind: Radial,
    squares: &[f32],
    stride: usize,
    values: &[f32],
    gradients: &[f32],
    slopes: &mut [f32],
) {
    let rows = values.chunks(stride).zip(gradients.chunks(stride)).zip(squares).zip(slopes);
    match kind {
        Radial::Steps { .. } => {}
        Radial::Squared => rows.for_each(|(((_, g), _), slope)| *slope += g[0]),
        Radial::Basis { count, range } => {
            let width = range / (count - 1) as f32;
            for (((values, g), square), slope) in rows {
                let r = (square + ROOT_EPSILON).sqrt();
                let at = r / width;
                // Several sums side by side are vector code.
                let mut sums = [0.0f32; 8];
                for (part, (values, g)) in values[..count].chunks(8).zip(g[..count].chunks(8)).enumerate() {
                    for (lane, ((sum, value), g)) in sums.iter_mut().zip(values).zip(g).enumerate() {
                        *sum += g * value * ((8 * part + lane) as f32 - at);
                    }
                }
                *slope += sums.iter().sum::<f32>() / (2.0 * width * r);
            }
        }
    }
}

/// tanh in place, with absolute error below 2e-7: 1 - 2 / (exp(2 z) + 1), near 0 by its series.
pub(super) fn tanh(values: &mut [f32]) {
    for z in values {
        let x = *z;
        let y = x * x;
        // x - x^3/3 + 2 x^5/15 - 17 x^7/315: the next term is below 2e-8 of x for |x| < 0.2.
        let near = x * (1.0 + y * (-1.0 / 3.0 + y * (2.0 / 15.0 + y * (-17.0 / 315.0))));
        let far = 1.0 - 2.0 / (exp(2.0 * x) + 1.0);
        *z = if x.abs() < 0.2 { near } else { far };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_keeps_its_error_bound() {
        for i in -200_000..=200_000 {
            let x = i as f32 * 1e-4;
            let mut z = [x];
            tanh(&mut z);
            let exact = f64::from(x).tanh();
            let error = (f64::from(z[0]) - exact).abs();
            assert!(error < 2e-7 && error <= 1e-6 * exact.abs(), "tanh({x}) = {}", z[0]);
        }
        let mut ends = [-1e30, 1e30, 0.0, f32::NAN];
        tanh(&mut ends);
        assert!(ends[0] == -1.0 && ends[1] == 1.0 && ends[2] == 0.0 && ends[3].is_nan());
    }
}
