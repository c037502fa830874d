//! The equivariant network: golden vectors of the published one, lanes against the scalar, symmetries, and what is
//! refused. Every combination of flags is compared with the trained network in `kiln-gpu`'s tests.

mod common;

use common::golden::{self, assert_close};
use common::tolerance;
use kiln_core::network::{Activation, Egnn, EgnnLayer, EgnnShape, InvalidNetwork, Layer, Radial};
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::{Lanes, Scalar};

/// The weights of one layer, owned.
struct OwnedLayer<R> {
    matrices: Vec<Vec<R>>,
    directed: bool,
    deep: bool,
    gated: bool,
    last: bool,
}

impl<R: Copy> OwnedLayer<R> {
    /// Matrices in order: source, target, radial, edge bias, message, its bias, gate, its bias, head, its bias,
    /// coordinate, node, its bias, update, its bias.
    fn borrow(&self) -> EgnnLayer<'_, R> {
        let m = |k: usize| &self.matrices[k][..];
        let affine = |k: usize| Layer { weight: m(k), bias: m(k + 1) };
        EgnnLayer {
            source: m(0),
            target: self.directed.then(|| m(1)),
            radial: m(2),
            edge_bias: m(3),
            message: affine(4),
            gate: self.gated.then(|| affine(6)),
            head: self.deep.then(|| affine(8)),
            coordinate: m(10),
            node: (!self.last).then(|| [affine(11), affine(13)]),
        }
    }
}

/// PyTorch's (outputs, inputs) turned; a range of the inputs.
fn turned(all: &[f64], outputs: usize, range: core::ops::Range<usize>) -> Vec<f64> {
    let inputs = all.len() / outputs;
    range.flat_map(|i| (0..outputs).map(move |o| all[o * inputs + i])).collect()
}

#[test]
fn published_networks_agree() {
    let golden = golden::nets();
    for name in ["egnn_gen_dw", "egnn_score_dw", "egnn_gen_lj", "egnn_score_lj"] {
        let size = |key: &str| golden.numbers(&[name, key])[0] as usize;
        let (particles, dimensions, hidden, count) = (size("n_particles"), size("dim"), size("hidden"), size("layers"));
        let state = |key: String| golden.numbers(&[name, "state", &format!("egnn.{key}"), "data"]);
        let layers: Vec<OwnedLayer<f64>> = (0..count)
            .map(|l| {
                let of = |part: &str| state(format!("gcl_{l}.{part}"));
                let edge = of("edge_mlp.0.weight");
                let part = |from: usize, to: usize| turned(&edge, hidden, from..to);
                let square = |part: &str| turned(&of(part), hidden, 0..hidden);
                let matrices = vec![
                    part(0, hidden),
                    part(hidden, 2 * hidden),
                    part(2 * hidden, 2 * hidden + 2),
                    of("edge_mlp.0.bias"),
                    square("edge_mlp.2.weight"),
                    of("edge_mlp.2.bias"),
                    of("att_mlp.0.weight"),
                    of("att_mlp.0.bias"),
                    square("coord_mlp.0.weight"),
                    of("coord_mlp.0.bias"),
                    of("coord_mlp.2.weight"),
                    turned(&of("node_mlp.0.weight"), hidden, 0..2 * hidden),
                    of("node_mlp.0.bias"),
                    square("node_mlp.2.weight"),
                    of("node_mlp.2.bias"),
                ];
                OwnedLayer { matrices, directed: true, deep: true, gated: true, last: l + 1 == count }
            })
            .collect();
        let layers: Vec<_> = layers.iter().map(OwnedLayer::borrow).collect();
        let (weight, bias) = (state("embedding.weight".into()), state("embedding.bias".into()));
        let shape = EgnnShape {
            particles,
            dimensions,
            node_inputs: 1,
            activation: Activation::Relu,
            radial: Radial::Squared,
            range: golden.numbers(&[name, "coords_range_layer"])[0],
        };
        let net = Egnn::new(shape, Layer { weight: &weight, bias: &bias }, &layers).expect("a valid network");
        let times = if name.contains("score") { golden.numbers(&[name, "t"]) } else { vec![1.0; 3] };
        let (x, y) = (golden.numbers(&[name, "x"]), golden.numbers(&[name, "y"]));
        assert_eq!(x.len(), 3 * net.dim());
        let mut out = vec![0.0; net.dim()];
        for ((x, y), time) in x.chunks_exact(net.dim()).zip(y.chunks_exact(net.dim())).zip(times) {
            let h = vec![time; particles];
            net.displacement(&h, x, &mut vec![0.0; net.scratch()], &mut out).expect("long enough buffers");
            for (got, want) in out.iter().zip(y) {
                assert_close(name, *got, *want, tolerance::GOLDEN);
            }
        }
    }
}

