//! The smallest firmware that draws samples: the model of `reader` as constants of the program, checked when it was
//! built, and the hash of the same ten samples. Its sections are the flash it takes, its sections and stack the RAM.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]
// Half a million weights become signed when the program is compiled.
#![allow(long_running_const_eval)]

use cortex_m_rt::entry;
use firmware_icount::draw;
use kiln_core::fixed::{Affine, Generator, Layer, Matrix, Mlp};
use semihosting::process::exit;

const fn signed<const N: usize>(bytes: &[u8; N]) -> [i8; N] {
    let mut out = [0; N];
    let mut i = 0;
    while i < N {
        out[i] = bytes[i] as i8;
        i += 1;
    }
    out
}

const fn words<const N: usize, const BYTES: usize>(bytes: &[u8; BYTES]) -> [u32; N] {
    let (chunks, _) = bytes.as_chunks::<4>();
    let mut out = [0; N];
    let mut i = 0;
    while i < N {
        out[i] = u32::from_le_bytes(chunks[i]);
        i += 1;
    }
    out
}

const fn wide<const N: usize, const BYTES: usize>(bytes: &[u8; BYTES]) -> [i32; N] {
    let words: [u32; N] = words(bytes);
    let mut out = [0; N];
    let mut i = 0;
    while i < N {
        out[i] = words[i] as i32;
        i += 1;
    }
    out
}

macro_rules! layer {
    ($index:literal, $inputs:literal, $outputs:literal) => {{
        static WEIGHTS: [i8; $inputs * $outputs] =
            signed(include_bytes!(concat!(env!("OUT_DIR"), "/", $index, ".weights")));
        static SCALES: [u32; $outputs] = words(include_bytes!(concat!(env!("OUT_DIR"), "/", $index, ".scales")));
        static BIAS: [i32; $outputs] = wide(include_bytes!(concat!(env!("OUT_DIR"), "/", $index, ".bias")));
        Layer { affine: Affine { matrix: Matrix { weights: &WEIGHTS, scales: &SCALES }, bias: &BIAS }, point: 12 }
    }};
}

static LAYERS: [Layer<'static, i8>; 5] =
    [layer!(0, 2, 400), layer!(1, 400, 400), layer!(2, 400, 400), layer!(3, 400, 400), layer!(4, 400, 2)];

#[entry]
fn main() -> ! {
    let Ok(generator) = Generator::new(Mlp::new_unchecked(2, &LAYERS), 2, &[], 1 << 15) else { exit(2) };
    draw(&generator)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(101)
}
