//! Files of models: what is written is read back, files of version 1 stay readable and give the same samples, and nothing
//! panics.
//!
//! The fuzz test changes valid files, repairs their checksums and samples what is accepted: 20,000 inputs, or as many as
//! `KILN_FUZZ` says. Ten million with checked arithmetic:
//! `CARGO_PROFILE_DEV_OVERFLOW_CHECKS=true KILN_FUZZ=10000000 cargo test -p kiln-core --test artifact fuzz`
//! (in a target folder of its own, to keep the other builds).

mod common;

use common::artifacts::{
    Bytes, CHOOSING, DIM, FIXED_STEPS, FRAMED, LATENT, STEPS, encoded, fixed_cells, fixed_egnn, fixed_frame, fixed_mlp,
    float_cells, float_egnn, float_frame, float_mlp, model, model_of, models,
};
use common::fixed::fnv;
use common::layout::{Section, sections};
use kiln_core::artifact::{
    Artifact, ArtifactError, FixedEgnn, FixedMlp, FloatEgnn, FloatMlp, Format, Model, Network, SampleError, from_fixed,
    repair_checksum,
};
use kiln_core::fixed::{Portable, Scratch, fill_normal};
use kiln_core::random::{Purpose, Randomness, Stream};
use std::path::PathBuf;

/// Sample `index` of seed 5.
fn sample(model: &Model<'_>, index: u64) -> Vec<f32> {
    let (mut scratch, mut x) = (vec![7; model.scratch()], vec![f32::NAN; model.dim()]);
    model.sample(5, index, &mut scratch, &mut x).expect("long enough buffers");
    x
}