const PARTICLES: usize = 5;
const INPUTS: usize = 3;
const HIDDEN: usize = 13;

fn shape(flags: usize) -> EgnnShape<f32> {
    EgnnShape {
        particles: PARTICLES,
        dimensions: 3,
        node_inputs: INPUTS,
        activation: if flags & 1 == 0 { Activation::Relu } else { Activation::Silu },
        radial: match flags & 34 {
            2 => Radial::Basis { count: 6, range: 3.0 },
            34 => Radial::Steps { count: 6, range: 3.0 },
            _ => Radial::Squared,
        },
        range: 2.0,
    }
}

/// Random layers; `flags` also decides on target, head and gate.
fn random_layers(flags: usize, stream: &mut Stream) -> Vec<OwnedLayer<f32>> {
    let functions = 2 * shape(flags).radial.count();
    let square = HIDDEN * HIDDEN;
    let sizes = [
        square,
        square,
        functions * HIDDEN,
        HIDDEN,
        square,
        HIDDEN,
        HIDDEN,
        1,
        square,
        HIDDEN,
        HIDDEN,
        2 * square,
        HIDDEN,
        square,
        HIDDEN,
    ];
    (0..3)
        .map(|l| {
            let matrices = sizes.map(|n| {
                let mut values = vec![0.0_f32; n];
                stream.fill_normal(&mut values);
                values.iter_mut().for_each(|w| *w *= 0.25);
                values
            });
            let has = |bit: usize| flags & bit != 0;
            OwnedLayer { matrices: matrices.into(), directed: has(4), deep: has(8), gated: has(16), last: l == 2 }
        })
        .collect()
}

fn embedding(stream: &mut Stream) -> (Vec<f32>, Vec<f32>) {
    let (mut weight, mut bias) = (vec![0.0; INPUTS * HIDDEN], vec![0.0; HIDDEN]);
    stream.fill_normal(&mut weight);
    stream.fill_normal(&mut bias);
    (weight, bias)
}

fn evaluate<S: Scalar<Real = f32>>(net: &Egnn<'_, f32>, h: &[S], x: &[S]) -> Vec<S> {
    let (mut scratch, mut out) = (vec![S::constant(f64::NAN); net.scratch()], vec![S::zero(); net.dim()]);
    net.displacement(h, x, &mut scratch, &mut out).expect("long enough buffers");
    out
}

