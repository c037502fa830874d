//! Generators in integers, in views and in bytes.

use bytemuck::Pod;
use heapless::Vec;

use super::bytes::{Reader, Writer};
use super::header::{BASIS, GATE, Header, STEPS, Sizes, width, word};
use super::{ArtifactError, EGNN_LAYERS, MLP_LAYERS, collect};
use crate::cells::Choices;
use crate::fixed::{
    Affine, Egnn, EgnnLayer, EgnnShape, Gate, Generator, Layer, Matrix, Mlp, NodeLayer, ParticleGenerator, Radial,
    Weight,
};
use crate::network::Inputs;

/// A checked [`Generator`] with a place for the descriptors of its layers.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FixedMlp<'a, W> {
    layers: Vec<Layer<'a, W>, MLP_LAYERS>,
    inputs: Inputs<'a, i32>,
    skip: i32,
}

impl<'a, W: Weight + Pod> FixedMlp<'a, W> {
    /// The generator x = skip z + mlp(features(z)); `thresholds` and `skip` are in Q16.
    ///
    /// # Errors
    /// If there are more layers than [`MLP_LAYERS`], they do not fit together, or a sum could overflow.
    pub fn new(
        layers: &[Layer<'a, W>],
        latent: usize,
        thresholds: &'a [i32],
        skip: i32,
    ) -> Result<Self, ArtifactError> {
        Self::of(layers, Inputs::new(latent, thresholds), skip)
    }

    /// The same of a latent that the network sees as these inputs.
    ///
    /// # Errors
    /// As [`FixedMlp::new`].
    pub fn of(layers: &[Layer<'a, W>], inputs: Inputs<'a, i32>, skip: i32) -> Result<Self, ArtifactError> {
        let model = Self { layers: collect(layers, MLP_LAYERS)?, inputs, skip };
        let mlp = Mlp::new(inputs.count().ok_or(ArtifactError::Sizes)?, &model.layers)?;
        Generator::of(mlp, inputs, skip)?;
        Ok(model)
    }

    /// The generator, without reading all weights anew.
    ///
    /// # Errors
    /// None after [`FixedMlp::new`].
    pub fn generator(&self) -> Result<Generator<'_, W>, crate::fixed::InvalidNetwork> {
        let inputs = self.inputs.count().ok_or(crate::fixed::InvalidNetwork::Ends)?;
        Generator::of(Mlp::new_unchecked(inputs, &self.layers), self.inputs, self.skip)
    }

    /// Its layers.
    pub fn layers(&self) -> &[Layer<'a, W>] {
        &self.layers
    }

    /// What the network sees of a latent, thresholds in Q16.
    pub fn inputs(&self) -> &Inputs<'a, i32> {
        &self.inputs
    }

    /// Where sign features jump, in Q16.
    pub fn thresholds(&self) -> &'a [i32] {
        self.inputs.thresholds()
    }

    pub(super) fn header(&self) -> Header {
        Header {
            dim: self.layers.last().map_or(0, |layer| layer.affine.bias.len()),
            latent: self.inputs.latent(),
            thresholds: self.thresholds().len(),
            layers: self.layers.len(),
            factors: [self.skip as u32, 0],
        }
    }

    pub(super) fn read(
        header: &Header,
        choices: Choices<'a, i32>,
        rest: &mut Reader<'a>,
    ) -> Result<Self, ArtifactError> {
        let [skip, 0] = header.factors else { return Err(ArtifactError::Reserved) };
        let count = header.layers_within(MLP_LAYERS)?;
        let seen = Inputs::choosing(header.latent, rest.slice(header.thresholds)?, choices);
        let words: &[u32] = rest.matrix(count, 2)?;
        let mut layers = Vec::<_, MLP_LAYERS>::new();
        let mut inputs = seen.count().ok_or(ArtifactError::Sizes)?;
        for [word, point] in words.as_chunks().0 {
            let outputs = width(*word)?;
            let point = u8::try_from(*point).map_err(|_| ArtifactError::Reserved)?;
            let layer = Layer { affine: affine(rest, outputs, inputs)?, point };
            layers.push(layer).map_err(|_| ArtifactError::Sizes)?;
            inputs = outputs;
        }
        if inputs != header.dim {
            return Err(ArtifactError::Sizes);
        }
        Self::of(&layers, seen, skip as i32)
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), ArtifactError> {
        out.slice(self.thresholds())?;
        let words = self.layers.iter().map(|layer| Ok([word(layer.affine.bias.len())?, layer.point.into()]));
        out.slice(&words.collect::<Result<Vec<[u32; 2], MLP_LAYERS>, ArtifactError>>()?)?;
        self.layers.iter().try_for_each(|layer| write_affine(&layer.affine, out))
    }
}

