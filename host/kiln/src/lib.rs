//! Kiln on the host: the command line, configurations, run directories, metrics, pictures, sample files.
//!
//! Guarantees
//! - Only a checked [`config::Config`] can run; a bad value is refused with its place, its range and a hint.
//! - Nothing that exists is overwritten unasked, and files are written whole or not at all.
//! - stdout is data, stderr is log. Bad input ends with exit code 2, one sentence and a hint.
//! - Every metric comes with its floor or its truth, its n, and the energies it cost.
//!
//! Non-goals: a plotting library, a general TOML editor, a job scheduler.
#![forbid(unsafe_code)]
// A closed or full stderr must not end a training: see `console`.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod binning;
pub mod cli;
pub mod command;
pub mod config;
pub mod console;
pub mod defect;
pub mod distill;
pub mod dynamics;
pub mod engine;
pub mod error;
pub mod export;
pub mod format;
mod guard;
pub mod html;
pub mod interrupt;
pub mod memory;
pub mod metric;
pub mod plot;
pub mod polish;
pub mod preset;
pub mod pretrained;
pub mod progress;
pub mod reference;
pub mod run;
mod sample;
pub mod source;
mod spec;
mod start;
pub mod target;
pub mod target_api;
pub mod threads;
pub mod train;
