//! What samples are drawn from: the generator of a run directory, one that comes with Kiln, or a model that `kiln export`
//! wrote. The one place that says what `RUN|NAME|MODEL` can be.

use crate::config::Config;
use crate::error::{Error, nearest};
use crate::export::bytes::{Bytes, ModelFile, is_model};
use crate::pool::{Pool, fingerprint_at, is_pool};
use crate::pretrained::{self, Pretrained};
use crate::run::{CONFIG, GENERATOR, Run};
use crate::sample::Sampler;
use crate::target::Target;
use crate::weights::float_model;
use std::path::{Path, PathBuf};

/// Where runs lie unless `--out` says otherwise.
const RUNS: &str = "runs";
/// Runs that a hint names at most.
const NAMED: usize = 5;

/// A trained generator.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Of a run, with the settings it was trained with.
    Run(Run, Box<Config>),
    /// One that comes with Kiln.
    Pretrained(&'static Pretrained),
    /// A file of a deployed model.
    Model(ModelFile),
    /// The states that an exploration left.
    Pool(Box<Pool>),
}

impl Source {
    /// The name of its target.
    pub fn target(&self) -> &str {
        match self {
            Self::Run(_, config) => &config.run.target,
            Self::Pretrained(pretrained) => pretrained.name,
            Self::Model(file) => file.target(),
            Self::Pool(pool) => &pool.facts.target,
        }
    }

    /// The convention of its energy, where that is told: by a run or a pool.
    pub fn convention(&self) -> Option<&str> {
        match self {
            Self::Run(run, _) => Some(&run.about().convention),
            Self::Pool(pool) => Some(&pool.facts.convention),
            Self::Pretrained(_) | Self::Model(_) => None,
        }
    }

    /// The file that its energy comes from, where that is told.
    pub fn energy(&self) -> Option<&Path> {
        match self {
            Self::Run(run, _) => run.about().energy.as_deref().map(Path::new),
            Self::Pool(pool) => pool.facts.energy.as_deref().map(Path::new),
            Self::Pretrained(_) | Self::Model(_) => None,
        }
    }

    /// Its name without the way there.
    pub fn name(&self) -> String {
        let path = match self {
            Self::Run(run, _) => run.path(),
            Self::Pretrained(pretrained) => Path::new(pretrained.name),
            Self::Model(file) => file.path(),
            Self::Pool(pool) => pool.path(),
        };
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        whole.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    /// Refuses a generator that has other coordinates than its target.
    ///
    /// # Errors
    /// If it has.
    pub fn check_dim(&self, dim: usize, target: &Target) -> Result<(), Error> {
        if dim == target.dim() {
            return Ok(());
        }
        let (title, coordinates) = (target.title(), target.dim());
        Err(Error::input(
            format!("the generator of '{}' has {dim} coordinates, {title} has {coordinates}", self.name()),
            "its generator and its settings are not of one training; train it anew",
        ))
    }

    /// Its generator as a file in floats.
    ///
    /// # Errors
    /// If it is damaged, or no file can hold it.
    pub fn float_model(&self) -> Result<Bytes, Error> {
        match self {
            Self::Run(run, config) => {
                float_model(&run.generator_file()?, &run.file(GENERATOR).display().to_string(), &config.run.target)
            }
            Self::Pretrained(pretrained) => float_model(&pretrained.file()?, pretrained.name, pretrained.name),
            Self::Model(file) => Ok(Bytes::copied(file.bytes())),
            Self::Pool(pool) => Err(no_generator(pool)),
        }
    }

    /// The generator in memory, ready to draw.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn open(&self) -> Result<Sampler, Error> {
        match self {
            Self::Run(run, _) => Sampler::open(run),
            Self::Pretrained(pretrained) => Sampler::of(pretrained.file()?, pretrained.name),
            Self::Model(file) => Sampler::deployed(file.clone()),
            Self::Pool(pool) => Ok(Sampler::of_pool(Pool::clone(pool))),
        }
    }

    /// The run's denoiser, ready to draw in so many steps.
    ///
    /// # Errors
    /// If it has none, or is no run.
    pub fn open_in_steps(&self, steps: usize) -> Result<Sampler, Error> {
        match self {
            Self::Run(run, _) => Sampler::in_steps(run, steps),
            _ => {
                let message = format!("--steps needs the denoiser of a run, which '{}' is not", self.name());
                Err(Error::input(message, "give a run that learned from an exploration, or leave --steps out"))
            }
        }
    }
}

