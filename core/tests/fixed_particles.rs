//! The particle generator in integers: near the float one, against its formulas in exact arithmetic, exact under
//! relabelling, whatever the order of products, at the ends of its numbers, and what is refused.

mod common;

use common::fixed::fnv;
use common::particles::{LOOKS, Look, MESSAGE, Model, RANGE, SCALE};
use common::quantised::{Permuted, Quantised};
use common::{quantised, tolerance};
use kiln_core::fixed::{
    Affine, Egnn, EgnnLayer, EgnnShape, Gate, InvalidNetwork, Matrix, ParticleGenerator, Portable, Radial, Scratch,
    ScratchLength,
};

/// Root of the mean squared error over that of the displacement from the input, and the largest error.
fn errors<W: Quantised>(what: &str, root_mean_square: f64, largest: f64) {
    for look in LOOKS {
        let model = Model::<W>::new(look);
        let trials: Vec<_> = (0..100).map(|index| model.latents(index)).collect();
        let (jumps, smooth): (Vec<_>, Vec<_>) = trials.into_iter().partition(|z| model.near_jump(z));
        assert!(jumps.len() < 15, "{} of 100 near a jump", jumps.len());
        let samples = smooth.iter().map(|z| (model.integers(&Portable, z), model.float(z)));
        let (relative, worst) = quantised::errors(samples);
        println!("{what} {look:?}: relative {relative:.2e}, largest {worst:.2e}");
        assert!(relative <= root_mean_square && worst <= largest, "{what} {look:?}: {relative:e} {worst:e}");
    }
}

#[test]
fn i16_weights_are_near_the_float_network() {
    errors::<i16>("i16", tolerance::FIXED_EGNN_I16, tolerance::FIXED_EGNN_I16_LARGEST);
}

#[test]
fn i8_weights_are_near_the_float_network() {
    errors::<i8>("i8", tolerance::FIXED_EGNN_I8, tolerance::FIXED_EGNN_I8_LARGEST);
}

/// Ordinary latents and absurd ones: saturation is where the formulas have it.
fn check_exact<W: Quantised>() {
    for look in LOOKS {
        let mut model = Model::<W>::new(look);
        for trial in 0..3 {
            if trial == 2 {
                model.exaggerate();
            }
            let mut layers = model.fixed_layers();
            if trial == 1 {
                // Activations that saturate.
                for l in &mut layers {
                    (l.state_point, l.edge_point, l.message_point) = (15, 15, 15);
                    l.gate.iter_mut().for_each(|gate| gate.point = 15);
                    l.node.iter_mut().for_each(|node| (node.sum_point, node.value_point) = (15, 15));
                }
            }
            for index in (0..18).step_by(if look.particles > 5 { 5 } else { 1 }) {
                let z: Vec<i32> = model.latents(index).iter().map(|z| z.saturating_mul(1 << index)).collect();
                let exact = model.exact_of(&layers, &z);
                assert_eq!(model.integers_of(&layers, &Portable, &z), exact, "{look:?}, trial {trial}, {z:?}");
            }
        }
    }
}

#[test]
fn formulas_hold_to_the_bit_i8() {
    check_exact::<i8>();
}

#[test]
fn formulas_hold_to_the_bit_i16() {
    check_exact::<i16>();
}

/// A gate of 1 changes nothing; one of 0 leaves no message, so that nothing moves.
#[test]
fn gates_that_are_open_or_shut() {
    let weights = [0_i16; 32];
    for look in LOOKS {
        let model = Model::<i16>::new(look);
        let with = |bias: &[i32], z: &[i32]| {
            let matrix = Matrix { weights: &weights[..look.hidden], scales: &[0] };
            let gate = (!bias.is_empty()).then_some(Gate { affine: Affine { matrix, bias }, point: 0 });
            let layers: Vec<_> = model.fixed_layers().into_iter().map(|l| EgnnLayer { gate, ..l }).collect();
            model.integers_of(&layers, &Portable, z)
        };
        for index in 0..20 {
            let z = model.latents(index);
            assert_eq!(with(&[12 << 16], &z), with(&[], &z), "{look:?}");
            let still: Vec<_> = model
                .fixed_layers()
                .into_iter()
                .map(|l| EgnnLayer { coordinate: Matrix { scales: &[0], ..l.coordinate }, ..l })
                .collect();
            assert_eq!(with(&[-12 << 16], &z), model.integers_of(&still, &Portable, &z), "{look:?}");
        }
    }
}

