//! The equivariant network: fused against plain dfdx operations and against `kiln-core` for every combination of flags,
//! finite differences, symmetries, its bits for any number of threads, files.

mod common;

use common::egnn::{Case, bits, combinations, fused, names, plain};
use common::{relative_error, tolerance, uniform, values, wide};
use dfdx::prelude::*;
use kiln_core::network;
use kiln_gpu::egnn::{Activation, Radial, repeated};
use kiln_gpu::{Adam, AdamOptions, Checkpoint, Egnn, EgnnSpec, EgnnSpecError, Matrix, Network, Taped};
use std::collections::HashMap;

/// The same numbers in f64.
fn widened(m: &Matrix<Cpu>) -> Matrix<Cpu, NoneTape, f64> {
    Cpu::default().tensor_from_vec(wide(m.as_vec()), *m.shape())
}

fn widened_network(net: &Egnn<Cpu>) -> Egnn<Cpu, f64> {
    let mut all = net.matrices().map(|(_, m)| wide(m.as_vec()));
    let device = Cpu::default();
    Egnn::from_values(&device, net.spec().clone(), |_, _| all.next().expect("a matrix")).expect("a valid shape")
}

/// The plain path runs in f64: what is left is the rounding of the fused one. Gradients that are sums of many terms of
/// both signs are compared on the scale of all gradients.
#[test]
fn fused_is_plain() {
    for (seed, spec) in combinations().into_iter().enumerate() {
        for batch in [1, 41] {
            let case = Case::new(&spec, batch, seed as u32);
            let (y, gh, gx, gp) = fused(&case.net, &case.h, &case.x, &case.g);
            let inputs = [&case.h, &case.x, &case.g].map(widened);
            let (y0, gh0, gx0, gp0) = plain(&widened_network(&case.net), &inputs[0], &inputs[1], &inputs[2]);
            let largest = gp0.iter().flatten().fold(0.0f64, |a, g| a.max(g.abs()));
            let bound = |what: &str, found: &[f32], expected: &[f64], scale: f64| {
                let own = expected.iter().fold(0.0f64, |a, x| a.max(x.abs()));
                let error = relative_error(&wide(found.to_vec()), expected) * own.max(1e-3) / own.max(scale);
                assert!(error < tolerance::EGNN, "{spec:?}, batch {batch}: {what}: {error:e}");
            };
            let untaped = case.displacement(&case.h.as_vec(), &case.x.as_vec());
            assert_eq!(bits(&untaped), bits(&y), "with and without tape");
            bound("value", &y, &y0, 1e-3);
            bound("node inputs", &gh, &gh0, 1e-3);
            bound("coordinates", &gx, &gx0, 1e-3);
            for (((name, _), found), expected) in names(&case.net).iter().zip(&gp).zip(&gp0) {
                bound(name, found, expected, 0.05 * largest);
            }
            let constant: Matrix<Cpu, Taped<Cpu>> = case.net.forward_constant(case.h.clone(), case.x.clone());
            let grads = (constant * case.g.clone()).sum::<Rank0, _>().backward();
            for ((name, m), expected) in case.net.matrices().zip(&gp) {
                assert_eq!(bits(&grads.get(m).as_vec()), bits(expected), "{name}, of constant inputs");
            }
        }
    }
}

/// The network of `kiln-core`, from the same weights, for every combination of flags.
#[test]
fn core_computes_the_same() {
    for (seed, spec) in combinations().into_iter().enumerate() {
        let case = Case::new(&spec, 3, seed as u32);
        let all: HashMap<String, Vec<f32>> = case.net.matrices().map(|(n, m)| (n.to_string(), m.as_vec())).collect();
        let find = |name: String| all.get(&name).map(Vec::as_slice);
        let layers: Vec<network::EgnnLayer<'_, f32>> = (0..spec.layers)
            .map(|l| {
                let find = |name: &str| find(format!("layers.{l}.{name}"));
                let affine = |name: &str| {
                    let weight = find(&format!("{name}.weight"))?;
                    Some(network::Layer { weight, bias: find(&format!("{name}.bias"))? })
                };
                network::EgnnLayer {
                    source: find("source.weight").expect("a matrix"),
                    target: find("target.weight"),
                    radial: find("radial.weight").expect("a matrix"),
                    edge_bias: find("edge.bias").expect("a bias"),
                    message: affine("message").expect("a layer"),
                    gate: affine("gate"),
                    head: affine("head"),
                    coordinate: find("coordinate.weight").expect("a matrix"),
                    node: affine("node").zip(affine("update")).map(|(a, b)| [a, b]),
                }
            })
            .collect();
        let shape = network::EgnnShape {
            particles: spec.particles,
            dimensions: spec.dimensions,
            node_inputs: spec.node_inputs,
            activation: spec.activation,
            radial: spec.radial,
            range: spec.range,
        };
        let embedding = network::Layer { weight: &all["embedding.weight"], bias: &all["embedding.bias"] };
        let net = network::Egnn::new(shape, embedding, &layers).expect("a valid network");
        let (h, x) = (case.h.as_vec(), case.x.as_vec());
        let expected = case.displacement(&h, &x);
        let mut found = vec![0.0; expected.len()];
        let rows = h.chunks_exact(net.inputs()).zip(x.chunks_exact(net.dim())).zip(found.chunks_exact_mut(net.dim()));
        for ((h, x), out) in rows {
            net.displacement(h, x, &mut vec![f32::NAN; net.scratch()], out).expect("long enough buffers");
        }
        let error = relative_error(&wide(found), &wide(expected));
        assert!(error < tolerance::FUSED, "{spec:?}: {error:e}");
    }
}

