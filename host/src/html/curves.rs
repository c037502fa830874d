//! How the training went: curves over its steps, and posterior sampling by noise level at its end.

use super::Training;
use super::chart::Frame;
use maud::{Markup, html};
use serde_json::Value;

/// What is drawn: a key of `metrics.jsonl` and its title.
const CURVES: [(&str, &str); 6] = [
    ("median_energy", "Median energy of the samples"),
    ("mean_energy", "Mean energy of the samples"),
    ("distance_tvd", "Distance TVD"),
    ("selection", "Stein score"),
    ("score_loss", "Loss of the score network"),
    ("gradient_norm", "Gradient norm, generator"),
];

/// Columns of the posterior table: a key and its head.
const LEVELS: [(&str, &str, usize); 8] = [
    ("v", "noise v", 3),
    ("median_energy", "median energy", 2),
    ("effective_sample_size", "ESS of particles", 1),
    ("annealing_acceptance", "annealing accepted", 2),
    ("mala_acceptance", "MALA accepted", 2),
    ("refresh_acceptance", "refreshes accepted", 2),
    ("divergences", "divergences", 1),
    ("target_weight", "weight of forces", 2),
];

/// Steps and time, as ", 8000 steps in 11 min 10 s".
pub fn effort(training: &Training) -> String {
    let Some(last) = training.metrics.last() else { return String::new() };
    let (Some(steps), Some(seconds)) = (last["step"].as_u64(), last["seconds"].as_f64()) else { return String::new() };
    format!(", {steps} steps in {:.0} min {:.0} s", (seconds / 60.0).floor(), seconds % 60.0)
}

/// Curves and table, as far as there are metrics.
pub fn section(training: &Training) -> Markup {
    let steps: Vec<f64> = training.metrics.iter().map(|line| line["step"].as_f64().unwrap_or(f64::NAN)).collect();
    let curves = CURVES.iter().filter_map(|(key, title)| {
        let values: Vec<f64> = training.metrics.iter().map(|line| line[*key].as_f64().unwrap_or(f64::NAN)).collect();
        let points: Vec<(f64, f64)> = steps.iter().copied().zip(values).collect();
        curve(title, &points)
    });
    html! {
        section aria-labelledby="training" {
            h2 #training { "Training" }
            @if training.metrics.is_empty() {
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
    let frame = Frame::new(380.0, 200.0, (first.0, last.0), (low, high));
    let body = html! { (frame.line("line", points)) };
    let label = format!("{title} over {} steps, from {:.4} to {:.4}", last.0, first.1, last.1);
    Some(html! {
        figure {
            h3 { (title) small { (super::table::minus(&crate::metric::report::figure(last.1))) " at the end" } }
            (frame.draw(&label, 5, &body))
            @if beyond { figcaption { "Begins beyond this range: " (super::table::minus(&crate::metric::report::figure(first.1))) } }
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
    let levels =
        training.metrics.iter().rev().find_map(|line| line["posterior"].as_array().filter(|all| !all.is_empty()));
    let Some(levels) = levels else { return html! {} };
    // What a training does not use is 0 throughout.
    let used =
        |key: &str| levels.iter().any(|level| level[key].as_f64().is_some_and(|v| v != 0.0 || key == "divergences"));
    let columns: Vec<_> = LEVELS.iter().filter(|(key, ..)| used(key)).collect();
    let cell = |level: &Value, key: &str, digits: usize| {
        level[key].as_f64().map_or("–".to_string(), |value| super::table::minus(&format!("{value:.digits$}")))
    };
    html! {
        h3 #posterior style="margin: 1.5rem 0 .5rem" { "Posterior sampling by noise level, at the end of the training" }
        p { "Where the median energy rises far above the target's own as the noise grows, chains are too short and training stalls." }
        div.scroll role="region" aria-labelledby="posterior" tabindex="0" {
            table {
                thead { tr { @for (_, head, _) in &columns { th scope="col" { (head) } } } }
                tbody { @for level in levels { tr { @for (at, (key, _, digits)) in columns.iter().enumerate() {
                    @if at == 0 { th scope="row" { (cell(level, key, *digits)) } }
                    @else { td { (cell(level, key, *digits)) } }
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
