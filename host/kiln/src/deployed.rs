//! A generator as a model that can be deployed: converted, judged, and told what it is.

use crate::error::{Error, nearest};
use crate::export::bytes::Bytes;
use crate::export::quality::{Metadata, compare};
use crate::export::{convert, unfit, with_metadata};
use crate::source::Source;
use crate::target::Target;
use kiln_core::artifact::{Artifact, Format, Model};

/// A model that can be written.
#[derive(Debug)]
pub struct Deployed {
    /// The file.
    pub bytes: Bytes,
    /// What it says of itself.
    pub metadata: Metadata,
}

/// The generator of a source in a format, judged with samples of that seed; without a seed it is not judged, and needs no energy.
///
/// # Errors
/// If the source is of another target, it has a part that the format does not have, or it cannot be judged.
pub fn deployed(source: &Source, target: &Target, format: Format, seed: Option<u64>) -> Result<Deployed, Error> {
    let float = source.float_model()?;
    let float = checked(&float)?;
    source.check_dim(float.dim(), target)?;
    let bare = convert(&float, format)?;
    let bare = checked(&bare)?;
    let mut metadata = Metadata::new(target, format, source.name());
    metadata.quality = seed.map(|seed| compare(target, &float, &bare, seed)).transpose()?;
    let bytes = with_metadata(&bare, &metadata.json())?;
    Ok(Deployed { bytes, metadata })
}

/// The format of that name.
///
/// # Errors
/// If there is none.
pub fn format(name: &str) -> Result<Format, Error> {
    Format::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
        let names = Format::ALL.map(Format::name);
        let hint = match nearest(name, names) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("there are {}", names.join(", ")),
        };
        Error::input(format!("unknown format '{name}'"), hint)
    })
}

fn checked(bytes: &Bytes) -> Result<Model<'_>, Error> {
    Artifact::check(bytes.as_slice()).map_err(unfit)
}
