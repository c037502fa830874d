//! What a formula costs beside the same energy written by hand in Rust, in packs of 16 lanes:
//! `cargo run --release -p kiln-formula --example cost`.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use kiln_core::energy::{LennardJones, Pairs};
use kiln_core::{Energy, Lanes, Scalar, tensor};
use kiln_formula::{Array, Formula};

type Pack = Lanes<16>;

/// −log Σ exp(−(r − radius)²/2).
struct Rings;

impl<S: Scalar> Energy<S> for Rings {
    fn dim(&self) -> usize {
        2
    }
    #[inline(always)]
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let r = (x[0].square() + x[1].square()).sqrt();
        let (near, far) = (r - S::constant(4.0), r - S::constant(10.0));
        let (a, b) = (S::constant(-0.5) * near.square(), S::constant(-0.5) * far.square());
        let largest = a.max(b);
        let (p, q) = ((a - largest).exp(), (b - largest).exp());
        let slope = (p * near + q * far) / ((p + q) * r);
        gradient[0] = slope * x[0];
        gradient[1] = slope * x[1];
        -(largest + (p + q).ln())
    }
    #[inline(always)]
    fn energy(&self, x: &[S]) -> S {
        let r = (x[0].square() + x[1].square()).sqrt();
        let a = S::constant(-0.5) * (r - S::constant(4.0)).square();
        let b = S::constant(-0.5) * (r - S::constant(10.0)).square();
        let largest = a.max(b);
        -(largest + ((a - largest).exp() + (b - largest).exp()).ln())
    }
}

/// log Σ of Gaussians with their own weights and widths.
struct Mixture {
    /// log weight − n log sd, 1 / sd², mean.
    modes: Vec<(f32, f32, [f32; 10])>,
}

impl Energy<Pack> for Mixture {
    fn dim(&self) -> usize {
        10
    }
    fn energy_and_gradient(&self, x: &[Pack], gradient: &mut [Pack]) -> Pack {
        let mut logs = [Pack::splat(0.0); 5];
        for (log, mode) in logs.iter_mut().zip(&self.modes) {
            *log = log_mode(x, mode);
        }
        let largest = logs.iter().fold(logs[0], |largest, log| largest.max(*log));
        let mut sum = Pack::splat(0.0);
        for log in &mut logs {
            *log = (*log - largest).exp();
            sum += *log;
        }
        gradient.fill(Pack::splat(0.0));
        let share = Pack::splat(1.0) / sum;
        for (log, (_, precision, mean)) in logs.iter().zip(&self.modes) {
            let weight = *log * share * Pack::splat(*precision);
            for k in 0..10 {
                gradient[k] += weight * (x[k] - Pack::splat(mean[k]));
            }
        }
        -(largest + sum.ln())
    }
    fn energy(&self, x: &[Pack]) -> Pack {
        let mut logs = [Pack::splat(0.0); 5];
        for (log, mode) in logs.iter_mut().zip(&self.modes) {
            *log = log_mode(x, mode);
        }
        let largest = logs.iter().fold(logs[0], |largest, log| largest.max(*log));
        let mut sum = Pack::splat(0.0);
        for log in logs {
            sum += (log - largest).exp();
        }
        -(largest + sum.ln())
    }
}

fn log_mode(x: &[Pack], (log_weight, precision, mean): &(f32, f32, [f32; 10])) -> Pack {
    let mut square = Pack::splat(0.0);
    for k in 0..10 {
        square += (x[k] - Pack::splat(mean[k])).square();
    }
    Pack::splat(*log_weight) - Pack::splat(0.5 * precision) * square
}

/// Σ log(1 + exp(−row · w)) + ‖w‖²/2.
struct Logistic {
    rows: Vec<[f32; 31]>,
}

impl Energy<Pack> for Logistic {
    fn dim(&self) -> usize {
        31
    }
    fn energy_and_gradient(&self, w: &[Pack], gradient: &mut [Pack]) -> Pack {
        let (one, zero) = (Pack::splat(1.0), Pack::splat(0.0));
        let mut energy = zero;
        for k in 0..31 {
            energy += Pack::splat(0.5) * w[k].square();
            gradient[k] = w[k];
        }
        for row in &self.rows {
            let (z, soft, e) = soft(row, w);
            energy += soft;
            // sigmoid(−z), from e = exp(−|z|).
            let slope = Pack::select(z.lt(zero), one, e) / (one + e);
            for k in 0..31 {
                gradient[k] -= slope * Pack::splat(row[k]);
            }
        }
        energy
    }
    fn energy(&self, w: &[Pack]) -> Pack {
        let mut energy = Pack::splat(0.5) * tensor::squared_norm(w);
        for row in &self.rows {
            energy += soft(row, w).1;
        }
        energy
    }
}

