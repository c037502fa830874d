//! `kiln`: trains one-step samplers of Boltzmann distributions, samples from them, evaluates them. The work is the library's;
//! here are the command line, signals, progress bars, pictures and reports.
//!
//! Guarantees
//! - stdout is data, stderr is log. Bad input ends with exit code 2, one sentence and a hint.
//! - A stderr that is closed or full ends nothing; see [`console`].
//!
//! Non-goals: a plotting library, a job scheduler.
#![forbid(unsafe_code)]
// A closed or full stderr must not end a training: see `console`.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod bars;
mod chart;
mod cli;
mod command;
mod console;
mod defect;
mod html;
mod interrupt;
mod progress;
mod watch;

use clap::Parser;
use cli::Cli;
use console::say;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match defect::guard(|| command::run(&cli)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            say(format_args!("error: {error}"));
            if !error.hint().is_empty() {
                say(format_args!("hint: {}", error.hint()));
            }
            ExitCode::from(error.exit_code())
        }
        Err(defect) => ExitCode::from(defect),
    }
}
