//! The registry: prints the table and exits with status 0 where all of it is as pinned, 1 where a line differs, 101
//! after a panic.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use cortex_m_rt::entry;
use firmware_arm::{exit, report};

#[entry]
fn main() -> ! {
    exit(i32::from(kiln_registry::run(report) > 0))
}
