//! Models that can run.

use super::bytes::{Reader, Writer};
use super::header::{Header, word};
use super::{
    ArtifactError, FixedEgnn, FixedMlp, FloatEgnn, FloatMlp, Format, MAGIC, ModelFrame, SampleError, from_fixed,
    repair_checksum,
};
use crate::cells::Choices;
use crate::fixed::{Portable, Products, Scratch, Weight, fill_normal};
use crate::frame::InvalidFrame;
use crate::random::{Purpose, Randomness, Stream};

/// A checked network, one of each kind and format.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Network<'a> {
    /// Layers of units, `f32`.
    Mlp(FloatMlp<'a>),
    /// Messages between particles, `f32`.
    Egnn(FloatEgnn<'a>),
    /// Layers of units, `i16w16a`.
    Mlp16(FixedMlp<'a, i16>),
    /// Layers of units, `i8w16a`.
    Mlp8(FixedMlp<'a, i8>),
    /// Messages between particles, `i16w16a`.
    Egnn16(FixedEgnn<'a, i16>),
    /// Messages between particles, `i8w16a`.
    Egnn8(FixedEgnn<'a, i8>),
}

impl<'a> Network<'a> {
    /// What numbers it computes with.
    pub fn format(&self) -> Format {
        match self {
            Self::Mlp(_) | Self::Egnn(_) => Format::F32,
            Self::Mlp16(_) | Self::Egnn16(_) => Format::I16W16A,
            Self::Mlp8(_) | Self::Egnn8(_) => Format::I8W16A,
        }
    }

    /// Whether it is one of messages between particles.
    pub fn of_particles(&self) -> bool {
        matches!(self, Self::Egnn(_) | Self::Egnn16(_) | Self::Egnn8(_))
    }

    /// Whether numbers of its latent choose among cells.
    pub fn chooses(&self) -> bool {
        match self {
            Self::Mlp(network) => network.inputs().choices().numbers() > 0,
            Self::Mlp16(network) => network.inputs().choices().numbers() > 0,
            Self::Mlp8(network) => network.inputs().choices().numbers() > 0,
            Self::Egnn(_) | Self::Egnn16(_) | Self::Egnn8(_) => false,
        }
    }

    pub(super) fn header(&self) -> Header {
        match self {
            Self::Mlp(network) => network.header(),
            Self::Egnn(network) => network.header(),
            Self::Mlp16(network) => network.header(),
            Self::Mlp8(network) => network.header(),
            Self::Egnn16(network) => network.header(),
            Self::Egnn8(network) => network.header(),
        }
    }

    /// That of a file; `cells` are those that stand before it.
    pub(super) fn read(
        kind: u8,
        format: u8,
        header: &Header,
        cells: Option<&ModelFrame<'a>>,
        rest: &mut Reader<'a>,
    ) -> Result<Self, ArtifactError> {
        let floats = || cells.map_or(Choices::NONE, ModelFrame::float_choices);
        let integers = || cells.map_or(Choices::NONE, ModelFrame::fixed_choices);
        Ok(match (kind, Format::ALL.get(usize::from(format))) {
            (0, Some(Format::F32)) => Self::Mlp(FloatMlp::read(header, floats(), rest)?),
            (0, Some(Format::I16W16A)) => Self::Mlp16(FixedMlp::read(header, integers(), rest)?),
            (0, Some(Format::I8W16A)) => Self::Mlp8(FixedMlp::read(header, integers(), rest)?),
            (1, Some(Format::F32)) => Self::Egnn(FloatEgnn::read(header, rest)?),
            (1, Some(Format::I16W16A)) => Self::Egnn16(FixedEgnn::read(header, rest)?),
            (1, Some(Format::I8W16A)) => Self::Egnn8(FixedEgnn::read(header, rest)?),
            (0 | 1, None) => return Err(ArtifactError::Format { found: format }),
            _ => return Err(ArtifactError::Kind { found: kind }),
        })
    }

    fn write(&self, out: &mut Writer<'_>) -> Result<(), ArtifactError> {
        match self {
            Self::Mlp(network) => network.write(out),
            Self::Egnn(network) => network.write(out),
            Self::Mlp16(network) => network.write(out),
            Self::Mlp8(network) => network.write(out),
            Self::Egnn16(network) => network.write(out),
            Self::Egnn8(network) => network.write(out),
        }
    }
}

/// A model that can run: a checked view of bytes.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Model<'a> {
    target: &'a str,
    metadata: &'a str,
    network: Network<'a>,
    frame: Option<ModelFrame<'a>>,
    dim: usize,
    latent: usize,
    scratch: ScratchWords,
}

/// Parts of a scratch buffer in words of 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct ScratchWords {
    latent: usize,
    /// Activations in `i16`, or all numbers in `f32`.
    first: usize,
    /// Wide integers.
    second: usize,
}

impl ScratchWords {
    fn total(self) -> Option<usize> {
        self.latent.checked_add(self.first)?.checked_add(self.second)
    }
}

impl<'a> Model<'a> {
    /// A model of a network. `metadata` is a text for people.
    ///
    /// # Errors
    /// If a buffer for it could not be counted.
    pub fn new(target: &'a str, metadata: &'a str, network: Network<'a>) -> Result<Self, ArtifactError> {
        Self::of(target, metadata, network, None)
    }

    /// A model of a network and a frame that fits it.
    pub(super) fn of(
        target: &'a str,
        metadata: &'a str,
        network: Network<'a>,
        frame: Option<ModelFrame<'a>>,
    ) -> Result<Self, ArtifactError> {
        let Header { dim, latent, .. } = network.header();
        let words = |n: usize, size: usize| n.checked_mul(size).map(|bytes| bytes.div_ceil(8));
        let pair = |length: crate::fixed::ScratchLength| Some((words(length.narrow, 2)?, words(length.wide, 4)?));
        let lengths = match &network {
            Network::Mlp(network) => words(network.generator()?.scratch(), 4).map(|first| (first, 0)),
            Network::Egnn(network) => words(network.generator()?.scratch(), 4).map(|first| (first, 0)),
            Network::Mlp16(network) => words(network.generator()?.scratch(), 2).map(|first| (first, 0)),
            Network::Mlp8(network) => words(network.generator()?.scratch(), 2).map(|first| (first, 0)),
            Network::Egnn16(network) => pair(network.generator()?.scratch()),
            Network::Egnn8(network) => pair(network.generator()?.scratch()),
        };
        let scratch = words(latent, 4).zip(lengths);
        let scratch = scratch.map(|(latent, (first, second))| ScratchWords { latent, first, second });
        let scratch = scratch.filter(|scratch| scratch.total().is_some()).ok_or(ArtifactError::Sizes)?;
        Ok(Self { target, metadata, network, frame, dim, latent, scratch })
    }

    /// The same with what takes the network's outputs to the coordinates of a sample: a frame, or cells.
    ///
    /// # Errors
    /// If it is of other coordinates, not in the network's numbers, or has other cells than the network's latent chooses.
    pub fn with_frame(self, frame: impl Into<ModelFrame<'a>>) -> Result<Self, ArtifactError> {
        let frame = frame.into();
        frame.check(&self.network)?;
        Ok(Self { frame: Some(frame), ..self })
    }

    /// The name of what its samples are of.
    pub fn target(&self) -> &'a str {
        self.target
    }

    /// What made it and how good it is, a text for people: JSON, if Kiln wrote it.
    pub fn metadata(&self) -> &'a str {
        self.metadata
    }

    /// The network.
    pub fn network(&self) -> &Network<'a> {
        &self.network
    }

    /// What takes the network's outputs to the coordinates of a sample, where they are not the same.
    pub fn frame(&self) -> Option<&ModelFrame<'a>> {
        self.frame.as_ref()
    }

    /// What numbers it computes with.
    pub fn format(&self) -> Format {
        self.network.format()
    }

    /// The version of its file: 3 with cells, 2 with a frame, 1 without.
    pub fn version(&self) -> u16 {
        self.frame.as_ref().map_or(1, ModelFrame::version)
    }

    /// Coordinates of a sample.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Gaussian numbers that make one sample.
    pub fn latent(&self) -> usize {
        self.latent
    }

    /// How many words the scratch buffer of a sample needs.
    pub fn scratch(&self) -> usize {
        self.scratch.total().unwrap_or(usize::MAX)
    }

    /// Sample `index` of a seed, whatever the model computes with. `x` has [`Model::dim`] numbers, `scratch`
    /// [`Model::scratch`].
    ///
    /// # Errors
    /// [`SampleError::Buffer`] where a buffer is too short.
    pub fn sample(&self, seed: u64, index: u64, scratch: &mut [u64], x: &mut [f32]) -> Result<(), SampleError> {
        if self.format() != Format::F32 {
            let x = bytemuck::try_cast_slice_mut(x).map_err(|_| SampleError::Buffer)?;
            self.sample_fixed(&Portable, seed, index, scratch, x)?;
            x.iter_mut().take(self.dim).for_each(|x: &mut i32| *x = (from_fixed(*x).to_bits()) as i32);
            return Ok(());
        }
        let (z, rest) = scratch.split_at_mut_checked(self.scratch.latent).ok_or(SampleError::Buffer)?;
        let z = &mut cast::<f32>(z)?[..self.latent];
        Stream::new(seed, Purpose::Sample, index).fill_normal(z);
        match &self.network {
            Network::Mlp(network) => network.generator()?.sample(z, cast(rest)?, x)?,
            Network::Egnn(network) => network.generator()?.sample(z, cast(rest)?, x)?,
            _ => return Err(SampleError::NotIntegers),
        }
        match &self.frame {
            Some(ModelFrame::Float(frame)) => frame.apply(x),
            Some(ModelFrame::FloatCells(cells)) => cells.apply(z, x),
            _ => {}
        }
        Ok(())
    }

    /// Sample `index` of a seed in Q16, by integers only. `products` are [`Portable`] or a processor's own: the numbers
    /// are the same.
    ///
    /// # Errors
    /// [`SampleError::Buffer`] where a buffer is too short, [`SampleError::NotIntegers`] for a model in `f32`.
    pub fn sample_fixed<P: Products>(
        &self,
        products: &P,
        seed: u64,
        index: u64,
        scratch: &mut [u64],
        x: &mut [i32],
    ) -> Result<(), SampleError> {
        let mut stream = Stream::new(seed, Purpose::Sample, index);
        let (z, rest) = scratch.split_at_mut_checked(self.scratch.latent).ok_or(SampleError::Buffer)?;
        let z = &mut cast::<i32>(z)?[..self.latent];
        fill_normal(&mut stream, z);
        self.image(products, z, rest, x)
    }

    /// The image of a latent in Q16.
    fn image<P: Products>(&self, products: &P, z: &[i32], rest: &mut [u64], x: &mut [i32]) -> Result<(), SampleError> {
        let (first, second) = rest.split_at_mut_checked(self.scratch.first).ok_or(SampleError::Buffer)?;
        match &self.network {
            Network::Mlp16(network) => network.generator()?.sample_with(products, z, cast(first)?, x)?,
            Network::Mlp8(network) => network.generator()?.sample_with(products, z, cast(first)?, x)?,
            Network::Egnn16(network) => particles(network, products, z, [first, second], x)?,
            Network::Egnn8(network) => particles(network, products, z, [first, second], x)?,
            Network::Mlp(_) | Network::Egnn(_) => return Err(SampleError::NotIntegers),
        }
        match &self.frame {
            Some(ModelFrame::Fixed(frame)) => frame.apply(x),
            Some(ModelFrame::FixedCells(cells)) => cells.apply(z, x),
            _ => {}
        }
        Ok(())
    }

    /// How many bytes it has.
    ///
    /// # Errors
    /// If it has more than 4 GiB, or parts that a file cannot hold.
    pub fn encoded_length(&self) -> Result<usize, ArtifactError> {
        let mut out = Writer::new(None);
        self.write(&mut out, 0)?;
        let length = out.length();
        if u32::try_from(length).is_ok() { Ok(length) } else { Err(ArtifactError::Sizes) }
    }

    /// Writes it to the beginning of a buffer of at least [`Model::encoded_length`] bytes, whose number it returns.
    ///
    /// # Errors
    /// If the buffer is too short, or the model has parts that a file cannot hold, such as sizes above 2^24, or on a
    /// machine that stores the highest byte first.
    pub fn encode(&self, buffer: &mut [u8]) -> Result<usize, ArtifactError> {
        if cfg!(target_endian = "big") {
            return Err(ArtifactError::BigEndian);
        }
        let length = self.encoded_length()?;
        let stated = u32::try_from(length).map_err(|_| ArtifactError::Sizes)?;
        let buffer = buffer.get_mut(..length).ok_or(ArtifactError::Buffer)?;
        self.write(&mut Writer::new(Some(buffer)), stated)?;
        repair_checksum(buffer);
        Ok(length)
    }

    fn write(&self, out: &mut Writer<'_>, length: u32) -> Result<(), ArtifactError> {
        let [dim, latent, thresholds, layers, skip, scale] = self.network.header().words()?;
        let texts = [word(self.target.len())?, word(self.metadata.len())?];
        let kind = u8::from(self.network.of_particles());
        let [low, high] = self.version().to_le_bytes();
        let first = [MAGIC, [low, high, kind, self.format() as u8]].map(u32::from_le_bytes);
        // What chooses among cells is written with them.
        if self.frame.is_none() && self.network.chooses() {
            return Err(InvalidFrame::Choices.into());
        }
        let words = [first[0], first[1], length, 0, dim, latent, thresholds, layers, skip, scale, texts[0], texts[1]];
        out.slice(&words.map(u32::to_le))?;
        out.slice(self.target.as_bytes())?;
        out.slice(self.metadata.as_bytes())?;
        self.frame.map_or(Ok(()), |cells| cells.write_cells(out))?;
        self.network.write(out)?;
        self.frame.map_or(Ok(()), |frame| frame.write(out))
    }
}

fn particles<W: Weight + bytemuck::Pod, P: Products>(
    network: &FixedEgnn<'_, W>,
    products: &P,
    z: &[i32],
    [first, second]: [&mut [u64]; 2],
    x: &mut [i32],
) -> Result<(), SampleError> {
    let scratch = Scratch { narrow: cast(first)?, wide: cast(second)? };
    Ok(network.generator()?.sample_with(products, z, scratch, x)?)
}

/// Words as smaller numbers.
fn cast<T: bytemuck::Pod>(words: &mut [u64]) -> Result<&mut [T], SampleError> {
    bytemuck::try_cast_slice_mut(words).map_err(|_| SampleError::Buffer)
}
