//! # kiln-wasm
//!
//! Kiln as a WebAssembly module: the functions of [`kiln_abi`] and the registry. `kiln.mjs` beside it loads the module
//! in a browser and in node, and has a JavaScript function for each.
//!
//! ## Guarantees
//! - The module imports one function, which is told the registry's lines; it needs no system interface.
//! - No heap of its own: buffers lie in pages that the caller adds to the module's memory.
//!
//! ## Non-goals
//! - No threads and no vector instructions: a module that runs everywhere.
#![no_std]

pub use kiln_abi::*;

#[link(wasm_import_module = "kiln")]
unsafe extern "C" {
    /// A line of the registry: where its text stands, and how long it is.
    safe fn line(text: *const u8, length: usize);
}

/// Room for one line.
struct Text {
    bytes: [u8; 128],
    length: usize,
}

impl core::fmt::Write for Text {
    fn write_str(&mut self, part: &str) -> core::fmt::Result {
        let room = self.bytes.get_mut(self.length..self.length + part.len()).ok_or(core::fmt::Error)?;
        room.copy_from_slice(part.as_bytes());
        self.length += part.len();
        Ok(())
    }
}

/// Runs the registry, line by line; returns how many lines are not as pinned.
// SAFETY: no other symbol of the module is called so.
#[unsafe(no_mangle)]
pub extern "C" fn kiln_registry_run() -> u32 {
    kiln_registry::run(|report| {
        let mut text = Text { bytes: [0; 128], length: 0 };
        if core::fmt::write(&mut text, format_args!("{report}")).is_ok() {
            line(text.bytes.as_ptr(), text.length);
        }
    })
}

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
