//! The quality of a set of samples in one line: for progress bars and pictures, a few milliseconds of work.

use super::report::percent;
use crate::reference::shipped;
use crate::target::{Structure, Target};
use kiln_metrics::histogram::{BINS, Outside, total_variation};
use kiln_metrics::measure::energies;
use kiln_metrics::number::digits;
use kiln_metrics::particles::{distances, share_above};
use kiln_metrics::statistic::{Mean, median};
use kiln_metrics::{mixture, wells};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// Reference frames that distances are compared with, as many as the samples usually are.
const FRAMES: usize = 2000;

/// The quality of samples at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct Headline {
    /// The figures that matter most for the target, in one line.
    pub text: String,
    /// Mean energy.
    pub mean_energy: f64,
    /// Median energy.
    pub median_energy: f64,
    /// Total variation of distances from the shipped reference's, of particles that have one.
    pub distance_tvd: Option<f64>,
}

/// The figures that matter most for the target, of samples (rows, dim) with these energies (rows). For particles a median,
/// since one contact can make any mean.
pub fn headline(target: &Target, samples: &[f32], energies: &[f64]) -> Headline {
    let dim = target.dim();
    let (mean, middle) = (Mean::of(energies).mean, median(energies));
    let mut distance_tvd = None;
    let truth = |value: Option<f64>| value.map_or(String::new(), |truth| format!(" (truth {truth:.2})"));
    let text = match target.structure() {
        Structure::Mixture { means, sd } => {
            let found = mixture::coverage(samples, dim, &means, sd);
            let (covered, modes, variation) = (found.covered, found.modes, found.mass_variation);
            let truth = truth(target.mean_energy().map(|energy| -energy));
            format!("log p {}{truth}, {covered} of {modes} modes, mass TV {}", digits(-mean, 2), digits(variation, 3))
        }
        Structure::Wells { right } => {
            let worst = wells::worst_deviation(&wells::right_fractions(samples, dim), right);
            let (mean, worst, truth) = (digits(mean, 2), digits(worst, 3), truth(target.mean_energy()));
            format!("energy {mean}{truth}, worst well {worst} from its weight")
        }
        Structure::Particles { dimensions, .. } => {
            let reference = summary(target, dimensions);
            let gate = reference.as_deref().map_or(0.0, |reference| reference.gate);
            let mut text = format!("median energy {}", digits(middle, 2));
            if let Some(reference) = &reference {
                let mine = distances(samples, dim, dimensions);
                let variation = total_variation(&mine, &reference.distances, BINS, Outside::Counted);
                distance_tvd = Some(variation);
                let variation = digits(variation, 3);
                text += &format!(" (reference {:.2}), distance TVD {variation}", reference.median_energy);
            }
            text + &format!(", {} above {gate:.0}", percent(share_above(energies, gate)))
        }
        Structure::Unknown => format!("energy {}{}", digits(mean, 2), truth(target.mean_energy())),
    };
    Headline { text, mean_energy: mean, median_energy: middle, distance_tvd }
}

/// What the line needs of the shipped reference.
struct Summary {
    median_energy: f64,
    distances: Vec<f64>,
    gate: f64,
}

/// The summary of a target's shipped reference, made once.
fn summary(target: &Target, dimensions: usize) -> Option<Arc<Summary>> {
    type Summaries = Mutex<HashMap<String, Option<Arc<Summary>>>>;
    static SUMMARIES: OnceLock<Summaries> = OnceLock::new();
    let mut summaries = SUMMARIES.get_or_init(Mutex::default).lock().ok()?;
    let key = target.name().to_string();
    summaries
        .entry(key)
        .or_insert_with(|| {
            let samples = shipped(target.name())?.samples;
            let energies = energies(target, &samples.data);
            let frames = samples.len().min(FRAMES) * samples.dim;
            Some(Arc::new(Summary {
                median_energy: median(&energies),
                distances: distances(&samples.data[..frames], samples.dim, dimensions),
                gate: energies.iter().copied().fold(0.0, f64::max).ceil(),
            }))
        })
        .clone()
}
