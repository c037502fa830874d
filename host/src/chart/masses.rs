//! How much lies in each cell of a verdict: of the samples, and of what they are compared with.

use super::frame::short;
use super::{Drawing, Figure, HALF};
use kiln::verdict::Cell;
use maud::{Markup, html};

/// Most rows.
const ROWS: usize = 12;
const ROW: f64 = 17.0;
const HEAD: f64 = 20.0;
/// Where bars begin and end, and where the numbers of samples and of the reference end.
const BARS: (f64, f64) = (34.0, 244.0);
const NUMBERS: [f64; 2] = [304.0, 372.0];

/// The cells, the heaviest of what samples are compared with first.
pub fn by_mass(cells: &[Cell]) -> Vec<&Cell> {
    let mut sorted: Vec<&Cell> = cells.iter().collect();
    sorted.sort_by(|a, b| b.pool.total_cmp(&a.pool));
    sorted
}

/// A bar for each cell with both shares; of many cells the lightest are one. None without cells.
pub fn figure(cells: &[Cell]) -> Option<Figure> {
    let sorted = by_mass(cells);
    let (first, rest) = sorted.split_at(if sorted.len() > ROWS { ROWS - 1 } else { sorted.len() });
    let mut rows: Vec<(String, f64, f64)> =
        first.iter().enumerate().map(|(at, cell)| ((at + 1).to_string(), cell.draws, cell.pool)).collect();
    if !rest.is_empty() {
        let sum = |of: fn(&&Cell) -> f64| rest.iter().map(of).sum::<f64>();
        rows.push(("rest".into(), sum(|cell| cell.draws), sum(|cell| cell.pool)));
    }
    let largest = rows.iter().map(|(_, draws, pool)| draws.max(*pool)).fold(0.0, f64::max);
    if largest <= 0.0 {
        return None;
    }
    let told: Vec<String> = rows
        .iter()
        .map(|(name, draws, pool)| {
            format!("{name}: {} of the samples, {} of the reference", share(*draws), share(*pool))
        })
        .collect();
    let x = |share: f64| short(BARS.0 + share / largest * (BARS.1 - BARS.0));
    let body = html! {
        text x=(NUMBERS[0]) y="12" text-anchor="end" { "samples" }
        text x=(NUMBERS[1]) y="12" text-anchor="end" { "reference" }
        @for (at, (name, draws, pool)) in rows.iter().enumerate() { (row(HEAD + ROW * at as f64, name, (*draws, *pool), x)) }
    };
    let rest = if rest.is_empty() { String::new() } else { format!(", the lightest {} as one", rest.len()) };
    Some(Figure {
        title: "Masses of cells".into(),
        note: format!("{} cells", cells.len()),
        caption: format!(
            "Cells of the verdict by their mass in the reference, drawn as areas; the samples\u{2019} are lines{rest}."
        ),
        drawing: Drawing {
            width: HALF,
            height: HEAD + ROW * rows.len() as f64 + 4.0,
            label: format!("Masses of cells. {}", told.join("; ")),
            body,
        },
    })
}

fn row(y: f64, name: &str, (draws, pool): (f64, f64), x: impl Fn(f64) -> f64) -> Markup {
    let text = short(y + 0.5 * ROW + 4.0);
    html! {
        text x=(BARS.0 - 6.0) y=(text) text-anchor="end" { (name) }
        rect.area x=(BARS.0) y=(y + 3.0) width=(short(x(pool) - BARS.0)) height=(ROW - 6.0) {}
        path.line d={ "M" (x(draws)) " " (y + 1.0) "L" (x(draws)) " " (y + ROW - 1.0) } {}
        text.number x=(NUMBERS[0]) y=(text) text-anchor="end" { (share(draws)) }
        text x=(NUMBERS[1]) y=(text) text-anchor="end" { (share(pool)) }
    }
}

fn share(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::tests::attributes;

    #[test]
    fn the_heaviest_come_first_and_all_is_shown() {
        let cell = |draws: f64, pool: f64| Cell { draws, pool, middle: Vec::new() };
        let text = figure(&[cell(0.2, 0.25), cell(0.8, 0.75)]).unwrap().drawing.standing_alone();
        let widths: Vec<f64> = attributes(&text, "area", "width").iter().map(|x| x.parse().unwrap()).collect();
        assert!((widths[1] / widths[0] - 1.0 / 3.0).abs() < 0.01 && text.contains("1: 80.0 % of the samples, 75.0 %"));
        let many: Vec<Cell> = (0..40).map(|_| cell(0.025, 0.025)).collect();
        let found = figure(&many).unwrap();
        assert!(
            found.drawing.label.ends_with("rest: 72.5 % of the samples, 72.5 % of the reference"),
            "{}",
            found.drawing.label
        );
        assert_eq!(attributes(&found.drawing.standing_alone(), "area", "width").len(), 12);
        assert!(figure(&[]).is_none());
    }
}
