//! Coordinates with ends: a smooth map from the whole line onto the allowed part, with its Jacobian, so that a wall is no
//! wall for whoever moves. (Stan reference manual, section "Constraint transforms".)

use kiln_core::frame::{Bound as Ends, Mapped};

/// Where a coordinate may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// The lower end; minus infinity where there is none.
    pub low: f64,
    /// The upper end; infinity where there is none.
    pub high: f64,
}

impl Bound {
    /// The whole line.
    pub const NONE: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// Whether it is the whole line.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Whether a value lies within, ends excluded.
    pub fn holds(self, x: f64) -> bool {
        x > self.low && x < self.high
    }

    /// The ends that there are.
    pub fn ends(self) -> Ends<f64> {
        let Self { low, high } = self;
        match (low.is_finite(), high.is_finite()) {
            (false, false) => Ends::None,
            (true, false) => Ends::Low(low),
            (false, true) => Ends::High(high),
            (true, true) => Ends::Both { low, high },
        }
    }

    /// The allowed x that the free y stands for, dx/dy, and log dx/dy with its derivative by y.
    pub fn map(self, y: f64) -> Mapped<f64> {
        self.ends().map(y)
    }

    /// The free y of an allowed x; not finite for an x outside.
    pub fn free(self, x: f64) -> f64 {
        match self.ends() {
            Ends::None => x,
            Ends::Low(low) => (x - low).ln(),
            Ends::High(high) => (high - x).ln(),
            Ends::Both { low, high } => ((x - low) / (high - x)).ln(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: [Bound; 4] = [
        Bound::NONE,
        Bound { low: -1.5, high: f64::INFINITY },
        Bound { low: f64::NEG_INFINITY, high: 2.0 },
        Bound { low: -1.0, high: 3.0 },
    ];

    #[test]
    fn maps_go_there_and_back_and_their_slopes_are_right() {
        for bound in BOUNDS {
            for y in [-7.0, -1.3, 0.0, 0.4, 5.0] {
                let Mapped { x, slope, log_slope, log_slope_slope } = bound.map(y);
                assert!(bound.holds(x), "{bound:?} {y} {x}");
                assert!((bound.free(x) - y).abs() < 1e-8 * (1.0 + y.abs()), "{bound:?} {y} {}", bound.free(x));
                let h = 1e-5;
                let [after, before] = [bound.map(y + h), bound.map(y - h)];
                let numeric = (after.x - before.x) / (2.0 * h);
                assert!((slope - numeric).abs() < 1e-6 * (1.0 + slope.abs()), "{bound:?} {y}");
                assert!((log_slope - slope.abs().ln()).abs() < 1e-9, "{bound:?} {y}");
                let numeric = (after.log_slope - before.log_slope) / (2.0 * h);
                assert!((log_slope_slope - numeric).abs() < 1e-6, "{bound:?} {y}");
            }
        }
    }
}
