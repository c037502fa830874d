//! Replica exchange (parallel tempering; Swendsen, Wang 1986; Geyer 1991) with Hamiltonian Monte Carlo: one replica a
//! temperature moves on E/T, neighbours exchange places with probability min(1, exp((1/T_i - 1/T_j)(E_i - E_j))), and
//! what the hottest learns of far places reaches temperature 1.
//!
//! A *ladder* is one such set of replicas, independent of all others; sixteen ladders run in the lanes of a pack, packs
//! on all cores. Ladder l draws from the stream (seed, reference, 2⁴⁰ + l) whatever thread it runs on. A *round* is
//! [`Exchange::trajectories`] trajectories of every replica and one attempt to exchange every other pair of neighbours.

use kiln_core::dynamics::{State, Workspace, count, hmc, step_size};
use kiln_core::random::{Purpose, Randomness, Streams};
use kiln_core::symmetry::{MeanFree, Symmetry, remove_mean};
use kiln_core::{Energy, Scalar, Vector};
use kiln_gpu::pack::{Interruptible, LANES, Pack, PackEnergy, Points, store};
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Streams of ladders begin here; below lie those of exact samples.
pub const LADDER_STREAMS: u64 = 1 << 40;
/// Acceptance that trajectories are adapted to: a little above the optimal 0.651 (Beskos et al. 2013), since step
/// sizes vary by a fifth.
const ACCEPTANCE: f64 = 0.7;
/// Each trajectory's step size is drawn evenly from 1 ± this, against periodic orbits (Neal 2011, section 5.4.2.2).
const JITTER: f64 = 0.2;
/// Steps of the descent from the random start, which moves the fastest coordinate by less and less.
const DESCENT: u32 = 500;

/// What one replica exchange is.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Every random number follows from it.
    pub seed: u64,
    /// Independent ladders, a multiple of [`LANES`].
    pub ladders: usize,
    /// Temperatures, rising from 1.
    pub temperatures: Vec<f64>,
    /// Leapfrog steps of a trajectory.
    pub leapfrog_steps: u32,
    /// Trajectories between two exchanges.
    pub trajectories: u32,
}

impl Exchange {
    /// Temperatures in equal ratios from 1 to `hottest`, close enough for `free` coordinates: the energies of
    /// neighbours must overlap, whose spread relative to their distance falls like 1/√free.
    pub fn temperatures(hottest: f64, free: usize) -> Vec<f64> {
        // The core's functions, whose bits are the same on every machine.
        let range = Scalar::ln(hottest);
        let steps = (range * (free as f64).sqrt()).ceil().max(1.0) as u32;
        (0..=steps).map(|k| Scalar::exp(range * f64::from(k) / f64::from(steps))).collect()
    }
}

/// What ladders did since they were last asked, by temperature or pair of neighbouring temperatures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// Sum of acceptance probabilities of trajectories.
    pub accepted: Vec<f64>,
    /// Sum of acceptance probabilities of exchanges.
    pub exchanged: Vec<f64>,
    /// Trajectories at each temperature.
    pub trajectories: u64,
    /// Attempts to exchange each pair.
    pub attempts: Vec<u64>,
    /// Trajectories whose energy was not finite.
    pub divergences: u64,
    /// Energy evaluations, all with gradient.
    pub evaluations: u64,
}

impl Counts {
    fn new(temperatures: usize) -> Self {
        let pairs = temperatures.saturating_sub(1);
        Self {
            accepted: vec![0.0; temperatures],
            exchanged: vec![0.0; pairs],
            attempts: vec![0; pairs],
            ..Self::default()
        }
    }

    /// Adds what others did.
    pub fn add(&mut self, other: &Self) {
        let sum = |a: &mut Vec<f64>, b: &[f64]| {
            a.resize(b.len(), 0.0);
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        };
        sum(&mut self.accepted, &other.accepted);
        sum(&mut self.exchanged, &other.exchanged);
        self.attempts.resize(other.attempts.len(), 0);
        self.attempts.iter_mut().zip(&other.attempts).for_each(|(a, b)| *a += b);
        self.trajectories += other.trajectories;
        self.divergences += other.divergences;
        self.evaluations += other.evaluations;
    }
}

/// Ladders of one energy. As soon as they are told to stop they evaluate no energy and make no round any more; what they
/// then hold is worth nothing.
pub struct Ladders<'a> {
    packs: Vec<LadderPack<'a>>,
    dim: usize,
    stop: &'a AtomicBool,
}

/// Sixteen ladders.
struct LadderPack<'a> {
    replicas: Vec<Replica<'a>>,
    rng: MeanFree<Streams<LANES>>,
    leapfrog_steps: u32,
    trajectories: u32,
    rounds: u64,
    counts: Counts,
    workspace: Workspace<Points>,
}

/// One temperature of sixteen ladders.
struct Replica<'a> {
    energy: Tempered<'a>,
    state: State<Points>,
    step: step_size::State<Pack>,
}

