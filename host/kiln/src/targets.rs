//! The targets that Kiln brings, one record each: the registry that lists, commands and tests walk.

use crate::target::{Structure, Target};
use kiln_core::energy::{DoubleWell, LennardJones, MOG40_STANDARD_DEVIATION, ManyWell, Pairs, mog40};

/// All of them, the default one first.
pub fn builtin() -> Vec<Target> {
    vec![
        mog_40(),
        many_well_32(),
        double_well_4(),
        lennard_jones::<13>("lj13", "LJ-13", Pairs::Twice).with_mean_energy(LENNARD_JONES_13_MEAN_ENERGY),
        lennard_jones::<13>("lj13-pairs-once", "LJ-13, pairs once", Pairs::Once)
            .with_mean_energy(LENNARD_JONES_13_PAIRS_ONCE_MEAN_ENERGY),
        lennard_jones::<55>("lj55", "LJ-55", Pairs::Twice),
    ]
}

/// The one of that name.
pub fn find(name: &str) -> Option<Target> {
    builtin().into_iter().find(|target| target.name() == name)
}

fn mog_40() -> Target {
    let mixture = mog40();
    let means = mixture.means().iter().flatten().copied().collect();
    Target::new("mog40", mixture)
        .described(
            "MoG-40",
            "40 equal Gaussians in the plane",
            "E = -log p, normalised; standard deviation 1.3132616875182228 = softplus(1), weights 1/40",
        )
        .structured(Structure::Mixture { means, sd: MOG40_STANDARD_DEVIATION })
        .with_mean_energy(MOG40_MEAN_ENERGY)
        .sampled(move |stream| mixture.sample(stream).to_vec())
        .drawn([-52.0, 52.0, -52.0, 52.0])
}

/// -E[log p] of MoG-40: the mean over 10⁷ exact samples is 6.860 with a standard error below 0.001.
const MOG40_MEAN_ENERGY: f64 = 6.860;

/// Mean energy of Many-Well-32, by quadrature.
const MANY_WELL_32_MEAN_ENERGY: f64 = -137.1985;

fn many_well_32() -> Target {
    Target::new("mw32", ManyWell::<32>)
        .described(
            "Many-Well-32",
            "16 independent double wells, 65,536 modes of unequal weight",
            "E = sum over 16 pairs (d, v) of d^4 - 6 d^2 - d/2 + v^2/2, unnormalised",
        )
        .structured(Structure::Wells { right: ManyWell::<32>::RIGHT_WELL })
        .with_mean_energy(MANY_WELL_32_MEAN_ENERGY)
        .sampled(|stream| ManyWell::<32>.sample(stream).to_vec())
}

/// Mean energies of particles, from 2,000 states of each of 1,024 HMC chains (20 leapfrog steps apart) after 8,000
/// evaluations from noise: standard errors 0.005, 0.016 and 0.013 over the chains' means, and E[x·∇E] within 0.06 ± 0.06 of
/// the number of free coordinates.
const DOUBLE_WELL_4_MEAN_ENERGY: f64 = -22.542;
const LENNARD_JONES_13_MEAN_ENERGY: f64 = -42.97;
const LENNARD_JONES_13_PAIRS_ONCE_MEAN_ENERGY: f64 = 0.53;

fn double_well_4() -> Target {
    Target::new("dw4", DoubleWell::<4, 2>)
        .described(
            "DW-4",
            "4 particles in the plane, every pair in a double well of its distance",
            "E = sum over 6 unordered pairs of 0.9 (r-4)^4 - 4 (r-4)^2; mean-free, 6 free coordinates",
        )
        .with_mean_energy(DOUBLE_WELL_4_MEAN_ENERGY)
}

/// N particles in space; trained with a smooth core.
fn lennard_jones<const N: usize>(name: &str, title: &str, pairs: Pairs) -> Target {
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
}
