//! A run directory: what is in it, how it comes to be, how it is opened again.
//!
//! | file | holds |
//! |---|---|
//! | `config.toml` | every setting, seed, versions, the target's convention |
//! | `metrics.jsonl` | one JSON object a line, appended while training |
//! | `generator.safetensors` | the trained generator |
//! | `best.safetensors` | the best generator so far, where the settings ask for one (`train.select`) |
//! | `checkpoint.safetensors` | all that a resumed training needs |
//! | `samples.npy`, `samples.png` | fresh samples and their picture |
//! | `distillation.json` | sizes and figures of a student and its teacher |
//! | `report.html` | what `kiln evaluate` found |

use crate::config::{Config, from_run_text, run_text};
use crate::error::Error;
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The resolved configuration.
pub const CONFIG: &str = "config.toml";
/// Figures over the course of the training.
pub const METRICS: &str = "metrics.jsonl";
/// The trained generator.
pub const GENERATOR: &str = "generator.safetensors";
/// The best generator so far.
pub const BEST: &str = "best.safetensors";
/// The state of the training.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// Fresh samples.
pub const SAMPLES: &str = "samples.npy";
/// Their picture.
pub const PICTURE: &str = "samples.png";
/// What a distillation came to.
pub const JUDGEMENT: &str = "distillation.json";
/// What `kiln evaluate` found, to read in a browser.
pub const REPORT: &str = "report.html";

/// An existing run directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    path: PathBuf,
}

impl Run {
    /// Makes a new run directory at `out`, or at the first free `runs/<target>-<preset>-seed<N>[-k]`, and
    /// writes its `config.toml`. A place that is already used is refused and left untouched.
    pub fn create(out: Option<&Path>, config: &Config, convention: &str) -> Result<Self, Error> {
        let name = format!("{}-{}-seed{}", config.run.target, config.run.preset, config.run.seed);
        Self::create_as(out, &name, &run_text(config, convention))
    }

    /// The same at the first free `runs/<name>[-k]`, with `text` as its `config.toml`.
    pub fn create_as(out: Option<&Path>, name: &str, text: &str) -> Result<Self, Error> {
        let path = match out {
            Some(path) => claim(path)?,
            None => claim_first_free(Path::new("runs"), name)?,
        };
        let run = Self { path };
        run.write(CONFIG, text.as_bytes())?;
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
        let run = Self { path: path.to_path_buf() };
        let file = run.file(CONFIG);
        let text = fs::read_to_string(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::input(
                format!("'{}' is not a run: it has no {CONFIG}", path.display()),
                "give the directory that `kiln train` wrote, such as runs/mog40-kiln-seed0",
            ),
            _ => Error::file("read", &file, error),
        })?;
        let config = from_run_text(&text, &file.display().to_string())?;
        Ok((run, config))
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
    pub fn generator(&self) -> Result<PathBuf, Error> {
        let hint = match self.file(CHECKPOINT).is_file() {
            true => {
                format!("the training has not got that far; go on with `kiln train --resume {}`", self.path.display())
            }
            false => "the training ended before it wrote anything; train anew with another --out".into(),
        };
        self.require(GENERATOR, &hint)
    }

    /// The path of the checkpoint, which must be there.
    pub fn checkpoint(&self) -> Result<PathBuf, Error> {
        self.require(CHECKPOINT, "there is nothing to resume; train anew with another --out")
    }

    fn require(&self, name: &str, hint: &str) -> Result<PathBuf, Error> {
        let path = self.file(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(Error::input(format!("the run '{}' has no {name}", self.path.display()), hint))
    }

    /// Writes a whole file at once: it is either the old or the new one, never half of it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        write_whole(&self.file(name), |file| file.write_all(bytes))
    }

    /// Appends one JSON object to `metrics.jsonl` and flushes it. A number that is not finite becomes `null`.
    pub fn append_metrics(&self, record: &impl Serialize) -> Result<(), Error> {
        let path = self.file(METRICS);
        let result = serde_json::to_string(record).map_err(io::Error::from).and_then(|mut line| {
            line.push('\n');
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(line.as_bytes())?;
            file.flush()
        });
        result.map_err(|error| Error::file("append to", &path, error))
    }
}

/// Writes `path` through a temporary file beside it and a rename.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), Error> {
    let partial = partial(path);
    stage(&partial, write).and_then(|()| fs::rename(&partial, path)).map_err(|error| {
        let _ = fs::remove_file(&partial);
        Error::file("write", path, error)
    })
}

