//! What is known of the zoo's energies: independent samples, and shares of modes.

use kiln::format::npy;
use kiln::samples::Samples;
use kiln::target::Target;
use kiln_core::random::{Purpose, Randomness, Stream};

/// Draws where the truth is a distribution that is known.
const DRAWS: usize = 20_000;

/// Independent samples of the truth; none where there are none.
pub fn draws(target: &Target) -> Option<Samples> {
    if let Some(path) = target.truth().filter(|path| path.is_file()) {
        return Some(npy::read(&std::fs::read(path).unwrap()).unwrap());
    }
    let dim = target.dim();
    let data = match target.name() {
        // N(50, 1) in every coordinate.
        "shifted" => {
            let mut data = vec![0.0_f32; dim * DRAWS];
            Stream::new(77, Purpose::Test, 0).fill_normal(&mut data);
            data.iter_mut().for_each(|x| *x += 50.0);
            data
        }
        _ => target.exact_samples(77, DRAWS)?,
    };
    Some(Samples { dim, data })
}

/// Shares of an energy's modes.
struct Shares {
    name: &'static str,
    dim: usize,
    truth: &'static [f64],
    /// The mode that a state belongs to.
    part: fn(&[f32]) -> usize,
}

const SHARES: [Shares; 2] = [
    Shares { name: "mixture", dim: 10, truth: &[0.05, 0.1, 0.15, 0.2, 0.5], part: nearest_mode },
    Shares { name: "phi4", dim: 64, truth: &[0.5, 0.5], part: |x| usize::from(x.iter().sum::<f32>() > 0.0) },
];

/// The mode of `mixture` that most likely made a state.
pub fn nearest_mode(x: &[f32]) -> usize {
    let log_part = |mode: &&str| {
        let row: Vec<f64> = mode.split(',').map(|number| number.parse().unwrap()).collect();
        let square: f64 = x.iter().zip(&row[2..]).map(|(x, mean)| (f64::from(*x) - mean).powi(2)).sum();
        row[0].ln() - x.len() as f64 * row[1].ln() - square / (2.0 * row[1] * row[1])
    };
    let modes: Vec<f64> =
        include_str!("../../../host/formula/zoo/mixture.csv").lines().map(|row| log_part(&row)).collect();
    (0..modes.len()).max_by(|a, b| modes[*a].total_cmp(&modes[*b])).unwrap()
}

/// The largest difference of a mode's share of the states from its truth; none of energies whose shares are not known.
pub fn off(name: &str, states: &[f32]) -> Option<f64> {
    let shares = SHARES.iter().find(|shares| shares.name == name)?;
    let (mut counts, n) = (vec![0.0; shares.truth.len()], states.len() / shares.dim);
    states.chunks_exact(shares.dim).for_each(|row| counts[(shares.part)(row)] += 1.0 / n as f64);
    Some(counts.iter().zip(shares.truth).map(|(share, truth)| (share - truth).abs()).fold(0.0, f64::max))
}
