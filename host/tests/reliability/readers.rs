//! Every reader of files: what it reads, the command that reads it, and how that may end when the file is damaged.

use super::lives::{BEFORE, BEST, CHECKPOINT, CONFIG, GENERATOR, LIMIT, METRICS, small};
use super::trial::{DONE, INPUT, NUMERICS, run, start};
use npyz::WriterBuilder;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What is promised of a damaged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// It has a checksum: it is refused.
    Refused,
    /// The checkpoint before is used, and a note says so.
    Replaced,
    /// It is refused, or what comes out is what comes out of the undamaged file.
    Harmless,
    /// It is refused, or read as what it now says, which may overflow.
    Told,
    /// It is refused, its numbers are still those that the manifest has the hash of, or a note says that the manifest is not used.
    Hashed,
    /// It is refused, or read with a word about the file on stderr, or nothing that it says has changed.
    Noticed,
}

impl Promise {
    /// How the command may end.
    pub fn codes(self) -> &'static [i32] {
        match self {
            Self::Refused => &[INPUT],
            Self::Replaced => &[DONE],
            Self::Harmless | Self::Noticed | Self::Hashed => &[DONE, INPUT],
            Self::Told => &[DONE, INPUT, NUMERICS],
        }
    }
}

/// A command.
pub type Words = &'static [&'static str];

/// One reader.
pub struct Reader {
    pub name: &'static str,
    /// The directory of [`Originals`] that is copied.
    pub from: &'static str,
    /// The files that are damaged, each in its own way.
    pub files: &'static [&'static str],
    /// The commands, taken in turns.
    pub commands: &'static [Words],
    /// More of them in the long form: on undamaged files they take seconds.
    pub dear: &'static [Words],
    pub promise: Promise,
    /// The file that is made or changed, for [`Promise::Harmless`].
    pub makes: &'static str,
    /// Whether a checksum that all programs know is mended after the damage, so that what lies behind it is tried.
    pub mended: bool,
    /// Whether a file takes seconds even where all is well: fewer are tried.
    pub slow: bool,
}

const READER: Reader = Reader {
    name: "",
    from: "run",
    files: &[],
    commands: &[],
    dear: &[],
    promise: Promise::Refused,
    makes: "",
    mended: false,
    slow: false,
};

/// Reads the checkpoint and ends before the next step: the budget is spent at once.
const RESUME: Words = &["train", "--threads", "1", "--resume", "run", "--budget", "0.000000001s"];
const SAMPLE: Words = &["sample", "run", "-n", "20", "-o", "made.npy"];
const AS_MIXTURE: &str = "mog40";
const AS_PARTICLES: &str = "dw4";

