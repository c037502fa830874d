//! # kiln-c
//!
//! `libkiln.a`: the functions of [`kiln_abi`] for C and for whatever calls C. `include/kiln.h` declares them; it is made
//! by cbindgen from the documentation of `kiln-abi` and checked in. `scripts/test c` builds the library, compiles the
//! example and the test with the system's compiler and runs them under valgrind.
//!
//! ## Guarantees
//! Those of `kiln-abi`: no state, no heap of its own, an error code for every buffer that does not fit.
//!
//! ## Non-goals
//! - No shared library: the functions are few and small, and a static one has no versions to mix up.
#![forbid(unsafe_code)]

pub use kiln_abi::*;
