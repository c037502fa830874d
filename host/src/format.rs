//! Files of samples: `.npy`, `.npz`, `.csv`, `.extxyz`. The extension picks the format; one format a file.

pub mod csv;
pub mod extxyz;
pub mod npy;
pub mod npz;

use crate::engine::Samples;
use crate::error::Error;
use crate::run::write_whole;
use crate::target_api::{Structure, Target};
use std::io::{self, Read, Write};
use std::path::Path;

/// A format of sample files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// NumPy array of shape (n, dim), float32.
    Npy,
    /// NumPy archive with one such array, `samples`.
    Npz,
    /// Text with a header `x0,x1,…`; every number reads back to the same float32.
    Csv,
    /// Extended XYZ: one frame of particles a sample, with its energy.
    Extxyz,
}

impl Format {
    /// The format that the extension of `path` names.
    pub fn of(path: &Path) -> Result<Self, Error> {
        match path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("npy") => Ok(Self::Npy),
            Some("npz") => Ok(Self::Npz),
            Some("csv") => Ok(Self::Csv),
            Some("extxyz") => Ok(Self::Extxyz),
            _ => Err(Error::input(
                format!("'{}' has no extension that names a format of samples", path.display()),
                "end it in .npy, .npz, .csv or .extxyz",
            )),
        }
    }

    /// Whether it can hold samples of this target.
    ///
    /// # Errors
    /// If it is for particles and the target has none.
    pub fn suits(self, target: &dyn Target) -> Result<(), Error> {
        if self != Self::Extxyz || matches!(target.structure(), Structure::Particles { .. }) {
            return Ok(());
        }
        let message = format!("an .extxyz holds particles, and {} has none", target.title());
        Err(Error::input(message, "end it in .npy, .npz or .csv"))
    }

    fn write(self, samples: &Samples, target: &dyn Target, out: impl Write) -> io::Result<()> {
        match self {
            Self::Npy => npy::write(samples, out),
            Self::Npz => npz::write(samples, out),
            Self::Csv => csv::write(samples, out),
            Self::Extxyz => extxyz::write(samples, target, out),
        }
    }

    fn read(self, input: impl Read) -> io::Result<Samples> {
        match self {
            Self::Npy => npy::read(input),
            Self::Npz => npz::read(input),
            Self::Csv => csv::read(input),
            Self::Extxyz => extxyz::read(input),
        }
    }
}

/// Whether samples can go to `path`: a known extension, an existing parent, and no file there unless `force`.
pub fn check_destination(path: &Path, force: bool) -> Result<Format, Error> {
    let format = Format::of(path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        let message = format!("the directory '{}' of '{}' does not exist", parent.display(), path.display());
        return Err(Error::input(message, "create it first, or choose another place"));
    }
    if path.is_dir() {
        return Err(Error::input(format!("'{}' is a directory", path.display()), "give the path of a file"));
    }
    if !force && path.symlink_metadata().is_ok() {
        let message = format!("'{}' already exists", path.display());
        return Err(Error::input(message, "nothing was overwritten; add --force to replace it"));
    }
    Ok(format)
}

/// Writes samples of a target in the format that the extension names, whole or not at all.
pub fn write(path: &Path, samples: &Samples, target: &dyn Target, force: bool) -> Result<(), Error> {
    let format = check_destination(path, force)?;
    format.suits(target)?;
    write_whole(path, |file| {
        let mut out = io::BufWriter::new(file);
        format.write(samples, target, &mut out)?;
        out.flush()
    })
}

/// Reads samples in the format that the extension names.
pub fn read(path: &Path) -> Result<Samples, Error> {
    let format = Format::of(path)?;
    let result = std::fs::File::open(path).and_then(|file| format.read(io::BufReader::new(file)));
    result.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Error::file("read", path, error)
            .with_hint("it must hold an array of shape (n, dim) of 32-bit or 64-bit floats"),
        _ => Error::file("read", path, error),
    })
}

/// Data that is not what it should be.
fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::builtin;

    #[test]
    fn every_format_reads_back_the_same_bits() {
        let place = tempfile::tempdir().unwrap();
        let target = &*builtin()[0];
        let data: Vec<f32> = vec![0.1, -1.5e-20, 3.4e38, f32::MIN_POSITIVE, 1.0 / 3.0, -0.0];
        let samples = Samples { dim: 3, data };
        for name in ["a.npy", "a.npz", "a.csv", "B.CSV"] {
            let path = place.path().join(name);
            write(&path, &samples, target, false).unwrap();
            let back = read(&path).unwrap();
            assert_eq!(back.dim, 3);
            let bits = |s: &Samples| s.data.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&back), bits(&samples), "{name}");
            let before = std::fs::read(&path).unwrap();
            let other = Samples { dim: 1, data: vec![1.0] };
            assert!(write(&path, &other, target, false).unwrap_err().hint().contains("--force"));
            assert_eq!(std::fs::read(&path).unwrap(), before);
            write(&path, &samples, target, true).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), before, "{name}: the same samples give the same bytes");
        }
    }

    #[test]
    fn bad_destinations_are_refused() {
        let place = tempfile::tempdir().unwrap();
        for (name, word) in [("a.txt", "extension"), ("a", "extension"), ("no/a.npy", "does not exist")] {
            let error = check_destination(&place.path().join(name), false).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
        std::fs::create_dir(place.path().join("d.npy")).unwrap();
        assert!(check_destination(&place.path().join("d.npy"), true).is_err());
    }

    #[test]
    fn files_of_something_else_are_refused() {
        let place = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("a.npy", "not an array"),
            ("a.npz", "not an archive"),
            ("a.csv", "x0,x1\n1,2\n3\n"),
            ("b.csv", "x0\none\n"),
        ] {
            let path = place.path().join(name);
            std::fs::write(&path, text).unwrap();
            assert!(read(&path).is_err(), "{name}");
        }
    }
}
