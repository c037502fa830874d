//! Kiln's errors as Python exceptions: the classes of `kiln.errors`.

use kiln::error::{Error, ErrorKind};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

/// The exception that an error is.
pub fn exception(py: Python<'_>, error: &Error) -> PyErr {
    let class = match error.kind() {
        ErrorKind::Input => "InputError",
        ErrorKind::File => "FileError",
        ErrorKind::Numerics => "NumericsError",
        ErrorKind::Verdict => "VerdictError",
        ErrorKind::Interrupted => return PyKeyboardInterrupt::new_err(format!("{error}; {}", error.hint())),
    };
    raised(py, class, &error.to_string(), error.hint())
}

/// An exception of one of Kiln's classes.
pub fn raised(py: Python<'_>, class: &str, message: &str, hint: &str) -> PyErr {
    let made = py.import("kiln.errors").and_then(|errors| errors.getattr(class)?.call1((message, hint)));
    made.map_or_else(|error| error, PyErr::from_value)
}

/// The same for results.
pub trait OrRaise<T> {
    /// The value, or the exception.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for Result<T, Error> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| exception(py, &error))
    }
}