/// A checked [`ParticleGenerator`] with a place for the descriptors of its layers.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FixedEgnn<'a, W> {
    shape: EgnnShape,
    embedding: Affine<'a, W>,
    layers: Vec<EgnnLayer<'a, W>, EGNN_LAYERS>,
    own: usize,
    thresholds: &'a [i32],
    factors: [i32; 2],
}

impl<'a, W: Weight + Pod> FixedEgnn<'a, W> {
    /// The generator x = c p + scale egnn(h, c p) whose particles have `own` latent numbers each; `thresholds` and the
    /// factors, c and scale, are in Q16.
    ///
    /// # Errors
    /// If there are more layers than [`EGNN_LAYERS`], they do not fit together, a sum could overflow, not all layers but
    /// the last change the nodes, or some have gates and others none.
    pub fn new(
        shape: EgnnShape,
        embedding: Affine<'a, W>,
        layers: &[EgnnLayer<'a, W>],
        own: usize,
        thresholds: &'a [i32],
        factors: [i32; 2],
    ) -> Result<Self, ArtifactError> {
        let model = Self { shape, embedding, layers: collect(layers, EGNN_LAYERS)?, own, thresholds, factors };
        if model.layers.iter().rev().enumerate().any(|(l, layer)| layer.node.is_some() != (l > 0)) {
            return Err(ArtifactError::Sizes);
        }
        if model.layers.iter().any(|layer| layer.gate.is_some() != model.gated()) {
            return Err(ArtifactError::Sizes);
        }
        let [skip, scale] = factors;
        let network = Egnn::new(shape, embedding, &model.layers)?;
        ParticleGenerator::new(network, own, thresholds, skip, scale)?;
        Ok(model)
    }

    /// The generator, without reading all weights anew.
    ///
    /// # Errors
    /// None after [`FixedEgnn::new`].
    pub fn generator(&self) -> Result<ParticleGenerator<'_, W>, crate::fixed::InvalidNetwork> {
        let network = Egnn::new_unchecked(self.shape, self.embedding, &self.layers);
        let [skip, scale] = self.factors;
        ParticleGenerator::new(network, self.own, self.thresholds, skip, scale)
    }

    fn gated(&self) -> bool {
        self.layers.first().is_some_and(|layer| layer.gate.is_some())
    }

    /// The sizes of its network.
    pub fn shape(&self) -> &EgnnShape {
        &self.shape
    }

