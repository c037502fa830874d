//! NumPy's `.npz`: an archive with one array, `samples`.

use super::{invalid, npy};
use crate::engine::Samples;
use npyz::WriterBuilder;
use std::io::{self, Read, Seek, Write};

const NAME: &str = "samples";

/// Writes an archive with the array `samples` of shape (n, dim), float32.
pub fn write(samples: &Samples, out: impl Write + Seek) -> io::Result<()> {
    let mut archive = npyz::npz::NpzWriter::new(out);
    let shape = [samples.len() as u64, samples.dim as u64];
    let mut writer = archive.array(NAME, Default::default())?.default_dtype().shape(&shape).begin_nd()?;
    writer.extend(samples.data.iter().copied())?;
    writer.finish()
}

/// Reads the array `samples`.
pub fn read(input: impl Read + Seek) -> io::Result<Samples> {
    let mut archive = npyz::npz::NpzArchive::new(input)?;
    let array = archive.by_name(NAME)?.ok_or_else(|| invalid(format!("it has no array named '{NAME}'")))?;
    npy::from_array(array)
}
