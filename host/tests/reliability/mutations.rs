//! Files of every kind, damaged in thousands of ways: no panic, no hang, and nothing wrong that is taken for right.

use super::damage::damaged;
use super::lives::{CONFIG, LIMIT, METRICS, Whole, records, small};
use super::readers::{Originals, Promise, READERS, Reader, Words, numbers};
use super::trial::{DONE, Draws, Ended, Findings, INPUT, NUMERICS, is_long, run, size};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Damaged files of a reader, in the gate and in the long form.
const DAMAGED: (usize, usize) = (100, 1000);
/// Of one that goes on to train and to draw samples where it accepts a file.
const TRAINED: (usize, usize) = (40, 1000);
/// Of a slow one, in the gate and in the long form.
const SLOW: (usize, usize) = (1, 30);
/// A reader says yes or no within this time; judging a run takes longer.
const BOUND: Duration = Duration::from_secs(10);
/// Settings that change no result.
const MACHINE: &[&str] = &["run.threads", "run.device"];
/// A note that the checkpoint before was taken has this word in it.
const NOTE_OF_THE_ONE_BEFORE: &str = "previous";

/// What is read, and what comes of an undamaged file.
struct Trial<'a> {
    reader: &'a Reader,
    commands: Vec<Words>,
    originals: &'a Originals,
    /// The file that its first command makes.
    made: Option<Vec<u8>>,
    /// The metrics after it, and what they say of steps and evaluations.
    metrics: String,
    records: Option<Vec<(u64, u64)>>,
}

/// One line of the table.
#[derive(Default)]
struct Outcomes {
    refused: usize,
    read: usize,
    overflowed: usize,
    faults: usize,
    slowest: f64,
}

#[test]
fn a_damaged_file_is_refused_or_read_as_what_it_says() {
    let mut findings = Findings::new("Damaged files");
    let originals = Originals::make();
    let mut table = format!(
        "  {:<28} {:>7} {:>7} {:>9} {:>7} {:>9} {:>9}\n",
        "reader", "refused", "read", "overflow", "faults", "slowest", "all"
    );
    for reader in READERS {
        let started = Instant::now();
        let outcomes = one(reader, &originals, &mut findings);
        let all = started.elapsed().as_secs_f64();
        table += &format!(
            "  {:<28} {:>7} {:>7} {:>9} {:>7} {:>7.2} s {all:>7.1} s\n",
            reader.name, outcomes.refused, outcomes.read, outcomes.overflowed, outcomes.faults, outcomes.slowest
        );
    }
    findings.finish(&table);
}

fn one(reader: &Reader, originals: &Originals, findings: &mut Findings) -> Outcomes {
    let mut commands = reader.commands.to_vec();
    if is_long() {
        commands.extend(reader.dear);
    }
    let mut trial = Trial { reader, commands, originals, made: None, metrics: String::new(), records: None };
    let mut outcomes = Outcomes::default();
    let (_place, files) = originals.copied(reader);
    if let Some(lacks) = reader.files.iter().find(|file| !files.join(file).exists()) {
        findings
            .fault(format!("{}: there is no {lacks}", reader.name), "a training that was killed in its second half");
        return outcomes;
    }
    // The undamaged files are read: otherwise to refuse damaged ones means nothing.
    let tried = if reader.slow && !is_long() { &[] } else { trial.commands.as_slice() };
    for command in tried {
        let (place, _) = originals.copied(reader);
        let ended = run(place.path(), command, LIMIT);
        if let Some(happened) = ended.fault(&[DONE]) {
            findings.bad_end(&format!("{}, undamaged", reader.name), &happened, &ended, "");
            return outcomes;
        }
        trial.made = trial.made.or_else(|| fs::read(place.path().join(reader.makes)).ok());
        trial.metrics = fs::read_to_string(place.path().join("run").join(METRICS)).unwrap_or_default();
        trial.records = trial.records.or_else(|| records(&place.path().join("run")).ok());
    }
    let (short, long) = match reader.commands[0][0] {
        _ if reader.slow => SLOW,
        "train" => TRAINED,
        _ => DAMAGED,
    };
    for at in 0..size(short, long) {
        trial.damage(at, &mut outcomes, findings);
    }
    outcomes
}

