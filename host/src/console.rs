//! What a person reads: data on stdout, everything else on stderr.
//!
//! stderr is never a reason to stop: where it is closed, full or a terminal that went away, what would have been said is
//! lost and the work goes on. The standard `eprintln!` panics there, so it is not used in this crate.

use kiln::error::Error;
use std::fmt::Display;
use std::io::{self, Write};

/// A line for the person, on stderr.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Data for stdout. A reader that has seen enough (a broken pipe) is no error.
///
/// # Errors
/// If stdout cannot be written.
pub fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritable(&error)),
        _ => Ok(()),
    }
}

/// What is said of a stdout that cannot be written.
pub fn unwritable(error: &io::Error) -> Error {
    Error::input(format!("cannot write to stdout: {error}"), "check where the output goes")
}
