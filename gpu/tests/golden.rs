//! The published networks' golden vectors (float64, PyTorch): value, input gradient and all parameter gradients,
//! in the plain path (f64 and f32) and the fused one.

mod common;

use common::{differentiate, parameter_gradients, relative_error, tolerance, wide};
use dfdx::prelude::*;
use kiln_gpu::score_network::time_table;
use kiln_gpu::{Backend, Layer, Matrix, Mlp, NoiseBatch, ScoreNetwork, ScoreSpec};
use serde_json::Value;

const LEVELS: usize = 30;

struct Golden {
    net: Value,
    layers: Vec<(String, Option<String>)>,
    times: Option<Vec<usize>>,
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(all) => all.iter().flat_map(numbers).collect(),
        Value::Number(n) => vec![n.as_f64().expect("a number")],
        other => panic!("{other}"),
    }
}

fn golden(name: &str) -> Golden {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/nets.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("golden file")).expect("json");
    let hidden = |l: usize| match name {
        "mlp_gen" => (format!("decoder.layers.{l}"), None),
        _ => (format!("score.lins.{l}.lin"), Some(format!("score.lins.{l}.embed.w"))),
    };
    let last = if name == "mlp_gen" { "decoder.out" } else { "score.out_mu" };
    let net = all[name].clone();
    let times = net["t"].as_array().map(|_| numbers(&net["t"]).into_iter().map(|t| t as usize).collect());
    let layers = (0..4).map(hidden).chain([(last.to_string(), None)]).collect();
    Golden { net, layers, times }
}

impl Golden {
    fn state(&self, key: &str) -> (Vec<f64>, Vec<usize>) {
        let entry = &self.net["state"][key];
        (numbers(&entry["data"]), numbers(&entry["shape"]).into_iter().map(|n| n as usize).collect())
    }

    fn matrix<D: Device<E>, E: Dtype>(&self, device: &D, key: &str) -> Matrix<D, NoneTape, E> {
        let rows = self.net[key].as_array().expect("rows").len();
        let all = cast(&numbers(&self.net[key]));
        let columns = all.len() / rows;
        device.tensor_from_vec(all, (rows, columns))
    }

    fn mlp<D: Device<E>, E: Dtype>(&self, device: &D) -> Mlp<D, E> {
        let layers = self.layers.iter().map(|(name, embed)| {
            let (weight, shape) = self.state(&format!("{name}.weight"));
            let (out, inputs) = (shape[0], shape[1]);
            let bias = self.state(&format!("{name}.bias")).0;
            let weight = cast(&transposed(&weight, out, inputs));
            let layer = Layer::from_values(device, (inputs, out), weight, cast(&bias));
            match embed {
                None => layer,
                Some(key) => layer.conditioned(LEVELS, cast(&exact_table(&self.state(key).0)), false),
            }
        });
        Mlp::from_layers(layers.collect())
    }

    fn features<D: Device<E>, E: Dtype>(&self, device: &D) -> Option<Matrix<D, NoneTape, E>> {
        let times = self.times.as_ref()?;
        let one_hot = times.iter().flat_map(|&t| (0..LEVELS).map(move |i| if i == t { 1.0 } else { 0.0 }));
        Some(device.tensor_from_vec(cast(&one_hot.collect::<Vec<f64>>()), (times.len(), LEVELS)))
    }

    fn check(&self, y: &[f64], gx: &[f64], parameters: &[Vec<f64>], limit: f64) {
        assert!(relative_error(y, &numbers(&self.net["y"])) < limit, "value");
        assert!(relative_error(gx, &numbers(&self.net["grad_x"])) < limit, "input gradient");
        assert_eq!(parameters.len(), 2 * self.layers.len());
        for (pair, (name, _)) in parameters.chunks(2).zip(&self.layers) {
            let shape = self.state(&format!("{name}.weight")).1;
            let weight = numbers(&self.net["grad_params"][format!("{name}.weight")]);
            let error = relative_error(&pair[0], &transposed(&weight, shape[0], shape[1]));
            assert!(error < limit, "{name}.weight: {error:e}");
            let error = relative_error(&pair[1], &numbers(&self.net["grad_params"][format!("{name}.bias")]));
            assert!(error < limit, "{name}.bias: {error:e}");
        }
    }
}