#[test]
fn what_is_written_is_read_back() {
    for (name, model) in models() {
        let bytes = encoded(&model);
        let read = Artifact::check(bytes.get()).expect(name);
        assert_eq!(read, model, "{name}");
        assert_eq!((read.target(), read.metadata()), ("test", r#"{"target":"test"}"#));
        assert!(name.ends_with(read.format().name()) && name.starts_with("egnn") == read.network().of_particles());
        assert_eq!(encoded(&read), bytes, "{name}");
        assert_eq!(sample(&read, 0), sample(&model, 0));
        assert_ne!(sample(&read, 0), sample(&model, 1));
        assert!(model.encode(&mut vec![0; bytes.get().len() - 1]) == Err(ArtifactError::Buffer));
        assert_eq!(sections(&model).last().map(Section::end), Some(bytes.get().len()), "{name}, as documented");
    }
}

/// A file as a network of each kind and format.
fn each_kind(bytes: &[u8]) -> [Result<Network<'_>, ArtifactError>; 6] {
    [
        Artifact::network::<FloatMlp<'_>>(bytes).map(Network::Mlp),
        Artifact::network::<FloatEgnn<'_>>(bytes).map(Network::Egnn),
        Artifact::network::<FixedMlp<'_, i16>>(bytes).map(Network::Mlp16),
        Artifact::network::<FixedMlp<'_, i8>>(bytes).map(Network::Mlp8),
        Artifact::network::<FixedEgnn<'_, i16>>(bytes).map(Network::Egnn16),
        Artifact::network::<FixedEgnn<'_, i8>>(bytes).map(Network::Egnn8),
    ]
}

#[test]
fn programs_of_one_kind_read_that_kind_alone() {
    for (name, model) in models() {
        let bytes = encoded(&model);
        let [kind, format] = [bytes.get()[6], bytes.get()[7]];
        let all = each_kind(bytes.get());
        // Its outputs alone are no sample.
        let framed = model.frame().is_some();
        assert_eq!(all.contains(&Err(ArtifactError::Framed)), framed, "{name}");
        let expected = if framed { vec![] } else { vec![model.network()] };
        assert_eq!(all.iter().flatten().collect::<Vec<_>>(), expected, "{name}");
        for refused in all.into_iter().filter_map(Result::err).filter(|refused| *refused != ArtifactError::Framed) {
            let of_another = [ArtifactError::Kind { found: kind }, ArtifactError::Format { found: format }];
            assert!(of_another.contains(&refused), "{name}: {refused}");
        }
        // What is wrong with a file is said as `check` says it.
        let mut longer = bytes.clone();
        longer.resize(bytes.get().len() + 8);
        let length = u32::try_from(longer.get().len()).unwrap();
        longer.get_mut()[8..12].copy_from_slice(&length.to_le_bytes());
        repair_checksum(longer.get_mut());
        let refused = Artifact::check(longer.get()).unwrap_err();
        assert_eq!(refused, ArtifactError::Sizes, "{name}");
        assert!(
            each_kind(longer.get()).contains(&Err(if framed { ArtifactError::Framed } else { refused })),
            "{name}: {refused}"
        );
    }
}

/// Files of all versions stay readable and give the same samples; `KILN_WRITE_CORPUS=1` writes what is missing.
#[test]
fn the_corpus_is_read_sampled_and_written_to_the_byte() {
    let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/artifacts");
    let mut hashes = Vec::new();
    for (name, model) in models() {
        let path = place.join(name).with_extension("kiln");
        if std::env::var_os("KILN_WRITE_CORPUS").is_some() && !path.exists() {
            std::fs::write(&path, encoded(&model).get()).expect("a place");
        }
        let file = Bytes::of(&std::fs::read(&path).expect("the corpus"));
        let read = Artifact::check(file.get()).expect(name);
        let bits = |index| sample(&read, index).into_iter().map(|x| x.to_bits().cast_signed());
        hashes.push((name, fnv((0..20).flat_map(bits))));
        assert_eq!(encoded(&read), file, "{name}");
        assert_eq!(encoded(&model), file, "{name}");
    }
    assert_eq!(hashes, CORPUS, "{hashes:#018x?}");
    let files = std::fs::read_dir(&place).expect("the corpus");
    assert_eq!(files.count(), CORPUS.len(), "a file that no test knows");
}

/// The corpus: FNV-1a-64 over the little-endian bytes of the first twenty samples of seed 5. Weights of 8 bits that stand in
/// 16 give the same samples.
const CORPUS: [(&str, u64); 19] = [
    ("mlp-f32", 0x6a65868a22899326),
    ("mlp-i16w16a", 0xf1fb4c97baf2bd6f),
    ("mlp-i8w16a", 0xf1fb4c97baf2bd6f),
    ("egnn-f32", 0xed4dc2e2ef1da5ca),
    ("egnn-basis-f32", 0xda8b7319f5d5c408),
    ("egnn-published-f32", 0x0372d6a21a41deb3),
    ("egnn-i16w16a", 0xf3846e61fbd834b0),
    ("egnn-basis-gated-i16w16a", 0x57a4c042d39035ca),
    ("egnn-i8w16a", 0xf3846e61fbd834b0),
    ("egnn-gated-i8w16a", 0x148360598b2979a4),
    ("egnn-basis-i8w16a", 0x87759009c5d5355f),
    ("mlp-framed-f32", 0x909cd4ee892cab06),
    ("mlp-widths-f32", 0xe7b50ef5672b444e),
    ("mlp-framed-i16w16a", 0x8a1d0495219c215d),
    ("mlp-framed-i8w16a", 0x8a1d0495219c215d),
    ("mlp-widths-i8w16a", 0x8e4c4fde4a974ff8),
    ("mlp-cells-f32", 0xa41b99af8f22a715),
    ("mlp-cells-i16w16a", 0x8eeb115025a4891b),
    ("mlp-cells-i8w16a", 0x8eeb115025a4891b),
];

#[test]
fn samples_of_float_models_are_those_of_the_networks() {
    let latent = |n: usize| {
        let mut z = vec![0.0_f32; n];
        Stream::new(5, Purpose::Sample, 3).fill_normal(&mut z);
        z
    };
    let (mlp, egnn) = (float_mlp(), float_egnn(STEPS));
    let (generator, mut x) = (mlp.generator().expect("checked"), [0.0; DIM]);
    generator.sample(&latent(LATENT), &mut vec![0.0; generator.scratch()], &mut x).expect("buffers");
    assert_eq!(sample(&model("mlp-f32"), 3), x);
    let (generator, mut x) = (egnn.generator().expect("checked"), [0.0; 6]);
    generator.sample(&latent(generator.latent()), &mut vec![0.0; generator.scratch()], &mut x).expect("buffers");
    assert_eq!(sample(&model("egnn-f32"), 3), x);
}

#[test]
fn samples_of_float_models_with_a_frame_are_the_frames_images() {
    for (name, lower, bounded) in [("mlp-framed-f32", true, true), ("mlp-widths-f32", false, false)] {
        let (framed, frame) = (model(name), float_frame(lower, bounded));
        assert_eq!(framed.frame(), Some(&frame.into()), "{name}");
        assert_eq!((framed.version(), encoded(&framed).get()[4]), (2, 2), "{name}");
        let bare = model_of(framed.network().clone());
        assert_eq!((bare.version(), encoded(&bare).get()[4]), (1, 1), "{name}");
        for index in 0..20 {
            let mut x = sample(&bare, index);
            frame.apply(&mut x);
            assert_eq!(sample(&framed, index), x, "{name}");
        }
    }
}

#[test]
fn samples_of_integer_models_with_a_frame_are_the_frames_images() {
    for (name, lower) in [("mlp-framed-i16w16a", true), ("mlp-framed-i8w16a", true), ("mlp-widths-i8w16a", false)] {
        let (framed, frame) = (model(name), fixed_frame(lower));
        assert_eq!((framed.frame(), framed.version()), (Some(&frame.into()), 2), "{name}");
        let bare = model_of(framed.network().clone());
        let (mut scratch, mut x, mut same) = (vec![0; framed.scratch()], [0; FRAMED], [0; FRAMED]);
        for index in 0..20 {
            bare.sample_fixed(&Portable, 5, index, &mut scratch, &mut x).expect("buffers");
            frame.apply(&mut x);
            framed.sample_fixed(&Portable, 5, index, &mut scratch, &mut same).expect("buffers");
            assert_eq!(same, x, "{name}");
            assert_eq!(sample(&framed, index), x.map(from_fixed), "{name}");
        }
    }
}

#[test]
fn samples_of_models_with_cells_are_the_cells_images() {
    let (float, cells) = (model("mlp-cells-f32"), float_cells());
    assert_eq!((float.frame(), float.version()), (Some(&cells.into()), 3));
    assert_eq!(encoded(&float).get()[4], 3);
    let bare = model_of(float.network().clone());
    let mut seen = [0; 3];
    for index in 0..40 {
        let (mut z, mut x) = ([0.0_f32; CHOOSING], sample(&bare, index));
        Stream::new(5, Purpose::Sample, index).fill_normal(&mut z);
        cells.apply(&z, &mut x);
        assert_eq!(sample(&float, index), x);
        seen[cells.packed().thresholds.iter().filter(|c| z[FRAMED] > **c).count()] += 1;
    }
    assert!(seen.iter().all(|times| *times > 5), "{seen:?}");
    for name in ["mlp-cells-i16w16a", "mlp-cells-i8w16a"] {
        let (whole, cells) = (model(name), fixed_cells());
        assert_eq!((whole.frame(), whole.version()), (Some(&cells.into()), 3), "{name}");
        let bare = model_of(whole.network().clone());
        let (mut scratch, mut x, mut same) = (vec![0; whole.scratch()], [0; FRAMED], [0; FRAMED]);
        for index in 0..20 {
            let mut z = [0; CHOOSING];
            fill_normal(&mut Stream::new(5, Purpose::Sample, index), &mut z);
            bare.sample_fixed(&Portable, 5, index, &mut scratch, &mut x).expect("buffers");
            cells.apply(&z, &mut x);
            whole.sample_fixed(&Portable, 5, index, &mut scratch, &mut same).expect("buffers");
            assert_eq!(same, x, "{name}");
            assert_eq!(sample(&whole, index), x.map(from_fixed), "{name}");
        }
    }
}

#[test]
fn samples_of_integer_models_are_those_of_the_networks() {
    let latent = |n: usize| {
        let mut z = vec![0; n];
        fill_normal(&mut Stream::new(5, Purpose::Sample, 3), &mut z);
        z
    };
    let (mlp, egnn) = (fixed_mlp::<i8>(), fixed_egnn::<i16>(FIXED_STEPS, false));
    let (generator, mut x) = (mlp.generator().expect("checked"), [0; DIM]);
    generator.sample(&latent(LATENT), &mut vec![0; generator.scratch()], &mut x).expect("buffers");
    let units = model("mlp-i8w16a");
    assert_eq!(sample(&units, 3), x.map(from_fixed));
    let (mut scratch, mut same) = (vec![0; units.scratch()], [0; DIM]);
    units.sample_fixed(&Portable, 5, 3, &mut scratch, &mut same).expect("buffers");
    assert_eq!(same, x);

    let (generator, mut x) = (egnn.generator().expect("checked"), [0; 6]);
    let length = generator.scratch();
    let (mut narrow, mut wide) = (vec![0; length.narrow], vec![0; length.wide]);
    let scratch = Scratch { narrow: &mut narrow, wide: &mut wide };
    generator.sample(&latent(generator.latent()), scratch, &mut x).expect("buffers");
    assert_eq!(sample(&model("egnn-i16w16a"), 3), x.map(from_fixed));
}

#[test]
fn short_buffers_and_wrong_numbers_are_errors() {
    for (name, model) in models() {
        let (mut scratch, mut x) = (vec![0; model.scratch()], vec![0.0; model.dim()]);
        let short = scratch.len() - 1;
        assert_eq!(model.sample(0, 0, &mut scratch[..short], &mut x), Err(SampleError::Buffer), "{name}");
        assert_eq!(model.sample(0, 0, &mut [], &mut x), Err(SampleError::Buffer));
        assert_eq!(model.sample(0, 0, &mut scratch, &mut x[1..]), Err(SampleError::Buffer));
        let fixed = model.sample_fixed(&Portable, 0, 0, &mut scratch, &mut vec![0; model.dim()]);
        assert_eq!(fixed.is_ok(), model.format() != Format::F32);
        assert!(fixed.is_ok() || fixed == Err(SampleError::NotIntegers));
    }
}

/// Draws of one fuzz input.
struct Dice(Stream);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        (self.0.next_bits() >> 32) as usize % n.max(1)
    }

    fn word(&mut self) -> u32 {
        const WORDS: [u32; 16] =
            [0, 1, 2, 3, 4, 8, 15, 16, 17, 255, 1 << 15, 1 << 16, 1 << 24, i32::MAX as u32, 1 << 31, u32::MAX];
        match self.below(3) {
            0 => self.below(64) as u32,
            1 => WORDS[self.below(WORDS.len())],
            _ => self.0.next_bits() as u32,
        }
    }
}

