//! Adam against a sequence computed by hand and a quadratic, clipping, errors; the moving average.

mod common;

use common::{network, values};
use dfdx::prelude::*;
use kiln_gpu::backend::plain;
use kiln_gpu::{Adam, AdamOptions, Backend, Ema, Grads, Layer, Matrix, Mlp, Network, NonFiniteGradient, Scratch};

/// The gradient of sum(g * parameters) is g.
fn gradients(net: &Mlp<Cpu>, g: &[Vec<f32>]) -> Grads<Cpu> {
    let parts = net.parameters().into_iter().zip(g).map(|(p, g)| {
        let g: Matrix<Cpu> = Cpu::default().tensor_from_vec(g.clone(), *p.matrix.shape());
        (p.matrix.leaky_trace() * g).sum::<Rank0, _>()
    });
    parts.reduce(|a, b| a + b).expect("parameters").backward()
}

fn numbers(net: &impl Network<Cpu>) -> Vec<Vec<f32>> {
    net.parameters().iter().map(|p| p.matrix.as_vec()).collect()
}

fn one_number(value: f32) -> Mlp<Cpu> {
    Mlp::from_layers(vec![Layer::from_values(&Cpu::default(), (1, 1), vec![value], vec![0.0])])
}

/// Kingma & Ba, algorithm 1, with beta = (0.5, 0.75), lr = 0.1, epsilon = 0, gradients 2, -1, 4 by hand:
/// m = 1, 0, 2; v = 1, 1, 4.75; m-hat = 2, 0, 16/7; v-hat = 4, 16/7, 304/37; steps 0.1, 0, 0.1 * 0.797412….
#[test]
fn by_hand() {
    let mut net = one_number(1.0);
    let mut adam = Adam::new(&net);
    let options = AdamOptions { learning_rate: 0.1, beta1: 0.5, beta2: 0.75, epsilon: 0.0, clip: None };
    let third = 0.1 * (2.0 / 0.875) / (4.75f64 / (1.0 - 0.75f64.powi(3))).sqrt();
    for (g, expected) in [(2.0, 0.9), (-1.0, 0.9), (4.0, 0.9 - third)] {
        let gradient = gradients(&net, &[vec![g], vec![0.0]]);
        let norm = adam.step(&mut net, gradient, &options).expect("finite");
        assert_eq!(norm, g.abs());
        let found = f64::from(net.layers()[0].weight().as_vec()[0]);
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    assert_eq!(adam.steps(), 3);
}

/// The first step is lr times the sign of the gradient, whatever its size (the paper, section 2.1); later steps
/// find the minimum of a quadratic with curvatures from 1 to 1000.
#[test]
fn quadratic() {
    let mut net: Mlp<Cpu> = network(&[5, 3], None, 1);
    let curvature: Vec<Vec<f32>> = numbers(&net)
        .iter()
        .map(|v| (0..v.len()).map(|i| 10f32.powf(3.0 * i as f32 / v.len() as f32)).collect())
        .collect();
    let minimum: Vec<Vec<f32>> = numbers(&net).iter().enumerate().map(|(i, v)| values(v.len(), 9 + i as u32)).collect();
    let slope = |net: &Mlp<Cpu>| -> Vec<Vec<f32>> {
        let terms = numbers(net).into_iter().zip(&curvature).zip(&minimum);
        terms.map(|((x, c), m)| x.iter().zip(c).zip(m).map(|((x, c), m)| c * (x - m)).collect()).collect()
    };
    let mut adam = Adam::new(&net);
    let before = numbers(&net);
    for step in 0..3000 {
        let g = slope(&net);
        let learning_rate = 0.01 * 0.998f32.powi(step);
        let gradient = gradients(&net, &g);
        adam.step(&mut net, gradient, &AdamOptions { learning_rate, ..Default::default() }).expect("finite");
        if step == 0 {
            for ((b, a), g) in before.iter().flatten().zip(numbers(&net).iter().flatten()).zip(g.iter().flatten()) {
                assert!((b - a - 0.01 * g.signum()).abs() < 1e-5);
            }
        }
    }
    for (x, m) in numbers(&net).iter().flatten().zip(minimum.iter().flatten()) {
        assert!((x - m).abs() < 1e-3, "{x} {m}");
    }
}

/// Clipping scales the whole gradient, and only where its norm is above the limit.
#[test]
fn clipping() {
    let run = |g: Vec<f32>, clip: Option<f32>| {
        let mut net = one_number(1.0);
        let mut adam = Adam::new(&net);
        let options = AdamOptions { epsilon: 1.0, clip, ..Default::default() };
        let gradient = gradients(&net, &[vec![g[0]], vec![g[1]]]);
        let norm = adam.step(&mut net, gradient, &options).expect("finite");
        (norm, numbers(&net))
    };
    let (norm, clipped) = run(vec![3.0, 4.0], Some(0.5));
    assert!((norm - 5.0).abs() < 1e-6, "the norm before clipping");
    assert_eq!(clipped, run(vec![0.3, 0.4], None).1);
    assert_eq!(run(vec![3.0, 4.0], Some(5.1)).1, run(vec![3.0, 4.0], None).1);
}

/// A NaN or an infinity anywhere changes nothing.
#[test]
fn refuses_gradients_that_are_not_finite() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut net: Mlp<Cpu> = network(&[2, 3, 2], None, 1);
        let mut adam = Adam::new(&net);
        let mut g: Vec<Vec<f32>> = numbers(&net);
        g[2][1] = bad;
        let before = numbers(&net);
        let gradient = gradients(&net, &g);
        let result = adam.step(&mut net, gradient, &AdamOptions::default());
        assert_eq!((result, adam.steps()), (Err(NonFiniteGradient), 0));
        assert_eq!(numbers(&net), before);
    }
}

