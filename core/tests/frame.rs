//! Frames in floats: against double precision, within their ends, in order but for roundings, their slopes against finite
//! differences, the same bits everywhere.

mod common;

use common::fixed::{exponential_share, fnv};
use common::tolerance;
use kiln_core::frame::{Bound, Bounds, Factor, Frame, InvalidFrame, triangle};
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::{Lanes, Scalar};

const DIM: usize = 9;

/// The numbers of a frame of nine coordinates, of which some have ends.
struct Numbers {
    centre: Vec<f32>,
    widths: Vec<f32>,
    rows: Vec<f32>,
    kinds: Vec<u8>,
    low: Vec<f32>,
    high: Vec<f32>,
}

fn numbers(index: u64) -> Numbers {
    let mut stream = Stream::new(3, Purpose::Test, index);
    let mut draw = |n: usize| {
        let mut numbers = vec![0.0_f32; n];
        stream.fill_normal(&mut numbers);
        numbers
    };
    let widths: Vec<f32> = draw(DIM).iter().map(|x| Scalar::exp(*x)).collect();
    let mut rows = draw(triangle(DIM).unwrap());
    (0..DIM).for_each(|row| rows[row * (row + 3) / 2] = widths[row]);
    let kinds: Vec<u8> = (0..DIM).map(|k| k as u8 % 4).collect();
    let ends = |wanted: u8, offset: f32, numbers: Vec<f32>| {
        let end = |(kind, x): (&u8, f32)| if kind & wanted == 0 { 0.0 } else { x + offset };
        kinds.iter().zip(numbers).map(end).collect::<Vec<f32>>()
    };
    let (low, high) = (ends(1, -6.0, draw(DIM)), ends(2, 6.0, draw(DIM)));
    Numbers { centre: draw(DIM), widths, rows, low, high, kinds }
}

impl Numbers {
    fn bounds(&self) -> Bounds<'_, f32> {
        Bounds { kinds: &self.kinds, low: &self.low, high: &self.high }
    }
    fn frames(&self) -> [Frame<'_>; 3] {
        [
            (Factor::Triangle(&self.rows), self.bounds()),
            (Factor::Diagonal(&self.widths), self.bounds()),
            (Factor::Triangle(&self.rows), Bounds::NONE),
        ]
        .map(|(factor, bounds)| Frame::new(&self.centre, factor, bounds).unwrap())
    }
}

/// x and the scale of what it was summed of.
fn exact(frame: &Frame<'_>, u: &[f32]) -> Vec<(f64, f64)> {
    let of = |row: usize| {
        let factor = |column: usize| match frame.factor() {
            Factor::Diagonal(widths) => {
                if row == column {
                    f64::from(widths[row])
                } else {
                    0.0
                }
            }
            Factor::Triangle(rows) => f64::from(rows[row * (row + 1) / 2 + column]),
        };
        let centre = f64::from(frame.centre()[row]);
        let products = (0..=row).map(|column| factor(column) * f64::from(u[column]));
        let (y, size) = products.fold((centre, centre.abs()), |(y, size), product| (y + product, size + product.abs()));
        let [e, share] = [y.exp(), exponential_share(-y)];
        match frame.bounds().get(row) {
            Bound::None => (y, size),
            Bound::Low(low) => (f64::from(low) + e, f64::from(low).abs() + e * (1.0 + size)),
            Bound::High(high) => (f64::from(high) - e, f64::from(high).abs() + e * (1.0 + size)),
            Bound::Both { low, high } => {
                let [low, high] = [low, high].map(f64::from);
                (low + (high - low) * share, low.abs().max(high.abs()) + (high - low) * (1.0 - share) * share * size)
            }
        }
    };
    (0..frame.dim()).map(of).collect()
}

fn latents(index: u64) -> [f32; DIM] {
    let mut u = [0.0; DIM];
    Stream::new(4, Purpose::Test, index).fill_normal(&mut u);
    u
}