/// Writes all of these files, or none where one has no place.
pub fn write_together(files: &[(&Path, &[u8])]) -> Result<(), Error> {
    let failed = |path: &Path, error| Error::file("write", path, error);
    let mut each = files.iter();
    let staged = each.try_for_each(|(path, bytes)| {
        stage(&partial(path), |file| file.write_all(bytes)).map_err(|error| failed(path, error))
    });
    let written = staged.and_then(|()| {
        let mut each = files.iter();
        each.try_for_each(|(path, _)| fs::rename(partial(path), path).map_err(|error| failed(path, error)))
    });
    if written.is_err() {
        files.iter().for_each(|(path, _)| drop(fs::remove_file(partial(path))));
    }
    written
}

/// Whether a file can be made at `path`; nothing stays there.
pub fn check_writable(path: &Path) -> Result<(), Error> {
    let partial = partial(path);
    let made = File::create(&partial).and_then(|_| fs::remove_file(&partial));
    made.map_err(|error| Error::file("write", path, error))
}

/// The temporary file beside `path`.
fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

/// A whole file on the disk.
fn stage(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut file = File::create(path)?;
    write(&mut file)?;
    file.sync_all()
}

fn claim(path: &Path) -> Result<PathBuf, Error> {
    let used = |what: &str| {
        let message = format!("--out '{}' {what}", path.display());
        Error::input(message, "nothing was overwritten; choose another --out, or go on with an old run by --resume")
    };
    if path.is_dir() {
        let mut entries = fs::read_dir(path).map_err(|error| Error::file("read the directory", path, error))?;
        if entries.next().is_some() {
            return Err(used("is already used: it is not empty"));
        }
    } else if path.symlink_metadata().is_ok() {
        return Err(used("is already used: it is a file"));
    } else {
        fs::create_dir_all(path).map_err(|error| Error::file("create the directory", path, error))?;
    }
    Ok(path.to_path_buf())
}

fn claim_first_free(parent: &Path, name: &str) -> Result<PathBuf, Error> {
    fs::create_dir_all(parent).map_err(|error| Error::file("create the directory", parent, error))?;
    for k in 1_u32.. {
        let path = parent.join(if k == 1 { name.to_string() } else { format!("{name}-{k}") });
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::file("create the directory", &path, error)),
        }
    }
    Err(Error::input(format!("all names {name}-k are used"), "choose one with --out"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset;

    fn config() -> Config {
        preset::settings("mog40", "kiln", 2).check().unwrap()
    }

    #[test]
    fn a_run_opens_as_it_was_made_and_is_not_made_twice() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("a/b");
        let run = Run::create(Some(&out), &config(), "E").unwrap();
        assert_eq!(Run::open(&out).unwrap(), (run.clone(), config()));
        let before = fs::read(run.file(CONFIG)).unwrap();
        let error = Run::create(Some(&out), &config(), "other").unwrap_err();
        assert!(error.to_string().contains("already used"), "{error}");
        assert_eq!(fs::read(run.file(CONFIG)).unwrap(), before);
        assert!(run.generator().unwrap_err().to_string().contains(GENERATOR));
        assert!(run.generator().unwrap_err().hint().contains("train anew"));
        assert!(run.checkpoint().unwrap_err().to_string().contains(CHECKPOINT));
        run.write(CHECKPOINT, b"").unwrap();
        assert!(run.generator().unwrap_err().hint().contains("--resume"));
    }

    #[test]
    fn the_first_free_name_is_taken() {
        let place = tempfile::tempdir().unwrap();
        let names: Vec<PathBuf> = (0..3).map(|_| claim_first_free(place.path(), "x").unwrap()).collect();
        assert_eq!(names, ["x", "x-2", "x-3"].map(|name| place.path().join(name)));
    }

    #[test]
    fn metrics_are_lines_and_infinities_are_null() {
        let place = tempfile::tempdir().unwrap();
        let run = Run::create(Some(place.path()), &config(), "E").unwrap();
        run.append_metrics(&serde_json::json!({ "step": 1 })).unwrap();
        run.append_metrics(&std::collections::BTreeMap::from([("loss", f64::NAN)])).unwrap();
        assert_eq!(fs::read_to_string(run.file(METRICS)).unwrap(), "{\"step\":1}\n{\"loss\":null}\n");
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x");
        fs::write(&path, "old").unwrap();
        assert!(write_whole(&path, |file| file.write_all(b"ne").and(Err(io::Error::other("no")))).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn files_are_written_together_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let [old, new, lost] = ["old", "new", "no/lost"].map(|name| place.path().join(name));
        fs::write(&old, "old").unwrap();
        let files = |last: &Path| write_together(&[(&old, b"x"), (&new, b"y"), (last, b"z")]);
        assert!(files(&lost).unwrap_err().to_string().contains("lost"));
        assert!(check_writable(&lost).is_err() && check_writable(&new).is_ok());
        assert_eq!(fs::read_to_string(&old).unwrap(), "old");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
        let third = place.path().join("third");
        files(&third).unwrap();
        assert_eq!([&old, &new, &third].map(|path| fs::read_to_string(path).unwrap()), ["x", "y", "z"]);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 3);
    }
}
