//! Kiln as a library: it trains one-step samplers of Boltzmann distributions, draws from them and judges what they draw.
//!
//! A trained sampler is a generator g(z): every sample is one evaluation of a small network. [`target`] says what can be
//! sampled, [`fit`] trains, [`source`] opens what was trained, [`metric`] judges it, [`mod@reference`] makes the truth to judge
//! by, [`export`] and [`distill`] make it small. The binary `kiln` is this library with a command line.
//!
//! ```no_run
//! use kiln::{fit, source, targets};
//! use std::path::Path;
//!
//! # fn main() -> Result<(), kiln::error::Error> {
//! // A generator that comes with Kiln.
//! let samples = source::resolve(Path::new("mog40"))?.open()?.rows(0, 0, 1000)?;
//! // One of one's own.
//! let wells = targets::builtin().remove(1);
//! let trained = fit::fit(&wells, wells.settings(), None, &fit::Options::default())?;
//! println!("{}", trained.report.table());
//! # Ok(())
//! # }
//! ```
//!
//! Guarantees
//! - Only a checked [`config::Config`] can run; a bad value is refused with its place, its range and a hint.
//! - Nothing that exists is overwritten unasked, and files are written whole or not at all.
//! - Nothing is written on stdout or stderr, and no signal is caught: who watches hands over a [`progress::Progress`], who may
//!   interrupt a flag.
//! - Bad input is an [`error::Error`]: one sentence and a hint.
//! - Every metric comes with its floor or its truth, its n, and the energies it cost.
//! - No `unsafe` code.
//!
//! Features: `embedded` (by default) has the trained generators and reference samples inside; `cuda` trains on an NVIDIA GPU.
//!
//! Non-goals: a command line, pictures and reports (the package `host` has them), a general TOML editor, a job scheduler.
#![forbid(unsafe_code)]
// Whoever links a library decides what its terminal shows.
#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub use kiln_explore as explore;

mod bounded;
pub mod cells;
pub mod config;
pub mod cost;
pub mod denoiser;
pub mod deployed;
pub mod distill;
pub mod energy_file;
pub mod error;
mod exploration;
pub mod export;
pub mod files;
pub mod fingerprint;
pub mod fit;
pub mod format;
pub mod formula;
pub mod frame;
pub mod framed;
mod guard;
mod known;
pub mod learned;
pub mod library;
pub mod memory;
pub mod metric;
pub mod polish;
pub mod pool;
pub mod preset;
pub mod pretrained;
pub mod progress;
pub mod reference;
pub mod run;
pub mod sample;
pub mod samples;
pub mod source;
pub mod spec;
pub mod start;
pub mod target;
pub mod targets;
pub mod threads;
pub mod train;
pub mod verdict;
pub mod weights;
