//! Checkpoints and generator files: exact, canonical, and unforgiving.

mod common;

use common::{uniform, values};
use kiln_gpu::objective::denoising;
use kiln_gpu::tensor::backward;
use kiln_gpu::{
    Adam, AdamOptions, Body, Checkpoint, CheckpointError, Cpu, Ema, Generator, GeneratorSpec, Mixture, Network,
    NoiseBatch, ScoreNetwork, ScoreSpec,
};

use std::sync::Arc;

fn generator() -> Generator<Cpu> {
    let thresholds = vec![-1.0, 0.1];
    let body = Body::Mlp { hidden: 7, depth: 2 };
    let spec = GeneratorSpec { dim: 2, latent: 2, cells: Vec::new(), thresholds, skip: 0.1, scale: 1.0 / 3.0, body };
    Generator::new(&Cpu::default(), spec, &mut uniform(1)).expect("a spec")
}

fn bits(net: &impl Network<Cpu>) -> Vec<u32> {
    net.parameters().iter().flat_map(|p| p.matrix.as_vec()).map(f32::to_bits).collect()
}

#[test]
fn generator_round_trip() {
    let g = generator();
    let bytes = g.to_checkpoint([("target", "mog40 \"quoted\" \\ \n ü".to_string())]).to_bytes();
    let file = Checkpoint::from_bytes(&bytes).expect("a file");
    assert_eq!(file.text("target").expect("text"), "mog40 \"quoted\" \\ \n ü");
    let again = Generator::from_checkpoint(&Cpu::default(), &file).expect("a generator");
    assert_eq!((again.spec(), bits(&again)), (g.spec(), bits(&g)));
    assert_eq!(file.to_bytes(), bytes, "equal contents, equal bytes");
    let z = values(200, 1);
    assert_eq!(again.sample(&z), g.sample(&z));
    assert_eq!(bytes[0] % 8, 0, "numbers are aligned");
    let view = safetensors::SafeTensors::deserialize(&bytes).expect("the library reads it");
    assert_eq!(view.tensor("layers.1.weight").expect("there").shape(), [7, 7]);
    assert_eq!(view.tensor("layers.1.bias").expect("there").shape(), [7]);
}

