//! What tells an energy from another one, however it is written: its values and slopes at points that never change. A formula with another comment and a
//! library that was built anew are the same energy; one with another constant is not.

use crate::target::Target;
use kiln_core::Energy as _;
use kiln_core::random::{Purpose, Randomness as _, Stream};
use serde::{Deserialize, Serialize};

/// Points, and those at least that must have an energy.
const POINTS: u64 = 32;
const LEAST: usize = 8;
/// The streams of the points.
const STREAMS: u64 = 1 << 40;
/// Widths of the points: from the first, by a factor of ten twice.
const NARROWEST: f64 = 0.3;
/// What compilers and orders of sums may change, relative to 1 + the value.
const TOLERANCE: f64 = 1e-6;

/// Energy and slope along a fixed direction at every point; none where they are no finite numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(Vec<[Option<f64>; 2]>);

impl Fingerprint {
    /// Evaluations that one takes.
    pub const EVALUATIONS: u64 = POINTS;

    /// Of a target.
    pub fn of(target: &Target) -> Self {
        let (dim, n) = (target.dim(), POINTS as usize);
        let (mut points, mut directions) = (Vec::with_capacity(n * dim), Vec::with_capacity(n * dim));
        for at in 0..POINTS {
            let mut stream = Stream::new(0, Purpose::Evaluation, STREAMS + at);
            let mut normal = || -> f64 { stream.normal() };
            let width = NARROWEST * 100_f64.powf(at as f64 / (POINTS - 1) as f64);
            points.extend(target.bounds().iter().map(|bound| bound.map(width * normal()).x));
            directions.extend((0..dim).map(|_| normal()));
        }
        let (mut energies, mut gradients) = (vec![0.0; n], vec![0.0; n * dim]);
        target.energies_and_gradients(&points, &mut energies, &mut gradients);
        let rows = gradients.chunks_exact(dim).zip(directions.chunks_exact(dim));
        let one = |(energy, (gradient, direction)): (&f64, (&[f64], &[f64]))| {
            let slope: f64 = gradient.iter().zip(direction).map(|(g, d)| g * d).sum();
            [*energy, slope].map(|number| Some(number).filter(|number| number.is_finite()))
        };
        Self(energies.iter().zip(rows).map(one).collect())
    }

    /// Whether a target is the same energy; not where too few points tell.
    pub fn is_of(&self, target: &Target) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() <= TOLERANCE * (1.0 + a.abs());
        let same = |(a, b): (&Option<f64>, &Option<f64>)| match (a, b) {
            (Some(a), Some(b)) => near(*a, *b),
            (None, None) => true,
            _ => false,
        };
        let other = Self::of(target);
        let known = self.0.iter().filter(|[energy, _]| energy.is_some()).count();
        let numbers = |all: &Self| all.0.concat();
        known >= LEAST && self.0.len() == other.0.len() && numbers(self).iter().zip(&numbers(&other)).all(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::target;

    fn formula(text: &str) -> Target {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("mine.toml");
        std::fs::write(&path, format!("name = \"mine\"\n{text}")).unwrap();
        target(&path).unwrap()
    }

    #[test]
    fn an_energy_is_the_same_however_it_is_written_and_no_other_one_is() {
        let mine = formula("dimension = 3\nenergy = \"sumsq(x)/2 + x[0]*x[1]/4\"\n");
        let fingerprint = Fingerprint::of(&mine);
        let text = serde_json::to_string(&fingerprint).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), fingerprint);
        let same = formula("dimension = 3\n# As it was.\nenergy = \"x[1]*x[0]*0.25 + 0.5*sumsq(x)\"\n");
        assert!(fingerprint.is_of(&mine) && fingerprint.is_of(&same) && mine.convention() != same.convention());
        for other in ["sumsq(x)/2 + x[0]*x[1]/4.0001", "sumsq(x)/2 + x[0]*x[2]/4", "sumsq(x)/2 + x[0]*x[1]/4 + 0.01"] {
            assert!(!fingerprint.is_of(&formula(&format!("dimension = 3\nenergy = \"{other}\"\n"))), "{other}");
        }
        assert!(!fingerprint.is_of(&formula("dimension = 2\nenergy = \"sumsq(x)/2 + x[0]*x[1]/4\"\n")));
    }

    #[test]
    fn walls_and_bounds_belong_to_it_and_an_energy_without_numbers_has_none() {
        let wall = |at: &str| formula(&format!("dimension = 1\nenergy = \"where(x[0] > {at}, x[0]^2, inf)\"\n"));
        let fingerprint = Fingerprint::of(&wall("-1"));
        assert!(fingerprint.is_of(&wall("-1")) && !fingerprint.is_of(&wall("1")));
        let nowhere = formula("dimension = 1\nenergy = \"where(x[0] > 1000, x[0]^2, inf)\"\n");
        assert!(!Fingerprint::of(&nowhere).is_of(&nowhere), "nothing is told");
    }
}
