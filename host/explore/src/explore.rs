//! The whole way, from a probe to a pool. (METHOD: exploration, steps 1 to 8.)

use crate::counted::{Counted, PointEnergy};
use crate::ensemble::{Ensemble, Record};
use crate::exploration::{Exploration, Kind, Settings};
use crate::frame::Frame;
use crate::ladder::{Plan, rate};
use crate::legs::{BROAD, Explorer};
use crate::pool::Pool;
use crate::probe::{Probe, probe};
use crate::reference::Reference;
use crate::refusal::Refusal;
use crate::scout::{LENGTH, SHORT_COST, Scouted, scout, scout_from_warm};
use crate::start::begin;
use crate::whitened::Whitened;
use kiln_metrics::gaussians::Fit;
use std::sync::atomic::AtomicBool;

/// The budget's share of scouts, of the first leg, and of each leg from a fitted reference.
const SCOUTS: f64 = 0.03;
const FIRST_LEG: f64 = 0.15;
/// The share of scouts from its warm states, and most of them.
const WARM_SCOUTS: f64 = 0.08;
const MOST_WARM: usize = 4000;
const FITTED_LEGS: [f64; 2] = [0.08, 0.08];
/// The share of each trial of another way to move, and how much better one must be.
const TRIAL: f64 = 0.02;
const BETTER: f64 = 1.5;
/// Fewest rounds that a trial tells something by.
const TRIAL_ROUNDS: usize = 24;
/// The share of the first last leg. Where that is not enough, the reference is fitted once more and the rest is one leg.
const LAST_LEG: f64 = 0.25;
/// What must be left for that.
const WORTH_IT: f64 = 0.1;
/// βs of a first ladder, and of one with a fitted reference: 0, and in equal ratios from these to 1.
const HOTTEST: [(f64, u32); 2] = [(0.01, 9), (0.02, 7)];
/// Rounds between two settings of the βs.
const TUNING: [&[usize]; 2] = [&[4, 8, 16, 32, 48], &[4, 8, 16]];
/// Leapfrog steps of trajectories, of all rungs and as tried with the coldest.
const LENGTHS: [[u32; 2]; 3] = [[4, 12], [16, 48], [64, 192]];
/// Shorter ones of all rungs, tried too.
const SHORT_LENGTHS: [u32; 2] = [2, 5];
/// A ladder with a higher Λ is long; moves without it are tried too.
const LONG: f64 = 2.0;
/// Moves without a ladder may not take over where their chains disagree more than this.
const AGREED: f64 = 1.1;
/// Draws of a fitted reference that are proposed in every round.
const JUMPS: u32 = 4;
/// R-hat and effective sample size at which there is enough, of less and of more evaluations than `MANY`, and the frames that
/// it takes to say so.
const GOOD: (f64, [f64; 2]) = (1.01, [4000.0, 11_500.0]);
const MANY: u64 = 10_000_000;
const GOOD_FRAMES: usize = 200;
/// Fewest frames that are a pool.
const LEAST_FRAMES: usize = 8;

/// Explores an energy. `watch` is told what is being done and the evaluations so far.
///
/// # Errors
/// If the probe refuses the energy, scouts find no place, the budget is too small, or `stop` was set.
pub fn explore(
    energy: &PointEnergy<'_>,
    settings: &Settings,
    watch: &(dyn Fn(&str, u64) + Sync),
    stop: &AtomicBool,
) -> Result<Exploration, Refusal> {
    let counted = Counted::new(energy);
    let chains = match settings.evaluations {
        1_000_000.. => 64,
        200_000.. => 32,
        50_000.. => 16,
        _ => 8,
    };
    watch("probe", 0);
    let started = begin(&counted, &settings.bounds, &settings.start, chains, settings.seed)?;
    let probe = probe(&counted, &settings.bounds, &settings.names, &started, settings.seed)?;
    let settings = &Settings { evaluations: settings.affordable(probe.seconds), ..settings.clone() };
    let mut explorer = Explorer { energy: &counted, settings, chains, stop, watch, given: [0; 2] };
    explorer.tell("scouts");
    let per_window = explorer.share(SCOUTS) / f64::from(4 * LENGTH) / chains as f64;
    let window = (per_window as usize).clamp(8, 60);
    let scouted = scout(&counted, &settings.bounds, &started, window, settings.seed, stop)?;
    let whitened = Whitened { energy: &counted, bounds: &settings.bounds, frame: scouted.frame.clone() };
    explorer.go_from_scouts(&scouted, whitened, probe)
}