/// Cutting the file anywhere, or flipping any one bit of it, is an error; never a panic.
#[test]
fn a_file_with_a_flipped_bit_or_without_its_end_does_not_open() {
    let bytes = generator().to_checkpoint([]).to_bytes();
    let load =
        |bytes: &[u8]| Checkpoint::from_bytes(bytes).and_then(|f| Generator::from_checkpoint(&Cpu::default(), &f));
    for end in (0..bytes.len()).step_by(7) {
        assert!(load(&bytes[..end]).is_err(), "cut at {end}");
    }
    for bit in 0..8 * bytes.len() {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(load(&damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn a_file_of_another_program_has_no_checksum() {
    let bytes = safetensors::serialize(std::iter::empty::<(String, safetensors::tensor::TensorView<'_>)>(), None);
    let error = Checkpoint::from_bytes(&bytes.expect("bytes")).expect_err("no checksum");
    assert!(matches!(error, CheckpointError::NoChecksum), "{error}");
}

#[test]
fn an_infinite_moment_is_found_before_it_is_written() {
    let mut file = generator().to_checkpoint([]);
    assert!(file.check_finite().is_ok());
    file.insert_tensor("second.layers.0.bias", vec![2], vec![1.0, f32::INFINITY]);
    let error = file.check_finite().expect_err("infinite");
    assert!(matches!(error, CheckpointError::NonFinite(ref name) if name == "second.layers.0.bias"), "{error}");
}

fn expect_error(change: impl FnOnce(&mut Checkpoint)) -> CheckpointError {
    let mut file = generator().to_checkpoint([]);
    change(&mut file);
    let file = Checkpoint::from_bytes(&file.to_bytes()).expect("well-formed");
    Generator::from_checkpoint(&Cpu::default(), &file).expect_err("no generator")
}

#[test]
fn wrong_contents() {
    let error = expect_error(|f| f.insert_tensor("layers.0.weight", vec![7, 6], vec![0.0; 42]));
    assert!(matches!(error, CheckpointError::Shape { ref name, .. } if name == "layers.0.weight"), "{error}");
    let error = expect_error(|f| f.insert_tensor("layers.2.bias", vec![2], vec![0.0, f32::NAN]));
    assert!(matches!(error, CheckpointError::NonFinite(ref name) if name == "layers.2.bias"), "{error}");
    let error = expect_error(|f| f.insert_tensor("thresholds", vec![1, 2], vec![0.0; 2]));
    assert!(matches!(error, CheckpointError::Shape { .. }), "{error}");
    let error = expect_error(|f| f.insert_text("depth", "3"));
    assert!(matches!(error, CheckpointError::Shape { .. } | CheckpointError::Missing(_)), "{error}");
    let error = expect_error(|f| f.insert_text("hidden", "many"));
    assert!(matches!(error, CheckpointError::Text { ref key, .. } if key == "hidden"), "{error}");
    let error = expect_error(|f| f.insert_text("latent", usize::MAX.to_string()));
    assert!(matches!(error, CheckpointError::Spec { .. }), "{error}");
    let error = expect_error(|f| f.insert_text("skip", "NaN"));
    assert!(matches!(error, CheckpointError::Spec { .. }), "{error}");
    let error = expect_error(|f| f.insert_text("format", "3"));
    assert!(matches!(error, CheckpointError::Text { ref key, .. } if key == "format"), "{error}");
    // That of generators with cells, of which there are none.
    let error = expect_error(|f| f.insert_text("format", "2"));
    assert!(matches!(error, CheckpointError::Missing(ref name) if name == "cells"), "{error}");
    let error = Generator::from_checkpoint(&Cpu::default(), &Checkpoint::new()).expect_err("empty");
    assert!(matches!(error, CheckpointError::Missing(_)), "{error}");
}

#[test]
fn other_dtypes_are_refused() {
    let mut file = Checkpoint::new();
    file.insert_tensor("x", vec![2], vec![1.0, 2.0]);
    // Whole numbers of the same size, under a checksum of their own.
    let text = file.to_bytes().iter().map(|byte| char::from(*byte)).collect::<String>().replace("\"F32\"", "\"I32\"");
    let mut bytes: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let digits = 8 + "{\"__metadata__\":{\"checksum\":\"".len()..;
    let digits = digits.start..digits.start + 16;
    let right = kiln_gpu::checksum([&bytes[..digits.start], &bytes[digits.end..]]);
    bytes[digits].copy_from_slice(right.as_bytes());
    assert!(matches!(Checkpoint::from_bytes(&bytes), Err(CheckpointError::NotF32(name)) if name == "x"));
}

struct Run {
    net: ScoreNetwork<Cpu>,
    adam: Adam<Cpu>,
    ema: Ema<Cpu, ScoreNetwork<Cpu>>,
}

impl Run {
    /// `seed` decides weights and, for the published network, frozen frequencies.
    fn new(spec: ScoreSpec, seed: u32) -> Self {
        let net = ScoreNetwork::new(&Cpu::default(), spec, &mut uniform(seed)).expect("a spec");
        let (adam, ema) = (Adam::new(&net), Ema::new(&net));
        Self { net, adam, ema }
    }

    fn train(&mut self, steps: std::ops::Range<u32>) {
        for step in steps {
            let noise = match self.net.spec() {
                ScoreSpec::Preconditioned { .. } | ScoreSpec::Guided { .. } => NoiseBatch::from_ratios(vec![0.5; 300]),
                ScoreSpec::Published { levels, .. } => {
                    NoiseBatch::from_levels(levels, (0..300).map(|i| i % 3).collect())
                }
            };
            let loss = denoising::loss(&self.net, &values(600, 2 * step), &values(600, 2 * step + 1), &noise);
            let options = AdamOptions { clip: Some(0.3), ..Default::default() };
            self.adam.step(&mut self.net, backward(loss), &options).expect("finite");
            self.ema.update(&self.net, 0.9);
        }
    }

    fn save(&self) -> Vec<u8> {
        let mut file = Checkpoint::new();
        self.net.insert_into("score.", &mut file);
        self.ema.network().insert_into("ema.", &mut file);
        self.adam.insert_into("adam.", &self.net, &mut file);
        file.to_bytes()
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), CheckpointError> {
        let file = Checkpoint::from_bytes(bytes)?;
        self.net.load_from("score.", &file)?;
        self.ema.network_mut().load_from("ema.", &file)?;
        self.adam = Adam::from_checkpoint("adam.", &self.net, &file)?;
        Ok(())
    }
}

/// A run that is saved and loaded into other weights goes on with the bits of one that was never stopped.
#[test]
fn resumes_exactly() {
    let levels = vec![(0.9, 0.4), (0.5, 0.8), (0.1, 0.99)];
    let whole = Mixture::new(2, Vec::new()).expect("one Gaussian");
    for spec in [
        ScoreSpec::Preconditioned { dim: 2, body: Body::Mlp { hidden: 20, depth: 2 }, data_sd: 2.0 },
        ScoreSpec::Published { dim: 2, body: Body::Mlp { hidden: 20, depth: 2 }, levels },
        ScoreSpec::Guided { body: Body::Mlp { hidden: 20, depth: 2 }, mixture: Arc::new(whole) },
    ] {
        let mut straight = Run::new(spec.clone(), 1);
        straight.train(0..4);
        let half = straight.save();
        straight.train(4..8);
        let mut resumed = Run::new(spec, 2);
        resumed.load(&half).expect("a checkpoint");
        assert_eq!(resumed.save(), half);
        resumed.train(4..8);
        assert!(resumed.save() == straight.save());
        assert_eq!(resumed.adam.steps(), 8);
    }
}

/// A network that cannot be loaded whole is not loaded in part.
#[test]
fn loading_is_all_or_nothing() {
    let mut g = generator();
    let before = bits(&g);
    let mut file = Checkpoint::new();
    generator().insert_into("", &mut file);
    file.insert_tensor("layers.0.weight", vec![6, 7], vec![0.0; 42]);
    file.insert_tensor("layers.2.bias", vec![2], vec![f32::INFINITY; 2]);
    assert!(matches!(g.load_from("", &file), Err(CheckpointError::NonFinite(_))));
    assert_eq!(bits(&g), before);
    assert!(matches!(Adam::from_checkpoint("adam.", &g, &file), Err(CheckpointError::Missing(_))));
}
