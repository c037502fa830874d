//! Files of samples read: what they hold, in bounded memory, whatever they claim.

use super::{Contents, Format, Kind, csv, gzip, invalid, npy, npz, xyz};
use crate::error::Error;
use crate::memory;
use crate::samples::Samples;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

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
            let gzip = if format.gzipped { "the gzip data of " } else { "" };
            failed(error).with_hint(format!("it must hold {gzip}{}", format.kind.holds()))
        }
        io::ErrorKind::OutOfMemory => failed(error).with_hint("judge a part of it, or use a larger machine"),
        _ => failed(error),
    })
}

impl Format {
    pub(super) fn read<R: BufRead + Seek>(self, mut input: R, length: u64) -> io::Result<Contents> {
        let room = memory::available().unwrap_or(u64::MAX) / size_of::<f32>() as u64;
        if !self.gzipped && input.fill_buf()?.starts_with(&gzip::MAGIC) {
            return Err(invalid(format!("it is compressed by gzip; end its name in {self}.gz")));
        }
        match self {
            Self { kind: Kind::Npz, .. } => npz::contents(input, room),
            Self { kind, gzipped: false } => kind.read(input, Some(length), room),
            Self { kind, gzipped: true } => kind.read(BufReader::new(gzip::Input::new(input)), None, room),
        }
    }
}

impl Kind {
    /// Reads any but an archive, which is `length` bytes long where that is known.
    fn read(self, input: impl BufRead, length: Option<u64>, room: u64) -> io::Result<Contents> {
        match self {
            Self::Npy => npy::contents(input, length, room),
            Self::Npz => Err(invalid("it is an archive within gzip data")),
            Self::Csv => csv::contents(Lines::of(input), room),
            Self::Xyz | Self::Extxyz => xyz::contents(Lines::of(input), room),
        }
    }

    /// What a file must hold, for hints.
    fn holds(self) -> &'static str {
        match self {
            Self::Npy => "an array of numbers of shape (n, dim), for particles also (n, particles, dimensions)",
            Self::Npz => "an array of numbers of shape (n, dim), named 'samples' or 'arr_0' where there are several",
            Self::Csv => "one sample a line, its numbers separated by commas, under a header x0,x1,… or none",
            Self::Xyz | Self::Extxyz => {
                "frames of equally many particles: their number, a comment line, which may have \
                 Properties=species:S:1:pos:R:3, one line a particle"
            }
        }
    }
}

/// Text whose lines are no longer than [`LONGEST_LINE`]: readers hold a line at a time.
pub(super) struct Lines<R> {
    input: R,
    length: usize,
}

/// Bytes of a line at most: a million coordinates.
pub(super) const LONGEST_LINE: usize = 32 << 20;

impl<R: Read> Lines<R> {
    pub(super) fn of(input: R) -> Self {
        Self { input, length: 0 }
    }
}

impl<R: Read> Read for Lines<R> {
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
