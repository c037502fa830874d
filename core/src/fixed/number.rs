//! Rounding, saturation and the one requantisation.
//!
//! There is one rounding, half up: ⌊v + 1/2⌋ of the exact value v. Every narrowing saturates.

/// Binary point of wide numbers: an `i32` n stands for n/2^16, of magnitude below 32768.
pub const POINT: u32 = 16;

/// 1 in Q16.
pub const ONE: i32 = 1 << POINT;

/// x/2^s rounded half up, for s ≤ 62 and |x| + 2^(s−1) < 2^63; s = 0 gives x.
#[inline(always)]
pub const fn shift_round(x: i64, s: u32) -> i64 {
    if s == 0 { x } else { (x + (1 << (s - 1))) >> s }
}

/// a/b rounded half up, for 0 < b < 2^62: one division of the processor.
#[inline(always)]
pub const fn divide_round(a: i64, b: i64) -> i64 {
    let (mut quotient, mut rest) = (a / b, a % b);
    if rest < 0 {
        quotient -= 1;
        rest += b;
    }
    if rest >= b - rest { quotient + 1 } else { quotient }
}

/// a·b of two numbers in Q16, rounded half up to Q16, not saturated.
#[inline(always)]
pub const fn multiply(a: i32, b: i32) -> i64 {
    shift_round(a as i64 * b as i64, POINT)
}

/// The nearest `i32`.
#[inline(always)]
pub const fn saturate(x: i64) -> i32 {
    if x > i32::MAX as i64 {
        i32::MAX
    } else if x < i32::MIN as i64 {
        i32::MIN
    } else {
        x as i32
    }
}

/// A Q16 number as an activation with binary point `point` ≤ 15, rounded half up and saturated.
#[inline(always)]
pub const fn narrow(x: i32, point: u32) -> i16 {
    // With s = 16 − point ≥ 1 this is shift_round(x, s) in 32 bits: the bit below the cut decides.
    let s = POINT - (point & 15);
    let rounded = (x >> s) + ((x >> (s - 1)) & 1);
    if rounded > i16::MAX as i32 {
        i16::MAX
    } else if rounded < i16::MIN as i32 {
        i16::MIN
    } else {
        rounded as i16
    }
}

/// A factor mantissa/2^shift, 0 or positive, that turns a sum of products into Q16. It holds the step of a row's weights and
/// 2^(16 − f), where f is the binary point of the activations that enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scale {
    mantissa: u16,
    shift: u8,
}

impl Scale {
    /// The largest shift.
    pub const MAX_SHIFT: u8 = 62;

    /// mantissa/2^shift; `None` unless the mantissa is 0 or in \[2^15, 2^16) and the shift at most 62.
    pub const fn new(mantissa: u16, shift: u8) -> Option<Self> {
        let normal = mantissa == 0 || mantissa >= 1 << 15;
        if normal && shift <= Self::MAX_SHIFT { Some(Self { mantissa, shift }) } else { None }
    }

    /// From mantissa | shift << 16; `None` where [`Scale::new`] refuses these or other bits are set.
    pub const fn unpack(packed: u32) -> Option<Self> {
        if packed >> 24 != 0 {
            return None;
        }
        Self::new(packed as u16, (packed >> 16) as u8)
    }

    /// The same without a check, for packed scales that [`Scale::unpack`] takes: others give another scale.
    #[inline(always)]
    pub(super) const fn of_checked(packed: u32) -> Self {
        Self { mantissa: packed as u16, shift: (packed >> 16) as u8 & 63 }
    }

    /// mantissa | shift << 16.
    pub const fn pack(self) -> u32 {
        self.mantissa as u32 | (self.shift as u32) << 16
    }

    /// The mantissa, 0 or in \[2^15, 2^16).
    pub const fn mantissa(self) -> u16 {
        self.mantissa
    }

    /// How many binary places the product is moved to the right, at most 62.
    pub const fn shift(self) -> u8 {
        self.shift
    }

    /// sum·mantissa/2^shift, rounded half up and saturated, for |sum| < 2^46.
    #[inline(always)]
    pub const fn apply(self, sum: i64) -> i32 {
        let product = sum * self.mantissa as i64;
        // ⌊x/2^s + 1/2⌋ = ⌊(⌊x/2^(s−1)⌋ + 1)/2⌋: one shift by a variable instead of two.
        saturate(if self.shift == 0 { product } else { ((product >> (self.shift - 1)) + 1) >> 1 })
    }
}
