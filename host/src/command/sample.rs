//! `kiln sample`: draws samples from a trained generator, polishes them and leaves out what is above a gate.
//!
//! It draws, polishes, judges and writes part by part: memory does not grow with the number of samples, and no sample
//! depends on the parts.

use super::output::Output;
use super::{known_target, whole, without_energy};
use crate::cli::Sample;
use crate::console::say;
use crate::interrupt::stop_on_signals;
use crate::progress::Bar;
use kiln::error::Error;
use kiln::format::Put;
use kiln::metric::statistic::median;
use kiln::metric::suite::energies;
use kiln::polish::{PILOT_ROWS, PolishReport, Polisher};
use kiln::progress::Tick;
use kiln::sample::Sampler;
use kiln::samples::Samples;
use kiln::source::resolve;
use kiln::target::Target;
use kiln_core::symmetry::Symmetry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// MALA steps at most.
const MOST_STEPS: i64 = 1_000_000;
/// Draws before a gate is given up.
const GATE_DRAWS: u64 = 1000;
/// Share of the draws that a gate must let through.
const LEAST_RATE: f64 = 0.01;
/// Energies that a complaint about a gate looks at.
const GATE_ENERGIES: usize = 1 << 16;
/// Samples of a part: Ctrl-C is seen between parts, which take a fraction of a second.
const PART: std::ops::RangeInclusive<usize> = 64..=1 << 14;
/// The work of a part, in samples of a small network times [`LEAST_COST`].
const PART_WORK: usize = 1 << 17;
const LEAST_COST: usize = 8;
/// Steps of a denoiser at most.
const MOST_DENOISING: i64 = 10_000;
/// Evaluations of the generator that a step of a denoiser takes about as long as: two of a network that is larger.
const DRAWS_OF_A_STEP: usize = 4;
/// MALA steps that take about as long as drawing.
const STEPS_OF_A_DRAW: usize = 16;
/// Draws that take longer show a bar.
const LONG: Duration = Duration::from_secs(10);

/// Draws and writes the samples. Everything that can be refused is refused before anything is drawn.
pub fn run(arguments: &Sample, quiet: bool) -> Result<(), Error> {
    let n = whole(arguments.n, 1, "-n")?;
    let seed = whole(arguments.seed, 0, "--seed")?;
    let steps = steps(arguments.polish)?;
    let denoising = arguments.steps.map(denoising).transpose()?;
    if arguments.gate.is_some_and(f64::is_nan) {
        return Err(Error::input("--gate is not a number", "give an energy, for example --gate 0"));
    }
    let output = Output::of(arguments)?;
    let source = resolve(&arguments.run)?;
    let open = || denoising.map_or_else(|| source.open(), |steps| source.open_in_steps(steps));
    // Samples alone need no energy.
    let known = match known_target(source.target(), source.convention(), source.energy(), &arguments.run) {
        Err(_) if steps == 0 && arguments.gate.is_none() => None,
        known => known?,
    };
    let (target, opened) = match known {
        Some(target) => (target, None),
        None => {
            let sampler = open()?;
            (without_energy(&source, sampler.dim()), Some(sampler))
        }
    };
    let target = &target;
    if !target.has_energy() && (steps > 0 || arguments.gate.is_some()) {
        let flag = if steps > 0 { "--polish" } else { "--gate" };
        let name = target.name();
        let message = format!("{flag} needs the energy of {name}, which is not one of `kiln targets`");
        return Err(Error::input(message, format!("leave {flag} out, or polish in the program that has the energy")));
    }
    output.check(n, target)?;
    let sampler = opened.map_or_else(open, Ok)?;
    source.check_dim(sampler.dim(), target)?;
    let (start, stop) = (Instant::now(), stop_on_signals());
    let wanted =
        Wanted { n, seed, steps, denoising: denoising.unwrap_or(0), gate: arguments.gate, left: output.left() };
    let watch = Watch::new(target, n, quiet);
    let drawn = output.write(n, target, |put| draw(&sampler, target, &wanted, watch, &stop, put))?;
    let Some(Drawn { polished, gate }) = drawn else { return Ok(()) };
    if !quiet {
        if let Some(report) = polished {
            say(report);
        }
        if let Some(Gate { energy, judged, kept, lost, .. }) = gate {
            let (left_out, rate) = (judged - kept, kept as f64 / judged as f64);
            say(format_args!(
                "gate: {kept} of {judged} samples have an energy of at most {energy} ({:.2} %), {left_out} left out, {lost} of them not finite; {judged} energy evaluations",
                100.0 * rate
            ));
        }
        let (title, seconds) = (target.title(), start.elapsed().as_secs_f64());
        say(format_args!("{n} samples of {title} in {seconds:.3} s, {output}"));
    }
    Ok(())
}

