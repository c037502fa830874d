//! Ladders of replicas between a reference and the target (parallel tempering on a path: U_β = β E + (1 - β) q, q = -log of
//! the reference's density). Replicas move by Hamiltonian trajectories and by refreshes of small blocks; neighbours exchange
//! places; at β = 0 every round is a fresh exact draw. Ladder l draws from the stream (seed, exploration, l), whatever thread it
//! runs on, and ladders never meet: what they agree on they found independently.

use crate::plan::{DECADES, LONGER, Plan, Tally};
use crate::reference::Reference;
use crate::refresh::BlockProposal;
use crate::row::Row;
use crate::whitened::{Scratch, Whitened};
use kiln_core::dynamics::{State, Workspace, hmc};
use kiln_core::random::{Randomness, Stream};

/// A trajectory that is accepted more rarely is blocked.
const BLOCKED: f64 = 0.01;
/// So many in a row are no chance: the state sits where the step is too long.
const IN_A_ROW: u32 = 6;
/// All steps vary by this much, against periodic orbits.
const JITTER: f64 = 0.2;

/// One rung of one ladder: where it is, with the energy itself.
#[derive(Debug, Clone)]
struct Replica {
    /// u, ∇E(u), E(u).
    state: State<Row>,
    /// -log of the reference's density, and its gradient.
    reference: (f64, Vec<f64>),
}

/// What a ladder left behind in some rounds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// The coldest rung's u, round by round.
    pub cold: Vec<f64>,
    /// Its energy.
    pub energies: Vec<f64>,
    /// u of a warm rung, round by round: it sees modes that the coldest has not seen yet.
    pub warm: Vec<f64>,
    /// q - E of every rung, round by round.
    pub values: Vec<f64>,
}

/// One ladder.
#[derive(Debug, Clone)]
pub struct Ladder {
    replicas: Vec<Replica>,
    /// Whether what stands at a rung was last at the hot end (1), the cold end (-1), or neither.
    heading: Vec<i8>,
    stream: Stream,
    rounds: u64,
    /// Blocked trajectories of the coldest rung in a row.
    blocked: u32,
    work: State<Row>,
    workspace: Workspace<Row>,
    scratch: Scratch,
    by_reference: Vec<f64>,
}

/// β a + (1 - β) b into a.
fn mix(beta: f64, a: &mut [f64], b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a = beta * *a + (1.0 - beta) * b);
}

impl Ladder {
    /// Replicas that stand at these places, one a rung.
    pub async fn new(energy: &Whitened<'_>, reference: &Reference, places: &[Vec<f64>], stream: Stream) -> Self {
        let free = energy.frame.free();
        let mut scratch = Scratch::new(energy.frame.dim());
        let mut replicas = Vec::with_capacity(places.len());
        for u in places {
            let mut state = State { position: Row(u.clone()), gradient: Row::zeros(free), energy: 0.0 };
            state.energy = energy.evaluate(u, &mut state.gradient.0, &mut scratch).await;
            let mut replica = Replica { state, reference: (0.0, vec![0.0; free]) };
            replica.refer(reference);
            replicas.push(replica);
        }
        let zero = Row::zeros(free);
        let work = State { position: zero.clone(), gradient: zero.clone(), energy: 0.0 };
        let heading = vec![0; replicas.len()];
        Self {
            replicas,
            heading,
            stream,
            rounds: 0,
            blocked: 0,
            work,
            workspace: Workspace::new(&zero),
            scratch,
            by_reference: vec![0.0; free],
        }
    }

    /// Rounds so far.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Where the rungs stand.
    pub fn places(&self) -> impl Iterator<Item = &[f64]> {
        self.replicas.iter().map(|replica| &*replica.state.position.0)
    }

    /// Rungs for other βs: each takes the place of the old rung with this number, with its energy.
    pub fn rearranged(self, places: &[usize]) -> Self {
        let replicas = places.iter().map(|at| self.replicas[*at].clone()).collect();
        Self { replicas, heading: vec![0; places.len()], ..self }
    }

