//! Firmware that reads a file of one kind, layers of units in `i8w16a`: the model of `reader` and the hash of the same ten
//! samples. Its sections are the flash it takes, its sections and stack the RAM.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use cortex_m_rt::entry;
use firmware_icount::draw;
use kiln_core::artifact::{Aligned, Artifact, FixedMlp};
use semihosting::process::exit;

const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/i8w16a.kiln"));
static MODEL: Aligned<[u8; BYTES.len()]> = Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/i8w16a.kiln")));

#[entry]
fn main() -> ! {
    let Ok(network) = Artifact::network::<FixedMlp<'_, i8>>(&MODEL.0) else { exit(2) };
    let Ok(generator) = network.generator() else { exit(2) };
    draw(&generator)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(101)
}
