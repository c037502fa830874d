//! Coordinates with ends: a smooth map from the whole line onto the allowed part, with its Jacobian, so that a wall is no
//! wall for whoever moves. (Stan reference manual, section "Constraint transforms".)

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

    /// The allowed x that the free y stands for, dx/dy, and log dx/dy with its derivative by y.
    pub fn map(self, y: f64) -> Mapped {
        let Self { low, high } = self;
        match (low.is_finite(), high.is_finite()) {
            (false, false) => Mapped { x: y, slope: 1.0, log_slope: 0.0, log_slope_slope: 0.0 },
            (true, false) => Mapped { x: low + y.exp(), slope: y.exp(), log_slope: y, log_slope_slope: 1.0 },
            (false, true) => Mapped { x: high - y.exp(), slope: -y.exp(), log_slope: y, log_slope_slope: 1.0 },
            (true, true) => {
                // σ(y) and σ(-y), each exact where it is small.
                let [up, down] = [y, -y].map(|y| 1.0 / (1.0 + (-y).exp()));
                let width = high - low;
                let x = if y < 0.0 { low + width * up } else { high - width * down };
                let log_slope = width.ln() - y.abs() - 2.0 * (-y.abs()).exp().ln_1p();
                Mapped { x, slope: width * up * down, log_slope, log_slope_slope: down - up }
            }
        }
    }

    /// The free y of an allowed x; not finite for an x outside.
    pub fn free(self, x: f64) -> f64 {
        let Self { low, high } = self;
        match (low.is_finite(), high.is_finite()) {
            (false, false) => x,
            (true, false) => (x - low).ln(),
            (false, true) => (high - x).ln(),
            (true, true) => ((x - low) / (high - x)).ln(),
        }
    }
}

/// An allowed value and how it changes with the free one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mapped {
    /// The allowed value.
    pub x: f64,
    /// dx/dy.
    pub slope: f64,
    /// log |dx/dy|.
    pub log_slope: f64,
    /// Its derivative by y.
    pub log_slope_slope: f64,
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