    /// One round. What is kept of it goes to `trace`.
    pub async fn round(&mut self, plan: &Plan, energy: &Whitened<'_>, tally: &mut Tally, trace: Option<&mut Trace>) {
        let last = plan.betas.len() - 1;
        for (rung, beta) in plan.betas.iter().enumerate() {
            if *beta == 0.0 {
                self.redraw(rung, plan, energy).await;
                continue;
            }
            let lengths = if rung == last { plan.cold_lengths } else { plan.lengths };
            self.travel(rung, lengths, plan, energy, tally).await;
        }
        for (at, block) in plan.blocks.iter().enumerate() {
            let probability = self.refresh(last, block, plan, energy).await;
            tally.refreshed[at] = [tally.refreshed[at][0] + probability, tally.refreshed[at][1] + 1.0];
        }
        for _ in 0..plan.jumps {
            let probability = self.jump(last, plan, energy).await;
            tally.jumped = [tally.jumped[0] + probability, tally.jumped[1] + 1.0];
        }
        self.exchange(plan, tally);
        tally.trips += self.turn();
        self.rounds += 1;
        if let Some(trace) = trace {
            let cold = &self.replicas[last].state;
            trace.cold.extend_from_slice(&cold.position.0);
            trace.energies.push(cold.energy);
            if let Some(rung) = plan.warm_rung() {
                let warm = &self.replicas[rung].state;
                trace.warm.extend_from_slice(&warm.position.0);
            }
            trace.values.extend(self.replicas.iter().map(Replica::value));
        }
    }

    /// A fresh draw of the reference.
    async fn redraw(&mut self, rung: usize, plan: &Plan, energy: &Whitened<'_>) {
        let replica = &mut self.replicas[rung];
        plan.reference.draw(&mut self.stream, &mut replica.state.position.0);
        let State { position, gradient, energy: value } = &mut replica.state;
        *value = energy.evaluate(&position.0, &mut gradient.0, &mut self.scratch).await;
        replica.refer(&plan.reference);
    }

    /// One Hamiltonian trajectory.
    async fn travel(&mut self, rung: usize, lengths: [u32; 2], plan: &Plan, energy: &Whitened<'_>, tally: &mut Tally) {
        let beta = plan.betas[rung];
        let uniform = |stream: &mut Stream| -> f64 { stream.uniform() };
        let [least, most] = lengths.map(f64::from);
        let steps = (least * (most / least).powf(uniform(&mut self.stream))).round() as u32;
        let [varied, short, decades] = std::array::from_fn(|_| uniform(&mut self.stream));
        let full = short >= plan.short;
        let factor = if full { 1.0 } else { 10.0_f64.powf(-DECADES * decades) };
        let is_coldest = rung + 1 == plan.betas.len();
        let steps =
            if is_coldest && plan.necks { (f64::from(steps) * factor.powf(-LONGER)).round() as u32 } else { steps };
        let step_size = plan.steps[rung] * factor * (1.0 + JITTER * (2.0 * varied - 1.0));
        let Self { replicas, stream, work, workspace, scratch, by_reference, .. } = self;
        let replica = &mut replicas[rung];
        work.copy_from(&replica.state);
        mix(beta, &mut work.gradient.0, &replica.reference.1);
        work.energy = replica.at(beta);
        let before = hmc::begin(stream, work, workspace);
        for _ in 0..steps {
            let point = hmc::to_point(step_size, workspace);
            point.energy = energy.evaluate(&point.position.0, &mut point.gradient.0, scratch).await;
            if beta < 1.0 {
                let q = plan.reference.energy_and_gradient(&point.position.0, by_reference);
                mix(beta, &mut point.gradient.0, by_reference);
                point.energy = beta * point.energy + (1.0 - beta) * q;
            }
            hmc::past_point(step_size, workspace);
        }
        let info = hmc::end(stream, work, before, steps, workspace);
        if full && is_coldest {
            self.blocked = if info.acceptance < BLOCKED { self.blocked + 1 } else { 0 };
            let blocked = f64::from(u8::from(self.blocked >= IN_A_ROW));
            tally.blocked = [tally.blocked[0] + blocked, tally.blocked[1] + 1.0];
        }
        if full {
            tally.accepted[rung] = [tally.accepted[rung][0] + info.acceptance, tally.accepted[rung][1] + 1.0];
        }
        if info.accepted {
            replica.state.copy_from(work);
            replica.refer(&plan.reference);
            let (q, by_reference) = &replica.reference;
            replica.state.energy = (work.energy - (1.0 - beta) * q) / beta;
            let gradients = replica.state.gradient.0.iter_mut().zip(by_reference);
            gradients.for_each(|(g, q)| *g = (*g - (1.0 - beta) * q) / beta);
        }
    }

