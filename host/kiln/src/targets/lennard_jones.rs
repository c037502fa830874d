//! Lennard-Jones clusters: LJ-13 in two conventions, LJ-55.

use super::{at_most, pretrained, reference};
use crate::preset;
use crate::target::{Bar, Target};
use kiln_core::energy::{LennardJones, Pairs};

/// Mean energies, from 2,000 states of each of 1,024 HMC chains (20 leapfrog steps apart) after 8,000 evaluations from
/// noise: standard errors 0.016 and 0.013 over the chains' means, and E[x·∇E] within 0.06 ± 0.06 of the number of free
/// coordinates.
const MEAN_ENERGY_TWICE: f64 = -42.97;
const MEAN_ENERGY_ONCE: f64 = 0.53;

const BARS: &[Bar] = &[
    at_most("energy TVD", 0.195),
    at_most("distance TVD", 0.040),
    at_most("share with E > 0", 0.001),
    at_most("seconds", 9000.0),
];

pub fn lj13() -> Target {
    cluster::<13>("lj13", "LJ-13", Pairs::Twice)
        .with_mean_energy(MEAN_ENERGY_TWICE)
        .shipped(reference!("lj13"), pretrained!("lj13"))
        .with_bars(BARS)
}

pub fn lj13_pairs_once() -> Target {
    cluster::<13>("lj13-pairs-once", "LJ-13, pairs once", Pairs::Once)
        .with_mean_energy(MEAN_ENERGY_ONCE)
        .shipped(reference!("lj13-pairs-once"), None)
}

pub fn lj55() -> Target {
    cluster::<55>("lj55", "LJ-55", Pairs::Twice).shipped(reference!("lj55"), None)
}

/// N particles in space; trained with a smooth core.
fn cluster<const N: usize>(name: &str, title: &str, pairs: Pairs) -> Target {
    let energy = LennardJones::<N, 3>::new(pairs);
    let (counted, factor) = match pairs {
        Pairs::Once => ("once", "1"),
        Pairs::Twice => ("twice", "2"),
    };
    let convention = format!(
        "pairs {counted}: E = {factor} sum over unordered pairs of (r^-12 - 2 r^-6) + 1/2 sum |x_i - mean|^2, \
         r^2 = |x_i - x_j|^2 + 1e-6; mean-free, {} free coordinates",
        3 * N - 3
    );
    Target::new(name, energy)
        .described(title, &format!("{N} Lennard-Jones particles in a harmonic trap, pairs {counted}"), &convention)
        .trained_on(energy.smooth())
        .with_presets(preset::lennard_jones(N))
}
