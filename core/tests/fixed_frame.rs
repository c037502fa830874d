//! Frames in integers: e^y and the logistic tail over every argument, images against exact arithmetic and double precision,
//! within their ends, at their limits.

mod common;

use common::artifacts::{FRAMED, fixed_frame};
use common::fixed::{exponential_share, fnv};
use common::integers::{clamped, shifted};
use common::tolerance;
use kiln_core::fixed::functions::{exp, logistic_tail};
use kiln_core::fixed::{Frame, fill_normal};
use kiln_core::frame::{Bound, Bounds, Factor, InvalidFrame};
use kiln_core::random::{Purpose, Stream};

const ONE: f64 = 65_536.0;

#[test]
fn exp_has_its_error_and_rises() {
    let (mut worst, mut before) = (0.0_f64, 0);
    for y in -(13 << 16)..=11 << 16 {
        let (found, exact) = (exp(y), libm::exp(f64::from(y) / ONE) * ONE);
        assert!(found >= before, "{y}");
        before = found;
        if exact < f64::from(i32::MAX) {
            worst = worst.max(((f64::from(found) - exact).abs() - 0.5) / exact);
        }
    }
    println!("{worst:e} of the result beside half a unit");
    assert!((0.85 * tolerance::FIXED_EXP..=tolerance::FIXED_EXP).contains(&worst), "{worst:e}");
    assert_eq!(before, i32::MAX);
    let far = [i32::MIN, i32::MIN + 1, -24 << 16, -12 << 16, 0, 11 << 16, 24 << 16, i32::MAX];
    assert_eq!(far.map(exp), [0, 0, 0, 0, 1 << 16, i32::MAX, i32::MAX, i32::MAX]);
}

#[test]
fn the_logistic_tail_has_its_error_and_falls() {
    let (mut worst, mut before) = (0.0_f64, i64::MAX);
    for y in 0..=25 << 16 {
        let (found, exact) = (logistic_tail(y), libm::ldexp(exponential_share(f64::from(y) / ONE), 30));
        assert!(found <= before && logistic_tail(-y) == found, "{y}");
        before = found;
        worst = worst.max((found as f64 - exact).abs());
    }
    println!("{worst} units");
    assert!((0.85 * tolerance::FIXED_TAIL..=tolerance::FIXED_TAIL).contains(&worst), "{worst}");
    assert_eq!([0, 25 << 16, i32::MIN, i32::MAX].map(logistic_tail), [1 << 29, 0, 0, 0]);
}

fn rows<'a>(frame: &Frame<'a>, row: usize) -> Vec<(i32, usize)> {
    match frame.factor() {
        Factor::Diagonal(widths) => vec![(widths[row], row)],
        Factor::Triangle(numbers) => (0..=row).map(|column| (numbers[row * (row + 1) / 2 + column], column)).collect(),
    }
}

/// y = m + L u with one rounding, by exact arithmetic.
fn free(frame: &Frame<'_>, row: usize, u: &[i32]) -> i32 {
    let sum: i128 = rows(frame, row).into_iter().map(|(l, column)| i128::from(l) * i128::from(u[column])).sum();
    clamped(i128::from(frame.centre()[row]) + shifted(sum, frame.points()[row].into()))
}

fn latents(index: u64) -> [i32; FRAMED] {
    let mut u = [0; FRAMED];
    fill_normal(&mut Stream::new(4, Purpose::Test, index), &mut u);
    u
}

#[test]
fn frames_compute_what_double_precision_does() {
    let mut worst = 0.0_f64;
    for (frame, index) in [true, false].map(fixed_frame).into_iter().flat_map(|f| (0..2000).map(move |i| (f, i))) {
        let u = latents(index);
        let mut x = u;
        frame.apply(&mut x);
        for row in 0..FRAMED {
            let y = f64::from(free(&frame, row, &u)) / ONE;
            let share = exponential_share(-y);
            let exact = match frame.bounds().get(row) {
                Bound::None => y * ONE,
                Bound::Low(low) => f64::from(low) + libm::exp(y) * ONE,
                Bound::High(high) => f64::from(high) - libm::exp(y) * ONE,
                Bound::Both { low, high } => f64::from(low) + (f64::from(high) - f64::from(low)) * share,
            };
            worst = worst.max((f64::from(x[row]) - exact).abs());
        }
    }
    println!("{worst} units");
    assert!(worst > 0.45 && worst < 0.51, "{worst} units of 2^-16");
}

/// φ alone.
fn map(bound: Bound<i32>, y: i32) -> i32 {
    let (low, high) = match bound {
        Bound::None => (0, 0),
        Bound::Low(low) => (low, 0),
        Bound::High(high) => (0, high),
        Bound::Both { low, high } => (low, high),
    };
    let mut x = [y];
    let bounds = Bounds { kinds: &[bound.kind()], low: &[low], high: &[high] };
    Frame::new(&[0], Factor::Diagonal(&[1]), &[0], bounds).unwrap().apply(&mut x);
    x[0]
}

