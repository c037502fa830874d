//! Kiln for Python: what `kiln` is to Rust, with energies that are Python functions. Thin: arrays and exceptions in, arrays and
//! exceptions out; what has no need of Rust is in the package `kiln` beside it.
//!
//! Guarantees
//! - An energy is called with the rows of many chains at once, by one thread at a time, and the interpreter's lock is held for that call
//!   alone.
//! - Ctrl-C ends the work with what there is kept, and an exception of the energy is the one that the caller sees.
//! - No `unsafe` code of its own.

#![forbid(unsafe_code)]

mod array;
mod error;
mod function;
mod pool;
mod sampler;
mod target;
mod train;
mod watch;

/// What `kiln` is made of.
#[pyo3::pymodule]
mod _kiln {
    #[pymodule_export]
    use super::pool::{PyPool, explore};
    #[pymodule_export]
    use super::sampler::{PySampler, load};
    #[pymodule_export]
    use super::target::{PyTarget, of_function, of_word, targets};
    #[pymodule_export]
    use super::train::train;
}
