//! The time of one sitting, and how much of its budget is spent.

use std::time::{Duration, Instant};

/// A sitting's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
    budget: Option<Duration>,
    /// The part of it that what comes before the first step may take.
    before: f64,
    /// When schedules began to follow it.
    first: Duration,
}

impl Clock {
    /// Starts it.
    pub fn start(budget: Option<Duration>, before: f64) -> Self {
        Self { start: Instant::now(), budget, before, first: Duration::ZERO }
    }

    /// Lets schedules follow it from now on: the first step is done.
    pub fn begin_schedules(&mut self) {
        self.first = self.start.elapsed();
    }

    /// Since it was started.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The part of the budget that schedules have spent; 0 without one.
    pub fn spent(&self) -> f64 {
        let since = |until: Duration| until.saturating_sub(self.first);
        let of = |budget| since(self.elapsed()).div_duration_f64(since(budget).max(Duration::from_nanos(1)));
        self.budget.map_or(0.0, of)
    }

    /// Whether the budget is spent.
    pub fn is_over(&self) -> bool {
        self.budget.is_some_and(|budget| self.elapsed() >= budget)
    }

    /// Whether the first step should begin.
    pub fn is_late(&self) -> bool {
        self.budget.is_some_and(|budget| self.elapsed() >= budget.mul_f64(self.before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_have_what_is_left_of_the_budget() {
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        let budget = Some(Duration::from_secs(100));
        let mut clock = Clock { start: ago(40), budget, before: 0.4, first: Duration::ZERO };
        assert!((clock.spent() - 0.4).abs() < 0.01 && clock.is_late() && !clock.is_over());
        clock.begin_schedules();
        assert!(clock.spent() < 0.01);
        clock.start = ago(70);
        assert!((clock.spent() - 0.5).abs() < 0.01, "{}", clock.spent());
        clock.start = ago(101);
        assert!(clock.spent() >= 1.0 && clock.is_over());
        // One whose beginning took longer than there was.
        clock.begin_schedules();
        assert!(clock.spent() >= 1.0);
        let free = Clock { budget: None, ..clock };
        assert_eq!((free.spent(), free.is_over(), free.is_late()), (0.0, false, false));
    }
}
