//! The equivariant graph network in integers: [`crate::network::Egnn`] after conversion, in its lean form (SiLU,
//! undirected edges, no head, radial functions that are a basis or steps).
//!
//! With h_i = embed(input_i), x_i the coordinates, r_ij their distances and f(r) the [`Radial`] functions, a layer is
//!
//! - e_ij = W_source (h_i + h_j) + W_radial \[f(r_ij), f(r_ij at the input)\] + b
//! - m_ij = SiLU(W_message SiLU(e_ij) + b), times sigmoid(a·m_ij + a_0) with a [`Gate`]
//! - x_i += Σ_{j≠i} (x_i − x_j)·range·tanh(w·m_ij)/(r_ij + 1)
//! - h_i += W_update SiLU(W_state h_i + W_sums Σ_{j≠i} m_ij + b) + b, where the layer has these
//!
//! The float network adds 1e-8 to r² under the root, of which Q16 knows nothing: r is off by at most 1e-4, at r = 0.

mod inference;

use super::{Affine, InvalidNetwork, MAX_POINT, Matrix, Weight, padded};

pub(super) use inference::remove_mean;

/// How many radial functions there can be: the last centre is below 2^15.
const MAX_FUNCTIONS: usize = (1 << 15) - 1;

/// What the first edge layer sees of the current and the input distance: functions of u = r·steps in Q16, where c_k = k
/// are the centres in these units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Radial {
    /// exp(−(u − k)²/2).
    Basis {
        /// How many functions, 2 to 32767.
        count: usize,
        /// (count − 1)/(last centre) in Q16, positive.
        steps: i32,
    },
    /// The basis of the current distance, but of the input's +1 where u > k and −1 elsewhere.
    Steps {
        /// How many functions, 2 to 32767.
        count: usize,
        /// (count − 1)/(last centre) in Q16, positive.
        steps: i32,
    },
}

impl Radial {
    /// Functions of one distance.
    pub fn count(&self) -> usize {
        match self {
            Self::Basis { count, .. } | Self::Steps { count, .. } => *count,
        }
    }

    /// Centres in a unit of distance, in Q16.
    pub fn steps(&self) -> i32 {
        match self {
            Self::Basis { steps, .. } | Self::Steps { steps, .. } => *steps,
        }
    }
}

/// The sizes of an [`Egnn`] and what its weights do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EgnnShape {
    /// How many particles, at least 2 and so few that sums over the others fit 32 bits: at most 65536 for the messages,
    /// and (particles − 1)·(range + 2^15 + 1) < 2^31 for the steps, each of which is at most the second factor: with
    /// |x_i − x_j| ≤ r < 2^32, the factor's rounding adds r/2^17 to the range, the step's 1/2.
    pub particles: usize,
    /// Coordinates of each.
    pub dimensions: usize,
    /// Numbers that come with each particle beside its coordinates.
    pub node_inputs: usize,
    /// What edges see of distances.
    pub radial: Radial,
    /// Bound of a pair's coordinate factor in one layer, in Q16, not negative.
    pub range: i32,
}

/// The weights of one layer; H is the hidden width, matrices are (outputs, inputs).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EgnnLayer<'a, W> {
    /// Binary point of h where it enters `source` and [`NodeLayer::state`].
    pub state_point: u8,
    /// (H, H).
    pub source: Matrix<'a, W>,
    /// (H, 2 × radial functions): first those of the current distance, then those of the input's; the bias is the
    /// edge's.
    pub radial: Affine<'a, W>,
    /// Binary point of SiLU(e_ij) where it enters `message`.
    pub edge_point: u8,
    /// (H, H).
    pub message: Affine<'a, W>,
    /// What weighs m_ij, with attention.
    pub gate: Option<Gate<'a, W>>,
    /// Binary point of m_ij, weighed where there is a gate, where it enters `coordinate` and the sums.
    pub message_point: u8,
    /// (1, H).
    pub coordinate: Matrix<'a, W>,
    /// How nodes change; absent in the last layer.
    pub node: Option<NodeLayer<'a, W>>,
}

impl<W: Weight> EgnnLayer<'_, W> {
    fn check(&self, hidden: usize, functions: usize, layer: usize) -> Result<(), InvalidNetwork> {
        self.source.check(hidden, hidden, layer)?;
        self.radial.check(hidden, 2 * functions, layer)?;
        self.message.check(hidden, hidden, layer)?;
        self.coordinate.check(1, hidden, layer)?;
        let mut points = [self.state_point, self.edge_point, self.message_point, 0, 0, 0];
        if let Some(gate) = &self.gate {
            gate.affine.check(1, hidden, layer)?;
            points[5] = gate.point;
        }
        if let Some(node) = &self.node {
            node.state.check(hidden, hidden, layer)?;
            node.sums.check(hidden, hidden, layer)?;
            node.update.check(hidden, hidden, layer)?;
            points[3..5].copy_from_slice(&[node.sum_point, node.value_point]);
        }
        if points.iter().any(|point| *point > MAX_POINT) || points[3] > self.message_point {
            return Err(InvalidNetwork::Point { layer });
        }
        Ok(())
    }
}

