//! The fused network against plain dfdx operations and finite differences, and its bits for any thread count.

mod common;

use common::{differentiate, network, relative_error, tolerance, uniform, values, wide};
use dfdx::prelude::*;
use kiln_gpu::{Adam, AdamOptions, Matrix, Mlp, Network, Role, Taped};

/// (batch, widths, features): batches around one chunk (256 rows), two (512), many, and
/// more than one to a group (8192); one layer; widths off every vector length.
#[allow(clippy::type_complexity, reason = "a table")]
fn shapes() -> Vec<(usize, Vec<usize>, Option<(usize, bool)>)> {
    vec![
        (1, vec![2, 3, 1], None),
        (255, vec![3, 17, 9, 2], None),
        (256, vec![3, 16, 2], Some((4, true))),
        (257, vec![5, 33, 33, 33, 3], Some((7, true))),
        (300, vec![1, 8, 8, 2], Some((30, false))),
        (700, vec![40, 65, 31, 32], None),
        (64, vec![6, 4], None),
        (9000, vec![2, 5, 1], Some((3, true))),
    ]
}

fn matrix(rows: usize, columns: usize, seed: u32) -> Matrix<Cpu> {
    Cpu::default().tensor_from_vec(values(rows * columns, seed), (rows, columns))
}

#[test]
fn fused_is_plain() {
    for (case, (batch, widths, features)) in shapes().into_iter().enumerate() {
        let seed = case as u32 * 10;
        let net = network(&widths, features, seed);
        let x = matrix(batch, widths[0], seed + 1);
        let g = matrix(batch, net.outputs(), seed + 2);
        let f = features.map(|(n, _)| matrix(batch, n, seed + 3));
        let (y, gx, gp) = differentiate(&net, &x, f.as_ref(), &g, true);
        let (y0, gx0, gp0) = differentiate(&net, &x, f.as_ref(), &g, false);
        let untaped = net.forward(x.clone(), f.as_ref()).as_vec();
        assert!(relative_error(&wide(untaped), &wide(y.clone())) < 1e-6, "case {case}: with and without tape");
        assert!(relative_error(&wide(y), &wide(y0)) < tolerance::FUSED, "case {case}: value");
        assert!(relative_error(&wide(gx), &wide(gx0)) < tolerance::FUSED, "case {case}: input");
        assert_eq!(gp.len(), gp0.len());
        for (i, (a, b)) in gp.into_iter().zip(gp0).enumerate() {
            let error = relative_error(&wide(a), &wide(b));
            assert!(error < tolerance::FUSED, "case {case}: parameter {i}: {error:e}");
        }
    }
}

/// Central differences along random directions through all parameters and the input at once.
#[test]
fn gradients_are_slopes() {
    for seed in 0..6 {
        let mut net = network(&[3, 12, 10, 2], Some((4, true)), seed);
        let (x, g, f) = (matrix(20, 3, seed + 50), matrix(20, 2, seed + 51), matrix(20, 4, seed + 52));
        let (_, gx, gp) = differentiate(&net, &x, Some(&f), &g, true);
        let direction: Vec<Vec<f32>> =
            gp.iter().enumerate().map(|(i, v)| values(v.len(), seed + 60 + i as u32)).collect();
        let dx = values(60, seed + 90);
        let slope = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let exact: f64 = gp.iter().zip(&direction).map(|(a, b)| slope(a, b)).sum::<f64>() + slope(&gx, &dx);
        let h = 3e-3f32;
        let start: Vec<Vec<f32>> = net.parameters().iter().map(|p| p.matrix.as_vec()).collect();
        let mut at = |sign: f32| {
            for ((p, s), d) in net.parameters_mut().into_iter().zip(&start).zip(&direction) {
                p.matrix.copy_from(&s.iter().zip(d).map(|(s, d)| s + sign * h * d).collect::<Vec<f32>>());
            }
            let moved = x.as_vec().iter().zip(&dx).map(|(x, d)| x + sign * h * d).collect();
            let y = net.forward(Cpu::default().tensor_from_vec(moved, (20, 3)), Some(&f)).as_vec();
            slope(&y, &g.as_vec())
        };
        let found = (at(1.0) - at(-1.0)) / (2.0 * f64::from(h));
        assert!((found - exact).abs() < 2e-3 * exact.abs().max(1.0), "seed {seed}: {found} against {exact}");
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Forward, backward and three Adam steps on one, two and three threads.
#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let mut net = network(&[3, 130, 300, 2], Some((5, true)), 7);
            let mut adam = Adam::new(&net);
            let (x, g, f) = (matrix(1100, 3, 1), matrix(1100, 2, 2), matrix(1100, 5, 3));
            let mut all = Vec::new();
            for _ in 0..3 {
                let (y, gx, gp) = differentiate(&net, &x, Some(&f), &g, true);
                all.extend(bits(&y));
                all.extend(bits(&gx));
                gp.iter().for_each(|g| all.extend(bits(g)));
                let y = net.forward(x.leaky_trace(), Some(&f));
                let grads = (y * g.clone()).sum::<Rank0, _>().backward();
                let clip = AdamOptions { clip: Some(0.5), ..Default::default() };
                all.push(adam.step(&mut net, grads, &clip).expect("finite").to_bits());
            }
            net.parameters().iter().for_each(|p| all.extend(bits(&p.matrix.as_vec())));
            all
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(3) && one == run(1));
}

