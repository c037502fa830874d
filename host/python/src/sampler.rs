//! Trained generators.

use crate::array::array;
use crate::error::{OrRaise, raised};
use crate::pool::PyPool;
use crate::target::{PyTarget, as_samples};
use crate::watch::{Ending, watched};
use kiln::deployed::{deployed, format};
use kiln::energy_file;
use kiln::error::Error;
use kiln::export::write::check_destination;
use kiln::files::write_together;
use kiln::metric::suite::{Effort, judge};
use kiln::metric::{Comparison, Measured, Origin};
use kiln::pool::Pool;
use kiln::sample::Sampler;
use kiln::source::{Source, resolve, same_energy};
use kiln::target::Target;
use kiln::targets::find;
use kiln::verdict::{Against, QUALITY, verdict};
use numpy::PyArrayDyn;
use pyo3::prelude::*;
use std::path::{Path, PathBuf};

/// What draws samples, each in one pass of a small network.
#[pyclass(frozen, module = "kiln._kiln", name = "Sampler", subclass)]
pub struct PySampler {
    source: Source,
    sampler: Sampler,
}

impl PySampler {
    /// Of a place.
    pub fn of(py: Python<'_>, place: &Path) -> PyResult<Self> {
        let source = resolve(place).or_raise(py)?;
        let sampler = source.open().or_raise(py)?;
        Ok(Self { source, sampler })
    }

    fn exploration(&self) -> Result<Option<Pool>, Error> {
        match &self.source {
            Source::Run(run, _) => Pool::of_run(run),
            _ => Ok(None),
        }
    }

    /// A target that must be its own.
    fn same(&self, target: Target) -> Result<Target, Error> {
        match &self.source {
            Source::Run(run, _) => same_energy(target, self.source.convention(), run.path()),
            _ => Ok(target),
        }
    }

    fn training(&self) -> Result<Option<u64>, Error> {
        match &self.source {
            Source::Run(run, _) => Ok(run.metrics()?.all_energy_evaluations()),
            _ => Ok(None),
        }
    }
}

#[pymethods]
impl PySampler {
    /// Number of coordinates.
    #[getter]
    fn dim(&self) -> usize {
        self.sampler.dim()
    }

    /// The name of its target.
    #[getter]
    fn target(&self) -> &str {
        self.source.target()
    }

    /// Its target, where the energy is at hand: from the file that it came from, or one that comes with Kiln.
    fn known_target(&self, py: Python<'_>) -> PyResult<Option<PyTarget>> {
        let convention = self.source.convention();
        let target = match self.source.energy() {
            // A model does not say which energy by this name it is of.
            None if matches!(self.source, Source::Model(_)) => None,
            None => {
                find(self.source.target()).filter(|target| convention.is_none_or(|known| known == target.convention()))
            }
            Some(file) if !file.exists() => None,
            Some(file) => Some(self.same(energy_file::target(file).or_raise(py)?).or_raise(py)?),
        };
        Ok(target.map(|target| PyTarget { target, failure: None }))
    }

    /// Its run directory; none of what is no run.
    #[getter]
    fn path(&self) -> Option<PathBuf> {
        match &self.source {
            Source::Run(run, _) => Some(run.path().to_path_buf()),
            _ => None,
        }
    }

