//! MoG-40.

use super::{at_least, at_most, between, pretrained, reference};
use crate::preset;
use crate::target::{Bar, Structure, Target};
use kiln_core::energy::{MOG40_STANDARD_DEVIATION, mog40};

/// -E[log p]: the mean over 10⁷ exact samples is 6.860 with a standard error below 0.001.
const MEAN_ENERGY: f64 = 6.860;

const BARS: &[Bar] = &[
    between("modes covered", 40.0, 40.0),
    at_most("mode-mass total variation", 0.05),
    between("mean log p", -7.00, -6.75),
    at_least("fraction within 4 sd of a mode", 0.99),
    at_most("seconds", 300.0),
];

pub fn target() -> Target {
    let mixture = mog40();
    let means = mixture.means().iter().flatten().copied().collect();
    Target::new("mog40", mixture)
        .described(
            "MoG-40",
            "40 equal Gaussians in the plane",
            "E = -log p, normalised; standard deviation 1.3132616875182228 = softplus(1), weights 1/40",
        )
        .structured(Structure::Mixture { means, sd: MOG40_STANDARD_DEVIATION })
        .with_mean_energy(MEAN_ENERGY)
        .sampled(move |stream| mixture.sample(stream).to_vec())
        .drawn([-52.0, 52.0, -52.0, 52.0])
        .with_presets(preset::mog40())
        .shipped(reference!("mog40"), pretrained!("mog40"))
        .with_bars(BARS)
}
