//! The limits of integer networks: what stands exactly at one is taken and computed without an overflow, against exact
//! arithmetic; one unit more is refused.

mod common;

use common::integers::{clamped, half_up, map, shifted};
use common::quantised::Quantised;
use kiln_core::fixed::{
    Affine, Egnn, EgnnLayer, EgnnShape, InvalidNetwork, Layer, Matrix, Mlp, Portable, Radial, Scale, Scratch,
    ScratchLength,
};

/// A row at its limit, and the same with a weight that is one unit larger.
struct Row<W> {
    at: Vec<W>,
    beyond: Vec<W>,
}

/// `count` of the least weight and one that fills the row up to Σ|w| = limit − 1.
fn row<W: Quantised>(count: usize) -> Row<W> {
    let least = -W::LARGEST - 1.0;
    let with = |last: f64| std::iter::repeat_n(W::rounded(least), count).chain([W::rounded(last)]).collect::<Vec<_>>();
    let row = Row { at: with(least + 1.0), beyond: with(least) };
    let sum = |row: &[W]| row.iter().map(|w| w.magnitude()).sum::<u64>();
    assert_eq!([sum(&row.at), sum(&row.beyond)], [W::ROW_LIMIT - 1, W::ROW_LIMIT]);
    row
}

/// A layer of two equal rows, so that both kinds of product are computed, and of a third.
fn check_rows<W: Quantised>(count: usize) {
    let Row { at, beyond } = row::<W>(count);
    let inputs = at.len();
    let three = [&at[..], &at, &at].concat();
    let bias = [i32::MIN, 0, i32::MAX];
    for shift in [0, 1, 15, 30, 31, 32, 46, 61, 62] {
        for mantissa in [0, 32_768, 65_535] {
            let scales = [Scale::new(mantissa, shift).expect("a scale").pack(); 3];
            let affine = Affine { matrix: Matrix { weights: &three[..], scales: &scales }, bias: &bias };
            let layers = [Layer { affine, point: 0 }];
            let mlp = Mlp::new(inputs, &layers).expect("at the limit");
            for x in [i16::MIN, i16::MAX] {
                let (mut scratch, mut out) = (vec![x; 2 * mlp.width()], [0; 3]);
                mlp.forward(&Portable, &mut scratch, &mut out).expect("long enough buffers");
                assert_eq!(out[..], map(&affine, &vec![x; inputs]), "{x}, {mantissa} / 2^{shift}");
            }
        }
    }
    for bad in [[&beyond[..], &at, &at], [&at, &beyond, &at], [&at, &at, &beyond]] {
        let weights = bad.concat();
        let affine = Affine { matrix: Matrix { weights: &weights[..], scales: &[32_768; 3] }, bias: &bias };
        let found = Mlp::new(inputs, &[Layer { affine, point: 0 }]).err();
        assert_eq!(found, Some(InvalidNetwork::Overflow { layer: 0 }));
    }
}

#[test]
fn rows_of_i8_at_the_limit() {
    check_rows::<i8>((1 << 9) - 1);
}

#[test]
fn rows_of_i16_at_the_limit() {
    check_rows::<i16>((1 << 16) - 1);
}

/// A network of width 1 whose factors are −range exactly: particles fall on each other.
struct Falling {
    shape: EgnnShape,
    zeros: Vec<i16>,
}

impl Falling {
    fn new(particles: usize, dimensions: usize, range: i32) -> Self {
        let radial = Radial::Steps { count: 2, steps: 1 << 16 };
        Self { shape: EgnnShape { particles, dimensions, node_inputs: 1, radial, range }, zeros: vec![0; 4] }
    }

    fn with(self, radial: Radial) -> Self {
        Self { shape: EgnnShape { radial, ..self.shape }, zeros: vec![0; 2 * radial.count()] }
    }

