//! Named f32 tensors and texts in one safetensors file. What they stand for is known to those who write and read them:
//! networks, optimisers, whole training runs.
//!
//! Saving is exact (the same bits come back) and canonical (equal contents give equal bytes). The first text of a file is
//! its `checksum`, over all of its other bytes: a file in which a bit was flipped, or the end is missing, does not open.

use crc::{CRC_64_XZ, Crc, Table};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::str::FromStr;

/// Why a file is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Not a safetensors file.
    #[error("not a safetensors file: {0}")]
    Malformed(#[from] safetensors::SafeTensorError),
    /// It was written without a checksum, by another program or an older Kiln.
    #[error("it has no checksum")]
    NoChecksum,
    /// Some of its bytes are not those that were written.
    #[error("its checksum is wrong")]
    Checksum,
    /// A tensor or text is missing.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A tensor holds other numbers than f32.
    #[error("`{0}` does not hold 32-bit floats")]
    NotF32(String),
    /// A tensor has the wrong shape.
    #[error("`{name}` has shape {found:?}, not {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// What was needed.
        expected: Vec<usize>,
        /// What the file holds.
        found: Vec<usize>,
    },
    /// A tensor holds a NaN or an infinity.
    #[error("`{0}` holds numbers that are not finite")]
    NonFinite(String),
    /// Coordinates are no whole numbers.
    #[error("`{0}` holds numbers that count no coordinate")]
    NoCoordinate(String),
    /// A text does not say what it should.
    #[error("`{key}` cannot be `{text}`")]
    Text {
        /// Its key.
        key: String,
        /// What it says.
        text: String,
    },
    /// The texts make no shape of what the file should hold.
    #[error("no {what} has this shape: {source}")]
    Spec {
        /// What it should hold.
        what: &'static str,
        /// Why that cannot be.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl CheckpointError {
    /// The error that the texts make no shape of `what`.
    pub(crate) fn no_shape(what: &'static str, error: impl Error + Send + Sync + 'static) -> Self {
        Self::Spec { what, source: Box::new(error) }
    }
}

/// CRC-64/XZ: finds every burst of up to 64 flipped bits.
const CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);
/// What every file begins with after the length of its header, up to the digits of the checksum.
const HEAD: &str = "{\"__metadata__\":{\"checksum\":\"";
const CHECKSUM: &str = "checksum";
/// Whole numbers below are exact in f32.
const EXACT: f32 = 16_777_216.0;
/// Where those digits stand, and how many there are.
const DIGITS: std::ops::Range<usize> = 8 + HEAD.len()..8 + HEAD.len() + 16;

/// The checksum of bytes, as sixteen hexadecimal digits: CRC-64/XZ.
pub fn checksum<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = CRC.digest();
    parts.into_iter().for_each(|part| digest.update(part));
    format!("{:016x}", digest.finalize())
}

/// The checksum of a file but for its own digits.
fn checksum_around(bytes: &[u8]) -> String {
    checksum([&bytes[..DIGITS.start], &bytes[DIGITS.end..]])
}

#[derive(Clone, Debug, PartialEq)]
struct Stored {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// Tensors and texts by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    tensors: BTreeMap<String, Stored>,
    texts: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a tensor.
    ///
    /// # Panics
    /// If the numbers do not fill the shape.
    pub fn insert_tensor(&mut self, name: impl Into<String>, shape: Vec<usize>, values: Vec<f32>) {
        assert_eq!(values.len(), shape.iter().product::<usize>(), "numbers of a tensor");
        self.tensors.insert(name.into(), Stored { shape, values });
    }

    /// Adds or replaces a text. `checksum` is the file's own.
    pub fn insert_text(&mut self, key: impl Into<String>, text: impl Into<String>) {
        self.texts.insert(key.into(), text.into());
    }

    fn stored(&self, name: &str) -> Result<&Stored, CheckpointError> {
        let stored = self.tensors.get(name).ok_or_else(|| CheckpointError::Missing(name.to_string()))?;
        if stored.values.iter().all(|x| x.is_finite()) {
            Ok(stored)
        } else {
            Err(CheckpointError::NonFinite(name.to_string()))
        }
    }

    /// Whether every number is finite: what is not could be written, but not read again.
    ///
    /// # Errors
    /// Names the first tensor with a number that is not.
    pub fn check_finite(&self) -> Result<(), CheckpointError> {
        self.tensors.keys().try_for_each(|name| self.stored(name).map(|_| ()))
    }

