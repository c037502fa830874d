//! Every energy with its gradient, far outside its modes too, where Lennard-Jones overflows.

use kiln_core::diffusion::Posterior;
use kiln_core::dynamics::annealing::Residual;
use kiln_core::energy::{DoubleWell, Gaussian, LennardJones, ManyWell, Pairs, mog40};
use kiln_core::random::Randomness;
use kiln_core::{Energy, Lanes};

use crate::Kernel;
use crate::hash::Hash;
use crate::pack::{LANES, Pack, chains, join, numbers};

/// Energy and gradient, then the energy alone, at normal points of standard deviation `spread`.
/// `M` is N + 2.
fn points<P: Pack, E: Energy<P>, const N: usize, const M: usize>(hash: &mut Hash, count: u32, energy: &E, spread: f64) {
    const { assert!(M == N + 2, "a gradient and two energies") }
    chains::<P, M>(hash, count, |rng| {
        let mut x = [P::zero(); N];
        rng.fill_normal(&mut x);
        x.iter_mut().for_each(|x| *x *= P::constant(spread));
        let mut gradient = [P::zero(); N];
        let value = energy.energy_and_gradient(&x, &mut gradient);
        numbers(join(&[&[value, energy.energy(&x)], &gradient]))
    });
}

fn mixture<P: Pack>(hash: &mut Hash, count: u32) {
    points::<P, _, 2, 4>(hash, count, &mog40(), 25.0);
}

fn convolved<P: Pack>(hash: &mut Hash, count: u32) {
    points::<P, _, 2, 4>(hash, count, &mog40().convolved(7.5), 25.0);
}

fn wells<P: Pack>(hash: &mut Hash, count: u32) {
    points::<P, _, 32, 34>(hash, count, &ManyWell::<32>, 2.0);
}

fn double_well<P: Pack>(hash: &mut Hash, count: u32) {
    points::<P, _, 8, 10>(hash, count, &DoubleWell::<4, 2>, 2.5);
}

fn lennard_jones<P: Pack>(hash: &mut Hash, count: u32) {
    points::<P, _, 39, 41>(hash, count, &LennardJones::<13, 3>::new(Pairs::Twice), 1.0);
}

fn lennard_jones_smooth<P: Pack>(hash: &mut Hash, count: u32) {
    points::<P, _, 39, 41>(hash, count, &LennardJones::<13, 3>::new(Pairs::Once).smooth(), 0.5);
}

fn lennard_jones_55<P: Pack>(hash: &mut Hash, count: u32) {
    points::<P, _, 165, 167>(hash, count, &LennardJones::<55, 3>::new(Pairs::Twice), 2.0);
}

/// The energies that are made of others: the denoising posterior, and what annealing weighs.
fn composed<P: Pack>(hash: &mut Hash, count: u32) {
    let y: [P; 8] = core::array::from_fn(|i| P::constant(0.25 * i as f64 - 1.0));
    let mut posterior = Posterior::new(DoubleWell::<4, 2>, &y, P::constant(0.7));
    posterior.beta = P::constant(0.3);
    points::<P, _, 8, 10>(hash, count / 2, &posterior, 2.0);
    let reference = Gaussian { mean: y, standard_deviation: P::constant(1.5) };
    points::<P, _, 8, 10>(hash, count / 2, &Residual { target: DoubleWell::<4, 2>, reference }, 2.0);
}

pub const KERNELS: &[Kernel] = &[
    Kernel { name: "energy/mog40/f32", count: 512, run: mixture::<f32> },
    Kernel { name: "energy/mog40/lanes", count: 512, run: mixture::<Lanes<LANES>> },
    Kernel { name: "energy/mog40/f64", count: 128, run: mixture::<f64> },
    Kernel { name: "energy/mog40/convolved/f32", count: 512, run: convolved::<f32> },
    Kernel { name: "energy/mw32/f32", count: 2_000, run: wells::<f32> },
    Kernel { name: "energy/mw32/lanes", count: 2_000, run: wells::<Lanes<LANES>> },
    Kernel { name: "energy/mw32/f64", count: 2_000, run: wells::<f64> },
    Kernel { name: "energy/dw4/f32", count: 2_000, run: double_well::<f32> },
    Kernel { name: "energy/dw4/lanes", count: 2_000, run: double_well::<Lanes<LANES>> },
    Kernel { name: "energy/dw4/f64", count: 2_000, run: double_well::<f64> },
    Kernel { name: "energy/lj13/f32", count: 512, run: lennard_jones::<f32> },
    Kernel { name: "energy/lj13/lanes", count: 512, run: lennard_jones::<Lanes<LANES>> },
    Kernel { name: "energy/lj13/f64", count: 512, run: lennard_jones::<f64> },
    Kernel { name: "energy/lj13/once/smooth/f32", count: 512, run: lennard_jones_smooth::<f32> },
    Kernel { name: "energy/lj13/once/smooth/lanes", count: 512, run: lennard_jones_smooth::<Lanes<LANES>> },
    Kernel { name: "energy/lj55/f32", count: 32, run: lennard_jones_55::<f32> },
    Kernel { name: "energy/posterior-residual/f32", count: 512, run: composed::<f32> },
    Kernel { name: "energy/posterior-residual/lanes", count: 512, run: composed::<Lanes<LANES>> },
];
