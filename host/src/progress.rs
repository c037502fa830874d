//! Progress on stderr: a bar on a terminal, otherwise a plain line every tenth of the way.

use crate::console::say;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use kiln::error::Error;
use kiln::progress::Tick;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What matters most comes first: a narrow terminal cuts the rest off.
const TEMPLATE: &str = "{prefix:.bold} {bar:20.cyan/blue.dim} {percent:>3} %  {left} left  {msg:.green}  {pos}/{len}  {rate}  {elapsed} elapsed";

/// The bar of one part; it is left as it stands in the end.
pub struct Bar {
    mode: Mode,
    pace: Pace,
    state: Mutex<State>,
}

enum Mode {
    Bar(ProgressBar),
    Lines,
    Quiet,
}

/// What the time left follows from.
#[derive(Clone, Copy)]
struct Pace {
    total: u64,
    start: Instant,
    budget: Option<Duration>,
}

#[derive(Default)]
struct State {
    /// Steps that were behind us before this sitting (a resumed run): known from the first step reported.
    before: Option<u64>,
    next_tenth: u64,
    quality: String,
}

impl Bar {
    /// The bar itself, where there is a terminal to show it on.
    pub fn shown(&self) -> Option<&ProgressBar> {
        match &self.mode {
            Mode::Bar(bar) => Some(bar),
            _ => None,
        }
    }

    /// A bar over `total` steps, `done` of them behind us where that is known. `quiet` shows nothing.
    pub fn new(label: &str, total: u64, done: u64, quiet: bool) -> Self {
        let progress = Self::within(label, total, None, quiet);
        if done > 0 {
            progress.step(done);
        }
        progress
    }

    /// A bar over `total` steps that end with the budget at the latest. How many are behind us shows with the
    /// first one reported.
    pub fn within(label: &str, total: u64, budget: Option<Duration>, quiet: bool) -> Self {
        let pace = Pace { total, start: Instant::now(), budget };
        let mode = if quiet {
            Mode::Quiet
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(8));
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style.progress_chars("━╸─").with_key("rate", rate_key).with_key(
                    "left",
                    move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                        let _ = write!(out, "{}", short(pace.left(state.pos(), state.per_sec())));
                    },
                ));
            }
            bar.set_prefix(label.to_string());
            Mode::Bar(bar)
        } else {
            Mode::Lines
        };
        Self { mode, pace, state: Mutex::new(State::default()) }
    }

    fn line(&self, done: u64, state: &State) -> String {
        let elapsed = self.pace.start.elapsed();
        let rate = done.saturating_sub(state.before.unwrap_or(0)) as f64 / elapsed.as_secs_f64().max(1e-9);
        let (total, left) = (self.pace.total, self.pace.left(done, rate));
        let percent = 100 * done / total.max(1);
        let (rate, elapsed, left) = (rate_text(rate), short(elapsed), short(left));
        let line =
            format!("{percent:>3} %  step {done}/{total}  {rate}  {elapsed} elapsed, {left} left  {}", state.quality);
        line.trim_end().to_string()
    }
}

impl Tick for Bar {
    fn step(&self, done: u64) {
        let Ok(mut state) = self.state.lock() else { return };
        let first = state.before.is_none();
        let before = *state.before.get_or_insert(done.saturating_sub(1));
        if let Mode::Bar(bar) = &self.mode {
            if first {
                bar.set_position(before);
                bar.reset_eta();
            }
            bar.set_position(done);
        }
        let tenth = |steps: u64| 10 * steps / self.pace.total.max(1);
        if first {
            state.next_tenth = tenth(before) + 1;
        }
        if matches!(self.mode, Mode::Lines) && tenth(done) >= state.next_tenth {
            state.next_tenth = tenth(done) + 1;
            say(self.line(done, &state));
        }
    }

    fn quality(&self, text: &str) {
        if let Mode::Bar(bar) = &self.mode {
            bar.set_message(text.to_string());
        }
        if let Ok(mut state) = self.state.lock() {
            state.quality = text.to_string();
        }
    }
}

