//! What the tests share: a reader of simple CSV files, the zoo, and formulas from a few lines.
#![allow(dead_code, reason = "every test uses a part")]

use std::path::{Path, PathBuf};

use kiln_core::{Energy, Lanes};
use kiln_formula::{Array, Formula};

/// A pack of sixteen.
pub type Pack = Lanes<16>;

/// Numbers from a CSV file.
pub fn load(path: &Path) -> Result<Array, String> {
    let text = std::fs::read_to_string(path).map_err(|_| "there is no such file".to_owned())?;
    let rows: Vec<Vec<f64>> = text
        .lines()
        .map(|line| {
            line.split(',').map(|cell| cell.trim().parse().map_err(|_| format!("`{cell}` is no number"))).collect()
        })
        .collect::<Result<_, String>>()?;
    let columns = rows.first().map_or(0, Vec::len);
    Ok(Array { shape: vec![rows.len(), columns], data: rows.into_iter().flatten().collect() })
}

/// The folder of the zoo.
pub fn zoo_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("zoo")
}

/// A formula of the zoo.
pub fn zoo(name: &str) -> Formula {
    Formula::read(&zoo_folder().join(format!("{name}.toml")), &load).unwrap_or_else(|error| panic!("{error}"))
}

/// A formula from text, without data.
pub fn parse(text: &str) -> Formula {
    Formula::parse(text, "test.toml", &|_| Err("no data".to_owned())).unwrap_or_else(|error| panic!("{error}"))
}

/// An energy of some coordinates.
pub fn energy_of(dimension: usize, energy: &str) -> Formula {
    parse(&format!("dimension = {dimension}\nenergy = \"{energy}\""))
}

/// Value and gradient in double precision.
pub fn evaluate(energy: &impl Energy<f64>, x: &[f64]) -> (f64, Vec<f64>) {
    let mut gradient = vec![0.0; x.len()];
    let value = energy.energy_and_gradient(x, &mut gradient);
    let alone = energy.energy(x);
    assert!(value == alone || (value.is_nan() && alone.is_nan()), "{value} {alone}");
    (value, gradient)
}

/// Value and gradient in single precision.
pub fn evaluate_single(energy: &impl Energy<f32>, x: &[f64]) -> (f32, Vec<f32>) {
    let x: Vec<f32> = x.iter().map(|x| *x as f32).collect();
    let mut gradient = vec![0.0; x.len()];
    (energy.energy_and_gradient(&x, &mut gradient), gradient)
}

/// Values and gradients of sixteen points, lane by lane.
pub fn evaluate_lanes(energy: &impl Energy<Pack>, points: &[Vec<f64>; 16]) -> Vec<(f32, Vec<f32>)> {
    let n = points[0].len();
    let x: Vec<Pack> = (0..n).map(|k| Lanes(std::array::from_fn(|lane| points[lane][k] as f32))).collect();
    let mut gradient = vec![Lanes([0.0; 16]); n];
    let value = energy.energy_and_gradient(&x, &mut gradient);
    (0..16).map(|lane| (value.0[lane], gradient.iter().map(|g| g.0[lane]).collect())).collect()
}

/// Whether two numbers agree to a tolerance relative to a scale.
#[track_caller]
pub fn close(a: f64, b: f64, tolerance: f64, what: &str) {
    assert!((a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs())), "{what}: {a} is not {b}");
}

/// Numbers between −1 and 1 that look random, the same every time.
pub fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}