#[test]
fn frames_compute_what_double_precision_does() {
    let mut worst = 0.0_f64;
    for index in 0..200 {
        let numbers = numbers(index);
        for frame in numbers.frames() {
            let u = latents(index);
            let mut x = u;
            frame.apply(&mut x);
            for (x, (exact, size)) in x.iter().zip(exact(&frame, &u)) {
                worst = worst.max((f64::from(*x) - exact).abs() / size);
            }
        }
    }
    println!("{worst:e}");
    assert!(worst < 4e-7, "{worst:e}");
    assert!(worst > 1e-8, "{worst:e}: too good to be a comparison");
}

#[test]
fn lanes_are_scalars_side_by_side_and_shorter_rows_are_the_first_ones() {
    let numbers = numbers(0);
    for frame in numbers.frames() {
        let mut packs = [Lanes([0.0; 16]); DIM];
        for lane in 0..16 {
            packs.iter_mut().zip(latents(lane as u64)).for_each(|(pack, u)| pack.0[lane] = u);
        }
        frame.apply(&mut packs);
        for lane in 0..16 {
            let mut x = latents(lane as u64);
            frame.apply(&mut x);
            assert_eq!(packs.map(|pack| pack.0[lane].to_bits()), x.map(f32::to_bits));
            let mut first = latents(lane as u64);
            frame.apply(&mut first[..4]);
            assert_eq!(first[..4], x[..4]);
            assert_eq!(first[4..], latents(lane as u64)[4..]);
        }
    }
}

const ENDS: [Bound<f32>; 9] = [
    Bound::Low(-1.5),
    Bound::Low(1e6),
    Bound::High(2.0),
    Bound::High(-3e-5),
    Bound::Both { low: -1.0, high: 3.0 },
    Bound::Both { low: 0.0, high: 1e-3 },
    Bound::Both { low: 1e6, high: 1.000_01e6 },
    Bound::Both { low: -1e-30, high: 3e30 },
    Bound::Both { low: 1.0, high: 1.000_000_1 },
];

/// φ alone.
fn map(bound: Bound<f32>, y: f32) -> f32 {
    let (low, high) = match bound {
        Bound::None => (0.0, 0.0),
        Bound::Low(low) => (low, 0.0),
        Bound::High(high) => (0.0, high),
        Bound::Both { low, high } => (low, high),
    };
    let mut x = [y];
    let bounds = Bounds { kinds: &[bound.kind()], low: &[low], high: &[high] };
    Frame::new(&[0.0], Factor::Diagonal(&[1.0]), bounds).unwrap().apply(&mut x);
    x[0]
}

#[test]
fn no_end_is_passed_and_order_is_kept() {
    let far = [100.0, 1e4, 1e30, f32::MAX, f32::INFINITY];
    let grid = (-6400..=6400).map(|k| k as f32 / 64.0);
    let all: Vec<f32> = far.into_iter().rev().map(|y| -y).chain(grid).chain(far).collect();
    for bound in ENDS {
        let x: Vec<f32> = all.iter().map(|y| map(bound, *y)).collect();
        let (low, high, falls) = match bound {
            Bound::Low(low) => (low, f32::INFINITY, false),
            Bound::High(high) => (f32::NEG_INFINITY, high, true),
            Bound::Both { low, high } => (low, high, false),
            Bound::None => unreachable!(),
        };
        assert!(x.iter().all(|x| (low..=high).contains(x)), "{bound:?}");
        let ordered = |pair: &[f32]| if falls { pair[0] >= pair[1] } else { pair[0] <= pair[1] };
        assert!(x.windows(2).all(ordered), "{bound:?}");
        let ends = [x[0], x[x.len() - 1]];
        assert_eq!(ends, if falls { [high, low] } else { [low, high] }, "{bound:?}: far out is the end");
    }
    assert!(map(Bound::Low(0.0), f32::NAN).is_nan() && map(ENDS[4], f32::NAN).is_nan());
}

