//! Exploring a target and the directory that it leaves: a pool of states from independent ladders, and what is known of them.
//!
//! | file | holds |
//! |---|---|
//! | `pool.npy` | states (n, dim), float32, ladder by ladder, in the user's coordinates |
//! | `energies.npy` | E of each, float64 |
//! | `frame.safetensors` | location and whitening, x = φ(m + L u): see [`Frame`] |
//! | `exploration.json` | [`Facts`]: target, evaluations, table, log Z, reasons, a checksum of the pool |

mod facts;

pub use facts::Facts;

use crate::config::Settings;
use crate::error::Error;
use crate::exploration;
use crate::files::{hash, write_together};
use crate::fingerprint::Fingerprint;
use crate::format::npy;
use crate::frame::{Frame, FrameError};
use crate::metric::{Comparison, Mixing};
use crate::preset::{self, Found};
use crate::progress::Progress;
use crate::run::{EXPLORATION, Run};
use crate::samples::Samples;
use crate::target::Target;
use kiln_core::frame::{Bound as Ends, InvalidFrame};
use kiln_core::random::{Purpose, Stream};
use kiln_explore::frame::Factor;
use kiln_explore::symmetry::shuffle;
use kiln_explore::{Bound, Exploration, Settings as Asked, Start};
use kiln_gpu::Checkpoint;
use npyz::WriterBuilder as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// The states.
pub const POOL: &str = "pool.npy";
/// Their energies.
pub const ENERGIES: &str = "energies.npy";
/// Location and whitening.
pub const FRAME: &str = "frame.safetensors";
/// What is known of them.
pub const FACTS: &str = "exploration.json";
/// Version of the layout.
const FORMAT: u32 = 1;
/// The stream that orders the states that are drawn.
const ORDER_STREAM: u64 = 5 << 40;

/// Evaluations of an exploration that nobody says more of.
pub const EVALUATIONS: u64 = 5_000_000;
/// The same of a training with the exploration that it begins with.
pub const TRAINING_EVALUATIONS: u64 = 10_000_000;

/// What is asked of an exploration.
#[derive(Debug, Clone)]
pub struct Order {
    /// Evaluations at most.
    pub evaluations: u64,
    /// Seconds at most, as far as the cost of an evaluation tells beforehand.
    pub seconds: Option<f64>,
    /// Every random number follows from it.
    pub seed: u64,
    /// Where chains begin.
    pub start: Start,
}

/// A pool in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// What is known of it.
    pub facts: Facts,
    /// States, ladder by ladder.
    pub samples: Samples,
    /// E of each.
    pub energies: Vec<f64>,
    /// Location and whitening; none in pools of earlier versions, and where f32 cannot hold them.
    pub frame: Option<Frame>,
    path: PathBuf,
}

/// Explores a target. The work is one part of `progress`, in evaluations.
///
/// # Errors
/// If the energy is refused, the budget is too small, or `stop` was set.
pub fn explore(target: &Target, order: &Order, progress: &dyn Progress, stop: &AtomicBool) -> Result<Pool, Error> {
    let begun = Instant::now();
    let fingerprint = target.is_brought().then(|| Fingerprint::of(target));
    target.check()?;
    let told = fingerprint.as_ref().map_or(0, |_| Fingerprint::EVALUATIONS);
    let asked = exploration::settings(target, order.evaluations.saturating_sub(told), order.seed);
    let settings = Asked { seconds: order.seconds, start: order.start.clone(), ..asked };
    let found = exploration::find(target, &settings, progress, stop)?;
    let frame = frame_of(&found, &settings.bounds).ok();
    let samples = Samples { dim: found.dim, data: found.rows.iter().map(|x| *x as f32).collect() };
    let name = |block: &[usize]| block.iter().map(|at| settings.names[*at].clone()).collect();
    let facts = Facts {
        format: FORMAT,
        kiln: env!("CARGO_PKG_VERSION").into(),
        target: target.name().into(),
        convention: target.convention().into(),
        energy: target.file().map(|file| file.display().to_string()),
        seed: order.seed,
        evaluations: told + found.evaluations,
        fingerprint,
        seconds: begun.elapsed().as_secs_f64(),
        ladders: found.ladders,
        frames: found.frames,
        kind: found.kind,
        log_z: found.log_z.map(|(value, error)| [value, error]),
        barrier: found.barrier,
        round_trips: found.trips,
        blocks: found.blocks.iter().map(|(block, rate)| (name(block), *rate)).collect(),
        sha256: npy::fingerprint(&samples).map_err(|error| Error::numerics(error.to_string(), "report it"))?,
        betas: found.betas,
        figures: found.figures,
        narrowest: Some(found.narrowest),
        step: Some(found.step),
        probe: found.probe,
        left_out: found.left_out,
        reasons: found.reasons,
        names: settings.names,
    };
    Ok(Pool { facts, samples, energies: found.energies, frame, path: PathBuf::new() })
}

