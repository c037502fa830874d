//! Matrices of integer weights with one scale a row, and affine maps.

use super::number::Scale;
use super::{InvalidNetwork, Products, Weight};

/// A matrix W, whose product with activations is in Q16. Its lengths and numbers are checked by the network that takes
/// it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Matrix<'a, W> {
    /// (outputs, inputs), row by output.
    pub weights: &'a [W],
    /// A packed [`Scale`] for each output.
    pub scales: &'a [u32],
}

/// y = W x + b.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Affine<'a, W> {
    /// W, (outputs, inputs).
    pub matrix: Matrix<'a, W>,
    /// b, (outputs), in Q16.
    pub bias: &'a [i32],
}

impl<W: Weight> Matrix<'_, W> {
    /// Refuses lengths other than `outputs` × `inputs`, scales that are none, and rows whose sums could overflow.
    pub(super) fn check(&self, outputs: usize, inputs: usize, layer: usize) -> Result<(), InvalidNetwork> {
        let full = outputs.checked_mul(inputs) == Some(self.weights.len());
        if outputs == 0 || inputs == 0 || !full || self.scales.len() != outputs {
            return Err(InvalidNetwork::Shape { layer });
        }
        if self.scales.iter().any(|scale| Scale::unpack(*scale).is_none()) {
            return Err(InvalidNetwork::Scale { layer });
        }
        let sum = |row: &[W]| row.iter().fold(0_u64, |sum, w| sum.saturating_add(w.magnitude()));
        if self.weights.chunks_exact(inputs).any(|row| sum(row) >= W::ROW_LIMIT) {
            return Err(InvalidNetwork::Overflow { layer });
        }
        Ok(())
    }

    /// Gives `write` each place of `out` with its row's product in Q16, two rows at a time. `x` is arranged.
    #[inline(always)]
    pub(super) fn product<P: Products, T>(
        &self,
        products: &P,
        x: &[i16],
        out: impl IntoIterator<Item = T>,
        mut write: impl FnMut(T, i32),
    ) {
        let mut out = out.into_iter();
        let mut put = |scale: u32, sum: W::Sum| {
            if let Some(place) = out.next() {
                write(place, Scale::of_checked(scale).apply(sum.into()));
            }
        };
        let pairs = self.weights.chunks_exact(2 * x.len());
        let last = pairs.remainder();
        let (scales, last_scale) = self.scales.as_chunks::<2>();
        for (rows, [first, second]) in pairs.zip(scales) {
            let [a, b] = W::rows(products, rows.split_at(x.len()).into(), x);
            put(*first, a);
            put(*second, b);
        }
        if let [scale] = last_scale {
            put(*scale, W::row(products, last, x));
        }
    }
}

impl<W: Weight> Affine<'_, W> {
    pub(super) fn check(&self, outputs: usize, inputs: usize, layer: usize) -> Result<(), InvalidNetwork> {
        if self.bias.len() != outputs {
            return Err(InvalidNetwork::Shape { layer });
        }
        self.matrix.check(outputs, inputs, layer)
    }

    /// Gives `write` each place of `out` with its output in Q16. `x` is arranged.
    #[inline(always)]
    pub(super) fn map<P: Products, T>(
        &self,
        products: &P,
        x: &[i16],
        out: impl IntoIterator<Item = T>,
        mut write: impl FnMut(T, i32),
    ) {
        self.matrix.product(products, x, out.into_iter().zip(self.bias), |(place, bias), product| {
            write(place, product.saturating_add(*bias));
        });
    }
}
