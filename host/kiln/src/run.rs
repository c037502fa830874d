//! A run directory: what is in it, how it comes to be, how it is opened again.
//!
//! | file | holds |
//! |---|---|
//! | `config.toml` | every setting, seed, versions, the target's convention, a checksum |
//! | `metrics.jsonl` | one JSON object a line, appended while training ([`Record`]) |
//! | `generator.safetensors` | the trained generator |
//! | `denoiser.safetensors` | the denoiser that was learned from an exploration, see [`crate::denoiser`] |
//! | `learned.safetensors` | what was made of the exploration before the first step, see [`crate::learned`] |
//! | `best.safetensors` | the best generator so far, where the settings ask for one (`train.select`) |
//! | `checkpoint.safetensors` | all that a resumed training needs |
//! | `checkpoint.previous.safetensors` | the one before, for where the last is damaged |
//! | `checkpoint.good.safetensors` | the last state without a sign that the training runs away: what it goes back to |
//! | `exploration/` | the exploration that it began with, see [`crate::pool`] |
//! | `samples.npy`, `samples.png` | fresh samples and their picture |
//! | `distillation.json` | sizes and figures of a student and its teacher |
//! | `quality.json` | the verdict on its samples, see [`crate::verdict`] |
//! | `report.html` | what `kiln evaluate` found |
//!
//! Together they are one thing: configuration, tensors and metrics carry the run's [`Identity`] and a checksum each, so that
//! a file of another run, or one that is damaged, is refused by name.

mod identity;
mod metrics;
mod place;

pub use identity::{Identity, MAY_CHANGE};
pub use metrics::{Level, Metrics, Phase, Record};

use crate::config::{About, Config, read_run_text, run_text};
use crate::error::Error;
use crate::files::{write_keeping, write_whole};
use kiln_gpu::{Checkpoint, CheckpointError};
pub use place::check_place;
use place::{Lock, claim, claim_first_free, lock};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The resolved configuration.
pub const CONFIG: &str = "config.toml";
/// The exploration that it began with.
pub const EXPLORATION: &str = "exploration";
/// Figures over the course of the training.
pub const METRICS: &str = "metrics.jsonl";
/// The trained generator.
pub const GENERATOR: &str = "generator.safetensors";
/// The denoiser that was learned from an exploration.
pub const DENOISER: &str = "denoiser.safetensors";
/// What was made of an exploration before the first step.
pub const LEARNED: &str = "learned.safetensors";
/// The best generator so far.
pub const BEST: &str = "best.safetensors";
/// The state of the training.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The state before that.
pub const PREVIOUS: &str = "checkpoint.previous.safetensors";
/// The last good state.
pub const GOOD: &str = "checkpoint.good.safetensors";
/// Fresh samples.
pub const SAMPLES: &str = "samples.npy";
/// Their picture.
pub const PICTURE: &str = "samples.png";
/// What a distillation came to.
pub const JUDGEMENT: &str = "distillation.json";
/// What `kiln evaluate` found, to read in a browser.
pub const REPORT: &str = "report.html";

/// An existing run directory.
#[derive(Debug, Clone)]
pub struct Run {
    path: PathBuf,
    about: About,
    identity: Identity,
    /// The right to write into it, where this process has taken it.
    _lock: Lock,
}

impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, &self.about, &self.identity) == (&other.path, &other.about, &other.identity)
    }
}

/// The state that a training goes on from.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// The state.
    pub checkpoint: Checkpoint,
    /// Why it is the one before the last, where it is.
    pub note: Option<String>,
}

impl Run {
    /// Makes a new run directory at `out`, or at the first free `runs/<target>-<preset>-seed<N>[-k]`, takes it for this
    /// process and writes its `config.toml`.
    ///
    /// # Errors
    /// If the place is already used, which leaves it untouched, or cannot be made.
    pub fn create(out: Option<&Path>, config: &Config, about: &About) -> Result<Self, Error> {
        let name = format!("{}-{}-seed{}", config.run.target, config.run.preset, config.run.seed);
        Self::create_as(out, &name, config, about)
    }

    /// The same at the first free `runs/<name>[-k]`.
    ///
    /// # Errors
    /// As [`Run::create`].
    pub fn create_as(out: Option<&Path>, name: &str, config: &Config, about: &About) -> Result<Self, Error> {
        let (path, lock) = match out {
            Some(path) => claim(path)?,
            None => claim_first_free(Path::new("runs"), name)?,
        };
        let run = Self { path, about: about.clone(), identity: Identity::of(config, about), _lock: lock };
        run.write(CONFIG, run_text(config, about).as_bytes())?;
        Ok(run)
    }

