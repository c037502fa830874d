//! Damaged and malformed files of models have typed errors: every byte, every length, every field and every section.

mod common;

use common::artifacts::{Bytes, changed, encoded, fixed_frame, float_frame, mended, model, models};
use common::layout::{Content, sections};
use kiln_core::artifact::{Aligned, Artifact, ArtifactError, EGNN_LAYERS, Format, MLP_LAYERS, Model, ModelFrame};
use kiln_core::frame::InvalidFrame;
use kiln_core::{fixed, network};

fn error(bytes: Bytes) -> ArtifactError {
    Artifact::check(bytes.get()).expect_err("damage is found")
}

#[test]
fn a_changed_byte_anywhere_is_found() {
    for (name, model) in models() {
        let bytes = encoded(&model);
        for at in 0..bytes.get().len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed.get_mut()[at] ^= change;
                let found = Artifact::check(changed.get()).expect_err(name);
                match at {
                    0..4 => assert_eq!(found, ArtifactError::NotAModel),
                    // Or another version that there is.
                    4..6 => assert!(matches!(found, ArtifactError::Version { .. } | ArtifactError::Checksum { .. })),
                    8..12 => assert!(matches!(found, ArtifactError::Length { .. })),
                    _ => assert!(matches!(found, ArtifactError::Checksum { .. }), "{name} {at}: {found}"),
                }
            }
        }
    }
}

#[test]
fn every_other_length_is_found() {
    for (name, model) in models() {
        let bytes = encoded(&model);
        for length in (0..bytes.get().len()).chain([bytes.get().len() + 1, bytes.get().len() + 8]) {
            let mut other = bytes.clone();
            other.resize(length);
            let found = Artifact::check(other.get()).expect_err("another length");
            match length {
                0..48 => assert_eq!(found, ArtifactError::NotAModel),
                _ => assert!(matches!(found, ArtifactError::Length { .. })),
            }
            // Even if it says so itself, and its checksum holds.
            if length >= 48 {
                assert_eq!(error(mended(other)), ArtifactError::Sizes, "{name} {length}");
            }
        }
    }
}

#[test]
fn fields_of_units_that_do_not_fit_have_typed_errors() {
    let bytes = encoded(&model("mlp-f32"));
    let with = |at: usize, value: &[u8]| error(changed(&bytes, at, value));
    let word = |at: usize, value: u32| with(at, &value.to_le_bytes());
    assert_eq!(with(4, &[4, 0]), ArtifactError::Version { found: 4 });
    assert_eq!(with(4, &[2, 0]), ArtifactError::Sizes, "its frame is missing");
    assert!(matches!(with(4, &[3, 0]), ArtifactError::Sizes | ArtifactError::Reserved), "its cells are missing");
    assert_eq!(with(6, &[2]), ArtifactError::Kind { found: 2 });
    assert_eq!(with(7, &[3]), ArtifactError::Format { found: 3 });
    for at in [16, 20, 24, 40, 44] {
        for value in [u32::MAX, 1 << 31, 1 << 24, 1 << 20] {
            assert_eq!(word(at, value), ArtifactError::Sizes, "{at} {value}");
        }
    }
    assert_eq!(word(16, 0), ArtifactError::Sizes);
    assert_eq!(word(28, 1000), ArtifactError::Layers { found: 1000, most: MLP_LAYERS });
    assert_eq!(word(32, f32::NAN.to_bits()), ArtifactError::NotFinite);
    // "test" is filled up with four zeros, the metadata follows at 56, the thresholds at 80, the widths at 88.
    assert_eq!(with(48, &[0xff]), ArtifactError::Text);
    assert_eq!(with(53, &[1]), ArtifactError::Reserved);
    assert_eq!(word(80, f32::INFINITY.to_bits()), ArtifactError::NotFinite);
    assert_eq!(word(88, u32::MAX), ArtifactError::Sizes);
    assert_eq!(word(88, 0), ArtifactError::Sizes);

    let fixed = encoded(&model("mlp-i8w16a"));
    assert_eq!(error(changed(&fixed, 36, &[1])), ArtifactError::Reserved);
    // The binary point of the first layer.
    let point = fixed::InvalidNetwork::Point { layer: 0 };
    assert_eq!(error(changed(&fixed, 92, &[16])), ArtifactError::Fixed(point));
    assert_eq!(error(changed(&fixed, 93, &[1])), ArtifactError::Reserved);
    assert!(error(Bytes::of(b"KIL")).to_string().contains("does not begin"));
}

