//! From figures to an outcome, a reason and what would settle it.

use super::{Cell, Evidence, Family, Outcome, Verdict};
use crate::number;

/// The verdict of (a), (b), (c), (d), with the cells of (d) and the evidence of the pool if there is one.
pub fn verdict(families: Vec<Family>, cells: Vec<Cell>, evidence: Option<&Evidence>) -> Verdict {
    let (own, compared) = families.split_at(2);
    let (outcome, reason, needed_evaluations) = if let Some(family) = failing(own) {
        (Outcome::Fails, failure(family), None)
    } else if let Some(evidence) = evidence {
        if let Some(obstacle) = evidence.obstacle() {
            let needed = needed(&families, Some(evidence), obstacle.factor);
            (Outcome::CannotTell, obstacle.reason, needed)
        } else if let Some(family) = failing(compared) {
            (Outcome::Fails, failure(family), None)
        } else if let Some(family) = families.iter().find(|family| family.upper.is_nan()) {
            (Outcome::CannotTell, ignorance(family), None)
        } else if let Some(family) = furthest(families.iter().filter(|family| !family.holds())) {
            (Outcome::CannotTell, doubt(family), needed(&families, Some(evidence), 1.0))
        } else {
            (Outcome::Holds, success(&families), None)
        }
    } else {
        let reason = "there is no pool: nothing to compare with but the draws' own energies and gradients";
        (Outcome::CannotTell, reason.into(), None)
    };
    Verdict { outcome, families, cells, reason, needed_evaluations }
}

/// The one that fails by most.
fn failing(families: &[Family]) -> Option<&Family> {
    let excess = |family: &Family| family.lower / family.limit_fail;
    families.iter().filter(|family| family.fails()).max_by(|a, b| excess(a).total_cmp(&excess(b)))
}

fn furthest<'a>(families: impl Iterator<Item = &'a Family>) -> Option<&'a Family> {
    let excess = |family: &Family| family.upper / family.limit_hold;
    families.max_by(|a, b| excess(a).total_cmp(&excess(b)))
}

fn figure(value: f64) -> String {
    number::text(value, |value| match value.abs() {
        0.0 => "0".into(),
        size if size < 0.01 => format!("{value:.5}"),
        _ => format!("{value:.3}"),
    })
}

fn failure(family: &Family) -> String {
    let Family { name, member, value, lower, limit_fail, .. } = family;
    format!("{name}: {member} is off by {}, at least {}; {limit_fail} is allowed", figure(*value), figure(*lower))
}

fn success(families: &[Family]) -> String {
    furthest(families.iter()).map_or_else(String::new, |Family { name, member, upper, limit_hold, .. }| {
        let upper = figure(*upper);
        format!("every figure is within its tolerance; the nearest to it is {name}: {member} is off by at most {upper}, {limit_hold} is allowed")
    })
}

fn doubt(family: &Family) -> String {
    let Family { name, member, value, lower, upper, limit_fail, limit_hold, n, .. } = family;
    let [value, lower, upper] = [*value, *lower, *upper].map(figure);
    format!(
        "{name}: by {n} draws {member} is off by {value}, which may be {lower} to {upper} in truth; more than {limit_fail} would fail, less than {limit_hold} hold"
    )
}

fn ignorance(family: &Family) -> String {
    let Family { name, member, .. } = family;
    if family.members == 0 {
        return format!("{name} is unknown, as {member}; what is unknown is not taken for good");
    }
    format!("{name}: {member} is unknown, and what is unknown is not taken for good")
}

/// How many times more draws and pool states (in that order) would settle a family, from how far it is off now; `None`
/// where it is settled. Errors fall as one over the square root; whichever limit is further away is reached first.
fn growth(family: &Family) -> Option<[f64; 2]> {
    if family.fails() || family.holds() {
        return None;
    }
    let room = f64::max(family.limit_hold - family.value, family.value - family.limit_fail);
    let excess = (family.upper - family.value) / room;
    // Of no lost draws the bound falls as one over their number.
    let ratio = if family.value == 0.0 && family.m == 0.0 { excess } else { excess * excess };
    if ratio.is_nan() {
        return Some([f64::INFINITY; 2]);
    }
    let ratio = ratio.max(1.0);
    if family.m == 0.0 {
        return Some([ratio, 1.0]);
    }
    // 1/n + 1/m falls by the ratio: by a larger pool alone if there are draws enough.
    let (n, m) = (family.n as f64, family.m);
    let left = (1.0 / n + 1.0 / m) / ratio - 1.0 / n;
    let alone = 1.0 / (left * m);
    Some(if left > 0.0 && alone < 2.0 * ratio { [1.0, alone] } else { [ratio, ratio] })
}

/// Evaluations in all that would settle every family, with an exploration at least `factor` times as long.
fn needed(families: &[Family], evidence: Option<&Evidence>, factor: f64) -> Option<u64> {
    let grown = families.iter().filter_map(growth).fold([1.0, factor], |[n, m], [a, b]| [n.max(a), m.max(b)]);
    let draws = families.first().map_or(0.0, |family| family.n as f64);
    let pool = match (grown[1] > 1.0, evidence.and_then(|evidence| evidence.evaluations)) {
        (false, _) => 0.0,
        (true, evaluations) => evaluations? as f64 * grown[1],
    };
    let total = pool + if grown[0] > 1.0 { draws * grown[0] } else { 0.0 };
    (total.is_finite() && total >= 1.0).then(|| total.ceil() as u64)
}
