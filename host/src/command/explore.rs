//! `kiln explore`: the modes of an energy and a pool of its states, with the evidence.

use super::{find_target, whole};
use crate::bars::Bars;
use crate::chart::{Caption, Set, View, picture};
use crate::cli::Explore;
use crate::console::{print, say};
use crate::interrupt::stop_on_signals;
use crate::progress::parse_budget;
use kiln::error::Error;
use kiln::explore::Start;
use kiln::format;
use kiln::metric::Comparison;
use kiln::metric::number::digits;
use kiln::pool::{self, Facts, Order, Pool, explore};
use kiln::run::PICTURE;
use kiln::target::Target;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Fewest and most evaluations.
const EVALUATIONS: std::ops::RangeInclusive<f64> = 2e4..=1e12;
/// Rows of the table: of more coordinates, those that mix worst are shown.
const ROWS: usize = 24;

/// Explores, writes the pool and says what is known of it.
pub fn run(arguments: &Explore, quiet: bool) -> Result<(), Error> {
    let seed = whole(arguments.seed, 0, "--seed")?;
    let evaluations = whole_evaluations(arguments.evaluations)?;
    let budget = arguments.budget.as_deref().map(parse_budget).transpose()?;
    let target = find_target(&arguments.target, "")?;
    let default = || PathBuf::from("explored").join(format!("{}-seed{seed}", target.name()));
    let output = arguments.output.clone().unwrap_or_else(default);
    pool::check_destination(&output)?;
    let start = match &arguments.pool {
        Some(path) => starts(path, &target)?,
        None => Start::Scattered,
    };
    let seconds = budget.map(|budget| budget.as_secs_f64());
    let order = Order { evaluations, seconds, seed, start };
    let mut found = explore(&target, &order, &Bars::new(quiet), &stop_on_signals())?;
    found.write(&output)?;
    // The picture is of as many states as are worth looking at.
    let shown = found.samples.len().min(10_000);
    let (samples, energies) = found.draw_with_energies(seed, 0, shown)?;
    let figures = headline(&found);
    let known = Comparison::of(&target, shown);
    let reference = known.as_ref().map(|known| (Set::of(&known.reference), "reference samples"));
    let view = View { target: &target, samples: Set::cut(&samples.data, &energies), reference, cells: &[] };
    let caption = Caption { title: format!("{}, explored", target.title()), said: vec![figures.clone()] };
    let picture = picture(&view, &caption)?;
    let path = output.join(PICTURE);
    std::fs::write(&path, picture).map_err(|error| Error::file("write", &path, error))?;
    if !quiet {
        say(format_args!("{figures}; in {}", output.display()));
        if !found.facts.left_out.is_empty() {
            say(format_args!("for so few evaluations: {}", found.facts.left_out.join("; ")));
        }
    }
    let json = || serde_json::to_string_pretty(&found.facts).unwrap_or_default() + "\n";
    print(&if arguments.json { json() } else { table(&found.facts) })?;
    verdict(&found, &output)
}

/// --evaluations as a number of them.
pub(super) fn whole_evaluations(given: f64) -> Result<u64, Error> {
    if !EVALUATIONS.contains(&given) {
        let [least, most] = [*EVALUATIONS.start(), *EVALUATIONS.end()];
        let message = format!("--evaluations is {given}, but must be a number from {least} to {most:e}");
        return Err(Error::input(message, "for example --evaluations 5e6"));
    }
    Ok(given as u64)
}

/// Exit code 1, with the reasons, where the pool is not converged.
fn verdict(found: &Pool, output: &Path) -> Result<(), Error> {
    let Facts { reasons, target, .. } = &found.facts;
    if reasons.is_empty() {
        return Ok(());
    }
    let message = format!("the exploration of {target} is not converged: {}", reasons.join("; "));
    let more = 4.0 * found.facts.evaluations as f64;
    let hint =
        format!("'{}' was kept; try --evaluations {more:.0e}, or starts of your own with --pool", output.display());
    Err(Error::verdict(message, hint))
}

/// Points to begin at.
fn starts(path: &Path, target: &Target) -> Result<Start, Error> {
    let samples = format::open(path)?.samples;
    let (dim, shown) = (target.dim(), path.display());
    if samples.dim != dim || samples.is_empty() {
        let message = format!(
            "'{shown}' has {} rows of {} numbers, {} has {dim} coordinates",
            samples.len(),
            samples.dim,
            target.title()
        );
        return Err(Error::input(message, "give points of this target with --pool"));
    }
    Ok(Start::At(samples.data.iter().map(|x| f64::from(*x)).collect()))
}

/// What was found, in one line.
fn headline(found: &Pool) -> String {
    let Facts { evaluations, seconds, log_z, .. } = &found.facts;
    let constant = log_z.map_or_else(String::new, |[value, error]| format!(", log Z {value:.3} ± {error:.3}"));
    format!(
        "{} states, effective sample size {:.0}, R-hat {:.3}{constant}, {:.2e} evaluations, {seconds:.1} s",
        found.samples.len(),
        found.effective(),
        found.r_hat(),
        *evaluations as f64
    )
}

/// The table, coordinates first; of many, those that mix worst.
fn table(facts: &Facts) -> String {
    let mut shown: Vec<usize> = (0..facts.figures.len()).collect();
    if shown.len() > ROWS {
        shown.sort_by(|a, b| facts.figures[*a].effective.total_cmp(&facts.figures[*b].effective));
        shown.truncate(ROWS);
        shown.sort_unstable();
    }
    let width = shown.iter().map(|at| facts.figures[*at].name.chars().count()).max().unwrap_or(0).max(8);
    let heads = ["mean", "sd", "5 %", "50 %", "95 %", "ESS", "R-hat"];
    let mut text = format!("{:<width$}", "");
    heads.iter().for_each(|head| text += &format!(" {head:>10}"));
    text.push('\n');
    for at in &shown {
        let figure = &facts.figures[*at];
        let [least, _, middle, _, most] = figure.quantiles;
        let _ = write!(text, "{:<width$}", figure.name);
        for value in [figure.mean, figure.sd, least, middle, most] {
            let _ = write!(text, " {:>10}", number(value));
        }
        let _ = writeln!(text, " {:>10} {:>10}", digits(figure.effective, 0), digits(figure.r_hat, 3));
    }
    if shown.len() < facts.figures.len() {
        let _ = writeln!(
            text,
            "and {} more, which mix better; all are in {}",
            facts.figures.len() - shown.len(),
            pool::FACTS
        );
    }
    text
}

/// Four digits.
fn number(value: f64) -> String {
    match value.abs() {
        size if size != 0.0 && !(1e-3..1e5).contains(&size) => format!("{value:.2e}"),
        size => digits(value, if size < 10.0 { 3 } else { 2 }),
    }
}
