//! Targets from files that a person brings: formulas ([`crate::formula`]) and shared libraries ([`crate::library`]), told apart by
//! the file's name.

use crate::error::Error;
use crate::formula::{self, is_formula};
use crate::library::{self, is_library};
use crate::target::Target;
use std::path::Path;

/// Whether a word is meant as such a file.
pub fn is_energy_file(word: &str) -> bool {
    is_formula(word) || is_library(word)
}

/// The target that a file describes.
///
/// # Errors
/// As [`formula::target`] and [`library::target`].
pub fn target(path: &Path) -> Result<Target, Error> {
    if is_library(&path.to_string_lossy()) { library::target(path) } else { formula::target(path) }
}
