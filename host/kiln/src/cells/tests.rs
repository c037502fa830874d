//! Cells in files and in samplers.

use super::*;
use crate::export::bytes::Bytes;
use crate::export::draw::rows;
use crate::sample::Sampler;
use crate::weights::float_model;
use kiln_core::artifact::{Artifact, Model};
use kiln_gpu::{Body, Cpu, Generator};

const BOUNDS: [Bound<f32>; 4] = [Bound::None, Bound::Both { low: -1.0, high: 2.5 }, Bound::None, Bound::None];

/// Three cells of the coordinates 3, 0 and 1, one of 2.
pub(crate) fn blocks() -> Vec<Block> {
    let first = vec![
        (vec![-4.0, 2.0, 0.5], vec![0.5, 0.25, 1.5, -0.5, 0.125, 0.75]),
        (vec![0.0, 1.0, -0.5], vec![2.0, -1.0, 0.3, 0.1, 0.2, 0.4]),
        (vec![5.0, -3.0, 1.5], vec![0.1, 0.0, 3.0, 0.7, -0.2, 0.6]),
    ];
    vec![
        Block { coordinates: vec![3, 0, 1], cells: first },
        Block { coordinates: vec![2], cells: vec![(vec![100.0], vec![30.0])] },
    ]
}

pub(crate) fn cells() -> Cells {
    Cells::new(&blocks(), &[vec![-0.5, 0.75]], &BOUNDS).unwrap()
}

fn spec(cells: Vec<Vec<f32>>) -> GeneratorSpec {
    GeneratorSpec {
        dim: 4,
        latent: 4 + cells.len(),
        thresholds: vec![0.25],
        cells,
        skip: 0.75,
        scale: 0.5,
        body: Body::Mlp { hidden: 12, depth: 2 },
    }
}

/// A generator without training, and with no cells yet.
pub(crate) fn generator() -> Generator<Cpu> {
    let mut state = 7_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 + 0.5) / 16_777_216.0
    };
    Generator::new(&Cpu::default(), spec(vec![vec![-0.5, 0.75]]), &mut uniform).unwrap()
}

/// The file of a generator with its cells.
pub(crate) fn file() -> Checkpoint {
    let mut file = generator().to_checkpoint([]);
    cells().insert_into(&mut file);
    Checkpoint::from_bytes(&file.to_bytes()).unwrap()
}

#[test]
fn cells_are_read_as_they_were_written() {
    let read = Cells::of_checkpoint(&file(), 4).unwrap().unwrap();
    assert_eq!(read, cells());
    assert_eq!((read.blocks(), read.dim(), read.latent()), (blocks(), 4, 5));
    assert_eq!(read.as_core().unwrap(), cells().as_core().unwrap());
    assert_eq!(Placement::of_checkpoint(&file(), 4).unwrap(), Some(Placement::Cells(cells())));
    assert_eq!(Cells::of_checkpoint(&Checkpoint::new(), 4).unwrap(), None);
    // Of one cell each, with nothing to choose and no end.
    let single: Vec<Block> = blocks().into_iter().map(|mut block| (block.cells.truncate(1), block).1).collect();
    let single = Cells::new(&single, &[], &[Bound::None; 4]).unwrap();
    let mut file = Generator::new(&Cpu::default(), spec(Vec::new()), &mut || 0.5).unwrap().to_checkpoint([]);
    single.insert_into(&mut file);
    assert!(file.tensor(super::BOUNDS, &[4, 3]).is_err(), "nothing to keep");
    assert_eq!(Cells::of_checkpoint(&file, 4).unwrap(), Some(single));
}

/// The same of the first coordinates.
fn in_order(block: &Block) -> Block {
    Block { coordinates: (0..block.coordinates.len()).collect(), ..block.clone() }
}

