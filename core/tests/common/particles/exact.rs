//! The formulas of `kiln_core::fixed` for particles in arithmetic that cannot overflow, one row after the other.

use kiln_core::fixed::functions::{gaussian, sigmoid, silu, tanh};
use kiln_core::fixed::{EgnnLayer, Radial, write_features};

use super::super::integers::{activations, clamped, half_up, map, product, shifted, short, sum};
use super::super::quantised::{Quantised, wide};
use super::{Model, SCALE};

/// The distance of two rows of coordinates: ⌊√s + 1/2⌋ = ⌊(⌊√(4s)⌋ + 1)/2⌋.
fn distance(a: &[i32], b: &[i32]) -> i128 {
    let square: i128 = a.iter().zip(b).map(|(a, b)| (i128::from(*a) - i128::from(*b)).pow(2)).sum();
    (((4 * square).isqrt() + 1) / 2).min(u32::MAX.into())
}

fn without_mean(x: &[i32], dimensions: usize) -> Vec<i32> {
    let n = (x.len() / dimensions) as i128;
    let mean = |k: usize| {
        let sum: i128 = x.iter().skip(k).step_by(dimensions).map(|x| i128::from(*x)).sum();
        half_up(sum, n)
    };
    x.iter().enumerate().map(|(k, x)| clamped(i128::from(*x) - mean(k % dimensions))).collect()
}

/// Radial functions of a distance: signs where `steps`.
fn radial(r: i128, radial: Radial, steps: bool) -> Vec<i16> {
    let u = clamped(shifted(r * i128::from(radial.steps()), 16));
    let sign = |k: i32| if u > k << 16 { 1 << 14 } else { -1 << 14 };
    (0..radial.count() as i32).map(|k| if steps { sign(k) } else { gaussian(u - (k << 16)) }).collect()
}

impl<W: Quantised> Model<W> {
    /// The sample of these layers.
    pub fn exact_of(&self, layers: &[EgnnLayer<'_, W>], z: &[i32]) -> Vec<i32> {
        let (n, d) = (self.look.particles, self.look.dimensions);
        let times = |factor: f64, x: i32| shifted(i128::from(wide(factor)) * i128::from(x), 16);
        let (places, own) = z.split_at(n * d);
        let direct = self.look.skip != 0.0;
        let start: Vec<i32> =
            places.iter().map(|z| if direct { clamped(times(self.look.skip, *z)) } else { *z }).collect();
        let start = without_mean(&start, d);
        let thresholds: Vec<i32> = self.thresholds.iter().map(|c| wide(*c)).collect();
        let h = (0..n).map(|i| {
            let mut inputs = vec![1 << 12; self.node_inputs()];
            if self.look.own > 0 {
                write_features(&own[i * self.look.own..][..self.look.own], &thresholds, &mut inputs);
            }
            map(&self.fixed_embedding.borrow(), &inputs)
        });
        let (mut h, mut x) = (h.collect::<Vec<_>>(), start.clone());
        for layer in layers {
            self.exact_layer(layer, &start, &mut h, &mut x);
        }
        let moved: Vec<i32> = x.iter().zip(&start).map(|(x, s)| clamped(i128::from(*x) - i128::from(*s))).collect();
        let moved = without_mean(&moved, d);
        let base = |s: &i32| if direct { i128::from(*s) } else { 0 };
        moved.iter().zip(&start).map(|(y, s)| clamped(base(s) + times(SCALE, *y))).collect()
    }

    /// m_ij with its binary point.
    fn exact_message(&self, layer: &EgnnLayer<'_, W>, ends: [&Vec<i32>; 2], features: &[i16]) -> Vec<i16> {
        let [a, b] = ends.map(|h| product(&layer.source, &activations(h, layer.state_point)));
        let radial = map(&layer.radial, features);
        let e: Vec<i32> = (0..a.len()).map(|k| silu(sum(sum(a[k], b[k]), radial[k]))).collect();
        let m = map(&layer.message, &activations(&e, layer.edge_point)).into_iter().map(silu).collect::<Vec<_>>();
        let weight =
            layer.gate.as_ref().map_or(1 << 16, |gate| sigmoid(map(&gate.affine, &activations(&m, gate.point))[0]));
        let weighed = |m: &i32| i128::from(*m) * i128::from(weight);
        m.iter().map(|m| short(shifted(weighed(m), 32 - u32::from(layer.message_point)))).collect()
    }

    fn exact_layer(&self, layer: &EgnnLayer<'_, W>, start: &[i32], h: &mut [Vec<i32>], x: &mut Vec<i32>) {
        let (n, d, shape) = (self.look.particles, self.look.dimensions, self.shape());
        let at = |x: &[i32], i: usize| x[i * d..][..d].to_vec();
        let mut sums = vec![vec![0_i128; self.look.hidden]; n];
        let mut moved: Vec<i128> = x.iter().map(|x| i128::from(*x)).collect();
        for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).filter(|(i, j)| i != j) {
            let r = distance(&at(x, i), &at(x, j));
            let mut features = radial(r, shape.radial, false);
            features.extend(radial(distance(&at(start, i), &at(start, j)), shape.radial, self.look.steps));
            let message = self.exact_message(layer, [&h[i], &h[j]], &features);
            sums[i].iter_mut().zip(&message).for_each(|(sum, m)| *sum += i128::from(*m));
            let q = product(&layer.coordinate, &message)[0];
            let (top, bottom) = (i128::from(shape.range) * i128::from(tanh(q)), r + (1 << 16));
            let factor = half_up(top, bottom);
            for k in 0..d {
                let difference = i128::from(x[i * d + k]) - i128::from(x[j * d + k]);
                moved[i * d + k] += shifted(difference * factor, 16);
            }
        }
        *x = moved.into_iter().map(clamped).collect();
        let Some(node) = &layer.node else { return };
        for (h, sums) in h.iter_mut().zip(&sums) {
            let shift = u32::from(layer.message_point - node.sum_point);
            let sums: Vec<i16> = sums.iter().map(|sum| short(shifted(*sum, shift))).collect();
            let state = product(&node.state, &activations(h, layer.state_point));
            let value = state.into_iter().zip(map(&node.sums, &sums)).map(|(a, b)| silu(sum(a, b)));
            let value = activations(&value.collect::<Vec<_>>(), node.value_point);
            h.iter_mut().zip(map(&node.update, &value)).for_each(|(h, change)| *h = sum(*h, change));
        }
    }
}
