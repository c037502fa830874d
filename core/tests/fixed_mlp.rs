//! The MLP generator in integers: against its formulas in exact arithmetic, against the float generator, at the ends of
//! its numbers, and what is refused.

mod common;

use common::fixed::fnv;
use common::integers::{activations, clamped, map, shifted};
use common::quantised::{OwnedAffine, Permuted, Quantised, latents, random, value, wide};
use common::{quantised, tolerance};
use kiln_core::fixed::functions::silu;
use kiln_core::fixed::{
    Affine, Generator, InvalidNetwork, LATENT_POINT, Layer, Matrix, Mlp, Portable, Products, Scale, write_features,
};
use kiln_core::network;
use kiln_core::random::{Purpose, Stream};

/// A float network and what was made of it.
struct Model<W> {
    latent: usize,
    thresholds: Vec<f64>,
    skip: f64,
    scale: f64,
    weights: Vec<(Vec<f64>, Vec<f64>)>,
    points: Vec<u8>,
    fixed: Vec<OwnedAffine<W>>,
}

impl<W: Quantised> Model<W> {
    /// Random weights; binary points from the largest activation of 200 latents, with a quarter to spare.
    fn new(latent: usize, thresholds: &[f64], widths: &[usize], index: u64) -> Self {
        let mut rng = Stream::new(31, Purpose::Initialisation, index);
        let mut inputs = latent * (1 + thresholds.len());
        let mut weights = Vec::new();
        for &outputs in widths {
            let spread = 1.5 / (inputs as f64).sqrt();
            weights.push((random(&mut rng, inputs * outputs, spread), random(&mut rng, outputs, 0.3)));
            inputs = outputs;
        }
        let mut model = Self {
            latent,
            thresholds: thresholds.to_vec(),
            skip: 0.75,
            scale: 2.5,
            weights,
            points: vec![0; widths.len()],
            fixed: Vec::new(),
        };
        model.points = (0..widths.len()).map(|l| model.calibrated(l)).collect();
        model.quantise();
        model
    }

    fn latents(&self, index: u64) -> Vec<i32> {
        latents(31, self.latent, index)
    }

    fn layers(&self) -> Vec<network::Layer<'_, f64>> {
        self.weights.iter().map(|(weight, bias)| network::Layer { weight, bias }).collect()
    }

    /// The binary point of layer l's activations.
    fn calibrated(&self, l: usize) -> u8 {
        let layers = self.layers();
        let inputs = self.latent * (1 + self.thresholds.len());
        let mlp = network::Mlp::new(inputs, &layers[..=l]).expect("a valid network");
        let mut largest = 0.0_f64;
        for index in 0..200 {
            let z: Vec<f64> = self.latents(index).iter().map(|z| value(*z)).collect();
            let mut scratch = vec![0.0; 2 * mlp.width()];
            network::write_features(&z, &self.thresholds, &mut scratch[..inputs]);
            let y = mlp.forward(&mut scratch).expect("long enough buffers");
            largest = y.iter().fold(largest, |largest, y| largest.max(y / (1.0 + (-y).exp())));
        }
        (32_767.0 / (1.25 * largest)).log2().floor().clamp(0.0, 15.0) as u8
    }

    fn quantise(&mut self) {
        let mut inputs = self.latent * (1 + self.thresholds.len());
        let mut point = LATENT_POINT as u8;
        let last = self.weights.len() - 1;
        for (l, (weight, bias)) in self.weights.iter().enumerate() {
            let scale = if l == last { self.scale } else { 1.0 };
            let times = |x: &[f64]| x.iter().map(|x| scale * x).collect::<Vec<_>>();
            self.fixed.push(OwnedAffine::new(&times(weight), &times(bias), inputs, point));
            (inputs, point) = (bias.len(), self.points[l]);
        }
    }

    fn fixed_layers(&self) -> Vec<Layer<'_, W>> {
        self.fixed.iter().zip(&self.points).map(|(l, point)| Layer { affine: l.borrow(), point: *point }).collect()
    }

    fn float(&self, z: &[i32]) -> Vec<f64> {
        let layers = self.layers();
        let mlp = network::Mlp::new(self.latent * (1 + self.thresholds.len()), &layers).expect("a valid network");
        let generator = network::Generator::new(mlp, self.latent, &self.thresholds, self.skip, self.scale)
            .expect("a valid generator");
        let z: Vec<f64> = z.iter().map(|z| value(*z)).collect();
        let mut x = vec![0.0; generator.dim()];
        generator.sample(&z, &mut vec![0.0; generator.scratch()], &mut x).expect("long enough buffers");
        x
    }

    fn integers<P: Products>(&self, products: &P, z: &[i32]) -> Vec<i32> {
        let layers = self.fixed_layers();
        let thresholds: Vec<i32> = self.thresholds.iter().map(|c| wide(*c)).collect();
        let mlp = Mlp::new(self.latent * (1 + thresholds.len()), &layers).expect("a valid network");
        let generator = Generator::new(mlp, self.latent, &thresholds, wide(self.skip)).expect("a valid generator");
        let mut x = vec![0; generator.dim()];
        generator.sample_with(products, z, &mut vec![7; generator.scratch()], &mut x).expect("long enough buffers");
        x
    }

    /// The formulas of the documentation in arithmetic that cannot overflow, one row after the other.
    fn exact(&self, z: &[i32]) -> Vec<i32> {
        let thresholds: Vec<i32> = self.thresholds.iter().map(|c| wide(*c)).collect();
        let mut x = vec![0; self.latent * (1 + thresholds.len())];
        write_features(z, &thresholds, &mut x);
        let (last, hidden) = self.fixed.split_last().expect("a layer");
        for (affine, point) in hidden.iter().zip(&self.points) {
            let y: Vec<i32> = map(&affine.borrow(), &x).into_iter().map(silu).collect();
            x = activations(&y, *point);
        }
        let skip = i128::from(wide(self.skip));
        let out = map(&last.borrow(), &x).into_iter().zip(z);
        out.map(|(out, z)| clamped(shifted(skip * i128::from(*z), 16) + i128::from(out))).collect()
    }
}