/// A frozen table gets no gradient, and training leaves its bits alone while it changes all the rest.
#[test]
fn frozen_conditioning_stays() {
    let mut net = network(&[3, 20, 20, 2], Some((5, false)), 1);
    let before: Vec<(Role, Vec<f32>)> = net.parameters().iter().map(|p| (p.role, p.matrix.as_vec())).collect();
    assert_eq!(before.iter().filter(|(role, _)| *role == Role::Frozen).count(), 2);
    let mut adam = Adam::new(&net);
    let (x, g, f) = (matrix(50, 3, 1), matrix(50, 2, 2), matrix(50, 5, 3));
    for _ in 0..3 {
        let y = net.forward(x.leaky_trace(), Some(&f));
        let grads = (y * g.clone()).sum::<Rank0, _>().backward();
        adam.step(&mut net, grads, &AdamOptions::default()).expect("finite");
    }
    for (p, (role, numbers)) in net.parameters().iter().zip(before) {
        assert_eq!(p.matrix.as_vec() == numbers, role == Role::Frozen, "{}", p.name);
    }
}

/// A constant input saves its gradient and changes no other.
#[test]
fn constant_input() {
    let net: Mlp<Cpu> = network(&[3, 20, 2], None, 1);
    let (x, g) = (matrix(300, 3, 1), matrix(300, 2, 2));
    let y: Matrix<Cpu, Taped<Cpu>> = net.forward_constant(x.clone(), None);
    let grads = (y * g.clone()).sum::<Rank0, _>().backward();
    let (_, _, expected) = differentiate(&net, &x, None, &g, true);
    assert_eq!(common::parameter_gradients(&net, &grads), expected);
}

/// Two uses of one network on one tape add their gradients up.
#[test]
fn gradients_add_up() {
    let net: Mlp<Cpu> = network(&[2, 10, 2], None, 1);
    let (x, g) = (matrix(30, 2, 1), matrix(30, 2, 2));
    let (a, b) = (net.forward(x.leaky_trace(), None), net.forward(x.leaky_trace(), None));
    let grads = ((a + b) * g.clone()).sum::<Rank0, _>().backward();
    let (_, gx, gp) = differentiate(&net, &x, None, &g, true);
    let doubled = |v: Vec<f32>| v.into_iter().map(|x| 2.0 * f64::from(x)).collect::<Vec<_>>();
    assert!(relative_error(&wide(grads.get(&x).as_vec()), &doubled(gx)) < 1e-6);
    for (found, once) in common::parameter_gradients(&net, &grads).into_iter().zip(gp) {
        assert!(relative_error(&wide(found), &doubled(once)) < 1e-6);
    }
    let _ = uniform(0);
}
