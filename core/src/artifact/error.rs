//! Why bytes are not a model.

use core::fmt;

use crate::frame::InvalidFrame;
use crate::{fixed, network};

/// Why bytes are not a model, or a model does not fit a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ArtifactError {
    /// Too short for a header, or it does not begin with `KILN`.
    NotAModel,
    /// Of another version.
    Version {
        /// What it says.
        found: u16,
    },
    /// It says how long it is, and is not.
    Length {
        /// What it says.
        stated: u32,
        /// How many bytes there are.
        found: usize,
    },
    /// A byte is not what it was.
    Checksum {
        /// What the header says.
        stated: u32,
        /// What the bytes have.
        computed: u32,
    },
    /// No network is of this kind.
    Kind {
        /// What it says.
        found: u8,
    },
    /// No numbers have this format.
    Format {
        /// What it says.
        found: u8,
    },
    /// The bytes do not begin where a `u64` may stand, on most machines a multiple of 8: put them into
    /// [`super::Aligned`].
    Misaligned,
    /// This machine stores the highest byte first.
    BigEndian,
    /// A size is 0, larger than 2^24, or does not fit the others; or the parts of the layers are not the same ones.
    Sizes,
    /// More layers than a view holds.
    Layers {
        /// How many there are.
        found: u32,
        /// How many there may be.
        most: usize,
    },
    /// A word or a byte that must be 0, or one of a few, is not.
    Reserved,
    /// The target's name or the metadata is not UTF-8.
    Text,
    /// A number is infinite or none.
    NotFinite,
    /// The parts do not make a network.
    Network(network::InvalidNetwork),
    /// The parts do not make a network of integers.
    Fixed(fixed::InvalidNetwork),
    /// The parts do not make a frame or cells, or not the network's.
    Frame(InvalidFrame),
    /// It has a frame or cells, and its network alone was asked for.
    Framed,
    /// The buffer for the bytes is too short.
    Buffer,
}

impl From<network::InvalidNetwork> for ArtifactError {
    fn from(error: network::InvalidNetwork) -> Self {
        Self::Network(error)
    }
}

impl From<fixed::InvalidNetwork> for ArtifactError {
    fn from(error: fixed::InvalidNetwork) -> Self {
        Self::Fixed(error)
    }
}

impl From<InvalidFrame> for ArtifactError {
    fn from(error: InvalidFrame) -> Self {
        match error {
            InvalidFrame::NotFinite => Self::NotFinite,
            error => Self::Frame(error),
        }
    }
}

impl fmt::Display for ArtifactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAModel => f.write_str("it does not begin as a model does"),
            Self::Version { found } => {
                write!(f, "it is of version {found}, this build reads versions up to {}", super::VERSION)
            }
            Self::Length { stated, found } => write!(f, "it says that it has {stated} bytes, and has {found}"),
            Self::Checksum { stated, computed } => {
                write!(f, "its checksum is {computed:08x}, not {stated:08x}: a byte was changed")
            }
            Self::Kind { found } => write!(f, "there is no network of kind {found}"),
            Self::Format { found } => write!(f, "there is no number format {found}"),
            Self::Misaligned => f.write_str("its bytes do not begin where a word of 8 bytes may stand"),
            Self::BigEndian => f.write_str("models are little-endian, and this machine is not"),
            Self::Sizes => f.write_str("its sizes are too large or do not fit together"),
            Self::Layers { found, most } => write!(f, "it has {found} layers, and at most {most} are read"),
            Self::Reserved => f.write_str("a field holds what it must not"),
            Self::Text => f.write_str("its texts are not UTF-8"),
            Self::NotFinite => f.write_str("it holds numbers that are not finite"),
            Self::Network(error) => write!(f, "{error}"),
            Self::Fixed(error) => write!(f, "{error}"),
            Self::Frame(error) => write!(f, "{error}"),
            Self::Framed => f.write_str("it has a frame or cells, and this program would not apply them"),
            Self::Buffer => f.write_str("the buffer is too short"),
        }
    }
}

impl core::error::Error for ArtifactError {}

/// Why there is no sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SampleError {
    /// A buffer is too short.
    Buffer,
    /// The model computes in `f32`, and integers were asked for.
    NotIntegers,
}

impl From<network::InvalidNetwork> for SampleError {
    /// A checked network has no other trouble.
    fn from(_: network::InvalidNetwork) -> Self {
        Self::Buffer
    }
}

impl From<fixed::InvalidNetwork> for SampleError {
    /// A checked network has no other trouble.
    fn from(_: fixed::InvalidNetwork) -> Self {
        Self::Buffer
    }
}

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Buffer => "a buffer is too short",
            Self::NotIntegers => "the model computes in f32",
        })
    }
}

impl core::error::Error for SampleError {}
