//! Files of samples: `.npy`, `.npz`, `.csv`, `.xyz`, `.extxyz`, and all but archives compressed by gzip, as in `.csv.gz`. The
//! extension picks the format; one format a file.
//!
//! They are written part by part, in constant memory, and appear whole or not at all. They are read by what they say:
//! columns by their names, particles by their properties, arrays by their header; what contradicts itself is refused.

pub mod csv;
mod gzip;
pub mod label;
pub mod npy;
pub mod npz;
mod read;
mod space;
mod write;
pub mod xyz;

pub use label::{Contents, Label};
pub use read::{open, read};
pub use write::{Put, check_destination, check_space, write, write_in_parts, write_to};

use crate::error::{Error, nearest};
use crate::target::{Structure, Target};
use rayon::prelude::*;
use space::bytes;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A format of sample files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// What the samples are written as.
    pub kind: Kind,
    /// Whether that is compressed by gzip.
    pub gzipped: bool,
}

/// What samples are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// NumPy array of shape (n, dim), float32.
    Npy,
    /// NumPy archive with one such array, `samples`.
    Npz,
    /// Text with a header `x0,x1,…`, or the coordinates' names; every number reads back to the same float32.
    Csv,
    /// XYZ: one frame of particles a sample, with its energy in the comment.
    Xyz,
    /// Extended XYZ: the same, with the columns' meaning and the target's convention in the comment.
    Extxyz,
}

/// Every kind, by its extension.
const KINDS: [(&str, Kind); 5] =
    [("npy", Kind::Npy), ("npz", Kind::Npz), ("csv", Kind::Csv), ("xyz", Kind::Xyz), ("extxyz", Kind::Extxyz)];

/// The formats there are, for hints.
const FORMATS: &str = ".npy, .npz, .csv, .xyz or .extxyz; all but .npz may have .gz behind it";

/// A file in the making.
trait Writer {
    /// Appends rows.
    fn put(&mut self, rows: &[f32]) -> io::Result<()>;

    /// Ends the file.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

impl Format {
    /// Comma-separated text as it is.
    pub const CSV: Self = Self { kind: Kind::Csv, gzipped: false };

    /// The format that the extension of `path` names.
    pub fn of(path: &Path) -> Result<Self, Error> {
        let refused = |what: &str, hint: String| Err(Error::input(format!("'{}' {what}", path.display()), hint));
        match Self::parsed(&extensions(path)) {
            Some(Self { kind: Kind::Npz, gzipped: true }) => {
                refused("names an .npz in gzip data, and archives are not gzipped", "end it in .npz or .npy.gz".into())
            }
            Some(format) => Ok(format),
            None => refused("has no extension that names a format of samples", format!("end it in {FORMATS}")),
        }
    }

    /// The format of that name: an extension without its dot, such as `csv` or `csv.gz`.
    pub fn named(name: &str) -> Result<Self, Error> {
        let hint = || match nearest(name, KINDS.map(|(name, _)| name)) {
            Some(near) => format!("did you mean '{near}'? There are {FORMATS}"),
            None => format!("there are {FORMATS}"),
        };
        let format =
            Self::parsed(&name.to_ascii_lowercase()).filter(|format| format.kind != Kind::Npz || !format.gzipped);
        format.ok_or_else(|| Error::input(format!("'{name}' is no format of samples"), hint()))
    }

    /// What an extension such as `csv.gz` says.
    fn parsed(extension: &str) -> Option<Self> {
        let (name, gzipped) = match extension.strip_suffix(".gz") {
            Some(name) => (name, true),
            None => (extension, false),
        };
        let (_, kind) = KINDS.into_iter().find(|(known, _)| *known == name)?;
        Some(Self { kind, gzipped })
    }

    /// Whether it can hold samples of this target.
    ///
    /// # Errors
    /// If it is for particles and the target has none.
    pub fn suits(self, target: &Target) -> Result<(), Error> {
        let of_particles = matches!(self.kind, Kind::Xyz | Kind::Extxyz);
        if !of_particles || matches!(target.structure(), Structure::Particles { .. }) {
            return Ok(());
        }
        let message = format!("an {self} holds particles, and {} has none", target.title());
        Err(Error::input(message, "choose .npy, .npz or .csv"))
    }

    /// Whether it is text, before it is compressed.
    pub fn is_text(self) -> bool {
        !matches!(self.kind, Kind::Npy | Kind::Npz)
    }

    /// Bytes that `n` samples take at least.
    fn least_bytes(self, n: u64, dim: usize) -> u128 {
        let numbers = u128::from(n) * dim as u128;
        match self {
            // Random numbers can hardly be compressed.
            Self { gzipped: true, .. } => numbers,
            Self { kind: Kind::Npy | Kind::Npz, .. } => 4 * numbers,
            // A digit and a comma.
            Self { kind: Kind::Csv | Kind::Xyz | Kind::Extxyz, .. } => 2 * numbers,
        }
    }

    /// A file in the making, of any kind but an archive: what was written is not changed.
    fn writer<'a, W: Write + 'a>(self, target: &'a Target, n: u64, out: W) -> io::Result<Box<dyn Writer + 'a>> {
        Ok(match self.kind {
            Kind::Npy => Box::new(npy::Writer::new(n, target.dim(), out)?),
            Kind::Npz => return Err(invalid("an .npz goes to a file only")),
            Kind::Csv => Box::new(csv::Writer::new(target.names(), out)?),
            Kind::Xyz => Box::new(xyz::Writer::new(target, false, out)?),
            Kind::Extxyz => Box::new(xyz::Writer::new(target, true, out)?),
        })
    }
}

/// The extension, such as `.csv.gz`.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let name = KINDS.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name);
        write!(f, ".{name}{}", if self.gzipped { ".gz" } else { "" })
    }
}

/// The extension of a path in small letters, with the one before it where it is `gz`.
fn extensions(path: &Path) -> String {
    let last = |path: &Path| path.extension().map(|last| last.to_string_lossy().to_ascii_lowercase());
    match last(path) {
        Some(gz) if gz == "gz" => format!("{}.gz", last(&path.with_extension("")).unwrap_or_default()),
        last => last.unwrap_or_default(),
    }
}

/// Where the manifest of a file of samples lies: `x.json` beside `x.npy` or `x.npy.gz`.
pub fn manifest_of(path: &Path) -> PathBuf {
    let gzipped = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    if gzipped { path.with_extension("").with_extension("json") } else { path.with_extension("json") }
}

/// Data that is not what it should be.
fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Refuses more numbers than memory has room for.
fn check_room(numbers: u64, room: u64) -> io::Result<()> {
    if numbers <= room {
        return Ok(());
    }
    let [need, free] = [numbers, room].map(|numbers| bytes(4 * u128::from(numbers)));
    let what = format!("its {numbers} numbers take {need} of memory, and {free} are free");
    Err(io::Error::new(io::ErrorKind::OutOfMemory, what))
}

/// Rows that are made into text at once by one core.
const ROWS_OF_TEXT: usize = 256;

/// Rows as text, on all cores.
fn text(rows: &[f32], dim: usize, line: impl Fn(&[f32], &mut Vec<u8>) -> io::Result<()> + Sync) -> io::Result<Vec<u8>> {
    let parts = rows.par_chunks(dim.max(1) * ROWS_OF_TEXT).map(|rows| {
        let mut text = Vec::new();
        rows.chunks_exact(dim.max(1)).try_for_each(|row| line(row, &mut text)).map(|()| text)
    });
    Ok(parts.collect::<io::Result<Vec<Vec<u8>>>>()?.concat())
}

#[cfg(test)]
mod tests;