    /// Opens a run directory and reads its configuration.
    pub fn open(path: &Path) -> Result<(Self, Config), Error> {
        if !path.is_dir() {
            let what = if path.exists() { "is not a directory" } else { "does not exist" };
            let message = format!("the run '{}' {what}", path.display());
            return Err(Error::input(
                message,
                "give the directory that `kiln train` wrote, such as runs/mog40-kiln-seed0",
            ));
        }
        let file = path.join(CONFIG);
        let text = fs::read_to_string(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::input(
                format!("'{}' is not a run: it has no {CONFIG}", path.display()),
                "give the directory that `kiln train` wrote, such as runs/mog40-kiln-seed0",
            ),
            _ => Error::file("read", &file, error),
        })?;
        let (config, about) = read_run_text(&text, &file.display().to_string())?;
        let identity = Identity::of(&config, &about);
        Ok((Self { path: path.to_path_buf(), about, identity, _lock: None }, config))
    }

    /// Opens a run directory and takes it for this process, to go on writing into it.
    ///
    /// # Errors
    /// As [`Run::open`], or if another process has it.
    pub fn take(path: &Path) -> Result<(Self, Config), Error> {
        Self::open(path)?;
        let lock = lock(path)?;
        // Read only now: whoever had it may have changed it.
        let (run, config) = Self::open(path)?;
        Ok((Self { _lock: lock, ..run }, config))
    }

    /// Which run it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How it came to be.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Writes other values of what may change in a run.
    ///
    /// # Errors
    /// If it would become another run, or cannot be written.
    pub fn change_settings(&self, config: &Config) -> Result<(), Error> {
        if Identity::of(config, &self.about) != self.identity {
            let message = format!("the run '{}' has its settings", self.path.display());
            return Err(Error::input(message, format!("of a run only {} can change", MAY_CHANGE.join(", "))));
        }
        self.write(CONFIG, run_text(config, &self.about).as_bytes())
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The path of the generator, which must be there.
    ///
    /// # Errors
    /// If the training has not got that far.
    pub fn generator(&self) -> Result<PathBuf, Error> {
        let path = self.file(GENERATOR);
        if path.is_file() {
            return Ok(path);
        }
        let place = self.path.display();
        let hint = match self.about.student {
            None => format!("the training has not got that far; go on with `kiln train --resume {place}`"),
            Some(_) => "the distillation ended before it wrote anything; distil anew with another --out".into(),
        };
        Err(Error::input(format!("the run '{place}' has no {GENERATOR}"), hint))
    }

    /// The generator.
    ///
    /// # Errors
    /// If the training has not got that far, or it is damaged or of another run.
    pub fn generator_file(&self) -> Result<Checkpoint, Error> {
        let path = self.generator()?;
        self.tensors(GENERATOR)?.ok_or_else(|| Error::file("read", &path, io::ErrorKind::NotFound.into()))
    }

    /// One of the run's files of tensors; none where it is not there.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or is of another run.
    pub fn tensors(&self, name: &str) -> Result<Option<Checkpoint>, Error> {
        let path = self.file(name);
        match self.read_tensors(name)? {
            None => Ok(None),
            Some(Ok(file)) => Ok(Some(file)),
            Some(Err(error)) => {
                let place = self.path.display();
                let hint = match self.about.student {
                    None => format!("`kiln train --resume {place}` writes it anew from the checkpoint; or train anew"),
                    Some(_) => "distil anew, with another --out".into(),
                };
                Err(damaged(&path, &error).with_hint(hint))
            }
        }
    }

    /// The last checkpoint that is whole; none where none was written yet. The one before takes the place of a damaged one.
    ///
    /// # Errors
    /// If it cannot be read, is of another run, or all that there are are damaged.
    pub fn latest_checkpoint(&self) -> Result<Option<Latest>, Error> {
        let path = self.file(CHECKPOINT);
        let last = match self.read_tensors(CHECKPOINT)? {
            Some(Ok(checkpoint)) => return Ok(Some(Latest { checkpoint, note: None })),
            Some(Err(error)) => Some(damaged(&path, &error)),
            None => None,
        };
        let before = match self.read_tensors(PREVIOUS)? {
            Some(Ok(checkpoint)) => checkpoint,
            Some(Err(error)) => {
                let error = last.unwrap_or_else(|| damaged(&self.file(PREVIOUS), &error));
                return Err(error.with_hint("the one before is no better; train anew with another --out"));
            }
            None => return last.map_or(Ok(None), Err),
        };
        let why = last.map_or_else(|| format!("'{}' is gone", path.display()), |error| error.to_string());
        // What is damaged must not become the one before at the next write.
        fs::rename(self.file(PREVIOUS), &path).map_err(|error| Error::file("write", &path, error))?;
        Ok(Some(Latest { checkpoint: before, note: Some(format!("{why}; going on from the one before, {PREVIOUS}")) }))
    }

    /// Replaces the checkpoint; the old one stays as the one before.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_checkpoint(&self, bytes: &[u8]) -> Result<(), Error> {
        write_keeping(&self.file(CHECKPOINT), &self.file(PREVIOUS), bytes)
    }

    /// The tensors of a file of this run, or what is wrong with its bytes.
    fn read_tensors(&self, name: &str) -> Result<Option<Result<Checkpoint, CheckpointError>>, Error> {
        let path = self.file(name);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|error| Error::file("read", &path, error))?,
        };
        let file = Checkpoint::from_bytes(&bytes).and_then(|file| file.check_finite().map(|()| file));
        if let Ok(file) = &file {
            self.identity.check(file, &path)?;
        }
        Ok(Some(file))
    }

    /// Writes a whole file at once: it is either the old or the new one, never half of it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        write_whole(&self.file(name), |file| file.write_all(bytes))
    }
}