/// The number of MALA steps, from `--polish`.
pub(super) fn steps(polish: i64) -> Result<usize, Error> {
    let steps = whole(polish, 0, "--polish").map_err(|error| error.with_hint("for example --polish 20"))?;
    if polish > MOST_STEPS {
        let message = format!("--polish is {polish}, but must be at most {MOST_STEPS} steps");
        return Err(Error::input(message, "for equilibrium samples see `kiln reference`"));
    }
    Ok(steps as usize)
}

/// The number of steps of a denoiser, from `--steps`.
pub(super) fn denoising(steps: i64) -> Result<usize, Error> {
    if steps > MOST_DENOISING {
        let message = format!("--steps is {steps}, but must be at most {MOST_DENOISING}");
        return Err(Error::input(message, "20 are near the best that a denoiser can do"));
    }
    let steps = whole(steps, 2, "--steps").map_err(|error| error.with_hint("for example --steps 20"))?;
    Ok(steps as usize)
}

/// What is to be drawn.
struct Wanted {
    n: u64,
    seed: u64,
    /// Of polishing.
    steps: usize,
    /// Steps of a denoiser; 0 for the generator.
    denoising: usize,
    gate: Option<f64>,
    /// What is left where drawing ends early.
    left: &'static str,
}

/// What was drawn.
struct Drawn {
    polished: Option<PolishReport>,
    gate: Option<Gate>,
}

/// Hands over the first n samples of the seed's sequence, polished, that pass the gate.
fn draw(
    source: &Sampler,
    target: &Target,
    wanted: &Wanted,
    mut watch: Watch,
    stop: &AtomicBool,
    put: Put,
) -> Result<Drawn, Error> {
    let &Wanted { n, seed, steps, denoising, gate, left } = wanted;
    // The step size comes from the same samples whatever n is.
    let mut polisher = match steps {
        0 => None,
        _ => Some(Polisher::tuned(target, &source.rows(seed, 0, PILOT_ROWS)?, steps, seed, stop)?),
    };
    let mut gate = gate.map(Gate::new);
    let part = part(target, steps, denoising) as u64;
    let (mut drawn, mut written) = (0, 0);
    let go_on = |drawn: u64| match stop.load(Ordering::SeqCst) {
        false => Ok(()),
        true => Err(Error::interrupted(
            format!("interrupted after {drawn} draws; {left}"),
            "run it again: the same seed draws the same samples",
        )),
    };
    let early = |error: Error| {
        let hint = format!("{left}; {}", error.hint());
        error.with_hint(hint)
    };
    while written < n {
        go_on(drawn)?;
        let missing = match &gate {
            Some(gate) => next_draws(n, drawn, gate.kept) - drawn,
            None => n - drawn,
        };
        let mut rows = source.rows(seed, drawn, missing.min(part) as usize)?;
        if let Some(polisher) = &mut polisher {
            polisher.polish(&mut rows, drawn)?;
            go_on(drawn)?;
        }
        match &mut gate {
            Some(gate) => rows = gate.passed(target, &rows, n - written).map_err(early)?,
            None => rows.check_finite(drawn, n).map_err(early)?,
        }
        drawn += missing.min(part);
        written += rows.len() as u64;
        put(&rows)?;
        watch.see(written);
    }
    Ok(Drawn { polished: polisher.map(|polisher| polisher.report()), gate })
}

/// Samples of a part: fewer where one of them takes longer.
fn part(target: &Target, steps: usize, denoising: usize) -> usize {
    let pairs = match target.symmetry() {
        Symmetry::Particles { count, .. } => count * count,
        Symmetry::None => 0,
    };
    let cost = pairs.max(LEAST_COST) * (1 + steps / STEPS_OF_A_DRAW + DRAWS_OF_A_STEP * denoising);
    (PART_WORK / cost).clamp(*PART.start(), *PART.end())
}

/// How many samples of the sequence to have drawn next: as many as are wanted at first, then by the rate so far.
fn next_draws(n: u64, drawn: u64, kept: u64) -> u64 {
    match (drawn, kept) {
        (0, _) => n,
        (_, 0) => (10 * drawn).max(GATE_DRAWS),
        _ => drawn + (1.1 * (n - kept.min(n)) as f64 * drawn as f64 / kept as f64).ceil() as u64 + 10,
    }
}

/// Lets samples through whose energy is at most a bound.
struct Gate {
    energy: f64,
    /// Samples that came.
    judged: u64,
    /// How many of them passed.
    kept: u64,
    /// How many have no finite energy.
    lost: u64,
    /// Some energies that came, for the complaint.
    energies: Vec<f64>,
}

impl Gate {
    fn new(energy: f64) -> Self {
        Self { energy, judged: 0, kept: 0, lost: 0, energies: Vec::new() }
    }