pub const READERS: &[Reader] = &[
    Reader {
        name: "generator",
        files: &[GENERATOR],
        commands: &[SAMPLE, &["export", "run", "--no-quality", "--format", "f32", "-o", "made.kiln"]],
        dear: &[
            &["evaluate", "run"],
            &["distill", "run", "--hidden", "4", "--depth", "1", "--steps", "1", "--batch", "4", "--out", "made"],
        ],
        ..READER
    },
    Reader { name: "checkpoint", files: &[CHECKPOINT], commands: &[RESUME], promise: Promise::Replaced, ..READER },
    Reader { name: "both checkpoints", files: &[CHECKPOINT, BEFORE], commands: &[RESUME], ..READER },
    Reader { name: "best generator", files: &[BEST], commands: &[RESUME], ..READER },
    Reader {
        name: "config.toml of a run",
        files: &[CONFIG],
        commands: &[SAMPLE],
        promise: Promise::Harmless,
        makes: "made.npy",
        ..READER
    },
    Reader {
        name: "config.toml, resumed",
        files: &[CONFIG],
        commands: &[RESUME],
        promise: Promise::Harmless,
        makes: "run/generator.safetensors",
        ..READER
    },
    Reader {
        name: "config.toml as --config",
        files: &[CONFIG],
        commands: &[&["train", "--config", "run/config.toml", "--budget", "0.001s", "--out", "made"]],
        promise: Promise::Told,
        ..READER
    },
    Reader {
        name: "metrics.jsonl, resumed",
        files: &[METRICS],
        commands: &[RESUME],
        promise: Promise::Noticed,
        ..READER
    },
    Reader {
        name: "metrics.jsonl in the report",
        from: "mixture",
        files: &[METRICS],
        commands: &[&["evaluate", "run"]],
        promise: Promise::Told,
        // Judging 10,000 samples has no smaller form.
        slow: true,
        ..READER
    },
    Reader {
        name: "model (.kiln)",
        from: "files",
        files: &["model.kiln"],
        commands: &[&["inspect", "model.kiln"], &["sample", "model.kiln", "-n", "20", "-o", "made.npy"]],
        dear: &[&["evaluate", "model.kiln"]],
        ..READER
    },
    Reader {
        name: "model in floats",
        from: "files",
        files: &["float.kiln"],
        commands: &[
            &["inspect", "float.kiln"],
            &["sample", "float.kiln", "-n", "20", "-o", "made.npy"],
            &["export", "float.kiln", "--no-quality", "--format", "i8w16a", "-o", "made.kiln"],
        ],
        ..READER
    },
    Reader {
        name: "model, checksum mended",
        from: "files",
        files: &["model.kiln"],
        commands: &[&["inspect", "model.kiln"], &["sample", "model.kiln", "-n", "20", "-o", "made.npy"]],
        promise: Promise::Told,
        mended: true,
        ..READER
    },
    Reader {
        name: ".npy, float32",
        from: "files",
        files: &["single.npy"],
        commands: &[&["evaluate", "single.npy", "--target", AS_MIXTURE]],
        promise: Promise::Told,
        ..READER
    },
    Reader {
        name: ".npy, float64",
        from: "files",
        files: &["double.npy"],
        commands: &[&["evaluate", "double.npy", "--target", AS_MIXTURE]],
        promise: Promise::Told,
        ..READER
    },
    Reader {
        name: ".npz",
        from: "files",
        files: &["x.npz"],
        commands: &[&["evaluate", "x.npz", "--target", AS_MIXTURE]],
        promise: Promise::Told,
        ..READER
    },
    Reader {
        name: ".csv",
        from: "files",
        files: &["x.csv"],
        commands: &[&["evaluate", "x.csv", "--target", AS_MIXTURE]],
        promise: Promise::Told,
        ..READER
    },
    Reader {
        name: ".extxyz",
        from: "files",
        files: &["x.extxyz"],
        commands: &[&["evaluate", "x.extxyz", "--target", AS_PARTICLES]],
        promise: Promise::Told,
        ..READER
    },
    Reader {
        name: ".xyz",
        from: "files",
        files: &["x.xyz"],
        commands: &[&["evaluate", "x.xyz", "--target", AS_PARTICLES]],
        promise: Promise::Told,
        ..READER
    },
    Reader {
        name: ".npy.gz",
        from: "files",
        files: &["x.npy.gz"],
        commands: &[&["evaluate", "x.npy.gz", "--target", AS_MIXTURE]],
        promise: Promise::Told,
        ..READER
    },
    Reader {
        name: ".csv.gz",
        from: "files",
        files: &["x.csv.gz"],
        commands: &[&["evaluate", "x.csv.gz", "--target", AS_MIXTURE]],
        promise: Promise::Told,
        ..READER
    },
    Reader {
        name: "manifest (.json)",
        from: "files",
        files: &["reference.json"],
        commands: &[
            &["evaluate", "reference.npy", "--target", AS_MIXTURE],
            &["evaluate", "single.npy", "--target", AS_MIXTURE, "--reference", "reference.npy"],
        ],
        promise: Promise::Told,
        ..READER
    },
    Reader {
        name: "reference with a manifest",
        from: "files",
        files: &["reference.npy"],
        commands: &[&["evaluate", "reference.npy", "--target", AS_MIXTURE]],
        promise: Promise::Hashed,
        ..READER
    },
];

