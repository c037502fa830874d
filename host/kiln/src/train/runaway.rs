//! Whether a training has run away: the signs of it in windows of steps. What it knows goes into checkpoints, so that a
//! training that is taken up again sees what one without interruption sees.
//!
//! A window shows the signs where the samples lie far above the best that this training had, and what should bring them
//! back cannot: all gradients are clipped or lost, and the chains that should say where to go accept next to nothing. Some
//! trainings go on like that for two or three windows and recover; where five have hardly brought the energies back, it has
//! run away.

use kiln_gpu::trainer::{StepReport, TrainerSpec};
use std::fmt::{Display, Formatter};
use std::str::FromStr;

/// Steps of a window.
pub(super) const WINDOW: u64 = 100;
/// Windows with signs, one after another, that make a training one that has run away.
const LAST: usize = 5;
/// The share of gradients that are clipped or lost, from which on they hold nothing up.
const CLIPPED: f64 = 0.95;
/// The share of proposals that are accepted, up to which chains stay where they began. Healthy ones accept more than half.
const ACCEPTED: f64 = 0.05;
/// How far above the lowest median energy so far samples may lie without a sign, in standard deviations of the energy of a
/// normal distribution of the same dimension. Those that run away are soon 1e10 away.
const FAR: f64 = 20.0;
/// What is left, of the orders of magnitude by which energies lie too high, after five windows of a training that recovers.
const LEFT: f64 = 0.75;
/// Steps between two states that are kept to go back to.
const KEEP_EVERY: u64 = 500;

/// What a look at a training finds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    /// Nothing to do.
    Nothing,
    /// A state to keep, and to go back to should the training run away.
    Good,
    /// It has run away: what was seen.
    RanAway(String),
}

/// Counts of the window under way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counts {
    gradients: u64,
    clipped: u64,
    chains: u64,
    accepted: f64,
}

/// Watches a training.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Watch {
    /// How often the training went back.
    pub roll_backs: u32,
    window: Counts,
    /// Step of the last state that was kept; 0 is the beginning.
    good: u64,
    /// The lowest median energy so far.
    lowest: f64,
    /// How far above it samples may lie without a sign.
    far: f64,
    /// Median energies at the ends of the last windows where each of them shows the signs.
    signs: Vec<f64>,
}

impl Watch {
    /// Of a training in so many dimensions, whose samples have this median energy at its beginning.
    pub fn new(dim: usize, energy: f64) -> Self {
        let far = FAR * (0.5 * dim as f64).sqrt();
        let lowest = if energy.is_nan() { f64::INFINITY } else { energy };
        Self { roll_backs: 0, window: Counts::default(), good: 0, lowest, far, signs: Vec::new() }
    }

    /// Counts a step.
    pub fn add(&mut self, report: &StepReport, spec: &TrainerSpec) {
        let window = &mut self.window;
        if spec.sample_clip.is_some() {
            window.gradients += spec.batch as u64;
            window.clipped += (report.clipped + report.dropped) as u64;
        } else {
            window.gradients += 1;
            let clip = spec.generator_adam.clip.unwrap_or(f32::INFINITY);
            let lost = report.skipped || 2 * report.dropped > spec.batch;
            window.clipped += u64::from(lost || report.gradient_norm > clip);
        }
        // Where the particles' weights are trusted, there was no chain.
        let trusted = spec.posterior.min_effective_sample_size as f32;
        let is_trusted = |size: f32| spec.posterior.cycles == 0 || size >= trusted;
        for row in report.posterior.iter().filter(|row| !is_trusted(row.effective_sample_size)) {
            window.chains += 1;
            window.accepted += f64::from(row.chain_acceptance);
        }
    }

    /// Whether samples of this median energy lie far above the best so far.
    fn is_far(&self, energy: f64) -> bool {
        energy > self.lowest + self.far
    }

    /// That samples of this median energy have run away, where they have.
    pub fn far_off(&self, energy: f64) -> Option<String> {
        let lowest = self.lowest;
        let seen = || format!("the median energy of its samples is {energy:.1e}; at its best it was {lowest:.1e}");
        self.is_far(energy).then(seen)
    }

