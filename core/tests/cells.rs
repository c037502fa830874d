//! Cells in floats and in integers: against double precision and exact arithmetic, one cell against a frame, what the network sees,
//! what is refused, the same bits everywhere.

mod common;

use common::artifacts::{CHOOSING, FRAMED, fixed_cells, fixed_frame, float_cells, float_frame};
use common::fixed::{exponential_share, fnv};
use common::integers::{clamped, shifted};
use kiln_core::cells::{Cells, Choices, Packed};
use kiln_core::fixed;
use kiln_core::frame::{Bound, Bounds, Factor, InvalidFrame};
use kiln_core::network::{Inputs, write_inputs};
use kiln_core::random::{Purpose, Randomness, Stream};
use std::ops::Range;

const ONE: f64 = 65_536.0;

/// A latent, and what a network might give.
fn latents(index: u64) -> ([f32; CHOOSING], [f32; FRAMED]) {
    let (mut z, mut v) = ([0.0; CHOOSING], [0.0; FRAMED]);
    Stream::new(4, Purpose::Test, 2 * index).fill_normal(&mut z);
    Stream::new(4, Purpose::Test, 2 * index + 1).fill_normal(&mut v);
    (z, v)
}

fn whole_latents(index: u64) -> ([i32; CHOOSING], [i32; FRAMED]) {
    let (mut z, mut v) = ([0; CHOOSING], [0; FRAMED]);
    fixed::fill_normal(&mut Stream::new(4, Purpose::Test, 2 * index), &mut z);
    fixed::fill_normal(&mut Stream::new(4, Purpose::Test, 2 * index + 1), &mut v);
    (z, v)
}

/// A coordinate's row by the documentation: the coordinate, the place of its centre, those of its factors, its columns.
fn rows<T: Copy + PartialOrd>(packed: &Packed<'_, T>, z: &[T]) -> Vec<(usize, usize, Range<usize>, Vec<usize>)> {
    let (mut all, mut choosing) = (Vec::new(), packed.coordinates.len());
    let [mut coordinate, mut threshold, mut centre, mut factor] = [0; 4];
    for (size, cells) in packed.sizes.iter().zip(packed.cells).map(|(size, cells)| (*size as usize, *cells as usize)) {
        let held: Vec<usize> = packed.coordinates[coordinate..][..size].iter().map(|i| *i as usize).collect();
        let mut cell = 0;
        if cells > 1 {
            cell = packed.thresholds[threshold..][..cells - 1].iter().filter(|c| **c < z[choosing]).count();
            choosing += 1;
        }
        for row in 0..size {
            let from = factor + cell * size * (size + 1) / 2 + row * (row + 1) / 2;
            all.push((held[row], centre + cell * size + row, from..from + row + 1, held[..=row].to_vec()));
        }
        coordinate += size;
        threshold += cells - 1;
        centre += cells * size;
        factor += cells * size * (size + 1) / 2;
    }
    all
}

#[test]
fn cells_compute_what_double_precision_does() {
    let (cells, mut worst, mut seen) = (float_cells(), 0.0_f64, [0; 3]);
    let packed = cells.packed();
    for index in 0..2000 {
        let (z, v) = latents(index);
        let mut x = v;
        cells.apply(&z, &mut x);
        seen[packed.thresholds.iter().filter(|c| z[FRAMED] > **c).count()] += 1;
        for (coordinate, centre, factors, columns) in rows(&packed, &z) {
            let (mut y, mut size) = (f64::from(packed.centres[centre]), f64::from(packed.centres[centre]).abs());
            for (at, column) in factors.zip(columns) {
                let product = f64::from(packed.factors[at]) * f64::from(v[column]);
                (y, size) = (y + product, size + product.abs());
            }
            let exact = match packed.bounds.get(coordinate) {
                Bound::Both { low, high } => f64::from(low) + f64::from(high - low) * exponential_share(-y),
                _ => y,
            };
            worst = worst.max((f64::from(x[coordinate]) - exact).abs() / (1.0 + size));
        }
    }
    println!("{worst:e} {seen:?}");
    assert!(worst > 1e-8 && worst < 4e-7, "{worst:e}");
    // The shares of N(0, 1) between -1/2 and 3/4: 0.309, 0.465, 0.227.
    assert!(seen.iter().zip([617.0, 930.0, 453.0]).all(|(n, mean)| (f64::from(*n) - mean).abs() < 90.0), "{seen:?}");
}

#[test]
fn integers_compute_what_exact_arithmetic_does() {
    let (cells, mut worst) = (fixed_cells(), 0.0_f64);
    let packed = cells.packed();
    for index in 0..2000 {
        let (z, v) = whole_latents(index);
        let mut x = v;
        cells.apply(&z, &mut x);
        for (coordinate, centre, factors, columns) in rows(&packed, &z) {
            let products =
                factors.zip(columns).map(|(at, column)| i128::from(packed.factors[at]) * i128::from(v[column]));
            let sum = shifted(products.sum(), cells.points()[centre].into());
            let y = clamped(i128::from(packed.centres[centre]) + sum);
            match packed.bounds.get(coordinate) {
                Bound::Both { low, high } => {
                    let share = exponential_share(-f64::from(y) / ONE);
                    let exact = f64::from(low) + (f64::from(high) - f64::from(low)) * share;
                    worst = worst.max((f64::from(x[coordinate]) - exact).abs());
                }
                _ => assert_eq!(x[coordinate], y),
            }
        }
    }
    assert!(worst > 0.45 && worst < 0.51, "{worst} units of 2^-16");
}

