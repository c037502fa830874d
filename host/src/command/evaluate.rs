//! `kiln evaluate`: every figure of a trained run with its floor or truth.

use super::{find_target, print, whole};
use crate::cli::Evaluate;
use crate::engine::Engine;
use crate::error::Error;
use crate::metric::{Effort, evaluate};
use crate::run::Run;

/// Prints the table or JSON.
pub fn run(arguments: &Evaluate, engine: &dyn Engine) -> Result<(), Error> {
    let seed = whole(arguments.seed, 0, "--seed")?;
    let (run, config) = Run::open(&arguments.run)?;
    run.generator()?;
    let target = find_target(engine, &config.run.target, "")?;
    let effort = Effort::default();
    let samples = engine.sample(&run, &config, seed, effort.samples())?;
    let report = evaluate(target.as_ref(), &samples, seed, &arguments.run.display().to_string(), effort)?;
    print(&if arguments.json { report.json() + "\n" } else { report.table() })
}
