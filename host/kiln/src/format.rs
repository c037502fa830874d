//! Files of samples: `.npy`, `.npz`, `.csv`, `.extxyz`. The extension picks the format; one format a file.
//!
//! They are written part by part, in constant memory, and appear whole or not at all. They are read by what they say:
//! columns by their names, particles by their properties, arrays by their header; what contradicts itself is refused.

pub mod csv;
pub mod extxyz;
pub mod label;
pub mod npy;
pub mod npz;
mod space;

pub use label::{Contents, Label};

use crate::error::Error;
use crate::files::write_whole;
use crate::memory;
use crate::samples::Samples;
use crate::target::{Structure, Target};
use rayon::prelude::*;
use space::bytes;
use std::io::{self, BufReader, Seek, Write};
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

/// A file in the making.
trait Writer {
    /// Appends rows.
    fn put(&mut self, rows: &[f32]) -> io::Result<()>;

    /// Ends the file.
    fn finish(self: Box<Self>) -> io::Result<()>;
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
    pub fn suits(self, target: &Target) -> Result<(), Error> {
        if self != Self::Extxyz || matches!(target.structure(), Structure::Particles { .. }) {
            return Ok(());
        }
        let message = format!("an .extxyz holds particles, and {} has none", target.title());
        Err(Error::input(message, "end it in .npy, .npz or .csv"))
    }

    /// Bytes that `n` samples take at least.
    fn least_bytes(self, n: u64, dim: usize) -> u128 {
        let numbers = u128::from(n) * dim as u128;
        match self {
            Self::Npy | Self::Npz => 4 * numbers,
            // A digit and a comma.
            Self::Csv | Self::Extxyz => 2 * numbers,
        }
    }

    fn writer<'a, W: Write + Seek + 'a>(self, target: &'a Target, n: u64, out: W) -> io::Result<Box<dyn Writer + 'a>> {
        let dim = target.dim();
        Ok(match self {
            Self::Npy => Box::new(npy::Writer::new(n, dim, out)?),
            Self::Npz => Box::new(npz::Writer::new(n, dim, out)?),
            Self::Csv => Box::new(csv::Writer::new(target.names(), out)?),
            Self::Extxyz => Box::new(extxyz::Writer::new(target, out)?),
        })
    }

    fn read<R: io::Read + Seek>(self, input: R, length: u64) -> io::Result<Contents> {
        let room = memory::available().unwrap_or(u64::MAX) / size_of::<f32>() as u64;
        match self {
            Self::Npy => npy::contents(input, length, room),
            Self::Npz => npz::contents(input, room),
            Self::Csv => csv::contents(Lines { input, length: 0 }, room),
            Self::Extxyz => extxyz::contents(Lines { input, length: 0 }, room),
        }
    }

    /// What a file of this format must hold, for hints.
    fn holds(self) -> &'static str {
        match self {
            Self::Npy => "an array of numbers of shape (n, dim), for particles also (n, particles, dimensions)",
            Self::Npz => "an array of numbers of shape (n, dim), named 'samples' or 'arr_0' where there are several",
            Self::Csv => "one sample a line, its numbers separated by commas, under a header x0,x1,… or none",
            Self::Extxyz => {
                "frames of equally many particles: their number, a comment line with Properties=species:S:1:pos:R:3, \
                 one line a particle"
            }
        }
    }
}

