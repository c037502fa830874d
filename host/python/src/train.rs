//! Trainings.

use crate::error::{OrRaise, raised};
use crate::pool::PyPool;
use crate::sampler::PySampler;
use crate::target::{PyTarget, starts};
use crate::watch::{Ending, watched};
use kiln::config::Layers;
use kiln::error::Error;
use kiln::fit::{Beginning, Options, Prepared, begin, judged, take};
use kiln::source::same_energy;
use kiln::target::Target;
use kiln::train::Outcome;
use pyo3::prelude::*;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is asked of a training.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Asked<'py> {
    /// As `--set` takes them.
    settings: Vec<String>,
    out: Option<PathBuf>,
    resume: Option<PathBuf>,
    explored: Option<Bound<'py, PyPool>>,
    evaluations: Option<u64>,
    seconds: Option<f64>,
    start: Option<Bound<'py, PyAny>>,
}

/// Trains a generator, in a new run directory or on from one, and judges what it draws.
#[pyfunction]
#[pyo3(signature = (target, asked, progress))]
pub fn train(
    py: Python<'_>,
    target: &PyTarget,
    asked: Asked<'_>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<PySampler> {
    let Asked { settings, out, resume, explored, evaluations, seconds, start } = asked;
    let PyTarget { target, failure } = target;
    let budget = seconds.map(Duration::try_from_secs_f64).transpose();
    let budget = budget.map_err(|_| {
        raised(py, "InputError", "budget is no number of seconds", "give a positive number, for example budget=300")
    })?;
    let mut layers = Layers::new();
    for setting in &settings {
        layers.set(setting).or_raise(py)?;
    }
    if resume.is_none() {
        layers.flag("run.target", target.name(), "target").or_raise(py)?;
    }
    let start = starts(start.as_ref(), target.dim())?;
    let explored = explored.map(|explored| explored.get().pool.clone());
    let run = watched(py, failure.as_deref(), progress, Ending::Kept, |progress, stop| {
        let begun = Instant::now();
        let options = |budget: Option<Duration>| Options { budget, progress, stop };
        let prepared = match &resume {
            Some(place) => resumed(place, target, &layers)?,
            None => {
                let beginning = Beginning { layers: &layers, explored, evaluations, start, out: out.as_deref() };
                begin(target, beginning, &options(budget))?
            }
        };
        prepared.notes.iter().for_each(|note| progress.note(note));
        let left = budget.map(|budget| budget.saturating_sub(begun.elapsed()));
        let place = prepared.run.path().display().to_string();
        if prepared.train(target, &options(left))? == Outcome::Interrupted {
            let message = format!("interrupted; {place} holds a checkpoint");
            return Err(Error::interrupted(message, format!("go on with kiln.train(energy, resume={place:?})")));
        }
        let judged = judged(&prepared.run, target, stop)?;
        progress.note(&judged.headline);
        progress.note(&judged.verdict.line());
        judged.cost.iter().for_each(|cost| progress.note(&format!("cost: {}", cost.told())));
        Ok(prepared.run.path().to_path_buf())
    })?;
    PySampler::of(py, &run)
}

/// What goes on in a run.
fn resumed(place: &Path, target: &Target, layers: &Layers) -> Result<Prepared, Error> {
    let (run, old) = take(place)?;
    let target = same_energy(target.clone(), Some(&run.about().convention), place)?;
    let config = layers.resolve(old.clone().into_settings())?;
    Prepared::resumed(run, &old, config, &target)
}
