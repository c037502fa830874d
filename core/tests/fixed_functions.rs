//! Rounding, saturation and requantisation of `kiln_core::fixed` against exact arithmetic, elementary functions against
//! double precision over every argument of their tables.

mod common;

use common::fixed::{exponential_share, silu_correction};
use common::integers::{clamped, half_up, shifted, short};
use common::tolerance;
use kiln_core::fixed::functions::{gaussian, root, sigmoid, silu, tanh};
use kiln_core::fixed::{ONE, POINT, Scale, divide_round, multiply, narrow, saturate, shift_round};
use kiln_core::random::{Purpose, Stream};

#[test]
fn shifts_round_half_up() {
    for s in 0..=18 {
        for x in -(1 << 17)..=1 << 17 {
            assert_eq!(i128::from(shift_round(x, s)), shifted(x.into(), s), "{x} >> {s}");
        }
    }
    for s in 0..=62 {
        for x in [1 << 46, (1 << 46) - 1, (1 << 61) + 12345, (1 << 62) - 1].into_iter().flat_map(|x| [x, -x]) {
            assert_eq!(i128::from(shift_round(x, s)), shifted(x.into(), s), "{x} >> {s}");
        }
    }
    assert_eq!([-3, -1, 1, 3].map(|x| shift_round(x, 1)), [-1, 0, 1, 2], "halves go up");
}

#[test]
fn divisions_round_half_up() {
    for b in 1..=200 {
        for a in -1000..=1000 {
            assert_eq!(i128::from(divide_round(a, b)), half_up(a.into(), b.into()), "{a}/{b}");
        }
    }
    let large = [1, 2, 3, ONE.into(), u32::MAX.into(), (1 << 61) + 1, (1 << 62) - 1];
    for b in large {
        for a in large.into_iter().chain([i64::MAX]).flat_map(|a| [a, -a]) {
            assert_eq!(i128::from(divide_round(a, b)), half_up(a.into(), b.into()), "{a}/{b}");
        }
    }
}

#[test]
fn narrowing_saturates() {
    for x in
        [0, 1, i64::from(i32::MAX), i64::from(i32::MAX) + 1, 1 << 40, i64::MAX].into_iter().flat_map(|x| [x, -x, !x])
    {
        assert_eq!(saturate(x), clamped(x.into()));
    }
    for point in 0..=15 {
        let s = POINT - point;
        // Everything up to saturation of points from 14 on, of the others every number near a jump of the result.
        let near = (-40_000_i64..40_000).flat_map(|n| [-1, 0, 1].map(|d| (n << s) + (1 << (s - 1)) + d));
        let ends = (0..100_000).flat_map(|d| [i64::from(i32::MIN) + d, i64::from(i32::MAX) - d]);
        for x in (-140_000..140_000).chain(near).chain(ends) {
            let Ok(x) = i32::try_from(x) else { continue };
            assert_eq!(narrow(x, point), short(shifted(x.into(), s)), "{x} to {point}");
        }
    }
}

#[test]
fn scales_pack_and_refuse() {
    for shift in 0..=u8::MAX {
        for mantissa in [0, 1, 32_767, 32_768, 40_000, 65_535] {
            let scale = Scale::new(mantissa, shift);
            assert_eq!(scale.is_some(), shift <= 62 && (mantissa == 0 || mantissa >= 32_768), "{mantissa} {shift}");
            let packed = u32::from(mantissa) | u32::from(shift) << 16;
            assert_eq!(Scale::unpack(packed), scale);
            assert_eq!(Scale::unpack(packed | 1 << 24), None, "other bits");
            assert_eq!(Scale::unpack(packed | 1 << 31), None, "other bits");
            if let Some(scale) = scale {
                assert_eq!((scale.pack(), scale.mantissa(), scale.shift()), (packed, mantissa, shift));
            }
        }
    }
}

#[test]
fn requantisation_is_exact() {
    let mut bits = Stream::new(21, Purpose::Test, 0);
    let mut edges = vec![0, 1, -1, i64::from(i32::MAX), i64::from(i32::MIN), (1 << 46) - 1, 1 - (1 << 46)];
    edges.extend((0..200).map(|k| (bits.next_bits() as i64) >> (18 + k % 46)));
    for shift in 0..=62 {
        for mantissa in [0, 32_768, 32_769, 50_001, 65_535] {
            let scale = Scale::new(mantissa, shift).expect("a scale");
            for sum in &edges {
                let exact = clamped(shifted(i128::from(*sum) * i128::from(mantissa), shift.into()));
                assert_eq!(scale.apply(*sum), exact, "{sum} {scale:?}");
            }
        }
    }
}

