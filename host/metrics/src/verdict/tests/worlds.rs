//! Targets with exact samplers, and ways to spoil draws.

use crate::cholesky::Cholesky;
use crate::gaussians::Fit;
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::symmetry::{Symmetry, remove_mean};

/// What is wrong with draws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spoilt {
    Nothing,
    /// The mode of 5 % is not drawn.
    MissingMode,
    /// The first coordinate has half its width.
    HalfWidth,
    /// Temperature 1.2.
    Hot,
    /// So many are not numbers.
    Lost(f64),
    /// Particles in another order, elsewhere.
    Relabelled,
}

type Draw = Box<dyn Fn(f64, bool, &mut Stream, &mut [f64]) + Sync>;
type Energy = Box<dyn Fn(&[f64], &mut [f64]) -> f64 + Sync>;

pub struct World {
    pub name: &'static str,
    pub dim: usize,
    pub symmetry: Symmetry,
    /// Of a temperature, and whether a mode is missing.
    draw: Draw,
    energy: Energy,
}

impl World {
    /// Rows, energies and gradients of n draws.
    pub fn set(&self, spoilt: &Spoilt, n: usize, index: u64) -> (Vec<f32>, Vec<f64>, Vec<f64>) {
        let mut stream = Stream::new(20, Purpose::Test, index);
        let (mut x, mut rows) = (vec![0.0; self.dim], Vec::with_capacity(n * self.dim));
        for at in 0..n {
            let temperature = if *spoilt == Spoilt::Hot { 1.2 } else { 1.0 };
            (self.draw)(temperature, *spoilt == Spoilt::MissingMode, &mut stream, &mut x);
            match spoilt {
                Spoilt::Lost(share) if (at as f64) < share * n as f64 => x[0] = f64::NAN,
                Spoilt::HalfWidth => x[0] *= 0.5,
                Spoilt::Relabelled => {
                    x.rotate_left(2);
                    x.iter_mut().step_by(2).for_each(|x| *x = 3.0 - *x);
                }
                _ => {}
            }
            rows.extend(x.iter().map(|x| *x as f32));
        }
        let (mut energies, mut gradients) = (Vec::with_capacity(n), vec![0.0; n * self.dim]);
        for (row, gradient) in rows.chunks_exact(self.dim).zip(gradients.chunks_exact_mut(self.dim)) {
            let x: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
            energies.push((self.energy)(&x, gradient));
        }
        (rows, energies, gradients)
    }
}

/// Five Gaussians in ten dimensions, ten apart, of weights 0.05 to 0.5 and different widths.
pub fn mixture() -> World {
    const DIM: usize = 10;
    let weights: [f64; 5] = [0.05, 0.10, 0.15, 0.20, 0.50];
    let widths = [1.0, 0.7, 1.3, 0.9, 1.1];
    let mut means = vec![0.0; 5 * DIM];
    // At right angles, each 10/√2 from the origin.
    (0..5).for_each(|k| means[k * DIM + 2 * k..][..2].fill(5.0));
    let of = move |temperature: f64, missing: bool| {
        let power = 1.0 / temperature;
        let weight = |k: usize| weights[k].powf(power) * f64::powf(widths[k], DIM as f64 * (1.0 - power));
        let part = |k: usize| {
            let weight = if missing && k == 0 { 0.0 } else { weight(k) };
            let factor = Cholesky::diagonal(&[widths[k] * temperature.sqrt(); DIM]);
            (weight, means[k * DIM..(k + 1) * DIM].to_vec(), factor)
        };
        Fit::new((0..5).map(part).collect()).unwrap()
    };
    let (exact, hot, missing) = (of(1.0, false), of(1.2, false), of(1.0, true));
    let density = exact.clone();
    World {
        name: "mixture",
        dim: DIM,
        symmetry: Symmetry::None,
        draw: Box::new(move |temperature, lacking, stream, x| {
            let of = if lacking { &missing } else { &exact };
            if temperature > 1.0 { hot.draw(stream, x) } else { of.draw(stream, x) }
        }),
        energy: Box::new(move |x, gradient| {
            let value = density.log_density_and_gradient(x, gradient);
            gradient.iter_mut().for_each(|g| *g = -*g);
            -value
        }),
    }
}