    /// What makes h of a particle's inputs.
    pub fn embedding(&self) -> &Affine<'a, W> {
        &self.embedding
    }

    /// Its layers.
    pub fn layers(&self) -> &[EgnnLayer<'a, W>] {
        &self.layers
    }

    /// Where sign features jump, in Q16.
    pub fn thresholds(&self) -> &'a [i32] {
        self.thresholds
    }

    pub(super) fn header(&self) -> Header {
        let dim = self.shape.particles * self.shape.dimensions;
        Header {
            dim,
            latent: dim + self.shape.particles * self.own,
            thresholds: self.thresholds.len(),
            layers: self.layers.len(),
            factors: self.factors.map(|factor| factor as u32),
        }
    }

    pub(super) fn read(header: &Header, rest: &mut Reader<'a>) -> Result<Self, ArtifactError> {
        let count = header.layers_within(EGNN_LAYERS)?;
        let thresholds = rest.slice(header.thresholds)?;
        let sizes = Sizes::read(header, GATE, rest)?;
        let Sizes { particles, dimensions, hidden, functions, node_inputs, flags, .. } = sizes;
        let steps = sizes.radial_range as i32;
        let radial = match sizes.radial {
            BASIS => Radial::Basis { count: functions, steps },
            STEPS => Radial::Steps { count: functions, steps },
            _ => return Err(ArtifactError::Reserved),
        };
        let shape = EgnnShape { particles, dimensions, node_inputs, radial, range: sizes.range as i32 };
        let embedding = affine(rest, hidden, node_inputs)?;
        let mut layers: Vec<EgnnLayer<'a, W>, EGNN_LAYERS> = Vec::new();
        for l in 0..count {
            let points: &[u8] = rest.slice(8)?;
            let &[state_point, edge_point, message_point, sum_point, value_point, gate_point, 0, 0] = points else {
                return Err(ArtifactError::Reserved);
            };
            let last = l + 1 == count;
            if last && (sum_point, value_point) != (0, 0) || flags != GATE && gate_point != 0 {
                return Err(ArtifactError::Reserved);
            }
            let layer = EgnnLayer {
                state_point,
                source: matrix(rest, hidden, hidden)?,
                radial: affine(rest, hidden, 2 * functions)?,
                edge_point,
                message: affine(rest, hidden, hidden)?,
                gate: match flags {
                    GATE => Some(Gate { point: gate_point, affine: affine(rest, 1, hidden)? }),
                    _ => None,
                },
                message_point,
                coordinate: matrix(rest, 1, hidden)?,
                node: match last {
                    true => None,
                    false => Some(NodeLayer {
                        state: matrix(rest, hidden, hidden)?,
                        sum_point,
                        sums: affine(rest, hidden, hidden)?,
                        value_point,
                        update: affine(rest, hidden, hidden)?,
                    }),
                },
            };
            layers.push(layer).map_err(|_| ArtifactError::Sizes)?;
        }
        Self::new(shape, embedding, &layers, sizes.own, thresholds, header.factors.map(|factor| factor as i32))
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), ArtifactError> {
        out.slice(self.thresholds)?;
        let (radial, functions, steps) = match self.shape.radial {
            Radial::Basis { count, steps } => (BASIS, count, steps),
            Radial::Steps { count, steps } => (STEPS, count, steps),
        };
        Sizes {
            particles: self.shape.particles,
            dimensions: self.shape.dimensions,
            hidden: self.embedding.bias.len(),
            radial,
            functions,
            radial_range: steps as u32,
            range: self.shape.range as u32,
            flags: if self.gated() { GATE } else { 0 },
            own: self.own,
            node_inputs: self.shape.node_inputs,
        }
        .write(out)?;
        write_affine(&self.embedding, out)?;
        for layer in &self.layers {
            let EgnnLayer { state_point, source, radial, edge_point, message, gate, message_point, coordinate, node } =
                layer;
            let (sum, value) = node.as_ref().map_or((0, 0), |node| (node.sum_point, node.value_point));
            let gate_point = gate.as_ref().map_or(0, |gate| gate.point);
            out.slice(&[*state_point, *edge_point, *message_point, sum, value, gate_point, 0, 0])?;
            write_matrix(source, out)?;
            write_affine(radial, out)?;
            write_affine(message, out)?;
            gate.as_ref().map_or(Ok(()), |gate| write_affine(&gate.affine, out))?;
            write_matrix(coordinate, out)?;
            if let Some(node) = node {
                write_matrix(&node.state, out)?;
                write_affine(&node.sums, out)?;
                write_affine(&node.update, out)?;
            }
        }
        Ok(())
    }
}

fn matrix<'a, W: Pod>(rest: &mut Reader<'a>, outputs: usize, inputs: usize) -> Result<Matrix<'a, W>, ArtifactError> {
    Ok(Matrix { weights: rest.matrix(outputs, inputs)?, scales: rest.slice(outputs)? })
}

fn affine<'a, W: Pod>(rest: &mut Reader<'a>, outputs: usize, inputs: usize) -> Result<Affine<'a, W>, ArtifactError> {
    Ok(Affine { matrix: matrix(rest, outputs, inputs)?, bias: rest.slice(outputs)? })
}

fn write_matrix<W: Pod>(matrix: &Matrix<'_, W>, out: &mut Writer<'_>) -> Result<(), ArtifactError> {
    out.slice(matrix.weights)?;
    out.slice(matrix.scales)
}

fn write_affine<W: Pod>(affine: &Affine<'_, W>, out: &mut Writer<'_>) -> Result<(), ArtifactError> {
    write_matrix(&affine.matrix, out)?;
    out.slice(affine.bias)
}
