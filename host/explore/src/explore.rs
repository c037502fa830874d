//! The whole way, from a probe to a pool: docs/architecture.md lists the steps, docs/experiments.md what was tried.

use crate::counted::{Counted, PointEnergy};
use crate::ensemble::{Ensemble, Record};
use crate::exploration::{Enough, Exploration, Kind, News, Settings};
use crate::frame::Frame;
use crate::known::{Chosen, Known};
use crate::legs::{BROAD, Explorer, States};
use crate::plan::{Plan, rate};
use crate::pool::Pool;
use crate::probe::{Probe, probe};
use crate::reference::Reference;
use crate::refusal::Refusal;
use crate::scout::{LENGTH, SHORT_COST, Scouted, scout, scout_from_warm};
use crate::start::begin;
use crate::trials::LENGTHS;
use crate::whitened::{Whitened, freed};
use std::sync::atomic::AtomicBool;

/// Ladders of a budget that is large enough.
const MOST_LADDERS: usize = 64;
/// The budget's share of scouts, of the first leg, and of each leg from a fitted reference.
const SCOUTS: f64 = 0.03;
const FIRST_LEG: f64 = 0.15;
/// The share of scouts from its warm states, and most of them.
const WARM_SCOUTS: f64 = 0.08;
const MOST_WARM: usize = 4000;
const FITTED_LEGS: [f64; 2] = [0.08, 0.08];
/// The share of the first last leg. Where that is not enough, the reference is fitted once more and the rest is one leg.
const LAST_LEG: f64 = 0.25;
/// What must be left for that.
const WORTH_IT: f64 = 0.1;
/// βs of a first ladder, and of one with a fitted reference: 0, and in equal ratios from these to 1.
const HOTTEST: [(f64, u32); 2] = [(0.01, 9), (0.02, 7)];
/// Rounds between two settings of the βs.
const TUNING: [&[usize]; 2] = [&[4, 8, 16, 32, 48], &[4, 8, 16]];
/// Draws of a fitted reference that are proposed in every round.
const JUMPS: u32 = 4;
/// R-hat and effective sample size at which there is enough where nothing is said, of less and of more evaluations than `MANY`,
/// and the frames that it takes to say so.
const GOOD: (f64, [f64; 2]) = (1.01, [4000.0, 11_500.0]);
const MANY: u64 = 9_400_000;
/// What must be more before the first tenth of the states is left out.
const LEFT_OUT: f64 = 1.15;
const GOOD_FRAMES: usize = 200;
const NECK_ROUNDS: usize = 800;
/// A mode with a smaller share does not set how fine a training has to be.
const MATTERS: f64 = 0.02;
/// From this share of blocked trajectories on there are necks. Without any, it is 0.
const NECKS: f64 = 1e-3;
/// Correlations of the final frame are shrunk by this where there are fewer effective states a coordinate.
const MOST_SHRINKAGE: f64 = 0.05;
const ENOUGH: f64 = 20.0;
/// Fewest frames that are a pool.
const LEAST_FRAMES: usize = 8;