fn betas((hottest, rungs): (f64, u32)) -> Vec<f64> {
    let power = |k: u32| hottest.powf(1.0 - f64::from(k) / f64::from(rungs - 1));
    std::iter::once(0.0).chain((0..rungs).map(power)).collect()
}

fn plan(reference: Reference, hottest: (f64, u32), step: f64) -> Plan {
    let betas = betas(hottest);
    let steps = vec![step; betas.len()];
    let [lengths, ..] = LENGTHS;
    Plan { betas, steps, lengths, cold_lengths: lengths, reference, blocks: Vec::new(), short: 0.5, jumps: 0 }
}

/// The way that moves on best so far.
struct Chosen {
    kind: Kind,
    ensemble: Ensemble,
    yielded: f64,
}

impl Explorer<'_> {
    fn go_from_scouts(
        &mut self,
        scouted: &Scouted,
        mut whitened: Whitened<'_>,
        probe: Probe,
    ) -> Result<Exploration, Refusal> {
        let (free, dim, symmetry) = (whitened.frame.free(), self.energy.dim(), self.energy.symmetry());
        let apart = self.blocks(scouted);

        // The first leg, on the path from a broad Gaussian; a better frame from its coldest states.
        let places: Vec<Vec<f64>> = scouted.places.iter().map(|y| self.whiten(&whitened, y)).collect();
        let reference = Reference::Gaussian { width: BROAD, dim: free };
        let mut ensemble = self.ladders(plan(reference, HOTTEST[0], scouted.step), &whitened, &places, false);
        self.tune(&mut ensemble, &whitened, TUNING[0])?;
        let rounds = self.rounds(&ensemble.plan, self.share(FIRST_LEG)).max(4);
        let record = self.advance(&mut ensemble, &whitened, rounds, "first leg")?;
        let mut states = self.settled(&record, free);
        let rows = self.free_rows(&whitened, &states.places);
        let mut step = ensemble.plan.steps.last().copied().unwrap_or(scouted.step);
        // Where scouts from warm states end: a narrow mode that the coldest rungs hardly hold so far.
        let affordable = (self.share(WARM_SCOUTS) / SHORT_COST) as usize;
        let warm = self.warm(&record, free, affordable.min(MOST_WARM));
        let (walked, walked_energies) = scout_from_warm(&whitened, &warm, step, self.settings.seed, self.stop);
        self.go_on()?;
        let ends = self.free_rows(&whitened, &self.cold_ends(&ensemble));
        let before = whitened.frame.log_volume();
        whitened.frame = Frame::of(symmetry, dim, &rows);
        let change = before - whitened.frame.log_volume();
        states.places = rows.chunks_exact(dim).map(|y| self.whiten(&whitened, y)).collect();
        states.energies.iter_mut().for_each(|energy| *energy += change);
        let volume = whitened.frame.log_volume();
        let found = walked.chunks_exact(dim).zip(walked_energies).filter(|(_, energy)| energy.is_finite());
        for (y, energy) in found {
            states.places.push(self.whiten(&whitened, y));
            states.energies.push(energy - volume);
        }
        let mut ends: Vec<Vec<f64>> = ends.chunks_exact(dim).map(|y| self.whiten(&whitened, y)).collect();

        // Legs whose reference is fitted to what was found so far.
        let (mut fit, mut chosen, mut log_z) = (None, None, None);
        for share in FITTED_LEGS {
            fit = self.fit(&states);
            let mut next = self.fitted(fit.as_ref(), &states, &whitened, &apart, step, &ends);
            self.tune(&mut next, &whitened, TUNING[1])?;
            let rounds = self.rounds(&next.plan, self.share(share)).max(4);
            let record = self.advance(&mut next, &whitened, rounds, "legs from a fitted reference")?;
            self.keep_useful_blocks(&mut next, &record);
            let later = self.settled(&record, free);
            states.places.extend(later.places);
            states.energies.extend(later.energies);
            (ends, step) = (self.cold_ends(&next), next.plan.steps.last().copied().unwrap_or(step));
            log_z = record.log_z(&next.plan.betas);
            let (yielded, _) = self.yielded(&record, &next.plan, &whitened, fit.as_ref());
            let barrier = record.barrier();
            chosen = Some((Chosen { kind: Kind::Ladders, ensemble: next, yielded }, barrier));
            // Without a mixture or blocks the next leg would be the same.
            if fit.is_none() && apart.is_empty() {
                break;
            }
        }
        let Some((chosen, barrier)) = chosen else { return Err(Refusal::interrupted()) };
        let mut chosen = self.best_way(chosen, barrier, &whitened, fit.as_ref(), &ends)?;

        // The last leg, and where that is not enough, one more with all the rest.
        let mut record =
            self.last_leg(&mut chosen.ensemble, &whitened, fit.as_ref(), self.share(LAST_LEG), &Record::default())?;
        if !self.good(&record, &whitened, fit.as_ref()) && self.left() > self.share(WORTH_IT) {
            if fit.is_some() {
                let later = self.settled(&record, free);
                states.places.extend(later.places);
                states.energies.extend(later.energies);
                fit = self.fit(&states);
                let ends = self.cold_ends(&chosen.ensemble);
                let [lengths, cold_lengths] = [chosen.ensemble.plan.lengths, chosen.ensemble.plan.cold_lengths];
                let blocks = chosen.ensemble.plan.blocks.iter().map(|block| block.coordinates.clone());
                let apart: Vec<Vec<usize>> = blocks.collect();
                let mut next = self.fitted(fit.as_ref(), &states, &whitened, &apart, step, &ends);
                if chosen.kind == Kind::Plain {
                    let plan = &chosen.ensemble.plan;
                    (next.plan.betas, next.plan.steps) = (plan.betas.clone(), plan.steps.clone());
                    next = self.ladders(next.plan, &whitened, &ends, true);
                }
                (next.plan.lengths, next.plan.cold_lengths) = (lengths, cold_lengths);
                self.tune(&mut next, &whitened, TUNING[1])?;
                chosen.ensemble = next;
                let more = self.last_leg(&mut chosen.ensemble, &whitened, fit.as_ref(), self.left(), &record)?;
                record = more.after(record);
            } else {
                let more = self.last_leg(&mut chosen.ensemble, &whitened, fit.as_ref(), self.left(), &record)?;
                record.append(more);
            }
        }
        if record.frames() < LEAST_FRAMES {
            let (asked, spent) = (self.settings.evaluations, self.energy.evaluations());
            let message = format!("{asked} evaluations are too few: {spent} were spent before the last leg");
            return Err(Refusal::new(message, "give more with --evaluations"));
        }
        Ok(self.finish(&record, chosen, whitened, fit, log_z, probe))
    }

    /// Ladders with a reference and blocks that are fitted to these states.
    fn fitted(
        &mut self,
        fit: Option<&Fit>,
        states: &crate::legs::States,
        whitened: &Whitened<'_>,
        apart: &[Vec<usize>],
        step: f64,
        ends: &[Vec<f64>],
    ) -> Ensemble {
        let blocks = self.proposals(whitened, states, apart);
        let free = whitened.frame.free();
        let together = blocks.iter().map(|block| block.coordinates.len()).sum::<usize>() == free;
        let reference = if together {
            Reference::Blocks(blocks.clone(), whitened.frame.clone())
        } else {
            self.reference(fit, states, free)
        };
        let mut plan = plan(reference, HOTTEST[1], step);
        plan.blocks = blocks;
        plan.jumps = if fit.is_some() && !together { JUMPS } else { 0 };
        self.ladders(plan, whitened, ends, true)
    }

    /// Longer trajectories of the coldest rung, no refreshes, or no ladder at all, where that yields more an evaluation.
    fn best_way(
        &mut self,
        mut best: Chosen,
        barrier: f64,
        whitened: &Whitened<'_>,
        fit: Option<&Fit>,
        ends: &[Vec<f64>],
    ) -> Result<Chosen, Refusal> {
        let base = best.ensemble.plan.clone();
        let mut ways = Vec::new();
        if base.betas.len() > 1 {
            ways.push(Plan { lengths: SHORT_LENGTHS, cold_lengths: SHORT_LENGTHS, ..base.clone() });
        }
        for lengths in LENGTHS.into_iter().skip(1) {
            ways.push(Plan { cold_lengths: lengths, ..base.clone() });
        }
        if !base.blocks.is_empty() {
            ways.push(Plan { blocks: Vec::new(), ..base.clone() });
        }
        if !base.blocks.is_empty() || barrier > LONG {
            let step = base.steps.last().copied().unwrap_or(1.0);
            for cold_lengths in LENGTHS {
                ways.push(Plan { betas: vec![1.0], steps: vec![step], cold_lengths, ..base.clone() });
            }
        }
        for plan in ways {
            let rounds = self.rounds(&plan, self.share(TRIAL));
            if rounds < TRIAL_ROUNDS {
                continue;
            }
            let kind = if plan.betas.len() == 1 { Kind::Plain } else { Kind::Ladders };
            let mut trial = self.ladders(plan, whitened, ends, true);
            let record = self.advance(&mut trial, whitened, rounds, "trials of other moves")?;
            let (yielded, r_hat) = self.yielded(&record, &trial.plan, whitened, fit);
            if yielded > BETTER * best.yielded && (kind == Kind::Ladders || r_hat < AGREED) {
                best = Chosen { kind, ensemble: trial, yielded };
            }
        }
        Ok(best)
    }

    fn good(&self, record: &Record, whitened: &Whitened<'_>, fit: Option<&Fit>) -> bool {
        if record.frames() < GOOD_FRAMES {
            return false;
        }
        let (worst, enough) = (GOOD.0, GOOD.1[usize::from(self.settings.evaluations >= MANY)]);
        let columns = Pool::of(record, whitened, fit, &self.settings.names).columns;
        let (effective, r_hat) = columns.quick();
        let good = effective >= enough && r_hat <= worst;
        good && columns.figures().iter().all(|figure| figure.effective >= enough)
    }

    /// Rounds that double until there is enough, together with an earlier leg, or this much is spent.
    fn last_leg(
        &self,
        ensemble: &mut Ensemble,
        whitened: &Whitened<'_>,
        fit: Option<&Fit>,
        evaluations: f64,
        earlier: &Record,
    ) -> Result<Record, Refusal> {
        let (mut record, mut next) = (Record::default(), GOOD_FRAMES / 2);
        let begun = self.energy.evaluations();
        loop {
            let spent = (self.energy.evaluations() - begun) as f64;
            let rounds = next.min(self.rounds(&ensemble.plan, (evaluations - spent).min(self.left())));
            if rounds == 0 {
                return Ok(record);
            }
            record.append(self.advance(ensemble, whitened, rounds, "last leg")?);
            if self.good(&record.clone().after(earlier.clone()), whitened, fit) {
                return Ok(record);
            }
            next = record.frames();
        }
    }

    fn finish(
        &self,
        record: &Record,
        chosen: Chosen,
        whitened: Whitened<'_>,
        fit: Option<Fit>,
        log_z: Option<(f64, f64)>,
        probe: Probe,
    ) -> Exploration {
        let Chosen { kind, ensemble: Ensemble { plan, .. }, .. } = chosen;
        let trips: u64 = record.traces.iter().map(|trace| trace.trips).sum();
        let record = record.clone().without_first(record.frames() / 10, whitened.frame.free(), plan.betas.len());
        let Pool { rows, energies, cells, columns } = Pool::of(&record, &whitened, fit.as_ref(), &self.settings.names);
        let refreshed = plan.blocks.iter().zip(&record.tally.refreshed);
        let blocks = refreshed.map(|(block, tally)| (block.coordinates.clone(), rate(*tally))).collect();
        let mut found = Exploration {
            dim: self.energy.dim(),
            ladders: self.chains,
            frames: columns.length,
            rows,
            energies,
            cells,
            frame: whitened.frame,
            fit,
            log_z: record.log_z(&plan.betas).or(log_z),
            figures: columns.figures(),
            kind,
            barrier: record.barrier(),
            trips: (kind == Kind::Ladders).then(|| trips as f64 / self.chains as f64),
            worst_pair: record.worst_pair(),
            blocks,
            probe,
            evaluations: self.energy.evaluations(),
            reasons: Vec::new(),
            betas: plan.betas,
        };
        found.judge();
        found
    }
}