/// The models of particles, their files, and where the words of their sizes stand.
fn messages() -> Vec<(&'static str, Model<'static>, Bytes, usize)> {
    let all = models().into_iter().filter(|(_, model)| model.network().of_particles());
    all.map(|(name, model)| {
        let at = sections(&model).iter().find(|section| section.name == "sizes").expect("sizes").start;
        let bytes = encoded(&model);
        (name, model, bytes, at)
    })
    .collect()
}

/// Changes of one word: where, the values, and what they are answered with.
type Row<'r> = (usize, &'r [u32], ArtifactError);

const ENDS: ArtifactError = ArtifactError::Network(network::InvalidNetwork::Ends);
const RADIAL: ArtifactError = ArtifactError::Fixed(fixed::InvalidNetwork::Radial);
const PARTICLES: ArtifactError = ArtifactError::Fixed(fixed::InvalidNetwork::Particles);
const LARGE: [u32; 5] = [u32::MAX, 1 << 31, (1 << 24) + 1, 1 << 24, 1 << 20];
const NOT_FINITE: [u32; 3] = [f32::NAN.to_bits(), f32::INFINITY.to_bits(), f32::NEG_INFINITY.to_bits()];
const ONE: u32 = 1.0_f32.to_bits();
const MINUS: u32 = 1 << 31;

#[test]
fn headers_of_messages_that_do_not_fit_have_typed_errors() {
    for (name, model, bytes, _) in messages() {
        let float = model.format() == Format::F32;
        let with = |at: usize, value: &[u8]| error(changed(&bytes, at, value));
        let word = |at: usize, value: u32| with(at, &value.to_le_bytes());
        for found in [0, 4, 256, u16::MAX] {
            assert_eq!(with(4, &found.to_le_bytes()), ArtifactError::Version { found }, "{name}");
        }
        assert_eq!(with(4, &[3, 0]), ArtifactError::Reserved, "{name}: particles have no cells");
        for found in [2, 255] {
            assert_eq!(with(6, &[found]), ArtifactError::Kind { found }, "{name}");
        }
        for found in [3, 255] {
            assert_eq!(with(7, &[found]), ArtifactError::Format { found }, "{name}");
        }
        // Another kind, and other formats, for the same bytes.
        assert!(matches!(with(6, &[0]), ArtifactError::Sizes | ArtifactError::Reserved), "{name}");
        for format in [0, 1, 2].into_iter().filter(|format| *format != model.format() as u8) {
            assert!(matches!(with(7, &[format]), ArtifactError::Sizes | ArtifactError::Reserved), "{name} {format}");
        }
        for at in [16, 20, 24, 40, 44] {
            for value in LARGE {
                assert_eq!(word(at, value), ArtifactError::Sizes, "{name} {at} {value}");
            }
        }
        let [no_dim, small_latent, no_layer] = [(16, 0), (20, 5), (28, 0)].map(|(at, value)| word(at, value));
        assert_eq!([no_dim, small_latent, no_layer], [ArtifactError::Sizes; 3], "{name}");
        for found in [9, 1000, 1 << 24] {
            assert_eq!(word(28, found), ArtifactError::Layers { found, most: EGNN_LAYERS }, "{name}");
        }
        assert_eq!(word(28, u32::MAX), ArtifactError::Sizes, "{name}");
        // The last layer has no nodes: one layer less leaves bytes over, or binary points of what is not there.
        assert_eq!(word(28, 1), if float { ArtifactError::Sizes } else { ArtifactError::Reserved }, "{name}");
        assert_eq!(word(28, 3), ArtifactError::Sizes, "{name}");
        for (at, value) in [32, 36].into_iter().flat_map(|at| NOT_FINITE.map(|value| (at, value))) {
            let found = Artifact::check(changed(&bytes, at, &value.to_le_bytes()).get()).err();
            assert_eq!(found, float.then_some(ArtifactError::NotFinite), "{name}: any integer is a factor");
        }
    }
}

