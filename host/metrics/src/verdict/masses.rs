//! (d) Masses of cells: bounds of the difference of two shares.

use super::{Cell, FAMILY_ERROR, Family, MASSES, Member};
use crate::quantile::{normal_quantile, wilson_bounds};

/// The family of cells with these counts: of n draws, and of so many states of the pool with m effective samples.
pub fn family(draws: &[usize], n: usize, n_effective: f64, pool: &[usize], states: usize, m: f64) -> Family {
    let z = normal_quantile(1.0 - 0.5 * FAMILY_ERROR / draws.len() as f64);
    let members = draws.iter().zip(pool).enumerate().map(|(cell, (drawn, found))| {
        let (q, p) = (*drawn as f64 / n as f64, *found as f64 / states as f64);
        let name = format!("cell {cell} ({q:.4} of the draws, {p:.4} of the pool)");
        let (lower, upper) = difference(q, n_effective, p, m, z);
        Member { name, value: (q - p).abs(), lower, upper }
    });
    Family::of(MASSES.0, MASSES.1, n, m, members.collect())
}

/// The cells with these counts.
pub fn cells(draws: &[usize], n: usize, pool: &[usize], states: usize, middles: Vec<Vec<f64>>) -> Vec<Cell> {
    let all = draws.iter().zip(pool).zip(middles);
    all.map(|((drawn, found), middle)| Cell {
        draws: *drawn as f64 / n as f64,
        pool: *found as f64 / states as f64,
        middle,
    })
    .collect()
}

/// Bounds of |q - p| of shares seen in n and m effective draws, at z standard errors: Newcombe's hybrid of Wilson's
/// intervals (1998, *Statistics in Medicine* 17, 873, method 10), which stays honest for shares near 0.
fn difference(q: f64, n: f64, p: f64, m: f64, z: f64) -> (f64, f64) {
    let ((q_low, q_high), (p_low, p_high)) = (wilson_bounds(q, n, z), wilson_bounds(p, m, z));
    let least = q - p - (q - q_low).hypot(p_high - p);
    let most = q - p + (q_high - q).hypot(p - p_low);
    if least.is_nan() || most.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    (least.max(-most).max(0.0), least.abs().max(most.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_those_of_newcombe() {
        // Newcombe 1998, table II, method 10, 95 %: 56/70 - 48/80 is 0.0524 to 0.3339; 9/10 - 3/10: 0.1705 to 0.8090.
        for (a, n, b, m, low, high) in
            [(56.0, 70.0, 48.0, 80.0, 0.0524, 0.3339), (9.0, 10.0, 3.0, 10.0, 0.1705, 0.8090)]
        {
            let (lower, upper) = difference(a / n, n, b / m, m, 1.959_964);
            assert!((lower - low).abs() < 5e-5 && (upper - high).abs() < 5e-5, "{lower} {upper}");
            let (lower, upper) = difference(b / m, m, a / n, n, 1.959_964);
            assert!((lower - low).abs() < 5e-5 && (upper - high).abs() < 5e-5, "{lower} {upper}");
        }
        assert_eq!(difference(0.5, 100.0, 0.5, 100.0, 2.0).0, 0.0);
        assert!(difference(0.5, 100.0, 0.5, f64::NAN, 2.0).1.is_nan());
    }
}
