//! Networks of one kind, for programs that read no other.

use bytemuck::Pod;

use super::bytes::Reader;
use super::header::Header;
use super::{ArtifactError, FixedEgnn, FixedMlp, FloatEgnn, FloatMlp, Format};
use crate::cells::Choices;
use crate::fixed::Weight;

/// A network of one kind and format, one of those that [`Network`](super::Network) lists: what
/// [`Artifact::network`](super::Artifact::network) reads.
pub trait Kind<'a>: Part<'a> {}
impl<'a, T: Part<'a>> Kind<'a> for T {}

/// What [`Kind`] is made of; not named outside.
pub trait Part<'a>: Sized {
    /// What a file says of it in its bytes 6 and 7.
    const BYTES: (u8, Format);

    fn part(header: &Header, rest: &mut Reader<'a>) -> Result<Self, ArtifactError>;
}

/// The format of integer weights.
const fn format<W: Weight>() -> Format {
    if W::BITS == 8 { Format::I8W16A } else { Format::I16W16A }
}

impl<'a> Part<'a> for FloatMlp<'a> {
    const BYTES: (u8, Format) = (0, Format::F32);

    fn part(header: &Header, rest: &mut Reader<'a>) -> Result<Self, ArtifactError> {
        Self::read(header, Choices::NONE, rest)
    }
}

impl<'a> Part<'a> for FloatEgnn<'a> {
    const BYTES: (u8, Format) = (1, Format::F32);

    fn part(header: &Header, rest: &mut Reader<'a>) -> Result<Self, ArtifactError> {
        Self::read(header, rest)
    }
}

impl<'a, W: Weight + Pod> Part<'a> for FixedMlp<'a, W> {
    const BYTES: (u8, Format) = (0, format::<W>());

    fn part(header: &Header, rest: &mut Reader<'a>) -> Result<Self, ArtifactError> {
        Self::read(header, Choices::NONE, rest)
    }
}

impl<'a, W: Weight + Pod> Part<'a> for FixedEgnn<'a, W> {
    const BYTES: (u8, Format) = (1, format::<W>());

    fn part(header: &Header, rest: &mut Reader<'a>) -> Result<Self, ArtifactError> {
        Self::read(header, rest)
    }
}
