//! `kiln reference`: samples of a target that one may believe, with the evidence beside them.

use super::explore::whole_evaluations;
use super::{find_target, whole};
use crate::bars::Bars;
use crate::cli::Reference;
use crate::console::{print, say};
use crate::interrupt::stop_on_signals;
use kiln::error::Error;
use kiln::files::write_whole;
use kiln::format::{self, Format};
use kiln::reference::{self, Order};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Most frames of one reference: they are held in memory.
const MOST_FRAMES: usize = 10_000_000;

/// Makes, judges and writes. Everything that can be refused is refused before anything is drawn.
pub fn run(arguments: &Reference, quiet: bool) -> Result<(), Error> {
    let target = find_target(&arguments.target, "")?;
    let order = order(arguments)?;
    let output = arguments.output.clone().unwrap_or_else(|| format!("{}-reference.npy", target.name()).into());
    if output.as_os_str() == "-" {
        let message = "a reference goes to a file: its manifest lies beside it";
        return Err(Error::input(message, "give a path; `kiln sample` writes to stdout too"));
    }
    let format = Format::of(&output)?;
    format::check_destination(&output, arguments.force)?;
    format.suits(&target)?;
    let beside = format::manifest_of(&output);
    if !arguments.force && beside.symlink_metadata().is_ok() {
        let message = format!("'{}', where the manifest goes, already exists", beside.display());
        return Err(Error::input(message, "nothing was overwritten; add --force to replace it"));
    }
    reference::check_memory(&target, &order)?;
    if !quiet {
        say(format_args!("reference of {}, {}", target.title(), target.convention().replace('\n', " ")));
    }
    let mut made = reference::generate(&target, &order, &Bars::new(quiet), &stop_on_signals())?;
    made.manifest.command = command(&order, arguments, &output);
    if !quiet {
        say(made.manifest.table().trim_end());
    }
    if let (Err(why), false) = (made.manifest.verdict(), arguments.accept_unconverged) {
        let (title, effort) = (target.title(), 4.0 * order.effort);
        let more = match order.evaluations {
            Some(evaluations) => format!("--evaluations {:.0e}", 4.0 * evaluations as f64),
            None => format!("--effort {effort}"),
        };
        return Err(Error::verdict(
            format!("not a reference of {title}: {why}"),
            format!("nothing was written; try {more}, or keep it with --accept-unconverged"),
        ));
    }
    format::write(&output, &made.samples, &target, arguments.force)?;
    write_whole(&beside, |file| file.write_all(made.manifest.json().as_bytes()))?;
    print(&format!("{}\n", output.display()))
}

fn order(arguments: &Reference) -> Result<Order, Error> {
    let n = whole(arguments.n, 1, "-n")? as usize;
    if n > MOST_FRAMES {
        let message = format!("-n is {n}, but must be at most {MOST_FRAMES} frames");
        return Err(Error::input(message, "make several references with different --seed"));
    }
    let seed = whole(arguments.seed, 0, "--seed")?;
    let effort = arguments.effort;
    if !(0.01..=1000.0).contains(&effort) {
        let message = format!("--effort is {effort}, but must be a number from 0.01 to 1000");
        return Err(Error::input(message, "1 gives nearly independent frames; 4 takes four times as long"));
    }
    let evaluations = arguments.evaluations.map(whole_evaluations).transpose()?;
    Ok(Order { n, seed, effort, evaluations, exact: !arguments.chains })
}

/// The command that makes the same file; of the path, the file's name alone.
fn command(order: &Order, arguments: &Reference, output: &Path) -> String {
    let mut text = format!("kiln reference {} -n {} --seed {}", arguments.target, order.n, order.seed);
    if order.effort != Order::default().effort {
        text += &format!(" --effort {}", order.effort);
    }
    if let Some(evaluations) = order.evaluations {
        text += &format!(" --evaluations {evaluations}");
    }
    if !order.exact {
        text += " --chains";
    }
    if arguments.accept_unconverged {
        text += " --accept-unconverged";
    }
    text + &format!(" -o {}", PathBuf::from(output.file_name().unwrap_or_default()).display())
}
