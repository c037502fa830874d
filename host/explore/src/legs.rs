//! The parts that an exploration is made of: ladders at given places, tuned, moved for a share of the budget, and what is
//! fitted to the states they leave.

use crate::counted::Counted;
use crate::ensemble::{Ensemble, Record};
use crate::exploration::{News, Settings};
use crate::ladder::Ladder;
use crate::plan::{Plan, rate};
use crate::pool::Pool;
use crate::probe::blocks;
use crate::reference::Reference;
use crate::refresh::{BlockProposal, LARGEST_BLOCK};
use crate::refusal::Refusal;
use crate::reinforce::{PENALTY, reinforced};
use crate::scout::Scouted;
use crate::whitened::{Scratch, Whitened};
use kiln_core::random::{Purpose, Stream};
use kiln_core::symmetry::Symmetry;
use kiln_metrics::gaussians::{Fit, FitOptions};
use std::sync::atomic::{AtomicBool, Ordering};

/// The first reference is this wide, in units of the scouts' widths, and so is the wide part of later ones.
pub const BROAD: f64 = 4.0;
/// A fitted reference is wider than its states, and has a part that is much wider.
const INFLATION: f64 = 1.2;
const BROAD_SHARE: f64 = 0.05;
/// What tuning may take of the budget.
const TUNING: f64 = 0.1;
/// Six standard deviations of a trajectory's length in units of its mean, without necks and with them.
const SPREAD: [f64; 2] = [2.0, 8.0];
/// Rounds between two looks at `stop`.
const PART: usize = 16;
/// States whose blocks' energies are evaluated at most, and what that may take of the budget.
const LOOKED_AT: usize = 12_000;
const BLOCK_ENERGIES: f64 = 0.005;
/// Refreshes that are taken more rarely are left out.
const USEFUL: f64 = 0.02;
/// Points at which interactions are looked for: where scouts stand, and half-way between two of them.
const WITHIN: usize = 3;
const BETWEEN: usize = 8;
/// Most coordinates whose interactions are looked for.
const MOST_COORDINATES: usize = 256;
/// Streams of fits, beside those of ladders.
const FITS: u64 = 4 << 40;

/// What the parts share.
pub struct Explorer<'a> {
    /// The energy.
    pub energy: &'a Counted<'a>,
    /// What is asked.
    pub settings: &'a Settings,
    /// Ladders.
    pub chains: usize,
    /// Set when the person stops it.
    pub stop: &'a AtomicBool,
    /// Is told what is done and the evaluations so far.
    pub watch: &'a (dyn Fn(News<'_>) + Sync),
    /// Streams of ladders and of fits that were given away.
    pub given: [u64; 2],
    /// What a larger budget would have done too.
    pub left_out: Vec<String>,
}

/// States u with their energies, ladder by ladder.
#[derive(Debug, Clone, Default)]
pub struct States {
    /// Places.
    pub places: Vec<Vec<f64>>,
    /// E(u).
    pub energies: Vec<f64>,
}

impl States {
    /// Adds others.
    pub fn extend(&mut self, others: Self) {
        self.places.extend(others.places);
        self.energies.extend(others.energies);
    }
}

