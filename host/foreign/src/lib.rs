//! Energies in shared libraries, written in C, C++, Fortran or whatever else exports C functions: [`Library`] opens one, and is then an
//! energy like any other.
//!
//! `include/kiln_energy.h` says what a library exports; `examples/` has one in C and one in Fortran. This is the one crate of the host with `unsafe` code: what it
//! calls can do anything, and no check here can see it. So `kiln` calls a library in a child process first, and a library that crashes
//! later leaves a run that can be resumed.

mod abi;
mod gate;
mod library;

pub use abi::KILN_ENERGY_ABI;
pub use library::{Failure, Library, LoadError};
