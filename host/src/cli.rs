//! The command line. Values are taken as they are typed; [`kiln::config`] checks them, so that a bad number
//! gets the same kind of sentence from a flag, a file and `--set`.

mod examples;
mod explore;
mod known;

pub use explore::{Attempt, Explore, Formula};
pub use known::{Presets, Targets};

use clap::{Args, Parser, Subcommand};
use examples::{
    DISTILL_EXAMPLES, EVALUATE_EXAMPLES, EXAMPLES, EXPORT_EXAMPLES, INSPECT_EXAMPLES, REFERENCE_EXAMPLES,
    SAMPLE_EXAMPLES, TRAIN_EXAMPLES,
};
use std::path::PathBuf;

/// Trains neural samplers that draw independent samples of p(x) ∝ exp(-E(x)) in one forward pass.
#[derive(Debug, Parser)]
#[command(name = "kiln", version, after_help = EXAMPLES, propagate_version = true)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,

    /// Say nothing but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Worker threads, 0 = all cores, never more than there are cores; never changes a result
    #[arg(long, value_name = "N", global = true, allow_negative_numbers = true)]
    pub threads: Option<i64>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a sampler; prints the run directory
    Train(Train),
    /// Draw samples from a trained run
    Sample(Sample),
    /// Find the modes of an energy and draw a pool of states from it, with the evidence
    Explore(Explore),
    /// Check a formula file or a library: a value, the gradient, the cost
    Formula(Formula),
    /// Make reference samples of a target, with the evidence that they are right
    Reference(Reference),
    /// Judge a run or a file of samples: every figure with its floor or truth
    Evaluate(Evaluate),
    /// Write a generator as one file that runs anywhere, and compare it with the float one
    Export(Export),
    /// Train a smaller generator to draw what a trained one draws; prints the run directory
    Distill(Distill),
    /// Explain a file that `kiln export` wrote
    Inspect(Inspect),
    /// Call a library's energy a few times, in a process that may crash
    #[command(hide = true)]
    Attempt(Attempt),
    /// List the targets
    Targets(Targets),
    /// Show the presets side by side, or one as TOML
    Presets(Presets),
}

/// `kiln train`
#[derive(Debug, Args)]
#[command(after_help = TRAIN_EXAMPLES)]
pub struct Train {
    /// What to sample: one of `kiln targets`, a formula file or a shared library [default: mog40]
    pub target: Option<String>,

    /// Where the defaults come from: kiln (ours), direct (ours, estimating at every sample) or paper (published) [default: kiln]
    #[arg(long, value_name = "PRESET")]
    pub preset: Option<String>,

    /// Settings that differ from the preset's
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,

    /// One setting, such as train.batch=512; may be repeated
    #[arg(long, value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub set: Vec<String>,

    /// Every random number follows from it; the same seed gives the same bits
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<i64>,

    /// The run directory, new or empty [default: runs/TARGET-PRESET-seedN]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Stop after this time with a usable run: 90s, 5m, 1h30m
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub budget: Option<String>,

    /// Start from what `kiln explore` left here [default: explore first]
    #[arg(long, value_name = "DIR")]
    pub explored: Option<PathBuf>,

    /// So many energy evaluations at most, exploration included [default: 1e7]
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with = "explored")]
    pub evaluations: Option<f64>,

    /// Go on with this run from its checkpoint
    #[arg(long, value_name = "DIR", conflicts_with_all = ["target", "preset", "config", "seed", "out", "explored", "evaluations"])]
    pub resume: Option<PathBuf>,

    /// Where the networks are trained: cpu, cuda:0
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

/// `kiln sample`
#[derive(Debug, Args)]
#[command(after_help = SAMPLE_EXAMPLES)]
pub struct Sample {
    /// A run directory, the name of a generator that comes with Kiln, a file that `kiln export` wrote, or the directory of
    /// an exploration
    #[arg(value_name = "RUN|NAME|MODEL|POOL")]
    pub run: PathBuf,

    /// How many samples
    #[arg(short, value_name = "N", allow_negative_numbers = true)]
    pub n: i64,

