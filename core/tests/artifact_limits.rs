//! What is written can be read: numbers, parts and sizes that a file cannot hold are refused before there is one, and the
//! largest that it can hold are read back.

mod common;

use common::artifacts::{BASIS, Bytes, FIXED_STEPS, STEPS, fixed_egnn, fixed_mlp, float_egnn, float_mlp, model_of};
use kiln_core::artifact::{
    Artifact, ArtifactError, EGNN_LAYERS, FixedEgnn, FixedMlp, FloatEgnn, FloatMlp, MLP_LAYERS, Model, Network,
};
use kiln_core::fixed::{self, Affine, Matrix};
use kiln_core::network::{EgnnLayer, EgnnShape, InvalidNetwork, Layer, Radial};

/// The largest size.
const LARGEST: usize = 1 << 24;

/// Writes a model, where that is possible, and reads it back.
fn written(model: &Model<'_>) -> Result<(), ArtifactError> {
    let length = model.encoded_length();
    let mut bytes = Bytes::of(&vec![0; *length.as_ref().unwrap_or(&4096)]);
    assert_eq!(model.encode(bytes.get_mut()), length, "both or none");
    length?;
    assert_eq!(Artifact::check(bytes.get()).as_ref(), Ok(model));
    Ok(())
}

fn written_of(network: Network<'_>) -> Result<(), ArtifactError> {
    written(&model_of(network))
}

/// With the last number replaced.
fn spoilt(numbers: &[f32], last: f32) -> &'static [f32] {
    let mut numbers = numbers.to_vec();
    *numbers.last_mut().expect("a number") = last;
    // Leaked: a test's few bytes, so that layers can hold them.
    Vec::leak(numbers)
}

fn spoilt_layer(layer: Layer<'static, f32>, bias: bool, last: f32) -> Layer<'static, f32> {
    if bias {
        Layer { bias: spoilt(layer.bias, last), ..layer }
    } else {
        Layer { weight: spoilt(layer.weight, last), ..layer }
    }
}

const NOT_FINITE: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];

#[test]
fn units_of_numbers_that_are_not_finite_are_refused() {
    let good = float_mlp();
    let (layers, thresholds, (skip, scale)) = (good.layers(), good.thresholds(), good.factors());
    let of = |layers: &[Layer<'static, f32>], thresholds, skip, scale| {
        FloatMlp::new(layers, good.generator().expect("checked").latent(), thresholds, skip, scale).map(drop)
    };
    assert_eq!(of(layers, thresholds, skip, scale), Ok(()));
    for last in NOT_FINITE {
        for (l, bias) in (0..layers.len()).flat_map(|l| [(l, false), (l, true)]) {
            let mut bad = layers.to_vec();
            bad[l] = spoilt_layer(bad[l], bias, last);
            assert_eq!(of(&bad, thresholds, skip, scale), Err(ArtifactError::NotFinite), "{l} {bias} {last}");
        }
        assert_eq!(of(layers, spoilt(thresholds, last), skip, scale), Err(ArtifactError::NotFinite), "{last}");
        assert_eq!(of(layers, thresholds, last, scale), Err(ArtifactError::NotFinite), "{last}");
        assert_eq!(of(layers, thresholds, skip, last), Err(ArtifactError::NotFinite), "{last}");
    }
}