/// What is answered where a generator is needed and a pool was given.
pub(crate) fn no_generator(pool: &Pool) -> Error {
    let message = format!("'{}' is a pool of states, not a generator", pool.path().display());
    Error::input(message, "`kiln sample` and `kiln evaluate` take it; give a run that `kiln train` wrote")
}

/// The generator that a person means by `place`: a run directory, the name of one that comes with Kiln, or a model's file.
///
/// # Errors
/// If there is no such run, it has no generator yet, or the file is no model; the hint says what there is.
pub fn resolve(place: &Path) -> Result<Source, Error> {
    if is_model(place) {
        return Ok(Source::Model(ModelFile::open(place)?));
    }
    if let Some(pretrained) = place.to_str().and_then(pretrained::find).filter(|_| !place.exists()) {
        return Ok(Source::Pretrained(pretrained));
    }
    if is_pool(place) {
        return Ok(Source::Pool(Box::new(Pool::open(place)?)));
    }
    let (run, config) = Run::open(place).map_err(|error| match place {
        _ if place.is_dir() => error,
        _ if place.exists() => error.with_hint("give the directory of a run, or a model, whose name ends in .kiln"),
        _ => error.with_hint(what_there_is(place, Path::new(RUNS))),
    })?;
    run.generator()?;
    Ok(Source::Run(run, Box::new(config)))
}

/// The energy of a run or pool at `place`, by the name that is known of it there: what counts is whether the energy is the same, by its values at some
/// points where the convention does not tell.
///
/// # Errors
/// If it is another one than it was.
pub fn same_energy(target: Target, convention: Option<&str>, place: &Path) -> Result<Target, Error> {
    let Some(known) = convention.filter(|known| target.is_called() || *known != target.convention()) else {
        return Ok(target);
    };
    // A run that began without an exploration knows no values: then the name is all there is.
    let same = fingerprint_at(place).map_or(known == target.convention(), |fingerprint| fingerprint.is_of(&target));
    if same {
        return Ok(target.known_as(known));
    }
    let (message, hint) = match target.file() {
        Some(file) => (format!("'{}' is another energy than it was: {known}", file.display()), "put the old file back"),
        None => {
            let (title, place) = (target.title(), place.display());
            (format!("{title} is another energy than that of '{place}'"), "give the energy as it was")
        }
    };
    Err(Error::input(message, format!("{hint}, or explore and train anew")))
}

/// Names the trained runs below `runs`.
fn what_there_is(place: &Path, runs: &Path) -> String {
    let trained = |path: &PathBuf| path.join(CONFIG).is_file() && path.join(GENERATOR).is_file();
    let entries = std::fs::read_dir(runs).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.path()).filter(trained).map(|path| path.display().to_string()).collect();
    names.sort();
    let shipped = match pretrained::all() {
        none if none.is_empty() => "no generator comes with this build of Kiln".to_string(),
        some => some.iter().map(|pretrained| pretrained.name).collect::<Vec<_>>().join(", ") + " come with Kiln",
    };
    if names.is_empty() {
        return format!("{shipped}; `kiln train` makes others and prints the run's directory");
    }
    let word = place.display().to_string();
    let inside = runs.join(place).display().to_string();
    let near = nearest(&word, names.iter().map(String::as_str))
        .or_else(|| nearest(&inside, names.iter().map(String::as_str)))
        .map_or(String::new(), |near| format!("did you mean '{near}'? "));
    let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
    names.truncate(NAMED);
    format!("{near}`kiln train` left {}{more}; {shipped}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_the_runs_there_are() {
        let place = tempfile::tempdir().unwrap();
        let runs = place.path().join("runs");
        assert!(what_there_is(Path::new("x"), &runs).contains("kiln train"));
        for (name, files) in
            [("a-seed0", &[CONFIG, GENERATOR][..]), ("b-seed0", &[CONFIG, GENERATOR]), ("c", &[CONFIG])]
        {
            std::fs::create_dir_all(runs.join(name)).unwrap();
            files.iter().for_each(|file| std::fs::write(runs.join(name).join(file), "").unwrap());
        }
        let hint = what_there_is(Path::new("b-seed1"), &runs);
        let [a, b] = ["a-seed0", "b-seed0"].map(|name| runs.join(name).display().to_string());
        assert!(hint.starts_with(&format!("did you mean '{b}'?")) && hint.contains(&a), "{hint}");
        assert!(!hint.contains(&runs.join("c").display().to_string()), "{hint}");
    }
}