/// Central differences along random directions through all parameters and both inputs at once.
#[test]
fn gradients_are_slopes() {
    let is_smooth = |s: &EgnnSpec| s.activation == Activation::Silu && !matches!(s.radial, Radial::Steps { .. });
    let smooth = combinations().into_iter().filter(is_smooth);
    for (seed, spec) in smooth.enumerate() {
        let mut case = Case::new(&spec, 6, seed as u32 + 50);
        let (_, gh, gx, gp) = fused(&case.net, &case.h, &case.x, &case.g);
        let directions: Vec<Vec<f32>> = gp.iter().enumerate().map(|(i, v)| values(v.len(), 900 + i as u32)).collect();
        let (dh, dx) = (values(gh.len(), 800), values(gx.len(), 801));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let exact = gp.iter().zip(&directions).map(|(a, b)| dot(a, b)).sum::<f64>() + dot(&gh, &dh) + dot(&gx, &dx);
        let start: Vec<Vec<f32>> = case.net.parameters().iter().map(|p| p.matrix.as_vec()).collect();
        let step = 1e-3f32;
        let moved = |from: &[f32], by: &[f32], sign: f32| -> Vec<f32> {
            from.iter().zip(by).map(|(x, d)| x + sign * step * d).collect()
        };
        let mut at = |sign: f32| {
            for ((p, s), d) in case.net.parameters_mut().into_iter().zip(&start).zip(&directions) {
                p.matrix.copy_from(&moved(s, d, sign));
            }
            let (h, x) = (moved(&case.h.as_vec(), &dh, sign), moved(&case.x.as_vec(), &dx, sign));
            dot(&case.displacement(&h, &x), &case.g.as_vec())
        };
        let found = (at(1.0) - at(-1.0)) / (2.0 * f64::from(step));
        let scale = exact.abs().max(10.0);
        assert!((found - exact).abs() < 2e-3 * scale, "{spec:?}: {found} against {exact}");
    }
}

/// Turning, mirroring, shifting and permuting the input does the same to the displacement (but for the shift, which it
/// does not see), and its mean is zero.
#[test]
fn displacements_are_equivariant() {
    for (seed, spec) in combinations().into_iter().enumerate() {
        let case = Case::new(&spec, 5, seed as u32 + 300);
        let (n, d, k) = (spec.particles, spec.dimensions, spec.node_inputs);
        let (h, x) = (case.h.as_vec(), case.x.as_vec());
        let y = case.displacement(&h, &x);
        let close = |what: &str, found: &[f32], expected: &[f32]| {
            let error = relative_error(&wide(found.to_vec()), &wide(expected.to_vec()));
            assert!(error < tolerance::FUSED, "{spec:?}: {what}: {error:e}");
        };
        // A rotation of the first two coordinates and a mirror of the last.
        let (sin, cos) = 0.7f32.sin_cos();
        let turned = |all: &[f32]| -> Vec<f32> {
            let mut all = all.to_vec();
            for row in all.chunks_exact_mut(d) {
                (row[0], row[1]) = (cos * row[0] - sin * row[1], sin * row[0] + cos * row[1]);
                row[d - 1] = -row[d - 1];
            }
            all
        };
        close("turned and mirrored", &case.displacement(&h, &turned(&x)), &turned(&y));
        let shifted: Vec<f32> = x.iter().enumerate().map(|(i, x)| x + 0.5 - (i % d) as f32).collect();
        close("shifted", &case.displacement(&h, &shifted), &y);
        // Particle i becomes particle 2 i + 1 modulo an odd n, or i + 1.
        let to = |i: usize| if n % 2 == 1 { (2 * i + 1) % n } else { (i + 1) % n };
        let permuted = |all: &[f32], width: usize| -> Vec<f32> {
            let mut out = vec![0.0; all.len()];
            for (from, row) in all.chunks_exact(width).enumerate() {
                let at = from / n * n + to(from % n);
                out[at * width..(at + 1) * width].copy_from_slice(row);
            }
            out
        };
        close("permuted", &case.displacement(&permuted(&h, k), &permuted(&x, d)), &permuted(&y, d));
        let largest = y.iter().fold(0.0f32, |a, y| a.max(y.abs()));
        for sample in y.chunks_exact(n * d) {
            for c in 0..d {
                let mean: f32 = sample.iter().skip(c).step_by(d).sum();
                assert!(mean.abs() < 1e-5 * largest, "mean {mean}");
            }
        }
        assert!(largest > 1e-2, "the network does something");
    }
}

