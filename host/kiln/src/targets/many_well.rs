//! Many-Well-32.

use super::{above_floor, at_most, between, over_floor, pretrained, reference};
use crate::preset;
use crate::target::{Bar, Structure, Target};
use kiln_core::energy::ManyWell;

/// By quadrature.
const MEAN_ENERGY: f64 = -137.1985;

const BARS: &[Bar] = &[
    at_most("worst well |P(d>0) - truth|", 0.03),
    between("mean energy", -137.8, -136.6),
    above_floor("energy TVD", 0.05),
    over_floor("W2", 1.03),
    at_most("seconds", 900.0),
];

pub fn mw32() -> Target {
    Target::new("mw32", ManyWell::<32>)
        .described(
            "Many-Well-32",
            "16 independent double wells, 65,536 modes of unequal weight",
            "E = sum over 16 pairs (d, v) of d^4 - 6 d^2 - d/2 + v^2/2, unnormalised",
        )
        .structured(Structure::Wells { right: ManyWell::<32>::RIGHT_WELL })
        .with_mean_energy(MEAN_ENERGY)
        .sampled(|stream| ManyWell::<32>.sample(stream).to_vec())
        .with_presets(preset::many_well(32))
        .shipped(reference!("mw32"), pretrained!("mw32"))
        .with_bars(BARS)
}
