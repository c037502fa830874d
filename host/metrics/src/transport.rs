//! Wasserstein-2 distances, with the square root.
//!
//! In many dimensions by exact optimal assignment of n samples to n reference points: the published metric
//! with n = 2000. Its floor is large (5.41 for Many-Well-32), since independent sets never coincide. For particles the
//! raw distance sees how a frame lies and how it is labelled; the geometric one does not.

use crate::alignment::Aligner;
use crate::assignment;
use rayon::prelude::*;

/// W2 between two sets of equally many points (rows of `dim` coordinates): √(min over pairings of the mean
/// squared distance). NaN if the sets differ in size, are empty, or hold a value that is not finite. `tick` is called once
/// for each point of `a`.
pub fn wasserstein2(a: &[f32], b: &[f32], dim: usize, tick: &(dyn Fn() + Sync)) -> f64 {
    if !comparable(a, b, dim) {
        return f64::NAN;
    }
    let n = a.len() / dim;
    let mut cost = vec![0.0_f64; n * n];
    cost.par_chunks_mut(n).zip(a.par_chunks_exact(dim)).for_each(|(row, x)| {
        for (c, y) in row.iter_mut().zip(b.chunks_exact(dim)) {
            *c = x.iter().zip(y).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum();
        }
    });
    // Pairing them is the work here, all of it at once.
    let distance = root_mean_cost(&cost, n);
    (0..n).for_each(|_| tick());
    distance
}

/// W2 between two sets of equally many configurations (rows), with the [`Aligner`]'s distance as the ground cost: an
/// upper bound where that is one. NaN and `tick` as for [`wasserstein2`].
pub fn geometric_wasserstein2(a: &[f32], b: &[f32], dim: usize, aligner: &Aligner, tick: &(dyn Fn() + Sync)) -> f64 {
    if !comparable(a, b, dim) {
        return f64::NAN;
    }
    let n = a.len() / dim;
    let poses = |set: &[f32]| set.par_chunks_exact(dim).map(|x| aligner.pose(x)).collect::<Vec<_>>();
    let (a, b) = (poses(a), poses(b));
    let mut cost = vec![0.0_f64; n * n];
    cost.par_chunks_mut(n).zip(&a).for_each_init(
        || aligner.room(),
        |room, (row, x)| {
            for (c, y) in row.iter_mut().zip(&b) {
                *c = aligner.squared_distance(x, y, room);
            }
            tick();
        },
    );
    root_mean_cost(&cost, n)
}

fn comparable(a: &[f32], b: &[f32], dim: usize) -> bool {
    dim > 0 && a.len() >= dim && a.len() == b.len() && a.iter().chain(b).all(|x| x.is_finite())
}

/// √ of the mean cost of the cheapest pairing.
fn root_mean_cost(cost: &[f64], n: usize) -> f64 {
    let columns = assignment::solve(cost, n);
    (columns.iter().enumerate().map(|(i, j)| cost[i * n + j]).sum::<f64>() / n as f64).sqrt()
}

