//! The layers of a generator's file as the networks of `kiln-core`.

use crate::cells::Placement;
use crate::error::Error;
use crate::export::bytes::Bytes;
use crate::export::unfit;
use kiln_core::artifact::{FloatEgnn, FloatMlp, Model, ModelFrame, Network};
use kiln_core::cells::Choices;
use kiln_core::network::{EgnnLayer, EgnnShape, Inputs, Layer};
use kiln_gpu::egnn::{Edges, EgnnSpec, Head};
use kiln_gpu::{Body, Checkpoint, CheckpointError, GeneratorSpec};

/// The generator of a file, with its frame or its cells if it has them, as a model in floats.
///
/// # Errors
/// If the file is damaged, or no model can hold its layers.
pub fn float_model(file: &Checkpoint, name: &str, target: &str) -> Result<Bytes, Error> {
    let bad = |error: CheckpointError| damaged(name, error);
    let spec = GeneratorSpec::from_checkpoint(file).map_err(bad)?;
    let placement = Placement::of_checkpoint(file, spec.dim).map_err(|error| damaged(name, error))?;
    let frame = placement.as_ref().map(Placement::as_core).transpose().map_err(|error| damaged(name, error))?;
    let network = match &spec.body {
        Body::Mlp { hidden, depth } => {
            let layers = mlp_layers(file, &spec, *hidden, *depth).map_err(bad)?;
            FloatMlp::of(&layers, inputs(&spec, frame.as_ref()), spec.skip, spec.scale).map(Network::Mlp)
        }
        Body::Egnn(shape) => {
            let layers = egnn_layers(file, shape).map_err(bad)?;
            let embedding = layer(file, "embedding", shape.node_inputs, shape.hidden).map_err(bad)?;
            let (own, factors) = ((spec.latent - spec.dim) / shape.particles, [spec.skip, spec.scale]);
            FloatEgnn::new(egnn_shape(shape), embedding, &layers, own, &spec.thresholds, factors).map(Network::Egnn)
        }
    };
    let model = network.and_then(|network| Model::new(target, "", network));
    let model = model.and_then(|model| match frame {
        Some(frame) => model.with_frame(frame),
        None => Ok(model),
    });
    model.and_then(|model| Bytes::of(&model)).map_err(unfit)
}

/// What a file that cannot be read is answered.
pub fn damaged(name: &str, why: impl std::fmt::Display) -> Error {
    Error::input(format!("'{name}' is damaged: {why}"), "train it anew")
}

/// What a network of units sees of a latent, with the frame or the cells behind it.
pub fn inputs<'a>(spec: &'a GeneratorSpec, frame: Option<&ModelFrame<'a>>) -> Inputs<'a, f32> {
    let choices = if let Some(ModelFrame::FloatCells(cells)) = frame { cells.choices() } else { Choices::NONE };
    Inputs::choosing(spec.latent, &spec.thresholds, choices)
}

/// The affine map of that name.
pub fn layer<'a>(
    file: &'a Checkpoint,
    name: &str,
    rows: usize,
    columns: usize,
) -> Result<Layer<'a, f32>, CheckpointError> {
    let weight = file.tensor(&format!("{name}.weight"), &[rows, columns])?;
    Ok(Layer { weight, bias: file.tensor(&format!("{name}.bias"), &[columns])? })
}

/// The layers of a generator of units.
pub fn mlp_layers<'a>(
    file: &'a Checkpoint,
    spec: &GeneratorSpec,
    hidden: usize,
    depth: usize,
) -> Result<Vec<Layer<'a, f32>>, CheckpointError> {
    let mut rows = spec.inputs();
    let mut layers = Vec::new();
    for l in 0..=depth {
        let columns = if l == depth { spec.dim } else { hidden };
        layers.push(layer(file, &format!("layers.{l}"), rows, columns)?);
        rows = columns;
    }
    Ok(layers)
}

/// The shape of a generator of particles.
pub fn egnn_shape(spec: &EgnnSpec) -> EgnnShape<f32> {
    EgnnShape {
        particles: spec.particles,
        dimensions: spec.dimensions,
        node_inputs: spec.node_inputs,
        activation: spec.activation,
        radial: spec.radial,
        range: spec.range,
    }
}

/// The layers of a generator of particles.
pub fn egnn_layers<'a>(file: &'a Checkpoint, spec: &EgnnSpec) -> Result<Vec<EgnnLayer<'a, f32>>, CheckpointError> {
    let hidden = spec.hidden;
    let one = |l: usize| {
        let name = |part: &str| format!("layers.{l}.{part}");
        let matrix = |part: &str, rows, columns| file.tensor(&name(&format!("{part}.weight")), &[rows, columns]);
        let affine = |part: &str, rows, columns| layer(file, &name(part), rows, columns);
        Ok(EgnnLayer {
            source: matrix("source", hidden, hidden)?,
            target: (spec.edges == Edges::Directed).then(|| matrix("target", hidden, hidden)).transpose()?,
            radial: matrix("radial", 2 * spec.radial.count(), hidden)?,
            edge_bias: file.tensor(&name("edge.bias"), &[hidden])?,
            message: affine("message", hidden, hidden)?,
            gate: spec.attention.then(|| affine("gate", hidden, 1)).transpose()?,
            head: (spec.head == Head::Deep).then(|| affine("head", hidden, hidden)).transpose()?,
            coordinate: matrix("coordinate", hidden, 1)?,
            node: (l + 1 < spec.layers)
                .then(|| {
                    Ok::<_, CheckpointError>([affine("node", 2 * hidden, hidden)?, affine("update", hidden, hidden)?])
                })
                .transpose()?,
        })
    };
    (0..spec.layers).map(one).collect()
}
