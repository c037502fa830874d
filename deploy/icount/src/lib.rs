//! # firmware-icount
//!
//! What is counted on a Cortex-M4F. `icount` runs the main kernels, each between two calls of [`kiln_mark`], whose
//! address the emulator's plugin (`benches/icount/icount.c`) is told; `sampler`, `mlp8` and `reader` draw samples of one
//! model, linked in parts, read from a file of its kind or of any kind: their sections and stack are its flash and RAM.
//! `scripts/icount` builds, runs and compares.
//!
//! ## Guarantees
//! - The same instructions every time: nothing depends on time or on the emulator.
//!
//! ## Non-goals
//! - No cycles: the emulator knows no pipeline, wait states or caches.
#![no_std]

use core::arch::asm;

use kiln_core::fixed::{Generator, fill_normal};
use kiln_core::random::{Purpose, Stream};
use kiln_registry::Hash;
use kiln_smlad::Smlad;
use semihosting::io::{Write, stdout};
use semihosting::process::exit;

/// Marks a place in time for whoever counts; does nothing.
// SAFETY: no other symbol of the program is called so.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn kiln_mark() {
    // SAFETY: an empty sequence of instructions. It may do anything to memory as far as the compiler knows, so that
    // nothing moves across a call of this function.
    unsafe { asm!("", options(nostack, preserves_flags)) }
}

/// Prints a hash in sixteen digits, without the formatting of `core`, which takes more flash than a small network. False
/// where there is nobody to print for.
pub fn print_hash(hash: Hash) -> bool {
    let mut line = *b"0123456789abcdef\n";
    let digits = *b"0123456789abcdef";
    for (place, shift) in line.iter_mut().zip((0..64).step_by(4).rev()) {
        *place = digits[(hash.value() >> shift) as usize & 15];
    }
    stdout().and_then(|mut out| out.write_all(&line)).is_ok()
}

/// Draws ten samples of the published size, prints their hash and ends the program.
pub fn draw(generator: &Generator<'_, i8>) -> ! {
    let (mut z, mut scratch, mut x) = ([0; 2], [0; 800], [0; 2]);
    let mut hash = Hash::new();
    for index in 0..10 {
        fill_normal(&mut Stream::new(1, Purpose::Sample, index), &mut z);
        if generator.sample_with(&Smlad, &z, &mut scratch, &mut x).is_err() {
            exit(3);
        }
        hash.all(&x);
    }
    exit(if print_hash(hash) { 0 } else { 4 })
}
