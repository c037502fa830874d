//! The figures as cards and as a table.

use crate::chart::minus;
use kiln::metric::number::digits;
use kiln::metric::number::figure;
use kiln::metric::report::{Report, Row, effective, percent};
use maud::{Markup, html};

/// Rows that come first, where a report has them: what a reader looks for.
const HEADLINES: [&str; 10] = [
    "modes covered",
    "mean log p",
    "mode-mass total variation",
    "worst well |P(d>0) - truth|",
    "median energy",
    "energy TVD",
    "distance TVD",
    "W2, geometric",
    "mean energy",
    "W2",
];
/// How many of them.
const CARDS: usize = 4;

/// The most telling figures, large.
pub fn headlines(report: &Report) -> Markup {
    let rows: Vec<&Row> =
        HEADLINES.iter().filter_map(|name| report.rows.iter().find(|row| row.metric == *name)).collect();
    html! {
        ul.cards aria-label="The most telling figures" {
            @for row in rows.into_iter().take(CARDS) {
                li {
                    span { (row.metric) }
                    b { (minus(&figure(row.value))) }
                    span {
                        @match (row.truth, row.floor) {
                            (Some(truth), _) => { "truth " (minus(&figure(truth))) }
                            (None, Some(floor)) if row.metric.ends_with("energy") => { "reference " (minus(&figure(floor))) }
                            (None, Some(floor)) => { "floor " (minus(&figure(floor))) }
                            (None, None) => { "n = " (row.n) }
                        }
                    }
                }
            }
        }
    }
}

/// Every figure.
pub fn quality(report: &Report) -> Markup {
    html! {
        section aria-labelledby="quality" {
            h2 #quality { "Quality" }
            p { "A value is to be read against its floor, what a perfect sampler scores with as many samples, or against
                the truth; never against zero." }
            div.scroll role="region" aria-labelledby="quality" tabindex="0" {
                table {
                    thead { tr {
                        @for head in ["metric", "value", "floor", "truth", "n", "ESS", "R-hat", "accepted", "energies"] {
                            th scope="col" { (head) }
                        }
                    } }
                    tbody { @for row in &report.rows { (line(row)) } }
                }
            }
            ul.notes { @for note in report.footnotes() { li { (note) } } }
        }
    }
}

fn line(row: &Row) -> Markup {
    let optional = |value: Option<f64>| value.map_or("–".to_string(), |value| minus(&figure(value)));
    let error = |sd: Option<f64>| html! { @if let Some(sd) = sd { small { " ± " (rounded(sd)) } } };
    html! {
        tr {
            th scope="row" {
                (row.metric)
                @if let Some(share) = row.discarded { ", " (percent(share)) " left out" }
            }
            td { (minus(&figure(row.value))) (error(row.sd)) }
            td { (optional(row.floor)) (error(row.floor_sd)) }
            td { (optional(row.truth)) }
            td {
                (row.n)
                @if row.repeats > 1 { " × " (row.repeats) }
                @if row.floor_repeats > 1 && row.floor_repeats != row.repeats { small { ", floor × " (row.floor_repeats) } }
            }
            td { (effective(row.effective_sample_size)) }
            td { (row.r_hat.map_or("–".into(), |r_hat| digits(r_hat, 3))) }
            td { (row.acceptance.map_or("–".into(), |rate| digits(rate, 2))) }
            td { (row.energy_evaluations) }
        }
    }
}

/// An error with two digits.
fn rounded(sd: f64) -> String {
    if sd == 0.0 || !sd.is_finite() {
        return figure(sd);
    }
    let digits = (1.0 - sd.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    if sd >= 1e5 { format!("{sd:.1e}") } else { format!("{sd:.digits$}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_two_digits() {
        assert_eq!([0.0123, 1.2345, 34.5, 158.6, 0.0, 2e7].map(rounded), ["0.012", "1.2", "34", "159", "0", "2.0e7"]);
    }
}
