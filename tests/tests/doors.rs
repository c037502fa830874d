//! One energy through every door: as a formula, in Rust, as a library in C.

mod mixture;

use kiln::explore::Start;
use kiln::framed::FramedTarget;
use kiln::metric::Measured;
use kiln::pool::{Order, Pool, explore};
use kiln::progress::Silent;
use kiln::verdict::{Against, Outcome, verdict};
use kiln_core::random::{Purpose, Randomness, Stream};
use std::sync::atomic::AtomicBool;

/// Energies and gradients at 1,000 points about the modes, in f64 to 1e-6 of their size; in lanes, of f32, to 1e-4.
#[test]
fn an_energy_is_the_same_through_every_door() {
    let doors = [mixture::formula(), mixture::rust(), mixture::c()];
    let dim = doors[0].dim();
    let mut stream = Stream::new(1, Purpose::Test, 0);
    let mut points = vec![0.0_f32; 1000 * dim];
    stream.fill_normal(&mut points);
    points.iter_mut().for_each(|x| *x *= 4.0);
    let near = |a: f64, b: f64, within: f64| assert!((a - b).abs() < within * (1.0 + a.abs()), "{a} {b}");
    let in_lanes = doors.each_ref().map(|door| FramedTarget::new(door, None).unwrap().energies_and_gradients(&points));
    for (row, x) in points.chunks_exact(dim).enumerate() {
        let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        let found = doors.each_ref().map(|door| {
            let mut gradient = vec![0.0; dim];
            (door.energy_and_gradient(&x, &mut gradient), gradient)
        });
        let (energy, gradient) = &found[0];
        for ((e, g), (energies, gradients)) in found.iter().zip(&in_lanes) {
            near(*energy, *e, 1e-6);
            near(*energy, energies[row], 1e-4);
            for k in 0..dim {
                near(gradient[k], g[k], 1e-6);
                near(gradient[k], gradients[row * dim + k], 1e-4);
            }
        }
    }
}

/// What is found through one door is judged against what is found through another, as samples of a trained generator are. States of a pool
/// are no independent draws: here nearly, as their effective sample size says.
#[test]
fn pools_through_every_door_pass_the_verdict_against_each_other() {
    let doors = [mixture::formula(), mixture::rust(), mixture::c()];
    // Chains begin in the modes: whether they are found is another question than whether all doors lead to the same.
    let rows = include_str!("../../host/formula/zoo/mixture.csv").lines().map(|row| row.split(',').skip(2));
    let means: Vec<f64> = rows.flat_map(|row| row.map(|number| number.parse().unwrap())).collect();
    let pools: Vec<Pool> = doors
        .iter()
        .zip(0..)
        .map(|(door, seed)| {
            let order = Order { evaluations: 1_500_000, seconds: None, seed, start: Start::At(means.clone()) };
            explore(door, &order, &Silent, &AtomicBool::new(false)).unwrap()
        })
        .collect();
    for (at, pool) in pools.iter().enumerate() {
        let (door, other) = (&doors[at], &pools[(at + 1) % pools.len()]);
        assert!(pool.effective() > 0.5 * pool.samples.len() as f64, "{}", pool.effective());
        let shuffled = pool.draw(0, 0, pool.samples.len()).unwrap();
        let found = verdict(door, &Measured::differentiated(door, shuffled).unwrap(), Against::Pool(other));
        assert_ne!(found.outcome, Outcome::Fails, "{}", found.line());
    }
}
