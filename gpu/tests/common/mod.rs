//! What the tests of this crate share: a source of uniforms, and comparisons with stated tolerances.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod egnn;

use dfdx::prelude::*;
use kiln_gpu::{Backend, Condition, Grads, Layer, Matrix, Mlp};

/// Tolerances of this crate's tests, relative to the largest expected number.
pub mod tolerance {
    /// f32 networks, fused or plain, against float64 golden vectors.
    pub const GOLDEN_F32: f64 = 2e-5;
    /// The plain path in f64 against the same.
    pub const GOLDEN_F64: f64 = 1e-10;
    /// Fused against plain, both f32: two orders of summation over up to 9000 rows.
    pub const FUSED: f64 = 2e-5;
    /// Fused equivariant networks against plain ones in f64, weights large enough to drive tanh into saturation, where
    /// its slope is a difference of near numbers.
    pub const EGNN: f64 = 5e-5;
}

/// The first GPU. Tests of feature `cuda` fail without one; `scripts/test` looks for it first.
#[cfg(feature = "cuda")]
pub fn cuda() -> Cuda {
    kiln_gpu::cuda::open(0).expect("tests of feature cuda need an NVIDIA GPU")
}

/// Uniforms in (0, 1) from a linear congruential generator (Numerical Recipes, "quick and dirty").
pub fn uniform(seed: u32) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 + 0.5) / (1 << 24) as f32
    }
}

/// `n` numbers uniform in (-1, 1).
pub fn values(n: usize, seed: u32) -> Vec<f32> {
    let mut u = uniform(seed);
    (0..n).map(|_| 2.0 * u() - 1.0).collect()
}

/// The largest difference, relative to the largest expected number (or 1e-3, where all are tiny).
pub fn relative_error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1e-3f64, |a, x| a.max(x.abs()));
    found.iter().zip(expected).fold(0.0f64, |worst, (f, e)| {
        let error = (f - e).abs() / largest;
        if error.is_nan() { f64::INFINITY } else { worst.max(error) }
    })
}

/// Widens.
pub fn wide(values: Vec<f32>) -> Vec<f64> {
    values.into_iter().map(f64::from).collect()
}

/// A network with a table of `features` per hidden layer where asked for.
pub fn network(widths: &[usize], features: Option<(usize, bool)>, seed: u32) -> Mlp<Cpu> {
    let device = Cpu::default();
    let net = Mlp::new(&device, widths, &mut uniform(seed));
    match features {
        None => net,
        Some((n, trainable)) => net.conditioned(n, trainable, |l, out| values(n * out, seed + 100 + l as u32)),
    }
}

/// Gradients of everything trained, in order, as one vector each.
pub fn parameter_gradients<D: Device<E>, E: Dtype>(net: &Mlp<D, E>, grads: &Gradients<E, D>) -> Vec<Vec<E>> {
    let of = |l: &Layer<D, E>| {
        let mut all = vec![grads.get(l.weight()).as_vec(), grads.get(l.bias()).as_vec()];
        if let Some(Condition { table, trainable: true }) = l.condition() {
            all.push(grads.get(table).as_vec());
        }
        all
    };
    net.layers().iter().flat_map(of).collect()
}

/// Value, input gradient and parameter gradients of sum(g * net(x)), fused or plain.
pub fn differentiate<D: Backend>(
    net: &Mlp<D>,
    x: &Matrix<D>,
    features: Option<&Matrix<D>>,
    g: &Matrix<D>,
    fused: bool,
) -> (Vec<f32>, Vec<f32>, Vec<Vec<f32>>) {
    let input = x.leaky_trace();
    let y = if fused { net.forward(input, features) } else { net.forward_plain(input, features) };
    let value = y.as_vec();
    let grads: Grads<D> = (y * g.clone()).sum::<Rank0, _>().backward();
    (value, grads.get(x).as_vec(), parameter_gradients(net, &grads))
}