const THRESHOLDS: [f64; 3] = [-0.75, 0.0, 0.875];

/// Root of the mean squared error over its own scale, and the largest error.
fn errors<W: Quantised>(what: &str, root_mean_square: f64, largest: f64) {
    let shapes: [(usize, &[f64], &[usize]); 3] =
        [(3, &THRESHOLDS, &[13, 8, 2]), (2, &[], &[64, 64, 64, 2]), (32, &[0.0], &[48, 31, 32])];
    for (index, (latent, thresholds, widths)) in shapes.into_iter().enumerate() {
        let model = Model::<W>::new(latent, thresholds, widths, index as u64);
        let trials = (1000..1500).map(|index| model.latents(index));
        let (relative, worst) = quantised::errors(trials.map(|z| (model.integers(&Portable, &z), model.float(&z))));
        println!("{what} {widths:?} {:?}: relative {relative:.2e}, largest {worst:.2e}", model.points);
        assert!(relative <= root_mean_square && worst <= largest, "{what}: {relative:e} {worst:e}");
    }
}

#[test]
fn i16_weights_are_near_the_float_network() {
    errors::<i16>("i16", tolerance::FIXED_MLP_I16, tolerance::FIXED_MLP_I16_LARGEST);
}

#[test]
fn i8_weights_are_near_the_float_network() {
    errors::<i8>("i8", tolerance::FIXED_MLP_I8, tolerance::FIXED_MLP_I8_LARGEST);
}

/// Any latents, ordinary and absurd: saturation is where the formulas have it, and the order of products is of no
/// account.
fn check_exact<W: Quantised>() {
    let mut model = Model::<W>::new(3, &THRESHOLDS, &[13, 8, 2], 0);
    for trial in 0..3 {
        for index in 0..300 {
            let shift = index % 18;
            let z: Vec<i32> = model.latents(index).iter().map(|z| z.saturating_mul(1 << shift)).collect();
            let exact = model.exact(&z);
            assert_eq!(model.integers(&Portable, &z), exact, "{z:?}");
            assert_eq!(model.integers(&Permuted, &z), exact, "{z:?}, permuted");
        }
        // Next: activations that saturate, then a thousand times the scales, and biases at the ends.
        if trial == 0 {
            model.points = vec![15; 3];
        } else {
            model.fixed.iter_mut().for_each(OwnedAffine::exaggerate);
        }
    }
    let ends = model.integers(&Portable, &[i32::MAX, i32::MIN, i32::MAX]);
    assert!(ends.iter().all(|x| x.unsigned_abs() > 1 << 30), "{ends:?}");
}

