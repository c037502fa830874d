//! Firmware that reads any deployed model: checks one of the published size in `i8w16a` and prints the hash of ten samples.
//! Its sections are the flash it takes, its sections and stack the RAM.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use cortex_m_rt::entry;
use firmware_arm::exit;
use firmware_icount::print_hash;
use kiln_core::artifact::{Aligned, Artifact};
use kiln_registry::Hash;
use kiln_smlad::Smlad;

const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/i8w16a.kiln"));
static MODEL: Aligned<[u8; BYTES.len()]> = Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/i8w16a.kiln")));

#[entry]
fn main() -> ! {
    let Ok(model) = Artifact::check(&MODEL.0) else { exit(2) };
    let (mut scratch, mut x) = ([0; 202], [0; 2]);
    let mut hash = Hash::new();
    for index in 0..10 {
        if model.sample_fixed(&Smlad, 1, index, &mut scratch, &mut x).is_err() {
            exit(3);
        }
        hash.all(&x);
    }
    exit(if print_hash(hash) { 0 } else { 4 })
}