/// z = row · w, log(1 + e^(−z)), e^(−|z|).
#[inline(always)]
fn soft(row: &[f32; 31], w: &[Pack]) -> (Pack, Pack, Pack) {
    let mut z = Pack::splat(0.0);
    for k in 0..31 {
        z += w[k] * Pack::splat(row[k]);
    }
    let e = (-z.abs()).exp();
    (z, (-z).max(Pack::splat(0.0)) + (Pack::splat(1.0) + e).ln(), e)
}

/// Nanoseconds of one call of each, the least of many short trials that take turns: other work on the machine then
/// disturbs both alike.
fn time(calls: [&mut dyn FnMut(); 2]) -> [f64; 2] {
    let [first, second] = calls;
    let mut least = [f64::INFINITY; 2];
    for _ in 0..300 {
        for (call, least) in [&mut *first, &mut *second].into_iter().zip(&mut least) {
            call();
            let (start, mut count) = (Instant::now(), 0);
            while count < 1 || start.elapsed().as_micros() < 300 {
                (0..8).for_each(|_| call());
                count += 8;
            }
            *least = least.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(count));
        }
    }
    least
}

fn compare(name: &str, formula: &Formula, by_hand: &dyn Energy<Pack>, scale: f32) {
    if std::env::args().nth(1).is_some_and(|only| only != name) {
        return;
    }
    let n = formula.dimension();
    let x: Vec<Pack> = (0..n)
        .map(|k| Lanes(std::array::from_fn(|lane| scale * ((lane * 7 + k * 13) as f32).sin() + k as f32 * 0.01)))
        .collect();
    let mut gradient = vec![Lanes([0.0; 16]); n];
    let (a, b) = (Energy::<Pack>::energy(formula, &x), by_hand.energy(&x));
    for lane in 0..16 {
        assert!((a.0[lane] - b.0[lane]).abs() < 1e-4 * (1.0 + b.0[lane].abs()), "{name}: {a:?} {b:?}");
    }
    let mut other = gradient.clone();
    let formula_energy: &dyn Energy<Pack> = formula;
    let [value, formula_value] = time([
        &mut || {
            black_box(by_hand.energy(black_box(&x)));
        },
        &mut || {
            black_box(formula_energy.energy(black_box(&x)));
        },
    ]);
    let [slopes, formula_slopes] = time([
        &mut || {
            black_box(by_hand.energy_and_gradient(black_box(&x), black_box(&mut gradient)));
        },
        &mut || {
            black_box(formula_energy.energy_and_gradient(black_box(&x), black_box(&mut other)));
        },
    ]);
    println!(
        "{name:10} {value:9.0} {formula_value:9.0} {:6.2}   {slopes:9.0} {formula_slopes:9.0} {:6.2}   {:9}",
        formula_value / value,
        formula_slopes / slopes,
        formula.operations()
    );
}

/// Rows of numbers from a CSV file.
fn rows(path: &Path) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(path).expect("the zoo's data");
    text.lines().map(|line| line.split(',').map(|cell| cell.trim().parse().expect("a number")).collect()).collect()
}

fn load(path: &Path) -> Result<Array, String> {
    let rows = rows(path);
    Ok(Array { shape: vec![rows.len(), rows[0].len()], data: rows.concat() })
}

fn single<const N: usize>(row: &[f64]) -> [f32; N] {
    std::array::from_fn(|k| row[k] as f32)
}

fn main() {
    let zoo = Path::new(env!("CARGO_MANIFEST_DIR")).join("zoo");
    let formula =
        |name: &str| Formula::read(&zoo.join(format!("{name}.toml")), &load).unwrap_or_else(|error| panic!("{error}"));
    println!("nanoseconds of 16 points:");
    println!("             energy   formula  ratio    gradient   formula  ratio   operations");
    compare("rings", &formula("rings"), &Rings, 6.0);
    let modes = rows(&zoo.join("mixture.csv"));
    let modes = modes
        .iter()
        .map(|row| ((row[0].ln() - 10.0 * row[1].ln()) as f32, (row[1] * row[1]).recip() as f32, single(&row[2..])));
    compare("mixture", &formula("mixture"), &Mixture { modes: modes.collect() }, 3.0);
    let rows = rows(&zoo.join("cancer.csv")).iter().map(|row| single(row)).collect();
    compare("cancer", &formula("cancer"), &Logistic { rows }, 1.0);
    compare("lj13", &formula("lj13"), &LennardJones::<13, 3>::new(Pairs::Twice), 2.0);
}
