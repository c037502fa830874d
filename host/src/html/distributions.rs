//! Histograms against the reference: energies; distances of particles, or marginals; in two dimensions the picture.

use super::Page;
use super::chart::Frame;
use crate::binning::{densities, range};
use crate::plot::{self, Caption};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kiln::metric::Measured;
use kiln::metric::number::digits;
use kiln::metric::particles::distances;
use kiln::metric::report::percent;
use kiln::metric::suite;
use kiln::metric::wells::right_fractions;
use kiln::target::Structure;
use maud::{Markup, html};

/// Most marginals shown.
const MOST_MARGINALS: usize = 16;
/// Samples whose marginals and distances are drawn.
const DRAWN: usize = 10_000;
const BINS: usize = 60;
const SMALL_BINS: usize = 40;

/// All that fits the target.
pub fn section(page: &Page<'_>) -> Markup {
    let (target, dim) = (page.target, page.target.dim());
    let reference = page.comparison.map(|comparison| &comparison.reference);
    let cut = |data: &[f32]| data[..data.len().min(DRAWN * dim)].to_vec();
    let samples = cut(&page.measured.samples.data);
    let exact = reference.map(|set| cut(&set.samples.data));
    let energies = &page.measured.energies[..page.measured.len().min(DRAWN)];
    let exact_energies = reference.map(|set| &set.energies[..set.len().min(DRAWN)]);
    let column = |set: &[f32], at: usize| set.chunks_exact(dim).map(|x| f64::from(x[at])).collect::<Vec<f64>>();
    html! {
        section aria-labelledby="distributions" {
            h2 #distributions { "Distributions" }
            p.key {
                span.model { (energies.len()) " samples" }
                @if let Some(energies) = exact_energies { span.exact { (energies.len()) " reference samples" } }
            }
            div.charts.wide {
                (histogram("Energy", "", energies, exact_energies, true))
                @if let Structure::Particles { dimensions, .. } = target.structure() {
                    @let mine = distances(&samples, dim, dimensions);
                    @let theirs = exact.as_ref().map(|set| distances(set, dim, dimensions));
                    (histogram("Distances between particles", "", &mine, theirs.as_deref(), true))
                } @else if dim == 2 {
                    (picture(page))
                }
            }
            @match target.structure() {
                Structure::Particles { .. } => {}
                Structure::Wells { right } => {
                    @let wells = right_fractions(&samples, dim);
                    h3 style="margin: 1.25rem 0 .5rem" { "The double wells, with P(d > 0); truth " (format!("{right:.3}")) }
                    div.charts.small { @for (well, share) in wells.iter().enumerate().take(MOST_MARGINALS) {
                        @let theirs = exact.as_ref().map(|set| column(set, 2 * well));
                        (histogram(&format!("d{well}"), &between(*share), &column(&samples, 2 * well), theirs.as_deref(), false))
                    } }
                }
                _ if dim == 2 => {}
                _ => {
                    h3 style="margin: 1.25rem 0 .5rem" { "Marginals" }
                    div.charts.small { @for at in 0..dim.min(MOST_MARGINALS) {
                        @let theirs = exact.as_ref().map(|set| column(set, at));
                        (histogram(&format!("x{at}"), "", &column(&samples, at), theirs.as_deref(), false))
                    } }
                }
            }
        }
    }
}

/// The share right of 0, or both ends of what it could be where samples are lost.
fn between([least, most]: [f64; 2]) -> String {
    if least < most { format!("{least:.3} to {most:.3}") } else { digits(least, 3) }
}

/// The samples over the density, as the run's picture shows them.
fn picture(page: &Page<'_>) -> Markup {
    let Measured { samples, energies, .. } = page.measured;
    let caption = Caption {
        title: page.report.target.clone(),
        figures: suite::headline(page.target, &samples.data, energies).text,
    };
    let Ok(png) = plot::picture(page.target, samples, energies, &caption) else { return html! {} };
    let label = format!(
        "{} samples of {} as dots over bands of its density. {}",
        samples.len(),
        caption.title,
        caption.figures
    );
    html! {
        figure {
            img src={ "data:image/png;base64," (BASE64_STANDARD.encode(png)) } alt=(label) width="1000" height="1090";
        }
    }
}

/// One histogram, large or small.
fn histogram(title: &str, note: &str, samples: &[f64], reference: Option<&[f64]>, large: bool) -> Markup {
    let x = range(reference.unwrap_or(samples), samples);
    let bins = if large { BINS } else { SMALL_BINS };
    let densities = |values: &[f64]| densities(values, x, bins);
    let (mine, theirs) = (densities(samples), reference.map(densities));
    let top = mine.iter().chain(theirs.iter().flatten()).copied().fold(1e-300, f64::max) * 1.08;
    let frame = if large {
        Frame::new(380.0, 220.0, x, (0.0, top)).without_y()
    } else {
        Frame::new(180.0, 110.0, x, (0.0, top)).without_y()
    };
    let body = html! {
        @if let Some(theirs) = &theirs { (frame.steps("area", theirs)) }
        (frame.steps("line", &mine))
    };
    let outside =
        samples.iter().filter(|value| !(**value >= x.0 && **value <= x.1)).count() as f64 / samples.len().max(1) as f64;
    let compared = if reference.is_some() { " against the reference" } else { "" };
    html! {
        figure {
            h3 { (title) @if !note.is_empty() { small { (note) } } }
            (frame.draw(&format!("Histogram of the samples{compared}: {title} {note}"), if large { 6 } else { 3 }, &body))
            @if large && outside > 0.0 { figcaption { (percent(outside)) " of the samples are outside this range" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_samples_leave_a_share_open() {
        assert_eq!([[0.5, 0.5], [0.25, 0.5], [f64::NAN; 2]].map(between), ["0.500", "0.250 to 0.500", "unknown"]);
    }

    #[test]
    fn outliers_do_not_squeeze_the_rest_and_are_told() {
        let reference: Vec<f64> = (0..2000).map(|i| f64::from(i) / 2000.0).collect();
        let mut samples = reference.clone();
        samples.extend([1e9, f64::NAN]);
        let (low, high) = range(&reference, &samples);
        assert!(low > -0.2 && high < 1.2);
        assert!(
            histogram("Energy", "", &samples, Some(&reference), true).into_string().contains("0.10 % of the samples")
        );
        let area: f64 = densities(&reference, (0.0, 1.0), 10).iter().sum::<f64>() / 10.0;
        assert!((area - 1.0).abs() < 1e-12);
        assert!(histogram("E", "", &[f64::NAN], None, false).into_string().contains("svg"));
    }
}