/// A damaged file.
fn damaged(dice: &mut Dice, corpus: &[Bytes]) -> Bytes {
    let mut bytes = corpus[dice.below(corpus.len())].clone();
    let version = [bytes.get()[4], bytes.get()[5]];
    for _ in 0..=dice.below(4) {
        let length = bytes.get().len();
        // Half of the changes go to where the sizes are.
        let at = if dice.below(2) == 0 { dice.below(length.min(160)) } else { dice.below(length) };
        let bit = dice.below(8);
        match dice.below(8) {
            0 => bytes.get_mut()[at..].iter_mut().take(1).for_each(|byte| *byte ^= 1 << bit),
            1 => bytes.resize(length + dice.below(64)),
            2 => bytes.resize(at),
            3 => {
                let other = &corpus[dice.below(corpus.len())];
                let from = &other.get()[dice.below(other.get().len())..];
                let count = dice.below(64);
                bytes.get_mut()[at..].iter_mut().zip(from).take(count).for_each(|(to, from)| *to = *from);
            }
            4 => {
                let value = dice.word() as u8;
                bytes.get_mut()[at..].iter_mut().take(1).for_each(|byte| *byte = value);
            }
            _ => {
                let value = dice.word().to_le_bytes();
                bytes.get_mut()[at / 4 * 4..].iter_mut().zip(value).for_each(|(byte, value)| *byte = value);
            }
        }
        if bytes.get().len() < 48 {
            return bytes;
        }
    }
    if dice.below(16) > 0 {
        let length = bytes.get().len() as u32;
        bytes.get_mut()[..4].copy_from_slice(b"KILN");
        bytes.get_mut()[4..6].copy_from_slice(&version);
        bytes.get_mut()[8..12].copy_from_slice(&length.to_le_bytes());
    }
    if dice.below(16) > 0 {
        repair_checksum(bytes.get_mut());
    }
    bytes
}