/// Beside either end, where the plain formula has lost everything.
#[test]
fn coordinates_between_two_ends_are_exact_beside_both() {
    let near = |y: f32, low: f32, high: f32| f64::from(map(Bound::Both { low, high }, y));
    for k in 1..=80 {
        let exact = exponential_share(f64::from(k));
        let [up, down] = [near(-k as f32, 0.0, 1.0), -near(k as f32, -1.0, 0.0)];
        assert!((up / exact - 1.0).abs() < 3e-7 && (down / exact - 1.0).abs() < 3e-7, "{k}: {up:e} {down:e} {exact:e}");
    }
}

/// In double precision, for every kind of bound.
#[test]
fn slopes_and_their_logarithms_are_derivatives() {
    const STEP: f64 = 3e-5;
    let bounds = [Bound::None, Bound::Low(-1.5), Bound::High(2.0), Bound::Both { low: -1.0, high: 3.0 }];
    for (bound, y) in bounds.into_iter().flat_map(|bound| (-64..=64).map(move |k| (bound, f64::from(k) / 8.0))) {
        let here = bound.map(y);
        let [before, after] = [y - STEP, y + STEP].map(|y| bound.map(y));
        let slope = (after.x - before.x) / (2.0 * STEP);
        let close = (slope - here.slope).abs() < tolerance::FINITE_DIFFERENCE * slope.abs();
        assert!(close, "{bound:?} {y}: {slope:e} {:e}", here.slope);
        let log_slope = here.slope.abs().ln();
        assert!((log_slope - here.log_slope).abs() < 1e-13, "{bound:?} {y}: {log_slope} {}", here.log_slope);
        let log_slope_slope = (after.log_slope - before.log_slope) / (2.0 * STEP);
        let close = (log_slope_slope - here.log_slope_slope).abs() < tolerance::FINITE_DIFFERENCE;
        assert!(close, "{bound:?} {y}: {log_slope_slope} {}", here.log_slope_slope);
    }
    // Far out the slope is lost, its logarithm is not.
    for (y, towards_the_middle) in [(-1000.0, 1.0), (1000.0, -1.0)] {
        let far = bounds[3].map(y);
        assert_eq!([far.slope, far.log_slope, far.log_slope_slope], [0.0, 4.0_f64.ln() - 1000.0, towards_the_middle]);
    }
}

/// ∇ᵀ (L u) is (Lᵀ ∇)ᵀ u: of small multiples of 1/8, so that no sum is rounded.
#[test]
fn gradients_are_pulled_back_by_the_transpose() {
    let eighths = |x: f32| (8.0 * x).round() / 8.0;
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    for index in 0..50 {
        let Numbers { widths, rows, .. } = numbers(index);
        let [widths, mut rows] = [widths, rows].map(|numbers| numbers.into_iter().map(eighths).collect::<Vec<f32>>());
        let widths: Vec<f32> = widths.iter().map(|width| width.max(0.125)).collect();
        (0..DIM).for_each(|row| rows[row * (row + 3) / 2] = widths[row]);
        for factor in [Factor::Diagonal(&widths), Factor::Triangle(&rows)] {
            let frame = Frame::new(&[0.0; DIM], factor, Bounds::NONE).unwrap();
            let [u, by_y] = [latents(2 * index), latents(2 * index + 1)].map(|numbers| numbers.map(eighths));
            let y: [f32; DIM] = core::array::from_fn(|row| frame.located(row, &u));
            // What stood there before is of no account.
            let mut by_u = [f32::NAN; DIM];
            frame.pull_back(&by_y, &mut by_u);
            assert_eq!(dot(&by_y, &y), dot(&by_u, &u), "{factor:?}");
        }
    }
}