    /// The numbers of a tensor that must have the given shape.
    ///
    /// # Errors
    /// If it is missing, has another shape or is not finite.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<&[f32], CheckpointError> {
        let stored = self.stored(name)?;
        if stored.shape == shape {
            return Ok(&stored.values);
        }
        let (expected, found) = (shape.to_vec(), stored.shape.clone());
        Err(CheckpointError::Shape { name: name.to_string(), expected, found })
    }

    /// The numbers of a tensor of any length and one axis.
    ///
    /// # Errors
    /// If it is missing, has another number of axes or is not finite.
    pub fn vector(&self, name: &str) -> Result<&[f32], CheckpointError> {
        let length = self.stored(name)?.values.len();
        self.tensor(name, &[length])
    }

    /// Coordinates, counted from 0, which a tensor of one axis holds.
    ///
    /// # Errors
    /// As [`Checkpoint::vector`], or if a number is no whole one that f32 counts exactly.
    pub fn coordinates(&self, name: &str) -> Result<Vec<usize>, CheckpointError> {
        let whole = |x: &f32| (*x >= 0.0 && x.fract() == 0.0 && *x < EXACT).then_some(*x as usize);
        let found: Option<Vec<usize>> = self.vector(name)?.iter().map(whole).collect();
        found.ok_or_else(|| CheckpointError::NoCoordinate(name.to_string()))
    }

    /// How many rows a matrix of so many columns has.
    ///
    /// # Errors
    /// If the tensor is missing or no such matrix.
    pub fn rows(&self, name: &str, columns: usize) -> Result<usize, CheckpointError> {
        let rows = self.stored(name)?.shape.first().copied().unwrap_or(0);
        self.tensor(name, &[rows, columns]).map(|_| rows)
    }

    /// A text.
    ///
    /// # Errors
    /// If it is missing.
    pub fn text(&self, key: &str) -> Result<&str, CheckpointError> {
        self.texts.get(key).map(String::as_str).ok_or_else(|| CheckpointError::Missing(key.to_string()))
    }

    /// All texts, by key.
    pub fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    /// A text as a number or whatever else it stands for.
    ///
    /// # Errors
    /// If it is missing or does not parse.
    pub fn parsed<V: FromStr>(&self, key: &str) -> Result<V, CheckpointError> {
        self.text(key)?.parse().map_err(|_| self.bad_text(key))
    }

    /// The error that a text says something impossible.
    pub fn bad_text(&self, key: &str) -> CheckpointError {
        let text = self.texts.get(key).cloned().unwrap_or_default();
        CheckpointError::Text { key: key.to_string(), text }
    }

    /// The file. The header is written here, sorted by name after the checksum, because the library's order of texts is
    /// random.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut header = format!("{HEAD}{:016}\"", 0);
        for (key, text) in &self.texts {
            let _ = write!(header, ",{}:{}", quoted(key), quoted(text));
        }
        header.push('}');
        let mut offset = 0;
        for (name, stored) in &self.tensors {
            let end = offset + 4 * stored.values.len();
            let (name, shape) = (quoted(name), &stored.shape);
            let _ =
                write!(header, ",{name}:{{\"dtype\":\"F32\",\"shape\":{shape:?},\"data_offsets\":[{offset},{end}]}}");
            offset = end;
        }
        header.push('}');
        // Numbers start at a multiple of eight bytes.
        while !header.len().is_multiple_of(8) {
            header.push(' ');
        }
        let mut bytes = Vec::with_capacity(8 + header.len() + offset);
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.extend(header.as_bytes());
        for stored in self.tensors.values() {
            bytes.extend(stored.values.iter().flat_map(|x| x.to_le_bytes()));
        }
        let checksum = checksum_around(&bytes);
        bytes[DIGITS].copy_from_slice(checksum.as_bytes());
        bytes
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it is no safetensors file, its checksum is missing or wrong, or it holds other tensors than f32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let file = SafeTensors::deserialize(bytes)?;
        if !bytes[8..].starts_with(HEAD.as_bytes()) || bytes.len() < DIGITS.end {
            return Err(CheckpointError::NoChecksum);
        }
        if bytes[DIGITS] != *checksum_around(bytes).as_bytes() {
            return Err(CheckpointError::Checksum);
        }
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let mut texts: BTreeMap<String, String> = header.metadata().clone().unwrap_or_default().into_iter().collect();
        texts.remove(CHECKSUM);
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(CheckpointError::NotF32(name.to_string()));
            }
            let numbers = view.data().as_chunks::<4>().0;
            let values = numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
            tensors.insert(name.to_string(), Stored { shape: view.shape().to_vec(), values });
        }
        Ok(Self { tensors, texts })
    }
}

/// A JSON string (RFC 8259, section 7).
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
