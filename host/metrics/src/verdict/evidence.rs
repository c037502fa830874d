//! What is known of the exploration that a pool comes from.

use crate::number;
use serde::{Deserialize, Serialize};

/// R-hat above which an exploration has not converged.
pub const MOST_R_HAT: f64 = 1.05;
/// Effective samples below which it has not.
pub const LEAST_EFFECTIVE: f64 = 400.0;
/// Round trips a ladder between target and reference, below which it has not.
pub const LEAST_ROUND_TRIPS: f64 = 1.0;

/// Figures of the judging part of a pool; `None`, like NaN, is unknown and never good.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// The smallest effective sample size of all coordinates, the energy and the cells' indicators.
    #[serde(default, with = "number::optional")]
    pub effective: Option<f64>,
    /// The largest R-hat of the same.
    #[serde(default, with = "number::optional")]
    pub r_hat: Option<f64>,
    /// The least number of round trips of a ladder; infinite where none is needed, as for independent draws.
    #[serde(default, with = "number::optional")]
    pub round_trips: Option<f64>,
    /// Whether two independent halves agree, by [`super::halves_agree`].
    #[serde(default)]
    pub halves_agree: Option<bool>,
    /// Evaluations of energy and gradient that the exploration took.
    #[serde(default)]
    pub evaluations: Option<u64>,
}

/// Why a pool does not decide, and how much longer an exploration would.
pub(super) struct Obstacle {
    /// One sentence.
    pub reason: String,
    /// Times as many evaluations; infinite where that cannot be told.
    pub factor: f64,
}

impl Evidence {
    /// Of `m` independent draws of the target itself.
    pub fn exact(m: usize) -> Self {
        Self {
            effective: Some(m as f64),
            r_hat: Some(1.0),
            round_trips: Some(f64::INFINITY),
            halves_agree: Some(true),
            evaluations: None,
        }
    }

    /// Effective samples of so many rows: no more than rows; NaN where unknown.
    pub(super) fn effective_of(&self, rows: usize) -> f64 {
        match self.effective {
            Some(effective) if effective > rows as f64 => rows as f64,
            Some(effective) => effective,
            None => f64::NAN,
        }
    }

    /// The first figure that says that the exploration has not converged; the factor is the largest of all.
    pub(super) fn obstacle(&self) -> Option<Obstacle> {
        let effective = self.effective.unwrap_or(f64::NAN);
        let r_hat = self.r_hat.unwrap_or(f64::NAN);
        let round_trips = self.round_trips.unwrap_or(f64::NAN);
        let mut found = Vec::new();
        if r_hat.is_nan() || r_hat > MOST_R_HAT {
            // R-hat² - 1 falls as one over the length.
            let factor = (r_hat * r_hat - 1.0) / (MOST_R_HAT * MOST_R_HAT - 1.0);
            let figure = number::digits(r_hat, 3);
            found.push((format!("its R-hat is {figure}, at most {MOST_R_HAT} is converged"), factor));
        }
        if effective.is_nan() || effective < LEAST_EFFECTIVE {
            let figure = number::digits(effective, 0);
            let reason =
                format!("its smallest effective sample size is {figure}, at least {LEAST_EFFECTIVE} is needed");
            found.push((reason, LEAST_EFFECTIVE / effective));
        }
        if round_trips.is_nan() || round_trips < LEAST_ROUND_TRIPS {
            let figure = number::digits(round_trips, 0);
            let reason =
                format!("a ladder's number of round trips is {figure}, at least {LEAST_ROUND_TRIPS} is needed");
            found.push((reason, f64::INFINITY));
        }
        match self.halves_agree {
            Some(true) => {}
            Some(false) => found.push(("its independent halves differ".into(), f64::INFINITY)),
            None => found.push(("whether its independent halves agree is unknown".into(), f64::INFINITY)),
        }
        let known = |factor: f64| if factor.is_nan() { f64::INFINITY } else { factor };
        let factor = found.iter().map(|(_, factor)| known(*factor)).fold(1.0, f64::max);
        let (first, _) = found.into_iter().next()?;
        Some(Obstacle { reason: format!("the pool has not converged: {first}"), factor })
    }
}