    /// Where to; the extension picks the format: .npy, .npz, .csv, for particles .xyz, .extxyz; compressed as in .csv.gz; - is stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// The format where FILE does not say: npy, csv, xyz.gz, … [default for -: csv]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,

    /// Draw in N steps of the probability-flow ODE of the run's denoiser in place of one of its generator
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub steps: Option<i64>,

    /// Polish every sample by K steps of MALA on the true energy
    #[arg(long, value_name = "K", default_value_t = 0, allow_negative_numbers = true)]
    pub polish: i64,

    /// Leave out samples with an energy above E, and draw on until there are N
    #[arg(long, value_name = "E", allow_negative_numbers = true)]
    pub gate: Option<f64>,

    /// Another seed gives other samples
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: i64,

    /// Replace FILE if it exists
    #[arg(long)]
    pub force: bool,
}

/// `kiln reference`
#[derive(Debug, Args)]
#[command(after_help = REFERENCE_EXAMPLES)]
pub struct Reference {
    /// What to sample: one of `kiln targets`, a formula file or a shared library
    #[arg(value_name = "TARGET|FILE")]
    pub target: String,

    /// How many frames
    #[arg(short, value_name = "N", default_value_t = 10_000, allow_negative_numbers = true)]
    pub n: i64,

    /// Where to; the manifest goes beside it as .json [default: TARGET-reference.npy]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Every random number follows from it; the same seed gives the same bits
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: i64,

    /// Multiplies the effective sample size that is looked for, twice -n, and the default of --evaluations
    #[arg(long, value_name = "X", default_value_t = 1.0, allow_negative_numbers = true)]
    pub effort: f64,

    /// Energy evaluations at most [default: 4000 a frame, 2e7 at least]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub evaluations: Option<f64>,

    /// Use chains even where the target has an exact sampler
    #[arg(long)]
    pub chains: bool,

    /// Keep frames that are not converged; the manifest says so
    #[arg(long)]
    pub accept_unconverged: bool,

    /// Replace files that exist
    #[arg(long)]
    pub force: bool,
}

/// `kiln evaluate`
#[derive(Debug, Args)]
#[command(after_help = EVALUATE_EXAMPLES)]
pub struct Evaluate {
    /// A run directory, the name of a generator that comes with Kiln, a model (.kiln), or a file of samples (.npy, .npz, .csv,
    /// .xyz, .extxyz, or such with .gz)
    #[arg(value_name = "RUN|NAME|MODEL|FILE")]
    pub what: PathBuf,

    /// What the samples of a file are of; see `kiln targets`
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,

    /// How many chains of equal length the file holds, one after another [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub chains: Option<i64>,

    /// Reference samples in random order, instead of the exact sampler's or the shipped ones
    #[arg(long, value_name = "FILE")]
    pub reference: Option<PathBuf>,

    /// Draw from a run in N steps of its denoiser in place of one of its generator
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub steps: Option<i64>,

    /// Polish every sample by K steps of MALA first; their energy evaluations are counted
    #[arg(long, value_name = "K", default_value_t = 0, allow_negative_numbers = true)]
    pub polish: i64,

    /// Count energies above E, and leave them out of the figures that say so [default for particles: 0]
    #[arg(long, value_name = "E", allow_negative_numbers = true)]
    pub gate: Option<f64>,

    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,

    /// Write a report to read in a browser, without a network
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,

    /// Seed of the samples that are drawn from a run, and of polishing
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: i64,
}

/// `kiln export`
#[derive(Debug, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub struct Export {
    /// A run directory, the name of a generator that comes with Kiln, or a model in f32
    #[arg(value_name = "RUN|NAME")]
    pub run: PathBuf,

    /// The numbers it computes with: i16w16a, i8w16a or f32
    #[arg(long, value_name = "FORMAT", default_value = "i16w16a")]
    pub format: String,

    /// Where to
    #[arg(short, long, value_name = "FILE.kiln")]
    pub output: PathBuf,

    /// Write the same bytes as Rust source too, to link them into flash
    #[arg(long, value_name = "FILE.rs")]
    pub rust: Option<PathBuf>,

    /// Write the same bytes as a C header too
    #[arg(long, value_name = "FILE.h")]
    pub c: Option<PathBuf>,

    /// Do not judge: the file then has no figures of its quality
    #[arg(long)]
    pub no_quality: bool,

    /// Seed of the samples that are judged
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: i64,

    /// Replace files that exist
    #[arg(long)]
    pub force: bool,
}

