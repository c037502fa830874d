//! `kiln targets`: what can be sampled.

use crate::cli::Targets;
use crate::console::print;
use kiln::error::Error;
use kiln::targets::builtin;
use std::fmt::Write as _;

/// Lists the targets.
pub fn run(arguments: &Targets) -> Result<(), Error> {
    if arguments.bars {
        return print(&bars());
    }
    let mut text = format!("{:<15} {:>4}  what it is\n", "target", "dim");
    for target in builtin() {
        let _ = writeln!(text, "{:<15} {:>4}  {}", target.name(), target.dim(), target.summary());
        for line in target.convention().lines() {
            let _ = writeln!(text, "{:22}{line}", "");
        }
    }
    print(&text)
}

/// One line for each bar, its parts set apart by tabs; `none` is no bar on that side.
fn bars() -> String {
    let end = |value: Option<f64>| value.map_or_else(|| "none".into(), |value| value.to_string());
    let mut text = String::new();
    for target in builtin() {
        for bar in target.bars() {
            let (least, most) = (end(bar.least), end(bar.most));
            let _ = writeln!(text, "{}\t{}\t{}\t{least}\t{most}", target.name(), bar.figure, bar.of);
        }
    }
    text
}
