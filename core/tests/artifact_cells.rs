//! Files of models with cells: malformed ones have typed errors, and no network goes with cells that it does not choose.

mod common;

use common::artifacts::{
    Bytes, changed, encoded, fixed_cells, fixed_frame, float_cells, float_frame, mended, model, model_of,
};
use common::layout::sections;
use kiln_core::artifact::{Artifact, ArtifactError, ModelFrame};
use kiln_core::cells::{Cells, Packed};
use kiln_core::frame::{Bounds, InvalidFrame};

fn error(bytes: Bytes) -> ArtifactError {
    Artifact::check(bytes.get()).expect_err("damage is found")
}

#[test]
fn cells_that_do_not_fit_have_typed_errors() {
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
    let integers = "mlp-cells-i8w16a";
    for name in ["mlp-cells-f32", "mlp-cells-i16w16a", integers] {
        let word = |section: &str, at: usize, value: u32| with((name, section), 4 * at, &value.to_le_bytes());
        for value in [0, u32::MAX, 1 << 24] {
            assert_eq!(word("cells", 0, value), ArtifactError::Sizes, "{name} {value} blocks");
        }
        for flags in [0, 1, 3, 4, 1 << 31] {
            let found = word("cells", 1, flags);
            assert!(matches!(found, ArtifactError::Reserved | ArtifactError::Sizes), "{name} {flags}: {found}");
        }
        for value in [0, 2, 4, u32::MAX] {
            assert_eq!(word("sizes of blocks", 0, value), ArtifactError::Sizes, "{name}: {value} coordinates");
        }
        for value in [1 << 20, u32::MAX] {
            assert_eq!(word("cells of blocks", 0, value), ArtifactError::Sizes, "{name}: {value} cells");
        }
        for value in [0, 2, 4, 5, u32::MAX] {
            assert_eq!(word("coordinates", 0, value), frame(InvalidFrame::Coordinates), "{name}: coordinate {value}");
        }
        // The thresholds of the first block are two: the second not above the first.
        let (bytes, start) = of(name, "thresholds among cells");
        let first: [u8; 4] = bytes.get()[start..][..4].try_into().expect("four bytes");
        assert_eq!(error(changed(&bytes, start + 4, &first)), frame(InvalidFrame::Thresholds { block: 0 }), "{name}");
        // The first number of the second cell, which is of coordinate 3, and the last of all, of coordinate 2.
        for (at, coordinate) in [(6, 3), (20, 2)] {
            for value in [0, (-1.0_f32).to_bits(), i32::MIN as u32] {
                assert_eq!(word("factors", at, value), frame(InvalidFrame::Diagonal { coordinate }), "{name}");
            }
        }
        assert_eq!(with((name, "kinds"), 1, &[1]), frame(InvalidFrame::Kind { coordinate: 1 }), "{name}");
        let (mut bytes, kinds) = of(name, "kinds");
        let end = sections(&model(name)).iter().find(|other| other.name == "upper ends").expect("a section").end();
        bytes.get_mut()[kinds..end].fill(0);
        assert_eq!(error(mended(bytes)), ArtifactError::Reserved, "{name}: bounds without an end are not written");
        // As another version, or of messages.
        for version in [1, 2] {
            let (bytes, _) = of(name, "cells");
            assert!(Artifact::check(changed(&bytes, 4, &[version, 0]).get()).is_err(), "{name} as {version}");
        }
        let (bytes, _) = of(name, "cells");
        assert_eq!(error(changed(&bytes, 6, &[1])), ArtifactError::Reserved, "{name}");
        // A latent without the number that chooses, and one with another.
        for latent in [5_u32, 7] {
            let found = error(changed(&bytes, 20, &latent.to_le_bytes()));
            assert!(matches!(found, ArtifactError::Sizes | ArtifactError::Reserved), "{name} {latent}: {found}");
        }
    }
    assert_eq!(with((integers, "points of rows"), 4, &[63]), frame(InvalidFrame::Point { coordinate: 0 }));
    assert_eq!(
        with((integers, "factors"), 4 * 4, &i32::MAX.to_le_bytes()),
        frame(InvalidFrame::Overflow { coordinate: 1 })
    );
}

#[test]
fn networks_that_choose_other_cells_are_refused() {
    let choices = Err(ArtifactError::Frame(InvalidFrame::Choices));
    let bare = |name: &str| model_of(model(name).network().clone());
    let refused = |name: &str, other: ModelFrame<'static>| bare(name).with_frame(other).map(drop);
    // Without what it chooses there is no file.
    assert_eq!(bare("mlp-cells-f32").encoded_length().map(drop), choices);
    assert_eq!(refused("mlp-cells-f32", float_cells().into()), Ok(()));
    assert_eq!(refused("mlp-cells-f32", float_frame(true, true).into()), choices);
    assert_eq!(refused("mlp-cells-i8w16a", fixed_frame(true).into()), choices);
    assert_eq!(refused("mlp-framed-f32", float_cells().into()), choices);
    assert_eq!(refused("mlp-framed-i16w16a", fixed_cells().into()), choices);
    let numbers = Err(ArtifactError::Frame(InvalidFrame::Numbers));
    assert_eq!(refused("mlp-cells-f32", fixed_cells().into()), numbers);
    assert_eq!(refused("mlp-cells-i16w16a", float_cells().into()), numbers);
    let moved = Packed { thresholds: &[-0.5, 0.5], ..float_cells().packed() };
    assert_eq!(refused("mlp-cells-f32", Cells::new(moved).expect("cells").into()), choices);
    let lengths = Err(ArtifactError::Frame(InvalidFrame::Lengths));
    let short = Packed {
        sizes: &[1],
        cells: &[1],
        coordinates: &[0],
        thresholds: &[],
        centres: &[0.0],
        factors: &[1.0],
        bounds: Bounds::NONE,
    };
    assert_eq!(refused("mlp-f32", Cells::new(short).expect("cells").into()), lengths);
    assert_eq!(refused("egnn-f32", float_cells().into()), lengths);
}
