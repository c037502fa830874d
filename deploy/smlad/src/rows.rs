//! The loops: eight inputs a trip, for slices of equal length that is a multiple of eight.
//!
//! Weights are loaded by LDR, which these processors do at any address. Activations of two rows of bytes are loaded by
//! LDRD, two words at once, where they begin at a multiple of four, as they do in scratch buffers that do.

use core::arch::asm;

use crate::TRIP;

/// The trips through slices of these lengths.
#[inline(always)]
fn trips(lengths: &[usize], inputs: usize) -> usize {
    assert!(inputs.is_multiple_of(TRIP) && lengths.iter().all(|length| *length == inputs));
    inputs / TRIP
}

/// Four inputs of two rows of bytes: two words of activations, loaded as told, one of each row.
macro_rules! four_bytes {
    ($load:literal) => {
        concat!(
            $load,
            "
            ldr {w}, [{a}], #4
            sxtb16 {t}, {w}
            sxtb16 {w}, {w}, ror #8
            smlad {first}, {t}, {x0}, {first}
            smlad {first}, {w}, {x1}, {first}
            ldr {w}, [{b}], #4
            sxtb16 {t}, {w}
            sxtb16 {w}, {w}, ror #8
            smlad {second}, {t}, {x0}, {second}
            smlad {second}, {w}, {x1}, {second}"
        )
    };
}

macro_rules! rows_of_bytes {
    ($load:literal, $a:ident, $b:ident, $x:ident, $trips:ident, $first:ident, $second:ident) => {
        asm!(
            "2:",
            four_bytes!($load),
            four_bytes!($load),
            "subs {trips}, {trips}, #1
             bne 2b",
            a = inout(reg) $a.as_ptr() => _,
            b = inout(reg) $b.as_ptr() => _,
            x = inout(reg) $x.as_ptr() => _,
            trips = inout(reg) $trips => _,
            first = inout(reg) $first,
            second = inout(reg) $second,
            x0 = out(reg) _,
            x1 = out(reg) _,
            w = out(reg) _,
            t = out(reg) _,
            options(pure, readonly, nostack),
        )
    };
}

/// Σ a_k x_k and Σ b_k x_k; groups of four activations stand in the order x0 x2 x1 x3.
#[inline(always)]
pub fn rows_i8(a: &[i8], b: &[i8], x: &[i16]) -> [i32; 2] {
    let trips = trips(&[a.len(), b.len()], x.len());
    let (mut first, mut second) = (0, 0);
    if trips == 0 {
        return [first, second];
    }
    if x.as_ptr().cast::<u32>().is_aligned() {
        // SAFETY: a trip reads 8 bytes at a and b and 16 at x and moves the pointers by as much; the slices hold `trips`
        // times that, as was asserted, and x begins at a multiple of four, as LDRD wants. Nothing is written but the
        // named registers and the flags.
        unsafe { rows_of_bytes!("ldrd {x0}, {x1}, [{x}], #8", a, b, x, trips, first, second) };
    } else {
        // SAFETY: as above, but LDR takes any address.
        unsafe { rows_of_bytes!("ldr {x0}, [{x}], #4\n ldr {x1}, [{x}], #4", a, b, x, trips, first, second) };
    }
    [first, second]
}

/// Σ w_k x_k; groups of four activations stand in the order x0 x2 x1 x3.
#[inline(always)]
pub fn row_i8(w: &[i8], x: &[i16]) -> i32 {
    let trips = 2 * trips(&[w.len()], x.len());
    let mut sum = 0;
    if trips == 0 {
        return sum;
    }
    // SAFETY: a trip reads 4 bytes at w and 8 at x and moves the pointers by as much; the slices hold `trips` times
    // that, as was asserted. Nothing is written but the named registers and the flags.
    unsafe {
        asm!(
            "2:
             ldr {x0}, [{x}], #4
             ldr {v}, [{w}], #4
             ldr {x1}, [{x}], #4
             sxtb16 {t}, {v}
             sxtb16 {v}, {v}, ror #8
             smlad {sum}, {t}, {x0}, {sum}
             smlad {sum}, {v}, {x1}, {sum}
             subs {trips}, {trips}, #1
             bne 2b",
            w = inout(reg) w.as_ptr() => _,
            x = inout(reg) x.as_ptr() => _,
            trips = inout(reg) trips => _,
            sum = inout(reg) sum,
            x0 = out(reg) _,
            x1 = out(reg) _,
            v = out(reg) _,
            t = out(reg) _,
            options(pure, readonly, nostack),
        );
    }
    sum
}

/// Two inputs of two rows of half-words.
macro_rules! two_halves {
    () => {
        "ldr {v}, [{x}], #4
         ldr {w}, [{a}], #4
         smlald {low0}, {high0}, {w}, {v}
         ldr {w}, [{b}], #4
         smlald {low1}, {high1}, {w}, {v}"
    };
}

/// A sum from its halves.
#[inline(always)]
fn joined(low: u32, high: i32) -> i64 {
    i64::from(high) << 32 | i64::from(low)
}

/// Σ a_k x_k and Σ b_k x_k.
#[inline(always)]
pub fn rows_i16(a: &[i16], b: &[i16], x: &[i16]) -> [i64; 2] {
    let trips = trips(&[a.len(), b.len()], x.len());
    let (mut low, mut high) = ([0_u32; 2], [0_i32; 2]);
    if trips == 0 {
        return [0; 2];
    }
    // SAFETY: a trip reads 16 bytes at a, b and x and moves the pointers by as much; the slices hold `trips` times that,
    // as was asserted. Nothing is written but the named registers and the flags.
    unsafe {
        asm!(
            "2:",
            two_halves!(),
            two_halves!(),
            two_halves!(),
            two_halves!(),
            "subs {trips}, {trips}, #1
             bne 2b",
            a = inout(reg) a.as_ptr() => _,
            b = inout(reg) b.as_ptr() => _,
            x = inout(reg) x.as_ptr() => _,
            trips = inout(reg) trips => _,
            low0 = inout(reg) low[0],
            high0 = inout(reg) high[0],
            low1 = inout(reg) low[1],
            high1 = inout(reg) high[1],
            v = out(reg) _,
            w = out(reg) _,
            options(pure, readonly, nostack),
        );
    }
    [joined(low[0], high[0]), joined(low[1], high[1])]
}

/// Σ w_k x_k.
#[inline(always)]
pub fn row_i16(w: &[i16], x: &[i16]) -> i64 {
    let trips = 4 * trips(&[w.len()], x.len());
    let (mut low, mut high) = (0_u32, 0_i32);
    if trips == 0 {
        return 0;
    }
    // SAFETY: a trip reads 4 bytes at w and x and moves the pointers by as much; the slices hold `trips` times that, as
    // was asserted. Nothing is written but the named registers and the flags.
    unsafe {
        asm!(
            "2:
             ldr {v}, [{x}], #4
             ldr {u}, [{w}], #4
             smlald {low}, {high}, {u}, {v}
             subs {trips}, {trips}, #1
             bne 2b",
            w = inout(reg) w.as_ptr() => _,
            x = inout(reg) x.as_ptr() => _,
            trips = inout(reg) trips => _,
            low = inout(reg) low,
            high = inout(reg) high,
            v = out(reg) _,
            u = out(reg) _,
            options(pure, readonly, nostack),
        );
    }
    joined(low, high)
}