/// The CPU's fused update against the one in dfdx's operations that other devices use.
#[test]
fn fused_update_is_the_plain_one() {
    use kiln_gpu::backend::AdamStep;
    let shape = (37, 41);
    let device = Cpu::default();
    let mut a: Matrix<Cpu> = device.tensor_from_vec(values(37 * 41, 1), shape);
    let mut b: Matrix<Cpu> = device.tensor_from_vec(values(37 * 41, 1), shape);
    let (mut first, mut second) = (vec![0.0; 37 * 41], vec![0.0; 37 * 41]);
    let (mut first0, mut second0): (Matrix<Cpu>, Matrix<Cpu>) = (device.zeros_like(&shape), device.zeros_like(&shape));
    for step in 1..5 {
        let g: Matrix<Cpu> = device.tensor_from_vec(values(37 * 41, 10 + step), shape);
        let mut grads = (a.leaky_trace() * g.clone()).sum::<Rank0, _>().backward();
        let mut grads0 = (b.leaky_trace() * g).sum::<Rank0, _>().backward();
        let n = Cpu::gradient_square_sum(&a, &mut grads);
        assert!((n - plain::gradient_square_sum(&b, &mut grads0)).abs() < 1e-5 * n);
        let step = AdamStep {
            learning_rate: 0.01,
            beta1: 0.9,
            beta2: 0.99,
            epsilon: 1e-8,
            gradient_scale: 0.7,
            first_scale: 1.0 / (1.0 - 0.9f32.powi(step as i32)),
            second_scale: 1.0 / (1.0 - 0.99f32.powi(step as i32)),
        };
        Cpu::adam(&step, &mut a, &mut first, &mut second, &mut grads, &Scratch::default());
        plain::adam(&step, &mut b, &mut first0, &mut second0, &mut grads0);
    }
    let error = common::relative_error(&common::wide(a.as_vec()), &common::wide(b.as_vec()));
    assert!(error < 1e-6, "{error:e}");
}

/// After n updates towards a constant network the distance is decay^n of what it was; the original is untouched.
#[test]
fn average() {
    let start: Mlp<Cpu> = network(&[2, 4, 2], None, 1);
    let end: Mlp<Cpu> = network(&[2, 4, 2], None, 2);
    let mut ema = Ema::new(&start);
    assert_eq!(numbers(ema.network()), numbers(&start));
    for _ in 0..10 {
        ema.update(&end, 0.9);
    }
    let rest = 0.9f32.powi(10);
    let (a, b, e) = (numbers(&start), numbers(&end), numbers(ema.network()));
    for ((a, b), e) in a.iter().flatten().zip(b.iter().flatten()).zip(e.iter().flatten()) {
        assert!((e - (rest * a + (1.0 - rest) * b)).abs() < 1e-6);
    }
    assert_eq!(numbers(&start), numbers(&network(&[2, 4, 2], None, 1)));
}