/// What was found of location and widths, in f32.
fn frame_of(found: &Exploration, bounds: &[Bound]) -> Result<Frame, InvalidFrame> {
    let narrow = |numbers: &[f64]| numbers.iter().map(|x| *x as f32).collect::<Vec<f32>>();
    let bound = |bound: &Bound| match bound.ends() {
        Ends::None => Ends::None,
        Ends::Low(low) => Ends::Low(low as f32),
        Ends::High(high) => Ends::High(high as f32),
        Ends::Both { low, high } => Ends::Both { low: low as f32, high: high as f32 },
    };
    let bounds: Vec<_> = bounds.iter().map(bound).collect();
    let centre = narrow(&found.frame.mean);
    match found.frame.factor() {
        Factor::Widths(widths) => Frame::of_widths(centre, narrow(&widths), &bounds),
        Factor::Triangle(rows) => Frame::of_triangle(centre, narrow(&rows), &bounds),
    }
}

/// Whether this is the directory of a pool.
pub fn is_pool(path: &Path) -> bool {
    path.join(FACTS).is_file()
}

/// What tells the energy of the pool at a place, or of the run there that began with one; none where that is not known.
pub fn fingerprint_at(place: &Path) -> Option<Fingerprint> {
    /// A part of what is known.
    #[derive(serde::Deserialize)]
    struct Known {
        fingerprint: Option<Fingerprint>,
    }
    let places = [place.join(FACTS), place.join(EXPLORATION).join(FACTS)];
    let text = places.iter().find_map(|place| std::fs::read(place).ok())?;
    serde_json::from_slice::<Known>(&text).ok()?.fingerprint
}

/// Refuses a directory for a new pool that has something in it.
///
/// # Errors
/// If it is a file, or not empty.
pub fn check_destination(path: &Path) -> Result<(), Error> {
    let used = match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => path.exists(),
    };
    if used {
        let message = format!("'{}' is already used", path.display());
        return Err(Error::input(message, "nothing was overwritten; give another directory with -o"));
    }
    Ok(())
}

impl Pool {
    /// Writes it to a directory, which is made, and knows it from then on.
    ///
    /// # Errors
    /// If the place is used or cannot be written.
    pub fn write(&mut self, path: &Path) -> Result<(), Error> {
        check_destination(path)?;
        std::fs::create_dir_all(path).map_err(|error| Error::file("create the directory", path, error))?;
        let encoded = |error: io::Error| Error::numerics(format!("cannot encode: {error}"), "report it");
        let (mut pool, mut energies) = (Vec::new(), Vec::new());
        npy::write(&self.samples, &mut pool).map_err(encoded)?;
        encode(&self.energies, &mut energies).map_err(encoded)?;
        let facts = serde_json::to_vec_pretty(&self.facts).map_err(|error| encoded(error.into()))?;
        let mut files = vec![(path.join(POOL), pool), (path.join(ENERGIES), energies), (path.join(FACTS), facts)];
        files.extend(self.frame_file().map(|frame| (path.join(FRAME), frame)));
        let all: Vec<(&Path, &[u8])> = files.iter().map(|(place, bytes)| (&**place, bytes.as_slice())).collect();
        write_together(&all)?;
        self.path = path.to_path_buf();
        Ok(())
    }