impl Explorer<'_> {
    /// Says what is done.
    pub fn tell(&self, what: &str) {
        (self.watch)(News::Doing(what, self.energy.evaluations()));
    }

    /// Ends where the person wants it.
    pub fn go_on(&self) -> Result<(), Refusal> {
        if self.stop.load(Ordering::Relaxed) { Err(Refusal::interrupted()) } else { Ok(()) }
    }

    /// Evaluations that are left.
    pub fn left(&self) -> f64 {
        self.settings.evaluations.saturating_sub(self.energy.evaluations()) as f64
    }

    /// A share of the whole budget.
    pub fn share(&self, share: f64) -> f64 {
        share * self.settings.evaluations as f64
    }

    /// Rounds of all ladders that so many evaluations buy for certain: lengths are drawn.
    pub fn rounds(&self, plan: &Plan, evaluations: f64) -> usize {
        let (each, chains) = (plan.cost(), self.chains as f64);
        // r rounds of n chains: c r n on average, and up to `SPREAD` c √(r n) more.
        let spread = 0.5 * SPREAD[usize::from(plan.necks)];
        let most = evaluations.max(0.0) / each;
        let root = (spread * spread + most).sqrt() - spread;
        (root * root / chains) as usize
    }

    /// The streams of the next ladders; the same whatever was drawn before.
    fn streams(&mut self) -> u64 {
        self.given[0] += 1;
        self.given[0] << 20
    }

    /// The stream of the next fit.
    fn fit_stream(&mut self) -> Stream {
        self.given[1] += 1;
        Stream::new(self.settings.seed, Purpose::Exploration, FITS + self.given[1])
    }

    /// u of a free y.
    pub fn whiten(&self, whitened: &Whitened<'_>, y: &[f64]) -> Vec<f64> {
        let mut u = vec![0.0; whitened.frame.free()];
        whitened.frame.unplace(y, &mut u);
        u
    }

    /// The free y of states, one after another.
    pub fn free_rows(&self, whitened: &Whitened<'_>, places: &[Vec<f64>]) -> Vec<f64> {
        let mut y = vec![0.0; whitened.frame.dim()];
        let mut rows = Vec::with_capacity(places.len() * y.len());
        for u in places {
            whitened.frame.place(u, &mut y);
            rows.extend_from_slice(&y);
        }
        rows
    }

    /// Blocks that are small enough to be refreshed, where coordinates fall apart.
    pub fn blocks(&mut self, scouted: &Scouted) -> Vec<Vec<usize>> {
        let dim = self.energy.dim();
        let costly = (dim as u64 + 1) * 100 > self.settings.evaluations;
        if self.energy.symmetry() != Symmetry::None {
            return Vec::new();
        }
        if dim > MOST_COORDINATES || costly {
            self.left_out.push("nobody looked for coordinates that do not interact".into());
            return Vec::new();
        }
        // Within one mode of a mixture coordinates look apart; half-way between two they do not.
        let half_way = |at: usize| -> Vec<f64> {
            let other = &scouted.places[(at + scouted.places.len() / 2) % scouted.places.len()];
            scouted.places[at].iter().zip(other).map(|(a, b)| 0.5 * (a + b)).collect()
        };
        let between = (0..BETWEEN.min(scouted.places.len())).map(half_way);
        let points: Vec<Vec<f64>> = scouted.places.iter().take(WITHIN).cloned().chain(between).collect();
        let n = scouted.places.len() as f64;
        let width = |k: usize| {
            let mean = scouted.places.iter().map(|y| y[k]).sum::<f64>() / n;
            (scouted.places.iter().map(|y| (y[k] - mean).powi(2)).sum::<f64>() / n).sqrt().max(1e-6)
        };
        let widths: Vec<f64> = (0..dim).map(width).collect();
        let all = blocks(self.energy, &self.settings.bounds, &points, &widths);
        all.into_iter().filter(|block| block.len() <= LARGEST_BLOCK).collect()
    }

    /// Ladders of a plan. The two coldest rungs stand at these places; the others too, or at draws of the reference.
    pub fn ladders(&mut self, plan: Plan, whitened: &Whitened<'_>, places: &[Vec<f64>], drawn: bool) -> Ensemble {
        let (first, rungs) = (self.streams(), plan.betas.len());
        let ladder = async |at: usize, ()| {
            let mut stream = Stream::new(self.settings.seed, Purpose::Exploration, first + at as u64);
            let stand = |rung: usize| {
                let mut u = places[at % places.len()].clone();
                if drawn && rung + 2 < rungs {
                    plan.reference.draw(&mut stream, &mut u);
                }
                u
            };
            let stands: Vec<Vec<f64>> = (0..rungs).map(stand).collect();
            Ladder::new(whitened, &plan.reference, &stands, stream).await
        };
        let ladders = self.energy.each(vec![(); self.chains], ladder);
        Ensemble { plan, ladders, every: 1 }
    }

    /// Tunes steps and βs, longer each time.
    pub fn tune(&self, ensemble: &mut Ensemble, whitened: &Whitened<'_>, rounds: &[usize]) -> Result<(), Refusal> {
        let begun = self.energy.evaluations();
        for rounds in rounds {
            let spent = (self.energy.evaluations() - begun) as f64;
            let rounds = (*rounds).min(self.rounds(&ensemble.plan, self.share(TUNING) - spent));
            if rounds < 2 {
                break;
            }
            let tally = ensemble.tune_steps(whitened, rounds, self.stop);
            self.go_on()?;
            self.tell("tuning the ladder");
            ensemble.retune(&tally);
        }
        Ok(())
    }

    /// Keeps fewer rounds where all of them would take too much memory.
    pub fn thin(&self, ensemble: &mut Ensemble, rounds: usize, free: usize) {
        ensemble.every = (rounds * self.chains * free).div_ceil(self.settings.numbers(free)).max(1) as u64;
    }

    /// Moves on for so many rounds and keeps them.
    pub fn advance(
        &self,
        ensemble: &mut Ensemble,
        whitened: &Whitened<'_>,
        rounds: usize,
        what: &str,
    ) -> Result<Record, Refusal> {
        let (mut record, mut rest) = (Record::default(), rounds);
        while rest > 0 {
            let part = rest.min(PART);
            record.append(ensemble.advance(whitened, part, true, self.stop));
            self.go_on()?;
            self.tell(what);
            rest -= part;
        }
        Ok(record)
    }

    /// The coldest states of a leg without its first third.
    pub fn settled(&self, record: &Record, free: usize) -> States {
        let first = record.frames() / 3;
        let mut states = States::default();
        for trace in &record.traces {
            states.places.extend(trace.cold.chunks_exact(free).skip(first).map(<[f64]>::to_vec));
            states.energies.extend(trace.energies.iter().skip(first));
        }
        states
    }

    /// Places of the warm rung in a leg, spread evenly over all ladders and rounds, at most so many.
    pub fn warm(&self, record: &Record, free: usize, most: usize) -> Vec<Vec<f64>> {
        let all: Vec<&[f64]> = record.traces.iter().flat_map(|trace| trace.warm.chunks_exact(free)).collect();
        let n = all.len().min(most);
        (0..n).map(|at| all[at * all.len() / n].to_vec()).collect()
    }

    /// Where the coldest rungs stand now.
    pub fn cold_ends(&self, ensemble: &Ensemble) -> Vec<Vec<f64>> {
        ensemble.ladders.iter().filter_map(|ladder| ladder.places().last().map(<[f64]>::to_vec)).collect()
    }

    /// A mixture of the states; none of particles, whose states turn and change names.
    pub fn fit(&mut self, states: &States) -> Option<Fit> {
        if self.energy.symmetry() != Symmetry::None {
            return None;
        }
        let mut stream = self.fit_stream();
        let rows: Vec<f64> = states.places.iter().flatten().copied().collect();
        let options = FitOptions { penalty: PENALTY, ..FitOptions::default() };
        Fit::of(&rows, states.places.first()?.len(), &options, &mut stream)
    }

    /// A reference that is the fit, wider, and heavier where it was lightest.
    pub fn reference(&mut self, fit: Option<&Fit>, states: &States, free: usize) -> Reference {
        let Some(fit) = fit else { return Reference::Gaussian { width: INFLATION, dim: free } };
        let wide = fit.clone().inflated(INFLATION).with_broad(BROAD_SHARE, BROAD);
        let places = states.places.iter().map(|u| &**u);
        let pairs: Vec<(&[f64], f64)> = places.zip(states.energies.iter().copied()).collect();
        Reference::Mixture(reinforced(wide, &pairs, &mut self.fit_stream()))
    }

    /// Proposals of the blocks, fitted to the states, and heavier where they are lightest: the energy of a block's values with
    /// all other coordinates as in one state is the block's own but for a constant.
    pub fn proposals(&mut self, whitened: &Whitened<'_>, states: &States, apart: &[Vec<usize>]) -> Vec<BlockProposal> {
        let rows = self.free_rows(whitened, &states.places);
        let dim = whitened.frame.dim();
        let mut stream = self.fit_stream();
        let n = states.places.len();
        let looked = n.min(LOOKED_AT).min((self.share(BLOCK_ENERGIES) / apart.len().max(1) as f64) as usize);
        let lowest = (0..n).min_by(|a, b| states.energies[*a].total_cmp(&states.energies[*b]));
        let Some(base) = lowest.map(|at| &rows[at * dim..][..dim]) else { return Vec::new() };
        // A Gaussian needs none: trajectories and the reference do as well.
        if apart.iter().all(|block| BlockProposal::gaussian(block, &rows, dim, &mut stream)) {
            return Vec::new();
        }
        let proposal = |block: &Vec<usize>| {
            let energy_of = async |_: usize, values: &Vec<f64>| {
                let mut y = base.to_vec();
                block.iter().zip(values).for_each(|(k, value)| y[*k] = *value);
                let (mut u, mut gradient) = (vec![0.0; dim], vec![0.0; dim]);
                whitened.frame.unplace(&y, &mut u);
                whitened.evaluate(&u, &mut gradient, &mut Scratch::new(dim)).await
            };
            let energies_of = |values: &[Vec<f64>]| self.energy.each(values.iter().collect(), energy_of);
            let values = |at: usize| -> Vec<f64> { block.iter().map(|k| rows[at * dim + k]).collect() };
            let states: Vec<Vec<f64>> = (0..looked).map(|step| values(step * n / looked)).collect();
            BlockProposal::fitted(block, &rows, dim, &states, &energies_of, &mut stream)
        };
        apart.iter().filter_map(proposal).collect()
    }

    /// Leaves out refreshes that are hardly ever taken.
    pub fn keep_useful_blocks(&self, ensemble: &mut Ensemble, record: &Record) {
        let mut useful = record.tally.refreshed.iter().map(|tally| rate(*tally) > USEFUL);
        ensemble.plan.blocks.retain(|_| useful.next().unwrap_or(false));
        if rate(record.tally.jumped) < USEFUL {
            ensemble.plan.jumps = 0;
        }
    }

    /// The states of a record in the user's coordinates, as many as are kept.
    pub fn pool(&self, record: &Record, whitened: &Whitened<'_>, fit: Option<&Fit>) -> Pool {
        Pool::of(record, whitened, fit, &self.settings.names, self.settings.frames(self.chains))
    }

    /// The effective sample size that moving on yields an evaluation, and the worst R-hat.
    pub fn yielded(&self, record: &Record, plan: &Plan, whitened: &Whitened<'_>, fit: Option<&Fit>) -> (f64, f64) {
        let frames = record.frames();
        let settled = record.clone().without_first(frames / 4, whitened.frame.free(), plan.betas.len());
        let (effective, r_hat) = self.pool(&settled, whitened, fit).columns.quick();
        // Chains that begin apart count as one sample each, however little they move.
        let gained = effective - self.chains as f64;
        (if gained > 0.0 { gained / (plan.cost() * record.rounds as f64) } else { 0.0 }, r_hat)
    }
}