#[test]
fn sizes_of_messages_that_do_not_fit_have_typed_errors() {
    const ALL: [Row<'_>; 6] = [
        (0, &[0, 1, 2, 4, 6, u32::MAX], ArtifactError::Sizes),
        (4, &[0, 1, 3, 1 << 31, u32::MAX], ArtifactError::Sizes),
        (8, &[0, 1 << 20, 1 << 24, (1 << 24) + 1, u32::MAX], ArtifactError::Sizes),
        (12, &[3, 255, u32::MAX], ArtifactError::Reserved),
        (16, &[1 << 16, 1 << 24, u32::MAX], ArtifactError::Sizes),
        (28, &[16, 16 + 4, 1 << 31], ArtifactError::Reserved),
    ];
    const FLOAT: [Row<'_>; 3] =
        [(12, &[0], ArtifactError::Reserved), (20, &[0, ONE | MINUS], ENDS), (20, &NOT_FINITE, ENDS)];
    // Basis and steps need two functions.
    const PUBLISHED: [Row<'_>; 3] = [
        (12, &[1, 2], ENDS),
        (16, &[0, 2, 3], ArtifactError::Reserved),
        (20, &[MINUS, ONE, f32::NAN.to_bits()], ArtifactError::Reserved),
    ];
    const INTEGERS: [Row<'_>; 6] = [
        (12, &[0], ArtifactError::Reserved),
        (16, &[32_768], ArtifactError::Sizes),
        (20, &[0, 1 << 31, u32::MAX], RADIAL),
        (24, &[1 << 31, u32::MAX], RADIAL),
        (24, &[i32::MAX as u32], PARTICLES),
        (28, &[1, 2, 8, 5], ArtifactError::Reserved),
    ];
    for (name, model, bytes, start) in messages() {
        let float = model.format() == Format::F32;
        let own: &[Row<'_>] = match name {
            "egnn-published-f32" => &PUBLISHED,
            _ if float => &FLOAT,
            _ => &INTEGERS,
        };
        let range: &[Row<'_>] = if float { &[(24, &NOT_FINITE, ENDS)] } else { &[] };
        for (at, values, expected) in ALL.iter().chain(own).chain(range) {
            for value in *values {
                let found = Artifact::check(changed(&bytes, start + at, &value.to_le_bytes()).get()).err();
                assert_eq!(found, Some(*expected), "{name}: word at {at} is {value:#x}");
            }
        }
        // Parts that are not there, or are and should not be: what follows is misread.
        for flag in if float { &[2, 4, 8][..] } else { &[4] } {
            let found = error(changed(&bytes, start + 28, &[bytes.get()[start + 28] ^ flag]));
            assert!(matches!(found, ArtifactError::Sizes | ArtifactError::Reserved), "{name} {flag}: {found}");
        }
    }
    // One particle with the coordinates of all.
    let (_, _, bytes, start) = messages().swap_remove(2);
    let one = [1_u32, 6].map(u32::to_le_bytes).concat();
    assert_eq!(error(changed(&bytes, start, &one)), ArtifactError::Network(network::InvalidNetwork::Empty));
}

/// Of state, edge, message, sum, value and gate, then two zeros.
#[test]
fn binary_points_that_do_not_fit_have_typed_errors() {
    for (name, model, bytes, _) in messages() {
        let gated = name.contains("gated");
        let all = sections(&model);
        let points = all.iter().filter(|section| matches!(section.content, Content::Points(_)));
        for (l, section) in points.enumerate() {
            let with = |at: usize, value: u8| error(changed(&bytes, section.start + at, &[value]));
            let beyond = ArtifactError::Fixed(fixed::InvalidNetwork::Point { layer: l + 1 });
            for value in [16, 255] {
                assert_eq!([0, 1, 2].map(|at| with(at, value)), [beyond; 3], "{name} {l}");
                let nodes = if l == 0 { beyond } else { ArtifactError::Reserved };
                assert_eq!([3, 4].map(|at| with(at, value)), [nodes; 2], "{name} {l}");
                assert_eq!(with(5, value), if gated { beyond } else { ArtifactError::Reserved }, "{name} {l}");
            }
            // One for sums above that of messages, 13; what must be 0.
            assert_eq!(with(3, 14), if l == 0 { beyond } else { ArtifactError::Reserved }, "{name} {l}");
            assert_eq!([6, 7].map(|at| with(at, 1)), [ArtifactError::Reserved; 2], "{name} {l}");
        }
    }
}

/// Sections without which a file is too short, and numbers that are none, in each of them.
#[test]
fn every_section_is_checked() {
    for (name, model) in models() {
        let bytes = encoded(&model);
        let all = sections(&model);
        let frame = all.iter().find(|section| section.name == "frame").map(|section| section.start);
        for section in all.iter().filter(|section| section.length > 0) {
            let (start, last, end) = (section.start, section.start + section.length - 1, section.end());
            let what = format!("{name}, {}", section.name);
            // Without a part of the network, its frame would be misread as the rest of it: that is cut off too.
            let stop = frame.filter(|frame| start < *frame).unwrap_or(bytes.get().len());
            let without = Bytes::of(&[&bytes.get()[..start], &bytes.get()[end..stop]].concat());
            let found = error(mended(without));
            let misread = match section.content {
                Content::Text => found == ArtifactError::Text,
                // Of cells, what follows is misread as their numbers.
                _ => matches!(found, ArtifactError::Frame(_)) && model.version() == 3,
            };
            assert!(misread || matches!(found, ArtifactError::Sizes | ArtifactError::Reserved), "{what}: {found}");
            for at in last + 1..end {
                assert_eq!(error(changed(&bytes, at, &[1])), ArtifactError::Reserved, "{what} is filled up with zeros");
            }
            let in_words = |value: u32| {
                [start, last - 3].map(|at| Artifact::check(changed(&bytes, at, &value.to_le_bytes()).get()).err())
            };
            match section.content {
                Content::Text => assert_eq!(error(changed(&bytes, last, &[0xff])), ArtifactError::Text, "{what}"),
                Content::Floats => {
                    let found = NOT_FINITE.map(in_words);
                    assert_eq!(found, [[Some(ArtifactError::NotFinite); 2]; 3], "{what}");
                }
                Content::Wide => assert_eq!(in_words(1 << 31), [None; 2], "{what}: any integer will do"),
                Content::Scales(layer) => {
                    let scale = ArtifactError::Fixed(fixed::InvalidNetwork::Scale { layer });
                    assert_eq!([1, 40_000 | 63 << 16, 1 << 24].map(in_words), [[Some(scale); 2]; 3], "{what}");
                }
                Content::Weights => assert_eq!(in_words(0x8080_8080), [None; 2], "{what}: any integer will do"),
                Content::Words | Content::Points(_) | Content::Frame => {}
            }
        }
    }
}

#[test]
fn frames_that_do_not_fit_have_typed_errors() {
    let frame = |error: InvalidFrame| ArtifactError::Frame(error);
    let of = |name: &str, section: &str| {
        let model = model(name);
        let at = sections(&model).iter().find(|other| other.name == section).expect("a section").start;
        (encoded(&model), at)
    };
    let with = |(name, section): (&str, &str), at: usize, value: &[u8]| {
        let (bytes, start) = of(name, section);
        error(changed(&bytes, start + at, value))
    };
    for name in ["mlp-framed-f32", "mlp-framed-i16w16a", "mlp-framed-i8w16a"] {
        // A diagonal for the same bytes, other flags, and the word behind them.
        for (at, value) in [(0, 0), (0, 2), (0, 4), (0, 7), (0, 255), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (7, 1)] {
            assert_eq!(with((name, "frame"), at, &[value]), ArtifactError::Reserved, "{name} {at} {value}");
        }
        // No bounds.
        assert_eq!(with((name, "frame"), 0, &[1]), ArtifactError::Sizes, "{name}");
        // The kinds are 0 1 2 3 0.
        for (coordinate, kind) in [(0, 4), (4, 255), (1, 0), (1, 2), (2, 1), (3, 1), (3, 2)] {
            let found = with((name, "kinds"), coordinate, &[kind]);
            assert_eq!(found, frame(InvalidFrame::Kind { coordinate }), "{name} {coordinate} {kind}");
        }
        // An end where there is none.
        assert_eq!(with((name, "upper ends"), 4, &[1]), frame(InvalidFrame::Kind { coordinate: 1 }), "{name}");
        // The diagonal's second number.
        for value in [[0; 4], (-1.0_f32).to_le_bytes(), i32::MIN.to_le_bytes()] {
            let found = with((name, "factor"), 8, &value);
            assert_eq!(found, frame(InvalidFrame::Diagonal { coordinate: 1 }), "{name}");
        }
        // The lower end of both as high as the upper one.
        let (bytes, upper) = of(name, "upper ends");
        let end: [u8; 4] = bytes.get()[upper + 12..][..4].try_into().expect("four bytes");
        assert_eq!(with((name, "lower ends"), 12, &end), frame(InvalidFrame::Ends { coordinate: 3 }), "{name}");
        // Bounds without an end are not written.
        let (mut bytes, kinds) = of(name, "kinds");
        let end = bytes.get().len();
        bytes.get_mut()[kinds..end].fill(0);
        assert_eq!(error(mended(bytes)), ArtifactError::Reserved, "{name}");
    }
    // Of integers: the largest binary point is 62, the largest sum of a row 2^31.
    let integers = "mlp-framed-i8w16a";
    assert_eq!(with((integers, "points"), 3, &[63]), frame(InvalidFrame::Point { coordinate: 3 }));
    assert_eq!(
        with((integers, "factor"), 36, &i32::MAX.to_le_bytes()),
        frame(InvalidFrame::Overflow { coordinate: 3 })
    );
    // A file of version 1 has no frame, whatever follows.
    let (bytes, _) = of("mlp-framed-f32", "frame");
    assert_eq!(error(changed(&bytes, 4, &[1, 0])), ArtifactError::Sizes);
    // A frame of other coordinates.
    let found = model("mlp-f32").with_frame(float_frame(true, true)).expect_err("of five, and the model has two");
    assert_eq!(found, frame(InvalidFrame::Lengths));
    // And one in other numbers.
    let pairs: [(&str, ModelFrame<'_>); 2] =
        [("mlp-framed-f32", fixed_frame(true).into()), (integers, float_frame(true, true).into())];
    for (name, other) in pairs {
        let found = model(name).with_frame(other).expect_err("in other numbers");
        assert_eq!(found, frame(InvalidFrame::Numbers));
    }
}

/// A `u64` may stand at multiples of 8, on some machines of 4.
#[test]
fn bytes_are_read_where_a_word_may_stand_and_nowhere_else() {
    for (name, model) in models() {
        let bytes = encoded(&model);
        for offset in 0..24 {
            let moved = Bytes::of(&[&[0; 24][..offset], bytes.get()].concat());
            let read = Artifact::check(&moved.get()[offset..]);
            let expected = if offset % align_of::<u64>() == 0 { Ok(&model) } else { Err(&ArtifactError::Misaligned) };
            assert_eq!(read.as_ref(), expected, "{name} {offset}");
        }
    }
    let array: Aligned<[u8; 3]> = Aligned([1, 2, 3]);
    let slice: &Aligned<[u8]> = &array;
    assert_eq!(slice.0.as_ptr().align_offset(8), 0);
}
