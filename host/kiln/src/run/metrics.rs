//! Figures over the course of a training or distillation: `metrics.jsonl`, one record a line.
//!
//! A line carries its run and ends with a checksum. A line that a killed process left unfinished, and what followed the
//! checkpoint that a resumed training goes on from, are taken out before more is written, so that every step stands there
//! once and the sum of the energy evaluations is the training's.

use super::{METRICS, Run};
use crate::error::Error;
use crate::files::write_whole;
use kiln_gpu::checksum;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};

/// What ends a line, before and after the checksum.
const END: [&str; 2] = [",\"checksum\":\"", "\"}"];

/// Which part of the work a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// By the energy.
    Training,
    /// A student from its teacher.
    Distillation,
    /// The student by its teacher's objective.
    FineTuning,
}

/// What was measured at one step. A figure that was not measured, or is not finite, is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Outer steps done.
    pub step: u64,
    /// Wall-clock time of the work that led here, but for what an interruption lost between two records.
    pub seconds: f64,
    /// Which part of the work.
    pub phase: Phase,
    /// The figures that matter most, in one line.
    pub quality: String,
    /// Median energy of fresh samples.
    pub median_energy: Option<f64>,
    /// Their mean energy.
    pub mean_energy: Option<f64>,
    /// Total variation of their distances from the reference's, of particles.
    pub distance_tvd: Option<f64>,
    /// How far they miss Stein's identity.
    pub stein: Option<f64>,
    /// Loss of the score network.
    pub score_loss: Option<f64>,
    /// Norm of the generator's gradient before clipping.
    pub gradient_norm: Option<f64>,
    /// Samples whose coefficient was clipped, since the record before.
    pub clipped: Option<u64>,
    /// Samples left out because their estimate was not finite, since the record before.
    pub dropped: Option<u64>,
    /// Updates skipped because a gradient was not finite, since the record before.
    pub skipped: Option<u64>,
    /// Energy evaluations of the training, since the record before; those of steps that it went back over too.
    pub energy_evaluations: Option<u64>,
    /// The same since the start.
    pub all_energy_evaluations: Option<u64>,
    /// How often the training had gone back to an earlier state, after it ran away.
    pub roll_backs: Option<u32>,
    /// Posterior sampling by noise level, least noise first.
    pub posterior: Vec<Level>,
    /// Loss of a student.
    pub loss: Option<f64>,
    /// Its root mean square distance from its teacher.
    pub error: Option<f64>,
    /// The share of its samples that are far from their teacher's.
    pub beyond: Option<f64>,
}

impl Record {
    /// One with nothing measured but these.
    pub fn new(step: u64, seconds: f64, phase: Phase, quality: String) -> Self {
        Self {
            step,
            seconds,
            phase,
            quality,
            median_energy: None,
            mean_energy: None,
            distance_tvd: None,
            stein: None,
            score_loss: None,
            gradient_norm: None,
            clipped: None,
            dropped: None,
            skipped: None,
            energy_evaluations: None,
            all_energy_evaluations: None,
            roll_backs: None,
            posterior: Vec::new(),
            loss: None,
            error: None,
            beyond: None,
        }
    }
}

/// Posterior sampling at one noise level: means over rows, but for the energy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Noise-to-signal ratio in the middle.
    pub v: Option<f64>,
    /// |D_model - D_target|²/v² a coordinate.
    pub residual: Option<f64>,
    /// Median over rows of the mean energy of the states that fed the estimate.
    pub median_energy: Option<f64>,
    /// Effective sample size of the particles.
    pub effective_sample_size: Option<f64>,
    /// Acceptance of the annealing's kernel.
    pub annealing_acceptance: Option<f64>,
    /// Acceptance of the chain's kernel.
    pub chain_acceptance: Option<f64>,
    /// Acceptance of refreshes.
    pub refresh_acceptance: Option<f64>,
    /// Proposals whose energy was not finite.
    pub divergences: Option<f64>,
    /// Weight of the target's part in the estimate.
    pub target_weight: Option<f64>,
}

/// What `metrics.jsonl` holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// Its records, in order.
    pub records: Vec<Record>,
    /// Lines that are damaged, unfinished or of another run.
    pub damaged: usize,
}

impl Metrics {
    /// Energy evaluations of the whole training; unknown where no record tells, or a line is damaged, which may be the last.
    pub fn all_energy_evaluations(&self) -> Option<u64> {
        self.records.last().filter(|_| self.damaged == 0)?.all_energy_evaluations
    }
}

#[derive(Serialize, Deserialize)]
struct Line {
    run: String,
    #[serde(flatten)]
    record: Record,
}

