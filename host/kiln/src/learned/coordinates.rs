//! From a user's coordinates x to free ones y, and to those of training, u: y = m + L u.

use crate::frame::Frame;
use kiln_core::frame::Bound;

/// The free y of a state, f32 as it is.
pub fn freed(frame: &Frame, x: &[f32]) -> Vec<f64> {
    let one = |(at, x): (usize, &f32)| {
        let x = f64::from(*x);
        match wide(frame.bound(at)) {
            Bound::None => x,
            Bound::Low(low) => (x - low).ln(),
            Bound::High(high) => (high - x).ln(),
            Bound::Both { low, high } => ((x - low) / (high - x)).ln(),
        }
    };
    x.iter().enumerate().map(one).collect()
}

/// The gradient by the free y, Jacobian included, of one by x.
pub fn by_free(frame: &Frame, y: &[f64], by_x: &[f64]) -> Vec<f64> {
    let one = |(at, by_x): (usize, &f64)| match frame.bound(at) {
        Bound::None => *by_x,
        bound => {
            let mapped = wide(bound).map(y[at]);
            by_x * mapped.slope - mapped.log_slope_slope
        }
    };
    by_x.iter().enumerate().map(one).collect()
}

/// The gradient by u of one by the free y.
pub fn pulled_back(lower: &[f64], by_y: &[f64]) -> Vec<f64> {
    let dim = by_y.len();
    (0..dim).map(|k| (k..dim).map(|i| lower[i * dim + k] * by_y[i]).sum()).collect()
}

/// The same bound in f64.
pub fn wide(bound: Bound<f32>) -> Bound<f64> {
    match bound {
        Bound::None => Bound::None,
        Bound::Low(low) => Bound::Low(low.into()),
        Bound::High(high) => Bound::High(high.into()),
        Bound::Both { low, high } => Bound::Both { low: low.into(), high: high.into() },
    }
}

pub fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// L⁻¹ x of a lower triangle, whole rows.
pub fn solved(lower: &[f64], x: &[f64]) -> Vec<f64> {
    let dim = x.len();
    let mut u: Vec<f64> = Vec::with_capacity(dim);
    for (row, x) in lower.chunks_exact(dim).zip(x) {
        let known: f64 = row.iter().zip(&u).map(|(l, u)| l * u).sum();
        u.push((x - known) / row[u.len()]);
    }
    u
}