/// E/T.
struct Tempered<'a> {
    energy: Interruptible<'a>,
    /// 1/T.
    beta: Pack,
}

impl Energy<Pack> for Tempered<'_> {
    fn dim(&self) -> usize {
        self.energy.dim()
    }

    fn energy_and_gradient(&self, x: &[Pack], gradient: &mut [Pack]) -> Pack {
        let energy = self.energy.energy_and_gradient(x, gradient);
        gradient.iter_mut().for_each(|g| *g *= self.beta);
        self.beta * energy
    }

    fn energy(&self, x: &[Pack]) -> Pack {
        self.beta * self.energy.energy(x)
    }

    fn symmetry(&self) -> Symmetry {
        self.energy.symmetry()
    }
}

impl<'a> Ladders<'a> {
    /// Random starts, wider and narrower than any target of interest, each relaxed by a descent.
    pub fn start(energy: &'a PackEnergy<'a>, settings: &Exchange, stop: &'a AtomicBool) -> Self {
        let packs = 0..settings.ladders.div_ceil(LANES);
        let dim = energy.dim();
        let energy = Interruptible { energy, stop };
        let packs = packs.into_par_iter().map(|pack| LadderPack::start(energy, settings, pack)).collect();
        Self { packs, dim, stop }
    }

    /// Moves on, adapting every replica's step size. `tick` is called after every round of every pack.
    pub fn adapt(&mut self, rounds: usize, tick: &(dyn Fn() + Sync)) {
        let stop = self.stop;
        self.packs.par_iter_mut().for_each(|pack| {
            for _ in 0..rounds {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                pack.round();
                tick();
            }
        });
    }

    /// Gives all replicas of a temperature the median of their step sizes, for good, and returns these. From here on
    /// each ladder is a proper Markov chain.
    pub fn freeze(&mut self) -> Vec<f64> {
        let temperatures = self.packs.first().map_or(0, |pack| pack.replicas.len());
        let median = |k: usize| {
            let mut all: Vec<f32> = self.packs.iter().flat_map(|pack| pack.replicas[k].step.step_size.0).collect();
            all.sort_by(f32::total_cmp);
            all[all.len() / 2]
        };
        let steps: Vec<f32> = (0..temperatures).map(median).collect();
        for pack in &mut self.packs {
            for (replica, step) in pack.replicas.iter_mut().zip(&steps) {
                replica.step.step_size = Pack::splat(*step);
                replica.step.freeze();
            }
        }
        steps.into_iter().map(f64::from).collect()
    }

    /// Moves on and keeps each ladder's coldest replica every `thinning` rounds: (ladders, frames, dim).
    pub fn record(&mut self, frames: usize, thinning: usize, tick: &(dyn Fn() + Sync)) -> Vec<f32> {
        let (stop, dim) = (self.stop, self.dim);
        let mut all = vec![0.0; self.packs.len() * LANES * frames * dim];
        let of_packs = all.par_chunks_mut((LANES * frames * dim).max(1));
        self.packs.par_iter_mut().zip(of_packs).for_each(|(pack, all)| {
            let mut rows = vec![0.0; LANES * dim];
            for frame in 0..frames {
                for _ in 0..thinning {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    pack.round();
                    tick();
                }
                store(pack.replicas[0].state.position.as_slice(), &mut rows);
                for (lane, row) in rows.chunks_exact(dim).enumerate() {
                    all[(lane * frames + frame) * dim..][..dim].copy_from_slice(row);
                }
            }
        });
        all
    }

    /// What was done since this was last called.
    pub fn counts(&mut self) -> Counts {
        let mut total = Counts::default();
        for pack in &mut self.packs {
            let fresh = Counts::new(pack.replicas.len());
            total.add(&std::mem::replace(&mut pack.counts, fresh));
        }
        total
    }
}

impl<'a> LadderPack<'a> {
    fn start(energy: Interruptible<'a>, settings: &Exchange, pack: usize) -> Self {
        let index = |lane| LADDER_STREAMS + (pack * LANES + lane) as u64;
        let streams = Streams::new(settings.seed, Purpose::Reference, std::array::from_fn(index));
        let mut rng = MeanFree { rng: streams, symmetry: energy.symmetry() };
        let replica = |temperature: &f64| {
            let energy = Tempered { energy, beta: Pack::constant(1.0 / temperature) };
            let state = relaxed(&energy, &mut rng);
            Replica { energy, state, step: step_size::init(Pack::constant(0.01 * temperature.sqrt())) }
        };
        let replicas: Vec<_> = settings.temperatures.iter().map(replica).collect();
        let mut counts = Counts::new(replicas.len());
        counts.evaluations = (LANES * replicas.len()) as u64 * u64::from(DESCENT + 1);
        let Exchange { leapfrog_steps, trajectories, .. } = *settings;
        let workspace = Workspace::new(&Points::zeros(energy.dim()));
        Self { replicas, rng, leapfrog_steps, trajectories, rounds: 0, counts, workspace }
    }

