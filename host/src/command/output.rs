//! Where `kiln sample` writes: a file, which is there whole or not at all, or stdout (`-o -`).

use crate::cli::Sample;
use crate::console::unwritable;
use kiln::error::Error;
use kiln::format::{self, Format, Kind, Put};
use kiln::target::Target;
use std::fmt;
use std::io::{self, IsTerminal};
use std::path::Path;

/// A place for samples, and their format.
pub struct Output<'a> {
    place: Place<'a>,
    format: Format,
}

enum Place<'a> {
    File {
        path: &'a Path,
        /// Whether what is there is replaced.
        force: bool,
    },
    Stdout,
}

impl<'a> Output<'a> {
    /// What the command line says.
    ///
    /// # Errors
    /// If no format is named, two are, or the place cannot take it.
    pub fn of(arguments: &'a Sample) -> Result<Self, Error> {
        let path = arguments.output.as_path();
        let named = arguments.format.as_deref().map(named).transpose()?;
        if path.as_os_str() == "-" {
            let format = named.unwrap_or(Format::CSV);
            check_stdout(format)?;
            return Ok(Self { place: Place::Stdout, format });
        }
        let format = match (named, Format::of(path)) {
            (None, by_extension) => by_extension?,
            (Some(named), Ok(other)) if other != named => {
                let message = format!("--format is {named}, but '{}' ends in {other}", path.display());
                return Err(Error::input(message, "leave --format out, or give the file another extension"));
            }
            (Some(named), _) => named,
        };
        format::check_destination(path, arguments.force)?;
        Ok(Self { place: Place::File { path, force: arguments.force }, format })
    }

    /// Whether it can take `n` samples of a target, as far as that is known before they are drawn.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check(&self, n: u64, target: &Target) -> Result<(), Error> {
        self.format.suits(target)?;
        match self.place {
            Place::File { path, .. } => format::check_space(path, self.format, n, target),
            Place::Stdout => Ok(()),
        }
    }

    /// Writes `n` samples, which `fill` hands over; nothing is made where the reader of stdout has seen enough.
    ///
    /// # Errors
    /// Those of `fill`, and where it cannot be written.
    pub fn write<T>(
        &self,
        n: u64,
        target: &Target,
        fill: impl FnOnce(Put) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match self.place {
            Place::File { path, force } => format::write_in_parts(path, self.format, n, target, force, fill).map(Some),
            Place::Stdout => match format::write_to(io::stdout().lock(), self.format, n, target, fill) {
                Ok(outcome) => outcome.map(Some),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
                Err(error) => Err(unwritable(&error)),
            },
        }
    }

    /// What is left where drawing ends early, for hints.
    pub fn left(&self) -> &'static str {
        match self.place {
            Place::File { .. } => "nothing was written",
            Place::Stdout => "what went to stdout is not all",
        }
    }
}

/// Where the samples are, for the last word: "in x.npy", "to stdout".
impl fmt::Display for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.place {
            Place::File { path, .. } => write!(f, "in {}", path.display()),
            Place::Stdout => write!(f, "to stdout"),
        }
    }
}

fn named(name: &str) -> Result<Format, Error> {
    Format::named(name).map_err(|error| Error::input(format!("--format: {error}"), error.hint()))
}

/// Refuses what stdout cannot take.
fn check_stdout(format: Format) -> Result<(), Error> {
    if format.kind == Kind::Npz {
        let message = "an .npz cannot go to stdout: its checksum stands before the numbers, and is known after them";
        return Err(Error::input(message, "choose --format npy, or give a file"));
    }
    if io::stdout().is_terminal() && (format.gzipped || !format.is_text()) {
        let message = format!("an {format} is nothing to read, and stdout is a terminal");
        return Err(Error::input(message, "choose --format csv, give a file, or send it to a program by |"));
    }
    Ok(())
}
