//! Networks from borrowed weights: what is refused, and what the generator computes.

mod common;

use common::tolerance;
use kiln_core::network::{Generator, InvalidNetwork, Layer, Mlp, write_features};
use kiln_core::random::{Purpose, Randomness, Stream};

#[test]
fn shapes_are_checked() {
    let numbers = [0.5_f32; 64];
    let layer = |weight: usize, bias: usize| Layer { weight: &numbers[..weight], bias: &numbers[..bias] };
    assert_eq!(Mlp::<f32>::new(2, &[]), Err(InvalidNetwork::Empty));
    assert_eq!(Mlp::new(2, &[layer(7, 4)]), Err(InvalidNetwork::Shape { layer: 0 }));
    assert_eq!(Mlp::new(2, &[layer(9, 4)]), Err(InvalidNetwork::Shape { layer: 0 }));
    assert_eq!(Mlp::new(3, &[layer(8, 4)]), Err(InvalidNetwork::Shape { layer: 0 }));
    assert_eq!(Mlp::new(2, &[layer(0, 0)]), Err(InvalidNetwork::Shape { layer: 0 }));
    assert_eq!(Mlp::new(2, &[layer(8, 4), layer(8, 4)]), Err(InvalidNetwork::Shape { layer: 1 }));
    assert_eq!(Mlp::new(2, &[layer(8, 4), layer(16, 4), layer(9, 2)]), Err(InvalidNetwork::Shape { layer: 2 }));
    assert_eq!(Mlp::new(usize::MAX, &[layer(8, 4)]), Err(InvalidNetwork::Shape { layer: 0 }));
    let layers = [layer(8, 4), layer(20, 5), layer(10, 2)];
    let mlp = Mlp::new(2, &layers).expect("a valid network");
    assert_eq!((mlp.inputs(), mlp.outputs(), mlp.width()), (2, 2, 5));
}

#[test]
fn generators_are_checked() {
    let numbers = [0.5_f32; 64];
    let layers = [Layer { weight: &numbers[..24], bias: &numbers[..3] }];
    let mlp = Mlp::new(8, &layers).expect("a valid network");
    let generator = |latent, thresholds: usize| Generator::new(mlp, latent, &numbers[..thresholds], 1.0, 1.0);
    assert_eq!(generator(4, 1).map(|g| (g.latent(), g.dim())), Ok((4, 3)));
    assert_eq!(generator(8, 0).map(|g| (g.latent(), g.dim())), Ok((8, 3)));
    assert_eq!(generator(4, 0), Err(InvalidNetwork::Ends), "too few features");
    assert_eq!(generator(8, 1), Err(InvalidNetwork::Ends), "too many features");
    assert_eq!(generator(2, 3), Err(InvalidNetwork::Ends), "three outputs from two latents");
    assert_eq!(generator(usize::MAX / 2 + 5, 1), Err(InvalidNetwork::Ends), "that wraps around to 8 features");
}

#[test]
fn short_buffers_are_refused() {
    let numbers = [0.5_f32; 64];
    let layers = [Layer { weight: &numbers[..24], bias: &numbers[..3] }];
    let mlp = Mlp::new(8, &layers).expect("a valid network");
    assert_eq!(mlp.forward(&mut [0.0_f32; 15]), Err(InvalidNetwork::Buffer));
    assert!(mlp.forward(&mut [0.0_f32; 16]).is_ok());
    let generator = Generator::new(mlp, 4, &numbers[..1], 1.0, 1.0).expect("a valid generator");
    assert_eq!(generator.scratch(), 16);
    let sample = |z: usize, scratch: usize, x: usize| {
        generator.sample(&[0.0_f32; 8][..z], &mut [0.0_f32; 32][..scratch], &mut [0.0_f32; 8][..x])
    };
    assert_eq!(sample(4, 16, 3), Ok(()));
    assert_eq!(sample(3, 16, 3), Err(InvalidNetwork::Buffer));
    assert_eq!(sample(4, 15, 3), Err(InvalidNetwork::Buffer));
    assert_eq!(sample(4, 16, 2), Err(InvalidNetwork::Buffer));
    assert_eq!(sample(8, 32, 8), Ok(()), "longer buffers will do");
}

#[test]
fn every_error_is_a_sentence_of_its_own() {
    let errors =
        [InvalidNetwork::Empty, InvalidNetwork::Shape { layer: 3 }, InvalidNetwork::Ends, InvalidNetwork::Buffer];
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    for (i, text) in texts.iter().enumerate() {
        assert!(text.contains(' ') && !texts[..i].contains(text), "{text}");
    }
    assert!(texts[1].contains('3'), "{}", texts[1]);
}

/// features(z) = (z, then +1 or −1 for each latent and threshold, thresholds innermost).
#[test]
fn features_are_in_order() {
    let mut out = [9.0_f32; 9];
    write_features(&[0.3, -1.0], &[-1.0, 0.0, 0.5], &mut out);
    // At the threshold itself: not above.
    assert_eq!(out, [0.3, -1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0, 9.0]);
    let mut short = [9.0_f32; 3];
    write_features(&[0.3, -1.0], &[-1.0, 0.0, 0.5], &mut short);
    assert_eq!(short, [0.3, -1.0, 1.0]);
}

/// A generator with layers of awkward widths against a plain implementation in f64.
#[test]
fn generator_computes_its_formula() {
    let (latent, thresholds, widths) = (3, [-0.7_f32, 0.0, 0.9], [13_usize, 8, 2]);
    let mut rng = Stream::new(3, Purpose::Initialisation, 0);
    let mut inputs = latent * (1 + thresholds.len());
    let weights: Vec<_> = widths
        .iter()
        .map(|&outputs| {
            let (mut weight, mut bias) = (vec![0.0_f32; inputs * outputs], vec![0.0_f32; outputs]);
            rng.fill_normal(&mut weight);
            rng.fill_normal(&mut bias);
            weight.iter_mut().for_each(|w| *w /= (inputs as f32).sqrt());
            inputs = outputs;
            (weight, bias)
        })
        .collect();
    let layers: Vec<_> = weights.iter().map(|(weight, bias)| Layer { weight, bias }).collect();
    let mlp = Mlp::new(latent * (1 + thresholds.len()), &layers).expect("a valid network");
    let generator = Generator::new(mlp, latent, &thresholds, 0.8, 2.5).expect("a valid generator");
    for index in 0..100 {
        let mut z = [0.0_f32; 3];
        Stream::new(3, Purpose::Latent, index).fill_normal(&mut z);
        let mut x = [0.0; 2];
        generator.sample(&z, &mut vec![0.0; generator.scratch()], &mut x).expect("long enough buffers");

        let mut h: Vec<f64> = z.iter().map(|z| f64::from(*z)).collect();
        for z in z {
            h.extend(thresholds.iter().map(|c| if z > *c { 1.0 } else { -1.0 }));
        }
        for (l, (weight, bias)) in weights.iter().enumerate() {
            h = (0..bias.len())
                .map(|o| {
                    let sum: f64 = h.iter().enumerate().map(|(i, h)| h * f64::from(weight[i * bias.len() + o])).sum();
                    let y = sum + f64::from(bias[o]);
                    if l + 1 < weights.len() { y / (1.0 + (-y).exp()) } else { y }
                })
                .collect();
        }
        for i in 0..2 {
            let exact = 0.8_f32 as f64 * f64::from(z[i]) + 2.5 * h[i];
            assert!((f64::from(x[i]) - exact).abs() < tolerance::SINGLE_NETWORK, "{} for {exact}", x[i]);
        }
    }
}
