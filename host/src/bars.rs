//! The bars of the library's work: a [`Progress`] that shows each part as it deserves.

use crate::console::say;
use crate::progress::Bar;
use crate::watch::Watch;
use indicatif::ProgressBar;
use kiln::progress::{Part, Progress, Tick, Weight};
use std::io::IsTerminal;
use std::sync::Mutex;

/// What the person watches of the library's work: a bar for each of its parts.
pub struct Bars {
    quiet: bool,
    /// The bar that was begun last: notes go above it.
    latest: Mutex<Option<ProgressBar>>,
}

impl Bars {
    /// None where `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self { quiet, latest: Mutex::new(None) }
    }
}

impl Progress for Bars {
    fn part<'a>(&'a self, part: Part<'a>) -> Box<dyn Tick + 'a> {
        let quiet = match part.weight {
            Weight::Brief => return Box::new(Watch::new(part.name, part.total, !self.quiet)),
            Weight::Preparation => self.quiet || !std::io::stderr().is_terminal(),
            Weight::Main => self.quiet,
        };
        let bar = Bar::within(part.name, part.total, part.budget, quiet);
        if !part.doing.is_empty() {
            bar.quality(part.doing);
        }
        if let (Some(bar), Ok(mut latest)) = (bar.shown(), self.latest.lock()) {
            *latest = Some(bar.clone());
        }
        Box::new(bar)
    }

    fn note(&self, text: &str) {
        if self.quiet {
            return;
        }
        match self.latest.lock().as_deref() {
            Ok(Some(bar)) => bar.suspend(|| say(text)),
            _ => say(text),
        }
    }
}