impl Run {
    /// Appends a record and flushes it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn append_metrics(&self, record: &Record) -> Result<(), Error> {
        let path = self.file(METRICS);
        let result = self.line(record).and_then(|line| {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(line.as_bytes())?;
            file.flush()
        });
        result.map_err(|error| Error::file("append to", &path, error))
    }

    /// What there is; nothing where there is no file.
    ///
    /// # Errors
    /// If a file is there and cannot be read.
    pub fn metrics(&self) -> Result<Metrics, Error> {
        let path = self.file(METRICS);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Metrics::default()),
            other => other.map_err(|error| Error::file("read", &path, error))?,
        };
        let mut metrics = Metrics::default();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match self.record(line) {
                Some(record) => metrics.records.push(record),
                None => metrics.damaged += 1,
            }
        }
        Ok(metrics)
    }

    /// Takes out what came after `step`, and lines that are damaged; returns the last record that is left, and the number of
    /// damaged lines.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn rewind_metrics(&self, step: u64) -> Result<(Option<Record>, usize), Error> {
        let mut metrics = self.metrics()?;
        let before = metrics.records.len();
        metrics.records.retain(|record| record.step <= step);
        if metrics.damaged > 0 || metrics.records.len() < before {
            let path = self.file(METRICS);
            let lines: io::Result<Vec<String>> = metrics.records.iter().map(|record| self.line(record)).collect();
            let lines = lines.map_err(|error| Error::file("write", &path, error))?;
            write_whole(&path, |file| file.write_all(lines.concat().as_bytes()))?;
        }
        Ok((metrics.records.pop(), metrics.damaged))
    }

    fn line(&self, record: &Record) -> io::Result<String> {
        let line = Line { run: self.identity().settings.clone(), record: record.clone() };
        let mut text = serde_json::to_string(&line)?;
        text.pop();
        let checksum = checksum([text.as_bytes()]);
        Ok(text + END[0] + &checksum + END[1] + "\n")
    }

    /// The record of a line; none where it is not one that this run wrote.
    fn record(&self, line: &[u8]) -> Option<Record> {
        let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?.strip_suffix(END[1])?;
        let (text, digits) = line.rsplit_once(END[0])?;
        let whole = checksum([text.as_bytes()]) == digits;
        let line: Line = whole.then(|| serde_json::from_str(&format!("{text}}}")).ok()).flatten()?;
        (line.run == self.identity().settings).then_some(line.record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::About;
    use crate::targets;

    fn run(place: &tempfile::TempDir) -> Run {
        let config = targets::builtin()[0].settings().check().unwrap();
        Run::create(Some(place.path()), &config, &About::training("E")).unwrap()
    }

    fn record(step: u64) -> Record {
        let level = Level {
            v: Some(0.1),
            residual: None,
            median_energy: Some(-3.0),
            effective_sample_size: Some(7.0),
            annealing_acceptance: Some(0.0),
            chain_acceptance: Some(0.6),
            refresh_acceptance: Some(0.5),
            divergences: Some(0.0),
            target_weight: Some(0.2),
        };
        let (energy_evaluations, posterior) = (Some(100), vec![level]);
        Record {
            energy_evaluations,
            all_energy_evaluations: Some(100 * step),
            posterior,
            ..Record::new(step, 0.5, Phase::Training, "log p -7".into())
        }
    }

    #[test]
    fn records_read_back_and_what_is_not_finite_is_null() {
        let place = tempfile::tempdir().unwrap();
        let run = run(&place);
        assert_eq!(run.metrics().unwrap(), Metrics::default());
        assert_eq!(run.metrics().unwrap().all_energy_evaluations(), None, "unknown, not 0");
        run.append_metrics(&record(1)).unwrap();
        run.append_metrics(&Record { mean_energy: Some(f64::NAN), ..record(2) }).unwrap();
        let metrics = run.metrics().unwrap();
        assert_eq!(metrics, Metrics { records: vec![record(1), record(2)], damaged: 0 });
        assert_eq!(metrics.all_energy_evaluations(), Some(200));
    }

    #[test]
    fn a_torn_last_line_swallows_no_record() {
        let place = tempfile::tempdir().unwrap();
        let run = run(&place);
        [250, 500].iter().for_each(|step| run.append_metrics(&record(*step)).unwrap());
        let path = run.file(METRICS);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 40]).unwrap();
        let torn = run.metrics().unwrap();
        assert_eq!((torn.records.len(), torn.damaged, torn.all_energy_evaluations()), (1, 1, None));
        assert_eq!(run.rewind_metrics(250).unwrap(), (Some(record(250)), 1));
        run.append_metrics(&record(500)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn steps_after_the_checkpoint_do_not_stand_twice() {
        let place = tempfile::tempdir().unwrap();
        let run = run(&place);
        (1..=5).for_each(|step| run.append_metrics(&record(250 * step)).unwrap());
        assert_eq!(run.rewind_metrics(600).unwrap(), (Some(record(500)), 0));
        assert_eq!(run.metrics().unwrap().records, [record(250), record(500)]);
        assert_eq!(run.rewind_metrics(0).unwrap(), (None, 0));
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let place = tempfile::tempdir().unwrap();
        let run = run(&place);
        run.append_metrics(&record(250)).unwrap();
        let path = run.file(METRICS);
        let whole = fs::read(&path).unwrap();
        for bit in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).unwrap();
            assert!(run.metrics().unwrap().damaged > 0, "bit {bit}");
        }
    }
}