/// Whether samples can go to `path`: a known extension, an existing parent, and no file there unless `force`.
pub fn check_destination(path: &Path, force: bool) -> Result<Format, Error> {
    let format = Format::of(path)?;
    let parent = parent(path);
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

/// Whether `n` samples of a target have room at `path`, as far as that is known before they are drawn.
pub fn check_space(path: &Path, n: u64, target: &Target) -> Result<(), Error> {
    let format = Format::of(path)?;
    let least = format.least_bytes(n, target.dim());
    let place = path.display();
    if format == Format::Npz && least > u128::from(npz::MOST_BYTES) {
        let message = format!("{n} samples of {} take {}, and an .npz holds 4 GB", target.title(), bytes(least));
        return Err(Error::input(message, "write an .npy, or several files with different --seed"));
    }
    match space::available_disk(parent(path)) {
        Some(free) if least > u128::from(free) => {
            let (title, least, free) = (target.title(), bytes(least), bytes(free.into()));
            let message = format!("{n} samples of {title} take {least}, and the disk of '{place}' has {free} free");
            Err(Error::input(message, "draw fewer, free some space, or choose another place"))
        }
        _ => Ok(()),
    }
}

/// Writes `n` samples of a target in the format that the extension names, in parts: `fill` is called once and hands them
/// over in order. The file appears whole, or not at all where something fails.
///
/// # Errors
/// Those of `fill`, and where the file cannot be written.
pub fn write_in_parts<T>(
    path: &Path,
    n: u64,
    target: &Target,
    force: bool,
    fill: impl FnOnce(&mut dyn FnMut(&Samples) -> Result<(), Error>) -> Result<T, Error>,
) -> Result<T, Error> {
    let format = check_destination(path, force)?;
    format.suits(target)?;
    check_space(path, n, target)?;
    let mut filled = None;
    let written = write_whole(path, |file| {
        let mut writer = format.writer(target, n, file)?;
        let mut failed = None;
        let mut rows = 0;
        let outcome = fill(&mut |samples| {
            rows += samples.len() as u64;
            let result = match samples.dim == target.dim() {
                true => writer.put(&samples.data),
                false => Err(invalid("these are samples of something else")),
            };
            result.map_err(|error| {
                let told = io::Error::new(error.kind(), error.to_string());
                failed = Some(error);
                Error::file("write", path, told)
            })
        });
        match (failed, &outcome) {
            (Some(error), _) => return Err(error),
            (None, Err(_)) => {}
            (None, Ok(_)) if rows == n => writer.finish()?,
            (None, Ok(_)) => return Err(invalid(format!("{rows} samples came where {n} were to come"))),
        }
        let given_up = outcome.is_err();
        filled = Some(outcome);
        if given_up { Err(io::Error::other("given up")) } else { Ok(()) }
    });
    match filled {
        Some(Err(error)) => Err(error),
        Some(Ok(made)) => written.map(|()| made),
        None => Err(written.err().unwrap_or_else(|| Error::file("write", path, io::Error::other("nothing came")))),
    }
}

/// Writes samples of a target in the format that the extension names, whole or not at all.
pub fn write(path: &Path, samples: &Samples, target: &Target, force: bool) -> Result<(), Error> {
    write_in_parts(path, samples.len() as u64, target, force, |put| put(samples))
}

/// Reads samples in the format that the extension names.
pub fn read(path: &Path) -> Result<Samples, Error> {
    Ok(open(path)?.samples)
}

/// Reads samples, and what the file says of them.
pub fn open(path: &Path) -> Result<Contents, Error> {
    let format = Format::of(path)?;
    let failed = |error| Error::file("read", path, error);
    let about = std::fs::metadata(path).map_err(failed)?;
    // What is there and is no file may have no end.
    if !about.is_file() {
        return Err(Error::input(format!("'{}' is not a file", path.display()), "give a file of samples"));
    }
    let result = std::fs::File::open(path).and_then(|file| format.read(BufReader::new(file), about.len()));
    result.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            failed(error).with_hint(format!("it must hold {}", format.holds()))
        }
        io::ErrorKind::OutOfMemory => failed(error).with_hint("judge a part of it, or use a larger machine"),
        _ => failed(error),
    })
}

/// Text whose lines are no longer than [`LONGEST_LINE`]: readers hold a line at a time.
struct Lines<R> {
    input: R,
    length: usize,
}

/// Bytes of a line at most: a million coordinates.
const LONGEST_LINE: usize = 32 << 20;

impl<R: io::Read> io::Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.length = match buffer[..n].iter().rposition(|byte| *byte == b'\n') {
            Some(at) => n - at - 1,
            None => self.length + n,
        };
        if self.length > LONGEST_LINE {
            return Err(invalid(format!("a line is longer than {LONGEST_LINE} bytes")));
        }
        Ok(n)
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
