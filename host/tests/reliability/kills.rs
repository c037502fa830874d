//! kill -9 at any moment: before the first write, during writes and between them, again and again until a run is finished.

use super::lives::{LIMIT, Whole, partials};
use super::trial::{DONE, Draws, Findings, Running, run, size, start};
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Kills in the long form: at least so many, of these so many during writes.
const KILLS: usize = 200;
const DURING_WRITES: usize = 20;
/// Kills of one run at most, so that runs also come to their end.
const KILLS_OF_A_RUN: usize = 6;
/// A process is older than this when it writes for the first time.
const START: Duration = Duration::from_millis(12);
/// A write is over after this: renames, too, are met.
const WRITE: Duration = Duration::from_millis(4);
/// How often a directory is looked at: a write takes ten times as long.
const GLANCE: Duration = Duration::from_micros(100);
/// Names of counts.
const KILLED: &str = "kills -9";
const IN_A_WRITE: &str = "during a write";

/// When a process is killed.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// That long after its start.
    After(Duration),
    /// While it writes its so manyth file, and so long after that was seen.
    Write(usize, Duration),
}

impl Moment {
    /// One of four kinds in turn: in the start, in the whole of `life`, in one of `writes` writes, at the end of one.
    fn draw(draws: &mut Draws, turn: usize, life: Duration, writes: usize) -> Self {
        match turn % 4 {
            0 => Self::After(draws.time(START)),
            1 => Self::After(draws.time(life)),
            2 => Self::Write(1 + draws.below(writes), Duration::ZERO),
            _ => Self::Write(1 + draws.below(writes), draws.time(WRITE)),
        }
    }
}

/// Waits for the moment; `directory` is where files are written. Returns whether the process is still alive.
pub fn await_moment(moment: Moment, running: &mut Running, directory: &Path) -> bool {
    match moment {
        Moment::After(time) => sleep(time),
        Moment::Write(which, after) => {
            let (started, mut seen, mut last) = (Instant::now(), 0, partials(directory));
            while seen < which {
                let now = partials(directory);
                seen += usize::from(!now.is_empty() && now != last);
                last = now;
                sleep(GLANCE);
                if running.has_ended() || started.elapsed() > LIMIT {
                    return false;
                }
            }
            sleep(after);
        }
    }
    !running.has_ended()
}

/// Kills at the moment, counts it, and says whether there was something to kill.
fn killed(moment: Moment, mut running: Running, directory: &Path, findings: &mut Findings) -> bool {
    let before = partials(directory);
    if !await_moment(moment, &mut running, directory) || !running.kill() {
        running.wait(LIMIT);
        return false;
    }
    running.wait(LIMIT);
    findings.count(KILLED);
    if partials(directory).iter().any(|name| !before.contains(name)) {
        findings.count(IN_A_WRITE);
    }
    true
}

/// Trainings, killed and resumed until they are finished.
#[test]
fn a_training_that_is_killed_ends_with_the_same_bits() {
    let mut findings = Findings::new("Trainings killed");
    let wholes = [Whole::of("mog40", 200, 10), Whole::of("dw4", 60, 6)];
    let (wanted, in_a_write) = (size(10, KILLS), size(2, DURING_WRITES));
    for story in 0.. {
        if findings.counted(KILLED) >= wanted && findings.counted(IN_A_WRITE) >= in_a_write {
            break;
        }
        assert!(story < 10 * KILLS, "processes end before they can be killed, or write too fast");
        // Particles every third time.
        story_of(&wholes[usize::from(story % 3 == 2)], story, &mut findings);
    }
    findings.finish("");
}

fn story_of(whole: &Whole, story: usize, findings: &mut Findings) {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let mut draws = Draws::new("trainings", story);
    let mut kills = 0;
    for turn in 0..KILLS_OF_A_RUN {
        let moment = Moment::draw(&mut draws, story + turn, whole.time, 12);
        if !killed(moment, start(place, &whole.go_on(place)), &place.join("run"), findings) {
            break;
        }
        kills += 1;
        let note = format!("run {story}, kill {kills}, {moment:?}");
        whole.at_rest(place, findings, &note);
    }
    let note = format!("run {story} after {kills} kills");
    let ended = run(place, &whole.go_on(place), LIMIT);
    findings.count("runs taken up to their end");
    if let Some(happened) = ended.fault(&[DONE]) {
        findings.count("failed resumes");
        findings.bad_end("a killed run does not go on", &happened, &ended, &note);
        return;
    }
    whole.at_end(place, findings, &note);
    // A finished run that is resumed is as it was.
    let ended = run(place, &whole.go_on(place), LIMIT);
    match ended.fault(&[DONE]) {
        Some(happened) => findings.bad_end("a finished run cannot be resumed", &happened, &ended, &note),
        None => whole.at_end(place, findings, &format!("{note}, resumed when it was finished")),
    }
}

/// A command that writes files at once.
struct Write {
    arguments: &'static [&'static str],
    /// Files that are whole or not there; the first has the same bits each time.
    files: &'static [&'static str],
    /// Appended where the command may replace what is there.
    again: &'static [&'static str],
    /// Kills in the gate.
    in_the_gate: usize,
}

