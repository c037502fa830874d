//! Integrators, Markov kernels, annealing, step-size adaptation and importance weights.

use kiln_core::diffusion::Posterior;
use kiln_core::dynamics::annealing::{self, Particle, Residual};
use kiln_core::dynamics::{
    Info, Kernel as Mover, State, Workspace, hmc, importance, langevin, leapfrog, refresh, step_size,
};
use kiln_core::energy::{DoubleWell, Gaussian, LennardJones, ManyWell, Pairs, mog40};
use kiln_core::random::Randomness;
use kiln_core::symmetry::{MeanFree, Symmetry};
use kiln_core::{Energy, Lanes, Scalar, Vector, tensor};

use crate::Kernel;
use crate::hash::Hash;
use crate::pack::{LANES, Pack, Trace, chains, join, numbers};

/// An energy that is called, not inlined: it stands in many kernels, and firmware has to be built and stored.
pub struct Called<E>(pub E);

impl<P: Pack, E: Energy<P>> Energy<P> for Called<E> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    #[inline(never)]
    fn energy_and_gradient(&self, x: &[P], gradient: &mut [P]) -> P {
        self.0.energy_and_gradient(x, gradient)
    }
    #[inline(never)]
    fn energy(&self, x: &[P]) -> P {
        self.0.energy(x)
    }
    fn symmetry(&self) -> Symmetry {
        self.0.symmetry()
    }
}

/// A normal start of standard deviation `spread`, mean-free where the energy is.
fn start<P: Pack, E: Energy<P>, const N: usize>(rng: &mut P::Random, energy: &E, spread: f64) -> State<[P; N]> {
    let mut x = [P::zero(); N];
    MeanFree { rng, symmetry: energy.symmetry() }.fill_normal(&mut x);
    x.iter_mut().for_each(|x| *x *= P::constant(spread));
    State::new(energy, x)
}

const STEPS: usize = 20;

/// Twenty steps of a kernel; `M` is 2 N + 1 + 20.
fn run<P: Pack, E: Energy<P>, K: Mover<[P; N]>, const N: usize, const M: usize>(
    hash: &mut Hash,
    count: u32,
    energy: E,
    spread: f64,
    kernel: K,
) {
    const { assert!(M == 2 * N + 1 + STEPS, "a state and the acceptances") }
    let energy = Called(energy);
    chains::<P, M>(hash, count, |rng| {
        let mut state = start(rng, &energy, spread);
        let mut workspace = Workspace::new(&state.position);
        let mut acceptance = [P::zero(); STEPS];
        let (mut mask, mut evaluations) = (P::zero().lt(P::zero()), 0);
        let rng = &mut MeanFree { rng, symmetry: energy.symmetry() };
        for slot in &mut acceptance {
            let info: Info<P> = kernel.step(rng, &mut state, &energy, &mut workspace);
            *slot = info.acceptance + P::select(info.divergent, P::constant(2.0), P::zero());
            (mask, evaluations) = (info.accepted, evaluations + info.evaluations);
        }
        let numbers = join(&[&state.position, &state.gradient, &[state.energy], &acceptance]);
        Trace { numbers, mask, evaluations }
    });
}

/// ULA as a kernel.
struct Ula<P>(langevin::Params<P>);

impl<P: Scalar, V: Vector<Scalar = P>> Mover<V> for Ula<P> {
    fn step<R: Randomness<P>, E: Energy<P> + ?Sized>(
        &self,
        rng: &mut R,
        state: &mut State<V>,
        energy: &E,
        workspace: &mut Workspace<V>,
    ) -> Info<P> {
        langevin::ula_step(rng, state, &self.0, energy, workspace)
    }
}

fn mala<P: Pack>(h: f64) -> langevin::Params<P> {
    langevin::Params { step_size: P::constant(h) }
}

fn hmc<P: Pack>(h: f64, steps: u32) -> hmc::Params<P> {
    hmc::Params { step_size: P::constant(h), steps }
}

fn ula_mixture<P: Pack>(hash: &mut Hash, count: u32) {
    run::<P, _, _, 2, 25>(hash, count, mog40(), 20.0, Ula(mala(0.2)));
}

fn mala_wells<P: Pack>(hash: &mut Hash, count: u32) {
    run::<P, _, _, 32, 85>(hash, count, ManyWell::<32>, 1.5, mala(0.02));
}

fn mala_double_well<P: Pack>(hash: &mut Hash, count: u32) {
    run::<P, _, _, 8, 37>(hash, count, DoubleWell::<4, 2>, 2.0, mala(0.01));
}