type Spoil<'f> = &'f dyn Fn(&mut EgnnLayer<'static, f32>, f32);

/// Another network of a few of the parts of one.
fn like(
    good: &FloatEgnn<'static>,
    shape: EgnnShape<f32>,
    layers: &[EgnnLayer<'static, f32>],
) -> Result<FloatEgnn<'static>, ArtifactError> {
    let (skip, scale) = good.factors();
    FloatEgnn::new(shape, *good.embedding(), layers, good.own(), good.thresholds(), [skip, scale])
}

#[test]
fn messages_of_numbers_that_are_not_finite_are_refused() {
    let parts: [Spoil<'_>; 15] = [
        &|l, last| l.source = spoilt(l.source, last),
        &|l, last| l.target = l.target.map(|target| spoilt(target, last)),
        &|l, last| l.radial = spoilt(l.radial, last),
        &|l, last| l.edge_bias = spoilt(l.edge_bias, last),
        &|l, last| l.message = spoilt_layer(l.message, false, last),
        &|l, last| l.message = spoilt_layer(l.message, true, last),
        &|l, last| l.gate = l.gate.map(|gate| spoilt_layer(gate, false, last)),
        &|l, last| l.gate = l.gate.map(|gate| spoilt_layer(gate, true, last)),
        &|l, last| l.head = l.head.map(|head| spoilt_layer(head, false, last)),
        &|l, last| l.head = l.head.map(|head| spoilt_layer(head, true, last)),
        &|l, last| l.coordinate = spoilt(l.coordinate, last),
        &|l, last| l.node = l.node.map(|[node, update]| [spoilt_layer(node, false, last), update]),
        &|l, last| l.node = l.node.map(|[node, update]| [spoilt_layer(node, true, last), update]),
        &|l, last| l.node = l.node.map(|[node, update]| [node, spoilt_layer(update, false, last)]),
        &|l, last| l.node = l.node.map(|[node, update]| [node, spoilt_layer(update, true, last)]),
    ];
    // This one has every part.
    let good = float_egnn(Radial::Squared);
    for last in NOT_FINITE {
        for (k, part) in parts.iter().enumerate() {
            let mut layers = good.layers().to_vec();
            part(&mut layers[0], last);
            let found = like(&good, *good.shape(), &layers).map(drop);
            assert_eq!(found, Err(ArtifactError::NotFinite), "part {k}, {last}");
        }
        let shape = EgnnShape { range: last, ..*good.shape() };
        let ends = ArtifactError::Network(InvalidNetwork::Ends);
        assert_eq!(like(&good, shape, good.layers()).map(drop), Err(ends), "{last}");

        let lean = float_egnn(STEPS);
        let of = |embedding, thresholds, factors| {
            FloatEgnn::new(*lean.shape(), embedding, lean.layers(), lean.own(), thresholds, factors).map(drop)
        };
        let (embedding, thresholds) = (*lean.embedding(), lean.thresholds());
        assert_eq!(of(embedding, thresholds, [1.0; 2]), Ok(()));
        let bad = [
            of(spoilt_layer(embedding, false, last), thresholds, [1.0; 2]),
            of(spoilt_layer(embedding, true, last), thresholds, [1.0; 2]),
            of(embedding, spoilt(thresholds, last), [1.0; 2]),
            of(embedding, thresholds, [last, 1.0]),
            of(embedding, thresholds, [1.0, last]),
        ];
        assert_eq!(bad, [Err(ArtifactError::NotFinite); 5], "{last}");
        for radial in [Radial::Basis { count: 3, range: last }, Radial::Steps { count: 3, range: last }] {
            let shape = EgnnShape { radial, ..*lean.shape() };
            assert_eq!(like(&lean, shape, lean.layers()).map(drop), Err(ends), "{last}");
        }
    }
}

/// Flags stand once in a file: what one layer has, all have.
#[test]
fn layers_of_different_parts_are_refused() {
    let good = float_egnn(Radial::Squared);
    let parts: [fn(&mut EgnnLayer<'static, f32>); 3] = [|l| l.target = None, |l| l.gate = None, |l| l.head = None];
    for (k, part) in parts.iter().enumerate() {
        for changed in [&[0][..], &[1], &[0, 1]] {
            let mut layers = good.layers().to_vec();
            changed.iter().for_each(|l| part(&mut layers[*l]));
            let found = like(&good, *good.shape(), &layers);
            match changed {
                [0, 1] => assert_eq!(written_of(Network::Egnn(found.expect("the same in all"))), Ok(())),
                _ => assert_eq!(found, Err(ArtifactError::Sizes), "part {k}, {changed:?}"),
            }
        }
    }
    let mut layers = good.layers().to_vec();
    layers[1].node = layers[0].node;
    assert_eq!(like(&good, *good.shape(), &layers), Err(ArtifactError::Sizes), "nodes change in the last layer");
    layers[1].node = None;
    layers[0].node = None;
    assert_eq!(like(&good, *good.shape(), &layers), Err(ArtifactError::Sizes), "nodes stay in the first");

    let good = fixed_egnn::<i8>(FIXED_STEPS, true);
    let of = |layers: &[fixed::EgnnLayer<'static, i8>]| {
        FixedEgnn::new(*good.shape(), *good.embedding(), layers, 1, good.thresholds(), [0; 2]).map(drop)
    };
    assert_eq!(of(good.layers()), Ok(()));
    for l in [0, 1] {
        let mut layers = good.layers().to_vec();
        layers[l].gate = None;
        assert_eq!(of(&layers), Err(ArtifactError::Sizes), "{l}");
        layers[l] = good.layers()[l];
        layers[l].node = good.layers()[1 - l].node;
        assert_eq!(of(&layers), Err(ArtifactError::Sizes), "{l}");
    }
}

/// Functions of distances are of the network: a layer whose weights are for others does not fit.
#[test]
fn layers_of_other_radial_functions_are_refused() {
    let (good, other) = (float_egnn(BASIS), float_egnn(Radial::Squared));
    for l in [0, 1] {
        let mut layers = good.layers().to_vec();
        layers[l].radial = other.layers()[l].radial;
        let shape = ArtifactError::Network(InvalidNetwork::Shape { layer: l });
        assert_eq!(like(&good, *good.shape(), &layers), Err(shape));
    }
}

#[test]
fn more_layers_than_a_view_holds_are_refused() {
    let (weight, bias) = ([0.0; 4], [0.0; 2]);
    let layers = [Layer { weight: &weight[..], bias: &bias[..] }; MLP_LAYERS + 1];
    let found = ArtifactError::Layers { found: 17, most: MLP_LAYERS };
    assert_eq!(FloatMlp::new(&layers, 2, &[], 1.0, 1.0), Err(found));
    let most = FloatMlp::new(&layers[1..], 2, &[], 1.0, 1.0).expect("as many as there may be");
    assert_eq!(written_of(Network::Mlp(most)), Ok(()));

    let good = float_egnn(STEPS);
    let mut layers = vec![good.layers()[0]; EGNN_LAYERS];
    layers.push(good.layers()[1]);
    let found = ArtifactError::Layers { found: 9, most: EGNN_LAYERS };
    assert_eq!(like(&good, *good.shape(), &layers), Err(found));
    let most = like(&good, *good.shape(), &layers[1..]).expect("as many as there may be");
    assert_eq!(written_of(Network::Egnn(most)), Ok(()));
}

/// Sizes of which no weight depends, up to 2^24 and beyond, also beyond 32 bits.
#[test]
fn particles_beyond_the_largest_size_cannot_be_written() {
    let beyond = Err(ArtifactError::Sizes);
    let half = LARGEST / 2;
    // Without latents of their own.
    let good = float_egnn(Radial::Squared);
    let pairs = [(2, half), (LARGEST, 1), (2, half + 1), (LARGEST + 1, 1), (2, 1 << 32), (1 << 32, 2), (1 << 40, 1)];
    for (particles, dimensions) in pairs {
        let model = like(&good, EgnnShape { particles, dimensions, ..*good.shape() }, good.layers());
        let fits = particles * dimensions <= LARGEST;
        let expected = if fits { Ok(()) } else { beyond };
        assert_eq!(written_of(Network::Egnn(model.expect("it can run"))), expected, "{particles} {dimensions}");
    }
    // With one: the latent is longer than the sample.
    let (float, fixed) = (float_egnn(STEPS), fixed_egnn::<i16>(FIXED_STEPS, false));
    for (dimensions, expected) in [(half - 1, Ok(())), (half, beyond), (half + 1, beyond), (1 << 32, beyond)] {
        let model = like(&float, EgnnShape { particles: 2, dimensions, ..*float.shape() }, float.layers());
        assert_eq!(written_of(Network::Egnn(model.expect("it can run"))), expected, "{dimensions}");
        let shape = fixed::EgnnShape { particles: 2, dimensions, ..*fixed.shape() };
        let model = FixedEgnn::new(shape, *fixed.embedding(), fixed.layers(), 1, fixed.thresholds(), [1 << 16; 2]);
        assert_eq!(written_of(Network::Egnn16(model.expect("it can run"))), expected, "{dimensions}");
    }
}

#[test]
fn units_beyond_the_largest_size_cannot_be_written() {
    let beyond = Err(ArtifactError::Sizes);
    let (weights, scales, bias) = (vec![0_i8; LARGEST + 1], [0], [0]);
    for (latent, expected) in [(LARGEST, Ok(())), (LARGEST + 1, beyond)] {
        let matrix = Matrix { weights: &weights[..latent], scales: &scales };
        let layer = fixed::Layer { affine: Affine { matrix, bias: &bias }, point: 0 };
        let model = FixedMlp::new(&[layer], latent, &[], 0).expect("it can run");
        assert_eq!(written_of(Network::Mlp8(model)), expected, "{latent}");
    }
    // Lengths only: the files would have a hundred megabytes.
    let (scales, biases) = (vec![0; LARGEST + 1], vec![0; LARGEST + 1]);
    for (width, expected) in [(LARGEST, Ok(())), (LARGEST + 1, beyond)] {
        let layer = |outputs| {
            let matrix = Matrix { weights: &weights[..width], scales: &scales[..outputs] };
            fixed::Layer { affine: Affine { matrix, bias: &biases[..outputs] }, point: 0 }
        };
        let model = FixedMlp::new(&[layer(width), layer(1)], 1, &[], 0).expect("it can run");
        assert_eq!(model_of(Network::Mlp8(model)).encoded_length().map(drop), expected, "a width of {width}");
    }
    let zeros = vec![0.0; LARGEST + 2];
    let length = |layers: &[Layer<'_, f32>], thresholds: usize| {
        let model = FloatMlp::new(layers, 1, &zeros[..thresholds], 1.0, 1.0).expect("it can run");
        model_of(Network::Mlp(model)).encoded_length().map(drop)
    };
    for (n, expected) in [(LARGEST, Ok(())), (LARGEST + 1, beyond)] {
        let wide = Layer { weight: &zeros[..n], bias: &zeros[..n] };
        let narrow = Layer { weight: &zeros[..n], bias: &zeros[..1] };
        assert_eq!(length(&[wide, narrow], 0), expected, "a width of {n}");
        assert_eq!(length(&[Layer { weight: &zeros[..n + 1], bias: &zeros[..1] }], n), expected, "{n} thresholds");
    }
}

#[test]
fn texts_beyond_the_largest_size_cannot_be_written() {
    let text = "x".repeat(LARGEST + 1);
    for (length, expected) in [(LARGEST, Ok(())), (LARGEST + 1, Err(ArtifactError::Sizes))] {
        for (target, metadata) in [(&text[..length], ""), ("", &text[..length])] {
            let model = Model::new(target, metadata, Network::Mlp16(fixed_mlp())).expect("a model");
            assert_eq!(written(&model), expected, "{length}");
        }
    }
}

/// Sixteen layers of 256 MiB and their biases, all of them the same zeros.
#[test]
fn files_of_more_than_four_gibibytes_cannot_be_written() {
    const WIDTH: usize = 8192;
    let zeros = vec![0.0; WIDTH * WIDTH];
    let layers = [Layer { weight: &zeros[..], bias: &zeros[..WIDTH] }; MLP_LAYERS];
    let model = FloatMlp::new(&layers, WIDTH, &[], 1.0, 1.0).expect("it can run");
    assert_eq!(written_of(Network::Mlp(model)), Err(ArtifactError::Sizes));
}
