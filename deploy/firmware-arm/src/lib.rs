//! # firmware-arm
//!
//! Programs for a Cortex-M4F or M7, with or without its floating-point unit: the registry, and what counts instructions.
//! Here is what they share, their way out through semihosting.
//!
//! ## Guarantees
//! - No heap, no `unsafe`, nothing of the board but semihosting: they run in QEMU and under any debugger.
//!
//! ## Non-goals
//! - No drivers: a product brings its own start-up code and links `kiln-core` as these do.
#![no_std]
#![forbid(unsafe_code)]

// Brings the critical section that semihosting and defmt use.
use cortex_m as _;
#[cfg(feature = "defmt")]
use defmt_semihosting as _;

/// Prints a line of the registry, or sends it as a frame of defmt.
pub fn report(line: &kiln_registry::Line) {
    #[cfg(not(feature = "defmt"))]
    semihosting::println!("{line}");
    #[cfg(feature = "defmt")]
    defmt::info!("{=str} {=u32} {=u64:016x}", line.name, line.count, line.hash);
}

/// Prints a line of anything; defmt has no use for it.
pub fn print(text: core::fmt::Arguments<'_>) {
    semihosting::println!("{text}");
}

/// Ends the program, and the emulator, with a status.
pub fn exit(status: i32) -> ! {
    semihosting::process::exit(status)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(not(feature = "defmt"))]
    semihosting::println!("{info}");
    #[cfg(feature = "defmt")]
    defmt::error!("{}", defmt::Display2Format(info));
    exit(101)
}
