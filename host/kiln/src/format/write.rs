//! Files of samples written, part by part, in constant memory. A file appears whole or not at all; a stream is what it is.

use super::space::{self, bytes};
use super::{Format, Kind, Writer, invalid, npz};
use crate::error::Error;
use crate::files::write_whole;
use crate::samples::Samples;
use crate::target::Target;
use std::io::{self, Write};
use std::path::Path;

/// Takes parts of the samples, in order.
pub type Put<'a> = &'a mut dyn FnMut(&Samples) -> Result<(), Error>;

/// Whether samples can go to `path`: an existing parent, and no file there unless `force`.
pub fn check_destination(path: &Path, force: bool) -> Result<(), Error> {
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
    Ok(())
}

/// Whether `n` samples of a target have room at `path`, as far as that is known before they are drawn.
pub fn check_space(path: &Path, format: Format, n: u64, target: &Target) -> Result<(), Error> {
    let least = format.least_bytes(n, target.dim());
    let place = path.display();
    if format.kind == Kind::Npz && least > u128::from(npz::MOST_BYTES) {
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

/// Writes `n` samples of a target in parts: `fill` is called once and hands them over in order. The file appears whole, or
/// not at all where something fails.
///
/// # Errors
/// Those of `fill`, and where the file cannot be written.
pub fn write_in_parts<T>(
    path: &Path,
    format: Format,
    n: u64,
    target: &Target,
    force: bool,
    fill: impl FnOnce(Put) -> Result<T, Error>,
) -> Result<T, Error> {
    check_destination(path, force)?;
    format.suits(target)?;
    check_space(path, format, n, target)?;
    let (mut made, mut given_up) = (None, None);
    let written = write_whole(path, |file| {
        let outcome = match format.kind {
            Kind::Npz => filled(Box::new(npz::Writer::new(n, target.dim(), file)?), n, target, fill)?,
            _ => write_to(file, format, n, target, fill)?,
        };
        match outcome {
            Ok(value) => made = Some(value),
            Err(error) => given_up = Some(error),
        }
        if given_up.is_some() { Err(io::Error::other("given up")) } else { Ok(()) }
    });
    match (given_up, made) {
        (Some(error), _) => Err(error),
        (None, Some(made)) => written.map(|()| made),
        (None, None) => Err(written.err().unwrap_or_else(|| Error::file("write", path, invalid("nothing came")))),
    }
}

/// Writes `n` samples of a target to a stream, such as stdout, in parts, as [`write_in_parts`] does. What was written before
/// something failed is not taken back; compressed, it has no end.
///
/// # Errors
/// Where the stream cannot be written; within that, those of `fill`.
pub fn write_to<T>(
    out: impl Write,
    format: Format,
    n: u64,
    target: &Target,
    fill: impl FnOnce(Put) -> Result<T, Error>,
) -> io::Result<Result<T, Error>> {
    let mut out = super::gzip::Output::new(out, format.gzipped);
    let outcome = filled(format.writer(target, n, &mut out)?, n, target, fill)?;
    if outcome.is_ok() {
        out.finish()?;
    }
    Ok(outcome)
}

/// Has a file filled, and ended where `fill` succeeded.
fn filled<T>(
    mut writer: Box<dyn Writer + '_>,
    n: u64,
    target: &Target,
    fill: impl FnOnce(Put) -> Result<T, Error>,
) -> io::Result<Result<T, Error>> {
    let mut failed = None;
    let mut rows = 0;
    let outcome = fill(&mut |samples| {
        rows += samples.len() as u64;
        let result = match samples.dim == target.dim() {
            true => writer.put(&samples.data),
            false => Err(invalid("these are samples of something else")),
        };
        result.map_err(|error| {
            let told = Error::input(format!("samples cannot be written: {error}"), "choose another place");
            failed = Some(error);
            told
        })
    });
    match (failed, &outcome) {
        (Some(error), _) => return Err(error),
        (None, Err(_)) => {}
        (None, Ok(_)) if rows == n => writer.finish()?,
        (None, Ok(_)) => return Err(invalid(format!("{rows} samples came where {n} were to come"))),
    }
    Ok(outcome)
}

/// Writes samples of a target in the format that the extension names, whole or not at all.
pub fn write(path: &Path, samples: &Samples, target: &Target, force: bool) -> Result<(), Error> {
    write_in_parts(path, Format::of(path)?, samples.len() as u64, target, force, |put| put(samples))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