/// `kiln distill`
#[derive(Debug, Args)]
#[command(after_help = DISTILL_EXAMPLES)]
pub struct Distill {
    /// The teacher: a run directory, or the name of a generator that comes with Kiln
    #[arg(value_name = "RUN|NAME")]
    pub run: PathBuf,

    /// Width of the student's hidden layers
    #[arg(long, value_name = "H", allow_negative_numbers = true)]
    pub hidden: i64,

    /// Number of the student's hidden layers [default: the teacher's]
    #[arg(long, value_name = "D", allow_negative_numbers = true)]
    pub depth: Option<i64>,

    /// Steps of learning from the teacher [default: 20000, of particles 5000]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub steps: Option<i64>,

    /// Latents a step [default: 512, of particles 128]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub batch: Option<i64>,

    /// Steps by the teacher's own objective, on the energy, after them [default: 0, on mw32 2000]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub fine_tune: Option<i64>,

    /// Every random number follows from it; the same seed gives the same bits
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: i64,

    /// The run directory, new or empty [default: runs/TARGET-distilled-hH-seedN]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Print sizes and figures as JSON instead of the run directory
    #[arg(long)]
    pub json: bool,
}

/// `kiln inspect`
#[derive(Debug, Args)]
#[command(after_help = INSPECT_EXAMPLES)]
pub struct Inspect {
    /// A file that `kiln export` wrote
    #[arg(value_name = "FILE.kiln")]
    pub model: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The help of every command, as it is shown in a terminal of that width.
    fn helps(width: usize) -> Vec<(String, String)> {
        let mut all = Cli::command().term_width(width);
        all.build();
        let mut helps = vec![("kiln".to_string(), all.render_long_help().to_string())];
        for command in all.get_subcommands_mut() {
            helps.push((command.get_name().to_string(), command.render_long_help().to_string()));
            helps.push((command.get_name().to_string(), command.render_help().to_string()));
        }
        helps
    }

    #[test]
    fn examples_fit_a_terminal_and_paragraphs_are_not_wrapped_by_hand() {
        let mut all = Cli::command();
        all.build();
        let after = |command: &clap::Command| command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for text in all.get_subcommands().map(after).chain([after(&all)]) {
            for block in text.split("\n\n").filter(|block| !block.is_empty()) {
                let lines: Vec<&str> = block.lines().collect();
                let examples = lines.first() == Some(&"Examples:");
                assert!(examples || lines.len() == 1, "a paragraph is one line: {block}");
                assert!(!examples || lines.iter().all(|line| line.chars().count() <= 80), "{block}");
            }
        }
    }

    #[test]
    fn help_is_wrapped_once_to_the_terminals_width() {
        for width in [60, 80, 100, 120] {
            for (command, help) in helps(width) {
                let lines: Vec<&str> = help.lines().collect();
                for pair in lines.windows(2) {
                    let place = format!("{command} at {width}: '{}'", pair[0]);
                    // The line of usage is one.
                    let fits = pair[0].chars().count() <= width || pair[0].starts_with("Usage: ");
                    assert!(fits, "too long: {place}");
                    // Prose that goes on in the next line had no room for one word more.
                    let prose = |line: &str| line.starts_with(|c: char| c.is_alphanumeric() || c == '`' || c == '-');
                    let heading = pair[0].ends_with(':') || pair[0].starts_with("Usage");
                    if prose(pair[0]) && prose(pair[1]) && !heading {
                        let word = pair[1].split(' ').next().unwrap_or_default().chars().count();
                        assert!(pair[0].chars().count() + 1 + word > width, "wrapped before its end: {place}");
                    }
                }
            }
        }
    }
}
