//! A Python function as an energy: it gets the rows of many chains in one call, and one call at a time.

use crate::array::{array, copy};
use crate::error::raised;
use kiln_core::symmetry::Symmetry;
use kiln_gpu::called::Call;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The first exception of a function: from then on it is not called again.
#[derive(Debug, Default)]
pub struct Failure {
    failed: AtomicBool,
    exception: Mutex<Option<PyErr>>,
}

impl Failure {
    /// Whether the function has failed.
    pub fn is_set(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// The exception, for whoever tells of it; the function may be called again then.
    pub fn take(&self) -> Option<PyErr> {
        let exception = self.exception.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.failed.store(false, Ordering::Release);
        exception
    }

    /// Keeps the first.
    pub fn keep(&self, exception: PyErr) {
        self.exception.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(exception);
        self.failed.store(true, Ordering::Release);
    }
}

/// The energy.
pub struct Function {
    /// x (rows, dim) to E (rows) and ∇E (rows, dim).
    pub function: Py<PyAny>,
    /// Coordinates.
    pub dim: usize,
    /// What leaves the energy unchanged.
    pub symmetry: Symmetry,
    /// Where an exception is kept.
    pub failure: Arc<Failure>,
    /// Held for a call: the interpreter changes threads within one, and most functions are not made for two.
    pub turn: Mutex<()>,
}

impl Function {
    fn ask(&self, py: Python<'_>, x: &[f64], energies: &mut [f64], gradients: &mut [f64]) -> PyResult<()> {
        let n = energies.len();
        let answer = self.function.bind(py).call1((array(py, x.to_vec(), &[n, self.dim])?,))?;
        let Ok((energy, gradient)) = answer.cast::<PyTuple>().map_err(PyErr::from).and_then(|pair| pair.extract())
        else {
            let kind = answer.get_type().name()?;
            let message = format!("the energy returned one {kind}, not a pair (E, gradient)");
            let hint = "return E of shape (n,) and its gradient of shape (n, d); or pass gradient=\"finite-differences\", which \
                        takes 2 d + 1 rows an evaluation";
            return Err(raised(py, "InputError", &message, hint));
        };
        let (energy, gradient): (Bound<'_, PyAny>, Bound<'_, PyAny>) = (energy, gradient);
        copy(&energy, "E", &[n], energies)?;
        copy(&gradient, "the gradient", &[n, self.dim], gradients)
    }
}

impl Call for Function {
    fn dim(&self) -> usize {
        self.dim
    }

    fn call(&self, x: &[f64], energies: &mut [f64], gradients: &mut [f64]) {
        // Before the interpreter's lock, which whoever has the turn needs.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.failure.is_set() {
            match Python::attach(|py| self.ask(py, x, energies, gradients)) {
                Ok(()) => return,
                Err(exception) => self.failure.keep(exception),
            }
        }
        energies.fill(f64::INFINITY);
        gradients.fill(0.0);
    }

    fn symmetry(&self) -> Symmetry {
        self.symmetry
    }
}
