//! Exploring a target: what pools and references begin with.

use crate::error::Error;
use crate::progress::{Part, Progress};
use crate::target::Target;
use kiln_explore::{Exploration, News, Probe, Refusal, Settings, explore};
use std::sync::atomic::AtomicBool;

/// What is asked of an exploration of a target, of so many evaluations at most, from scattered starts.
pub fn settings(target: &Target, evaluations: u64, seed: u64) -> Settings {
    let (bounds, names) = (target.bounds().to_vec(), target.names().to_vec());
    Settings { bounds, names, ..Settings::new(target.dim(), evaluations, seed) }
}

/// Explores a target, as one part of `progress`, in evaluations.
///
/// # Errors
/// If the energy is refused or failed, the budget is too small, or `stop` was set.
pub fn find(
    target: &Target,
    settings: &Settings,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Exploration, Error> {
    let tick = progress.part(Part::new(target.name(), settings.evaluations));
    let watch = |news: News<'_>| match news {
        News::Probed(probe, evaluations) => progress.note(&forecast(probe, evaluations)),
        News::Doing(what, evaluations) => {
            tick.quality(what);
            tick.step(evaluations);
        }
    };
    let found = explore(target, settings, &watch, stop);
    // An energy that has failed is infinite from then on, whatever that was taken for.
    target.check()?;
    found.map_err(refused)
}

/// What one evaluation costs, and hence all of them.
fn forecast(probe: &Probe, evaluations: u64) -> String {
    let threads = rayon::current_num_threads();
    let whole = probe.seconds * evaluations as f64 / threads as f64;
    let each = 1e6 * probe.seconds;
    format!(
        "an evaluation takes {each:.2} µs: at most {evaluations} of them, {whole:.1} s on {threads} threads beside other work"
    )
}

fn refused(refusal: Refusal) -> Error {
    if refusal.interrupted {
        return Error::interrupted(refusal.message, refusal.hint);
    }
    Error::input(refusal.message, refusal.hint)
}
