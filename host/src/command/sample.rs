//! `kiln sample`: draws samples from a trained generator, polishes them and leaves out what is above a gate.

use super::{find_target, whole};
use crate::cli::Sample;
use crate::console::say;
use crate::engine::{Engine, Samples};
use crate::error::Error;
use crate::format;
use crate::metric::statistic::median;
use crate::polish::{PILOT_ROWS, PolishReport, Polisher};
use crate::source::{Source, resolve};
use crate::target_api::Target;
use rayon::prelude::*;
use std::time::Instant;

/// Numbers that one file may hold: 16 GB.
const MOST_NUMBERS: usize = 4_000_000_000;
/// MALA steps at most.
const MOST_STEPS: i64 = 1_000_000;
/// Draws before a gate is given up.
const GATE_DRAWS: usize = 1000;
/// Share of the draws that a gate must let through.
const LEAST_RATE: f64 = 0.01;

/// Draws and writes the samples. Everything that can be refused is refused before anything is drawn.
pub fn run(arguments: &Sample, engine: &dyn Engine, quiet: bool) -> Result<(), Error> {
    let n = whole(arguments.n, 1, "-n")? as usize;
    let seed = whole(arguments.seed, 0, "--seed")?;
    let steps = steps(arguments.polish)?;
    if arguments.gate.is_some_and(f64::is_nan) {
        return Err(Error::input("--gate is not a number", "give an energy, for example --gate 0"));
    }
    let format = format::check_destination(&arguments.output, arguments.force)?;
    let source = resolve(&arguments.run)?;
    let target = find_target(engine, source.target(), "")?;
    format.suits(target.as_ref())?;
    if n.checked_mul(target.dim()).is_none_or(|numbers| numbers > MOST_NUMBERS) {
        let most = MOST_NUMBERS / target.dim();
        return Err(Error::input(
            format!("-n is {n}, but one file holds at most {most} samples of {}", target.title()),
            "draw several files with different --seed",
        ));
    }
    let start = Instant::now();
    let wanted = Wanted { n, seed, steps, gate: arguments.gate };
    let drawn = draw(&source, engine, target.as_ref(), &wanted)?;
    let elapsed = start.elapsed();
    format::write(&arguments.output, &drawn.samples, target.as_ref(), arguments.force)?;
    if !quiet {
        if let Some(report) = drawn.polished {
            say(report);
        }
        if let Some(gate) = arguments.gate {
            let (left_out, rate) = (drawn.judged - drawn.kept, drawn.kept as f64 / drawn.judged as f64);
            say(format_args!(
                "gate: {} of {} samples have an energy of at most {gate} ({:.2} %), {left_out} left out; {} energy evaluations",
                drawn.kept,
                drawn.judged,
                100.0 * rate,
                drawn.judged
            ));
        }
        let (title, seconds, place) = (target.title(), elapsed.as_secs_f64(), arguments.output.display());
        say(format_args!("{n} samples of {title} in {seconds:.3} s, in {place}"));
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

/// What is to be drawn.
struct Wanted {
    n: usize,
    seed: u64,
    steps: usize,
    gate: Option<f64>,
}

/// What was drawn.
struct Drawn {
    samples: Samples,
    polished: Option<PolishReport>,
    /// Samples whose energy was compared with the gate.
    judged: usize,
    /// How many of them passed.
    kept: usize,
}

/// The first n samples of the seed's sequence, polished, that pass the gate.
fn draw(source: &Source, engine: &dyn Engine, target: &dyn Target, wanted: &Wanted) -> Result<Drawn, Error> {
    let &Wanted { n, seed, steps, gate } = wanted;
    // The step size comes from the same samples whatever n is.
    let mut polisher = match steps {
        0 => None,
        _ => Some(Polisher::tuned(target, &source.sample(engine, seed, PILOT_ROWS)?, steps, seed)?),
    };
    let dim = target.dim();
    let mut samples = Samples { dim, data: Vec::new() };
    let (mut drawn, mut kept) = (0, 0);
    while kept < n {
        let next = next_draws(n, drawn, kept);
        let mut fresh = source.sample(engine, seed, next)?;
        fresh.data.drain(..drawn * dim);
        if let Some(polisher) = &mut polisher {
            polisher.polish(&mut fresh, drawn as u64)?;
        }
        drawn = next;
        let Some(gate) = gate else {
            (samples, kept) = (fresh, n);
            break;
        };
        let energies = energies_of(target, &fresh);
        for (row, energy) in fresh.data.chunks_exact(dim).zip(&energies) {
            if *energy <= gate {
                kept += 1;
                if samples.len() < n {
                    samples.data.extend(row);
                }
            }
        }
        if drawn >= GATE_DRAWS && (kept as f64) < LEAST_RATE * drawn as f64 {
            return Err(closed(gate, kept, drawn, &energies));
        }
    }
    Ok(Drawn { samples, polished: polisher.map(|polisher| polisher.report()), judged: drawn, kept })
}

/// How many samples of the sequence to have drawn next: as many as are wanted at first, then by the rate so far.
fn next_draws(n: usize, drawn: usize, kept: usize) -> usize {
    match (drawn, kept) {
        (0, _) => n,
        (_, 0) => (10 * drawn).max(GATE_DRAWS),
        _ => drawn + (1.1 * (n - kept) as f64 * drawn as f64 / kept as f64).ceil() as usize + 10,
    }
}

fn closed(gate: f64, kept: usize, drawn: usize, energies: &[f64]) -> Error {
    let finite: Vec<f64> = energies.iter().copied().filter(|energy| energy.is_finite()).collect();
    let least = finite.iter().copied().fold(f64::INFINITY, f64::min);
    Error::input(
        format!(
            "--gate {gate} lets {kept} of {drawn} samples through: their energies begin at {least:.2}, half are below {:.2}",
            median(&finite)
        ),
        "nothing was written; raise --gate, add --polish, or leave --gate out",
    )
}

fn energies_of(target: &dyn Target, samples: &Samples) -> Vec<f64> {
    let wide = |row: &[f32]| target.energy(&row.iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
    samples.data.par_chunks_exact(samples.dim).map(wide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_rate() {
        assert_eq!(next_draws(100, 0, 0), 100);
        assert_eq!(next_draws(5, 5, 0), 1000);
        assert!((220..=221).contains(&next_draws(100, 100, 50)));
    }

    #[test]
    fn a_closed_gate_says_what_would_open_it() {
        let error = closed(-60.0, 0, 1000, &[-40.0, -50.0, f64::NAN, -30.0]);
        let sentence =
            "--gate -60 lets 0 of 1000 samples through: their energies begin at -50.00, half are below -40.00";
        assert_eq!(error.to_string(), sentence);
        assert!(error.hint().contains("raise --gate"));
    }
}
