//! The commands, one a file, and what they share.

pub mod attempt;
pub mod distill;
pub mod evaluate;
pub mod explore;
pub mod export;
pub mod formula;
mod given;
pub mod inspect;
mod output;
pub mod presets;
pub mod reference;
pub mod sample;
pub mod targets;
pub mod train;

use crate::cli::{Cli, Command};
use kiln::energy_file::is_energy_file;
use kiln::error::{Error, nearest};
use kiln::source::{Source, same_energy};
use kiln::target::Target;
use kiln::targets::{builtin, find};
use kiln::threads;
use kiln::verdict::{Outcome, Verdict};
use std::path::Path;

/// Does what the command line says.
pub fn run(cli: &Cli) -> Result<(), Error> {
    let threads = threads::asked(cli.threads)?;
    // A training and a distillation have settings, which say how many where the flag does not.
    if let (Some(asked), false) = (threads, matches!(cli.command, Command::Train(_) | Command::Distill(_))) {
        threads::start(asked)?;
    }
    match &cli.command {
        Command::Train(arguments) => train::run(arguments, cli.quiet, threads),
        Command::Sample(arguments) => sample::run(arguments, cli.quiet),
        Command::Explore(arguments) => explore::run(arguments, cli.quiet),
        Command::Formula(arguments) => formula::run(arguments),
        Command::Reference(arguments) => reference::run(arguments, cli.quiet),
        Command::Evaluate(arguments) => evaluate::run(arguments, cli.quiet),
        Command::Export(arguments) => export::run(arguments, cli.quiet),
        Command::Distill(arguments) => distill::run(arguments, cli.quiet, threads),
        Command::Inspect(arguments) => inspect::run(arguments),
        Command::Attempt(arguments) => attempt::run(arguments),
        Command::Targets(arguments) => targets::run(arguments),
        Command::Presets(arguments) => presets::run(arguments),
    }
}

/// The target of that name or formula file; `place` ("--set: ", or nothing) says where the name came from.
fn find_target(name: &str, place: &str) -> Result<Target, Error> {
    if is_energy_file(name) {
        return attempt::target_of_file(Path::new(name));
    }
    let targets = builtin();
    let names: Vec<String> = targets.iter().map(|target| target.name().to_string()).collect();
    targets.into_iter().find(|target| target.name() == name).ok_or_else(|| {
        let all = names.join(", ");
        let hint = match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean '{near}'? There are {all}, formula files such as mine.toml, and libraries such as ./libmine.so"),
            None => format!("there are {all}, formula files such as mine.toml, and libraries such as ./libmine.so"),
        };
        Error::input(format!("{place}unknown target '{name}'"), hint)
    })
}

/// The target of a source, which needs its energy.
///
/// # Errors
/// As [`target_of`].
fn target_of_source(source: &Source, place: &Path) -> Result<Target, Error> {
    target_of(source.target(), source.convention(), source.energy(), place)
}

/// What a run's generator draws from where only the program that trained it has the energy: enough for samples.
fn without_energy(source: &Source, dim: usize) -> Target {
    Target::without_energy(source.target(), dim, source.convention().unwrap_or_default())
}

/// The target of the run, pool or model at `place`: from the file that its energy came from, else the built-in one of that name; none
/// where neither is at hand.
///
/// # Errors
/// If the file cannot be read, or describes another energy by now.
fn known_target(
    name: &str,
    convention: Option<&str>,
    file: Option<&Path>,
    place: &Path,
) -> Result<Option<Target>, Error> {
    let Some(file) = file else {
        // Another program's energy may have any name.
        return Ok(find(name).filter(|target| convention.is_none_or(|known| known == target.convention())));
    };
    let target = attempt::target_of_file(file).map_err(|error| {
        let hint = error.hint().to_string();
        error.with_hint(format!("the energy came from there; put it back, or {hint}"))
    })?;
    same_energy(target, convention, place).map(Some)
}

/// The same, for what needs the energy of the run or model at `place`.
///
/// # Errors
/// If it is not at hand; the hint says how to go on.
fn target_of(name: &str, convention: Option<&str>, file: Option<&Path>, place: &Path) -> Result<Target, Error> {
    known_target(name, convention, file, place)?.ok_or_else(|| {
        let place = place.display();
        Error::input(
            format!("'{place}' is of {name}, an energy that is not one of `kiln targets`"),
            format!(
                "its own program can, by the library kiln (fit::resume, metric::suite::evaluate); \
                 `kiln sample {place}` and `kiln export --no-quality {place}` need no energy"
            ),
        )
    })
}

/// Ends a command, after all was told and written, where the verdict on `what` is that its samples fail.
///
/// # Errors
/// Exit code 1, where they do.
fn refuse_failing(verdict: &Verdict, what: &Path, target: &Target) -> Result<(), Error> {
    if verdict.outcome != Outcome::Fails {
        return Ok(());
    }
    let message = format!("{} does not draw {}: {}", what.display(), target.title(), verdict.reason);
    Err(Error::verdict(message, "train longer, or with another recipe; nothing was deleted"))
}

/// A whole number from `min` on, from a flag.
fn whole(value: i64, min: i64, flag: &str) -> Result<u64, Error> {
    u64::try_from(value).ok().filter(|_| value >= min).ok_or_else(|| {
        Error::input(
            format!("{flag} is {value}, but must be a whole number from {min} up"),
            format!("for example {flag} {}", 10_000 * min),
        )
    })
}
