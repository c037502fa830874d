//! `kiln`: trains one-step samplers of Boltzmann distributions, samples from them, evaluates them.
#![forbid(unsafe_code)]
#![deny(clippy::print_stderr, clippy::print_stdout)]

use clap::Parser;
use host::{cli::Cli, command, console::say, defect, train::Kiln};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match defect::guard(|| command::run(&cli, &Kiln)) {
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