/// Explores an energy. `watch` is told what is found and done.
///
/// # Errors
/// If the probe refuses the energy, scouts find no place, the budget is too small, or `stop` was set.
pub fn explore(
    energy: &PointEnergy<'_>,
    settings: &Settings,
    watch: &(dyn Fn(News<'_>) + Sync),
    stop: &AtomicBool,
) -> Result<Exploration, Refusal> {
    let counted = Counted::new(energy);
    watch(News::Doing("probe", 0));
    let mut started = begin(&counted, &settings.bounds, &settings.start, ladders(settings.evaluations), settings.seed)?;
    let probe = probe(&counted, &settings.bounds, &settings.names, &started, settings.seed)?;
    let settings = &Settings { evaluations: settings.affordable(probe.seconds), ..settings.clone() };
    let chains = ladders(settings.evaluations);
    started.places.truncate(chains);
    let mut explorer =
        Explorer { energy: &counted, settings, chains, stop, watch, given: [0; 2], left_out: Vec::new() };
    if chains < MOST_LADDERS {
        explorer.left_out.push(format!("{chains} ladders move instead of {MOST_LADDERS}"));
    }
    watch(News::Probed(&probe, settings.evaluations));
    explorer.tell("scouts");
    let per_window = explorer.share(SCOUTS) / f64::from(4 * LENGTH) / chains as f64;
    let window = (per_window as usize).clamp(8, 60);
    let scouted = scout(&counted, &settings.bounds, &started, window, settings.seed, stop)?;
    let whitened = Whitened { energy: &counted, bounds: &settings.bounds, frame: scouted.frame.clone() };
    explorer.go_from_scouts(&scouted, whitened, probe)
}

/// Ladders that a budget is for.
fn ladders(evaluations: u64) -> usize {
    match evaluations {
        1_000_000.. => MOST_LADDERS,
        200_000.. => 32,
        50_000.. => 16,
        _ => 8,
    }
}

fn betas((hottest, rungs): (f64, u32)) -> Vec<f64> {
    let power = |k: u32| hottest.powf(1.0 - f64::from(k) / f64::from(rungs - 1));
    std::iter::once(0.0).chain((0..rungs).map(power)).collect()
}

fn plan(reference: Reference, hottest: (f64, u32), step: f64) -> Plan {
    let betas = betas(hottest);
    let steps = vec![step; betas.len()];
    let [lengths, ..] = LENGTHS;
    Plan {
        betas,
        steps,
        lengths,
        cold_lengths: lengths,
        reference,
        blocks: Vec::new(),
        short: 0.5,
        necks: false,
        jumps: 0,
    }
}

impl Explorer<'_> {
    fn go_from_scouts(
        &mut self,
        scouted: &Scouted,
        whitened: Whitened<'_>,
        probe: Probe,
    ) -> Result<Exploration, Refusal> {
        let mut known = self.first_leg(scouted, whitened)?;
        let (chosen, barrier) = self.fitted_legs(&mut known)?;
        let mut chosen = self.best_way(chosen, barrier, &known)?;
        let record = self.last_legs(&mut chosen, &mut known)?;
        if record.frames() < LEAST_FRAMES {
            let (asked, spent) = (self.settings.evaluations, self.energy.evaluations());
            let message = format!("{asked} evaluations are too few: {spent} were spent before the last leg");
            return Err(Refusal::new(message, "give more with --evaluations"));
        }
        Ok(self.finish(&record, chosen, known, probe))
    }

    /// The first leg, on the path from a broad Gaussian; a better frame from its coldest states.
    fn first_leg<'a>(&mut self, scouted: &Scouted, mut whitened: Whitened<'a>) -> Result<Known<'a>, Refusal> {
        let (free, dim) = (whitened.frame.free(), self.energy.dim());
        let apart = self.blocks(scouted);
        let places: Vec<Vec<f64>> = scouted.places.iter().map(|y| self.whiten(&whitened, y)).collect();
        let reference = Reference::Gaussian { width: BROAD, dim: free };
        let mut ensemble = self.ladders(plan(reference, HOTTEST[0], scouted.step), &whitened, &places, false);
        self.tune(&mut ensemble, &whitened, TUNING[0])?;
        let rounds = self.rounds(&ensemble.plan, self.share(FIRST_LEG)).max(4);
        self.thin(&mut ensemble, rounds, free);
        let record = self.advance(&mut ensemble, &whitened, rounds, "first leg")?;
        let States { places, energies: cold_energies } = self.settled(&record, free);
        let step = ensemble.plan.steps.last().copied().unwrap_or(scouted.step);
        // Where scouts from warm states end: a narrow mode that the coldest rungs hardly hold so far.
        let affordable = (self.share(WARM_SCOUTS) / SHORT_COST) as usize;
        let warm = self.warm(&record, free, affordable.min(MOST_WARM));
        let (walked, walked_energies) = scout_from_warm(&whitened, &warm, step, self.settings.seed, self.stop);
        self.go_on()?;

        let cold = self.free_rows(&whitened, &places);
        let ends = self.free_rows(&whitened, &self.cold_ends(&ensemble));
        let before = whitened.frame.log_volume();
        whitened.frame = Frame::of(self.energy.symmetry(), dim, &cold);
        let volume = whitened.frame.log_volume();
        // All energies are those of y less the frame's volume.
        let cold_energies = cold_energies.into_iter().map(|energy| energy + (before - volume));
        let walked_energies = walked_energies.into_iter().map(|energy| energy - volume);
        let found = walked.chunks_exact(dim).zip(walked_energies).filter(|(_, energy)| energy.is_finite());
        let mut states = States::default();
        for (y, energy) in cold.chunks_exact(dim).zip(cold_energies).chain(found) {
            states.places.push(self.whiten(&whitened, y));
            states.energies.push(energy);
        }
        let necks = rate(record.tally.blocked) > NECKS;
        let ends = ends.chunks_exact(dim).map(|y| self.whiten(&whitened, y)).collect();
        Ok(Known { whitened, apart, states, ends, step, necks, fit: None, log_z: None })
    }

    /// Legs whose reference is fitted to what was found so far; the last of them with its Λ.
    fn fitted_legs(&mut self, known: &mut Known<'_>) -> Result<(Chosen, f64), Refusal> {
        let mut chosen = None;
        for share in FITTED_LEGS {
            known.fit = self.fit(&known.states);
            let mut next = self.fitted(known, &known.apart);
            self.tune(&mut next, &known.whitened, TUNING[1])?;
            let rounds = self.rounds(&next.plan, self.share(share)).max(4);
            self.thin(&mut next, rounds, known.free());
            let record = self.advance(&mut next, &known.whitened, rounds, "legs from a fitted reference")?;
            self.keep_useful_blocks(&mut next, &record);
            known.necks |= rate(record.tally.blocked) > NECKS;
            known.states.extend(self.settled(&record, known.free()));
            known.ends = self.cold_ends(&next);
            known.step = next.plan.steps.last().copied().unwrap_or(known.step);
            known.log_z = record.log_z(&next.plan.betas);
            let (yielded, _) = self.yielded(&record, &next.plan, &known.whitened, known.fit.as_ref());
            chosen = Some((Chosen { kind: Kind::Ladders, ensemble: next, yielded }, record.barrier()));
            // Without a mixture or blocks the next leg would be the same.
            if known.fit.is_none() && known.apart.is_empty() {
                break;
            }
        }
        chosen.ok_or_else(Refusal::interrupted)
    }

    /// The last leg, and where that is not enough, one more with all the rest.
    fn last_legs(&mut self, chosen: &mut Chosen, known: &mut Known<'_>) -> Result<Record, Refusal> {
        let record = self.last_leg(&mut chosen.ensemble, known, self.share(LAST_LEG), &Record::default())?;
        if self.good(&record, known) || self.left() <= self.share(WORTH_IT) {
            return Ok(record);
        }
        if known.fit.is_none() {
            let more = self.last_leg(&mut chosen.ensemble, known, self.left(), &record)?;
            let mut record = record;
            record.append(more);
            return Ok(record);
        }
        known.states.extend(self.settled(&record, known.free()));
        known.fit = self.fit(&known.states);
        known.ends = self.cold_ends(&chosen.ensemble);
        let old = chosen.ensemble.plan.clone();
        let apart: Vec<Vec<usize>> = old.blocks.iter().map(|block| block.coordinates.clone()).collect();
        let mut next = self.fitted(known, &apart);
        if chosen.kind == Kind::Plain {
            (next.plan.betas, next.plan.steps) = (old.betas, old.steps);
            next = self.ladders(next.plan, &known.whitened, &known.ends, true);
        }
        (next.plan.lengths, next.plan.cold_lengths) = (old.lengths, old.cold_lengths);
        self.tune(&mut next, &known.whitened, TUNING[1])?;
        chosen.ensemble = next;
        let more = self.last_leg(&mut chosen.ensemble, known, self.left(), &record)?;
        // An earlier leg in which states sat still makes the whole no better.
        let whole = more.clone().after(record);
        let [alone, together] = [&more, &whole].map(|record| self.quick(record, known));
        Ok(if alone > together { more } else { whole })
    }

    /// Ladders with a reference and proposals of these blocks that are fitted to the states so far.
    fn fitted(&mut self, known: &Known<'_>, apart: &[Vec<usize>]) -> Ensemble {
        let Known { whitened, states, fit, .. } = known;
        let blocks = self.proposals(whitened, states, apart);
        let free = known.free();
        let together = blocks.iter().map(|block| block.coordinates.len()).sum::<usize>() == free;
        let reference = if together {
            Reference::Blocks(blocks.clone(), whitened.frame.clone())
        } else {
            self.reference(fit.as_ref(), states, free)
        };
        let mut plan = plan(reference, HOTTEST[1], known.step);
        plan.blocks = blocks;
        plan.necks = known.necks;
        plan.jumps = if fit.is_some() && !together { JUMPS } else { 0 };
        self.ladders(plan, whitened, &known.ends, true)
    }

    /// The least effective sample size of a record.
    fn quick(&self, record: &Record, known: &Known<'_>) -> f64 {
        self.pool(record, &known.whitened, known.fit.as_ref()).columns.quick().0
    }

    fn good(&self, record: &Record, known: &Known<'_>) -> bool {
        // In a neck few states are seen, and those that sit still come last.
        if record.rounds < if known.necks { NECK_ROUNDS } else { GOOD_FRAMES } {
            return false;
        }
        let columns = self.pool(record, &known.whitened, known.fit.as_ref()).columns;
        let (worst, enough) = match self.settings.enough {
            None => (GOOD.0, GOOD.1[usize::from(self.settings.evaluations >= MANY)]),
            Some(Enough { effective, r_hat, states }) => {
                // Chains that are better than independent draws have more effective samples than states.
                let all = (columns.length * self.chains) as f64;
                if all < LEFT_OUT * effective.max(states as f64) {
                    return false;
                }
                (r_hat, LEFT_OUT * effective)
            }
        };
        let (effective, r_hat) = columns.quick();
        let good = effective >= enough && r_hat <= worst;
        good && columns.figures().iter().all(|figure| figure.effective >= enough)
    }

    /// Rounds that double until there is enough, together with an earlier leg, or this much is spent.
    fn last_leg(
        &self,
        ensemble: &mut Ensemble,
        known: &Known<'_>,
        evaluations: f64,
        earlier: &Record,
    ) -> Result<Record, Refusal> {
        let (mut record, mut next) = (Record::default(), GOOD_FRAMES / 2);
        self.thin(ensemble, self.rounds(&ensemble.plan, evaluations.min(self.left())), known.free());
        let begun = self.energy.evaluations();
        loop {
            let spent = (self.energy.evaluations() - begun) as f64;
            let rounds = next.min(self.rounds(&ensemble.plan, (evaluations - spent).min(self.left())));
            if rounds == 0 {
                return Ok(record);
            }
            let mut more = self.advance(ensemble, &known.whitened, rounds, "last leg")?;
            // No scouts come after it.
            more.traces.iter_mut().for_each(|trace| trace.warm = Vec::new());
            record.append(more);
            if self.good(&record.clone().after(earlier.clone()), known) {
                return Ok(record);
            }
            next = record.rounds;
        }
    }

    fn finish(&self, record: &Record, chosen: Chosen, known: Known<'_>, probe: Probe) -> Exploration {
        let Chosen { kind, ensemble: Ensemble { plan, .. }, .. } = chosen;
        let Known { whitened, fit, log_z, .. } = known;
        let trips = record.tally.trips;
        let record = record.clone().without_first(record.frames() / 10, whitened.frame.free(), plan.betas.len());
        let Pool { rows, energies, cells, columns } = self.pool(&record, &whitened, fit.as_ref());
        let refreshed = plan.blocks.iter().zip(&record.tally.refreshed);
        let blocks: Vec<_> = refreshed.map(|(block, tally)| (block.coordinates.clone(), rate(*tally))).collect();
        let apart: Vec<Vec<usize>> = blocks.iter().map(|(block, _)| block.clone()).collect();
        let (dim, bounds) = (self.energy.dim(), whitened.bounds);
        let mut free = vec![0.0; rows.len()];
        free.chunks_exact_mut(dim).zip(rows.chunks_exact(dim)).for_each(|(y, x)| freed(bounds, x, y));
        let shrinkage = if columns.quick().0 < ENOUGH * dim as f64 { MOST_SHRINKAGE } else { 0.0 };
        let frame = Frame::of_blocks(self.energy.symmetry(), dim, &free, shrinkage, &apart);
        let mut found = Exploration {
            dim: self.energy.dim(),
            ladders: self.chains,
            frames: columns.length,
            rows,
            energies,
            cells,
            frame,
            narrowest: fit.as_ref().map_or(1.0, |fit| fit.narrowest(MATTERS)),
            fit,
            log_z: record.log_z(&plan.betas).or(log_z),
            figures: columns.figures(),
            kind,
            barrier: record.barrier(),
            trips: (kind == Kind::Ladders).then(|| trips as f64 / self.chains as f64),
            worst_pair: record.worst_pair(),
            blocks,
            step: plan.steps.last().copied().unwrap_or(1.0),
            probe,
            evaluations: self.energy.evaluations(),
            left_out: self.left_out.clone(),
            reasons: Vec::new(),
            betas: plan.betas,
        };
        found.judge();
        found
    }
}