/// The undamaged files: `run`, an unfinished run with all that a run directory can hold, `mixture`, a small finished one,
/// and `files`.
pub struct Originals(TempDir);

impl Originals {
    pub fn make() -> Self {
        let place = tempfile::tempdir().unwrap();
        let at = place.path();
        unfinished(at);
        finished(at);
        let files = at.join("files");
        fs::create_dir(&files).unwrap();
        for words in [
            "export mog40 --format i8w16a --no-quality -o model.kiln",
            "export ../mixture --format f32 --no-quality -o float.kiln",
            "sample mog40 -n 20 -o single.npy",
            "sample mog40 -n 20 -o x.npz",
            "sample mog40 -n 20 -o x.csv",
            "sample dw4 -n 6 -o x.extxyz",
            "sample dw4 -n 6 -o x.xyz",
            "sample mog40 -n 20 -o x.npy.gz",
            "sample mog40 -n 20 -o x.csv.gz",
            "reference mog40 -n 20 -o reference.npy",
        ] {
            let ended = run(&files, &words.split(' ').collect::<Vec<_>>(), LIMIT);
            assert_eq!(ended.code(), Some(DONE), "{}: {}", ended.command, ended.stderr);
        }
        doubled(&files.join("single.npy"), &files.join("double.npy"));
        Self(place)
    }

    /// Where they lie.
    pub fn at(&self, reader: &Reader) -> PathBuf {
        self.0.path().join(reader.from)
    }

    /// A fresh copy of what `reader` reads, and the directory where its commands run.
    pub fn copied(&self, reader: &Reader) -> (TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let to = if reader.from == "files" { place.path().to_path_buf() } else { place.path().join("run") };
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(self.at(reader)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        (place, to)
    }
}

/// Trains until there are a best generator and two checkpoints, and ends it there by kill -9.
fn unfinished(place: &Path) {
    let steps = ["train.steps=400", "train.checkpoint_every=20", "train.evaluate_every=20"];
    let mut words = small("dw4", &steps);
    words.extend(["--out".into(), "run".into()]);
    let mut training = start(place, &words);
    let (started, run) = (Instant::now(), place.join("run"));
    while !(run.join(BEST).exists() && run.join(CHECKPOINT).exists()) {
        assert!(!training.has_ended() && started.elapsed() < LIMIT, "the training ended before it was killed");
        sleep(Duration::from_millis(1));
    }
    // Where the checkpoint before is kept, it is there by now: the best is of the second half.
    training.kill();
    training.wait(LIMIT);
}

fn finished(place: &Path) {
    let mut words = small("mog40", &["train.steps=60", "train.checkpoint_every=20", "train.evaluate_every=20"]);
    words.extend(["--out".into(), "mixture".into()]);
    let ended = run(place, &words, LIMIT);
    assert_eq!(ended.code(), Some(DONE), "{}: {}", ended.command, ended.stderr);
}

/// The numbers of an array, and its shape.
pub fn numbers(file: &Path) -> Option<(Vec<u64>, Vec<f32>)> {
    let bytes = fs::read(file).ok()?;
    let file = npyz::NpyFile::new(bytes.as_slice()).ok()?;
    Some((file.shape().to_vec(), file.into_vec().ok()?))
}

/// The float32 array of a file that Kiln wrote, as float64.
fn doubled(single: &Path, double: &Path) {
    let (shape, numbers) = numbers(single).unwrap();
    let mut out = Vec::new();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut out).begin_nd().unwrap();
    writer.extend(numbers.into_iter().map(f64::from)).unwrap();
    writer.finish().unwrap();
    fs::write(double, out).unwrap();
}
