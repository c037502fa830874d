//! Generators in `f32`, in views and in bytes.

use heapless::Vec;

use super::bytes::{Reader, Writer};
use super::header::{BASIS, GATE, Header, SQUARED, STEPS, Sizes, width, word};
use super::{ArtifactError, EGNN_LAYERS, MLP_LAYERS, collect};
use crate::cells::Choices;
use crate::network::{
    Activation, Egnn, EgnnLayer, EgnnShape, Generator, Inputs, InvalidNetwork, Layer, Mlp, ParticleGenerator, Radial,
};

/// A checked [`Generator`] with a place for the descriptors of its layers.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FloatMlp<'a> {
    layers: Vec<Layer<'a, f32>, MLP_LAYERS>,
    inputs: Inputs<'a, f32>,
    skip: f32,
    scale: f32,
}

impl<'a> FloatMlp<'a> {
    /// The generator x = skip z + scale mlp(features(z)). Reads every number.
    ///
    /// # Errors
    /// If there are more layers than [`MLP_LAYERS`], they do not fit together, or a number is not finite.
    pub fn new(
        layers: &[Layer<'a, f32>],
        latent: usize,
        thresholds: &'a [f32],
        skip: f32,
        scale: f32,
    ) -> Result<Self, ArtifactError> {
        Self::of(layers, Inputs::new(latent, thresholds), skip, scale)
    }

    /// The same of a latent that the network sees as these inputs.
    ///
    /// # Errors
    /// As [`FloatMlp::new`].
    pub fn of(
        layers: &[Layer<'a, f32>],
        inputs: Inputs<'a, f32>,
        skip: f32,
        scale: f32,
    ) -> Result<Self, ArtifactError> {
        let layers = collect(layers, MLP_LAYERS)?;
        inputs.count().ok_or(ArtifactError::Sizes)?;
        let model = Self { layers, inputs, skip, scale };
        let generator = model.generator()?;
        generator.scratch().checked_add(inputs.latent()).ok_or(ArtifactError::Sizes)?;
        let few = [inputs.thresholds(), inputs.choices().thresholds(), &[skip, scale]];
        finite(few.into_iter().chain(model.layers.iter().flat_map(numbers)))?;
        Ok(model)
    }

    /// The generator; its parts were checked.
    ///
    /// # Errors
    /// None after [`FloatMlp::new`].
    pub fn generator(&self) -> Result<Generator<'_, f32>, InvalidNetwork> {
        let mlp = Mlp::new(self.inputs.count().ok_or(InvalidNetwork::Ends)?, &self.layers)?;
        Generator::of(mlp, self.inputs, self.skip, self.scale)
    }

    /// Its layers.
    pub fn layers(&self) -> &[Layer<'a, f32>] {
        &self.layers
    }

    /// What the network sees of a latent.
    pub fn inputs(&self) -> &Inputs<'a, f32> {
        &self.inputs
    }

    /// Where sign features jump.
    pub fn thresholds(&self) -> &'a [f32] {
        self.inputs.thresholds()
    }

    /// The factors of the latent and of the network.
    pub fn factors(&self) -> (f32, f32) {
        (self.skip, self.scale)
    }

    pub(super) fn header(&self) -> Header {
        let dim = self.layers.last().map_or(0, |layer| layer.bias.len());
        Header {
            dim,
            latent: self.inputs.latent(),
            thresholds: self.thresholds().len(),
            layers: self.layers.len(),
            factors: [self.skip, self.scale].map(f32::to_bits),
        }
    }

    pub(super) fn read(
        header: &Header,
        choices: Choices<'a, f32>,
        rest: &mut Reader<'a>,
    ) -> Result<Self, ArtifactError> {
        let inputs = Inputs::choosing(header.latent, rest.slice(header.thresholds)?, choices);
        let widths: &[u32] = rest.slice(header.layers_within(MLP_LAYERS)?)?;
        let mut layers = Vec::<_, MLP_LAYERS>::new();
        let mut rows = inputs.count().ok_or(ArtifactError::Sizes)?;
        for word in widths {
            let columns = width(*word)?;
            let layer = affine(rest, rows, columns)?;
            layers.push(layer).map_err(|_| ArtifactError::Sizes)?;
            rows = columns;
        }
        if rows != header.dim {
            return Err(ArtifactError::Sizes);
        }
        let [skip, scale] = header.factors.map(f32::from_bits);
        Self::of(&layers, inputs, skip, scale)
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), ArtifactError> {
        out.slice(self.thresholds())?;
        let widths = self.layers.iter().map(|layer| word(layer.bias.len()));
        out.slice(&widths.collect::<Result<Vec<u32, MLP_LAYERS>, ArtifactError>>()?)?;
        self.layers.iter().flat_map(numbers).try_for_each(|section| out.slice(section))
    }
}