/// Forward, backward and three Adam steps on one, two and three threads, published and lean.
#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let all = combinations();
    for spec in [&all[1], &all[all.len() - 1]] {
        let mut results = Vec::new();
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            results.push(pool.install(|| {
                let mut case = Case::new(spec, 301, 9);
                let mut adam = Adam::new(&case.net);
                for _ in 0..3 {
                    let y: Matrix<Cpu, Taped<Cpu>> = case.net.forward_constant(case.h.clone(), case.x.clone());
                    let grads = (y * case.g.clone()).sum::<Rank0, _>().backward();
                    adam.step(&mut case.net, grads, &AdamOptions::default()).expect("finite");
                }
                let (y, gh, gx, gp) = fused(&case.net, &case.h, &case.x, &case.g);
                [y, gh, gx, gp.concat()].map(|v| bits(&v))
            }));
        }
        assert!(results[0] == results[1] && results[0] == results[2]);
    }
}

#[test]
fn shapes_are_checked() {
    let good = combinations().remove(0);
    assert_eq!(good.check(), Ok(()));
    let refused = |change: fn(&mut EgnnSpec), error: EgnnSpecError| {
        let mut spec = good.clone();
        change(&mut spec);
        assert_eq!(spec.check(), Err(error));
        assert_eq!(Egnn::new(&Cpu::default(), spec, &mut uniform(1)).err(), Some(error));
    };
    refused(|s| s.particles = 1, EgnnSpecError::Empty);
    refused(|s| s.dimensions = 0, EgnnSpecError::Empty);
    refused(|s| s.node_inputs = 0, EgnnSpecError::Empty);
    refused(|s| s.hidden = 0, EgnnSpecError::Empty);
    refused(|s| s.layers = 0, EgnnSpecError::Empty);
    refused(|s| s.radial = Radial::Basis { count: 1, range: 1.0 }, EgnnSpecError::Basis);
    refused(|s| s.radial = Radial::Basis { count: 4, range: f32::NAN }, EgnnSpecError::Basis);
    refused(|s| s.range = 0.0, EgnnSpecError::Range);
    refused(|s| s.range = f32::INFINITY, EgnnSpecError::Range);
    refused(|s| s.hidden = usize::MAX, EgnnSpecError::TooLarge);
}

/// Shape and weights come back from a file as they went in; the names in it are those that files keep.
#[test]
fn networks_are_files() {
    for (seed, spec) in combinations().into_iter().enumerate() {
        let case = Case::new(&spec, 2, seed as u32);
        let mut file = Checkpoint::new();
        spec.insert_into("score.", &mut file);
        case.net.insert_into("score.", &mut file);
        let file = Checkpoint::from_bytes(&file.to_bytes()).expect("a file");
        let read = EgnnSpec::from_checkpoint("score.", &file).expect("a shape");
        assert_eq!(read, spec);
        let mut net = Egnn::new(&Cpu::default(), read, &mut uniform(1)).expect("a shape");
        net.load_from("score.", &file).expect("weights");
        let y: Matrix<Cpu> = net.forward_constant(case.h.clone(), case.x.clone());
        assert_eq!(bits(&y.as_vec()), bits(&case.displacement(&case.h.as_vec(), &case.x.as_vec())));
    }
    let spec = combinations().remove(0);
    let names: Vec<String> = names(&Case::new(&spec, 1, 1).net).into_iter().map(|(name, _)| name).collect();
    let first = [
        "embedding.weight",
        "embedding.bias",
        "layers.0.source.weight",
        "layers.0.target.weight",
        "layers.0.radial.weight",
        "layers.0.edge.bias",
        "layers.0.message.weight",
        "layers.0.message.bias",
        "layers.0.head.weight",
        "layers.0.head.bias",
        "layers.0.node.weight",
        "layers.0.node.bias",
        "layers.0.update.weight",
        "layers.0.update.bias",
        "layers.0.coordinate.weight",
        "layers.1.source.weight",
    ];
    assert_eq!(names[..first.len()], first);
    let mut file = Checkpoint::new();
    spec.insert_into("", &mut file);
    file.insert_text("edges", "sideways");
    assert!(EgnnSpec::from_checkpoint("", &file).is_err());
    file.insert_text("edges", "directed");
    file.insert_text("hidden", "0");
    assert!(EgnnSpec::from_checkpoint("", &file).is_err());
}

#[test]
fn features_are_repeated() {
    assert_eq!(repeated(&[1.0, 2.0, 3.0, 4.0], 2, 3), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0, 3.0, 4.0]);
}