#[test]
fn no_end_is_passed_and_order_is_kept() {
    let bounds = [
        Bound::Low(-100_000),
        Bound::Low(i32::MIN),
        Bound::Low(i32::MAX - 5),
        Bound::High(131_072),
        Bound::High(i32::MIN + 5),
        Bound::Both { low: -65_536, high: 196_609 },
        Bound::Both { low: i32::MIN, high: i32::MAX },
        Bound::Both { low: 7, high: 8 },
        Bound::Both { low: 7, high: 10 },
    ];
    let all = || [i32::MIN, i32::MIN + 1].into_iter().chain((-30 << 16)..=30 << 16).chain([i32::MAX - 1, i32::MAX]);
    for bound in bounds {
        let (low, high, falls) = match bound {
            Bound::Low(low) => (low, i32::MAX, false),
            Bound::High(high) => (i32::MIN, high, true),
            Bound::Both { low, high } => (low, high, false),
            Bound::None => unreachable!(),
        };
        let mut before = if falls { high } else { low };
        for y in all() {
            let x = map(bound, y);
            assert!((low..=high).contains(&x), "{bound:?} {y} {x}");
            assert!(if falls { x <= before } else { x >= before }, "{bound:?} {y} {x}");
            before = x;
        }
        let ends = match bound {
            Bound::Low(low) => [low, low.saturating_add(i32::MAX)],
            Bound::High(high) => [high, high.saturating_sub(i32::MAX)],
            _ => [low, high],
        };
        assert_eq!([map(bound, i32::MIN), before], ends, "{bound:?}: far out is the end, or the largest e^y");
    }
}

/// Rows at their limit, with the least and the largest coordinates.
#[test]
fn rows_at_the_limit_are_summed_without_an_overflow() {
    let limit = i32::MAX - 9;
    let rows = [1, -limit, 10, 5, limit - 5, 10];
    let u = [i32::MIN, i32::MAX];
    for points in [0, 1, 31, 61, 62].map(|point| [point; 3]) {
        for u in [[u[0]; 3], [u[1]; 3], [u[0], u[1], u[0]], [u[1], u[0], u[1]]] {
            let frame = Frame::new(&[0, i32::MIN, i32::MAX], Factor::Triangle(&rows), &points, Bounds::NONE).unwrap();
            let mut x = u;
            frame.apply(&mut x);
            assert_eq!(x, [0, 1, 2].map(|row| free(&frame, row, &u)), "{points:?} {u:?}");
        }
    }
    let beyond = [1, -limit, 11, 5, limit - 5, 10];
    let of = |rows: &[i32]| Frame::new(&[0; 3], Factor::Triangle(rows), &[0; 3], Bounds::NONE).map(drop);
    assert_eq!([of(&rows), of(&beyond)], [Ok(()), Err(InvalidFrame::Overflow { coordinate: 1 })]);
}

#[test]
fn what_is_no_frame_is_refused() {
    let bounds = Bounds { kinds: &[1, 3], low: &[-5, 0], high: &[0, 9] };
    let of = |centre: &[i32], widths: &[i32], points: &[u8], bounds: Bounds<'_, i32>| {
        Frame::new(centre, Factor::Diagonal(widths), points, bounds).map(drop)
    };
    assert_eq!(of(&[0; 2], &[1; 2], &[62; 2], bounds), Ok(()));
    assert_eq!(of(&[], &[], &[], Bounds::NONE), Err(InvalidFrame::Lengths));
    assert_eq!(of(&[0; 3], &[1; 2], &[0; 2], bounds), Err(InvalidFrame::Lengths));
    assert_eq!(of(&[0; 2], &[1; 3], &[0; 2], bounds), Err(InvalidFrame::Lengths));
    assert_eq!(of(&[0; 2], &[1; 2], &[0; 3], bounds), Err(InvalidFrame::Lengths));
    assert_eq!(of(&[0; 2], &[1; 2], &[0; 2], Bounds { kinds: &[1], ..bounds }), Err(InvalidFrame::Lengths));
    for width in [0, -1, i32::MIN] {
        assert_eq!(of(&[0; 2], &[1, width], &[0; 2], bounds), Err(InvalidFrame::Diagonal { coordinate: 1 }));
    }
    assert_eq!(of(&[0; 2], &[1; 2], &[63, 0], bounds), Err(InvalidFrame::Point { coordinate: 0 }));
    let no_room = Bounds { low: &[-5, 9], ..bounds };
    assert_eq!(of(&[0; 2], &[1; 2], &[0; 2], no_room), Err(InvalidFrame::Ends { coordinate: 1 }));
    let spare = Bounds { high: &[1, 9], ..bounds };
    assert_eq!(of(&[0; 2], &[1; 2], &[0; 2], spare), Err(InvalidFrame::Kind { coordinate: 0 }));
}

/// FNV-1a-64 over the little-endian bytes of the first hundred images of each frame.
const PINNED: [u64; 2] = [0x0785c2529eb826f9, 0xdfa3a8ec315ec1a3];

#[test]
fn bits_are_pinned() {
    let images = [true, false].map(fixed_frame).map(|frame| {
        fnv((0..100).flat_map(|index| {
            let mut x = latents(index);
            frame.apply(&mut x);
            x
        }))
    });
    assert_eq!(images, PINNED, "{images:#018x?}");
}