/// A checked [`ParticleGenerator`] with a place for the descriptors of its layers.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FloatEgnn<'a> {
    shape: EgnnShape<f32>,
    embedding: Layer<'a, f32>,
    layers: Vec<EgnnLayer<'a, f32>, EGNN_LAYERS>,
    own: usize,
    thresholds: &'a [f32],
    skip: f32,
    scale: f32,
}

impl<'a> FloatEgnn<'a> {
    /// The generator x = c p + scale egnn(h, c p) whose particles have `own` latent numbers each. Reads every number.
    ///
    /// # Errors
    /// If there are more layers than [`EGNN_LAYERS`], they do not fit together, not all layers but the last change the
    /// nodes, some have a target, a gate or a head and others none, or a number is not finite.
    pub fn new(
        shape: EgnnShape<f32>,
        embedding: Layer<'a, f32>,
        layers: &[EgnnLayer<'a, f32>],
        own: usize,
        thresholds: &'a [f32],
        factors: [f32; 2],
    ) -> Result<Self, ArtifactError> {
        let [skip, scale] = factors;
        let model = Self { shape, embedding, layers: collect(layers, EGNN_LAYERS)?, own, thresholds, skip, scale };
        if model.layers.iter().rev().enumerate().any(|(l, layer)| layer.node.is_some() != (l > 0)) {
            return Err(ArtifactError::Sizes);
        }
        if model.layers.iter().any(|layer| parts(layer) != model.parts()) {
            return Err(ArtifactError::Sizes);
        }
        // What the generator adds up must fit: coordinates, latents and scratch.
        let EgnnShape { particles, dimensions, .. } = shape;
        let dim = particles.checked_mul(dimensions).ok_or(ArtifactError::Sizes)?;
        let latent = particles.checked_mul(own).and_then(|own| own.checked_add(dim)).ok_or(ArtifactError::Sizes)?;
        let network = Egnn::new(shape, embedding, &model.layers)?;
        let buffers = [network.inputs(), dim, network.scratch(), latent];
        buffers.iter().try_fold(0_usize, |sum, n| sum.checked_add(*n)).ok_or(ArtifactError::Sizes)?;
        model.generator()?;
        let few = [thresholds, &factors].into_iter().chain(numbers(&embedding));
        finite(few.chain(model.layers.iter().flat_map(sections)))?;
        Ok(model)
    }

    /// The generator; its parts were checked.
    ///
    /// # Errors
    /// None after [`FloatEgnn::new`].
    pub fn generator(&self) -> Result<ParticleGenerator<'_, f32>, InvalidNetwork> {
        let network = Egnn::new(self.shape, self.embedding, &self.layers)?;
        ParticleGenerator::new(network, self.own, self.thresholds, self.skip, self.scale)
    }

    fn parts(&self) -> u32 {
        self.layers.first().map_or(0, parts)
    }

    /// The sizes of its network.
    pub fn shape(&self) -> &EgnnShape<f32> {
        &self.shape
    }

