//! Firmware that reads a file of one kind, layers of units in `i8w16a`: the model of `reader` and the hash of the same ten
//! samples. Its sections are the flash it takes, its sections and stack the RAM.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use cortex_m_rt::entry;
use firmware_icount::print_hash;
use kiln_core::artifact::{Aligned, Artifact, FixedMlp};
use kiln_core::fixed::fill_normal;
use kiln_core::random::{Purpose, Stream};
use kiln_registry::Hash;
use kiln_smlad::Smlad;
use semihosting::process::exit;

const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/i8w16a.kiln"));
static MODEL: Aligned<[u8; BYTES.len()]> = Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/i8w16a.kiln")));

#[entry]
fn main() -> ! {
    let Ok(network) = Artifact::network::<FixedMlp<'_, i8>>(&MODEL.0) else { exit(2) };
    let Ok(generator) = network.generator() else { exit(2) };
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

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(101)
}
