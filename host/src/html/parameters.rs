//! The parameters of a posterior as a table: of the samples, and of what they are compared with.

use crate::chart::minus;
use kiln::metric::parameters::{COLUMNS, Parameter, furthest};
use maud::{Markup, html};

/// Most rows.
const ROWS: usize = 100;

/// Nothing of no parameters.
pub fn section(all: &[Parameter]) -> Markup {
    if all.is_empty() {
        return html! {};
    }
    let shown = furthest(all, ROWS);
    let compared = shown.iter().any(|parameter| parameter.reference.is_some());
    html! {
        section aria-labelledby="parameters" {
            h2 #parameters { "Parameters" }
            div.scroll role="region" aria-labelledby="parameters" tabindex="0" {
                table {
                    thead {
                        @if compared {
                            tr {
                                td {}
                                th.middle scope="colgroup" colspan=(COLUMNS.len()) { "samples" }
                                th.middle scope="colgroup" colspan=(COLUMNS.len()) { "reference" }
                            }
                        }
                        tr {
                            th scope="col" { "parameter" }
                            @for _ in 0..=usize::from(compared) { @for head in COLUMNS { th scope="col" { (head) } } }
                        }
                    }
                    tbody { @for parameter in &shown { tr {
                        th scope="row" { (parameter.name) }
                        @for cell in parameter.samples.cells() { td { (minus(&cell)) } }
                        @if let Some(reference) = &parameter.reference {
                            @for cell in reference.cells() { td { small { (minus(&cell)) } } }
                        }
                    } } }
                }
            }
            @if shown.len() < all.len() {
                p { "And " (all.len() - shown.len()) " more, whose means are nearer to the reference\u{2019}s; "
                    code { "kiln evaluate --json" } " tells all." }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln::metric::Spread;

    #[test]
    fn each_parameter_is_a_row_by_its_name() {
        let spread = |mean: f64| Spread { mean, sd: 1.0, low: mean - 1.5, median: mean, high: mean + 1.5 };
        let parameter = |name: &str, reference| Parameter { name: name.into(), samples: spread(-2.0), reference };
        let table =
            section(&[parameter("mu <0>", Some(spread(-2.25))), parameter("rate", Some(spread(3.0)))]).into_string();
        assert!(
            table.contains("<th scope=\"row\">mu &lt;0&gt;</th>") && table.contains("<small>\u{2212}2.250</small>")
        );
        assert_eq!(table.matches("<td>").count(), 1 + 2 * 10);
        assert_eq!(section(&[parameter("mu", None)]).into_string().matches("<td>").count(), 5);
        assert!(section(&[]).into_string().is_empty());
    }
}
