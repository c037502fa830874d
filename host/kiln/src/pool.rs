//! Exploring a target and the directory that it leaves: a pool of states from independent ladders, and what is known of them.
//!
//! | file | holds |
//! |---|---|
//! | `pool.npy` | states (n, dim), float32, ladder by ladder, in the user's coordinates |
//! | `energies.npy` | E of each, float64 |
//! | `exploration.json` | [`Facts`]: target, evaluations, table, log Z, reasons, a checksum of the pool |

use crate::error::Error;
use crate::files::{hash, write_together};
use crate::format::npy;
use crate::metric::Mixing;
use crate::progress::{Part, Progress};
use crate::samples::Samples;
use crate::target::Target;
use kiln_core::random::{Purpose, Stream};
use kiln_explore::evidence::Figure;
use kiln_explore::symmetry::shuffle;
use kiln_explore::{Kind, News, Probe, Refusal, Settings, Start, explore as explored};
use npyz::WriterBuilder as _;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// The states.
pub const POOL: &str = "pool.npy";
/// Their energies.
pub const ENERGIES: &str = "energies.npy";
/// What is known of them.
pub const FACTS: &str = "exploration.json";
/// Version of the layout.
const FORMAT: u32 = 1;
/// The stream that orders the states that are drawn.
const ORDER_STREAM: u64 = 5 << 40;

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

/// What is known of a pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Version of the layout.
    pub format: u32,
    /// Version of Kiln.
    pub kiln: String,
    /// The target's name.
    pub target: String,
    /// The convention of its energy.
    pub convention: String,
    /// The file that the energy comes from.
    #[serde(default)]
    pub energy: Option<String>,
    /// Names of the coordinates.
    pub names: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// Energy evaluations, with or without gradient, exactly.
    pub evaluations: u64,
    /// Wall time.
    pub seconds: f64,
    /// Independent ladders.
    pub ladders: usize,
    /// States of each.
    pub frames: usize,
    /// How the states were made.
    pub kind: Kind,
    /// log ∫ exp(-E) and its standard error.
    #[serde(default)]
    pub log_z: Option<[f64; 2]>,
    /// Cumulative rejection of the ladder, Λ.
    #[serde(with = "kiln_metrics::number")]
    pub barrier: f64,
    /// β of every rung.
    pub betas: Vec<f64>,
    /// Times that a state came from the hot end to the cold one, a ladder; unknown without a ladder.
    #[serde(default)]
    pub round_trips: Option<f64>,
    /// Blocks of coordinates that do not interact with the rest: their names, and the acceptance of their refreshes.
    pub blocks: Vec<(Vec<String>, f64)>,
    /// Mean, width, quantiles, effective sample size and R-hat of everything that was watched.
    pub figures: Vec<Figure>,
    /// What the energy was checked for.
    pub probe: Probe,
    /// What a larger budget would have done too.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Why it is not converged; empty where it is.
    pub reasons: Vec<String>,
    /// SHA-256 of `pool.npy`.
    pub sha256: String,
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
    path: PathBuf,
}

/// Explores a target. The work is one part of `progress`, in evaluations.
///
/// # Errors
/// If the energy is refused, the budget is too small, or `stop` was set.
pub fn explore(target: &Target, order: &Order, progress: &dyn Progress, stop: &AtomicBool) -> Result<Pool, Error> {
    let begun = Instant::now();
    let settings = Settings {
        seed: order.seed,
        evaluations: order.evaluations,
        seconds: order.seconds,
        bounds: target.bounds().to_vec(),
        names: target.names().to_vec(),
        start: order.start.clone(),
    };
    let tick = progress.part(Part::new(target.name(), order.evaluations));
    let watch = |news: News<'_>| match news {
        News::Probed(probe, evaluations) => progress.note(&forecast(probe, evaluations)),
        News::Doing(what, evaluations) => {
            tick.quality(what);
            tick.step(evaluations);
        }
    };
    let found = explored(target, &settings, &watch, stop).map_err(refused)?;
    drop(tick);
    let samples = Samples { dim: found.dim, data: found.rows.iter().map(|x| *x as f32).collect() };
    let name = |block: &[usize]| block.iter().map(|at| settings.names[*at].clone()).collect();
    let facts = Facts {
        format: FORMAT,
        kiln: env!("CARGO_PKG_VERSION").into(),
        target: target.name().into(),
        convention: target.convention().into(),
        energy: target.file().map(|file| file.display().to_string()),
        seed: order.seed,
        evaluations: found.evaluations,
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
        probe: found.probe,
        left_out: found.left_out,
        reasons: found.reasons,
        names: settings.names,
    };
    Ok(Pool { facts, samples, energies: found.energies, path: PathBuf::new() })
}

/// What one evaluation costs, and hence all of them.
fn forecast(probe: &Probe, evaluations: u64) -> String {
    let threads = rayon::current_num_threads();
    let whole = probe.seconds * evaluations as f64 / threads as f64;
    let each = 1e6 * probe.seconds;
    format!(
        "an evaluation takes {each:.2} µs: at most {evaluations} of them, {whole:.1} s on {threads} threads beside other work"
    )
}

fn refused(refusal: Refusal) -> Error {
    if refusal.interrupted {
        return Error::interrupted(refusal.message, refusal.hint);
    }
    Error::input(refusal.message, refusal.hint)
}

/// Whether this is the directory of a pool.
pub fn is_pool(path: &Path) -> bool {
    path.join(FACTS).is_file()
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
        let files = [(POOL, &pool), (ENERGIES, &energies), (FACTS, &facts)];
        let places = files.each_ref().map(|(name, _)| path.join(name));
        let all: Vec<(&Path, &[u8])> =
            places.iter().zip(&files).map(|(place, (_, bytes))| (&**place, bytes.as_slice())).collect();
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
        Ok(Self { facts, samples, energies, path: path.to_path_buf() })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
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
