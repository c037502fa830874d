//! The deployable model: one file of bytes that becomes a checked view once, after which nothing can panic.
//!
//! ```no_run
//! # fn main() -> Result<(), kiln_core::artifact::ArtifactError> {
//! # static BYTES: kiln_core::artifact::Aligned<[u8; 0]> = kiln_core::artifact::Aligned([]);
//! // static BYTES: Aligned<[u8; include_bytes!("model.kiln").len()]> = Aligned(*include_bytes!("model.kiln"));
//! let model = kiln_core::artifact::Artifact::check(&BYTES.0)?;
//! # Ok(())
//! # }
//! ```
//!
//! ## Versions 1 to 3
//! A file of version 2 has a frame behind its network, one of version 3 cells before it; a model without either is a file of
//! version 1. Little-endian. A header of 48 bytes, then sections that begin at multiples of 8 and are filled up with zeros.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `KILN` |
//! | 4 | 2 | version: 3 with cells, 2 with a frame, 1 without |
//! | 6 | 1 | network: 0 layers of units, 1 messages between particles |
//! | 7 | 1 | numbers: 0 `f32`, 1 `i16w16a`, 2 `i8w16a` |
//! | 8 | 4 | length of the file in bytes |
//! | 12 | 4 | CRC-32 (ISO-HDLC, that of zip and PNG) of all other bytes |
//! | 16 | 4 | coordinates of a sample |
//! | 20 | 4 | numbers of a latent |
//! | 24 | 4 | thresholds of each latent number that does not choose among cells |
//! | 28 | 4 | layers |
//! | 32 | 4 | factor on the latent: `f32`, or Q16 |
//! | 36 | 4 | factor on the network: `f32`, or Q16; 0 where it is folded into the last layer (units in integers) |
//! | 40 | 4 | bytes of the target's name |
//! | 44 | 4 | bytes of the metadata |
//!
//! Sections: the target's name; the metadata, a text for people (JSON, never parsed here); in version 3 the cells; the thresholds
//! (`f32`, or `i32` in Q16); then for
//!
//! - layers of units: for each layer the width of its outputs (u32), in integers followed by its binary point (u32); then the
//!   layers;
//! - messages: eight words: particles; dimensions; hidden width; radial functions (0 r², 1 basis, 2 steps); their number, 1
//!   for r²; their range (`f32`), 0 for r², or centres in a unit of distance (Q16); bound of a coordinate factor (`f32`, or
//!   Q16); flags (1 ReLU, 2 target, 4 gate, 8 head; in integers 4 or 0); then the embedding, and for each layer what
//!   [`network::EgnnLayer`](crate::network::EgnnLayer) or [`fixed::EgnnLayer`](crate::fixed::EgnnLayer) lists, in its order,
//!   in integers after a section of eight bytes: binary points of state, edge, message, sum, value, gate, and two zeros. All
//!   layers but the last change the nodes.
//!
//! In version 2 the frame follows, x = φ(m + L u) of the network's outputs u (see [`crate::frame`]): two words, flags (1 L is a
//! lower triangle, else a diagonal; 2 a coordinate has an end) and 0; m; L, of a triangle row by row; in integers a byte for
//! each row, its binary point; then, where a coordinate has an end, a byte for each coordinate (0 no end, 1 a lower, 2 an upper,
//! 3 both), the lower ends and the upper ends, 0 where there is none. The numbers are `f32`, or `i32`: m and the ends in Q16, L
//! with the binary points of its rows.
//!
//! In version 3, of layers of units alone, the cells stand before the thresholds (see [`crate::cells`]): two words, the number of
//! blocks and flags (2 a coordinate has an end); the coordinates of each block, their number (u32); the cells of each block, their
//! number (u32); which coordinates (u32), block by block; the thresholds among the cells, one less than cells of each block; the
//! centres and the lower triangles of the cells of each block, row by row; in integers a byte for each number of the centres, the
//! binary point of its row; then, where a coordinate has an end, kinds and ends as of a frame. The numbers are those of a frame. A
//! latent has one number more than coordinates for each block of more than one cell, and the first layer an input for each threshold
//! among cells, behind the others.
//!
//! An affine map is, in `f32`, its weight, row-major (inputs, outputs), and its bias; in integers its weight, row-major
//! (outputs, inputs), the packed scales of the outputs (u32) and the bias (`i32` in Q16).
//!
//! A model has one file: what is read and written again is the same to the byte. Whatever can be written can be read.
//!
//! ## Samples
//! Sample `index` of a seed is the image of the latent that fills the stream (seed, [`Purpose::Sample`](crate::random::Purpose), index):
//! with [`fill_normal`](crate::random::Randomness) in `f32`, with [`fixed::fill_normal`](crate::fixed::fill_normal) in
//! integers. A frame or cells are applied to it. A file gives the same samples on every machine.