    /// The first `most` of the rows that pass. Rows that are not finite have no energy.
    fn passed(&mut self, target: &Target, rows: &Samples, most: u64) -> Result<Samples, Error> {
        let mut passed = Samples { dim: rows.dim, data: Vec::new() };
        for (row, energy) in rows.data.chunks_exact(rows.dim).zip(energies(target, &rows.data)) {
            self.judged += 1;
            self.lost += u64::from(!energy.is_finite());
            if energy.is_finite() && self.energies.len() < GATE_ENERGIES {
                self.energies.push(energy);
            }
            if energy <= self.energy {
                self.kept += 1;
                if (passed.len() as u64) < most {
                    passed.data.extend(row);
                }
            }
        }
        if self.judged >= GATE_DRAWS && (self.kept as f64) < LEAST_RATE * self.judged as f64 {
            return Err(self.closed());
        }
        Ok(passed)
    }

    fn closed(&self) -> Error {
        let Self { energy, judged, kept, lost, energies } = self;
        let Some(least) = energies.iter().copied().reduce(f64::min) else {
            return Error::numerics(
                format!("none of {judged} samples has a finite energy"),
                "train the generator anew",
            );
        };
        let lost = if *lost > 0 { format!("; {lost} have no finite energy") } else { String::new() };
        let found = format!("their energies begin at {least:.2}, half are below {:.2}{lost}", median(energies));
        Error::input(
            format!("--gate {energy} lets {kept} of {judged} samples through: {found}"),
            "raise --gate, add --polish, or leave --gate out",
        )
    }
}

/// A bar for draws that take long.
struct Watch {
    name: String,
    n: u64,
    quiet: bool,
    start: Instant,
    progress: Option<Bar>,
}

impl Watch {
    fn new(target: &Target, n: u64, quiet: bool) -> Self {
        Self { name: target.name().into(), n, quiet, start: Instant::now(), progress: None }
    }

    fn see(&mut self, written: u64) {
        let whole = self.start.elapsed().mul_f64(self.n as f64 / written.max(1) as f64);
        if self.progress.is_none() && self.start.elapsed() > LONG / 10 && whole > LONG {
            let progress = Bar::new(&self.name, self.n, written, self.quiet);
            progress.quality("samples");
            self.progress = Some(progress);
        } else if let Some(progress) = &self.progress {
            progress.step(written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln::targets::builtin;

    #[test]
    fn draws_follow_the_rate() {
        assert_eq!(next_draws(100, 0, 0), 100);
        assert_eq!(next_draws(5, 5, 0), 1000);
        assert!((220..=221).contains(&next_draws(100, 100, 50)));
    }

    #[test]
    fn a_closed_gate_says_what_would_open_it() {
        let gate = Gate { energy: -60.0, judged: 1000, kept: 0, lost: 0, energies: vec![-40.0, -50.0, -30.0] };
        let error = gate.closed();
        let sentence =
            "--gate -60 lets 0 of 1000 samples through: their energies begin at -50.00, half are below -40.00";
        assert_eq!(error.to_string(), sentence);
        assert!(error.hint().contains("raise --gate"));
        let error = Gate { energies: vec![], ..gate }.closed();
        assert_eq!((error.to_string().as_str(), error.exit_code()), ("none of 1000 samples has a finite energy", 3));
    }

    #[test]
    fn rows_that_are_not_finite_end_a_draw_and_are_counted() {
        let rows = Samples { dim: 2, data: vec![0.0, 1.0, f32::NAN, 0.0, 0.0, f32::INFINITY, 2.0, 3.0] };
        let error = rows.check_finite(0, 4).unwrap_err();
        assert_eq!(error.to_string(), "2 of 4 samples are not finite, the first is number 2");
        assert_eq!(error.exit_code(), 3);
        let error = rows.check_finite(100, 1000).unwrap_err();
        assert_eq!(error.to_string(), "2 of the first 104 samples are not finite, the first is number 102");
        assert!(Samples { dim: 2, data: vec![0.0, 1.0] }.check_finite(0, 1).is_ok());
    }

    #[test]
    fn an_infinite_gate_lets_no_infinite_sample_through() {
        let target = &builtin()[0];
        let rows = Samples { dim: 2, data: vec![0.0, 1.0, f32::NAN, 0.0, 0.0, f32::INFINITY, 2.0, 3.0] };
        let mut gate = Gate::new(f64::INFINITY);
        assert_eq!(gate.passed(target, &rows, 9).unwrap().data, [0.0, 1.0, 2.0, 3.0]);
        assert_eq!((gate.judged, gate.kept), (4, 2));
        assert_eq!(gate.passed(target, &rows, 1).unwrap().data, [0.0, 1.0], "no more than are wanted");
    }

    #[test]
    fn parts_are_smaller_where_a_sample_costs_more() {
        let target = |name: &str| builtin().into_iter().find(|target| target.name() == name).unwrap();
        let [mog40, dw4, lj13, lj55] = ["mog40", "dw4", "lj13", "lj55"].map(|name| part(&target(name), 0, 0));
        assert_eq!(mog40, *PART.end());
        assert!(mog40 > dw4 && dw4 > lj13 && lj13 > lj55 && lj55 == *PART.start());
        assert_eq!(part(&target("mog40"), 1_000_000, 0), *PART.start());
    }
}