#[test]
fn parts_that_make_no_cells_are_refused() {
    let refused = |change: &dyn Fn(&mut Checkpoint), why: &str| {
        let mut file = file();
        change(&mut file);
        let error = Placement::of_checkpoint(&file, 4).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    let tensor = |name: &'static str, shape: &[usize], at: usize, value: f32| {
        let shape = shape.to_vec();
        move |file: &mut Checkpoint| {
            let mut numbers = file.tensor(name, &shape).unwrap().to_vec();
            numbers[at] = value;
            file.insert_tensor(name, shape.clone(), numbers);
        }
    };
    refused(
        &tensor("blocks.0.coordinates", &[3], 1, 1.5),
        "`blocks.0.coordinates` holds numbers that count no coordinate",
    );
    refused(&tensor("blocks.0.coordinates", &[3], 1, -1.0), "count no coordinate");
    refused(&tensor("blocks.0.coordinates", &[3], 1, 3.0), "a coordinate is in two of the cells' blocks, or in none");
    refused(&tensor("blocks.0.coordinates", &[3], 1, 4.0), "a coordinate is in two");
    refused(&tensor("blocks.0.factors", &[3, 6], 8, 0.0), "not positive at coordinate 0");
    refused(&tensor("blocks.0.centres", &[3, 3], 8, f32::NAN), "`blocks.0.centres` holds numbers that are not finite");
    refused(&tensor("cells.0.thresholds", &[2], 1, -0.5), "the thresholds among the cells of block 0 do not rise");
    refused(&tensor("blocks.bounds", &[4, 3], 3, 4.0), "coordinate 1 has no kind of bound");
    refused(&|file| file.insert_text("blocks", "3"), "`blocks.2.coordinates` is missing");
    refused(&|file| file.insert_text("blocks", "1"), "a coordinate is in two");
    refused(&|file| file.insert_text("blocks", "x"), "blocks");
    refused(&|file| file.insert_tensor("blocks.1.centres", vec![2, 1], vec![0.0; 2]), "`blocks.1.factors` has shape");
    refused(&|file| file.insert_tensor("blocks.1.centres", vec![1], vec![0.0]), "`blocks.1.centres` has shape");
    refused(
        &|file| Frame::of_widths(vec![0.0; 4], vec![1.0; 4], &[]).unwrap().insert_into(file),
        "it holds both a frame and cells",
    );
    let three = Cells::new(&blocks()[..1].iter().map(in_order).collect::<Vec<_>>(), &[vec![-0.5, 0.75]], &[]).unwrap();
    let mut file = generator().to_checkpoint([]);
    three.insert_into(&mut file);
    let error = Placement::of_checkpoint(&file, 4).unwrap_err().to_string();
    assert!(error.contains("not of as many coordinates"), "three of four: {error}");
    let bare = generator().to_checkpoint([]);
    assert_eq!(Placement::of_checkpoint(&bare, 4).unwrap_err().to_string(), "`blocks` is missing");
    let error = Sampler::of(bare.clone(), "bare").err().unwrap().to_string();
    assert_eq!(error, "'bare' is damaged: `blocks` is missing");
    assert_eq!(float_model(&bare, "bare", "").unwrap_err().to_string(), error);

    let new = |blocks: &[Block], thresholds: &[Vec<f32>]| Cells::new(blocks, thresholds, &BOUNDS).map(drop);
    assert_eq!(new(&blocks(), &[vec![-0.5, 0.75]]), Ok(()));
    assert_eq!(new(&blocks(), &[vec![-0.5], vec![0.75]]), Err(InvalidFrame::Choices));
    assert_eq!(new(&blocks(), &[]), Err(InvalidFrame::Lengths));
    let mut short = blocks();
    short[0].cells[1].0.pop();
    assert_eq!(new(&short, &[vec![-0.5, 0.75]]), Err(InvalidFrame::Lengths));
}

#[test]
fn samples_are_the_cells_images_of_what_the_network_gives() {
    let (cells, generator) = (cells(), generator());
    let trained = Sampler::of(file(), "cells").unwrap().rows(5, 7, 50).unwrap();
    let bytes: Bytes = float_model(&file(), "cells", "mog40").unwrap();
    let model = Artifact::check(bytes.as_slice()).unwrap();
    assert_eq!((model.version(), model.frame()), (3, Some(&cells.as_core().unwrap().into())));
    assert_eq!(rows(&model, 5, 7, 50).unwrap(), trained);
    assert!(trained.data.iter().skip(1).step_by(4).all(|x| (-1.0..=2.5).contains(x)));
    // As a firmware draws, and as the network that was trained gives them but for the order of its sums.
    let bare = Model::new("mog40", "", model.network().clone()).unwrap();
    let (mut scratch, mut x, mut v, mut seen) = (vec![0; model.scratch()], [0.0; 4], [0.0; 4], [0; 3]);
    for (index, row) in trained.data.chunks_exact(4).enumerate() {
        use kiln_core::random::{Purpose, Randomness, Stream};
        let index = 7 + index as u64;
        model.sample(5, index, &mut scratch, &mut x).unwrap();
        assert_eq!(x, row);
        let mut z = [0.0; 5];
        Stream::new(5, Purpose::Sample, index).fill_normal(&mut z);
        bare.sample(5, index, &mut scratch, &mut v).unwrap();
        assert_eq!(cells.apply(&z, v.to_vec()).unwrap(), row);
        let theirs = generator.sample(&z);
        assert!(theirs.iter().zip(v).all(|(a, b)| (a - b).abs() < 1e-5), "{theirs:?} {v:?}");
        seen[[-0.5, 0.75].iter().filter(|c| z[4] > **c).count()] += 1;
    }
    assert!(seen.iter().all(|times| *times > 3), "{seen:?}");
}

#[test]
fn one_block_of_one_cell_is_a_frame() {
    let (centre, rows) = (vec![1.0, -2.0, 0.5], vec![1.5, 0.25, 0.5, -1.0, 2.0, 3.0]);
    let bounds = [Bound::None, Bound::Low(-3.0), Bound::High(4.0)];
    let frame = Frame::of_triangle(centre.clone(), rows.clone(), &bounds).unwrap();
    let block = Block { coordinates: vec![0, 1, 2], cells: vec![(centre, rows)] };
    let cells = Cells::new(&[block], &[], &bounds).unwrap();
    let v: Vec<f32> = (0..30).map(|k| (k as f32 * 0.7).sin() * 2.0).collect();
    let mut expected = v.clone();
    expected.chunks_exact_mut(3).for_each(|row| frame.as_core().unwrap().apply(row));
    assert_eq!(cells.apply(&v, v.clone()).unwrap(), expected);
}

#[test]
fn widths_that_f32_cannot_hold_are_told() {
    assert_eq!(cells().coarse(), None);
    let mut far = blocks();
    far[0].cells[2] = (vec![5.0, -3.0, 1e5], vec![0.1, 0.0, 3.0, 0.6, 0.0, 0.8]);
    let far = Cells::new(&far, &[vec![-0.5, 0.75]], &BOUNDS).unwrap();
    assert_eq!(far.coarse(), Some((1, [1e5, 1.0])));
}
