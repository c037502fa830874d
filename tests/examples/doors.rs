//! What an evaluation costs through every door, the zoo's mixture in ten dimensions: `cargo run --release -p kiln-tests --example doors`.

#[path = "../tests/mixture/mod.rs"]
mod mixture;

use kiln::target::Target;
use kiln_core::Scalar as _;
use kiln_core::Vector as _;
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_gpu::pack::{LANES, Pack, Points, load};
use std::hint::black_box;
use std::time::Instant;

/// Trials, of which the least counts, and packs in each.
const TRIALS: usize = 200;
const PACKS: usize = 64;

/// Seconds of a pack with its gradient.
fn pack(target: &Target, points: &[Points]) -> f64 {
    let mut gradient = vec![Pack::splat(0.0); target.dim()];
    let begun = Instant::now();
    for point in points {
        black_box(target.packs().energy_and_gradient(black_box(point.as_slice()), &mut gradient));
    }
    begun.elapsed().as_secs_f64() / points.len() as f64
}

fn main() {
    let doors =
        [("Rust, lanes", mixture::rust()), ("formula, lanes", mixture::formula()), ("C, 16 rows a call", mixture::c())];
    let dim = doors[0].1.dim();
    let mut rows = vec![0.0_f32; PACKS * LANES * dim];
    Stream::new(1, Purpose::Test, 0).fill_normal(&mut rows);
    let packed = |rows: &[f32]| {
        let mut points = Points::zeros(dim);
        load(rows, points.as_mut_slice());
        points
    };
    let points: Vec<Points> = rows.chunks_exact(LANES * dim).map(packed).collect();
    let mut least = [f64::INFINITY; 3];
    for _ in 0..TRIALS {
        for (least, (_, target)) in least.iter_mut().zip(&doors) {
            *least = least.min(pack(target, &points));
        }
    }
    for (seconds, (name, _)) in least.iter().zip(&doors) {
        println!("{name:<20} {:>8.1} ns a point {:>6.2}", 1e9 * seconds / LANES as f64, seconds / least[0]);
    }
}