/// Two rings of radius 4 and 10 and width 1 in the plane.
pub fn rings() -> World {
    const STEPS: usize = 40_000;
    const REACH: f64 = 18.0;
    let bumps = |r: f64| [(-0.5 * (r - 4.0).powi(2)).exp(), (-0.5 * (r - 10.0).powi(2)).exp()];
    let table = move |temperature: f64| {
        let mut sum = 0.0;
        let mass = (0..STEPS).map(|k| (k as f64 + 0.5) * REACH / STEPS as f64).map(|r| {
            let [a, b] = bumps(r);
            sum += r * (a + b).powf(1.0 / temperature);
            sum
        });
        mass.collect::<Vec<f64>>()
    };
    let (exact, hot) = (table(1.0), table(1.2));
    World {
        name: "rings",
        dim: 2,
        symmetry: Symmetry::None,
        draw: Box::new(move |temperature, _, stream, x| {
            let mass = if temperature > 1.0 { &hot } else { &exact };
            let (u, turn): (f64, f64) = (stream.uniform(), stream.uniform());
            let wanted = u * mass[STEPS - 1];
            let k = mass.partition_point(|m| *m < wanted);
            let before = if k == 0 { 0.0 } else { mass[k - 1] };
            let r = (k as f64 + (wanted - before) / (mass[k] - before)) * REACH / STEPS as f64;
            let (sin, cos) = (turn * std::f64::consts::TAU).sin_cos();
            (x[0], x[1]) = (r * cos, r * sin);
        }),
        energy: Box::new(move |x, gradient| {
            let r = x[0].hypot(x[1]);
            let [a, b] = bumps(r);
            let slope = (a * (r - 4.0) + b * (r - 10.0)) / (a + b) / r;
            (gradient[0], gradient[1]) = (slope * x[0], slope * x[1]);
            -(a + b).ln()
        }),
    }
}

/// Five particles in the plane, held together by springs: E = ½ Σ |x_i - mean|².
pub fn exact_particles() -> World {
    let symmetry = Symmetry::Particles { count: 5, dimensions: 2 };
    World {
        name: "particles",
        dim: 10,
        symmetry,
        draw: Box::new(move |temperature, _, stream, x| {
            stream.fill_normal(x);
            remove_mean(symmetry, x);
            x.iter_mut().for_each(|x| *x *= temperature.sqrt());
        }),
        energy: Box::new(move |x, gradient| {
            gradient.copy_from_slice(x);
            remove_mean(symmetry, gradient);
            0.5 * gradient.iter().map(|g| g * g).sum::<f64>()
        }),
    }
}

/// Student's law of 1.2 degrees of freedom, Z/√(χ²/ν) with χ² from a table of its quantiles: E = ½(ν + 1) ln(1 + x²/ν).
pub fn heavy() -> World {
    const NU: f64 = 1.2;
    const STEPS: usize = 40_000;
    // The law is that of √ν tan θ with density ∝ cos^(ν - 1) θ.
    let table = |temperature: f64| {
        let mut sum = 0.0;
        let power = (NU + 1.0) / temperature - 2.0;
        let mass = (0..STEPS).map(|k| std::f64::consts::PI * ((k as f64 + 0.5) / STEPS as f64 - 0.5)).map(|angle| {
            sum += angle.cos().powf(power);
            sum
        });
        mass.collect::<Vec<f64>>()
    };
    let (exact, hot) = (table(1.0), table(1.2));
    World {
        name: "heavy",
        dim: 1,
        symmetry: Symmetry::None,
        draw: Box::new(move |temperature, _, stream, x| {
            let mass = if temperature > 1.0 { &hot } else { &exact };
            let u: f64 = stream.uniform();
            let wanted = u * mass[STEPS - 1];
            let k = mass.partition_point(|m| *m < wanted);
            let before = if k == 0 { 0.0 } else { mass[k - 1] };
            let place = (k as f64 + (wanted - before) / (mass[k] - before)) / STEPS as f64 - 0.5;
            x[0] = NU.sqrt() * (std::f64::consts::PI * place).tan();
        }),
        energy: Box::new(|x, gradient| {
            gradient[0] = (NU + 1.0) * x[0] / (NU + x[0] * x[0]);
            0.5 * (NU + 1.0) * (x[0] * x[0] / NU).ln_1p()
        }),
    }
}
