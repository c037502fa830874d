//! `kiln sample`: draws samples from a trained run.

use super::whole;
use crate::cli::Sample;
use crate::engine::Engine;
use crate::error::Error;
use crate::format;
use crate::run::Run;
use std::time::Instant;

/// Draws and writes the samples. Everything that can be refused is refused before anything is drawn.
pub fn run(arguments: &Sample, engine: &dyn Engine, quiet: bool) -> Result<(), Error> {
    let n = whole(arguments.n, 1, "-n")? as usize;
    let seed = whole(arguments.seed, 0, "--seed")?;
    format::check_destination(&arguments.output, arguments.force)?;
    let (run, config) = Run::open(&arguments.run)?;
    run.generator()?;
    let start = Instant::now();
    let samples = engine.sample(&run, &config, seed, n)?;
    let elapsed = start.elapsed();
    format::write(&arguments.output, &samples, arguments.force)?;
    if !quiet {
        eprintln!(
            "{n} samples of {} in {:.3} s, in {}",
            config.run.target,
            elapsed.as_secs_f64(),
            arguments.output.display()
        );
    }
    Ok(())
}
