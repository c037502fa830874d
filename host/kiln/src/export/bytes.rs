//! Files of models in memory, where they can be read in place.

use crate::error::Error;
use kiln_core::artifact::{Artifact, ArtifactError, MAGIC, Model};
use std::path::{Path, PathBuf};

/// What a model is, for hints.
const WRITTEN: &str = "give a file that `kiln export` wrote";

/// Bytes that begin at a multiple of 8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes {
    words: Vec<u64>,
    length: usize,
}

impl Bytes {
    /// A copy.
    pub fn copied(bytes: &[u8]) -> Self {
        let mut words = vec![0_u64; bytes.len().div_ceil(8)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, length: bytes.len() }
    }

    /// The file of a model.
    ///
    /// # Errors
    /// If a file cannot hold it.
    pub fn of(model: &Model<'_>) -> Result<Self, ArtifactError> {
        let length = model.encoded_length()?;
        let mut words = vec![0_u64; length.div_ceil(8)];
        model.encode(bytemuck::cast_slice_mut(&mut words))?;
        Ok(Self { words, length })
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.length]
    }
}

/// A file that was checked when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    path: PathBuf,
    bytes: Bytes,
    target: String,
}

/// Whether this is the path of a model's file, there or not, by its name.
pub fn is_model(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("kiln")) && !path.is_dir()
}

impl ModelFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// If it cannot be read or is no model.
    pub fn open(path: &Path) -> Result<Self, Error> {
        // What is there and is no file may have no end.
        if path.exists() && !path.is_file() {
            let what = if path.is_dir() { "directory" } else { "device" };
            return Err(Error::input(format!("'{}' is a {what}, and a model is a file", path.display()), WRITTEN));
        }
        let bytes = std::fs::read(path).map_err(|error| {
            let absent = error.kind() == std::io::ErrorKind::NotFound;
            let error = Error::file("read", path, error);
            if absent { error.with_hint(format!("check the path; {WRITTEN}")) } else { error }
        })?;
        let mut file = Self { path: path.to_path_buf(), bytes: Bytes::copied(&bytes), target: String::new() };
        let target = file.model()?.target().to_string();
        file.target = target;
        Ok(file)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// The name of its target.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The checked view.
    ///
    /// # Errors
    /// If it is no model; not after [`ModelFile::open`].
    pub fn model(&self) -> Result<Model<'_>, Error> {
        Artifact::check(self.bytes.as_slice()).map_err(|error| {
            let hint = match error {
                // Cut off within its header.
                ArtifactError::NotAModel if self.bytes().starts_with(&MAGIC) => "copy it again, the end is missing",
                ArtifactError::NotAModel => WRITTEN,
                ArtifactError::Version { .. } => "export it anew with this build",
                ArtifactError::BigEndian => "run it on a little-endian machine",
                _ => "copy it again, or export it anew with `kiln export`",
            };
            Error::input(format!("'{}' is not a model that can run: {error}", self.path.display()), hint)
        })
    }
}
