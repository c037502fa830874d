//! `kiln export`: a generator as one file that runs anywhere, and how good it is there.

use super::{target_of_source, whole, without_energy};
use crate::cli::Export;
use crate::console::{print, say};
use crate::interrupt::end_on_signals;
use kiln::deployed::{self, Deployed, deployed};
use kiln::error::Error;
use kiln::export::quality::table;
use kiln::export::unfit;
use kiln::export::write::{c, check_destination, rust};
use kiln::files::write_together;
use kiln::source::resolve;
use kiln_core::artifact::Artifact;
use std::path::{Path, PathBuf};

/// The bytes of a model as source.
type Text = fn(&Path, &[u8], &str) -> String;

/// Converts, judges and writes. Everything that can be refused is refused before anything is computed.
pub fn run(arguments: &Export, quiet: bool) -> Result<(), Error> {
    end_on_signals();
    let seed = whole(arguments.seed, 0, "--seed")?;
    let format = deployed::format(&arguments.format)?;
    check_destination(&arguments.output, "kiln", arguments.force)?;
    for (path, extension) in [(&arguments.rust, "rs"), (&arguments.c, "h")] {
        path.as_ref().map_or(Ok(()), |path| check_destination(path, extension, arguments.force))?;
    }
    let source = resolve(&arguments.run)?;
    let target = match target_of_source(&source, &arguments.run) {
        Err(_) if arguments.no_quality => without_energy(&source, source.open()?.dim()),
        target => target?,
    };
    let Deployed { bytes, metadata } = deployed(&source, &target, format, (!arguments.no_quality).then_some(seed))?;
    let bare = Artifact::check(bytes.as_slice()).map_err(unfit)?;

    let what = format!("{} in {}", target.title(), format.name());
    let source_of =
        |path: &Option<PathBuf>, text: Text| Some((path.clone()?, text(path.as_ref()?, bytes.as_slice(), &what)));
    let texts = [source_of(&arguments.rust, rust), source_of(&arguments.c, c)];
    let mut files = vec![(arguments.output.as_path(), bytes.as_slice())];
    files.extend(texts.iter().flatten().map(|(path, text)| (path.as_path(), text.as_bytes())));
    write_together(&files)?;
    if let Some(quality) = &metadata.quality {
        print(&table(quality, format.name()))?;
    }
    if !quiet {
        let scratch = 8 * bare.scratch() + 4 * bare.dim();
        let (length, place) = (bytes.as_slice().len(), arguments.output.display());
        say(format_args!("{what}: {length} bytes, {scratch} bytes of buffers to run, in {place}"));
    }
    Ok(())
}
