//! The published equivariant networks' golden vectors (float64, PyTorch): value, input gradient and all parameter
//! gradients, in the plain path (f64 and f32) and the fused one.

mod common;

use common::egnn::{fused, names, plain};
use common::{relative_error, tolerance, wide};
use dfdx::prelude::*;
use kiln_gpu::egnn::{Activation, Edges, Head, Radial};
use kiln_gpu::{Backend, Egnn, EgnnSpec, Matrix};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(all) => all.iter().flat_map(numbers).collect(),
        Value::Number(n) => vec![n.as_f64().expect("a number")],
        other => panic!("{other}"),
    }
}

fn cast<E: Dtype>(values: &[f64]) -> Vec<E> {
    values.iter().map(|&x| E::from_f64(x).expect("representable")).collect()
}

struct Golden {
    net: Value,
    spec: EgnnSpec,
}

const GOLDEN: [&str; 4] = ["egnn_gen_dw", "egnn_score_dw", "egnn_gen_lj", "egnn_score_lj"];

/// A part of a published matrix in our layout: PyTorch's name, and which columns of its (outputs, inputs) become the
/// rows of ours.
fn published(name: &str, hidden: usize) -> (String, std::ops::Range<usize>) {
    let whole = |name: String| (name, 0..usize::MAX);
    let Some(rest) = name.strip_prefix("layers.") else { return whole(format!("egnn.{name}")) };
    let (layer, part) = rest.split_once('.').expect("a part");
    let (role, kind) = part.split_once('.').expect("a kind");
    let of = |module: &str| format!("egnn.gcl_{layer}.{module}.{kind}");
    match role {
        "source" => (of("edge_mlp.0"), 0..hidden),
        "target" => (of("edge_mlp.0"), hidden..2 * hidden),
        "radial" => (of("edge_mlp.0"), 2 * hidden..2 * hidden + 2),
        "edge" => whole(of("edge_mlp.0")),
        "message" => whole(of("edge_mlp.2")),
        "gate" => whole(of("att_mlp.0")),
        "head" => whole(of("coord_mlp.0")),
        "coordinate" => whole(of("coord_mlp.2")),
        "node" => whole(of("node_mlp.0")),
        "update" => whole(of("node_mlp.2")),
        other => panic!("{other}"),
    }
}

impl Golden {
    fn new(name: &str) -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/nets.json");
        let all: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("golden file")).expect("json");
        let net = all[name].clone();
        let size = |key: &str| net[key].as_u64().expect("a size") as usize;
        let spec = EgnnSpec {
            particles: size("n_particles"),
            dimensions: size("dim"),
            node_inputs: 1,
            hidden: size("hidden"),
            layers: size("layers"),
            activation: Activation::Relu,
            edges: Edges::Directed,
            head: Head::Deep,
            attention: true,
            radial: Radial::Squared,
            range: net["coords_range_layer"].as_f64().expect("a range") as f32,
        };
        Self { net, spec }
    }

    /// Rows and columns of ours out of a published tensor or its gradient.
    fn part(&self, all: &[f64], name: &str, (rows, columns): (usize, usize)) -> Vec<f64> {
        let range = published(name, self.spec.hidden).1;
        if name.ends_with("bias") {
            return all.to_vec();
        }
        let inputs = all.len() / columns;
        let range = range.start..range.end.min(inputs);
        assert_eq!(range.len(), rows, "{name}");
        range.flat_map(|i| (0..columns).map(move |o| all[o * inputs + i])).collect()
    }

    fn network<D: Device<E>, E: Dtype>(&self, device: &D) -> Egnn<D, E> {
        Egnn::from_values(device, self.spec.clone(), |name, shape| {
            let all = numbers(&self.net["state"][&published(name, self.spec.hidden).0]["data"]);
            cast(&self.part(&all, name, shape))
        })
        .expect("a valid shape")
    }

    fn matrix<D: Device<E>, E: Dtype>(&self, device: &D, key: &str) -> Matrix<D, NoneTape, E> {
        let rows = self.net[key].as_array().expect("rows").len();
        let all = cast(&numbers(&self.net[key]));
        let columns = all.len() / rows;
        device.tensor_from_vec(all, (rows, columns))
    }

    /// The node input: the time of each sample, or one.
    fn nodes<D: Device<E>, E: Dtype>(&self, device: &D) -> Matrix<D, NoneTape, E> {
        let rows = self.net["x"].as_array().expect("rows").len();
        let times = if self.net["t"].is_null() { vec![1.0; rows] } else { numbers(&self.net["t"]) };
        let all: Vec<f64> = times.iter().flat_map(|&t| std::iter::repeat_n(t, self.spec.particles)).collect();
        device.tensor_from_vec(cast(&all), (rows, self.spec.particles))
    }

    fn check(&self, y: &[f64], gx: &[f64], names: &[(String, (usize, usize))], gradients: &[Vec<f64>], limit: f64) {
        let error = relative_error(y, &numbers(&self.net["y"]));
        assert!(error < limit, "value: {error:e}");
        let error = relative_error(gx, &numbers(&self.net["grad_x"]));
        assert!(error < limit, "input gradient: {error:e}");
        for ((name, shape), found) in names.iter().zip(gradients) {
            let all = numbers(&self.net["grad_params"][&published(name, self.spec.hidden).0]);
            let error = relative_error(found, &self.part(&all, name, *shape));
            assert!(error < limit, "{name}: {error:e}");
        }
    }
}

#[test]
fn golden_plain_f64() {
    for name in GOLDEN {
        let (golden, device) = (Golden::new(name), Cpu::default());
        let net: Egnn<Cpu, f64> = golden.network(&device);
        let (h, x, v) = (golden.nodes(&device), golden.matrix(&device, "x"), golden.matrix(&device, "v"));
        let (y, _, gx, parameters) = plain(&net, &h, &x, &v);
        golden.check(&y, &gx, &names(&net), &parameters, tolerance::GOLDEN_F64);
    }
}

fn check_f32<D: Backend>(device: &D) {
    for name in GOLDEN {
        let golden = Golden::new(name);
        let net: Egnn<D> = golden.network(device);
        let (h, x, v) = (golden.nodes(device), golden.matrix(device, "x"), golden.matrix(device, "v"));
        for run in [plain::<D, f32>, fused::<D>] {
            let (y, _, gx, parameters) = run(&net, &h, &x, &v);
            let parameters: Vec<_> = parameters.into_iter().map(wide).collect();
            golden.check(&wide(y), &wide(gx), &names(&net), &parameters, tolerance::GOLDEN_F32);
        }
    }
}

#[test]
fn golden_plain_and_fused_f32() {
    check_f32(&Cpu::default());
}

/// There the fused path is the plain one, until it has a kernel of its own.
#[cfg(feature = "cuda")]
#[test]
fn golden_cuda_f32() {
    check_f32(&common::cuda());
}
