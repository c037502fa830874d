//! Words that say how large everything is.

use super::ArtifactError;
use super::bytes::{Reader, Writer};

/// Sizes are at most this.
const LARGEST: u32 = 1 << 24;

/// What both kinds of network have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub dim: usize,
    pub latent: usize,
    pub thresholds: usize,
    pub layers: usize,
    /// On the latent and on the network: bits of an `f32`, or Q16.
    pub factors: [u32; 2],
}

/// A size from a file.
pub(super) fn size(word: u32) -> Result<usize, ArtifactError> {
    usize::try_from(word).ok().filter(|_| word <= LARGEST).ok_or(ArtifactError::Sizes)
}

/// A size of at least 1 from a file.
pub(super) fn width(word: u32) -> Result<usize, ArtifactError> {
    size(word).ok().filter(|n| *n > 0).ok_or(ArtifactError::Sizes)
}

/// A size for a file, such as [`size`] reads.
pub(super) fn word(n: usize) -> Result<u32, ArtifactError> {
    u32::try_from(n).ok().filter(|word| *word <= LARGEST).ok_or(ArtifactError::Sizes)
}

impl Header {
    pub fn new(words: [u32; 6]) -> Result<Self, ArtifactError> {
        let [dim, latent, thresholds, layers, skip, scale] = words;
        let factors = [skip, scale];
        let [dim, latent, thresholds] = [size(dim)?, size(latent)?, size(thresholds)?];
        if dim == 0 || latent < dim || layers == 0 {
            return Err(ArtifactError::Sizes);
        }
        Ok(Self { dim, latent, thresholds, layers: size(layers)?, factors })
    }

    pub fn words(&self) -> Result<[u32; 6], ArtifactError> {
        let [skip, scale] = self.factors;
        Ok([word(self.dim)?, word(self.latent)?, word(self.thresholds)?, word(self.layers)?, skip, scale])
    }

    /// The number of layers, where a view can hold them.
    pub fn layers_within(&self, most: usize) -> Result<usize, ArtifactError> {
        let found = self.layers as u32;
        if self.layers <= most { Ok(self.layers) } else { Err(ArtifactError::Layers { found, most }) }
    }
}

/// Radial functions: r².
pub(super) const SQUARED: u32 = 0;
/// A basis of the current and of the input's distance.
pub(super) const BASIS: u32 = 1;
/// Steps of the input's distance.
pub(super) const STEPS: u32 = 2;

/// Flag of an equivariant network: messages are weighed.
pub(super) const GATE: u32 = 4;

/// The words that say what an equivariant network is beside the header's.
pub(super) struct Sizes {
    pub particles: usize,
    pub dimensions: usize,
    pub hidden: usize,
    pub radial: u32,
    pub functions: usize,
    /// Range (bits of an `f32`), or steps (Q16).
    pub radial_range: u32,
    pub range: u32,
    pub flags: u32,
    /// Not in the file: what follows from the header.
    pub own: usize,
    pub node_inputs: usize,
}

impl Sizes {
    /// `flags` are those that may be set.
    pub fn read(header: &Header, flags: u32, rest: &mut Reader<'_>) -> Result<Self, ArtifactError> {
        let words: &[u32] = rest.slice(8)?;
        let &[particles, dimensions, hidden, radial, functions, radial_range, range, found] = words else {
            return Err(ArtifactError::Sizes);
        };
        let [particles, dimensions, hidden] = [size(particles)?, size(dimensions)?, size(hidden)?];
        let others = header.latent.checked_sub(header.dim).ok_or(ArtifactError::Sizes)?;
        let own = others.checked_div(particles).ok_or(ArtifactError::Sizes)?;
        let fits = particles.checked_mul(dimensions) == Some(header.dim) && own * particles == others;
        if !fits || hidden == 0 || functions >= 1 << 16 {
            return Err(ArtifactError::Sizes);
        }
        if found & !flags != 0 {
            return Err(ArtifactError::Reserved);
        }
        let node_inputs = own.checked_mul(1 + header.thresholds).ok_or(ArtifactError::Sizes)?.max(1);
        let functions = size(functions)?;
        Ok(Self {
            particles,
            dimensions,
            hidden,
            radial,
            functions,
            radial_range,
            range,
            flags: found,
            own,
            node_inputs,
        })
    }

    pub fn write(&self, out: &mut Writer<'_>) -> Result<(), ArtifactError> {
        let [particles, dimensions, hidden] = [word(self.particles)?, word(self.dimensions)?, word(self.hidden)?];
        let (radial, functions, flags) = (self.radial, word(self.functions)?, self.flags);
        out.slice(&[particles, dimensions, hidden, radial, functions, self.radial_range, self.range, flags])
    }
}
