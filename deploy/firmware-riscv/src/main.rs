//! # firmware-riscv
//!
//! The registry on riscv32imac, where every floating-point operation is a call: prints the table and exits with status
//! 0 where all of it is as pinned, 1 where a line differs, 101 after a panic.
//!
//! ## Guarantees
//! - No heap, no `unsafe`, nothing of the board but semihosting: it runs in QEMU and under any debugger.
//!
//! ## Non-goals
//! - No drivers: a product brings its own start-up code and links `kiln-core` as this does.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

// Brings the critical section.
use riscv as _;
use semihosting::{println, process};

#[riscv_rt::entry]
fn main() -> ! {
    process::exit(i32::from(kiln_registry::run(|line| println!("{line}")) > 0))
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    println!("{info}");
    process::exit(101)
}
