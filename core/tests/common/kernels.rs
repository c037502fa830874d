//! The registry of Markov kernels, all as kernels on a [`Posterior`], and deliberately wrong twins.

use kiln_core::diffusion::Posterior;
use kiln_core::dynamics::{self, Info, State, Workspace, hmc, langevin, refresh};
use kiln_core::random::{Purpose, Randomness, Stream, Streams};
use kiln_core::{Energy, Lanes, Scalar, Vector};

use super::by_value;

/// A Markov kernel whose moves have a length h: leapfrog's step, or the √(2h) of Langevin dynamics.
pub trait Move {
    const NAME: &'static str;
    /// Whether it leaves the posterior invariant.
    const EXACT: bool;
    fn step<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S>>(
        rng: &mut R,
        state: &mut State<V>,
        length: f64,
        posterior: &Posterior<'_, E, V>,
        workspace: &mut Workspace<V>,
    ) -> Info<S>;
}

pub trait MoveVisitor {
    fn visit<M: Move>(&mut self);
}

pub fn every_kernel(visitor: &mut impl MoveVisitor) {
    visitor.visit::<Ula>();
    visitor.visit::<Mala>();
    visitor.visit::<Hmc>();
    visitor.visit::<Refresh>();
}

fn langevin_params<S: Scalar>(length: f64) -> langevin::Params<S> {
    langevin::Params { step_size: S::constant(0.5 * length * length) }
}

pub struct Ula;
impl Move for Ula {
    const NAME: &'static str = "ULA";
    const EXACT: bool = false;
    fn step<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S>>(
        rng: &mut R,
        state: &mut State<V>,
        length: f64,
        posterior: &Posterior<'_, E, V>,
        workspace: &mut Workspace<V>,
    ) -> Info<S> {
        langevin::ula_step(rng, state, &langevin_params(length), posterior, workspace)
    }
}

pub struct Mala;
impl Move for Mala {
    const NAME: &'static str = "MALA";
    const EXACT: bool = true;
    fn step<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S>>(
        rng: &mut R,
        state: &mut State<V>,
        length: f64,
        posterior: &Posterior<'_, E, V>,
        workspace: &mut Workspace<V>,
    ) -> Info<S> {
        langevin::step(rng, state, &langevin_params(length), posterior, workspace)
    }
}

pub struct Hmc;
impl Move for Hmc {
    const NAME: &'static str = "HMC";
    const EXACT: bool = true;
    fn step<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S>>(
        rng: &mut R,
        state: &mut State<V>,
        length: f64,
        posterior: &Posterior<'_, E, V>,
        workspace: &mut Workspace<V>,
    ) -> Info<S> {
        hmc::step(rng, state, &hmc::Params { step_size: S::constant(length), steps: 3 }, posterior, workspace)
    }
}

pub struct Refresh;
impl Move for Refresh {
    const NAME: &'static str = "refresh";
    const EXACT: bool = true;
    fn step<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S>>(
        rng: &mut R,
        state: &mut State<V>,
        _length: f64,
        posterior: &Posterior<'_, E, V>,
        workspace: &mut Workspace<V>,
    ) -> Info<S> {
        let mut energy = posterior.target.energy(state.position.as_slice());
        let info = refresh::sweep(rng, state, &mut energy, &refresh::Params { block: 1 }, posterior, workspace);
        state.evaluate(posterior);
        info
    }
}

/// Wrong on purpose: MALA without Hastings' correction for its asymmetric proposal.
pub struct MalaWithoutCorrection;
impl Move for MalaWithoutCorrection {
    const NAME: &'static str = "MALA without correction";
    const EXACT: bool = false;
    fn step<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S>>(
        rng: &mut R,
        state: &mut State<V>,
        length: f64,
        posterior: &Posterior<'_, E, V>,
        workspace: &mut Workspace<V>,
    ) -> Info<S> {
        let before = state.clone();
        let mut info = langevin::ula_step(rng, state, &langevin_params(length), posterior, workspace);
        info.acceptance = (before.energy - state.energy).min(S::zero()).exp();
        info.accepted = rng.uniform().lt(info.acceptance);
        state.take(!info.accepted, &before);
        info
    }
}

/// What many independent chains did.
pub struct Chains<const N: usize> {
    pub start: Vec<[f64; N]>,
    pub end: Vec<[f64; N]>,
    pub acceptance: f64,
    pub accepted: f64,
    pub divergences: u64,
}

/// `count` independent chains (a multiple of 16) of `steps` steps each, in packs of 16 lanes.
pub fn chains<M: Move, E: Energy<Lanes<16>>, const N: usize>(
    posterior: &Posterior<'_, E, [Lanes<16>; N]>,
    length: f64,
    (count, steps): (u64, u32),
    mut start: impl FnMut(&mut Stream) -> [f64; N],
) -> Chains<N> {
    let mut out = Chains { start: Vec::new(), end: Vec::new(), acceptance: 0.0, accepted: 0.0, divergences: 0 };
    for pack in 0..count / 16 {
        let first = pack * 16;
        let points: [[f64; N]; 16] =
            core::array::from_fn(|i| start(&mut Stream::new(1, Purpose::Reference, first + i as u64)));
        let position = core::array::from_fn(|j| Lanes(core::array::from_fn(|i| points[i][j] as f32)));
        let mut rng = Streams::new(2, Purpose::Test, core::array::from_fn(|i| first + i as u64));
        let (mut state, mut workspace) = by_value::start(posterior, position);
        for _ in 0..steps {
            let info = M::step(&mut rng, &mut state, length, posterior, &mut workspace);
            out.acceptance += info.acceptance.0.iter().map(|a| f64::from(*a)).sum::<f64>();
            out.divergences += u64::from(dynamics::count(info.divergent, 16));
            out.accepted += f64::from(dynamics::count(info.accepted, 16));
        }
        out.start.extend(points);
        out.end.extend((0..16).map(|i| core::array::from_fn(|j| state.position[j].lane_f64(i))));
    }
    let total = (count * u64::from(steps)) as f64;
    out.acceptance /= total;
    out.accepted /= total;
    out
}