/// The table of the published time features in f64.
fn exact_table(frequencies: &[f64]) -> Vec<f64> {
    let phase = |t: usize, w: f64| std::f64::consts::TAU * w * t as f64;
    (0..LEVELS)
        .flat_map(|t| {
            let sines = frequencies.iter().map(move |&w| phase(t, w).sin());
            sines.chain(frequencies.iter().map(move |&w| phase(t, w).cos()))
        })
        .collect()
}

fn transposed(values: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c])).collect()
}

fn cast<E: Dtype>(values: &[f64]) -> Vec<E> {
    values.iter().map(|&x| E::from_f64(x).expect("representable")).collect()
}

#[test]
fn plain_f64() {
    for name in ["mlp_gen", "mlp_score"] {
        let (golden, device) = (golden(name), Cpu::default());
        let net: Mlp<Cpu, f64> = golden.mlp(&device);
        let x: Matrix<Cpu, NoneTape, f64> = golden.matrix(&device, "x");
        let v: Matrix<Cpu, NoneTape, f64> = golden.matrix(&device, "v");
        let y = net.forward_plain(x.leaky_trace(), golden.features(&device).as_ref());
        let value = y.as_vec();
        let grads = (y * v).sum::<Rank0, _>().backward();
        let gx = grads.get(&x).as_vec();
        golden.check(&value, &gx, &parameter_gradients(&net, &grads), tolerance::GOLDEN_F64);
    }
}

fn check_f32<D: Backend>(device: &D) {
    for name in ["mlp_gen", "mlp_score"] {
        let golden = golden(name);
        let net: Mlp<D> = golden.mlp(device);
        let (x, v) = (golden.matrix(device, "x"), golden.matrix(device, "v"));
        let features = golden.features(device);
        for fused in [false, true] {
            let (y, gx, parameters) = differentiate(&net, &x, features.as_ref(), &v, fused);
            let parameters: Vec<_> = parameters.into_iter().map(wide).collect();
            golden.check(&wide(y), &wide(gx), &parameters, tolerance::GOLDEN_F32);
        }
    }
}

#[test]
fn plain_and_fused_f32() {
    check_f32(&Cpu::default());
}

/// There the fused path is the plain one, until it has a kernel of its own.
#[cfg(feature = "cuda")]
#[test]
fn cuda_f32() {
    check_f32(&common::cuda());
}

/// The published network behind the common interface: sigma s and D from the golden s.
#[test]
fn published_network_in_noise_coordinates() {
    let (golden, device) = (golden("mlp_score"), Cpu::default());
    for (table, w) in
        [0, 1].map(|l| golden.state(&format!("score.lins.{l}.embed.w")).0).iter().map(|w| (time_table(w, LEVELS), w))
    {
        let exact = exact_table(w);
        assert!(relative_error(&wide(table), &exact) < 1e-7);
    }
    let levels: Vec<(f32, f32)> = (0..LEVELS).map(|t| (1.0 / (1.0 + t as f32), 0.1 + t as f32)).collect();
    let times = golden.times.clone().expect("times");
    let noise = NoiseBatch::from_levels(&levels, times);
    let spec = ScoreSpec::Published { dim: 2, body: kiln_gpu::Body::Mlp { hidden: 16, depth: 4 }, levels };
    let net = ScoreNetwork::from_mlp(spec, golden.mlp(&device));
    let (x, s) = (numbers(&golden.net["x"]), numbers(&golden.net["y"]));
    let rows: Vec<(f64, f64)> =
        noise.alpha().iter().zip(noise.sigma()).map(|(&a, &s)| (f64::from(a), f64::from(s))).collect();
    let y: Vec<f32> = x.iter().enumerate().map(|(i, x)| (x / rows[i / 2].0) as f32).collect();
    let sigma_score: Vec<f64> = s.iter().enumerate().map(|(i, s)| rows[i / 2].1 * s).collect();
    let error = relative_error(&wide(net.sigma_score(&y, &noise)), &sigma_score);
    assert!(error < tolerance::GOLDEN_F32, "{error:e}");
    let denoised: Vec<f64> =
        s.iter().enumerate().map(|(i, s)| x[i] / rows[i / 2].0 + rows[i / 2].1.powi(2) / rows[i / 2].0 * s).collect();
    let error = relative_error(&wide(net.denoise(&y, &noise)), &denoised);
    assert!(error < tolerance::GOLDEN_F32, "{error:e}");
}
