//! Random symmetry operations on frames: exact moves within a level set of the energy, after which orientations and
//! labels are distributed as at equilibrium, however slowly chains change them.

use kiln_core::random::{Randomness, Stream};
use kiln_core::symmetry::{Symmetry, remove_mean};

/// Turns, reflects and relabels particles at random, around their mean, which moves to the origin.
pub fn apply_random(symmetry: Symmetry, x: &mut [f32], stream: &mut Stream) {
    let Symmetry::Particles { count, dimensions } = symmetry else { return };
    let mut wide: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
    remove_mean(symmetry, &mut wide);
    let axes = random_axes(dimensions, stream);
    let mut labels: Vec<usize> = (0..count).collect();
    shuffle(&mut labels, stream);
    for (to, from) in labels.into_iter().enumerate() {
        let old = &wide[from * dimensions..][..dimensions];
        for (k, axis) in axes.iter().enumerate() {
            x[to * dimensions + k] = axis.iter().zip(old).map(|(a, b)| a * b).sum::<f64>() as f32;
        }
    }
}

/// An orthonormal basis, evenly distributed over the orthogonal group: Gram–Schmidt on normal vectors.
fn random_axes(dimensions: usize, stream: &mut Stream) -> Vec<Vec<f64>> {
    let mut axes: Vec<Vec<f64>> = Vec::new();
    while axes.len() < dimensions {
        let mut axis = vec![0.0_f64; dimensions];
        stream.fill_normal(&mut axis);
        // Twice, so that rounding leaves nothing along the others.
        for _ in 0..2 {
            for other in &axes {
                let along: f64 = axis.iter().zip(other).map(|(a, b)| a * b).sum();
                axis.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
            let length = axis.iter().map(|a| a * a).sum::<f64>().sqrt();
            axis.iter_mut().for_each(|a| *a /= length);
        }
        axes.push(axis);
    }
    axes
}

/// Fisher and Yates' shuffle.
pub fn shuffle<T>(items: &mut [T], stream: &mut Stream) {
    for last in (1..items.len()).rev() {
        let u: f64 = stream.uniform();
        items.swap(last, ((u * (last + 1) as f64) as usize).min(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_core::random::Purpose;

    #[test]
    fn distances_stay_and_everything_else_is_even() {
        let symmetry = Symmetry::Particles { count: 4, dimensions: 3 };
        let start = [1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 3.0, -1.0, -2.0, -3.0_f32];
        let distances = |x: &[f32]| {
            let mut all = Vec::new();
            for i in 0..4 {
                for j in 0..i {
                    let square = (0..3).map(|k| (x[3 * i + k] - x[3 * j + k]).powi(2)).sum::<f32>();
                    all.push((1e4 * square.sqrt()).round() as i64);
                }
            }
            all.sort_unstable();
            all
        };
        let (mut first, mut handed, draws) = ([0.0_f64; 3], 0, 4000);
        for draw in 0..draws {
            let mut x = start;
            apply_random(symmetry, &mut x, &mut Stream::new(3, Purpose::Test, draw));
            assert!(distances(&x).iter().zip(distances(&start)).all(|(a, b)| (a - b).abs() <= 1));
            (0..3).for_each(|k| first[k] += f64::from(x[k]));
            let v = |i: usize, k: usize| f64::from(x[3 * i + k]);
            let (a, b, c) = ([v(0, 0), v(0, 1), v(0, 2)], [v(1, 0), v(1, 1), v(1, 2)], [v(2, 0), v(2, 1), v(2, 2)]);
            let volume = a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
                + a[2] * (b[0] * c[1] - b[1] * c[0]);
            handed += i32::from(volume > 0.0);
        }
        // The first particle's mean is 0: it is any of the four, in any direction (sd 1.6 a coordinate).
        let error = 1.6 / (draws as f64).sqrt();
        assert!(first.iter().all(|sum| (sum / draws as f64).abs() < 5.0 * error), "{first:?}");
        assert!((f64::from(handed) / draws as f64 - 0.5).abs() < 0.04, "{handed}");
    }

    #[test]
    fn every_order_is_as_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for draw in 0..6000 {
            let mut items = [0, 1, 2];
            shuffle(&mut items, &mut Stream::new(5, Purpose::Test, draw));
            *counts.entry(items).or_insert(0) += 1;
        }
        assert!(counts.len() == 6 && counts.values().all(|n: &i32| (n - 1000).abs() < 150), "{counts:?}");
    }
}