impl Trial<'_> {
    /// The settings of the undamaged run.
    fn settings(&self) -> Option<BTreeMap<String, String>> {
        settings(&fs::read(self.originals.at(self.reader).join(CONFIG)).ok()?)
    }

    fn damage(&self, at: usize, outcomes: &mut Outcomes, findings: &mut Findings) {
        let reader = self.reader;
        let (place, files) = self.originals.copied(reader);
        let mut draws = Draws::new(reader.name, at);
        let mut note = format!("damaged file {at}:");
        let mut says = Vec::new();
        for file in reader.files {
            let path = files.join(file);
            let (mut bytes, kind) = damaged(&fs::read(&path).unwrap(), at, &mut draws);
            if reader.mended {
                kiln_core::artifact::repair_checksum(&mut bytes);
            }
            fs::write(&path, &bytes).unwrap();
            says = bytes;
            note += &format!(" {kind:?} in {file}");
        }
        let command = self.commands[at % self.commands.len()];
        let limit = if reader.slow { LIMIT } else { BOUND };
        let ended = run(place.path(), command, limit);
        findings.count("damaged files");
        outcomes.slowest = outcomes.slowest.max(ended.seconds);
        match ended.code() {
            Some(INPUT) => outcomes.refused += 1,
            Some(DONE) => outcomes.read += 1,
            Some(NUMERICS) => outcomes.overflowed += 1,
            _ => {}
        }
        let fault = ended.fault(reader.promise.codes()).or_else(|| self.broken(place.path(), command, &ended, &says));
        if let Some(happened) = fault {
            outcomes.faults += 1;
            findings.bad_end(reader.name, &happened, &ended, &note);
        }
    }

    /// What is wrong although the command ended as it may; `says` is what the damaged file says.
    fn broken(&self, place: &Path, command: &[&str], ended: &Ended, says: &[u8]) -> Option<String> {
        let done = ended.code() == Some(DONE);
        match self.reader.promise {
            Promise::Replaced if !ended.stderr.contains(NOTE_OF_THE_ONE_BEFORE) => {
                Some("the checkpoint before is used without a note".into())
            }
            Promise::Harmless if done && settings(says) != self.settings() => {
                Some("other settings than those of the run are taken for them".into())
            }
            Promise::Harmless if done && fs::read(place.join(self.reader.makes)).ok() != self.made => {
                Some("something else is made, without a word".into())
            }
            Promise::Hashed if done && !ended.stderr.contains("is not used") => {
                let original = numbers(&self.originals.at(self.reader).join(self.reader.files[0]));
                let now = numbers(&place.join(self.reader.files[0]));
                (now != original).then(|| "other numbers than the manifest has the hash of are read".into())
            }
            Promise::Noticed if done && !ended.stderr.contains(self.reader.files[0]) => {
                let run = place.join("run");
                let text = fs::read_to_string(run.join(METRICS)).unwrap_or_default();
                // The last line is this process's own, with its seconds.
                let mut old = text.lines().rev().skip(1);
                let same =
                    records(&run).ok() == self.records && old.all(|line| self.metrics.lines().any(|l| l == line));
                (!same).then(|| "lines are lost or changed, without a word".into())
            }
            Promise::Refused | Promise::Told if ended.code() == Some(INPUT) => {
                let made = ["made.npy", "made.kiln", "made"].into_iter().find(|name| place.join(name).exists());
                made.filter(|_| command.contains(&"-o") || command.contains(&"--out"))
                    .map(|name| format!("{name} is there although the command was refused"))
            }
            _ => None,
        }
    }
}

/// The settings in a configuration, by key, but for those of the machine and what is said about the file.
fn settings(text: &[u8]) -> Option<BTreeMap<String, String>> {
    let table: toml::Table = std::str::from_utf8(text).ok()?.parse().ok()?;
    let mut settings = BTreeMap::new();
    for (section, content) in table.iter().filter(|(section, _)| *section != "about") {
        for (key, value) in content.as_table()? {
            // 2 and 2.0 are the same setting.
            let value = value.as_integer().map_or(value.clone(), |whole| toml::Value::Float(whole as f64));
            settings.insert(format!("{section}.{key}"), value.to_string());
        }
    }
    MACHINE.iter().for_each(|key| drop(settings.remove(*key)));
    Some(settings)
}

/// A damaged checkpoint loses the steps since the one before, and nothing else: the training ends with the same bits.
#[test]
fn a_damaged_checkpoint_loses_only_the_steps_since_the_one_before() {
    let mut findings = Findings::new("Damaged checkpoints, trained to the end");
    let originals = Originals::make();
    let reader = READERS.iter().find(|reader| reader.promise == Promise::Replaced).unwrap();
    let steps = ["train.steps=400", "train.checkpoint_every=20", "train.evaluate_every=20"];
    let whole = Whole::trained(small("dw4", &steps), "dw4");
    for at in 0..size(3, 50) {
        let (place, files) = originals.copied(reader);
        let mut draws = Draws::new("checkpoints to the end", at);
        let path = files.join(reader.files[0]);
        let (bytes, kind) = damaged(&fs::read(&path).unwrap(), at, &mut draws);
        fs::write(&path, bytes).unwrap();
        let ended = run(place.path(), &whole.go_on(place.path()), LIMIT);
        findings.count("damaged checkpoints");
        let note = format!("damaged checkpoint {at}: {kind:?}");
        match ended.fault(&[DONE]) {
            Some(happened) => findings.bad_end("a damaged checkpoint", &happened, &ended, &note),
            None => whole.at_end(place.path(), &mut findings, &note),
        }
    }
    findings.finish("");
}
