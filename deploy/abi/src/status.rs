//! What every function answers, and which version it is.

use core::ffi::{CStr, c_char};

/// What became of a call. Everything but OK means that nothing was written.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// A pointer is null.
    Null = 1,
    /// A pointer is not a multiple of the size of what it points to.
    Misaligned = 2,
    /// A buffer is shorter than what has to be read from it or written to it.
    Short = 3,
    /// No target has this name or number.
    Target = 4,
    /// A parameter is out of its range, such as a step size that is not a positive number.
    Parameter = 5,
    /// The energy at the given point is not a finite number.
    Domain = 6,
    /// The bytes are no model, one of another version, or a damaged one.
    Model = 7,
}

impl Status {
    const fn text(self) -> &'static CStr {
        match self {
            Self::Ok => c"done",
            Self::Null => c"a pointer is null",
            Self::Misaligned => c"a pointer is misaligned",
            Self::Short => c"a buffer is too short",
            Self::Target => c"there is no such target",
            Self::Parameter => c"a parameter is out of range",
            Self::Domain => c"the energy is not finite at this point",
            Self::Model => c"the bytes are no model, or a damaged one",
        }
    }

    const ALL: [Self; 8] =
        [Self::Ok, Self::Null, Self::Misaligned, Self::Short, Self::Target, Self::Parameter, Self::Domain, Self::Model];
}

impl From<Result<(), Status>> for Status {
    fn from(result: Result<(), Status>) -> Self {
        result.err().unwrap_or(Self::Ok)
    }
}

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"unknown",
};

/// The version of Kiln, such as "0.1.0": static, ended by a zero byte.
// SAFETY: the symbol is prefixed with the project's name, nothing else defines it.
#[unsafe(no_mangle)]
pub extern "C" fn kiln_version() -> *const c_char {
    VERSION.as_ptr()
}

/// A status in words: static, ended by a zero byte. Takes any number.
// SAFETY: the symbol is prefixed with the project's name, nothing else defines it.
#[unsafe(no_mangle)]
pub extern "C" fn kiln_status_text(status: u32) -> *const c_char {
    let known = Status::ALL.into_iter().find(|known| *known as u32 == status);
    known.map_or(c"an unknown status", Status::text).as_ptr()
}