mod bytes;
mod cells;
mod error;
mod fixed;
mod float;
mod frame;
mod header;
mod kind;
mod model;

use bytes::Reader;
use header::{Header, size};
use heapless::Vec;

pub use error::{ArtifactError, SampleError};
pub use fixed::{FixedEgnn, FixedMlp};
pub use float::{FloatEgnn, FloatMlp};
pub use frame::ModelFrame;
pub use kind::Kind;
pub use model::{Model, Network};

/// What files begin with.
pub const MAGIC: [u8; 4] = *b"KILN";
/// The newest version that this build reads: that of models with cells. A model with a frame is written as version 2, one without
/// either as version 1.
pub const VERSION: u16 = 3;
/// The version with a frame.
const FRAMED: u16 = 2;
/// The version with cells.
const CELLS: u16 = 3;
/// Layers that a view of a multilayer perceptron holds.
pub const MLP_LAYERS: usize = 16;
/// Layers that a view of an equivariant network holds.
pub const EGNN_LAYERS: usize = 8;

/// Length of the header.
const HEADER: usize = 48;
/// Where the checksum stands.
const CHECKSUM: usize = 12;
/// One table of 256 words: a model is checked once, and flash is scarce.
const CRC: crc::Crc<u32, crc::Table<1>> = crc::Crc::<u32, crc::Table<1>>::new(&crc::CRC_32_ISO_HDLC);

/// Puts bytes where a model can be read in place: at a multiple of 8, which suits a `u64` on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Aligned<T: ?Sized>(pub T);

/// What numbers a model computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Format {
    /// Floats.
    F32,
    /// 16-bit weights and activations.
    I16W16A,
    /// 8-bit weights, 16-bit activations.
    I8W16A,
}

impl Format {
    /// All of them, each at the place that its byte in a file says.
    pub const ALL: [Self; 3] = [Self::F32, Self::I16W16A, Self::I8W16A];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::I16W16A => "i16w16a",
            Self::I8W16A => "i8w16a",
        }
    }
}

/// What the first bytes of a file say of the others.
#[derive(Clone, Copy)]
struct Opening {
    version: u16,
    kind: u8,
    format: u8,
}

/// What turns the bytes of a file into a [`Model`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Artifact;

