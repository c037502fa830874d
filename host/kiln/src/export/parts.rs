//! The linear maps of a model, one by one.

use kiln_core::artifact::{FloatEgnn, FloatMlp, Model, Network};
use kiln_core::fixed::{Affine, LATENT_POINT, Matrix, RADIAL_POINT, Scale, Weight};
use kiln_core::network::Layer;

/// One linear map.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Numbers that come out.
    pub outputs: usize,
    /// Numbers that go in.
    pub inputs: usize,
    /// Their binary point, in integers.
    pub point: Option<u8>,
    /// The least and the largest weight.
    pub range: [f64; 2],
    /// Bytes of weights, scales and biases.
    pub bytes: usize,
}

/// All of them, in the order of the file.
pub fn parts(model: &Model<'_>) -> Vec<Part> {
    match model.network() {
        Network::Mlp(network) => float_units(network),
        Network::Egnn(network) => float_messages(network),
        Network::Mlp16(network) => units(network.layers()),
        Network::Mlp8(network) => units(network.layers()),
        Network::Egnn16(network) => messages(network.embedding(), network.layers()),
        Network::Egnn8(network) => messages(network.embedding(), network.layers()),
    }
}

fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], w| [low.min(w), high.max(w)])
}

fn float(name: String, weight: &[f32], bias: &[f32], outputs: usize) -> Part {
    let range = range(weight.iter().map(|w| f64::from(*w)));
    let bytes = 4 * (weight.len() + bias.len());
    Part { name, outputs, inputs: weight.len() / outputs.max(1), point: None, range, bytes }
}

fn affine(name: String, layer: &Layer<'_, f32>) -> Part {
    float(name, layer.weight, layer.bias, layer.bias.len())
}

fn float_units(network: &FloatMlp<'_>) -> Vec<Part> {
    network.layers().iter().enumerate().map(|(l, layer)| affine(format!("layer {}", l + 1), layer)).collect()
}

fn float_messages(network: &FloatEgnn<'_>) -> Vec<Part> {
    let mut parts = vec![affine("embedding".into(), network.embedding())];
    for (l, layer) in network.layers().iter().enumerate() {
        let name = |part: &str| format!("layer {} {part}", l + 1);
        let hidden = layer.edge_bias.len();
        parts.push(float(name("source"), layer.source, &[], hidden));
        parts.extend(layer.target.map(|target| float(name("target"), target, &[], hidden)));
        parts.push(float(name("radial"), layer.radial, layer.edge_bias, hidden));
        parts.push(affine(name("message"), &layer.message));
        parts.extend(layer.gate.as_ref().map(|gate| affine(name("gate"), gate)));
        parts.extend(layer.head.as_ref().map(|head| affine(name("head"), head)));
        parts.push(float(name("coordinate"), layer.coordinate, &[], 1));
        if let Some([node, update]) = &layer.node {
            parts.push(affine(name("node"), node));
            parts.push(affine(name("update"), update));
        }
    }
    parts
}

fn whole<W: Weight + Into<i32>>(name: String, matrix: &Matrix<'_, W>, bias: &[i32], point: u8) -> Part {
    let outputs = matrix.scales.len();
    let inputs = matrix.weights.len() / outputs.max(1);
    // A sum times its scale is in Q16, its activations are n/2^point.
    let step = |scale: &u32| {
        let scale = Scale::unpack(*scale).map_or(0.0, |s| f64::from(s.mantissa()) / f64::from(s.shift()).exp2());
        scale * (f64::from(point) - 16.0).exp2()
    };
    let rows = matrix.weights.chunks_exact(inputs.max(1)).zip(matrix.scales);
    let range = range(rows.flat_map(|(row, scale)| {
        let step = step(scale);
        row.iter().map(move |w| step * f64::from((*w).into()))
    }));
    let bytes = size_of_val(matrix.weights) + 4 * (outputs + bias.len());
    Part { name, outputs, inputs, point: Some(point), range, bytes }
}

fn units<W: Weight + Into<i32>>(layers: &[kiln_core::fixed::Layer<'_, W>]) -> Vec<Part> {
    let mut point = LATENT_POINT as u8;
    let mut parts = Vec::new();
    for (l, layer) in layers.iter().enumerate() {
        parts.push(whole(format!("layer {}", l + 1), &layer.affine.matrix, layer.affine.bias, point));
        point = layer.point;
    }
    parts
}

fn messages<W: Weight + Into<i32>>(
    embedding: &Affine<'_, W>,
    layers: &[kiln_core::fixed::EgnnLayer<'_, W>],
) -> Vec<Part> {
    let mut parts = vec![whole("embedding".into(), &embedding.matrix, embedding.bias, LATENT_POINT as u8)];
    for (l, layer) in layers.iter().enumerate() {
        let name = |part: &str| format!("layer {} {part}", l + 1);
        let mut affine = |part: &str, affine: &Affine<'_, W>, point: u8| {
            parts.push(whole(name(part), &affine.matrix, affine.bias, point));
        };
        affine("source", &Affine { matrix: layer.source, bias: &[] }, layer.state_point);
        affine("radial", &layer.radial, RADIAL_POINT as u8);
        affine("message", &layer.message, layer.edge_point);
        if let Some(gate) = &layer.gate {
            affine("gate", &gate.affine, gate.point);
        }
        affine("coordinate", &Affine { matrix: layer.coordinate, bias: &[] }, layer.message_point);
        if let Some(node) = &layer.node {
            affine("state", &Affine { matrix: node.state, bias: &[] }, layer.state_point);
            affine("sums", &node.sums, node.sum_point);
            affine("update", &node.update, node.value_point);
        }
    }
    parts
}
