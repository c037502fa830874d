//! A small converter from float weights to those of `kiln_core::fixed`, and products that permute activations.

use kiln_core::fixed::{Affine, Matrix, Products, Scale, Weight, fill_normal};
use kiln_core::random::{Purpose, Randomness, Stream};

/// x in Q16, rounded.
pub fn wide(x: f64) -> i32 {
    (x * 65_536.0).round() as i32
}

/// Q16 as a number.
pub fn value(x: i32) -> f64 {
    f64::from(x) / 65_536.0
}

/// Weights that can be rounded.
pub trait Quantised: Weight {
    /// The largest weight used.
    const LARGEST: f64;
    fn rounded(w: f64) -> Self;
}

impl Quantised for i8 {
    const LARGEST: f64 = 127.0;
    fn rounded(w: f64) -> Self {
        w.round() as i8
    }
}

impl Quantised for i16 {
    const LARGEST: f64 = 32_767.0;
    fn rounded(w: f64) -> Self {
        w.round() as i16
    }
}

/// A matrix that owns its numbers.
#[derive(Clone, Debug)]
pub struct OwnedMatrix<W> {
    pub weights: Vec<W>,
    pub scales: Vec<u32>,
}

/// The nearest scale to a factor in (0, 2^15).
pub fn scale_of(factor: f64) -> Scale {
    let exponent = factor.log2().floor() as i32;
    let mantissa = (factor * 2.0_f64.powi(15 - exponent)).round();
    let (mantissa, exponent) = if mantissa < 65_536.0 { (mantissa, exponent) } else { (32_768.0, exponent + 1) };
    Scale::new(mantissa as u16, (15 - exponent) as u8).expect("a factor that is a scale")
}

impl<W: Quantised> OwnedMatrix<W> {
    /// From (inputs, outputs) in double precision, for activations with binary point `point`: each row's largest weight
    /// becomes the largest integer.
    pub fn new(weight: &[f64], inputs: usize, point: u8) -> Self {
        let outputs = weight.len() / inputs;
        let (mut weights, mut scales) = (Vec::new(), Vec::new());
        for o in 0..outputs {
            let row = || (0..inputs).map(|i| weight[i * outputs + o]);
            let step = row().fold(0.0, |largest: f64, w| largest.max(w.abs())) / W::LARGEST;
            scales.push(scale_of(step * 2.0_f64.powi(16 - i32::from(point))).pack());
            weights.extend(row().map(|w| W::rounded(w / step)));
        }
        Self { weights, scales }
    }

    pub fn borrow(&self) -> Matrix<'_, W> {
        Matrix { weights: &self.weights, scales: &self.scales }
    }
}

/// An affine map that owns its numbers.
#[derive(Clone, Debug)]
pub struct OwnedAffine<W> {
    pub matrix: OwnedMatrix<W>,
    pub bias: Vec<i32>,
}

impl<W: Quantised> OwnedAffine<W> {
    pub fn new(weight: &[f64], bias: &[f64], inputs: usize, point: u8) -> Self {
        Self { matrix: OwnedMatrix::new(weight, inputs, point), bias: bias.iter().map(|b| wide(*b)).collect() }
    }

    pub fn borrow(&self) -> Affine<'_, W> {
        Affine { matrix: self.matrix.borrow(), bias: &self.bias }
    }
}

impl<W> OwnedAffine<W> {
    /// A thousand times the scales, and biases at the ends.
    pub fn exaggerate(&mut self) {
        self.bias.iter_mut().enumerate().for_each(|(k, b)| *b = if k % 2 == 0 { i32::MAX } else { i32::MIN });
        self.matrix.scales.iter_mut().for_each(|s| *s = 65_535 | (*s >> 16).saturating_sub(10) << 16);
    }
}

/// Normal latents in Q16.
pub fn latents(seed: u64, count: usize, index: u64) -> Vec<i32> {
    let mut z = vec![0; count];
    fill_normal(&mut Stream::new(seed, Purpose::Latent, index), &mut z);
    z
}

/// Of samples in Q16 beside exact ones: the root of the mean squared error over that of what is exact, and the largest
/// error.
pub fn errors(samples: impl IntoIterator<Item = (Vec<i32>, Vec<f64>)>) -> (f64, f64) {
    let (mut squares, mut size, mut worst) = (0.0, 0.0, 0.0_f64);
    for (x, exact) in samples.into_iter().flat_map(|(x, exact)| x.into_iter().zip(exact)) {
        let error = value(x) - exact;
        (squares, size, worst) = (squares + error * error, size + exact * exact, worst.max(error.abs()));
    }
    ((squares / size).sqrt(), worst)
}

/// Normal numbers of standard deviation `scale`.
pub fn random(rng: &mut Stream, count: usize, scale: f64) -> Vec<f64> {
    let mut numbers = vec![0.0; count];
    rng.fill_normal(&mut numbers);
    numbers.iter_mut().for_each(|x| *x *= scale);
    numbers
}

/// Products of permuted activations: x0 x2 x1 x3 of each four for `i8`, backwards for `i16`.
pub struct Permuted;

/// Where the k-th activation of a row of `length` stands after `arrange_i8`.
fn swapped(k: usize, length: usize) -> usize {
    match k % 4 {
        1 if k / 4 < length / 4 => k + 1,
        2 if k / 4 < length / 4 => k - 1,
        _ => k,
    }
}

impl Products for Permuted {
    fn arrange_i8(&self, activations: &mut [i16]) {
        activations.chunks_exact_mut(4).for_each(|four| four.swap(1, 2));
    }
    fn arrange_i16(&self, activations: &mut [i16]) {
        activations.reverse();
    }
    fn row_i8(&self, weights: &[i8], activations: &[i16]) -> i32 {
        assert_eq!(weights.len(), activations.len());
        (0..weights.len()).map(|k| i32::from(weights[k]) * i32::from(activations[swapped(k, weights.len())])).sum()
    }
    fn rows_i8(&self, weights: [&[i8]; 2], activations: &[i16]) -> [i32; 2] {
        weights.map(|row| self.row_i8(row, activations))
    }
    fn row_i16(&self, weights: &[i16], activations: &[i16]) -> i64 {
        assert_eq!(weights.len(), activations.len());
        weights.iter().rev().zip(activations).map(|(w, x)| i64::from(*w) * i64::from(*x)).sum()
    }
    fn rows_i16(&self, weights: [&[i16]; 2], activations: &[i16]) -> [i64; 2] {
        weights.map(|row| self.row_i16(row, activations))
    }
}
