//! The progress of a training on stderr: a bar on a terminal, otherwise a plain line every tenth of the way.

use crate::error::Error;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const TEMPLATE: &str =
    "{prefix:.bold} {bar:32.cyan/blue.dim} {percent:>3} %  {pos}/{len}  {per_sec}  {elapsed} elapsed, {eta} left  {msg:.green}";

/// What the person watches.
pub struct Progress {
    total: u64,
    mode: Mode,
    start: Instant,
    plain: Mutex<Plain>,
}

enum Mode {
    Bar(ProgressBar),
    Lines,
    Quiet,
}

#[derive(Default)]
struct Plain {
    first: u64,
    done: u64,
    next_tenth: u64,
    quality: String,
}

impl Progress {
    /// A bar over `total` steps, of which `done` are behind us (a resumed run). `quiet` shows nothing.
    pub fn new(label: &str, total: u64, done: u64, quiet: bool) -> Self {
        let mode = if quiet {
            Mode::Quiet
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(8)).with_position(done);
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style.progress_chars("━╸─").with_key("per_sec", rate_key));
            }
            bar.set_prefix(label.to_string());
            bar.reset_eta();
            Mode::Bar(bar)
        } else {
            Mode::Lines
        };
        let next_tenth = (10 * done) / total.max(1) + 1;
        Self { total, mode, start: Instant::now(), plain: Mutex::new(Plain { first: done, done, next_tenth, ..Plain::default() }) }
    }

    /// One that shows nothing.
    pub fn hidden() -> Self {
        Self::new("", 0, 0, true)
    }

    /// `done` of the steps are behind us.
    pub fn step(&self, done: u64) {
        if let Mode::Bar(bar) = &self.mode {
            bar.set_position(done);
        }
        let Ok(mut plain) = self.plain.lock() else { return };
        plain.done = done;
        if matches!(self.mode, Mode::Lines) && 10 * done >= plain.next_tenth * self.total && self.total > 0 {
            plain.next_tenth = 10 * done / self.total + 1;
            eprintln!("{}", self.line(&plain));
        }
    }

    /// The live quality figure, such as "log p -6.87, 40/40 modes".
    pub fn quality(&self, text: &str) {
        if let Mode::Bar(bar) = &self.mode {
            bar.set_message(text.to_string());
        }
        if let Ok(mut plain) = self.plain.lock() {
            plain.quality = text.to_string();
        }
    }

    /// A line of log, above the bar.
    pub fn note(&self, text: &str) {
        match &self.mode {
            Mode::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
            Mode::Lines => eprintln!("{text}"),
            Mode::Quiet => {}
        }
    }

    /// Leaves the bar as it stands and goes to the next line.
    pub fn finish(&self) {
        if let Mode::Bar(bar) = &self.mode {
            bar.abandon();
        }
    }

    fn line(&self, plain: &Plain) -> String {
        let elapsed = self.start.elapsed();
        let rate = (plain.done - plain.first.min(plain.done)) as f64 / elapsed.as_secs_f64().max(1e-9);
        let left = Duration::from_secs_f64((self.total.saturating_sub(plain.done) as f64 / rate.max(1e-9)).min(1e9));
        let mut line = format!(
            "{:>3} %  step {}/{}  {}  {} elapsed, {} left",
            100 * plain.done / self.total.max(1),
            plain.done,
            self.total,
            rate_text(rate),
            HumanDuration(elapsed),
            HumanDuration(left)
        );
        if !plain.quality.is_empty() {
            line += "  ";
            line += &plain.quality;
        }
        line
    }
}

fn rate_key(state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write) {
    let _ = out.write_str(&rate_text(state.per_sec()));
}

fn rate_text(per_second: f64) -> String {
    if per_second >= 1.0 { format!("{per_second:.1} steps/s") } else { format!("{:.1} s/step", 1.0 / per_second.max(1e-9)) }
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
    fn plain_lines_tell_rate_and_quality() {
        let progress = Progress::hidden();
        progress.quality("log p -7");
        let line = Progress { total: 200, ..progress }.line(&Plain { first: 0, done: 50, next_tenth: 3, quality: "log p -7".into() });
        assert!(line.starts_with(" 25 %  step 50/200  ") && line.ends_with("  log p -7"), "{line}");
    }
}
