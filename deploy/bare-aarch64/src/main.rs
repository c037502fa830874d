//! # bare-aarch64
//!
//! The registry on AArch64, built for bare metal and run in QEMU's user mode, which gives it a stack and answers
//! semihosting calls: prints the table and exits with status 0 where all of it is as pinned, 1 where a line differs,
//! 101 after a panic.
//!
//! ## Guarantees
//! - No heap, no library: the program starts at `_start` with nothing but a stack.
//!
//! ## Non-goals
//! - No start-up code for a board.
#![no_std]
#![no_main]

use semihosting::{println, process};

/// Where the program starts.
// SAFETY: no other symbol of this program is called `_start`; the linker looks for this one.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    process::exit(i32::from(kiln_registry::run(|line| println!("{line}")) > 0))
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    println!("{info}");
    process::exit(101)
}