/// The weight of a message before it enters anything else: m_ij becomes m_ij·sigmoid(a·m_ij + a_0), a product of two
/// numbers in Q16 that is rounded once, at [`EgnnLayer::message_point`]. A gate of 1, as from 12 on, changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Gate<'a, W> {
    /// (1, H): a and a_0.
    pub affine: Affine<'a, W>,
    /// Binary point of m_ij, not yet weighed, where it enters `affine`.
    pub point: u8,
}

/// How the nodes of a layer change.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NodeLayer<'a, W> {
    /// (H, H): what the node's own h adds.
    pub state: Matrix<'a, W>,
    /// Binary point of Σ_j m_ij where it enters `sums`, at most [`EgnnLayer::message_point`].
    pub sum_point: u8,
    /// (H, H): what the sums add; the bias is the node's.
    pub sums: Affine<'a, W>,
    /// Binary point of the SiLU of both where it enters `update`.
    pub value_point: u8,
    /// (H, H).
    pub update: Affine<'a, W>,
}

/// How long the two buffers of a [`Scratch`] are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ScratchLength {
    /// Of `narrow`.
    pub narrow: usize,
    /// Of `wide`.
    pub wide: usize,
}

/// The caller's buffers, of any content.
#[derive(Debug)]
pub struct Scratch<'s> {
    /// Activations.
    pub narrow: &'s mut [i16],
    /// Numbers in Q16 and sums.
    pub wide: &'s mut [i32],
}

/// A checked network.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Egnn<'a, W> {
    shape: EgnnShape,
    embedding: Affine<'a, W>,
    layers: &'a [EgnnLayer<'a, W>],
}

impl<'a, W: Weight> Egnn<'a, W> {
    /// Checks that the weights fit together and that no sum can overflow; the hidden width is that of the embedding,
    /// (H, node inputs), whose inputs have binary point [`LATENT_POINT`](super::LATENT_POINT). Reads every weight: see
    /// [`Egnn::new_unchecked`].
    ///
    /// # Errors
    /// [`InvalidNetwork`] says what does not fit and names the first layer where it is one.
    pub fn new(
        shape: EgnnShape,
        embedding: Affine<'a, W>,
        layers: &'a [EgnnLayer<'a, W>],
    ) -> Result<Self, InvalidNetwork> {
        let hidden = embedding.bias.len();
        let sizes = [shape.dimensions, shape.node_inputs, hidden, layers.len()];
        if sizes.contains(&0) || shape.particles < 2 {
            return Err(InvalidNetwork::Empty);
        }
        if !(2..=MAX_FUNCTIONS).contains(&shape.radial.count()) || shape.radial.steps() <= 0 || shape.range < 0 {
            return Err(InvalidNetwork::Radial);
        }
        let step = shape.range as u64 + (1 << 15) + 1;
        if shape.particles > 1 << 16 || (shape.particles as u64 - 1) * step >= 1 << 31 {
            return Err(InvalidNetwork::Particles);
        }
        let network = Self { shape, embedding, layers };
        if network.checked_scratch().is_none() {
            return Err(InvalidNetwork::Ends);
        }
        embedding.check(hidden, shape.node_inputs, 0)?;
        for (index, layer) in layers.iter().enumerate() {
            layer.check(hidden, shape.radial.count(), index + 1)?;
        }
        Ok(network)
    }

    /// The same without the checks, for numbers that [`Egnn::new`] took before. Others may panic or give any numbers,
    /// nothing worse.
    pub fn new_unchecked(shape: EgnnShape, embedding: Affine<'a, W>, layers: &'a [EgnnLayer<'a, W>]) -> Self {
        Self { shape, embedding, layers }
    }

    /// Its sizes.
    pub fn shape(&self) -> &EgnnShape {
        &self.shape
    }

    /// The hidden width.
    pub fn hidden(&self) -> usize {
        self.embedding.bias.len()
    }

    /// How many numbers go in beside the coordinates: particles × node inputs.
    pub fn inputs(&self) -> usize {
        self.shape.particles * self.shape.node_inputs
    }

    /// How many coordinates there are: particles × dimensions.
    pub fn dim(&self) -> usize {
        self.shape.particles * self.shape.dimensions
    }

    /// None where a length does not fit a `usize`.
    fn checked_scratch(&self) -> Option<ScratchLength> {
        let EgnnShape { particles, dimensions, node_inputs, .. } = self.shape;
        let hidden = self.hidden();
        particles.checked_mul(node_inputs)?;
        let nodes = particles.checked_mul(hidden)?.checked_mul(3)?;
        let coordinates = particles.checked_mul(dimensions)?.checked_mul(2)?;
        let features = padded(2 * self.shape.radial.count())?;
        let rows = padded(hidden)?.checked_mul(2)?.checked_add(padded(node_inputs)?)?;
        Some(ScratchLength {
            narrow: rows.checked_add(features)?,
            wide: nodes.checked_add(coordinates)?.checked_add(hidden)?,
        })
    }

    /// The lengths of the scratch buffers that [`Egnn::displacement`] needs.
    pub fn scratch(&self) -> ScratchLength {
        self.checked_scratch().unwrap_or_default()
    }
}