/// The sentence for a file that is not what was written.
fn damaged(path: &Path, error: &CheckpointError) -> Error {
    Error::input(format!("'{}' is damaged: {error}", path.display()), "train it anew")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets;

    fn config() -> Config {
        targets::builtin()[0].settings().check().unwrap()
    }

    fn about() -> About {
        About::training("E")
    }

    /// A file of the run that says which step it is of.
    fn tensors(run: &Run, step: u64) -> Vec<u8> {
        let mut file = Checkpoint::new();
        file.insert_tensor("x", vec![1], vec![step as f32]);
        run.identity().texts().into_iter().for_each(|(key, text)| file.insert_text(key, text));
        file.to_bytes()
    }

    fn flip(path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_run_opens_as_it_was_made_and_is_not_made_twice() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("a/b");
        let run = Run::create(Some(&out), &config(), &about()).unwrap();
        assert_eq!(Run::open(&out).unwrap(), (run.clone(), config()));
        let before = fs::read(run.file(CONFIG)).unwrap();
        let again = || Run::create(Some(&out), &config(), &About::training("other")).unwrap_err().to_string();
        assert!(again().contains("another kiln is at work"));
        let path = run.path().to_path_buf();
        drop(run);
        assert!(again().contains("already used"));
        let (run, _) = Run::open(&path).unwrap();
        assert_eq!(fs::read(run.file(CONFIG)).unwrap(), before);
        assert!(run.generator().unwrap_err().to_string().contains(GENERATOR));
        assert!(run.generator().unwrap_err().hint().contains("--resume"));
    }

    #[test]
    fn a_run_of_an_older_kiln_is_refused_with_what_to_do() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join(CONFIG), crate::pretrained::all()[0].config).unwrap();
        let error = Run::open(place.path()).unwrap_err();
        assert!(error.to_string().contains("format 1") && error.hint().contains("kiln train --config"), "{error}");
    }

    #[test]
    fn a_damaged_checkpoint_gives_way_to_the_one_before() {
        let place = tempfile::tempdir().unwrap();
        let run = Run::create(Some(place.path()), &config(), &about()).unwrap();
        assert_eq!(run.latest_checkpoint().unwrap(), None);
        let step = || {
            let latest = run.latest_checkpoint().unwrap().unwrap();
            (latest.checkpoint.tensor("x", &[1]).unwrap()[0] as u64, latest.note)
        };
        (1..=3).for_each(|k| run.write_checkpoint(&tensors(&run, k)).unwrap());
        assert_eq!(step(), (3, None));
        flip(&run.file(CHECKPOINT));
        let (k, note) = step();
        assert_eq!(k, 2);
        assert!(note.unwrap().contains("its checksum is wrong; going on from the one before"));
        assert_eq!(step(), (2, None), "it is the last one now");
        run.write_checkpoint(&tensors(&run, 3)).unwrap();
        fs::remove_file(run.file(CHECKPOINT)).unwrap();
        assert!(step().1.unwrap().contains("is gone"));
        run.write_checkpoint(&tensors(&run, 3)).unwrap();
        [CHECKPOINT, PREVIOUS].iter().for_each(|name| flip(&run.file(name)));
        let error = run.latest_checkpoint().unwrap_err();
        assert!(error.to_string().contains("is damaged") && error.hint().contains("no better"), "{error}");
    }

    #[test]
    fn a_checkpoint_or_generator_of_another_seed_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let with = |seed: u64| {
            let mut settings = config().into_settings();
            settings.run.seed = seed;
            let out = place.path().join(seed.to_string());
            Run::create(Some(&out), &settings.check().unwrap(), &about()).unwrap()
        };
        let (one, two) = (with(1), with(2));
        for name in [CHECKPOINT, GENERATOR] {
            one.write(name, &tensors(&two, 1)).unwrap();
        }
        for error in [one.latest_checkpoint().unwrap_err(), one.tensors(GENERATOR).unwrap_err()] {
            assert!(error.to_string().contains("is of another run: it is of seed 2"), "{error}");
        }
        assert!(one.tensors(BEST).unwrap().is_none());
    }

    #[test]
    fn only_the_length_of_a_run_changes() {
        let place = tempfile::tempdir().unwrap();
        let run = Run::create(Some(place.path()), &config(), &about()).unwrap();
        let mut settings = config().into_settings();
        settings.train.steps += 1000;
        let longer = settings.clone().check().unwrap();
        run.change_settings(&longer).unwrap();
        assert_eq!(Run::open(place.path()).unwrap(), (run.clone(), longer));
        settings.run.seed = 9;
        assert!(run.change_settings(&settings.check().unwrap()).unwrap_err().hint().contains("train.steps"));
    }
}