/// W2 between two sets of numbers, of any sizes: √∫ (F⁻¹(u) - G⁻¹(u))² du, exact for the two empirical
/// distributions. NaN if either is empty.
pub fn wasserstein2_line(a: &[f64], b: &[f64]) -> f64 {
    if a.is_empty() || b.is_empty() {
        return f64::NAN;
    }
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let (a, b) = (sorted(a), sorted(b));
    // Positions in units of 1/(n m), so that the steps of both quantile functions are whole numbers.
    let (n, m) = (a.len() as u128, b.len() as u128);
    let (mut i, mut j, mut at, mut sum) = (0_u128, 0_u128, 0_u128, 0.0);
    while i < n && j < m {
        let next = ((i + 1) * m).min((j + 1) * n);
        sum += (next - at) as f64 * (a[i as usize] - b[j as usize]).powi(2);
        at = next;
        i += u128::from(next == (i + 1) * m);
        j += u128::from(next == (j + 1) * n);
    }
    (sum / (n * m) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_costs_its_length_whatever_the_order() {
        let a: Vec<f32> = (0..300).map(|i| ((i * 7919) % 1000) as f32 * 0.25).collect();
        let mut b: Vec<f32> = a.iter().map(|x| x + 3.0).collect();
        b.rotate_left(3 * 17);
        assert!((wasserstein2(&a, &b, 3, &|| ()) - 27.0_f64.sqrt()).abs() < 1e-9);
        assert_eq!(wasserstein2(&a, &a, 3, &|| ()), 0.0);
        assert!(wasserstein2(&a, &b[3..], 3, &|| ()).is_nan() && wasserstein2(&[f32::NAN], &[0.0], 1, &|| ()).is_nan());
    }

    #[test]
    fn shifted_gaussians_have_their_closed_form() {
        // Quantiles of N(0, 1) by bisection of its distribution function, and of N(2, 3²): W2² = 2² + (3 - 1)².
        let phi = |x: f64| {
            let slices = 400;
            let at = |i: usize| (-0.5 * (x * i as f64 / slices as f64).powi(2)).exp();
            let sum: f64 = (0..slices).map(|i| at(i) + 4.0 * (at(i) + at(i + 1)) / 2.0 + at(i + 1)).sum();
            0.5 + x / slices as f64 * sum / 6.0 / (2.0 * std::f64::consts::PI).sqrt()
        };
        let n = 2000;
        let standard: Vec<f64> = (0..n)
            .map(|i| {
                let (mut low, mut high) = (-8.0, 8.0);
                for _ in 0..40 {
                    let middle = f64::midpoint(low, high);
                    if phi(middle) < (i as f64 + 0.5) / n as f64 { low = middle } else { high = middle }
                }
                low
            })
            .collect();
        let other: Vec<f64> = standard.iter().map(|x| 2.0 + 3.0 * x).collect();
        assert!((wasserstein2_line(&standard, &other) - 8.0_f64.sqrt()).abs() < 2e-3);
        let narrow = |x: &[f64]| x.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        let (a, mut b) = (narrow(&standard[..400]), narrow(&other[..400]));
        let line = wasserstein2_line(&standard[..400], &other[..400]);
        b.rotate_left(123);
        assert!((wasserstein2(&a, &b, 1, &|| ()) - line).abs() < 1e-5);
    }

    #[test]
    fn geometric_distance_of_copies_vanishes_and_raw_does_not() {
        let n = 40;
        let a: Vec<f32> = (0..n * 8).map(|i| ((i * 7919) % 1009) as f32 / 250.0).collect();
        // A quarter turn, particles in another order, frames in another order.
        let mut b: Vec<f32> = a
            .chunks_exact(8)
            .flat_map(|x| [3, 1, 0, 2].into_iter().flat_map(|i| [-x[2 * i + 1], x[2 * i]]).collect::<Vec<f32>>())
            .collect();
        b.rotate_left(8 * 7);
        let aligner = Aligner::new(4, 2).unwrap();
        assert!(geometric_wasserstein2(&a, &b, 8, &aligner, &|| ()) < 1e-3);
        assert!(wasserstein2(&a, &b, 8, &|| ()) > 1.0);
    }

    #[test]
    fn on_a_line_assignment_and_quantiles_agree() {
        let a: Vec<f32> = (0..200_u32).map(|i| (i * 7919 % 1009) as f32).collect();
        let b: Vec<f32> = (0..200_u32).map(|i| (i * 5003 % 997) as f32 * 1.5).collect();
        let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        assert!((wasserstein2(&a, &b, 1, &|| ()) - wasserstein2_line(&wide(&a), &wide(&b))).abs() < 1e-9);
    }

    #[test]
    fn sizes_may_differ_on_a_line() {
        assert!((wasserstein2_line(&[0.0, 1.0], &[0.0, 0.0, 1.0, 1.0])).abs() < 1e-15);
        assert!((wasserstein2_line(&[0.0], &[3.0, -3.0, 3.0]) - 3.0).abs() < 1e-15);
        assert!((wasserstein2_line(&[0.0, 1.0, 2.0], &[1.0]) - (2.0_f64 / 3.0).sqrt()).abs() < 1e-15);
    }
}
