//! # kiln-smlad
//!
//! [`Products`] for Arm processors with the DSP extension (Cortex-M4, M7, M33 and above): SMLAD multiplies two pairs of
//! 16-bit numbers and adds both products to 32 bits, SMLALD to 64.
//!
//! Two rows of weights share the loads of the activations, eight inputs a trip. Bytes are widened by SXTB16, which takes
//! the first and third byte of a word, then, rotated, the second and fourth: activations are put into the same order,
//! x0 x2 x1 x3, once a layer.
//!
//! ## Guarantees
//! - The integers of [`Portable`](kiln_core::fixed::Portable), to the bit: the registry's firmware proves it on rows of
//!   every length and on both networks (`scripts/sameness cortex-m4f-dsp`).
//! - `unsafe` is four loops of inline assembly that read what their slices hold.
//!
//! ## Non-goals
//! - No other processors: there the crate does not compile.
#![no_std]

#[cfg(not(target_arch = "arm"))]
compile_error!("kiln-smlad is for Arm processors with the DSP extension");

#[cfg(target_arch = "arm")]
mod rows;

use core::ops::AddAssign;

use kiln_core::fixed::Products;

/// Inputs of one trip through a loop.
const TRIP: usize = 8;

/// Products by SMLAD and SMLALD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Smlad;

/// Σ w_k x_k of at most seven inputs, where groups of four activations stand in the order x0 x2 x1 x3.
#[inline(always)]
fn rest_i8(weights: &[i8], activations: &[i16]) -> i32 {
    let product = |w: i8, x: i16| i32::from(w) * i32::from(x);
    let (groups, last) = weights.as_chunks::<4>();
    let (arranged, natural) = activations.as_chunks::<4>();
    let of_group = |(w, x): (&[i8; 4], &[i16; 4])| {
        product(w[0], x[0]) + product(w[2], x[1]) + product(w[1], x[2]) + product(w[3], x[3])
    };
    let of_groups: i32 = groups.iter().zip(arranged).map(of_group).sum();
    of_groups + last.iter().zip(natural).map(|(w, x)| product(*w, *x)).sum::<i32>()
}

/// Σ w_k x_k of at most seven inputs.
#[inline(always)]
fn rest_i16(weights: &[i16], activations: &[i16]) -> i64 {
    weights.iter().zip(activations).map(|(w, x)| i64::from(i32::from(*w) * i32::from(*x))).sum()
}

/// The sums of R rows over as many inputs as all have: whole trips by `trips`, what remains by `rest`.
#[inline(always)]
fn sums<W, S: AddAssign, const R: usize>(
    rows: [&[W]; R],
    activations: &[i16],
    trips: impl Fn([&[W]; R], &[i16]) -> [S; R],
    rest: impl Fn(&[W], &[i16]) -> S,
) -> [S; R] {
    let length = rows.iter().fold(activations.len(), |length, row| length.min(row.len()));
    let whole = length - length % TRIP;
    let (x, x_rest) = activations[..length].split_at(whole);
    let halves = rows.map(|row| row[..length].split_at(whole));
    let mut sums = trips(halves.map(|(row, _)| row), x);
    if !x_rest.is_empty() {
        sums.iter_mut().zip(halves).for_each(|(sum, (_, row))| *sum += rest(row, x_rest));
    }
    sums
}

#[cfg(target_arch = "arm")]
impl Products for Smlad {
    #[inline(always)]
    fn arrange_i8(&self, activations: &mut [i16]) {
        activations.as_chunks_mut::<4>().0.iter_mut().for_each(|group| group.swap(1, 2));
    }

    #[inline(always)]
    fn row_i8(&self, weights: &[i8], activations: &[i16]) -> i32 {
        let [sum] = sums([weights], activations, |[w], x| [rows::row_i8(w, x)], rest_i8);
        sum
    }

    #[inline(always)]
    fn rows_i8(&self, weights: [&[i8]; 2], activations: &[i16]) -> [i32; 2] {
        sums(weights, activations, |[a, b], x| rows::rows_i8(a, b, x), rest_i8)
    }

    #[inline(always)]
    fn row_i16(&self, weights: &[i16], activations: &[i16]) -> i64 {
        let [sum] = sums([weights], activations, |[w], x| [rows::row_i16(w, x)], rest_i16);
        sum
    }

    #[inline(always)]
    fn rows_i16(&self, weights: [&[i16]; 2], activations: &[i16]) -> [i64; 2] {
        sums(weights, activations, |[a, b], x| rows::rows_i16(a, b, x), rest_i16)
    }
}
