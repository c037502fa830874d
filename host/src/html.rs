//! A report of one evaluation as a single HTML file: no network, no script, light and dark, for a phone as for a desk.
//!
//! Charts ([`crate::chart`]) are SVG in the page itself, so that they take its colours; one file is all there is.

mod curves;
mod distributions;
mod parameters;
mod style;
mod table;

use crate::chart::of_page;
use kiln::config::{Config, run_text};
use kiln::cost::Cost;
use kiln::error::Error;
use kiln::files::write_whole;
use kiln::metric::Measured;
use kiln::metric::{Comparison, Report};
use kiln::pool::Pool;
use kiln::run::{Metrics, Run};
use kiln::target::Target;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::io::Write as _;
use std::path::Path;

/// Marks a file as ours, so that it may be replaced.
const GENERATOR: &str = "<meta name=\"generator\" content=\"kiln";

/// What a report shows.
pub struct Page<'a> {
    /// What was judged.
    pub target: &'a Target,
    /// The samples.
    pub measured: &'a Measured,
    /// What they were compared with.
    pub comparison: Option<&'a Comparison>,
    /// The figures.
    pub report: &'a Report,
    /// The run they came from.
    pub run: Option<&'a Training>,
}

/// What a run directory tells of the training.
pub struct Training {
    settings: String,
    preset: String,
    seed: u64,
    metrics: Metrics,
    /// Whether it began with an exploration, and what it cost with that, where it is known.
    explored: bool,
    cost: Option<Cost>,
}

impl Training {
    /// Reads it.
    ///
    /// # Errors
    /// If the metrics are there and cannot be read.
    pub fn read(run: &Run, config: &Config) -> Result<Self, Error> {
        let pool = Pool::of_run(run)?;
        Ok(Self {
            settings: run_text(config, run.about()),
            preset: config.run.preset.to_string(),
            seed: config.run.seed,
            metrics: run.metrics()?,
            explored: run.about().explored.is_some(),
            cost: pool.as_ref().map(|pool| Cost::of(run, pool)).transpose()?.flatten(),
        })
    }

    /// Its energy evaluations, where they are known, with those of the exploration that it began with.
    pub fn energy_evaluations(&self) -> Option<u64> {
        match &self.cost {
            Some(Cost { exploring, training, .. }) => Some(exploring.0 + training.0),
            None if self.explored => None,
            None => self.metrics.all_energy_evaluations(),
        }
    }
}

/// Refuses a place where the report cannot go: no directory, or a file that is not one of ours.
///
/// # Errors
/// As said.
pub fn check_destination(path: &Path) -> Result<(), Error> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        let message = format!("the directory '{}' of '{}' does not exist", parent.display(), path.display());
        return Err(Error::input(message, "create it first, or choose another place"));
    }
    if path.is_dir() {
        return Err(Error::input(format!("'{}' is a directory", path.display()), "give the path of a file"));
    }
    let Ok(old) = std::fs::read(path) else { return Ok(()) };
    let head = String::from_utf8_lossy(&old[..old.len().min(1000)]).into_owned();
    if old.is_empty() || head.contains(GENERATOR) {
        return Ok(());
    }
    let message = format!("'{}' already exists and is not a report of Kiln", path.display());
    Err(Error::input(message, "nothing was overwritten; choose another place"))
}

/// Writes the report, in place of an older one.
///
/// # Errors
/// If the place is taken by something else, or cannot be written.
pub fn write(path: &Path, page: &Page<'_>) -> Result<(), Error> {
    check_destination(path)?;
    let text = page.render();
    write_whole(path, |file| file.write_all(text.as_bytes()))
}

