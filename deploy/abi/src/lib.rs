//! # kiln-abi
//!
//! Kiln's functions with C's calling convention, for everything that can call C: `deploy/c` makes a static library of
//! them, `deploy/wasm` a WebAssembly module.
//!
//! ## Guarantees
//! - No heap and no state: every buffer is the caller's, and all functions may be called from any thread.
//! - A null, misaligned or short buffer, an unknown target, a parameter out of range or a damaged model is answered with
//!   a [`Status`]; nothing is written then. No argument makes a function panic.
//! - What is only written to, results and room to work in, may hold anything before, or never have been initialised.
//! - The same arguments give the same bits on every machine.
//!
//! ## Non-goals
//! - No training, no files.
//! - It cannot tell a pointer that was freed from one that was not: what a pointer and its length say must be true.
#![no_std]

mod buffer;
mod chain;
mod energy;
mod model;
mod status;
pub mod target;

pub use chain::kiln_mala;
pub use energy::{kiln_energy, kiln_target_dimension, kiln_target_name};
pub use model::{ModelInfo, kiln_model_check, kiln_model_sample};
pub use status::{Status, kiln_status_text, kiln_version};