/// Most start with overlapping particles: rejected and divergent proposals are hashed too.
fn mala_lennard_jones<P: Pack>(hash: &mut Hash, count: u32) {
    run::<P, _, _, 39, 99>(hash, count, LennardJones::<13, 3>::new(Pairs::Twice), 1.0, mala(1e-4));
}

fn hmc_double_well<P: Pack>(hash: &mut Hash, count: u32) {
    run::<P, _, _, 8, 37>(hash, count, DoubleWell::<4, 2>, 2.0, hmc(0.08, 4));
}

fn hmc_lennard_jones<P: Pack>(hash: &mut Hash, count: u32) {
    run::<P, _, _, 39, 99>(hash, count, LennardJones::<13, 3>::new(Pairs::Once).smooth(), 1.0, hmc(0.02, 3));
}

/// A hundred steps of one trajectory.
fn trajectory<P: Pack>(hash: &mut Hash, count: u32) {
    let energy = Called(DoubleWell::<4, 2>);
    let params = leapfrog::Params { step_size: P::constant(0.05), steps: 100 };
    chains::<P, 26>(hash, count, |rng| {
        let mut state = start::<P, _, 8>(rng, &energy, 2.0);
        let mut momentum = [P::zero(); 8];
        rng.fill_normal(&mut momentum);
        leapfrog::step(&mut state, &mut momentum, &params, &energy);
        let hamiltonian = leapfrog::hamiltonian(&state, &momentum);
        numbers(join(&[&state.position, &state.gradient, &momentum, &[state.energy, hamiltonian]]))
    });
}

const PAIRS: refresh::Params = refresh::Params { block: 2 };

/// Sweeps of coordinate refreshes of a posterior; `M` is N + 3.
fn sweeps<P: Pack, E: Energy<P>, const N: usize, const M: usize>(hash: &mut Hash, count: u32, energy: E, v: f64) {
    const { assert!(M == N + 3, "a position, an energy and what was accepted") }
    let energy = Called(energy);
    chains::<P, M>(hash, count, |rng| {
        let y = start::<P, _, N>(rng, &energy, 1.0).position;
        let posterior = Posterior::new(&energy, &y, P::constant(v));
        let mut state = State::new(&posterior, y);
        let mut workspace = Workspace::new(&y);
        let mut value = posterior.target_energy(&state);
        let rng = &mut MeanFree { rng, symmetry: energy.symmetry() };
        let mut out = [P::zero(); 2];
        let (mut mask, mut evaluations) = (P::zero().lt(P::zero()), 0);
        for slot in &mut out {
            let info = refresh::sweep(rng, &mut state, &mut value, &PAIRS, &posterior, &mut workspace);
            *slot = info.acceptance + P::select(info.divergent, P::constant(2.0), P::zero());
            (mask, evaluations) = (info.accepted, evaluations + info.evaluations);
        }
        Trace { numbers: join(&[&state.position, &[value], &out]), mask, evaluations }
    });
}

fn refresh_wells<P: Pack>(hash: &mut Hash, count: u32) {
    sweeps::<P, _, 32, 35>(hash, count, ManyWell::<32>, 0.8);
}

fn refresh_double_well<P: Pack>(hash: &mut Hash, count: u32) {
    sweeps::<P, _, 8, 11>(hash, count, DoubleWell::<4, 2>, 0.5);
}

/// Annealed importance sampling of MoG-40 from a wide Gaussian; MALA and HMC in turn.
fn anneal<P: Pack>(hash: &mut Hash, count: u32) {
    let reference = Gaussian { mean: [P::zero(); 2], standard_deviation: P::constant(25.0) };
    let target = Called(Residual { target: mog40(), reference });
    let mut particle = Particle::new(&reference.mean);
    let mut workspace = Workspace::new(&reference.mean);
    let trace = |Particle { state, log_weight }: &Particle<[P; 2]>, report: annealing::Report<P>| Trace {
        numbers: join(&[
            &state.position,
            &state.gradient,
            &[state.energy, *log_weight, report.acceptance, report.divergences],
        ]),
        mask: log_weight.is_finite(),
        evaluations: report.evaluations,
    };
    let langevin = annealing::Params { levels: 10, kernel: mala::<P>(2.0) };
    let hamiltonian = annealing::Params { levels: 5, kernel: hmc::<P>(0.5, 3) };
    let Gaussian { mean, standard_deviation } = reference;
    chains::<P, 8>(hash, count, |rng| {
        let report = annealing::run(rng, &mean, standard_deviation, &target, &langevin, &mut particle, &mut workspace);
        trace(&particle, report)
    });
    chains::<P, 8>(hash, count, |rng| {
        let report =
            annealing::run(rng, &mean, standard_deviation, &target, &hamiltonian, &mut particle, &mut workspace);
        trace(&particle, report)
    });
}

