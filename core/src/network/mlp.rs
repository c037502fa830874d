//! A multilayer perceptron with SiLU activations, evaluated from borrowed weights.

use crate::Scalar;

/// One affine map y = x W + b.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Layer<'a, R> {
    /// W, row-major, (inputs, outputs).
    pub weight: &'a [R],
    /// b, (outputs).
    pub bias: &'a [R],
}

/// Why weights do not make a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum InvalidNetwork {
    /// There is no layer.
    Empty,
    /// A layer has no outputs, or its weight's length is not inputs × outputs.
    Shape {
        /// The layer, counted from 0.
        layer: usize,
    },
    /// The number of inputs or outputs is not what the caller needs.
    Ends,
    /// A buffer is too short.
    Buffer,
}

impl core::fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Empty => f.write_str("the network has no layer"),
            Self::Shape { layer } => {
                write!(f, "layer {layer}'s weight does not fit its inputs and bias")
            }
            Self::Ends => f.write_str("the network's inputs or outputs do not fit the target"),
            Self::Buffer => f.write_str("a buffer is too short"),
        }
    }
}

impl core::error::Error for InvalidNetwork {}

/// A checked network: SiLU after every layer but the last.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mlp<'a, R> {
    layers: &'a [Layer<'a, R>],
    inputs: usize,
    width: usize,
}

impl<'a, R: Copy> Mlp<'a, R> {
    /// Checks that the layers fit together.
    ///
    /// # Errors
    /// [`InvalidNetwork`] names the first layer that does not fit.
    pub fn new(inputs: usize, layers: &'a [Layer<'a, R>]) -> Result<Self, InvalidNetwork> {
        if layers.is_empty() {
            return Err(InvalidNetwork::Empty);
        }
        let mut width = inputs;
        let mut rows = inputs;
        for (layer, l) in layers.iter().enumerate() {
            let columns = l.bias.len();
            if columns == 0 || rows.checked_mul(columns) != Some(l.weight.len()) {
                return Err(InvalidNetwork::Shape { layer });
            }
            width = width.max(columns);
            rows = columns;
        }
        Ok(Self { layers, inputs, width })
    }

    /// How many numbers go in.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many numbers come out.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |l| l.bias.len())
    }

    /// The length of each of the two halves of the scratch buffer: the widest layer.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Evaluates the network for one point per lane. The input stands in the first
    /// [`Mlp::inputs`] places of `scratch`, whose length is at least 2 × [`Mlp::width`]; the output
    /// is the slice returned.
    ///
    /// # Errors
    /// [`InvalidNetwork::Buffer`] where `scratch` is too short.
    pub fn forward<'s, S: Scalar<Real = R>>(&self, scratch: &'s mut [S]) -> Result<&'s [S], InvalidNetwork> {
        if scratch.len() < 2 * self.width {
            return Err(InvalidNetwork::Buffer);
        }
        let (mut from, mut to) = scratch.split_at_mut(self.width);
        let mut rows = self.inputs;
        for (index, layer) in self.layers.iter().enumerate() {
            let columns = layer.bias.len();
            affine(&from[..rows], layer, &mut to[..columns]);
            if index + 1 < self.layers.len() {
                for y in &mut to[..columns] {
                    *y = y.silu();
                }
            }
            core::mem::swap(&mut from, &mut to);
            rows = columns;
        }
        Ok(&from[..rows])
    }
}

/// y = x W + b, each output summed in the order of the inputs, eight outputs at a time so that the
/// sums stay in registers.
#[inline(always)]
fn affine<S: Scalar>(x: &[S], layer: &Layer<'_, S::Real>, y: &mut [S]) {
    const TILE: usize = 8;
    let columns = y.len();
    let mut start = 0;
    while start + TILE <= columns {
        let mut sums: [S; TILE] = core::array::from_fn(|j| S::splat(layer.bias[start + j]));
        for (x, row) in x.iter().zip(layer.weight.chunks_exact(columns)) {
            let row = &row[start..start + TILE];
            for j in 0..TILE {
                sums[j] += *x * S::splat(row[j]);
            }
        }
        y[start..start + TILE].copy_from_slice(&sums);
        start += TILE;
    }
    for j in start..columns {
        let mut sum = S::splat(layer.bias[j]);
        for (x, row) in x.iter().zip(layer.weight.chunks_exact(columns)) {
            sum += *x * S::splat(row[j]);
        }
        y[j] = sum;
    }
}