#[test]
fn formulas_hold_to_the_bit_i8() {
    check_exact::<i8>();
}

#[test]
fn formulas_hold_to_the_bit_i16() {
    check_exact::<i16>();
}

/// Samples never change between versions: FNV-1a-64 over the little-endian bytes of a hundred.
#[test]
fn samples_are_pinned() {
    fn hash<W: Quantised>() -> u64 {
        let model = Model::<W>::new(3, &THRESHOLDS, &[13, 8, 2], 0);
        fnv((0..100).flat_map(|index| model.integers(&Portable, &model.latents(index))))
    }
    let hashes = [hash::<i8>(), hash::<i16>()];
    assert_eq!(hashes, [0xd272bbf7b0b09896, 0x11e4481dd9d615a5], "{hashes:#018x?}");
}

/// Rows by two and by one, in any length, extreme numbers included.
#[test]
fn two_rows_are_one_row_twice() {
    let mut bits = Stream::new(31, Purpose::Test, 0);
    for length in 0..70 {
        let mut draw = || (0..length).map(|_| bits.next_bits() as i16).collect::<Vec<_>>();
        for (x, a, b) in [(draw(), draw(), draw()), (vec![i16::MIN; length], vec![i16::MIN; length], draw())] {
            let exact = |w: &[i16]| w.iter().zip(&x).map(|(w, x)| i64::from(*w) * i64::from(*x)).sum::<i64>();
            assert_eq!(Portable.rows_i16([&a, &b], &x), [exact(&a), exact(&b)]);
            assert_eq!([Portable.row_i16(&a, &x), Portable.row_i16(&b, &x)], [exact(&a), exact(&b)]);
            let [c, d] = [&a, &b].map(|w| w.iter().map(|w| (*w >> 8) as i8).collect::<Vec<_>>());
            let exact = |w: &[i8]| w.iter().zip(&x).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum::<i32>();
            assert_eq!(Portable.rows_i8([&c, &d], &x), [exact(&c), exact(&d)]);
            assert_eq!([Portable.row_i8(&c, &x), Portable.row_i8(&d, &x)], [exact(&c), exact(&d)]);
        }
    }
}

/// (z, then +1 or −1 for each latent and threshold): at a threshold itself not above.
#[test]
fn features_are_in_order() {
    let z = [wide(0.5), wide(-1.0), wide(9.0)];
    let mut out = [9; 10];
    write_features(&z, &[wide(-1.0), wide(0.5)], &mut out);
    assert_eq!(out, [2048, -4096, 32_767, 4096, -4096, -4096, -4096, 4096, 4096, 9]);
    let mut short = [9; 2];
    write_features(&z, &[0], &mut short);
    assert_eq!(short, [2048, -4096]);
}

