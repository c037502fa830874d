//! One training step of a score network (forward, backward, Adam; 3 -> 400 x 4 -> 2, batch 1024) beside its
//! floor: the matrix products of that step alone, by the same routine on as many threads.

use criterion::{Criterion, criterion_group, criterion_main};
use kiln_gpu::tensor::{backward, matrix, mean};
use kiln_gpu::{Adam, AdamOptions, Cpu, Matrix, Mlp, Taped};
use rayon::prelude::*;
use std::hint::black_box;
use std::time::{Duration, Instant};

const WIDTHS: [usize; 6] = [3, 400, 400, 400, 400, 2];
const BATCH: usize = 1024;

fn uniform() -> impl FnMut() -> f32 {
    let mut state = 1u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    }
}

struct Step {
    net: Mlp<Cpu>,
    adam: Adam<Cpu>,
    x: Matrix<Cpu>,
    target: Matrix<Cpu>,
}

impl Step {
    fn new() -> Self {
        let device = Cpu::default();
        let mut uniform = uniform();
        let net = Mlp::new(&device, &WIDTHS, &mut uniform);
        let adam = Adam::new(&net);
        let x = matrix(&device, (0..BATCH * 3).map(|_| uniform()).collect(), (BATCH, 3));
        let target = matrix(&device, (0..BATCH * 2).map(|_| uniform()).collect(), (BATCH, 2));
        Self { net, adam, x, target }
    }

    fn run(&mut self) {
        let y: Matrix<Cpu, Taped<Cpu>> = self.net.forward_constant(self.x.clone(), None);
        let gradients = backward(mean((y - self.target.clone()).square()));
        self.adam.step(&mut self.net, gradients, &AdamOptions::default()).expect("a finite gradient");
    }
}

/// The three products of every layer, without the input's gradient, rows split evenly over the threads; for the
/// weights' gradients the rows of the weights are split.
struct Floor {
    threads: usize,
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
}

impl Floor {
    fn new(threads: usize) -> Self {
        let numbers = BATCH * 400;
        Self { threads, a: vec![0.5; numbers], b: vec![0.25; numbers], c: vec![0.0; numbers] }
    }

    /// `m` rows of c; a is addressed by (row stride, column stride), b likewise.
    fn product(&mut self, (m, k, n): (usize, usize, usize), a: (usize, usize), b: (usize, usize)) {
        let part = m.div_ceil(self.threads);
        let (left, right) = (&self.a, &self.b);
        self.c[..m * n].par_chunks_mut(part * n).enumerate().for_each(|(i, c)| {
            let rows = c.len() / n;
            let start = i * part * a.0;
            assert!(start + (rows - 1) * a.0 + (k - 1) * a.1 < left.len());
            assert!((k - 1) * b.0 + (n - 1) * b.1 < right.len());
            // SAFETY: the asserts bound the largest address read; c holds rows * n numbers and is borrowed mutably.
            unsafe {
                matrixmultiply::sgemm(
                    rows,
                    k,
                    n,
                    1.0,
                    left.as_ptr().add(start),
                    a.0 as isize,
                    a.1 as isize,
                    right.as_ptr(),
                    b.0 as isize,
                    b.1 as isize,
                    0.0,
                    c.as_mut_ptr(),
                    n as isize,
                    1,
                );
            }
        });
    }

    fn run(&mut self) {
        for (l, w) in WIDTHS.windows(2).enumerate() {
            let (k, n) = (w[0], w[1]);
            self.product((BATCH, k, n), (k, 1), (n, 1));
            self.product((k, BATCH, n), (1, k), (n, 1));
            if l > 0 {
                self.product((BATCH, n, k), (n, 1), (1, n));
            }
        }
        black_box(&self.c);
    }
}

/// The best of many runs, in turns, so that both see the same machine.
fn best_of(mut a: impl FnMut(), mut b: impl FnMut()) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..60 {
        let start = Instant::now();
        a();
        best.0 = best.0.min(start.elapsed());
        let start = Instant::now();
        b();
        best.1 = best.1.min(start.elapsed());
    }
    best
}

fn score_step(c: &mut Criterion) {
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
        let (mut step, mut floor) = (Step::new(), Floor::new(threads));
        let (ours, least) = best_of(|| pool.install(|| step.run()), || pool.install(|| floor.run()));
        let ratio = ours.as_secs_f64() / least.as_secs_f64();
        println!("score_step, {threads} thread(s): step {ours:.2?}, floor {least:.2?}, ratio {ratio:.2}");
        let name = |what: &str| format!("score_step/{threads}/{what}");
        c.bench_function(&name("step"), |b| b.iter(|| pool.install(|| step.run())));
        c.bench_function(&name("floor"), |b| b.iter(|| pool.install(|| floor.run())));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    targets = score_step
}
criterion_main!(benches);
