//! `kiln targets`: what can be sampled.

use crate::console::print;
use kiln::error::Error;
use kiln::targets::builtin;
use std::fmt::Write as _;

/// Lists the targets.
pub fn run() -> Result<(), Error> {
    let mut text = format!("{:<15} {:>4}  what it is\n", "target", "dim");
    for target in builtin() {
        let _ = writeln!(text, "{:<15} {:>4}  {}", target.name(), target.dim(), target.summary());
        for line in target.convention().lines() {
            let _ = writeln!(text, "{:22}{line}", "");
        }
    }
    print(&text)
}