/// A block of all coordinates in their order, with one cell.
fn single<T>(centres: &'static [T], factors: &'static [T], bounds: Bounds<'static, T>) -> Packed<'static, T> {
    Packed { sizes: &[5], cells: &[1], coordinates: &[0, 1, 2, 3, 4], thresholds: &[], centres, factors, bounds }
}

#[test]
fn one_cell_is_a_frame_to_the_bit() {
    let (frame, whole) = (float_frame(true, true), fixed_frame(true));
    let (Factor::Triangle(rows), Factor::Triangle(numbers)) = (frame.factor(), whole.factor()) else { unreachable!() };
    let cells = Cells::new(single(frame.centre(), rows, frame.bounds())).unwrap();
    let fixed = fixed::Cells::new(single(whole.centre(), numbers, whole.bounds()), whole.points()).unwrap();
    assert_eq!((cells.latent(), cells.choices(), fixed.latent()), (FRAMED, Choices::NONE, FRAMED));
    for index in 0..200 {
        let ((z, v), (n, w)) = (latents(index), whole_latents(index));
        let (mut x, mut same) = (v, v);
        cells.apply(&z, &mut x);
        frame.apply(&mut same);
        assert_eq!(x.map(f32::to_bits), same.map(f32::to_bits));
        let (mut x, mut same) = (w, w);
        fixed.apply(&n, &mut x);
        whole.apply(&mut same);
        assert_eq!(x, same);
    }
}

#[test]
fn networks_see_the_thresholds_of_numbers_that_choose_and_not_those_numbers() {
    let choices = Choices::new(&[1, 3, 2], &[-1.0_f32, 0.5, 0.0]).unwrap();
    assert_eq!(choices.lists().collect::<Vec<_>>(), [&[-1.0, 0.5][..], &[0.0]]);
    let inputs = Inputs::choosing(4, &[0.25], choices);
    assert_eq!((inputs.count(), choices.numbers()), (Some(7), 2));
    assert_eq!([inputs.fit(7, 2), inputs.fit(7, 3), inputs.fit(7, 1), inputs.fit(8, 2)], [true, false, false, false]);
    let mut out = [9.0_f32; 8];
    write_inputs(&inputs, &[0.5, -2.0, 0.1, -0.1, 7.0], &mut out);
    assert_eq!(out, [0.5, -2.0, 1.0, -1.0, 1.0, -1.0, -1.0, 9.0]);
    // A number that is a threshold is not above it; buffers are filled as far as they go.
    write_inputs(&inputs, &[0.25, 1.0, 0.5, 0.0], &mut out[..6]);
    assert_eq!(out, [0.25, 1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 9.0]);
    let choices = Choices::new(&[1, 3, 2], &[-65_536, 32_768, 0]).unwrap();
    let mut out = [9_i16; 8];
    fixed::write_inputs(&Inputs::choosing(4, &[16_384], choices), &[32_768, -131_072, 6554, -6554], &mut out);
    assert_eq!(out, [2048, -8192, 4096, -4096, 4096, -4096, -4096, 9]);
    assert_eq!(Inputs::choosing(1, &[], choices).count(), None);
    let plain = Inputs::new(3, &[0.0_f32, 1.0]);
    assert_eq!([plain.fit(9, 3), plain.fit(9, 2), plain.fit(9, 4)], [true, true, false]);
}

#[test]
fn cells_change_where_the_number_passes_a_threshold() {
    let cells = float_cells();
    let cell = |number: f32| {
        let mut x = [0.0; FRAMED];
        cells.apply(&[0.0, 0.0, 0.0, 0.0, 0.0, number], &mut x);
        [-4.0, 0.0, 5.0].iter().position(|centre| *centre == x[3]).unwrap()
    };
    let numbers = [f32::NEG_INFINITY, -0.6, -0.5, -0.49, 0.75, 0.76, f32::INFINITY, f32::NAN];
    assert_eq!(numbers.map(cell), [0, 0, 0, 1, 1, 2, 2, 0]);
    // Shorter slices stay, of longer ones the rest does.
    let mut x = [1.0; FRAMED + 1];
    cells.apply(&[0.0; FRAMED], &mut x);
    cells.apply(&[0.0; CHOOSING], &mut x[..FRAMED - 1]);
    assert_eq!(x, [1.0; FRAMED + 1]);
    cells.apply(&[0.0; CHOOSING + 1], &mut x);
    assert!(x[..FRAMED].iter().all(|x| *x != 1.0) && x[FRAMED] == 1.0, "{x:?}");
    let mut n = [1; FRAMED];
    fixed_cells().apply(&[0; FRAMED], &mut n);
    assert_eq!(n, [1; FRAMED]);
}

#[test]
fn what_is_no_cells_is_refused() {
    let good = float_cells().packed();
    let of = |packed: Packed<'_, f32>| Cells::new(packed).map(drop);
    assert_eq!(of(good), Ok(()));
    let lengths = [
        Packed { sizes: &[], cells: &[], ..good },
        Packed { sizes: &[3], ..good },
        Packed { sizes: &[3, 3], ..good },
        Packed { cells: &[3, 2], ..good },
        Packed { coordinates: &good.coordinates[1..], ..good },
        Packed { thresholds: &good.thresholds[1..], ..good },
        Packed { centres: &good.centres[1..], ..good },
        Packed { factors: &good.factors[1..], ..good },
        Packed { sizes: &[u32::MAX; 2], cells: &[u32::MAX; 2], ..good },
        Packed { bounds: Bounds { kinds: &[0; 4], low: &[0.0; 4], high: &[0.0; 4] }, ..good },
    ];
    assert_eq!(lengths.map(of), [Err(InvalidFrame::Lengths); 10]);
    let blocks = [Packed { sizes: &[3, 0], ..good }, Packed { cells: &[3, 0], ..good }];
    assert_eq!(blocks.map(of), [Err(InvalidFrame::Block { block: 1 }); 2]);
    let twice = [Packed { coordinates: &[3, 0, 1, 4, 3], ..good }, Packed { coordinates: &[3, 0, 1, 5, 2], ..good }];
    assert_eq!(twice.map(of), [Err(InvalidFrame::Coordinates); 2]);
    for thresholds in [&[0.75, -0.5], &[0.5, 0.5]] {
        assert_eq!(of(Packed { thresholds, ..good }), Err(InvalidFrame::Thresholds { block: 0 }));
    }
    let with = |numbers: &[f32], at: usize, value: f32| {
        let mut numbers = numbers.to_vec();
        numbers[at] = value;
        numbers
    };
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let found = [
            of(Packed { thresholds: &with(good.thresholds, 1, bad), ..good }),
            of(Packed { centres: &with(good.centres, 10, bad), ..good }),
            of(Packed { factors: &with(good.factors, 7, bad), ..good }),
            of(Packed { bounds: Bounds { high: &with(good.bounds.high, 1, bad), ..good.bounds }, ..good }),
        ];
        assert_eq!(found, [Err(InvalidFrame::NotFinite); 4]);
    }
    for bad in [0.0, -0.0, -1.0] {
        let found = of(Packed { factors: &with(good.factors, 17, bad), ..good });
        assert_eq!(found, Err(InvalidFrame::Diagonal { coordinate: 1 }), "of the third cell");
    }
    let ends = Bounds { kinds: &[0, 3, 0, 0, 0], low: &[0.0, 2.5, 0.0, 0.0, 0.0], ..good.bounds };
    assert_eq!(of(Packed { bounds: ends, ..good }), Err(InvalidFrame::Ends { coordinate: 1 }));
    assert!(InvalidFrame::Block { block: 7 }.to_string().contains("block 7"));
    assert_eq!(Choices::new(&[2, 0], &[1.0_f32]), Err(InvalidFrame::Block { block: 1 }));
    assert_eq!(Choices::new(&[2, 2], &[1.0_f32]), Err(InvalidFrame::Lengths));

    let whole = fixed_cells();
    let (good, points) = (whole.packed(), whole.points());
    let of = |packed: Packed<'_, i32>, points: &[u8]| fixed::Cells::new(packed, points).map(drop);
    assert_eq!(of(good, points), Ok(()));
    assert_eq!(of(good, &points[1..]), Err(InvalidFrame::Lengths));
    let mut large = points.to_vec();
    large[4] = 63;
    assert_eq!(of(good, &large), Err(InvalidFrame::Point { coordinate: 0 }));
    let mut wide = good.factors.to_vec();
    (wide[9], wide[10]) = (i32::MAX, 2);
    assert_eq!(of(Packed { factors: &wide, ..good }, points), Err(InvalidFrame::Overflow { coordinate: 1 }));
    assert_eq!(of(Packed { thresholds: &[5, 5], ..good }, points), Err(InvalidFrame::Thresholds { block: 0 }));
}

/// FNV-1a-64 over the little-endian bytes of the first hundred images in floats and in integers.
const PINNED: [u64; 2] = [0x5fc78ec869350e0d, 0x4b9a45c728e7a74f];

#[test]
fn bits_are_pinned() {
    let float = fnv((0..100).flat_map(|index| {
        let (z, mut x) = latents(index);
        float_cells().apply(&z, &mut x);
        x.map(|x| x.to_bits().cast_signed())
    }));
    let whole = fnv((0..100).flat_map(|index| {
        let (z, mut x) = whole_latents(index);
        fixed_cells().apply(&z, &mut x);
        x
    }));
    assert_eq!([float, whole], PINNED, "{:#018x?}", [float, whole]);
}
