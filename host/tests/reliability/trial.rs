//! What the trials share: how large they are, what they draw, how a command is run and how it may end, what is found.

use kiln_core::random::{Purpose, Stream};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Exit codes, as README lists them.
pub const MISSED: i32 = 1;
pub const DONE: i32 = 0;
pub const INPUT: i32 = 2;
pub const NUMERICS: i32 = 3;
pub const INTERRUPTED: i32 = 130;

/// How often a process is looked at.
const LOOK: Duration = Duration::from_micros(500);
/// After this a process that was asked to end is killed.
const GRACE: Duration = Duration::from_secs(10);
/// Kinds of faults that are told at most, and the characters of an example.
const MOST_TOLD: usize = 40;
const MOST_CHARACTERS: usize = 1200;

/// Whether this is the long form.
pub fn is_long() -> bool {
    std::env::var("KILN_TRIALS").is_ok_and(|form| form == "long")
}

/// One number for the gate, another for the long form.
pub fn size(short: usize, long: usize) -> usize {
    if is_long() { long } else { short }
}

/// What everything that is drawn follows from.
pub fn seed() -> u64 {
    std::env::var("KILN_TRIALS_SEED").map_or(13, |text| text.parse().expect("KILN_TRIALS_SEED is a whole number"))
}

/// The program under trial.
pub fn binary() -> PathBuf {
    std::env::var_os("KILN_TRIALS_BINARY").map_or(env!("CARGO_BIN_EXE_kiln").into(), PathBuf::from)
}

/// Draws that follow from the seed, the trial's name and a number.
pub struct Draws(Stream);

impl Draws {
    pub fn new(trial: &str, index: usize) -> Self {
        let name = trial.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte));
        Self(Stream::new(seed() ^ name, Purpose::Test, index as u64))
    }

    /// A whole number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.0.next_bits() % n.max(1) as u64) as usize
    }

    pub fn byte(&mut self) -> u8 {
        self.0.next_bits() as u8
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// A time below `limit`.
    pub fn time(&mut self, limit: Duration) -> Duration {
        limit.mul_f64(self.below(1 << 20) as f64 / (1 << 20) as f64)
    }
}

/// A `kiln` at work.
pub struct Running {
    pub child: Child,
    stderr: File,
    started: Instant,
    command: String,
}

/// How a command ended.
pub struct Ended {
    pub status: ExitStatus,
    pub stderr: String,
    pub seconds: f64,
    /// It ran past its limit and was asked to end.
    pub late: bool,
    /// The command, to be typed again.
    pub command: String,
}

/// Starts `kiln` in `place`.
pub fn start<S: AsRef<str>>(place: &Path, arguments: &[S]) -> Running {
    started(Command::new(binary()), place, arguments)
}

fn started<S: AsRef<str>>(mut command: Command, place: &Path, arguments: &[S]) -> Running {
    let stderr = tempfile::tempfile().unwrap();
    command.current_dir(place).args(arguments.iter().map(AsRef::as_ref));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr.try_clone().unwrap());
    let shown: Vec<String> = arguments.iter().map(|word| quoted(word.as_ref())).collect();
    let started = Instant::now();
    Running { child: command.spawn().unwrap(), stderr, started, command: format!("kiln {}", shown.join(" ")) }
}

/// The same with an address space of at most `kilobytes`.
pub fn start_within<S: AsRef<str>>(place: &Path, arguments: &[S], kilobytes: usize) -> Running {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -v \"$0\" && exec \"$@\"", &kilobytes.to_string()]).arg(binary());
    started(shell, place, arguments)
}

/// Runs `kiln` in `place`; what has not ended after `limit` is asked to.
pub fn run<S: AsRef<str>>(place: &Path, arguments: &[S], limit: Duration) -> Ended {
    start(place, arguments).wait(limit)
}

fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./=:".contains(&b));
    if plain { word.to_string() } else { format!("'{word}'") }
}

impl Running {
    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// kill -9; false if it had ended before.
    pub fn kill(&mut self) -> bool {
        !self.has_ended() && self.child.kill().is_ok()
    }

    /// Sends signals one right after the other, as `timeout` does, or so far apart that each is seen.
    pub fn signal(&self, signals: &[&str], apart: Duration) {
        let pid = self.child.id();
        let pause = if apart.is_zero() { "; ".into() } else { format!("; sleep {}; ", apart.as_secs_f64()) };
        let text: Vec<String> = signals.iter().map(|signal| format!("kill -{signal} {pid}")).collect();
        Command::new("sh").args(["-c", &text.join(&pause)]).stderr(Stdio::null()).status().unwrap();
    }

    /// Whether it has said so on stderr, up to now.
    pub fn has_said(&self, words: &str) -> bool {
        let mut bytes = vec![0; 4096];
        // Read in place: the process goes on writing where it is.
        let n = self.stderr.read_at(&mut bytes, 0).unwrap();
        String::from_utf8_lossy(&bytes[..n]).contains(words)
    }

