//! Integer dot products of rows of weights with activations: the place where a processor's own instructions enter.

mod sealed {
    pub trait Sealed {}
    impl Sealed for i8 {}
    impl Sealed for i16 {}
}

/// Dot products of one row and of two rows with the same activations. The methods that come with the trait are plain
/// Rust; an implementation for a processor overrides them and must give identical integers.
///
/// Before a row of activations is multiplied, it passes once through the `arrange` method of its weights' type, which
/// may permute it in place; the products of that type then get activations in this order and weights in the natural
/// one, both of the length that was arranged. Whoever overrides `arrange_i8` overrides both `i8` products, and likewise
/// for `i16`.
///
/// Rows of activations begin at multiples of eight bytes after the start of the caller's scratch buffer; rows of weights
/// follow each other without gaps. No overflow is possible: a checked network has Σ|w| < 2^16 in every row of `i8` and
/// Σ|w| < 2^31 in every row of `i16`, so that every partial sum, in any order, fits the result.
pub trait Products {
    /// Permutes activations for products with `i8` weights.
    #[inline(always)]
    fn arrange_i8(&self, activations: &mut [i16]) {
        let _ = activations;
    }

    /// Permutes activations for products with `i16` weights.
    #[inline(always)]
    fn arrange_i16(&self, activations: &mut [i16]) {
        let _ = activations;
    }

    /// Σ w_k x_k.
    #[inline(always)]
    fn row_i8(&self, weights: &[i8], activations: &[i16]) -> i32 {
        weights.iter().zip(activations).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum()
    }

    /// Σ w_k x_k of two rows.
    #[inline(always)]
    fn rows_i8(&self, [first, second]: [&[i8]; 2], activations: &[i16]) -> [i32; 2] {
        let mut sums = [0; 2];
        for ((a, b), x) in first.iter().zip(second).zip(activations) {
            let x = i32::from(*x);
            sums[0] += i32::from(*a) * x;
            sums[1] += i32::from(*b) * x;
        }
        sums
    }

    /// Σ w_k x_k.
    #[inline(always)]
    fn row_i16(&self, weights: &[i16], activations: &[i16]) -> i64 {
        weights.iter().zip(activations).map(|(w, x)| i64::from(i32::from(*w) * i32::from(*x))).sum()
    }

    /// Σ w_k x_k of two rows.
    #[inline(always)]
    fn rows_i16(&self, [first, second]: [&[i16]; 2], activations: &[i16]) -> [i64; 2] {
        let mut sums = [0; 2];
        for ((a, b), x) in first.iter().zip(second).zip(activations) {
            let x = i32::from(*x);
            sums[0] += i64::from(i32::from(*a) * x);
            sums[1] += i64::from(i32::from(*b) * x);
        }
        sums
    }
}

/// The products in plain Rust, for every processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Portable;

impl Products for Portable {}

/// The type of a network's weights: `i8` or `i16`, nothing else.
pub trait Weight: sealed::Sealed + Copy + core::fmt::Debug + PartialEq + 'static {
    /// A sum of products with `i16` activations.
    type Sum: Into<i64>;
    /// Bits of a weight.
    const BITS: u32;
    /// What Σ|w| of a row stays below, so that Σ|w|·2^15 fits the sum (`i8`: 2^31) and, for `i16`, stays below 2^46.
    const ROW_LIMIT: u64;

    /// |w|.
    fn magnitude(self) -> u64;
    /// The arrangement of activations for these weights.
    fn arrange<P: Products>(products: &P, activations: &mut [i16]);
    /// The product of one row.
    fn row<P: Products>(products: &P, weights: &[Self], activations: &[i16]) -> Self::Sum;
    /// The products of two rows.
    fn rows<P: Products>(products: &P, weights: [&[Self]; 2], activations: &[i16]) -> [Self::Sum; 2];
}

impl Weight for i8 {
    type Sum = i32;
    const BITS: u32 = 8;
    const ROW_LIMIT: u64 = 1 << 16;

    #[inline(always)]
    fn magnitude(self) -> u64 {
        u64::from(self.unsigned_abs())
    }
    #[inline(always)]
    fn arrange<P: Products>(products: &P, activations: &mut [i16]) {
        products.arrange_i8(activations);
    }
    #[inline(always)]
    fn row<P: Products>(products: &P, weights: &[i8], activations: &[i16]) -> i32 {
        products.row_i8(weights, activations)
    }
    #[inline(always)]
    fn rows<P: Products>(products: &P, weights: [&[i8]; 2], activations: &[i16]) -> [i32; 2] {
        products.rows_i8(weights, activations)
    }
}

impl Weight for i16 {
    type Sum = i64;
    const BITS: u32 = 16;
    const ROW_LIMIT: u64 = 1 << 31;

    #[inline(always)]
    fn magnitude(self) -> u64 {
        u64::from(self.unsigned_abs())
    }
    #[inline(always)]
    fn arrange<P: Products>(products: &P, activations: &mut [i16]) {
        products.arrange_i16(activations);
    }
    #[inline(always)]
    fn row<P: Products>(products: &P, weights: &[i16], activations: &[i16]) -> i64 {
        products.row_i16(weights, activations)
    }
    #[inline(always)]
    fn rows<P: Products>(products: &P, weights: [&[i16]; 2], activations: &[i16]) -> [i64; 2] {
        products.rows_i16(weights, activations)
    }
}
