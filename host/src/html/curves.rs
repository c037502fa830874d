//! How the training went: curves over its steps, and posterior sampling by noise level at its end.

use super::Training;
use crate::chart::{Drawing, Frame, minus};
use kiln::run::{Level, Record};
use maud::{Markup, html};

/// A curve: its figure and its title.
type Curve = (fn(&Record) -> Option<f64>, &'static str);

const CURVES: [Curve; 8] = [
    (|record| record.median_energy, "Median energy of the samples"),
    (|record| record.mean_energy, "Mean energy of the samples"),
    (|record| record.distance_tvd, "Distance TVD"),
    (|record| record.stein, "Stein score"),
    (|record| record.score_loss, "Loss of the score network"),
    (|record| record.loss, "Loss of the student"),
    (|record| record.error, "Distance from the teacher"),
    (|record| record.gradient_norm, "Gradient norm, generator"),
];

/// A column of the posterior table: its figure, its head and its digits.
type Column = (fn(&Level) -> Option<f64>, &'static str, usize);

const COLUMNS: [Column; 9] = [
    (|level| level.v, "noise v", 3),
    (|level| level.residual, "residual", 4),
    (|level| level.median_energy, "median energy", 2),
    (|level| level.effective_sample_size, "ESS of particles", 1),
    (|level| level.annealing_acceptance, "annealing accepted", 2),
    (|level| level.chain_acceptance, "chain accepted", 2),
    (|level| level.refresh_acceptance, "refreshes accepted", 2),
    (|level| level.divergences, DIVERGENCES, 1),
    (|level| level.target_weight, "weight of forces", 2),
];
const DIVERGENCES: &str = "divergences";

/// Steps and time, as ", 8000 steps in 11 min 10 s".
pub fn effort(training: &Training) -> String {
    let Some(Record { step: steps, seconds, .. }) = training.metrics.records.last() else { return String::new() };
    format!(", {steps} steps in {:.0} min {:.0} s", (seconds / 60.0).floor(), seconds % 60.0)
}

/// Curves and table, as far as there are metrics.
pub fn section(training: &Training) -> Markup {
    let records = &training.metrics.records;
    let curves = CURVES.iter().filter_map(|(figure, title)| {
        let points = records.iter().map(|record| (record.step as f64, figure(record).unwrap_or(f64::NAN)));
        curve(title, &points.collect::<Vec<_>>())
    });
    html! {
        section aria-labelledby="training" {
            h2 #training { "Training" }
            @if training.metrics.damaged > 0 {
                p { (training.metrics.damaged) " lines of the metrics are damaged, or of another run, and left out." }
            }
            @if records.is_empty() {
                p { "There are no metrics of the training." }
            } @else {
                p { "Over the steps of the generator" (effort(training)) "." }
                div.charts { @for curve in curves { (curve) } }
                (posterior(training))
            }
        }
    }
}

/// One curve; none for fewer than two finite points.
fn curve(title: &str, points: &[(f64, f64)]) -> Option<Markup> {
    let finite: Vec<(f64, f64)> = points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    let (first, last) = (finite.first()?, finite.last()?);
    if finite.len() < 2 || first.0 >= last.0 {
        return None;
    }
    let (low, high) = shown(&finite);
    let beyond = finite.iter().any(|(_, y)| *y < low || *y > high);
    let (width, height) = (380.0, 200.0);
    let frame = Frame::new(width, height, (first.0, last.0), (low, high)).with_y();
    let body = html! { (frame.upright_axis()) (frame.line("line", points)) (frame.x_axis(5)) };
    let label = format!("{title} over {} steps, from {:.4} to {:.4}", last.0, first.1, last.1);
    let drawing = Drawing { width, height, label, body };
    Some(html! {
        figure {
            h3 { (title) small { (minus(&kiln::metric::number::figure(last.1))) " at the end" } }
            (drawing.inline())
            @if beyond { figcaption { "Begins beyond this range: " (minus(&kiln::metric::number::figure(first.1))) } }
        }
    })
}

/// The range of the last 80 % of the points, so that the first ones do not squeeze the rest.
fn shown(points: &[(f64, f64)]) -> (f64, f64) {
    let late = &points[points.len() / 5..];
    let ends = |points: &[(f64, f64)]| {
        let low = points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
        (low, points.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max))
    };
    let ((low, high), (all_low, all_high)) = (ends(late), ends(points));
    let width = (high - low).max(1e-9 * high.abs()).max(1e-12);
    let (low, high) = ((low - width).max(all_low), (high + width).min(all_high));
    let margin = 0.05 * (high - low).max(1e-12);
    (low - margin, high + margin)
}

fn posterior(training: &Training) -> Markup {
    let levels = training.metrics.records.iter().rev().map(|record| &record.posterior).find(|all| !all.is_empty());
    let Some(levels) = levels else { return html! {} };
    // What a training does not use is 0 throughout.
    let used = |(figure, head, _): &&Column| {
        levels.iter().filter_map(figure).any(|value| value != 0.0 || *head == DIVERGENCES)
    };
    let columns: Vec<_> = COLUMNS.iter().filter(used).collect();
    let cell = |value: Option<f64>, digits: usize| {
        value.map_or("–".to_string(), |value| minus(&format!("{value:.digits$}")))
    };
    html! {
        h3.above #posterior { "Posterior sampling by noise level, at the end of the training" }
        p { "Where the median energy rises far above the target's own as the noise grows, chains are too short and training stalls." }
        div.scroll role="region" aria-labelledby="posterior" tabindex="0" {
            table {
                thead { tr { @for (_, head, _) in &columns { th scope="col" { (head) } } } }
                tbody { @for level in levels { tr { @for (at, (figure, _, digits)) in columns.iter().enumerate() {
                    @if at == 0 { th scope="row" { (cell(figure(level), *digits)) } }
                    @else { td { (cell(figure(level), *digits)) } }
                } } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wild_start_is_cut_off_and_said() {
        let points: Vec<(f64, f64)> =
            (0..50).map(|i| (f64::from(i), if i == 0 { 1e12 } else { -137.0 + f64::from(i % 7) * 0.1 })).collect();
        let (low, high) = shown(&points);
        assert!(low > -140.0 && high < -130.0);
        assert!(curve("Energy", &points).unwrap().into_string().contains("Begins beyond this range"));
        assert!(curve("Energy", &points[..1]).is_none());
        assert!(curve("Energy", &[(0.0, f64::NAN), (1.0, f64::NAN)]).is_none());
    }
}
