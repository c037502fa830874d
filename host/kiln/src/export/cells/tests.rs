//! Cells in integers beside those in floats.

use super::*;
use crate::cells::tests::{blocks, cells, file};
use crate::export::convert;
use crate::export::draw::{images, rows};
use crate::export::quality::difference;
use crate::weights::float_model;
use kiln_core::artifact::{Artifact, Format};
use kiln_core::frame::Bound;

const STEP: f64 = 1.0 / 65_536.0;

#[test]
fn integers_give_what_floats_do() {
    let held = cells();
    let float = held.as_core().unwrap();
    let quantised = QuantisedCells::of(&float).unwrap();
    let whole = quantised.view().unwrap();
    let grid = [-3.5_f32, -1.0, -0.25, 0.0, 0.5, 1.75, 4.0];
    for k in 0..7_usize.pow(4) {
        for choosing in [-2.0, -0.5, 0.0, 0.75, 0.8] {
            let v: [f32; 4] = std::array::from_fn(|i| grid[k / 7_usize.pow(i as u32) % 7]);
            let z = [v[0], v[1], v[2], v[3], choosing];
            let (mut x, mut n) = (v, v.map(|v| (v * 65_536.0) as i32));
            float.apply(&z, &mut x);
            whole.apply(&z.map(|z| (z * 65_536.0) as i32), &mut n);
            for (coordinate, (x, n)) in x.into_iter().zip(n).enumerate() {
                let (x, n) = (f64::from(x), f64::from(n) * STEP);
                // A step of y, and one of x.
                let slope = if coordinate == 1 { 3.5 / 4.0 } else { 1.0 };
                assert!((x - n).abs() < (1.0 + slope) * STEP + 2e-7 * x.abs(), "{coordinate} of {z:?}: {x} {n}");
            }
        }
    }
    let Bound::Both { low, high } = whole.packed().bounds.get(1) else { unreachable!() };
    assert_eq!([low, high], [-65_536, 163_840]);
}

#[test]
fn scales_that_integers_cannot_hold_are_refused_in_any_cell() {
    let refused = |change: &dyn Fn(&mut Vec<crate::cells::Block>), thresholds: [f32; 2]| {
        let mut blocks = blocks();
        change(&mut blocks);
        let cells = crate::cells::Cells::new(&blocks, &[thresholds.to_vec()], &[]).unwrap();
        let error = QuantisedCells::of(&cells.as_core().unwrap()).err()?;
        assert_eq!(error.hint(), HINT);
        Some(error.to_string())
    };
    assert_eq!(refused(&|_| {}, [-0.5, 0.75]), None);
    let wide = refused(&|blocks| blocks[0].cells[2].0[1] = 1e5, [-0.5, 0.75]).unwrap();
    assert!(wide.starts_with("coordinate 0 reaches "), "{wide}");
    let narrow = refused(&|blocks| blocks[0].cells[1].1[0] = 1e-3, [-0.5, 0.75]).unwrap();
    assert!(narrow.starts_with("coordinate 3 has a standard deviation of 1.000e-3"), "{narrow}");
    let near = refused(&|_| {}, [0.5, 0.500_001]).unwrap();
    assert!(near.starts_with("two thresholds of latent number 4 are nearer"), "{near}");
}

#[test]
fn exported_models_draw_what_floats_do() {
    let bytes = float_model(&file(), "cells", "mog40").unwrap();
    let float = Artifact::check(bytes.as_slice()).unwrap();
    assert_eq!(convert(&float, Format::F32).unwrap(), bytes);
    for (format, bound) in [(Format::I16W16A, 2e-4), (Format::I8W16A, 1.8e-3)] {
        let bytes = convert(&float, format).unwrap();
        let model = Artifact::check(bytes.as_slice()).unwrap();
        let held = cells();
        let expected = QuantisedCells::of(&held.as_core().unwrap()).unwrap();
        assert_eq!((model.version(), model.frame()), (3, Some(&expected.view().unwrap().into())));
        let [ours, theirs] = [rows(&model, 0, 0, 2000).unwrap(), images(&float, 0, 2000).unwrap()];
        // Measured, and half as much again.
        let difference = difference(&ours, &theirs);
        println!("{}: {difference:?}", format.name());
        assert!(difference.rms < bound, "{}: {difference:?}", format.name());
        let told = crate::export::with_metadata(&model, "told").unwrap();
        assert_eq!(Artifact::check(told.as_slice()).unwrap().frame(), model.frame());
    }
}