impl Artifact {
    /// Checks bytes, once: afterwards nothing about the model can fail but buffers that are too short.
    ///
    /// # Errors
    /// [`ArtifactError`] says what is wrong.
    pub fn check<'a>(bytes: &'a [u8]) -> Result<Model<'a>, ArtifactError> {
        let mut cells = None;
        let read = |opening: Opening, header: &Header, rest: &mut Reader<'a>| {
            if opening.version == CELLS {
                // Messages between particles have none.
                if opening.kind != 0 {
                    return Err(ArtifactError::Reserved);
                }
                cells = Some(ModelFrame::read_cells(header.dim, opening.format == Format::F32 as u8, rest)?);
            }
            Network::read(opening.kind, opening.format, header, cells.as_ref(), rest)
        };
        // Apart from the network, which is large: no stack holds it twice for this.
        let frame = |opening: Opening, header: &Header, rest: &mut Reader<'a>| {
            if opening.version != FRAMED {
                return Ok(None);
            }
            ModelFrame::read(header.dim, opening.format == Format::F32 as u8, rest).map(Some)
        };
        let ([target, metadata], network, frame) = Self::read(bytes, read, frame)?;
        if let Some(cells) = &cells {
            cells.check(&network)?;
        }
        Model::of(target, metadata, network, cells.or(frame))
    }

    /// The network of a file that holds this kind and format, checked as in [`Artifact::check`]. A program that reads no
    /// other holds no other's code, and needs a quarter of the stack.
    ///
    /// # Errors
    /// [`ArtifactError`] says what is wrong; [`ArtifactError::Kind`] or [`ArtifactError::Format`] that the file holds
    /// another; [`ArtifactError::Framed`] that its network's outputs are not yet coordinates.
    pub fn network<'a, N: Kind<'a>>(bytes: &'a [u8]) -> Result<N, ArtifactError> {
        let (kind, format) = N::BYTES;
        let read = |opening: Opening, header: &Header, rest: &mut Reader<'a>| {
            if opening.kind != kind {
                return Err(ArtifactError::Kind { found: opening.kind });
            }
            if opening.format != format as u8 {
                return Err(ArtifactError::Format { found: opening.format });
            }
            if opening.version != 1 {
                return Err(ArtifactError::Framed);
            }
            N::part(header, rest)
        };
        Ok(Self::read(bytes, read, |_, _, _| Ok(()))?.1)
    }

    /// The texts, and what follows them as `read` and then `frame` read it.
    fn read<'a, N, F>(
        bytes: &'a [u8],
        read: impl FnOnce(Opening, &Header, &mut Reader<'a>) -> Result<N, ArtifactError>,
        frame: impl FnOnce(Opening, &Header, &mut Reader<'a>) -> Result<F, ArtifactError>,
    ) -> Result<([&'a str; 2], N, F), ArtifactError> {
        let header: &[u8; HEADER] = bytes.first_chunk().ok_or(ArtifactError::NotAModel)?;
        let word = |at: usize| u32::from_le_bytes(core::array::from_fn(|i| header[at + i]));
        if header[..4] != MAGIC {
            return Err(ArtifactError::NotAModel);
        }
        let version = u16::from_le_bytes([header[4], header[5]]);
        if version == 0 || version > VERSION {
            return Err(ArtifactError::Version { found: version });
        }
        let (stated, found) = (word(8), bytes.len());
        if usize::try_from(stated) != Ok(found) {
            return Err(ArtifactError::Length { stated, found });
        }
        let (stated, computed) = (word(CHECKSUM), checksum(bytes));
        if stated != computed {
            return Err(ArtifactError::Checksum { stated, computed });
        }
        if cfg!(target_endian = "big") {
            return Err(ArtifactError::BigEndian);
        }
        // Where a u64 may stand the numbers of every section may too. It is the type that is asked, not the address for a
        // multiple of 8: some machines (32-bit x86) put words of 8 bytes at multiples of 4, and words hold any model.
        if !bytes.as_ptr().cast::<u64>().is_aligned() {
            return Err(ArtifactError::Misaligned);
        }
        let opening = Opening { version, kind: header[6], format: header[7] };
        let header = Header::new([16, 20, 24, 28, 32, 36].map(word))?;
        let mut rest = Reader(&bytes[HEADER..]);
        let texts = [rest.text(size(word(40))?)?, rest.text(size(word(44))?)?];
        let network = read(opening, &header, &mut rest)?;
        let frame = frame(opening, &header, &mut rest)?;
        if rest.0.is_empty() { Ok((texts, network, frame)) } else { Err(ArtifactError::Sizes) }
    }
}

/// The checksum of a file: CRC-32 of all bytes but those where it stands.
fn checksum(bytes: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(&bytes[..CHECKSUM.min(bytes.len())]);
    digest.update(bytes.get(CHECKSUM + 4..).unwrap_or_default());
    digest.finalize()
}

/// Writes the checksum that fits into the header of a file whose bytes were changed on purpose. Shorter slices stay as
/// they are.
pub fn repair_checksum(bytes: &mut [u8]) {
    let sum = checksum(bytes);
    if let Some(place) = bytes.get_mut(CHECKSUM..CHECKSUM + 4) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
}

/// A Q16 number, to the nearest `f32`.
pub fn from_fixed(x: i32) -> f32 {
    x as f32 * (1.0 / 65_536.0)
}

/// Descriptors in a place of their own.
fn collect<T: Clone, const N: usize>(layers: &[T], most: usize) -> Result<Vec<T, N>, ArtifactError> {
    let found = u32::try_from(layers.len()).unwrap_or(u32::MAX);
    Vec::from_slice(layers).map_err(|_| ArtifactError::Layers { found, most })
}