/// Whether a sample takes less than about a millisecond.
fn quick(model: &Model<'_>) -> bool {
    let particles = match model.network() {
        Network::Egnn(network) => network.shape().particles,
        Network::Egnn16(network) => network.shape().particles,
        Network::Egnn8(network) => network.shape().particles,
        _ => 0,
    };
    model.scratch() < 2000 && particles < 20
}

#[test]
fn fuzzed_files_are_refused_or_can_be_sampled_and_written() {
    let inputs = std::env::var("KILN_FUZZ").map_or(20_000_u64, |n| n.parse().expect("KILN_FUZZ is a whole number"));
    let corpus: Vec<Bytes> = models().iter().map(|(_, model)| encoded(model)).collect();
    let (mut accepted, mut sampled, mut framed, mut deep) = (0_u64, 0_u64, 0_u64, 0_u64);
    let (mut scratch, mut x) = (vec![0; 2000], vec![0.0; 4000]);
    for input in 0..inputs {
        let bytes = damaged(&mut Dice(Stream::new(11, Purpose::Test, input)), &corpus);
        match Artifact::check(bytes.get()) {
            Ok(model) => {
                accepted += 1;
                // Header and sections say the same, and there is no second way to write them.
                assert_eq!(encoded(&model), bytes, "input {input}");
                let network = model.frame().is_none().then_some(model.network());
                assert!(each_kind(bytes.get()).iter().flatten().eq(network), "input {input}");
                framed += u64::from(network.is_none());
                if quick(&model) {
                    sampled += 1;
                    let x = &mut x[..model.dim()];
                    model.sample(input, 0, &mut scratch[..model.scratch()], x).expect("long enough buffers");
                }
            }
            Err(ArtifactError::Checksum { .. } | ArtifactError::Length { .. } | ArtifactError::NotAModel) => {}
            Err(_) => deep += 1,
        }
    }
    println!("{inputs} inputs: {accepted} accepted, {sampled} of them sampled, {framed} with a frame");
    println!("{deep} refused after the checksum held");
    assert!(10 * accepted > inputs && 10 * sampled > inputs && 50 * framed > inputs && 10 * deep > inputs);
}