    /// Ends a window at this step, with samples of this median energy.
    pub fn look(&mut self, step: u64, energy: f64) -> Found {
        let window = std::mem::take(&mut self.window);
        let share = |part: f64, all: u64| part / all as f64;
        let clipped = share(window.clipped as f64, window.gradients);
        let accepted = share(window.accepted, window.chains);
        let is_far = self.is_far(energy);
        self.lowest = self.lowest.min(energy);
        // Without chains their share is not a number, and says nothing.
        if !is_far || clipped < CLIPPED || accepted > ACCEPTED {
            self.signs.clear();
            let is_due = self.good == 0 || step >= self.good + KEEP_EVERY;
            if is_far || energy.is_nan() || !is_due {
                return Found::Nothing;
            }
            self.good = step;
            return Found::Good;
        }
        self.signs.push(energy);
        let Some(first) = self.signs.len().checked_sub(LAST).map(|at| self.signs[at]) else { return Found::Nothing };
        self.signs.drain(..self.signs.len() - LAST);
        let too_high = |energy: f64| ((energy - self.lowest) / self.far).ln();
        let recovers = too_high(energy) < LEFT * too_high(first);
        // Where no chain says that it finds no way, energies must rise.
        if recovers || accepted.is_nan() && energy < first + self.far {
            return Found::Nothing;
        }
        let chains = match accepted.is_nan() {
            true => String::new(),
            false => format!(", chains accepted {:.0} % of their proposals", 100.0 * accepted),
        };
        Found::RanAway(format!(
            "{:.0} % of the last gradients were clipped or lost{chains}, and the median energy of its samples went from \
             {first:.1e} to {energy:.1e} in {} steps; at its best it was {:.1e}",
            100.0 * clipped,
            (LAST as u64 - 1) * WINDOW,
            self.lowest,
        ))
    }
}

/// All that it knows, as a text of a checkpoint: numbers in order.
impl Display for Watch {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Counts { gradients, clipped, chains, accepted } = self.window;
        write!(f, "{} {} {gradients} {clipped} {chains} {accepted}", self.roll_backs, self.good)?;
        write!(f, " {} {}", self.lowest, self.far)?;
        self.signs.iter().try_for_each(|energy| write!(f, " {energy}"))
    }
}

impl FromStr for Watch {
    type Err = NotOne;

    fn from_str(text: &str) -> Result<Self, NotOne> {
        fn next<'a, N: FromStr>(words: &mut impl Iterator<Item = &'a str>) -> Result<N, NotOne> {
            words.next().and_then(|word| word.parse().ok()).ok_or(NotOne)
        }
        let words = &mut text.split(' ');
        let (roll_backs, good) = (next(words)?, next(words)?);
        let (gradients, clipped, chains, accepted) = (next(words)?, next(words)?, next(words)?, next(words)?);
        let window = Counts { gradients, clipped, chains, accepted };
        let (lowest, far) = (next(words)?, next(words)?);
        let signs: Result<_, _> = words.map(|word| word.parse().map_err(|_| NotOne)).collect();
        Ok(Self { roll_backs, window, good, lowest, far, signs: signs? })
    }
}