/// Relabelled latents give the relabelled sample, to the bit, absurd latents included; so do permuted products.
fn check_symmetry<W: Quantised>() {
    for look in LOOKS {
        let model = Model::<W>::new(look);
        let Look { particles: n, dimensions: d, own, .. } = look;
        for index in 0..60 {
            let z: Vec<i32> = model.latents(index).iter().map(|z| z.saturating_mul(1 << (index % 16))).collect();
            let x = model.integers(&Portable, &z);
            assert_eq!(model.integers(&Permuted, &z), x, "{look:?}, products in another order");
            // An order of its own for each trial: rotated, and reversed in every other.
            let order: Vec<usize> = (0..n)
                .map(|i| {
                    let i = if index % 2 == 0 { n - 1 - i } else { i };
                    (i + index as usize) % n
                })
                .collect();
            let relabelled = |values: &[i32], width: usize| -> Vec<i32> {
                order.iter().flat_map(|i| values[i * width..][..width].to_vec()).collect()
            };
            let (places, owns) = z.split_at(n * d);
            let moved = [relabelled(places, d), relabelled(owns, own)].concat();
            assert_eq!(model.integers(&Portable, &moved), relabelled(&x, d), "{look:?} {order:?}");
        }
    }
}

#[test]
fn relabelling_is_exact_i8() {
    check_symmetry::<i8>();
}

#[test]
fn relabelling_is_exact_i16() {
    check_symmetry::<i16>();
}

/// The mean of a sample is 0 but for its rounding: half a unit for each of two means.
#[test]
fn samples_are_without_mean() {
    for look in LOOKS {
        let model = Model::<i16>::new(look);
        for index in 0..50 {
            let x = model.integers(&Portable, &model.latents(index));
            for k in 0..look.dimensions {
                let sum: i64 = x.iter().skip(k).step_by(look.dimensions).map(|x| i64::from(*x)).sum();
                // The displacement's mean is multiplied by the scale, and each product is rounded.
                let bound = (0.5 + 0.5 * SCALE + 0.5) * look.particles as f64;
                assert!(sum.abs() as f64 <= bound, "{look:?}: {sum}");
            }
        }
    }
}

/// Coordinates at the ends of `i32`: a step is at most range·(particles − 1) a layer, nothing wraps.
#[test]
fn ends_of_the_range_saturate() {
    for look in LOOKS {
        let model = Model::<i8>::new(Look { skip: 1.0, ..look });
        let z: Vec<i32> =
            (0..model.latent()).map(|k| if k / look.dimensions % 2 == 0 { i32::MAX } else { i32::MIN }).collect();
        let x = model.integers(&Portable, &z);
        let mut mean = vec![0_i64; look.dimensions];
        let places = &z[..look.particles * look.dimensions];
        places.iter().enumerate().for_each(|(k, z)| mean[k % look.dimensions] += i64::from(*z));
        for (k, (x, z)) in x.iter().zip(places).enumerate() {
            let start = (f64::from(*z) - mean[k % look.dimensions] as f64 / look.particles as f64)
                .clamp(i32::MIN.into(), i32::MAX.into());
            let moved = (f64::from(*x) - start).abs() / 65_536.0;
            let bound = 2.0 * SCALE * (RANGE + 0.5) * (look.particles - 1) as f64 * model.fixed_layers().len() as f64;
            assert!(moved <= bound + 0.01, "{look:?}: moved {moved}, at most {bound}");
        }
    }
}

/// Samples never change between versions: FNV-1a-64 over the little-endian bytes of twenty of each kind.
#[test]
fn samples_are_pinned() {
    fn hash<W: Quantised>(look: Look) -> u64 {
        let model = Model::<W>::new(look);
        let samples = (0..20).flat_map(|index| model.integers(&Portable, &model.latents(index)));
        fnv(samples)
    }
    let hashes = LOOKS.map(|look| (hash::<i8>(look), hash::<i16>(look)));
    assert_eq!(hashes, PINNED, "{hashes:#018x?}");
}

/// Without gates, then with them.
const PINNED: [(u64, u64); 8] = [
    (0x80ba6259d3621a64, 0xe7f3eda6cd3648f7),
    (0x36f1ec4d318a34c8, 0x8c506c226a985fdf),
    (0x48a2f3a60b35c7db, 0x4d4391c289239977),
    (0x532619efae85e4aa, 0x0f85b66d59a68f9a),
    (0x89279b73fc3e34d3, 0x69f9d84b358123e6),
    (0x8bbb3ae44af868a8, 0x76879887e701fb73),
    (0x8a3ee507da9116b2, 0x1f0d47cb83c00720),
    (0xcbabb168e80eab14, 0x45e7c44872eb7b63),
];