#[test]
fn malformed_networks_are_refused() {
    let bias = [0; 4];
    let scales = [Scale::new(40_000, 20).expect("a scale").pack(); 4];
    let layer = |weights: &'static [i8], outputs: usize, point: u8| -> Layer<'_, i8> {
        let matrix = Matrix { weights, scales: &scales[..outputs] };
        Layer { affine: Affine { matrix, bias: &bias[..outputs] }, point }
    };
    static ONES: [i8; 1 << 17] = [1; 1 << 17];
    static LARGE: [i8; 512] = [-128; 512];
    let good = layer(&ONES[..8], 4, 15);
    let error = |inputs: usize, layers: &[Layer<'_, i8>]| Mlp::new(inputs, layers).err();
    assert_eq!(error(2, &[good]), None);
    assert_eq!(error(2, &[]), Some(InvalidNetwork::Empty));
    assert_eq!(error(0, &[good]), Some(InvalidNetwork::Empty));
    for bad in [layer(&ONES[..7], 4, 0), layer(&ONES[..9], 4, 0), layer(&ONES[..0], 0, 0)] {
        assert_eq!(error(2, &[bad]), Some(InvalidNetwork::Shape { layer: 0 }));
        assert_eq!(error(2, &[good, bad]), Some(InvalidNetwork::Shape { layer: 1 }));
    }
    assert_eq!(error(usize::MAX, &[good]), Some(InvalidNetwork::Shape { layer: 0 }));
    let mut few_scales = good;
    few_scales.affine.matrix.scales = &scales[..3];
    assert_eq!(error(2, &[few_scales]), Some(InvalidNetwork::Shape { layer: 0 }));
    for packed in [1, 0x7fff, 40_000 | 63 << 16, 40_000 | 20 << 16 | 1 << 24] {
        let wrong = [scales[0], packed, scales[0], scales[0]];
        let mut bad = good;
        bad.affine.matrix.scales = &wrong;
        assert_eq!(error(2, &[bad]), Some(InvalidNetwork::Scale { layer: 0 }), "{packed:#x}");
    }
    assert_eq!(error(2, &[good, layer(&ONES[..8], 2, 16)]), Some(InvalidNetwork::Point { layer: 1 }));
    // Σ|w| of one row: 2^16 is too much for 32 bits, one less is not.
    assert_eq!(error(512, &[layer(&LARGE, 1, 0)]), Some(InvalidNetwork::Overflow { layer: 0 }));
    assert_eq!(error(511, &[layer(&LARGE[1..], 1, 0)]), None);
    assert_eq!(error(1 << 16, &[layer(&ONES, 2, 0)]), Some(InvalidNetwork::Overflow { layer: 0 }));
    let sixteen = vec![i16::MIN; 1 << 16];
    let matrix = Matrix { weights: &sixteen[..], scales: &scales[..1] };
    let wide_row = [Layer { affine: Affine { matrix, bias: &bias[..1] }, point: 0 }];
    assert_eq!(Mlp::new(1 << 16, &wide_row).err(), Some(InvalidNetwork::Overflow { layer: 0 }));
}

#[test]
fn generators_and_buffers_are_checked() {
    let (weights, bias) = ([1_i16; 24], [0; 3]);
    let scales = [Scale::new(40_000, 20).expect("a scale").pack(); 3];
    let matrix = Matrix { weights: &weights[..], scales: &scales };
    let layers = [Layer { affine: Affine { matrix, bias: &bias }, point: 0 }];
    let mlp = Mlp::new(8, &layers).expect("a valid network");
    let thresholds = [0; 4];
    let generator = |latent, count: usize| Generator::new(mlp, latent, &thresholds[..count], 0);
    assert_eq!(generator(4, 1).map(|g| (g.latent(), g.dim(), g.scratch())), Ok((4, 3, 16)));
    assert_eq!(generator(4, 0), Err(InvalidNetwork::Ends), "too few features");
    assert_eq!(generator(8, 1), Err(InvalidNetwork::Ends), "too many features");
    assert_eq!(generator(2, 3), Err(InvalidNetwork::Ends), "three outputs from two latents");
    assert_eq!(generator(usize::MAX, 3), Err(InvalidNetwork::Ends), "an overflow");
    let generator = generator(4, 1).expect("a valid generator");
    let sample =
        |z: usize, scratch: usize, x: usize| generator.sample(&[0; 8][..z], &mut [0; 32][..scratch], &mut [0; 8][..x]);
    assert_eq!(sample(4, 16, 3), Ok(()));
    assert_eq!(sample(3, 16, 3), Err(InvalidNetwork::Buffer));
    assert_eq!(sample(4, 15, 3), Err(InvalidNetwork::Buffer));
    assert_eq!(sample(4, 16, 2), Err(InvalidNetwork::Buffer));
    assert_eq!(sample(8, 32, 8), Ok(()), "longer buffers will do");
    assert_eq!(Mlp::new_unchecked(8, &layers), mlp);
}

#[test]
fn every_error_is_a_sentence_of_its_own() {
    let errors = [
        InvalidNetwork::Empty,
        InvalidNetwork::Shape { layer: 3 },
        InvalidNetwork::Scale { layer: 3 },
        InvalidNetwork::Overflow { layer: 3 },
        InvalidNetwork::Point { layer: 3 },
        InvalidNetwork::Ends,
        InvalidNetwork::Radial,
        InvalidNetwork::Particles,
        InvalidNetwork::Buffer,
    ];
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    for (i, text) in texts.iter().enumerate() {
        assert!(text.contains(' ') && !texts[..i].contains(text), "{text}");
    }
    assert!(texts[1..5].iter().all(|text| text.contains('3')));
}