/// Step sizes that learn from MALA's acceptance.
fn adapt<P: Pack>(hash: &mut Hash, count: u32) {
    let energy = Called(ManyWell::<8>);
    chains::<P, 9>(hash, count, |rng| {
        let mut state = start::<P, _, 8>(rng, &energy, 1.5);
        let mut workspace = Workspace::new(&state.position);
        let mut step = step_size::init(P::constant(0.3));
        for _ in 0..30 {
            let params = langevin::Params { step_size: step.step_size };
            let info = langevin::step(rng, &mut state, &params, &energy, &mut workspace);
            step_size::step(&mut step, &step_size::Params::default(), info.acceptance);
        }
        numbers(join(&[&state.position, &[step.step_size]]))
    });
}

/// Weights, their effective sample size and one resampled particle.
fn weigh<P: Pack>(hash: &mut Hash, count: u32) {
    chains::<P, 21>(hash, count, |rng| {
        let mut weights = [P::zero(); 16];
        rng.fill_normal(&mut weights);
        weights.iter_mut().for_each(|w| *w *= P::constant(3.0));
        // One particle outside the domain.
        weights[5] = -P::one() / P::zero();
        let mut particles = [tensor::zeros::<P, 3>(); 16];
        particles.iter_mut().for_each(|particle| rng.fill_normal(particle));
        let summary = importance::normalise(&mut weights);
        let mut chosen = tensor::zeros();
        importance::resample(rng, &particles, &weights, &mut chosen);
        let learnt = [summary.log_mean_weight, summary.effective_sample_size];
        Trace { numbers: join(&[&weights, &chosen, &learnt]), mask: summary.degenerate, evaluations: 0 }
    });
}

pub const KERNELS: &[Kernel] = &[
    Kernel { name: "leapfrog/dw4/f32", count: 64, run: trajectory::<f32> },
    Kernel { name: "leapfrog/dw4/lanes", count: 64, run: trajectory::<Lanes<LANES>> },
    Kernel { name: "leapfrog/dw4/f64", count: 64, run: trajectory::<f64> },
    Kernel { name: "ula/mog40/f32", count: 32, run: ula_mixture::<f32> },
    Kernel { name: "ula/mog40/lanes", count: 32, run: ula_mixture::<Lanes<LANES>> },
    Kernel { name: "mala/mw32/f32", count: 64, run: mala_wells::<f32> },
    Kernel { name: "mala/mw32/lanes", count: 64, run: mala_wells::<Lanes<LANES>> },
    Kernel { name: "mala/mw32/f64", count: 64, run: mala_wells::<f64> },
    Kernel { name: "mala/dw4/f32", count: 64, run: mala_double_well::<f32> },
    Kernel { name: "mala/dw4/lanes", count: 64, run: mala_double_well::<Lanes<LANES>> },
    Kernel { name: "mala/lj13/f32", count: 32, run: mala_lennard_jones::<f32> },
    Kernel { name: "mala/lj13/lanes", count: 32, run: mala_lennard_jones::<Lanes<LANES>> },
    Kernel { name: "hmc/dw4/f32", count: 64, run: hmc_double_well::<f32> },
    Kernel { name: "hmc/dw4/lanes", count: 64, run: hmc_double_well::<Lanes<LANES>> },
    Kernel { name: "hmc/dw4/f64", count: 64, run: hmc_double_well::<f64> },
    Kernel { name: "hmc/lj13/smooth/f32", count: 16, run: hmc_lennard_jones::<f32> },
    Kernel { name: "refresh/mw32/f32", count: 64, run: refresh_wells::<f32> },
    Kernel { name: "refresh/mw32/lanes", count: 64, run: refresh_wells::<Lanes<LANES>> },
    Kernel { name: "refresh/dw4/f32", count: 64, run: refresh_double_well::<f32> },
    Kernel { name: "refresh/dw4/lanes", count: 64, run: refresh_double_well::<Lanes<LANES>> },
    Kernel { name: "ais/mog40/f32", count: 32, run: anneal::<f32> },
    Kernel { name: "ais/mog40/lanes", count: 32, run: anneal::<Lanes<LANES>> },
    Kernel { name: "step-size/f32", count: 64, run: adapt::<f32> },
    Kernel { name: "step-size/lanes", count: 64, run: adapt::<Lanes<LANES>> },
    Kernel { name: "importance/f32", count: 512, run: weigh::<f32> },
    Kernel { name: "importance/lanes", count: 512, run: weigh::<Lanes<LANES>> },
    Kernel { name: "importance/f64", count: 512, run: weigh::<f64> },
];