/// Five particles, width 13.
const GATED: Look = LOOKS[5];

type Spoil<'f> = &'f dyn Fn(&mut EgnnLayer<'static, i8>);

#[test]
fn malformed_networks_are_refused() {
    let model = Model::<i8>::new(GATED);
    let (shape, embedding, layers) = (model.shape(), model.fixed_embedding.borrow(), model.fixed_layers());
    let error = |shape, layers: &[EgnnLayer<'_, i8>]| Egnn::new(shape, embedding, layers).err();
    assert_eq!(error(shape, &layers), None);
    assert_eq!(error(shape, &[]), Some(InvalidNetwork::Empty));
    for small in [
        EgnnShape { particles: 1, ..shape },
        EgnnShape { dimensions: 0, ..shape },
        EgnnShape { node_inputs: 0, ..shape },
    ] {
        assert_eq!(error(small, &layers), Some(InvalidNetwork::Empty));
    }
    for radial in [
        Radial::Basis { count: 1, steps: 1 },
        Radial::Steps { count: 32_768, steps: 1 },
        Radial::Basis { count: 9, steps: 0 },
        Radial::Steps { count: 9, steps: -1 },
    ] {
        assert_eq!(error(EgnnShape { radial, ..shape }, &layers), Some(InvalidNetwork::Radial));
    }
    assert_eq!(error(EgnnShape { range: -1, ..shape }, &layers), Some(InvalidNetwork::Radial));
    assert_eq!(error(EgnnShape { range: i32::MAX, ..shape }, &layers), Some(InvalidNetwork::Particles));
    assert_eq!(error(EgnnShape { particles: 65_537, range: 0, ..shape }, &layers), Some(InvalidNetwork::Particles));
    assert_eq!(error(EgnnShape { dimensions: usize::MAX, ..shape }, &layers), Some(InvalidNetwork::Ends));
    assert_eq!(error(EgnnShape { node_inputs: 5, ..shape }, &layers), Some(InvalidNetwork::Shape { layer: 0 }));

    let spoilt = |spoil: Spoil<'_>| {
        // Leaked: a test's few hundred bytes, so that a layer can hold what `spoil` makes up.
        let model: &'static Model<i8> = Box::leak(Box::new(Model::new(GATED)));
        let mut layers = model.fixed_layers();
        spoil(&mut layers[1]);
        Egnn::new(model.shape(), model.fixed_embedding.borrow(), &layers).err()
    };
    let shapes: [Spoil<'_>; 13] = [
        &|l| l.source.weights = &l.source.weights[1..],
        &|l| l.radial.matrix.weights = &l.radial.matrix.weights[1..],
        &|l| l.radial.bias = &l.radial.bias[1..],
        &|l| l.message.matrix.scales = &l.message.matrix.scales[1..],
        &|l| l.gate.iter_mut().for_each(|gate| gate.affine.matrix.weights = &gate.affine.matrix.weights[1..]),
        &|l| l.gate.iter_mut().for_each(|gate| gate.affine.matrix.scales = &[]),
        &|l| l.gate.iter_mut().for_each(|gate| gate.affine.bias = &[]),
        &|l| l.gate.iter_mut().for_each(|gate| gate.affine.bias = &[0, 0]),
        &|l| l.coordinate.weights = &l.coordinate.weights[1..],
        &|l| l.coordinate.scales = &[],
        &|l| l.node.iter_mut().for_each(|node| node.state.weights = &[]),
        &|l| l.node.iter_mut().for_each(|node| node.sums.bias = &[]),
        &|l| l.node.iter_mut().for_each(|node| node.update.matrix.weights = &[]),
    ];
    for spoil in shapes {
        assert_eq!(spoilt(spoil), Some(InvalidNetwork::Shape { layer: 2 }));
    }
    let points: [Spoil<'_>; 6] = [
        &|l| l.state_point = 16,
        &|l| l.edge_point = 255,
        &|l| l.gate.iter_mut().for_each(|gate| gate.point = 16),
        &|l| l.message_point = 16,
        &|l| l.node.iter_mut().for_each(|node| node.sum_point = MESSAGE + 1),
        &|l| l.node.iter_mut().for_each(|node| node.value_point = 16),
    ];
    for spoil in points {
        assert_eq!(spoilt(spoil), Some(InvalidNetwork::Point { layer: 2 }));
    }
    let scales: [Spoil<'_>; 2] =
        [&|l| l.coordinate.scales = &[1], &|l| l.gate.iter_mut().for_each(|gate| gate.affine.matrix.scales = &[1])];
    for spoil in scales {
        assert_eq!(spoilt(spoil), Some(InvalidNetwork::Scale { layer: 2 }));
    }
}

/// A row of 512 weights of −128 is one too many for 32 bits, whichever matrix it is in.
#[test]
fn rows_that_can_overflow_are_refused() {
    let (weights, scales, bias) = ([-128_i8; 1024], [32_768_u32; 2], [0; 2]);
    let embedding = Affine { matrix: Matrix { weights: &weights[..], scales: &scales }, bias: &bias };
    let model = Model::<i8>::new(LOOKS[0]);
    let shape = EgnnShape { node_inputs: 512, ..model.shape() };
    let layers = model.fixed_layers();
    assert_eq!(Egnn::new(shape, embedding, &layers).err(), Some(InvalidNetwork::Overflow { layer: 0 }));

    let (zeros, scales, bias) = (vec![0_i8; 512 * 512], vec![0; 512], vec![0; 512]);
    let matrix =
        |outputs: usize, inputs: usize| Matrix { weights: &zeros[..outputs * inputs], scales: &scales[..outputs] };
    let affine = |outputs: usize, inputs: usize| Affine { matrix: matrix(outputs, inputs), bias: &bias[..outputs] };
    let mut gate = affine(1, 512);
    let shape = EgnnShape { node_inputs: 1, ..shape };
    let error = |gate: Affine<'_, i8>| {
        let layer = EgnnLayer {
            state_point: 0,
            source: matrix(512, 512),
            radial: affine(512, 2 * shape.radial.count()),
            edge_point: 0,
            message: affine(512, 512),
            gate: Some(Gate { affine: gate, point: 0 }),
            message_point: 0,
            coordinate: matrix(1, 512),
            node: None,
        };
        Egnn::new(shape, affine(512, 1), &[layer]).err()
    };
    assert_eq!(error(gate), None);
    gate.matrix.weights = &weights[..512];
    assert_eq!(error(gate), Some(InvalidNetwork::Overflow { layer: 1 }));
}

#[test]
fn generators_and_buffers_are_checked() {
    let model = Model::<i16>::new(LOOKS[1]);
    let layers = model.fixed_layers();
    let egnn = Egnn::new(model.shape(), model.fixed_embedding.borrow(), &layers).expect("a valid network");
    assert_eq!(Egnn::new_unchecked(model.shape(), model.fixed_embedding.borrow(), &layers), egnn);
    let thresholds = [0; 8];
    for (own, count, fits) in [(2, 2, true), (2, 1, false), (3, 1, true), (0, 2, false), (6, 0, true)] {
        let generator = ParticleGenerator::new(egnn, own, &thresholds[..count], 0, 0);
        assert_eq!(generator.err(), (!fits).then_some(InvalidNetwork::Ends), "{own} {count}");
    }
    let generator = ParticleGenerator::new(egnn, 2, &thresholds[..2], 0, 0).expect("a valid generator");
    let ScratchLength { narrow, wide } = generator.scratch();
    let sample = |z: usize, narrow: usize, wide: usize, x: usize| {
        let (mut narrow, mut wide) = (vec![0; narrow], vec![0; wide]);
        let scratch = Scratch { narrow: &mut narrow, wide: &mut wide };
        generator.sample(&vec![0; z], scratch, &mut vec![0; x])
    };
    let (latent, dim) = (generator.latent(), generator.dim());
    assert_eq!(sample(latent, narrow, wide, dim), Ok(()));
    assert_eq!(sample(latent + 9, narrow + 9, wide + 9, dim + 9), Ok(()), "longer buffers will do");
    assert_eq!(sample(latent - 1, narrow, wide, dim), Err(InvalidNetwork::Buffer));
    assert_eq!(sample(latent, narrow - 1, wide, dim), Err(InvalidNetwork::Buffer));
    assert_eq!(sample(latent, narrow, wide - 1, dim), Err(InvalidNetwork::Buffer));
    assert_eq!(sample(latent, narrow, wide, dim - 1), Err(InvalidNetwork::Buffer));
}