    /// Proposes a draw of the reference; the probability of taking it.
    async fn jump(&mut self, rung: usize, plan: &Plan, energy: &Whitened<'_>) -> f64 {
        let Self { replicas, stream, work, scratch, by_reference, .. } = self;
        let replica = &mut replicas[rung];
        plan.reference.draw(stream, &mut work.position.0);
        work.energy = energy.evaluate(&work.position.0, &mut work.gradient.0, scratch).await;
        let q = plan.reference.energy_and_gradient(&work.position.0, by_reference);
        let log_ratio = plan.betas[rung] * (q - work.energy - replica.value());
        let probability = if log_ratio.is_nan() { 0.0 } else { log_ratio.min(0.0).exp() };
        let uniform: f64 = stream.uniform();
        if uniform < probability {
            replica.state.copy_from(work);
            replica.reference.0 = q;
            replica.reference.1.copy_from_slice(by_reference);
        }
        probability
    }

    /// Proposes a block anew; the probability of taking it.
    async fn refresh(&mut self, rung: usize, block: &BlockProposal, plan: &Plan, energy: &Whitened<'_>) -> f64 {
        let Self { replicas, stream, work, scratch, by_reference, .. } = self;
        let replica = &mut replicas[rung];
        let beta = plan.betas[rung];
        let mut values = [0.0; crate::refresh::LARGEST_BLOCK];
        let values = &mut values[..block.coordinates.len()];
        energy.frame.place(&replica.state.position.0, &mut scratch.y);
        values.iter_mut().zip(&block.coordinates).for_each(|(value, at)| *value = scratch.y[*at]);
        let before = block.log_density(values);
        block.draw(stream, values);
        let after = block.log_density(values);
        block.coordinates.iter().zip(&*values).for_each(|(at, value)| scratch.y[*at] = *value);
        energy.frame.unplace(&scratch.y, &mut work.position.0);
        work.energy = energy.evaluate(&work.position.0, &mut work.gradient.0, scratch).await;
        let proposed = if beta < 1.0 {
            let q = plan.reference.energy_and_gradient(&work.position.0, by_reference);
            beta * work.energy + (1.0 - beta) * q
        } else {
            work.energy
        };
        let log_ratio = replica.at(beta) - proposed + before - after;
        let probability = if log_ratio.is_finite() { log_ratio.min(0.0).exp() } else { 0.0 };
        let uniform: f64 = stream.uniform();
        if uniform < probability {
            replica.state.copy_from(work);
            replica.refer(&plan.reference);
        }
        probability
    }

    /// Tries to exchange every other pair of neighbours.
    fn exchange(&mut self, plan: &Plan, tally: &mut Tally) {
        let first = (self.rounds % 2) as usize;
        for low in (first..plan.betas.len().saturating_sub(1)).step_by(2) {
            let (hot, cold) = (&self.replicas[low], &self.replicas[low + 1]);
            let log_ratio = (plan.betas[low] - plan.betas[low + 1]) * (cold.value() - hot.value());
            let probability = if log_ratio.is_nan() { 0.0 } else { log_ratio.min(0.0).exp() };
            let uniform: f64 = self.stream.uniform();
            tally.rejected[low] = [tally.rejected[low][0] + 1.0 - probability, tally.rejected[low][1] + 1.0];
            if uniform < probability {
                self.replicas.swap(low, low + 1);
                self.heading.swap(low, low + 1);
            }
        }
    }

    /// Marks who is at the ends; how many came all the way from hot to cold.
    fn turn(&mut self) -> u64 {
        let last = self.heading.len() - 1;
        if last == 0 {
            return 0;
        }
        self.heading[0] = 1;
        let arrived = self.heading[last] == 1;
        self.heading[last] = -1;
        u64::from(arrived)
    }
}

impl Replica {
    /// U_β.
    fn at(&self, beta: f64) -> f64 {
        if beta >= 1.0 { self.state.energy } else { beta * self.state.energy + (1.0 - beta) * self.reference.0 }
    }

    /// q - E.
    fn value(&self) -> f64 {
        self.reference.0 - self.state.energy
    }

    fn refer(&mut self, reference: &Reference) {
        self.reference.0 = reference.energy_and_gradient(&self.state.position.0, &mut self.reference.1);
    }
}