impl Page<'_> {
    /// The whole file.
    pub fn render(&self) -> String {
        let report = self.report;
        let title = format!("{}: {}", report.target, report.source);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="generator" content={ "kiln " (env!("CARGO_PKG_VERSION")) };
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) }
                    style { (PreEscaped(of_page())) (PreEscaped(style::CSS)) }
                }
                body {
                    header {
                        p.eyebrow { "Kiln, quality of samples" }
                        h1 { (report.target) }
                        (self.facts())
                    }
                    main {
                        @if let Some(verdict) = &report.verdict { p.verdict { (capital(&verdict.line())) "." } }
                        (table::headlines(report))
                        (table::quality(report))
                        (distributions::section(self))
                        (parameters::section(&report.parameters))
                        @if let Some(training) = self.run {
                            (curves::section(training))
                            (settings(training))
                        }
                    }
                    footer {
                        p { "Written by kiln " (env!("CARGO_PKG_VERSION")) ". This file needs no network." }
                    }
                }
            }
        };
        page.into_string()
    }

    fn facts(&self) -> Markup {
        let report = self.report;
        html! {
            dl.facts {
                div { dt { "Samples" } dd { (self.measured.len()) " from " code { (report.source) }
                    @if let Some(seed) = report.seed { ", seed " (seed) }
                    @if report.polish_steps > 0 { ", each polished by " (report.polish_steps) " MALA steps" } } }
                @if let Some(training) = self.run {
                    div { dt { "Training" } dd { "preset " (training.preset) ", seed " (training.seed) (curves::effort(training)) } }
                    @if let Some(cost) = &training.cost {
                        div { dt { "Cost" } dd { (cost.told()) } }
                    }
                }
                @if let Some(reference) = &report.reference {
                    div { dt { "Reference" } dd { (reference.source) ", " (reference.n) " samples" } }
                }
                div { dt { "Energy" } dd { (report.convention) } }
            }
        }
    }
}

/// A sentence as a page has it.
fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn settings(training: &Training) -> Markup {
    html! {
        section aria-labelledby="settings" {
            h2 #settings { "Settings" }
            p { "Every setting of the run, with seed, versions and convention, as in its " code { "config.toml" } "." }
            details {
                summary { "Show all settings" }
                pre tabindex="0" { code { (training.settings) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln::metric::Origin;
    use kiln::metric::suite::{Effort, judge};
    use kiln::progress::Silent;
    use kiln::samples::Samples;
    use kiln::targets::builtin;

    fn page(source: &str, training: Option<&Training>) -> String {
        let target = builtin().into_iter().find(|target| target.name() == "mw32").unwrap();
        let target = &target;
        let data = target.exact_samples(1, 300).unwrap();
        let measured = Measured::of(target, Samples { dim: 32, data }).unwrap();
        let comparison = Comparison::of(target, 300).unwrap();
        let effort = Effort { n: 300, distance_n: 100, repeats: 2, geometric: true };
        let report = judge(target, &measured, &Origin::draws(source, 1), Some(&comparison), None, effort, &Silent);
        Page { target, measured: &measured, comparison: Some(&comparison), report: &report, run: training }.render()
    }

    #[test]
    fn a_page_stands_on_its_own_and_escapes_what_it_is_given() {
        let training = Training {
            settings: "key = \"<value>\"".into(),
            preset: "kiln".into(),
            seed: 3,
            metrics: Metrics { records: Vec::new(), damaged: 2 },
            explored: true,
            cost: Some(Cost { exploring: (500_000, 2.0), training: (1000, 6.0), effective: Some(1000.0) }),
        };
        assert_eq!(training.energy_evaluations(), Some(501_000));
        let page = page("<script>alert(1)</script>", Some(&training));
        assert!(page.contains("5.0e5, 2 s; training 1000, 6 s") && page.contains("Replica exchange alone costs 500"));
        let without = Training { cost: None, ..training };
        assert_eq!(without.energy_evaluations(), None, "unknown, not those of the training alone");
        for banned in ["<script", "http://", "https://", "@import", "url("] {
            assert!(!page.contains(banned), "{banned}");
        }
        assert!(
            page.contains("&lt;value&gt;")
                && page.contains("2 lines of the metrics are damaged")
                && page.contains("There are no metrics")
        );
        assert_eq!(page.matches("<svg").count(), page.matches("role=\"img\" aria-label=").count());
        assert_eq!(page.matches("<svg").count(), 1 + 16, "energy, wells");
    }

    #[test]
    fn only_our_own_reports_are_replaced() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("report.html");
        assert!(check_destination(&path).is_ok());
        std::fs::write(&path, page("a run", None)).unwrap();
        assert!(check_destination(&path).is_ok());
        std::fs::write(&path, "<html>mine</html>").unwrap();
        assert!(check_destination(&path).unwrap_err().to_string().contains("not a report of Kiln"));
        assert!(check_destination(place.path()).is_err() && check_destination(&path.join("below")).is_err());
    }
}