impl Drop for Bar {
    /// Leaves the bar as it stands and goes to the next line.
    fn drop(&mut self) {
        if let Mode::Bar(bar) = &self.mode {
            bar.abandon();
        }
    }
}

impl Pace {
    /// The steps to go at this rate, or the rest of the budget if that is less.
    fn left(&self, done: u64, per_second: f64) -> Duration {
        let steps = self.total.saturating_sub(done) as f64;
        let left = Duration::from_secs_f64((steps / per_second.max(1e-9)).min(1e9));
        self.budget.map_or(left, |budget| left.min(budget.saturating_sub(self.start.elapsed())))
    }
}

/// 45s, 3m 05s, 1h 02m.
fn short(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m {:02}s", s / 60, s % 60),
        s => format!("{}h {:02}m", s / 3600, s % 3600 / 60),
    }
}

fn rate_key(state: &ProgressState, out: &mut dyn std::fmt::Write) {
    let _ = out.write_str(&rate_text(state.per_sec()));
}

fn rate_text(per_second: f64) -> String {
    if per_second >= 1.0 {
        format!("{per_second:.1} steps/s")
    } else {
        format!("{:.1} s/step", 1.0 / per_second.max(1e-9))
    }
}

/// Reads a time such as `90s`, `5m`, `1h30m` or `2.5h`.
pub fn parse_budget(text: &str) -> Result<Duration, Error> {
    let bad = || {
        Error::input(
            format!("--budget: '{text}' is not a positive time"),
            "write numbers with units h, m and s: 90s, 5m, 1h30m",
        )
    };
    let (mut seconds, mut rest) = (0.0, text.trim());
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
        let unit = rest[digits..].chars().next().ok_or_else(bad)?;
        seconds += number
            * match unit {
                'h' => 3600.0,
                'm' => 60.0,
                's' => 1.0,
                _ => return Err(bad()),
            };
        rest = rest[digits + unit.len_utf8()..].trim_start();
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero() && seconds < 1e9).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read() {
        for (text, seconds) in [("90s", 90.0), ("5m", 300.0), ("1h30m", 5400.0), ("2.5h", 9000.0), ("1m 5s", 65.0)] {
            assert_eq!(parse_budget(text).unwrap(), Duration::from_secs_f64(seconds), "{text}");
        }
        for bad in ["", "5", "m", "-5m", "0s", "5 min", "1e3s", "5d", "..s", "inf", "99999999999h"] {
            let error = parse_budget(bad).unwrap_err();
            assert!(error.to_string().contains(&format!("'{bad}'")) && error.hint().contains("5m"), "{bad}");
        }
    }

    #[test]
    fn plain_lines_tell_rate_time_and_quality() {
        let progress = Bar::new("", 200, 0, true);
        progress.quality("log p -7");
        progress.step(50);
        let line = progress.line(50, &progress.state.lock().unwrap());
        assert!(line.starts_with(" 25 %  step 50/200  ") && line.ends_with(" left  log p -7"), "{line}");
    }

    #[test]
    fn a_resumed_run_counts_its_own_steps_only() {
        let progress = Bar::new("", 200, 0, true);
        progress.step(150);
        assert_eq!(progress.state.lock().unwrap().before, Some(149));
        assert_eq!(progress.state.lock().unwrap().next_tenth, 8);
    }

    #[test]
    fn the_budget_bounds_the_time_left() {
        let pace = |budget| Pace { total: 1000, start: Instant::now(), budget };
        assert_eq!(pace(None).left(400, 2.0), Duration::from_secs(300));
        assert!(pace(Some(Duration::from_secs(10))).left(400, 2.0) <= Duration::from_secs(10));
        assert_eq!([5, 185, 3725].map(|s| short(Duration::from_secs(s))), ["5s", "3m 05s", "1h 02m"]);
    }
}
