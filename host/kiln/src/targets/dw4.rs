//! DW-4.

use super::{at_most, over_floor, pretrained, reference};
use crate::preset;
use crate::target::{Bar, Target};
use kiln_core::energy::DoubleWell;

/// From 2,000 states of each of 1,024 HMC chains (20 leapfrog steps apart) after 8,000 evaluations from noise: standard
/// error 0.005 over the chains' means, and E[x·∇E] within 0.06 ± 0.06 of the number of free coordinates.
const MEAN_ENERGY: f64 = -22.542;

const BARS: &[Bar] = &[
    at_most("energy TVD", 0.155),
    at_most("distance TVD", 0.080),
    over_floor("W2, geometric", 1.15),
    at_most("seconds", 1800.0),
];

pub fn target() -> Target {
    Target::new("dw4", DoubleWell::<4, 2>)
        .described(
            "DW-4",
            "4 particles in the plane, every pair in a double well of its distance",
            "E = sum over 6 unordered pairs of 0.9 (r-4)^4 - 4 (r-4)^2; mean-free, 6 free coordinates",
        )
        .with_mean_energy(MEAN_ENERGY)
        .with_presets(preset::dw4())
        .shipped(reference!("dw4"), pretrained!("dw4"))
        .with_bars(BARS)
}