    /// Samples (n, dim), from number `first` on: sample i of a seed is always the same.
    fn sample<'py>(&self, py: Python<'py>, n: usize, seed: u64, first: u64) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        let samples = py.detach(|| self.sampler.rows(seed, first, n)).or_raise(py)?;
        array(py, samples.data, &[n, samples.dim])
    }

    /// The same by the run's denoiser in so many steps: better than one, and as many times slower.
    fn sample_in_steps<'py>(
        &self,
        py: Python<'py>,
        n: usize,
        seed: u64,
        first: u64,
        steps: usize,
    ) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        let drawn = py.detach(|| self.source.open_in_steps(steps)?.rows(seed, first, n));
        let samples = drawn.or_raise(py)?;
        array(py, samples.data, &[n, samples.dim])
    }

    /// The verdict of its training, as JSON; none where there is none.
    #[getter]
    fn verdict_json(&self) -> Option<String> {
        let Source::Run(run, _) = &self.source else { return None };
        std::fs::read_to_string(run.file(QUALITY)).ok()
    }

    /// What it was explored with; none where there is none.
    #[getter]
    fn explored(&self, py: Python<'_>) -> PyResult<Option<PyPool>> {
        Ok(self.exploration().or_raise(py)?.map(|pool| PyPool { pool }))
    }

    /// Every figure of its samples: the report as JSON, and as a table.
    #[pyo3(signature = (target, reference, pool, seed, progress))]
    fn evaluate(
        &self,
        py: Python<'_>,
        target: &PyTarget,
        reference: Option<&Bound<'_, PyAny>>,
        pool: Option<&PyPool>,
        seed: u64,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(String, String)> {
        let PyTarget { target, failure } = target;
        let given = reference.map(|given| as_samples(given, target.dim())).transpose()?;
        let pool = match (pool, &given) {
            (Some(pool), _) => Some(pool.pool.clone()),
            (None, Some(_)) => None,
            (None, None) => self.exploration().or_raise(py)?,
        };
        let report = watched(py, failure.as_deref(), progress, Ending::AtOnce, |progress, _| {
            let target = &self.same(target.clone())?;
            self.source.check_dim(self.sampler.dim(), target)?;
            let effort = Effort::default();
            let measured = Measured::differentiated(target, self.sampler.rows(seed, 0, effort.samples())?)?;
            if let Some(pool) = pool.as_ref().filter(|pool| !pool.is_of(target)) {
                let message =
                    format!("the pool is of {}, another energy than that of {}", pool.facts.target, target.title());
                return Err(Error::input(message, "give a pool of the same energy"));
            }
            let comparison = match (&pool, given) {
                (Some(pool), _) => Some(pool.comparison(target, seed)?),
                (None, Some(samples)) => Some(Comparison::given(target, samples, "an array", None)?),
                (None, None) => Comparison::of(target, measured.len()),
            };
            let origin = Origin { training: self.training()?, ..Origin::draws(&self.source.name(), seed) };
            let mut report = judge(target, &measured, &origin, comparison.as_ref(), None, effort, progress);
            report.verdict = Some(verdict(target, &measured, Against::best(pool.as_ref(), comparison.as_ref())));
            target.check()?;
            Ok(report)
        })?;
        Ok((report.json(), report.table()))
    }

    /// Writes it as one file that runs anywhere; with a target it is judged, and the file says how good it is.
    #[pyo3(signature = (path, format_name, target, force))]
    fn export(
        &self,
        py: Python<'_>,
        path: PathBuf,
        format_name: &str,
        target: Option<&PyTarget>,
        force: bool,
    ) -> PyResult<usize> {
        let format = format(format_name).or_raise(py)?;
        check_destination(&path, "kiln", force).or_raise(py)?;
        let failure = target.and_then(|target| target.failure.as_deref());
        let convention = self.source.convention().unwrap_or_default();
        let made = watched(py, failure, None, Ending::AtOnce, |_, _| {
            let known = match target {
                Some(target) => self.same(target.target.clone())?,
                None => Target::without_energy(self.source.target(), self.sampler.dim(), convention),
            };
            deployed(&self.source, &known, format, target.map(|_| 0))
        })?;
        write_together(&[(&path, made.bytes.as_slice())]).or_raise(py)?;
        Ok(made.bytes.as_slice().len())
    }
}

/// A run directory, the name of a generator that comes with Kiln, or the file of a model.
#[pyfunction]
pub fn load(py: Python<'_>, place: PathBuf) -> PyResult<PySampler> {
    let sampler = PySampler::of(py, &place)?;
    if matches!(sampler.source, Source::Pool(_)) {
        let message = format!("'{}' is a pool of states, not a generator", place.display());
        return Err(raised(py, "InputError", &message, "open it with kiln.Pool.open"));
    }
    Ok(sampler)
}