/// Sixteen configurations at once, one by one with the same bits; turned, shifted and permuted ones move accordingly.
#[test]
fn lanes_and_symmetries() {
    for flags in 0..64 {
        let mut stream = Stream::new(flags as u64, Purpose::Initialisation, 0);
        let layers = random_layers(flags, &mut stream);
        let layers: Vec<_> = layers.iter().map(OwnedLayer::borrow).collect();
        let (weight, bias) = embedding(&mut stream);
        let net = Egnn::new(shape(flags), Layer { weight: &weight, bias: &bias }, &layers).expect("a valid network");
        let (mut h, mut x) = (vec![0.0_f32; 16 * net.inputs()], vec![0.0_f32; 16 * net.dim()]);
        stream.fill_normal(&mut h);
        stream.fill_normal(&mut x);
        let packed = |all: &[f32]| -> Vec<Lanes<16>> {
            let width = all.len() / 16;
            (0..width).map(|k| Lanes::from_lanes(|lane| all[lane * width + k])).collect()
        };
        let together = evaluate(&net, &packed(&h), &packed(&x));
        let mut largest = 0.0_f32;
        for lane in 0..16 {
            let (h, x) = (&h[lane * net.inputs()..][..net.inputs()], &x[lane * net.dim()..][..net.dim()]);
            let y = evaluate(&net, h, x);
            assert!(y.iter().zip(&together).all(|(y, all)| y.to_bits() == all.lane(lane).to_bits()), "flags {flags}");
            largest = y.iter().fold(largest, |a, y| a.max(y.abs()));
            let close = |what: &str, got: &[f32], want: &[f32]| {
                for (got, want) in got.iter().zip(want) {
                    assert!(
                        f64::from((got - want).abs()) < tolerance::SINGLE_NETWORK,
                        "flags {flags}: {what}: {got} for {want}"
                    );
                }
            };
            // A quarter turn about the last axis, and a mirror.
            let turn = |x: &[f32]| x.chunks_exact(3).flat_map(|x| [-x[1], x[0], -x[2]]).collect::<Vec<_>>();
            close("turned", &evaluate(&net, h, &turn(x)), &turn(&y));
            let shifted: Vec<f32> = x.iter().map(|x| x + 0.5).collect();
            close("shifted", &evaluate(&net, h, &shifted), &y);
            let rotate = |all: &[f32], by: usize| [&all[by..], &all[..by]].concat();
            close("permuted", &evaluate(&net, &rotate(h, 2 * INPUTS), &rotate(x, 6)), &rotate(&y, 6));
            for k in 0..3 {
                let mean: f32 = y.iter().skip(k).step_by(3).sum();
                assert!(f64::from(mean.abs()) < tolerance::SINGLE_NETWORK, "flags {flags}: mean {mean}");
            }
        }
        assert!(largest > 0.01, "the network does something");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut stream = Stream::new(1, Purpose::Initialisation, 0);
    let owned = random_layers(28, &mut stream);
    let layers: Vec<_> = owned.iter().map(OwnedLayer::borrow).collect();
    let (weight, bias) = embedding(&mut stream);
    let first = Layer { weight: &weight, bias: &bias };
    let good = shape(28);
    let net = Egnn::new(good, first, &layers).expect("a valid network");
    assert_eq!((net.inputs(), net.dim(), net.hidden()), (15, 15, 13));
    assert_eq!(Egnn::new(good, first, &[]), Err(InvalidNetwork::Empty));
    let with = |change: &dyn Fn(&mut EgnnShape<f32>)| {
        let mut shape = good;
        change(&mut shape);
        Egnn::new(shape, first, &layers)
    };
    assert_eq!(with(&|s| s.particles = 1), Err(InvalidNetwork::Empty));
    assert_eq!(with(&|s| s.dimensions = 0), Err(InvalidNetwork::Empty));
    assert_eq!(with(&|s| s.node_inputs = 0), Err(InvalidNetwork::Empty));
    assert_eq!(with(&|s| s.node_inputs = 4), Err(InvalidNetwork::Ends));
    assert_eq!(with(&|s| s.range = f32::NAN), Err(InvalidNetwork::Ends));
    assert_eq!(with(&|s| s.particles = usize::MAX), Err(InvalidNetwork::Ends));
    assert_eq!(with(&|s| s.radial = Radial::Basis { count: 1, range: 1.0 }), Err(InvalidNetwork::Ends));
    assert_eq!(with(&|s| s.radial = Radial::Basis { count: 2, range: 0.0 }), Err(InvalidNetwork::Ends));
    assert_eq!(with(&|s| s.radial = Radial::Basis { count: 2, range: 1.0 }), Err(InvalidNetwork::Shape { layer: 0 }));
    let damaged = |change: &dyn Fn(&mut EgnnLayer<'_, f32>)| {
        let mut layers = layers.clone();
        change(&mut layers[1]);
        Egnn::new(good, first, &layers).err()
    };
    let expected = Some(InvalidNetwork::Shape { layer: 1 });
    assert_eq!(damaged(&|_| ()), None);
    assert_eq!(damaged(&|l| l.source = &[]), expected);
    assert_eq!(damaged(&|l| l.target = Some(&[])), expected);
    assert_eq!(damaged(&|l| l.radial = &[]), expected);
    assert_eq!(damaged(&|l| l.edge_bias = &[]), expected);
    assert_eq!(damaged(&|l| l.coordinate = &[]), expected);
    assert_eq!(damaged(&|l| l.message = Layer { weight: &[], bias: &[] }), expected);
    assert_eq!(damaged(&|l| l.gate = l.head), expected);
    assert_eq!(damaged(&|l| l.head = l.gate), expected);
    assert_eq!(damaged(&|l| l.node = l.node.map(|[a, _]| [a, a])), expected);
    assert_eq!(damaged(&|l| l.node = l.node.map(|[_, b]| [b, b])), expected);
    let run = |h: usize, x: usize, scratch: usize, out: usize| {
        net.displacement(&[0.5_f32; 20][..h], &[0.5; 20][..x], &mut vec![0.0; scratch], &mut vec![0.0; out])
    };
    let need = net.scratch();
    assert_eq!(run(15, 15, need, 15), Ok(()));
    assert_eq!(run(20, 20, need + 3, 20), Ok(()), "longer buffers will do");
    assert_eq!(run(14, 15, need, 15), Err(InvalidNetwork::Buffer));
    assert_eq!(run(15, 14, need, 15), Err(InvalidNetwork::Buffer));
    assert_eq!(run(15, 15, need - 1, 15), Err(InvalidNetwork::Buffer));
    assert_eq!(run(15, 15, need, 14), Err(InvalidNetwork::Buffer));
}