    fn affine(&self, inputs: usize, bias: &'static [i32]) -> Affine<'_, i16> {
        Affine { matrix: Matrix { weights: &self.zeros[..inputs], scales: &[0] }, bias }
    }

    fn layers(&self) -> [EgnnLayer<'_, i16>; 1] {
        [EgnnLayer {
            state_point: 15,
            source: self.affine(1, &[0]).matrix,
            radial: self.affine(2 * self.shape.radial.count(), &[0]),
            edge_point: 15,
            message: self.affine(1, &[i32::MAX]),
            gate: None,
            message_point: 15,
            coordinate: Matrix { weights: &[-1], scales: &[32_768] },
            node: None,
        }]
    }

    fn error(&self) -> Option<InvalidNetwork> {
        Egnn::new(self.shape, self.affine(1, &[0]), &self.layers()).err()
    }

    fn displacement(&self, x: &[i32]) -> Vec<i32> {
        let layers = self.layers();
        let egnn = Egnn::new(self.shape, self.affine(1, &[0]), &layers).expect("at the limit");
        let ScratchLength { narrow, wide } = egnn.scratch();
        let (mut narrow, mut wide, mut out) = (vec![7; narrow], vec![7; wide], vec![0; egnn.dim()]);
        let scratch = Scratch { narrow: &mut narrow, wide: &mut wide };
        egnn.displacement(&Portable, &vec![0; egnn.inputs()], x, scratch, &mut out).expect("long enough buffers");
        out
    }

    /// What a particle at a gets from one at b, in one dimension.
    fn step(&self, a: i32, b: i32) -> i128 {
        let difference = i128::from(a) - i128::from(b);
        let factor = half_up(-i128::from(self.shape.range) << 16, difference.abs() + (1 << 16));
        shifted(difference * factor, 16)
    }
}

/// The largest range that so many particles may have: (particles − 1)·(range + 2^15 + 1) < 2^31.
fn largest_range(particles: i32) -> i32 {
    i32::MAX / (particles - 1) - (1 << 15) - 1
}

#[test]
fn ranges_beyond_the_limit_are_refused() {
    let beyond = Some(InvalidNetwork::Particles);
    for particles in [2, 3, 5, 13, 257, 4097] {
        let range = largest_range(particles);
        let of = |particles: i32, range| Falling::new(particles as usize, 3, range).error();
        assert_eq!([of(particles, range), of(particles, range + 1), of(particles + 1, range)], [None, beyond, beyond]);
    }
    // Without any range 65535 particles are the most.
    assert_eq!([0, 1].map(|range| Falling::new(65_535, 1, range).error()), [None, beyond]);
    assert_eq!([65_536, 65_537, usize::MAX].map(|particles| Falling::new(particles, 1, 0).error()), [beyond; 3]);
    // 2^63 steps of at most 2·16385: a multiple of 2^64.
    assert_eq!(Falling::new((1 << 63) + 1, 1, 1).error(), beyond);
}

/// One particle at one end of the coordinates, all others at the other: its steps have one sign, and their sum all but
/// fills 32 bits.
#[test]
fn sums_of_steps_at_the_limit_do_not_overflow() {
    for particles in [2, 3, 5, 13, 257] {
        let falling = Falling::new(particles as usize, 1, largest_range(particles));
        let (low, others) = (i32::MIN, i128::from(particles - 1));
        // Where rounding the factor adds most.
        let high = (0..1 << 17).map(|k| i32::MAX - k).min_by_key(|high| falling.step(*high, low)).expect("a place");
        for (one, other) in [(high, low), (low, high), (i32::MAX, low), (low, i32::MAX)] {
            let sum = others * falling.step(one, other);
            assert!(i32::try_from(sum).is_ok(), "{particles}: {sum} is beyond the limit");
            assert!(sum.abs() as f64 > 0.99 * 2.0_f64.powi(31) || high != one.max(other), "{particles}: {sum}");
            let step = falling.step(other, one);
            let mean = half_up(sum + others * step, particles.into());
            let mut x = vec![other; particles as usize];
            let mut exact = vec![clamped(step - mean); particles as usize];
            (x[0], exact[0]) = (one, clamped(sum - mean));
            assert_eq!(falling.displacement(&x), exact, "{particles}: {one} and {other}");
        }
    }
}

/// The most radial functions there can be, the last at 32766, and distances that saturate: opposite corners of a square
/// are further from each other than the largest `u32`.
#[test]
fn radial_functions_at_the_limit() {
    let corners = [i32::MAX, i32::MAX, i32::MIN, i32::MIN];
    let of = |radial| Falling::new(2, 2, largest_range(2)).with(radial);
    for radial in [|count, steps| Radial::Basis { count, steps }, |count, steps| Radial::Steps { count, steps }] {
        for steps in [1, i32::MAX] {
            let out = of(radial(32_767, steps)).displacement(&corners);
            assert!(out[0] < -2_000_000_000 && out[2] > 2_000_000_000, "{out:?}");
            assert_eq!([out[0], out[2]], [out[1], out[3]]);
        }
        let beyond = [radial(32_768, 1), radial(1, 1), radial(2, 0), radial(2, -1)].map(|radial| of(radial).error());
        assert_eq!(beyond, [Some(InvalidNetwork::Radial); 4]);
    }
}
