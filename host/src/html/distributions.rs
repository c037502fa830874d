//! The charts of the samples beside what they are compared with.

use super::Page;
use crate::chart::{Group, Set, Size, View, groups};
use maud::{Markup, html};

/// All that fits the target.
pub fn section(page: &Page<'_>) -> Markup {
    let reference = page.comparison.map(|comparison| (Set::of(&comparison.reference), "reference samples"));
    let cells = page.report.verdict.as_ref().map_or(&[][..], |verdict| &verdict.cells);
    let view = View { target: page.target, samples: Set::of(page.measured), reference, cells };
    let (mine, theirs) = view.key();
    html! {
        section aria-labelledby="distributions" {
            h2 #distributions { "Distributions" }
            p.key {
                span.model { (mine) }
                @if let Some(theirs) = theirs { span.exact { (theirs) } }
            }
            @for group in groups(&view) { (laid_out(&group)) }
        }
    }
}

fn laid_out(group: &Group) -> Markup {
    let class = match group.size {
        Size::Small => "charts small",
        Size::Half => "charts wide",
        Size::Whole => "charts whole",
    };
    html! {
        @if !group.heading.is_empty() { h3.above { (group.heading) } }
        div class=(class) {
            @for figure in &group.figures {
                figure {
                    h3 { (figure.title) @if !figure.note.is_empty() { small { (figure.note) } } }
                    (figure.drawing.inline())
                    @if !figure.caption.is_empty() { figcaption { (figure.caption) } }
                }
            }
        }
    }
}