    fn round(&mut self) {
        let adaptation = step_size::Params { target_acceptance: ACCEPTANCE, ..step_size::Params::default() };
        let (low, width) = (Pack::constant(1.0 - JITTER), Pack::constant(2.0 * JITTER));
        for (replica, accepted) in self.replicas.iter_mut().zip(&mut self.counts.accepted) {
            for _ in 0..self.trajectories {
                let step_size = replica.step.step_size * (low + width * self.rng.uniform());
                let params = hmc::Params { step_size, steps: self.leapfrog_steps };
                let Replica { state, energy, .. } = &mut *replica;
                let info = hmc::step(&mut self.rng, state, &params, energy, &mut self.workspace);
                step_size::step(&mut replica.step, &adaptation, info.acceptance);
                *accepted += sum(info.acceptance);
                self.counts.divergences += u64::from(count(info.divergent, LANES));
                self.counts.evaluations += LANES as u64 * u64::from(info.evaluations);
            }
            // Rounding moves the mean by 10⁻⁷ a step; over a long chain that would add up.
            remove_mean(self.rng.symmetry, replica.state.position.as_mut_slice());
        }
        self.counts.trajectories += LANES as u64 * u64::from(self.trajectories);
        self.exchange();
        self.rounds += 1;
    }

    /// Tries to exchange pairs (0, 1), (2, 3), … in even rounds and (1, 2), (3, 4), … in odd ones.
    fn exchange(&mut self) {
        let first = (self.rounds % 2) as usize;
        for (pair, two) in self.replicas[first..].chunks_exact_mut(2).enumerate() {
            let [cold, hot] = two else { continue };
            let (b, c) = (cold.energy.beta, hot.energy.beta);
            let log_ratio = (b - c) * (cold.state.energy / b - hot.state.energy / c);
            let probability = log_ratio.min(Pack::constant(0.0)).exp();
            let taken = self.rng.uniform().lt(probability) & log_ratio.is_finite();
            exchange(taken, &mut cold.state, b / c, &mut hot.state, c / b);
            self.counts.exchanged[first + 2 * pair] += sum(probability);
            self.counts.attempts[first + 2 * pair] += LANES as u64;
        }
    }
}

/// Two states change places where the mask holds; energies and gradients are scaled to the temperatures they arrive at.
fn exchange(mask: <Pack as Scalar>::Mask, cold: &mut State<Points>, down: Pack, hot: &mut State<Points>, up: Pack) {
    let swap = |a: &mut Pack, to_a: Pack, b: &mut Pack, to_b: Pack| {
        (*a, *b) = (Pack::select(mask, to_a * *b, *a), Pack::select(mask, to_b * *a, *b));
    };
    let [a, b] = [&mut *cold, &mut *hot].map(|state| state.position.as_mut_slice());
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (Pack::select(mask, *b, *a), Pack::select(mask, *a, *b));
    }
    let [a, b] = [&mut *cold, &mut *hot].map(|state| state.gradient.as_mut_slice());
    a.iter_mut().zip(b).for_each(|(a, b)| swap(a, down, b, up));
    swap(&mut cold.energy, down, &mut hot.energy, up);
}

/// The sum over lanes.
fn sum(pack: Pack) -> f64 {
    pack.0.iter().map(|x| f64::from(*x)).sum()
}

/// A normal start of random width between 1/2 and 4, then a descent along the gradient whose fastest coordinate moves
/// by 0.2, falling to 0.002. Where the energy is not finite, a random step is taken instead.
fn relaxed<R: Randomness<Pack>>(energy: &Tempered<'_>, rng: &mut R) -> State<Points> {
    let mut position = Points::zeros(energy.dim());
    rng.fill_normal(position.as_mut_slice());
    let width = (Pack::constant(8.0).ln() * rng.uniform()).exp() * Pack::constant(0.5);
    position.as_mut_slice().iter_mut().for_each(|x| *x *= width);
    let mut noise = position.clone();
    let mut state = State::new(energy, position);
    for k in 0..DESCENT {
        let reach = Pack::constant(0.2 * Scalar::exp(Scalar::ln(0.01) * f64::from(k) / f64::from(DESCENT)));
        rng.fill_normal(noise.as_mut_slice());
        let gradient = state.gradient.as_slice();
        let fastest = gradient.iter().fold(Pack::constant(1e-6), |most, g| most.max(g.abs()));
        let finite = state.energy.is_finite() & fastest.is_finite();
        let moves = gradient.iter().zip(noise.as_slice());
        for (x, (gradient, noise)) in state.position.as_mut_slice().iter_mut().zip(moves) {
            let downhill = -(*gradient / fastest);
            *x += reach * Pack::select(finite, downhill, *noise);
        }
        state.evaluate(energy);
    }
    state
}
