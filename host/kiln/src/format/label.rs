//! What a file says of its samples, and whether that is the target they are to be judged by.

use crate::error::Error;
use crate::samples::Samples;
use crate::target::{Structure, Target};

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// The samples.
    pub samples: Samples,
    /// What the file says of them.
    pub label: Label,
}

/// What a file says of its samples; nothing where it does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// The target's name.
    pub target: Option<String>,
    /// The convention of its energy, on one line.
    pub convention: Option<String>,
    /// Particles and the dimensions of each.
    pub particles: Option<(usize, usize)>,
}

impl Label {
    /// Whether samples in `source` can be of this target.
    ///
    /// # Errors
    /// If the file says that they are of another one.
    pub fn check(&self, source: &str, target: &Target) -> Result<(), Error> {
        let (name, title) = (target.name(), target.title());
        if let Some(other) = self.target.as_deref().filter(|other| *other != name) {
            return Err(Error::input(
                format!("'{source}' says that its samples are of {other}, not of {name}"),
                format!("judge them with --target {other}"),
            ));
        }
        let ours = one_line(target.convention());
        if let Some(other) = self.convention.as_deref().filter(|other| *other != ours) {
            return Err(Error::input(
                format!("'{source}' says that its samples are under another convention than {title}'s: {other}"),
                format!("{title} here is: {ours}; draw them anew"),
            ));
        }
        match (self.particles, target.structure()) {
            (Some((p, d)), Structure::Particles { count, dimensions }) if (p, d) != (count, dimensions) => {
                let message = format!(
                    "'{source}' has samples of {p} particles in {d} dimensions, {title} has {count} in {dimensions}"
                );
                Err(Error::input(message, "name the target they were drawn for with --target"))
            }
            (Some((p, d)), structure) if !matches!(structure, Structure::Particles { .. }) => Err(Error::input(
                format!("'{source}' has samples of {p} particles in {d} dimensions, and {title} has no particles"),
                format!("name another --target, or give an array of shape (n, {})", target.dim()),
            )),
            _ => Ok(()),
        }
    }
}

/// A text on one line without quotes, as it stands in the comment of an `.xyz`.
pub fn one_line(convention: &str) -> String {
    convention.replace(['\n', '"'], " ")
}
