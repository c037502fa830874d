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
        ErrorKind::Interrupted => return PyKeyboardInterrupt::new_err(told(error)),
    };
    raised(py, class, &in_python(&error.to_string()), &in_python(error.hint()))
}

/// What is said of an error, in one line.
pub fn told(error: &Error) -> String {
    in_python(&format!("{error}; {}", error.hint()))
}

/// Flags of the command line by the names of the arguments that they are here.
fn in_python(text: &str) -> String {
    text.replace("--set: ", "")
        .replace("--pool", "start")
        .replace("--explored", "pool")
        .replace("with -o", "as out")
        .replace("--", "")
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