    /// What makes h of a particle's inputs.
    pub fn embedding(&self) -> &Layer<'a, f32> {
        &self.embedding
    }

    /// Its layers.
    pub fn layers(&self) -> &[EgnnLayer<'a, f32>] {
        &self.layers
    }

    /// Latent numbers of each particle beside its coordinates.
    pub fn own(&self) -> usize {
        self.own
    }

    /// Where sign features jump.
    pub fn thresholds(&self) -> &'a [f32] {
        self.thresholds
    }

    /// The factors of the latent and of the network.
    pub fn factors(&self) -> (f32, f32) {
        (self.skip, self.scale)
    }

    pub(super) fn header(&self) -> Header {
        let dim = self.shape.particles * self.shape.dimensions;
        Header {
            dim,
            latent: dim + self.shape.particles * self.own,
            thresholds: self.thresholds.len(),
            layers: self.layers.len(),
            factors: [self.skip, self.scale].map(f32::to_bits),
        }
    }

    pub(super) fn read(header: &Header, rest: &mut Reader<'a>) -> Result<Self, ArtifactError> {
        let count = header.layers_within(EGNN_LAYERS)?;
        let thresholds = rest.slice(header.thresholds)?;
        let sizes = Sizes::read(header, RELU | TARGET | GATE | HEAD, rest)?;
        let Sizes { hidden, functions, flags, node_inputs, .. } = sizes;
        let shape = EgnnShape {
            particles: sizes.particles,
            dimensions: sizes.dimensions,
            node_inputs,
            activation: if flags & RELU == 0 { Activation::Silu } else { Activation::Relu },
            radial: radial(&sizes)?,
            range: f32::from_bits(sizes.range),
        };
        let embedding = affine(rest, node_inputs, hidden)?;
        let mut layers: Vec<EgnnLayer<'a, f32>, EGNN_LAYERS> = Vec::new();
        for l in 0..count {
            let has = |flag: u32| flags & flag != 0;
            let layer = EgnnLayer {
                source: rest.matrix(hidden, hidden)?,
                target: if has(TARGET) { Some(rest.matrix(hidden, hidden)?) } else { None },
                radial: rest.matrix(2 * functions, hidden)?,
                edge_bias: rest.slice(hidden)?,
                message: affine(rest, hidden, hidden)?,
                gate: if has(GATE) { Some(affine(rest, hidden, 1)?) } else { None },
                head: if has(HEAD) { Some(affine(rest, hidden, hidden)?) } else { None },
                coordinate: rest.slice(hidden)?,
                node: if l + 1 < count {
                    let double = hidden.checked_mul(2).ok_or(ArtifactError::Sizes)?;
                    Some([affine(rest, double, hidden)?, affine(rest, hidden, hidden)?])
                } else {
                    None
                },
            };
            layers.push(layer).map_err(|_| ArtifactError::Sizes)?;
        }
        Self::new(shape, embedding, &layers, sizes.own, thresholds, header.factors.map(f32::from_bits))
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), ArtifactError> {
        out.slice(self.thresholds)?;
        let relu = if self.shape.activation == Activation::Relu { RELU } else { 0 };
        let (radial, radial_range) = match self.shape.radial {
            Radial::Squared => (SQUARED, 0.0),
            Radial::Basis { range, .. } => (BASIS, range),
            Radial::Steps { range, .. } => (STEPS, range),
        };
        Sizes {
            particles: self.shape.particles,
            dimensions: self.shape.dimensions,
            hidden: self.embedding.bias.len(),
            radial,
            functions: self.shape.radial.count(),
            radial_range: radial_range.to_bits(),
            range: self.shape.range.to_bits(),
            flags: relu | self.parts(),
            own: self.own,
            node_inputs: self.shape.node_inputs,
        }
        .write(out)?;
        let mut sections = numbers(&self.embedding).into_iter().chain(self.layers.iter().flat_map(sections));
        sections.try_for_each(|section| out.slice(section))
    }
}

const RELU: u32 = 1;
const TARGET: u32 = 2;
const HEAD: u32 = 8;

/// The radial functions that the words of a file name.
fn radial(sizes: &Sizes) -> Result<Radial<f32>, ArtifactError> {
    let (count, range) = (sizes.functions, f32::from_bits(sizes.radial_range));
    match sizes.radial {
        SQUARED if count == 1 && sizes.radial_range == 0 => Ok(Radial::Squared),
        BASIS => Ok(Radial::Basis { count, range }),
        STEPS => Ok(Radial::Steps { count, range }),
        _ => Err(ArtifactError::Reserved),
    }
}

fn affine<'a>(rest: &mut Reader<'a>, rows: usize, columns: usize) -> Result<Layer<'a, f32>, ArtifactError> {
    Ok(Layer { weight: rest.matrix(rows, columns)?, bias: rest.slice(columns)? })
}

/// The sections of a map.
fn numbers<'a>(layer: &Layer<'a, f32>) -> [&'a [f32]; 2] {
    [layer.weight, layer.bias]
}

/// The sections of a layer, in the order of the file.
fn sections<'a>(layer: &EgnnLayer<'a, f32>) -> impl Iterator<Item = &'a [f32]> + use<'a> {
    let EgnnLayer { source, target, radial, edge_bias, message, gate, head, coordinate, node } = *layer;
    let edge = [Some(source), target, Some(radial), Some(edge_bias)].into_iter().flatten();
    let maps = [Some(message), gate, head].into_iter().flatten().flat_map(|layer| numbers(&layer));
    let nodes = node.into_iter().flatten().flat_map(|layer| numbers(&layer));
    edge.chain(maps).chain([coordinate]).chain(nodes)
}

/// The flags of what a layer has and others may lack.
fn parts(layer: &EgnnLayer<'_, f32>) -> u32 {
    let flag = |on: bool, flag: u32| if on { flag } else { 0 };
    flag(layer.target.is_some(), TARGET) | flag(layer.gate.is_some(), GATE) | flag(layer.head.is_some(), HEAD)
}

fn finite<'a>(mut sections: impl Iterator<Item = &'a [f32]>) -> Result<(), ArtifactError> {
    match sections.all(|section| section.iter().all(|x| x.is_finite())) {
        true => Ok(()),
        false => Err(ArtifactError::NotFinite),
    }
}