    /// Reads one.
    ///
    /// # Errors
    /// If a file is missing, damaged, or of another pool.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let read = |name: &str| {
            let file = path.join(name);
            std::fs::read(&file).map_err(|error| Error::file("read", &file, error))
        };
        let damaged = |name: &str, why: String| {
            let message = format!("'{}' is damaged: {why}", path.join(name).display());
            Error::input(message, "explore anew with `kiln explore`")
        };
        let facts: Facts = serde_json::from_slice(&read(FACTS)?).map_err(|error| damaged(FACTS, error.to_string()))?;
        if facts.format != FORMAT {
            let why = format!("its format is {}, and this build reads {FORMAT}", facts.format);
            return Err(damaged(FACTS, why));
        }
        let pool = read(POOL)?;
        if hash(&pool) != facts.sha256 {
            return Err(damaged(POOL, format!("its checksum is not the one in {FACTS}")));
        }
        let samples = npy::read(&pool).map_err(|error| damaged(POOL, error.to_string()))?;
        let (_, energies) = npy::wide(&read(ENERGIES)?).map_err(|error| damaged(ENERGIES, error.to_string()))?;
        let n = facts.ladders * facts.frames;
        if [samples.len(), energies.len()] != [n; 2] || samples.dim != facts.names.len() {
            return Err(damaged(FACTS, "states, energies and what is said of them do not fit each other".into()));
        }
        let frame = if path.join(FRAME).is_file() {
            let file = Checkpoint::from_bytes(&read(FRAME)?).map_err(|error| damaged(FRAME, error.to_string()))?;
            let frame = Frame::of_checkpoint(&file, samples.dim);
            frame.map_err(|error: FrameError| damaged(FRAME, error.to_string()))?
        } else {
            None
        };
        Ok(Self { facts, samples, energies, frame, path: path.to_path_buf() })
    }

    /// The one in a run's directory; none where the run began without.
    ///
    /// # Errors
    /// As [`Pool::open`].
    pub fn of_run(run: &Run) -> Result<Option<Self>, Error> {
        let path = run.file(EXPLORATION);
        if is_pool(&path) { Self::open(&path).map(Some) } else { Ok(None) }
    }

    /// Its states as what samples are compared with, in random order.
    ///
    /// # Errors
    /// If it is of another target.
    pub fn comparison(&self, target: &Target, seed: u64) -> Result<Comparison, Error> {
        let shuffled = self.draw(seed, 0, self.samples.len())?;
        let mut comparison = Comparison::given(target, shuffled, &self.path.display().to_string(), None)?;
        comparison.facts.mixing = self.mixing();
        comparison.facts.energy_evaluations = Some(self.facts.evaluations);
        Ok(comparison)
    }

    /// Whether it is of this target: by name of the convention where that tells, or else by what the energy is at some points.
    pub fn is_of(&self, target: &Target) -> bool {
        let facts = &self.facts;
        let named = facts.convention == target.convention() && !target.is_called();
        named || facts.fingerprint.as_ref().is_some_and(|known| known.is_of(target))
    }

    /// What tells it from any other: states and frame.
    pub fn fingerprint(&self) -> String {
        hash(&[self.facts.sha256.as_bytes(), &self.frame_file().unwrap_or_default()].concat())
    }

    /// Its frame as a file.
    fn frame_file(&self) -> Option<Vec<u8>> {
        let mut file = Checkpoint::new();
        self.frame.as_ref()?.insert_into(&mut file);
        Some(file.to_bytes())
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The settings of a training in its coordinates by a preset: see [`preset::learned`] and [`preset::explored`]; none of a
    /// preset that knows no explorations.
    pub fn settings(&self, target: &Target, preset: &str) -> Option<Settings> {
        let at = preset::PRESETS.iter().position(|known| *known == preset)?;
        let found = Found { narrowest: self.facts.narrowest.unwrap_or(1.0), step: self.facts.step };
        let found = match at {
            0 => preset::learned(target.dim(), target.symmetry(), found),
            1 => preset::explored(target.dim(), target.symmetry(), found),
            _ => return None,
        };
        Some(target.named(found, at))
    }

    /// The states of the first half of the ladders, which what is fitted or trained may see, with their energies.
    pub fn fitting(&self) -> (&[f32], &[f64]) {
        let half = self.half();
        (&self.samples.data[..half * self.samples.dim], &self.energies[..half])
    }

    /// The states of the other ladders, which judge alone.
    pub fn judging(&self) -> (&[f32], &[f64]) {
        let half = self.half();
        (&self.samples.data[half * self.samples.dim..], &self.energies[half..])
    }

    fn half(&self) -> usize {
        self.facts.ladders / 2 * self.facts.frames
    }

    /// The least effective sample size of all that was watched.
    pub fn effective(&self) -> f64 {
        kiln_metrics::chain::least_effective(self.facts.figures.iter().map(|figure| figure.effective))
    }

    /// The worst R-hat.
    pub fn r_hat(&self) -> f64 {
        kiln_metrics::chain::worst_r_hat(self.facts.figures.iter().map(|figure| figure.r_hat))
    }

    /// How independent its states are.
    pub fn mixing(&self) -> Mixing {
        Mixing {
            effective_fraction: (self.effective() / self.samples.len() as f64).clamp(0.0, 1.0),
            r_hat: Some(self.r_hat()),
            acceptance: None,
            how: "of independent ladders, by their exploration".into(),
        }
    }

    /// States `first` up to `first + n` in the random order of a seed; no state comes twice.
    ///
    /// # Errors
    /// If the pool has fewer.
    pub fn draw(&self, seed: u64, first: u64, n: usize) -> Result<Samples, Error> {
        self.draw_with_energies(seed, first, n).map(|(samples, _)| samples)
    }

    /// The same with their energies.
    ///
    /// # Errors
    /// As [`Pool::draw`].
    pub fn draw_with_energies(&self, seed: u64, first: u64, n: usize) -> Result<(Samples, Vec<f64>), Error> {
        let (all, dim) = (self.samples.len(), self.samples.dim);
        let wanted = first.saturating_add(n as u64);
        if wanted > all as u64 {
            let message = format!("'{}' is a pool of {all} states, and {wanted} are wanted", self.path.display());
            let hint = format!("give -n {all} or less, explore with more --evaluations, or train a generator");
            return Err(Error::input(message, hint));
        }
        let mut order: Vec<usize> = (0..all).collect();
        shuffle(&mut order, &mut Stream::new(seed, Purpose::Exploration, ORDER_STREAM));
        let chosen = &order[first as usize..wanted as usize];
        let data = chosen.iter().flat_map(|at| &self.samples.data[at * dim..(at + 1) * dim]).copied().collect();
        Ok((Samples { dim, data }, chosen.iter().map(|at| self.energies[*at]).collect()))
    }
}

/// Numbers in float64 as `.npy`.
fn encode(values: &[f64], out: &mut Vec<u8>) -> io::Result<()> {
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&[values.len() as u64]).writer(out).begin_nd()?;
    values.iter().try_for_each(|value| writer.push(value))?;
    writer.finish()
}
