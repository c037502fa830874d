//! `kiln`: trains one-step samplers of Boltzmann distributions, samples from them, evaluates them.
#![forbid(unsafe_code)]

use clap::Parser;
use host::{cli::Cli, command, train::Kiln};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match command::run(&cli, &Kiln) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if !error.hint().is_empty() {
                eprintln!("hint: {}", error.hint());
            }
            ExitCode::from(error.exit_code())
        }
    }
}
