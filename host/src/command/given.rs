//! Files of samples that a person gives: read once, and held against what they and the manifest beside them say.

use super::find_target;
use crate::console::say;
use kiln::error::Error;
use kiln::format::{self, Contents, label::one_line, npy};
use kiln::reference::Manifest;
use kiln::samples::Samples;
use kiln::target::Target;
use kiln::targets::builtin;
use std::path::{Path, PathBuf};

/// Bytes of a manifest at most: one of 100,000 coordinates has less.
const LARGEST_MANIFEST: u64 = 32 << 20;

/// A file that was read.
pub struct Given {
    source: String,
    contents: Contents,
    manifest: Beside,
}

/// The JSON beside a file.
enum Beside {
    /// None, or one that is no manifest.
    Nothing,
    /// The manifest of these samples.
    Manifest(Box<Manifest>),
    /// One that is not used, and why.
    Unused(PathBuf, String),
}

impl Given {
    /// Reads the file, and the manifest beside it.
    ///
    /// # Errors
    /// If there are no samples in it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let source = path.display().to_string();
        let contents = format::open(path)?;
        if contents.samples.is_empty() {
            return Err(Error::input(format!("'{source}' has no samples"), "draw some with `kiln sample`"));
        }
        let manifest = beside(path, &contents.samples);
        Ok(Self { source, contents, manifest })
    }

    /// The target that the file or its manifest says it is of.
    ///
    /// # Errors
    /// If they do not say, or there is no such target.
    pub fn target(&self) -> Result<Target, Error> {
        let manifest = match &self.manifest {
            Beside::Manifest(manifest) => Some(manifest.target.as_str()),
            _ => None,
        };
        if let Some(name) = self.contents.label.target.as_deref().or(manifest) {
            return find_target(name, &format!("'{}': ", self.source));
        }
        let names: Vec<String> = builtin().iter().map(|target| target.name().to_string()).collect();
        let hint = format!("add --target, one of {}", names.join(", "));
        Err(Error::input(format!("'{}' does not say what its samples are of", self.source), hint))
    }

    /// The samples and their manifest, where all that is said of them fits the target; a manifest that is not used is
    /// told, unless `quiet`.
    ///
    /// # Errors
    /// If they are of something else.
    pub fn of(self, target: &Target, quiet: bool) -> Result<(Samples, Option<Manifest>), Error> {
        let Self { source, contents: Contents { samples, label }, manifest } = self;
        let title = target.title();
        if samples.dim != target.dim() {
            let message =
                format!("the samples in '{source}' have {} coordinates, {title} has {}", samples.dim, target.dim());
            return Err(Error::input(message, "name the target they were drawn for with --target"));
        }
        label.check(&source, target)?;
        let manifest = match manifest {
            Beside::Manifest(manifest) => manifest,
            Beside::Nothing => return Ok((samples, None)),
            Beside::Unused(path, why) => {
                if !quiet {
                    say(format_args!("note: '{}' is not used: {why}", path.display()));
                }
                return Ok((samples, None));
            }
        };
        if manifest.target != target.name() {
            let (other, name) = (&manifest.target, target.name());
            return Err(Error::input(
                format!("by its manifest '{source}' is a reference of {other}, not of {name}"),
                format!("judge it with --target {other}"),
            ));
        }
        if manifest.convention != target.convention() {
            let [theirs, ours] = [&manifest.convention, target.convention()].map(one_line);
            return Err(Error::input(
                format!("by its manifest '{source}' is under another convention than {title}'s: {theirs}"),
                format!("{title} here is: {ours}; make it anew with `kiln reference`"),
            ));
        }
        Ok((samples, Some(*manifest)))
    }
}

/// The JSON beside a file: a manifest only if its hash is that of these samples.
fn beside(path: &Path, samples: &Samples) -> Beside {
    let place = format::manifest_of(path);
    let small = std::fs::metadata(&place).is_ok_and(|about| about.is_file() && about.len() <= LARGEST_MANIFEST);
    let Ok(text) = (if small { std::fs::read(&place) } else { return Beside::Nothing }) else { return Beside::Nothing };
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(&text) else { return Beside::Nothing };
    let claims = ["sha256", "target", "convention"].iter().all(|key| json.get(key).is_some());
    let manifest = match serde_json::from_value::<Manifest>(json) {
        Ok(manifest) => manifest,
        Err(error) if claims => return Beside::Unused(place, format!("it is no manifest of this build: {error}")),
        Err(_) => return Beside::Nothing,
    };
    match npy::fingerprint(samples) {
        Ok(hash) if hash == manifest.sha256 => Beside::Manifest(Box::new(manifest)),
        _ => {
            let Manifest { target, n, .. } = manifest;
            Beside::Unused(place, format!("it is the manifest of {n} other samples, of {target}"))
        }
    }
}
