//! Explorations.

use crate::array::array;
use crate::error::OrRaise;
use crate::target::{PyTarget, starts};
use crate::watch::{Ending, watched};
use kiln::pool::{self, Order, Pool};
use numpy::PyArrayDyn;
use pyo3::prelude::*;
use std::path::PathBuf;

/// States from independent ladders of replica exchange, and what is known of them.
#[pyclass(frozen, module = "kiln._kiln", name = "Pool", subclass)]
pub struct PyPool {
    pub pool: Pool,
}

#[pymethods]
impl PyPool {
    /// One that was saved.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Ok(Self { pool: Pool::open(&path).or_raise(py)? })
    }

    /// Writes it to a new directory.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        self.pool.clone().write(&path).or_raise(py)
    }

    /// The states (chains, draws, dim), chain by chain.
    #[getter]
    fn draws<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        let facts = &self.pool.facts;
        array(py, self.pool.samples.data.clone(), &[facts.ladders, facts.frames, self.pool.samples.dim])
    }

    /// E of each (chains, draws).
    #[getter]
    fn energies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        array(py, self.pool.energies.clone(), &[self.pool.facts.ladders, self.pool.facts.frames])
    }

    /// The least effective sample size of all that was watched.
    #[getter]
    fn effective(&self) -> f64 {
        self.pool.effective()
    }

    /// The worst R-hat.
    #[getter]
    fn r_hat(&self) -> f64 {
        self.pool.r_hat()
    }

    /// All that is known of it, as JSON.
    #[getter]
    fn json(&self) -> String {
        serde_json::to_string(&self.pool.facts).unwrap_or_default()
    }
}

/// What is asked of an exploration.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Asked<'py> {
    evaluations: u64,
    seconds: Option<f64>,
    seed: u64,
    start: Option<Bound<'py, PyAny>>,
    /// Where the pool is written to.
    out: Option<PathBuf>,
}

/// Explores a target.
#[pyfunction]
#[pyo3(signature = (target, asked, progress))]
pub fn explore(
    py: Python<'_>,
    target: &PyTarget,
    asked: Asked<'_>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyPool> {
    let PyTarget { target, failure } = target;
    let Asked { evaluations, seconds, seed, start, out } = asked;
    if let Some(out) = &out {
        pool::check_destination(out).or_raise(py)?;
    }
    let order = Order { evaluations, seconds, seed, start: starts(start.as_ref(), target.dim())? };
    let mut pool = watched(py, failure.as_deref(), progress, Ending::Kept, |progress, stop| {
        pool::explore(target, &order, progress, stop)
    })?;
    if let Some(out) = &out {
        pool.write(out).or_raise(py)?;
    }
    Ok(PyPool { pool })
}