const WRITES: &[Write] = &[
    Write {
        arguments: &["sample", "mog40", "-n", "100000", "-o", "x.npy"],
        files: &["x.npy"],
        again: &["--force"],
        in_the_gate: 2,
    },
    Write {
        arguments: &["sample", "mw32", "-n", "3000", "-o", "x.csv"],
        files: &["x.csv"],
        again: &["--force"],
        in_the_gate: 1,
    },
    Write {
        arguments: &["sample", "mog40", "-n", "50000", "-o", "x.npz"],
        files: &["x.npz"],
        again: &["--force"],
        in_the_gate: 1,
    },
    Write {
        arguments: &["sample", "dw4", "-n", "1000", "-o", "x.extxyz"],
        files: &["x.extxyz"],
        again: &["--force"],
        in_the_gate: 1,
    },
    Write {
        arguments: &["reference", "mog40", "-n", "100000", "-o", "r.npy"],
        files: &["r.npy", "r.json"],
        again: &["--force"],
        in_the_gate: 2,
    },
    Write {
        arguments: &["export", "mog40", "--no-quality", "-o", "m.kiln", "--rust", "m.rs", "--c", "m.h"],
        files: &["m.kiln", "m.rs", "m.h"],
        again: &["--force"],
        in_the_gate: 2,
    },
    Write {
        arguments: &[
            "distill", "mog40", "--hidden", "6", "--depth", "1", "--steps", "40", "--batch", "16", "--out", "s",
        ],
        files: &["s/generator.safetensors", "s/samples.npy"],
        again: &["--out", "s2"],
        // Its judge takes two seconds.
        in_the_gate: 1,
    },
];

/// Commands that write files, killed: an old file stays or the new one is whole.
#[test]
fn a_killed_command_leaves_the_old_file_or_the_new_one() {
    let mut findings = Findings::new("Commands killed");
    for (which, write) in WRITES.iter().enumerate() {
        let whole = tempfile::tempdir().unwrap();
        let ended = run(whole.path(), write.arguments, LIMIT);
        assert_eq!(ended.code(), Some(DONE), "{}: {}", ended.command, ended.stderr);
        let life = Duration::from_secs_f64(ended.seconds);
        for at in 0..size(write.in_the_gate, 12) {
            let mut draws = Draws::new("commands", 1000 * which + at);
            // Half of the kills in a write; the others anywhere.
            let moment = if at % 2 == 0 {
                Moment::Write(1 + draws.below(write.files.len()), Duration::ZERO)
            } else {
                Moment::After(draws.time(life))
            };
            killed_command(write, whole.path(), moment, at % 4 >= 2, &mut findings);
        }
    }
    findings.finish("");
}

fn killed_command(write: &Write, whole: &Path, moment: Moment, over_old: bool, findings: &mut Findings) {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let first = write.files[0];
    let directory = place.join(first).parent().unwrap().to_path_buf();
    // A student's directory is never written over.
    let replaces = write.again == ["--force"];
    let old = replaces && over_old;
    let mut words = write.arguments.to_vec();
    if old {
        write.files.iter().for_each(|file| fs::write(place.join(file), "old").unwrap());
        words.extend(write.again);
    }
    if !killed(moment, start(place, &words), &directory, findings) {
        findings.count("ended before it was killed");
        return;
    }
    let note =
        format!("`kiln {}`, {moment:?}, {}", words.join(" "), if old { "over old files" } else { "no old file" });
    for file in write.files {
        let [is, new] = [place, whole].map(|place| fs::read(place.join(file)).ok());
        let fits = match &is {
            None => !old,
            Some(bytes) if old && bytes == b"old" => true,
            // A student is written while it learns: below it must sample.
            Some(_) if file.ends_with("generator.safetensors") => true,
            // A manifest has the seconds it took in it.
            Some(bytes) if file.ends_with(".json") => serde_json::from_slice::<serde_json::Value>(bytes).is_ok(),
            Some(_) => is == new,
        };
        if !fits {
            findings.fault(format!("{file} is neither the old nor the new file"), &note);
        }
    }
    if first.ends_with("generator.safetensors") && place.join(first).exists() {
        let ended = run(place, &["sample", "s", "-n", "5", "-o", "few.npy"], LIMIT);
        if let Some(happened) = ended.fault(&[DONE]) {
            findings.bad_end("a student that is there does not sample", &happened, &ended, &note);
        }
    }
    let mut words = write.arguments.to_vec();
    if !replaces {
        words.retain(|word| *word != "--out" && *word != "s");
    }
    words.extend(write.again);
    let ended = run(place, &words, LIMIT);
    if let Some(happened) = ended.fault(&[DONE]) {
        findings.bad_end("a killed command cannot be run again", &happened, &ended, &note);
        return;
    }
    let made = if replaces { place.join(first) } else { place.join(first.replacen("s/", "s2/", 1)) };
    if fs::read(made).ok() != fs::read(whole.join(first)).ok() {
        findings.fault(format!("{first} has other bits the second time"), &note);
    }
    if replaces {
        for name in partials(&directory) {
            findings.fault("a .partial file is left after the command was run again", format!("{note}: {name}"));
        }
    }
}