#[test]
fn products_of_wide_numbers_are_exact() {
    let numbers = [0, 1, -1, 32_767, 32_768, -32_768, ONE, 98_765, -123_456_789, i32::MAX, i32::MIN];
    for a in numbers {
        for b in numbers {
            assert_eq!(i128::from(multiply(a, b)), shifted(i128::from(a) * i128::from(b), 16), "{a} {b}");
        }
    }
}

/// Every argument up to the table's end and some beyond, then sparser ones up to the ends of `i32`.
fn arguments(end: i32) -> impl Iterator<Item = i32> {
    let dense = -(end << 16) - 70_000..=(end << 16) + 70_000;
    let sparse = (0..100_000).map(|k: i32| i32::MIN.wrapping_add(k.wrapping_mul(42_949)));
    dense.chain(sparse).chain([i32::MIN, i32::MIN + 1, i32::MAX - 1, i32::MAX])
}

/// The largest error in units of the result is at most `bound`, and not much below it: else the bound is out of date.
fn check(what: &str, end: i32, unit: f64, bound: f64, function: impl Fn(i32) -> i32, exact: impl Fn(f64) -> f64) {
    let mut worst = (0.0, 0);
    for z in arguments(end) {
        let error = (f64::from(function(z)) - exact(f64::from(z) / 65_536.0) * unit).abs();
        if error > worst.0 {
            worst = (error, z);
        }
    }
    println!("{what}: {:.4} units at {}", worst.0, worst.1);
    assert!(worst.0 <= bound, "{what}: {} units at {}", worst.0, worst.1);
    assert!(worst.0 >= 0.85 * bound, "{what}: only {} units, the bound can be lower", worst.0);
}

#[test]
fn silu_has_its_error() {
    check("silu", 16, 65_536.0, tolerance::FIXED_SILU, silu, |z| z.max(0.0) - silu_correction(z.abs()));
    assert_eq!([i32::MIN, -16 << 16, 0, 16 << 16, i32::MAX].map(silu), [0, 0, 0, 16 << 16, i32::MAX]);
}

#[test]
fn sigmoid_has_its_error() {
    check("sigmoid", 12, 65_536.0, tolerance::FIXED_SIGMOID, sigmoid, |z| exponential_share(-z));
    assert_eq!([i32::MIN, 0, i32::MAX].map(sigmoid), [0, ONE / 2, ONE]);
    for z in arguments(12).filter(|z| *z > i32::MIN) {
        assert_eq!(sigmoid(-z), ONE - sigmoid(z), "{z}");
    }
}

#[test]
fn tanh_has_its_error() {
    check("tanh", 6, 65_536.0, tolerance::FIXED_TANH, tanh, libm::tanh);
    assert_eq!([i32::MIN, 0, i32::MAX].map(tanh), [-ONE, 0, ONE]);
    for z in arguments(6).filter(|z| *z > i32::MIN) {
        assert_eq!(tanh(-z), -tanh(z), "{z}");
    }
}

#[test]
fn gaussian_has_its_error() {
    let exact = |u: f64| libm::exp(-0.5 * u * u);
    check("gaussian", 5, 16_384.0, tolerance::FIXED_GAUSSIAN, |u| gaussian(u).into(), exact);
    assert_eq!([i32::MIN, 0, i32::MAX].map(gaussian), [0, 1 << 14, 0]);
}

#[test]
fn roots_are_the_nearest_integers() {
    let check = |x: u64| {
        let r = u128::from(root(x));
        // |√x − r| ≤ 1/2 without a root: (2r − 1)² ≤ 4x ≤ (2r + 1)², or the largest u32.
        let x4 = 4 * u128::from(x);
        let below = r == 0 || (2 * r - 1).pow(2) <= x4;
        assert!(below && (x4 <= (2 * r + 1).pow(2) || r == u128::from(u32::MAX)), "√{x} = {r}");
    };
    (0..1 << 20).for_each(check);
    let mut bits = Stream::new(21, Purpose::Test, 1);
    (0..1_000_000).for_each(|k| check(bits.next_bits() >> (k % 64)));
    for r in [1_u64, 2, 65_535, 65_536, 1 << 31, (1 << 32) - 2, (1 << 32) - 1] {
        // Squares, and both sides of the half between r and r + 1.
        for x in [r * r - 1, r * r, r * r + 1, r * r + r, (r * r).saturating_add(r + 1)] {
            check(x);
        }
    }
    assert_eq!((root(0), root(u64::MAX)), (0, u32::MAX));
}
