//! Trials of what Kiln promises of its files and of its ends: processes are killed, files damaged and settings turned
//! hostile, thousands of times, always through the binary that people run. `docs/reliability.md` lists the promises.
//!
//! As a part of `cargo test` each trial runs in a short form; `scripts/reliability` runs the long one.
//!
//! | variable | meaning |
//! |---|---|
//! | `KILN_TRIALS=long` | the long form |
//! | `KILN_TRIALS_SEED` | what moments and damage follow from (default 13) |
//! | `KILN_TRIALS_BINARY` | another `kiln` to try than the one just built |
#![cfg(unix)]

mod damage;
mod kills;
mod lives;
mod mutations;
mod pairs;
mod readers;
mod settings;
mod signals;
mod trial;