/// A text that is no [`Watch`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NotOne;

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_gpu::posterior::RowReport;

    const DIM: usize = 2;
    const BATCH: usize = 8;

    /// What is reported of a step: samples clipped, samples lost, proposals accepted.
    fn report((clipped, dropped, accepted): (usize, usize, f32)) -> StepReport {
        let row = RowReport { chain_acceptance: accepted, effective_sample_size: 1.0, ..RowReport::default() };
        StepReport { clipped, dropped, posterior: vec![row; BATCH], ..StepReport::default() }
    }

    fn spec() -> TrainerSpec {
        let target = crate::targets::find("mog40").unwrap();
        let config = target.settings().check().unwrap();
        let spec = crate::spec::trainer_spec(&config, DIM, kiln_core::symmetry::Symmetry::None).unwrap();
        TrainerSpec { batch: BATCH, ..spec }
    }

    /// What is found after windows of the same steps, from step `first` on, that end with these energies.
    fn windows(watch: &mut Watch, first: u64, step: (usize, usize, f32), energies: &[f64]) -> Vec<Found> {
        let spec = spec();
        let window = |(at, energy): (usize, &f64)| {
            (0..WINDOW).for_each(|_| watch.add(&report(step), &spec));
            watch.look(first + (1 + at as u64) * WINDOW, *energy)
        };
        energies.iter().enumerate().map(window).collect()
    }

    fn ran_away(found: &[Found]) -> Vec<usize> {
        found.iter().enumerate().filter(|(_, found)| matches!(found, Found::RanAway(_))).map(|(at, _)| at).collect()
    }

    const GONE: (usize, usize, f32) = (BATCH, 0, 0.0);

    #[test]
    fn five_windows_with_all_signs_are_one_that_ran_away_and_less_is_not() {
        let rising = [1e3, 1e6, 1e9, 1e12, 1e15, 1e18];
        let found = |step, energies: &[f64]| ran_away(&windows(&mut Watch::new(DIM, -3.0), 0, step, energies));
        assert_eq!(found(GONE, &rising), [4, 5]);
        assert_eq!(found((BATCH - 2, 2, 0.0), &rising), [4, 5], "lost samples count");
        assert_eq!(found(GONE, &[1e9; 6]), [4, 5], "what does not come back is gone too");
        let none = [0; 0];
        assert_eq!(found((BATCH / 2, 0, 0.0), &rising), none, "gradients hold");
        assert_eq!(found((BATCH, 0, 0.6), &rising), none, "chains find their way");
        assert_eq!(found(GONE, &[1e18, 1e15, 1e12, 1e9, 1e6, 1e3]), none, "it comes back by itself");
        assert_eq!(found(GONE, &[1e37, 1e36, 1e36, 1e35, 1e36, 1e35]), [4, 5], "too slowly");
        assert_eq!(found(GONE, &[16.9; 9]), none, "not far above the best");
        assert_eq!(found(GONE, &[17.1; 9]), [4, 5, 6, 7, 8]);
        assert_eq!(found(GONE, &[1e3, 1e6, 1e9, 1e12, -3.0, 1e15, 1e18]), none, "one window of five is well");
        assert_eq!(found(GONE, &[f64::NAN; 9]), none, "an energy that is not a number is another matter");
        assert_eq!(found(GONE, &[f64::INFINITY; 5]), [4]);
    }

    #[test]
    fn where_weights_are_trusted_energies_must_rise() {
        let mut watch = Watch::new(DIM, -3.0);
        let spec = spec();
        let row = RowReport { effective_sample_size: 50.0, ..RowReport::default() };
        let step = StepReport { clipped: BATCH, posterior: vec![row; BATCH], ..StepReport::default() };
        let mut look = |step_number: u64, energy: f64| {
            (0..WINDOW).for_each(|_| watch.add(&step, &spec));
            watch.look(step_number * WINDOW, energy)
        };
        let still: Vec<Found> = (1..9).map(|at| look(at, 100.0)).collect();
        assert_eq!(ran_away(&still), [0; 0]);
        let rising: Vec<Found> = (9..14).map(|at| look(at, 10.0 * at as f64 + 100.0)).collect();
        assert_eq!(ran_away(&rising), [0, 1, 2, 3, 4]);
        assert!(matches!(&rising[0], Found::RanAway(seen) if !seen.contains("chains")));
    }

    #[test]
    fn good_states_lie_near_the_best_and_some_steps_apart() {
        let mut watch = Watch::new(DIM, 5.0);
        let well = (BATCH, 0, 0.6);
        let found = windows(&mut watch, 0, well, &[90.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]);
        let good: Vec<usize> = (0..found.len()).filter(|at| found[*at] == Found::Good).collect();
        assert_eq!(good, [1, 6]);
        assert_eq!(windows(&mut watch, 800, well, &[99.0; 9]), vec![Found::Nothing; 9], "far off is not good");
    }

    #[test]
    fn a_watch_reads_back_in_the_middle_and_sees_the_same() {
        let mut whole = Watch::new(DIM, -0.1);
        let energies = [0.3, 1e3, 1e6, f64::INFINITY, f64::INFINITY];
        windows(&mut whole, 0, GONE, &energies);
        (0..70).for_each(|_| whole.add(&report((BATCH, 0, 0.1 / 3.0)), &spec()));
        let mut read: Watch = whole.to_string().parse().unwrap();
        assert_eq!(read, whole);
        assert_eq!(read.signs.len(), 4);
        let next = |watch: &mut Watch| windows(watch, 500, GONE, &[f64::INFINITY]);
        assert_eq!(next(&mut read), next(&mut whole));
        assert_eq!(ran_away(&next(&mut read)), [0]);
        for text in ["", "0 0 0 0 0 0 1", "0 0 0 0 0 0 1 1 x", "-1 0 0 0 0 0 1 1"] {
            assert_eq!(text.parse::<Watch>(), Err(NotOne), "{text}");
        }
    }
}
