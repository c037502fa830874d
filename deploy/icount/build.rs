//! Makes the models that are measured: the published size 2-400-400-400-400-2 with random weights in every format. Hands
//! the board's memory and the linker script to the linker.

use std::path::PathBuf;
use std::{env, fs};

use kiln_core::artifact::{FixedMlp, FloatMlp, Model, Network};
use kiln_core::fixed;
use kiln_core::network;
use kiln_core::random::{Purpose, Randomness, Stream};

const WIDTHS: [usize; 6] = [2, 400, 400, 400, 400, 2];

fn encoded(network: Network<'_>) -> Vec<u8> {
    let model = Model::new("mog40", "{}", network).expect("a network of fitting sizes");
    let mut bytes = vec![0; model.encoded_length().expect("a small model")];
    model.encode(&mut bytes).expect("a buffer of its length");
    bytes
}

/// Weights, packed scales and bias of one layer.
type Numbers<W> = (Vec<W>, Vec<u32>, Vec<i32>);

/// Weights over half their range with a standard deviation of 1.2/√inputs, so that activations stay of unit size;
/// activations have binary point 12.
fn fixed_layers<W>(draw: impl Fn(u64) -> W, deviation: f64) -> Vec<Numbers<W>> {
    let mut stream = Stream::new(1, Purpose::Initialisation, 0);
    let sizes = WIDTHS.windows(2).map(|pair| (pair[0], pair[1]));
    let layer = |(inputs, outputs): (usize, usize)| {
        let factor = 1.2 / (inputs as f64).sqrt() / deviation * 16.0;
        let shift = 15 - factor.log2().floor() as i32;
        let mantissa = (factor * f64::from(shift).exp2()) as u32;
        let weights = (0..inputs * outputs).map(|_| draw(stream.next_bits())).collect();
        let bias = (0..outputs).map(|_| (stream.next_bits() >> 48) as i32 - (1 << 15)).collect();
        (weights, vec![mantissa | (shift as u32) << 16; outputs], bias)
    };
    sizes.map(layer).collect()
}

fn views<W>(layers: &[Numbers<W>]) -> Vec<fixed::Layer<'_, W>> {
    let affine =
        layers.iter().map(|(weights, scales, bias)| fixed::Affine { matrix: fixed::Matrix { weights, scales }, bias });
    affine.map(|affine| fixed::Layer { affine, point: 12 }).collect()
}

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let write = |name: &str, bytes: &[u8]| fs::write(out.join(name), bytes).expect("OUT_DIR can be written");

    let bytes = fixed_layers(|bits| (bits >> 56) as i8 / 2, 37.0);
    for (index, (weights, scales, bias)) in bytes.iter().enumerate() {
        write(&format!("{index}.weights"), &weights.iter().map(|w| *w as u8).collect::<Vec<_>>());
        write(&format!("{index}.scales"), &scales.iter().flat_map(|scale| scale.to_le_bytes()).collect::<Vec<_>>());
        write(&format!("{index}.bias"), &bias.iter().flat_map(|b| b.to_le_bytes()).collect::<Vec<_>>());
    }
    let network = FixedMlp::new(&views(&bytes), 2, &[], 1 << 15).expect("a network of fitting sizes");
    write("i8w16a.kiln", &encoded(Network::Mlp8(network)));
    let halves = fixed_layers(|bits| (bits >> 48) as i16 / 2, 9459.0);
    let network = FixedMlp::new(&views(&halves), 2, &[], 1 << 15).expect("a network of fitting sizes");
    write("i16w16a.kiln", &encoded(Network::Mlp16(network)));

    let mut stream = Stream::new(1, Purpose::Initialisation, 1);
    let mut normal = |n: usize, width: f32| {
        let mut numbers = vec![0.0_f32; n];
        stream.fill_normal(&mut numbers);
        numbers.iter_mut().for_each(|x| *x *= width);
        numbers
    };
    let floats: Vec<_> = WIDTHS
        .windows(2)
        .map(|pair| (normal(pair[0] * pair[1], 1.2 / (pair[0] as f32).sqrt()), normal(pair[1], 0.3)))
        .collect();
    let layers: Vec<_> = floats.iter().map(|(weight, bias)| network::Layer { weight, bias }).collect();
    let network = FloatMlp::new(&layers, 2, &[], 0.5, 1.0).expect("a network of fitting sizes");
    write("f32.kiln", &encoded(Network::Mlp(network)));

    write("memory.x", include_bytes!("../firmware-arm/memory.x"));
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../firmware-arm/memory.x");
    for argument in ["--nmagic", "-Tlink.x"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}