#[test]
fn what_is_no_frame_is_refused() {
    let Numbers { centre, widths, rows, kinds, low, high } = &numbers(1);
    let bounds = Bounds { kinds, low, high };
    let of = |centre: &[f32], factor: Factor<'_, f32>, bounds: Bounds<'_, f32>| {
        Frame::new(centre, factor, bounds).map(|frame| frame.bounds().is_none())
    };
    let (diagonal, lower) = (Factor::Diagonal(&widths[..]), Factor::Triangle(&rows[..]));
    assert_eq!(of(centre, lower, bounds), Ok(false));
    assert_eq!(of(&[], Factor::Diagonal(&[]), Bounds::NONE), Err(InvalidFrame::Lengths));
    assert_eq!(of(&centre[1..], diagonal, bounds), Err(InvalidFrame::Lengths));
    assert_eq!(of(centre, Factor::Triangle(widths), bounds), Err(InvalidFrame::Lengths));
    assert_eq!(of(centre, Factor::Diagonal(rows), bounds), Err(InvalidFrame::Lengths));
    for spoilt in [
        Bounds { kinds: &kinds[1..], ..bounds },
        Bounds { low: &low[1..], ..bounds },
        Bounds { high: &[], ..bounds },
        Bounds { kinds: &[], ..bounds },
    ] {
        assert_eq!(of(centre, lower, spoilt), Err(InvalidFrame::Lengths));
    }
    let with = |numbers: &[f32], at: usize, value: f32| {
        let mut numbers = numbers.to_vec();
        numbers[at] = value;
        numbers
    };
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let found = [
            of(&with(centre, 8, bad), lower, bounds),
            of(centre, Factor::Triangle(&with(rows, 3, bad)), bounds),
            of(centre, Factor::Diagonal(&with(widths, 0, bad)), bounds),
            of(centre, lower, Bounds { low: &with(low, 1, bad), ..bounds }),
            of(centre, lower, Bounds { high: &with(high, 0, bad), ..bounds }),
        ];
        assert_eq!(found, [Err(InvalidFrame::NotFinite); 5]);
    }
    for bad in [0.0, -0.0, -1.0] {
        let coordinate = InvalidFrame::Diagonal { coordinate: 2 };
        assert_eq!(of(centre, Factor::Diagonal(&with(widths, 2, bad)), bounds), Err(coordinate));
        assert_eq!(of(centre, Factor::Triangle(&with(rows, 5, bad)), bounds), Err(coordinate));
    }
    let mut fourth = kinds.clone();
    fourth[7] = 4;
    assert_eq!(of(centre, lower, Bounds { kinds: &fourth, ..bounds }), Err(InvalidFrame::Kind { coordinate: 7 }));
    let spare = Bounds { high: &with(high, 5, 1.0), ..bounds };
    assert_eq!(of(centre, lower, spare), Err(InvalidFrame::Kind { coordinate: 5 }), "no upper end there");
    for (below, above) in [(1.0, 1.0), (1.0, 0.5), (-3e38, 3e38)] {
        let ends = Bounds { low: &with(low, 3, below), high: &with(high, 3, above), ..bounds };
        assert_eq!(of(centre, lower, ends), Err(InvalidFrame::Ends { coordinate: 3 }));
    }
    // Without an end there is nothing to keep.
    assert_eq!(of(centre, lower, Bounds { kinds: &[0; DIM], low: &[0.0; DIM], high: &[0.0; DIM] }), Ok(true));
    assert!(InvalidFrame::Ends { coordinate: 3 }.to_string().contains("coordinate 3"));
}

#[test]
fn triangles_are_counted() {
    assert_eq!([0, 1, 2, 3, 9].map(triangle), [0, 1, 3, 6, 45].map(Some));
    assert_eq!(triangle(usize::MAX), None);
    assert_eq!(triangle(1 << (usize::BITS / 2 + 1)), None);
}

/// FNV-1a-64 over the little-endian bytes of the first hundred images of each frame.
const PINNED: [u64; 3] = [0x3484c5191a3204b5, 0xe3fba8d70bb5f23b, 0x9f2b5518e40ad315];

#[test]
fn bits_are_pinned() {
    let numbers = numbers(2);
    let images = numbers.frames().map(|frame| {
        fnv((0..100).flat_map(|index| {
            let mut x = latents(index);
            frame.apply(&mut x);
            x.map(|x| x.to_bits().cast_signed())
        }))
    });
    assert_eq!(images, PINNED, "{images:#018x?}");
}
