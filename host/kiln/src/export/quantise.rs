//! From a float generator to one in integers: binary points from the calibration, weights rounded row by row with
//! [`super::compensate`], symmetric, one step a row; every row's Σ|w| stays below what its sums allow
//! ([`Weight::ROW_LIMIT`]).

use super::calibrate::{Calibration, Statistic};
use super::compensate::{Compensator, Inputs};
use super::mirror::Place;
use super::scale::{q16, representable, scale, thresholds};
use crate::error::Error;
use bytemuck::Pod;
use kiln_core::artifact::{ArtifactError, FixedEgnn, FixedMlp, FloatEgnn, FloatMlp, Network};
use kiln_core::cells::Choices;
use kiln_core::fixed::{self, Affine, EgnnShape, Gate, LATENT_POINT, Matrix, NodeLayer, RADIAL_POINT, Weight};
use kiln_core::network::{self, Activation, EgnnLayer};
use rayon::prelude::*;

/// What weights can be.
pub trait Whole: Weight + Pod + Send {
    /// Their largest magnitude.
    const MOST: i32;
    /// A weight of that value.
    fn whole(value: i32) -> Self;
    /// A network of them.
    fn units(network: FixedMlp<'_, Self>) -> Network<'_>;
    /// A network of them.
    fn messages(network: FixedEgnn<'_, Self>) -> Network<'_>;
}

impl Whole for i8 {
    const MOST: i32 = 127;
    fn whole(value: i32) -> Self {
        value as Self
    }
    fn units(network: FixedMlp<'_, Self>) -> Network<'_> {
        Network::Mlp8(network)
    }
    fn messages(network: FixedEgnn<'_, Self>) -> Network<'_> {
        Network::Egnn8(network)
    }
}

impl Whole for i16 {
    const MOST: i32 = 32_767;
    fn whole(value: i32) -> Self {
        value as Self
    }
    fn units(network: FixedMlp<'_, Self>) -> Network<'_> {
        Network::Mlp16(network)
    }
    fn messages(network: FixedEgnn<'_, Self>) -> Network<'_> {
        Network::Egnn16(network)
    }
}

/// A matrix of integers that owns its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedMatrix<W> {
    weights: Vec<W>,
    scales: Vec<u32>,
    /// Q16; not part of the matrix where the network gives it no bias.
    bias: Vec<i32>,
}

impl<W> OwnedMatrix<W> {
    fn matrix(&self) -> Matrix<'_, W> {
        Matrix { weights: &self.weights, scales: &self.scales }
    }
    fn affine(&self) -> Affine<'_, W> {
        Affine { matrix: self.matrix(), bias: &self.bias }
    }
}

/// A generator in integers that owns its numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Quantised<W> {
    /// Layers of units with the binary points of what they pass on.
    Mlp {
        /// The layers.
        layers: Vec<(OwnedMatrix<W>, u8)>,
        /// Numbers of a latent.
        latent: usize,
        /// Q16.
        thresholds: Vec<i32>,
        /// Cells among which the last numbers choose, and the thresholds among them in Q16.
        choices: (Vec<u32>, Vec<i32>),
        /// Q16.
        skip: i32,
    },
    /// Messages between particles.
    Egnn {
        /// Its sizes.
        shape: EgnnShape,
        /// What makes h of inputs.
        embedding: OwnedMatrix<W>,
        /// The layers.
        layers: Vec<Messages<W>>,
        /// Latent numbers of a particle.
        own: usize,
        /// Q16.
        thresholds: Vec<i32>,
        /// Q16.
        factors: [i32; 2],
    },
}

/// One layer of messages: see [`fixed::EgnnLayer`].
#[derive(Debug, Clone, PartialEq)]
pub struct Messages<W> {
    points: [u8; 3],
    source: OwnedMatrix<W>,
    radial: OwnedMatrix<W>,
    message: OwnedMatrix<W>,
    gate: Option<(OwnedMatrix<W>, u8)>,
    coordinate: OwnedMatrix<W>,
    node: Option<Nodes<W>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Nodes<W> {
    points: [u8; 2],
    state: OwnedMatrix<W>,
    sums: OwnedMatrix<W>,
    update: OwnedMatrix<W>,
}

impl<W: Whole> Quantised<W> {
    /// Its checked view.
    ///
    /// # Errors
    /// If `kiln-core` finds that a sum could overflow, or there are too many layers.
    pub fn network(&self) -> Result<Network<'_>, ArtifactError> {
        match self {
            Self::Mlp { layers, latent, thresholds, choices: (cells, among), skip } => {
                let layers = layers.iter();
                let layers: Vec<_> =
                    layers.map(|(table, point)| fixed::Layer { affine: table.affine(), point: *point }).collect();
                let inputs = network::Inputs::choosing(*latent, thresholds, Choices::new(cells, among)?);
                Ok(W::units(FixedMlp::of(&layers, inputs, *skip)?))
            }
            Self::Egnn { shape, embedding, layers, own, thresholds, factors } => {
                let layers: Vec<_> = layers.iter().map(Messages::view).collect();
                let network = FixedEgnn::new(*shape, embedding.affine(), &layers, *own, thresholds, *factors)?;
                Ok(W::messages(network))
            }
        }
    }
}

impl<W> Messages<W> {
    fn view(&self) -> fixed::EgnnLayer<'_, W> {
        let [state_point, edge_point, message_point] = self.points;
        fixed::EgnnLayer {
            state_point,
            source: self.source.matrix(),
            radial: self.radial.affine(),
            edge_point,
            message: self.message.affine(),
            gate: self.gate.as_ref().map(|(table, point)| Gate { point: *point, affine: table.affine() }),
            message_point,
            coordinate: self.coordinate.matrix(),
            node: self.node.as_ref().map(|node| NodeLayer {
                state: node.state.matrix(),
                sum_point: node.points[0],
                sums: node.sums.affine(),
                value_point: node.points[1],
                update: node.update.affine(),
            }),
        }
    }
}

/// Rounds a generator of units.
///
/// # Errors
/// If a number does not fit its integers.
pub fn mlp<W: Whole>(model: &FloatMlp<'_>, calibration: &Calibration) -> Result<Quantised<W>, Error> {
    let (skip, scale) = model.factors();
    let layers = model.layers();
    let mut quantised = Vec::new();
    let mut input = LATENT_POINT as u8;
    for (l, layer) in layers.iter().enumerate() {
        let last = l + 1 == layers.len();
        let output = if last { 0 } else { place(calibration, Place::Layer(l + 1))?.point() };
        // x = skip z + scale net(z): the last layer takes the scale.
        let gain = if last { f64::from(scale) } else { 1.0 };
        let rows = rows_of(&[layer.weight], layer.bias, gain);
        let statistic = place(calibration, Place::Layer(l))?;
        let [table] = tables(&rows, statistic, true, [input])?;
        quantised.push((table, output));
        input = output;
    }
    let choosing = model.inputs().choices();
    let cells = choosing.lists().map(|list| u32::try_from(list.len() + 1).unwrap_or(u32::MAX)).collect();
    Ok(Quantised::Mlp {
        layers: quantised,
        latent: model.inputs().latent(),
        thresholds: thresholds(model.thresholds()),
        choices: (cells, thresholds(choosing.thresholds())),
        skip: q16(f64::from(skip))?,
    })
}

/// Rounds a generator of particles.
///
/// # Errors
/// If the network has a part that integers do not have, or a number does not fit them.
pub fn egnn<W: Whole>(model: &FloatEgnn<'_>, calibration: &Calibration) -> Result<Quantised<W>, Error> {
    lean(model)?;
    let float = model.shape();
    let steps = |count: usize, range: f32| q16((count - 1) as f64 / f64::from(range));
    let radial = match float.radial {
        network::Radial::Basis { count, range } => fixed::Radial::Basis { count, steps: steps(count, range)? },
        network::Radial::Steps { count, range } => fixed::Radial::Steps { count, steps: steps(count, range)? },
        network::Radial::Squared => return Err(unknown_to_integers("squared distances")),
    };
    let shape = EgnnShape {
        particles: float.particles,
        dimensions: float.dimensions,
        node_inputs: float.node_inputs,
        radial,
        range: q16(f64::from(float.range))?,
    };
    let embedding = rows_of(&[model.embedding().weight], model.embedding().bias, 1.0);
    let [embedding] = tables(&embedding, place(calibration, Place::Embedding)?, true, [LATENT_POINT as u8])?;
    let layers = model.layers().iter().enumerate();
    let layers = layers.map(|(l, layer)| messages(l, layer, calibration)).collect::<Result<_, _>>()?;
    let (skip, scale) = model.factors();
    let factors = [q16(f64::from(skip))?, q16(f64::from(scale))?];
    let thresholds = thresholds(model.thresholds());
    Ok(Quantised::Egnn { shape, embedding, layers, own: model.own(), thresholds, factors })
}

fn messages<W: Whole>(l: usize, layer: &EgnnLayer<'_, f32>, calibration: &Calibration) -> Result<Messages<W>, Error> {
    let of = |p: Place| place(calibration, p);
    let hidden = layer.edge_bias.len();
    let [state, edge, message] =
        [of(Place::Source(l))?.point(), of(Place::Message(l))?.point(), of(Place::Coordinate(l))?.point()];
    let none = vec![0.0; hidden];
    let [source] = tables(&rows_of(&[layer.source], &none, 1.0), of(Place::Source(l))?, true, [state])?;
    let radial_rows = rows_of(&[layer.radial], layer.edge_bias, 1.0);
    let [mut radial] = tables(&radial_rows, of(Place::Radial(l))?, true, [RADIAL_POINT as u8])?;
    // What rounding `source` changes on average, for both ends of a pair.
    for (bias, drift) in radial.bias.iter_mut().zip(&source.bias) {
        *bias = bias.saturating_add(drift.saturating_mul(2));
    }
    let message_rows = rows_of(&[layer.message.weight], layer.message.bias, 1.0);
    let [message_table] = tables(&message_rows, of(Place::Message(l))?, true, [edge])?;
    let [coordinate] = tables(&rows_of(&[layer.coordinate], &[0.0], 1.0), of(Place::Coordinate(l))?, false, [message])?;
    let gate = layer.gate.as_ref().map(|gate| {
        let point = of(Place::Gate(l))?.point();
        let [table] = tables(&rows_of(&[gate.weight], gate.bias, 1.0), of(Place::Gate(l))?, true, [point])?;
        Ok::<_, Error>((table, point))
    });
    let node = layer.node.as_ref().map(|[node, update]| {
        let sum = of(Place::Sums(l))?.point().min(message);
        let (left, right) = node.weight.split_at(hidden * hidden);
        let rows = rows_of(&[left, right], node.bias, 1.0);
        let [state, sums] = tables(&rows, of(Place::Node(l))?, true, [state, sum])?;
        let value = of(Place::Update(l))?.point();
        let rows = rows_of(&[update.weight], update.bias, 1.0);
        let [update] = tables(&rows, of(Place::Update(l))?, true, [value])?;
        Ok(Nodes { points: [sum, value], state, sums, update })
    });
    Ok(Messages {
        points: [state, edge, message],
        source,
        radial,
        message: message_table,
        gate: gate.transpose()?,
        coordinate,
        node: node.transpose()?,
    })
}

/// Refuses what the integer network does not have.
///
/// # Errors
/// If the network has such a part.
pub fn lean(model: &FloatEgnn<'_>) -> Result<(), Error> {
    let has = |part: &dyn Fn(&EgnnLayer<'_, f32>) -> bool| model.layers().iter().any(part);
    let shape = model.shape();
    let parts = [
        (shape.activation != Activation::Silu, "ReLU"),
        (shape.radial == network::Radial::Squared, "squared distances"),
        (has(&|layer| layer.target.is_some()), "directed messages"),
        (has(&|layer| layer.head.is_some()), "a hidden layer before coordinates"),
    ];
    match parts.iter().filter(|(there, _)| *there).map(|(_, name)| *name).collect::<Vec<_>>().as_slice() {
        [] => Ok(()),
        missing => Err(unknown_to_integers(&missing.join(", "))),
    }
}

fn unknown_to_integers(parts: &str) -> Error {
    Error::input(format!("the network has parts that integers do not have: {parts}"), "export it with --format f32")
}

/// The rows of maps whose inputs follow each other, one an output: weights and bias.
struct Rows {
    rows: Vec<(Vec<f64>, f64)>,
    inputs: Vec<usize>,
}

/// `weights` are row-major (inputs, outputs).
fn rows_of(weights: &[&[f32]], bias: &[f32], gain: f64) -> Rows {
    let outputs = bias.len();
    let row = |output: usize| {
        let column = |weight: &&[f32]| weight.iter().skip(output).step_by(outputs).copied().collect::<Vec<_>>();
        let weights = weights.iter().flat_map(column).map(|w| gain * f64::from(w)).collect();
        (weights, gain * f64::from(bias[output]))
    };
    Rows { rows: (0..outputs).map(row).collect(), inputs: weights.iter().map(|w| w.len() / outputs).collect() }
}

/// Rounds a map of `N` blocks of inputs with a binary point each; the last table has the bias.
fn tables<W: Whole, const N: usize>(
    rows: &Rows,
    statistic: &Statistic,
    constant: bool,
    points: [u8; N],
) -> Result<[OwnedMatrix<W>; N], Error> {
    let compensator = Compensator::new(statistic, constant);
    let steps = points.map(|point| move |step: f64| representable(step, point));
    let rounded: Vec<_> = rows
        .rows
        .par_iter()
        .map(|(row, bias)| {
            let blocks = rows.inputs.iter().zip(&steps).map(|(inputs, step)| Inputs { inputs: *inputs, step });
            let blocks: Vec<_> = blocks.collect();
            compensator.round(row, *bias, &blocks, W::MOST, W::ROW_LIMIT).0
        })
        .collect();
    let mut tables = points.map(|_| OwnedMatrix { weights: Vec::new(), scales: Vec::new(), bias: Vec::new() });
    for row in &rounded {
        let mut rest = &row.weights[..];
        for (b, table) in tables.iter_mut().enumerate() {
            let (part, others) = rest.split_at(rows.inputs[b]);
            rest = others;
            table.weights.extend(part.iter().map(|w| W::whole(*w)));
            table.scales.push(scale(row.steps[b], points[b])?.pack());
        }
        if let Some(table) = tables.last_mut() {
            table.bias.push(q16(row.bias)?);
        }
    }
    Ok(tables)
}

fn place(calibration: &Calibration, place: Place) -> Result<&Statistic, Error> {
    calibration
        .get(&place)
        .ok_or_else(|| Error::input(format!("{place:?} was not calibrated"), "calibrate the same network"))
}
