//! Targets: those that come with Kiln, formulas, libraries, and Python functions.

use crate::array::{array, copy, rows};
use crate::error::{OrRaise, raised};
use crate::function::{Failure, Function};
use kiln::energy_file::{self, is_energy_file};
use kiln::error::nearest;
use kiln::explore::Bound as Ends;
use kiln::target::{Structure, Target};
use kiln::targets::builtin;
use kiln_core::Energy;
use kiln_core::symmetry::Symmetry;
use kiln_gpu::called::Called;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long rows of a training wait for those of other chains.
const PATIENCE: Duration = Duration::from_micros(200);

/// An energy with a name and what is known of it. Called with x (n, dim), it gives E (n,) and its gradient (n, dim).
#[pyclass(frozen, module = "kiln", name = "Target")]
pub struct PyTarget {
    pub target: Target,
    pub failure: Option<Arc<Failure>>,
}

#[pymethods]
impl PyTarget {
    /// The name in files and commands.
    #[getter]
    fn name(&self) -> &str {
        self.target.name()
    }

    /// Number of coordinates.
    #[getter]
    fn dim(&self) -> usize {
        self.target.dim()
    }

    /// Names of the coordinates.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.target.names().to_vec()
    }

    /// One line on the distribution.
    #[getter]
    fn summary(&self) -> &str {
        self.target.summary()
    }

    /// The energy's formula, or what tells it from others.
    #[getter]
    fn convention(&self) -> &str {
        self.target.convention()
    }

    fn __repr__(&self) -> String {
        format!("<kiln.Target {}: {}>", self.target.name(), self.target.summary())
    }

    /// E (n,) and its gradient (n, dim) at x (n, dim).
    fn __call__<'py>(&self, py: Python<'py>, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let dim = self.target.dim();
        let x = rows(x, "x", dim)?;
        let n = x.len() / dim.max(1);
        let (mut energies, mut gradients) = (vec![0.0; n], vec![0.0; n * dim]);
        py.detach(|| self.target.energies_and_gradients(&x, &mut energies, &mut gradients));
        if let Some(exception) = self.failure.as_ref().and_then(|failure| failure.take()) {
            return Err(exception);
        }
        PyTuple::new(py, [array(py, energies, &[n])?.into_any(), array(py, gradients, &[n, dim])?.into_any()])
    }
}

/// What is known of a function.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Known {
    dim: usize,
    name: String,
    names: Option<Vec<String>>,
    bounds: Option<Vec<(f64, f64)>>,
    particles: Option<(usize, usize)>,
    rows: usize,
}

/// A Python function of x (n, dim) as a target.
#[pyfunction]
pub fn of_function(py: Python<'_>, function: Py<PyAny>, known: Known) -> PyResult<PyTarget> {
    let Known { dim, name, names, bounds, particles, rows } = known;
    let name = name.as_str();
    let input = |message: String, hint: &str| Err(raised(py, "InputError", &message, hint));
    let names = names.unwrap_or_else(|| (0..dim).map(|at| format!("x{at}")).collect());
    let bounds: Vec<Ends> = bounds
        .map_or_else(|| vec![Ends::NONE; dim], |all| all.into_iter().map(|(low, high)| Ends { low, high }).collect());
    if dim == 0 {
        return input("dim is 0".into(), "give the number of coordinates, for example dim=2");
    }
    for (what, found) in [("names", names.len()), ("bounds", bounds.len())] {
        if found != dim {
            return input(format!("{what} has {found} entries, but there are {dim} coordinates"), "give one for each");
        }
    }
    if let Some(at) =
        bounds.iter().position(|bound| bound.low.is_nan() || bound.high.is_nan() || bound.low >= bound.high)
    {
        let Ends { low, high } = bounds[at];
        return input(format!("the bounds of {} are {low} and {high}", names[at]), "give a lower and a higher end");
    }
    let symmetry = match particles {
        None => Symmetry::None,
        Some((count, dimensions)) if count * dimensions == dim && count > 1 && (2..=3).contains(&dimensions) => {
            Symmetry::Particles { count, dimensions }
        }
        Some((count, dimensions)) => {
            let message = format!("{count} particles in {dimensions} dimensions do not have {dim} coordinates");
            return input(message, "give (count, dimensions), whose product is dim, in 2 or 3 dimensions");
        }
    };
    let failure = Arc::new(Failure::default());
    let watched = Arc::clone(&failure);
    let function = Function { function, dim, symmetry, failure: Arc::clone(&failure), turn: Mutex::new(()) };
    let target = Target::new(name, Called::new(function, rows.max(1)).patient(PATIENCE))
        .described(name, &format!("{dim} dimensions"), &format!("E of the Python function {name}"))
        .failing(move || watched.is_set().then(|| "it raised an exception".to_string()))
        .with_coordinates(names, bounds)
        .called();
    let structure = match symmetry {
        Symmetry::None => Structure::Unknown,
        Symmetry::Particles { count, dimensions } => Structure::Particles { count, dimensions },
    };
    Ok(PyTarget { target: target.structured(structure), failure: Some(failure) })
}

/// The target that a word means: the name of one that comes with Kiln, a formula file, or a shared library.
#[pyfunction]
pub fn of_word(py: Python<'_>, word: &str) -> PyResult<PyTarget> {
    if is_energy_file(word) {
        return Ok(PyTarget { target: energy_file::target(Path::new(word)).or_raise(py)?, failure: None });
    }
    let all = builtin();
    let names: Vec<String> = all.iter().map(|target| target.name().to_string()).collect();
    if let Some(target) = all.into_iter().find(|target| target.name() == word) {
        return Ok(PyTarget { target, failure: None });
    }
    let near = nearest(word, names.iter().map(String::as_str))
        .map_or_else(String::new, |near| format!("did you mean '{near}'? "));
    let hint = format!(
        "{near}There are {}, formula files such as mine.toml, libraries such as ./libmine.so, and functions",
        names.join(", ")
    );
    Err(raised(py, "InputError", &format!("unknown target '{word}'"), &hint))
}

/// The targets that come with Kiln.
#[pyfunction]
pub fn targets() -> Vec<PyTarget> {
    builtin().into_iter().map(|target| PyTarget { target, failure: None }).collect()
}

/// Rows that a person gave, as where chains begin.
pub fn starts(given: Option<&Bound<'_, PyAny>>, dim: usize) -> PyResult<kiln::explore::Start> {
    let Some(given) = given else { return Ok(kiln::explore::Start::Scattered) };
    let found = rows(given, "start", dim)?;
    if found.is_empty() {
        return Err(raised(given.py(), "InputError", "start has no rows", "give points (n, dim), or leave it out"));
    }
    Ok(kiln::explore::Start::At(found))
}

/// Used by the sampler for references that are arrays.
pub fn as_samples(given: &Bound<'_, PyAny>, dim: usize) -> PyResult<kiln::samples::Samples> {
    let mut data = rows(given, "the reference", dim)?;
    if data.is_empty() {
        copy(given, "the reference", &[1, dim], &mut data)?;
    }
    Ok(kiln::samples::Samples { dim, data: data.into_iter().map(|x| x as f32).collect() })
}
