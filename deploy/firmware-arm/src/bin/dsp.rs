//! The registry's integer dot products and networks with the instructions of the DSP extension: the same lines, and the
//! same statuses as the whole registry.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use cortex_m_rt::entry;
use firmware_arm::{exit, report};
use kiln_smlad::Smlad;

#[entry]
fn main() -> ! {
    exit(i32::from(kiln_registry::run_with::<Smlad>(report) > 0))
}