    /// How long it has been running.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn wait(mut self, limit: Duration) -> Ended {
        let mut late = false;
        while !self.has_ended() {
            let elapsed = self.started.elapsed();
            if elapsed > limit && !late {
                self.signal(&["TERM"], Duration::ZERO);
                late = true;
            }
            if elapsed > limit + GRACE {
                self.child.kill().unwrap();
            }
            sleep(LOOK);
        }
        let (status, seconds) = (self.child.wait().unwrap(), self.started.elapsed().as_secs_f64());
        let mut bytes = Vec::new();
        self.stderr.rewind().unwrap();
        self.stderr.read_to_end(&mut bytes).unwrap();
        let stderr = String::from_utf8_lossy(&bytes).into_owned();
        Ended { status, stderr, seconds, late, command: self.command }
    }
}

impl Ended {
    /// The exit code. A verdict that samples fail is told with 1 after all has been read and done.
    pub fn code(&self) -> Option<i32> {
        match self.status.code() {
            Some(MISSED) if self.stderr.contains(" does not draw ") => Some(DONE),
            code => code,
        }
    }

    /// Done, in time.
    pub fn is_done(&self) -> bool {
        self.code() == Some(DONE) && !self.late
    }

    /// In a few words: how it ended.
    pub fn how(&self) -> String {
        match (self.code(), self.status.signal(), self.late) {
            (Some(101), ..) => "a panic (exit 101)".into(),
            (Some(code), _, false) => format!("exit {code}"),
            (Some(code), _, true) => format!("exit {code}, past its limit and asked to end"),
            (None, Some(9), true) => "it went on past its limit and after it was asked to end".into(),
            (None, _, true) => "it went on past its limit".into(),
            (None, Some(6), _) => "an abort (signal 6)".into(),
            (None, Some(signal), _) => format!("ended by signal {signal}"),
            (None, None, _) => "an end without status".into(),
        }
    }

    /// What is wrong with the end of a command that may end with one of `codes`: another end, or a refusal that is not one
    /// sentence and one hint.
    pub fn fault(&self, codes: &[i32]) -> Option<String> {
        if self.late || !self.code().is_some_and(|code| codes.contains(&code)) {
            return Some(self.how());
        }
        let starting = |word: &str| self.stderr.lines().filter(|line| line.starts_with(word)).count();
        let told = (starting("error: "), starting("hint: "));
        match self.code() {
            Some(INPUT | NUMERICS) if told != (1, 1) => {
                Some(format!("{} with {} sentences and {} hints", self.how(), told.0, told.1))
            }
            _ => None,
        }
    }
}

/// What a trial counted and what it found.
pub struct Findings {
    trial: String,
    started: Instant,
    counts: Vec<(String, usize)>,
    faults: BTreeMap<String, (usize, String)>,
}

impl Findings {
    pub fn new(trial: &str) -> Self {
        Self { trial: trial.into(), started: Instant::now(), counts: Vec::new(), faults: BTreeMap::new() }
    }

    pub fn count(&mut self, what: &str) {
        match self.counts.iter_mut().find(|(name, _)| name == what) {
            Some((_, n)) => *n += 1,
            None => self.counts.push((what.into(), 1)),
        }
    }

    pub fn counted(&self, what: &str) -> usize {
        self.counts.iter().find(|(name, _)| name == what).map_or(0, |(_, n)| *n)
    }

    /// A fault of that kind; the first example of each is told.
    pub fn fault(&mut self, kind: impl Into<String>, example: impl AsRef<str>) {
        let example = || example.as_ref().chars().take(MOST_CHARACTERS).collect();
        self.faults.entry(kind.into()).or_insert_with(|| (0, example())).0 += 1;
    }

    /// A fault in the end of a command.
    pub fn bad_end(&mut self, what: &str, happened: &str, ended: &Ended, note: &str) {
        let last: Vec<&str> = ended.stderr.lines().rev().take(3).collect();
        let said = last.into_iter().rev().collect::<Vec<_>>().join(" | ");
        self.fault(
            format!("{what}: {happened}"),
            format!("{note} ({:.1} s): {said} <- {}", ended.seconds, ended.command),
        );
    }

    /// Tells the counts, and fails where there is a fault.
    pub fn finish(self, table: &str) {
        let form = if is_long() { "long" } else { "short" };
        let counts: Vec<String> = self.counts.iter().map(|(name, n)| format!("{n} {name}")).collect();
        let total: usize = self.faults.values().map(|(n, _)| n).sum();
        let mut text = format!(
            "\n{}, {form} form, seed {}: {}; {total} faults, {:.0} s\n{table}",
            self.trial,
            seed(),
            counts.join(", "),
            self.started.elapsed().as_secs_f64()
        );
        for (kind, (n, example)) in self.faults.iter().take(MOST_TOLD) {
            text += &format!("  {n} x {kind}\n      {example}\n");
        }
        println!("{text}");
        assert!(self.faults.is_empty(), "{}: {total} faults of {} kinds", self.trial, self.faults.len());
    }
}
