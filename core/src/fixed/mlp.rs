//! A multilayer perceptron with SiLU activations in integers: [`crate::network::Mlp`] after conversion.

use super::functions::silu;
use super::{Affine, InvalidNetwork, MAX_POINT, Products, Weight, narrow, padded};

/// One affine map and the binary point of what it passes on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Layer<'a, W> {
    /// y = W x + b, in Q16.
    pub affine: Affine<'a, W>,
    /// Binary point, at most 15, of SiLU(y) where it enters the next layer; of no meaning in the last layer, which
    /// ends in Q16.
    pub point: u8,
}

/// A checked network: SiLU after every layer but the last.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mlp<'a, W> {
    layers: &'a [Layer<'a, W>],
    inputs: usize,
    width: usize,
}

impl<'a, W: Weight> Mlp<'a, W> {
    /// Checks that the layers fit together and that no sum can overflow. Reads every weight: see
    /// [`Mlp::new_unchecked`].
    ///
    /// # Errors
    /// [`InvalidNetwork`] names the first layer that does not fit.
    pub fn new(inputs: usize, layers: &'a [Layer<'a, W>]) -> Result<Self, InvalidNetwork> {
        if layers.is_empty() || inputs == 0 {
            return Err(InvalidNetwork::Empty);
        }
        let mut columns = inputs;
        for (layer, l) in layers.iter().enumerate() {
            let rows = l.affine.bias.len();
            l.affine.check(rows, columns, layer)?;
            if l.point > MAX_POINT {
                return Err(InvalidNetwork::Point { layer });
            }
            columns = rows;
        }
        let network = Self::new_unchecked(inputs, layers);
        match network.width.checked_mul(2) {
            Some(_) => Ok(network),
            None => Err(InvalidNetwork::Ends),
        }
    }

    /// The same without the checks, for layers that [`Mlp::new`] took before. Others may panic or give any numbers,
    /// nothing worse.
    pub fn new_unchecked(inputs: usize, layers: &'a [Layer<'a, W>]) -> Self {
        let widest = layers.iter().map(|l| l.affine.bias.len()).fold(inputs, usize::max);
        Self { layers, inputs, width: padded(widest).unwrap_or(usize::MAX) }
    }

    /// How many numbers go in.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many numbers come out.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |l| l.affine.bias.len())
    }

    /// The length of each of the two halves of the scratch buffer: the widest layer, rounded up to a multiple of four.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Evaluates the network. The input, whose binary point the first layer's scales know, stands in the first
    /// [`Mlp::inputs`] places of `scratch`, whose length is at least 2 × [`Mlp::width`]; `out` gets
    /// [`Mlp::outputs`] numbers in Q16.
    ///
    /// # Errors
    /// [`InvalidNetwork::Buffer`] where a buffer is too short.
    pub fn forward<P: Products>(
        &self,
        products: &P,
        scratch: &mut [i16],
        out: &mut [i32],
    ) -> Result<(), InvalidNetwork> {
        let Some((last, hidden)) = self.layers.split_last() else { return Err(InvalidNetwork::Empty) };
        if scratch.len() < 2 * self.width || out.len() < last.affine.bias.len() {
            return Err(InvalidNetwork::Buffer);
        }
        let (mut from, mut to) = scratch.split_at_mut(self.width);
        let mut inputs = self.inputs;
        for layer in hidden {
            let (x, point) = (&mut from[..inputs], u32::from(layer.point));
            W::arrange(products, x);
            layer.affine.map(products, x, to.iter_mut(), |y, z| *y = narrow(silu(z), point));
            inputs = layer.affine.bias.len();
            core::mem::swap(&mut from, &mut to);
        }
        let x = &mut from[..inputs];
        W::arrange(products, x);
        last.affine.map(products, x, out, |y, z| *y = z);
        Ok(())
    }
}
