//! The command line. Values are taken as they are typed; [`crate::config`] checks them, so that a bad number
//! gets the same kind of sentence from a flag, a file and `--set`.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  kiln train                          train on MoG-40 with our recipe, a few minutes on two cores
  kiln train mw32 --budget 15m        Many-Well-32, at most 15 minutes
  kiln sample runs/mog40-kiln-seed0 -n 10000 -o samples.npy
  kiln evaluate runs/mog40-kiln-seed0
  kiln targets                        what can be sampled
  kiln presets                        the recipes side by side

Data goes to stdout, everything else to stderr. Bad input ends with exit code 2.";

const TRAIN_EXAMPLES: &str = "\
Examples:
  kiln train
  kiln train mw32 --seed 3 --out runs/try
  kiln train --set train.steps=2000 --set train.batch=256
  kiln train --config mine.toml --budget 1h30m
  kiln train --preset paper           the published recipe, to compare with
  kiln train --resume runs/try        go on from the checkpoint, to the same bits

Settings are layered: preset, then --config, then --set, then flags. `kiln presets TARGET` prints
them all as TOML. Ctrl-C writes a checkpoint and leaves a run that --resume takes up again.";

const SAMPLE_EXAMPLES: &str = "\
Examples:
  kiln sample runs/mog40-kiln-seed0 -n 10000 -o samples.npy
  kiln sample runs/mog40-kiln-seed0 -n 500 -o samples.csv --seed 7";

const EVALUATE_EXAMPLES: &str = "\
Examples:
  kiln evaluate runs/mog40-kiln-seed0
  kiln evaluate runs/mog40-kiln-seed0 --json > figures.json";

const PRESETS_EXAMPLES: &str = "\
Examples:
  kiln presets                        all presets side by side
  kiln presets mw32 > mine.toml       one preset as TOML, to edit and give to `kiln train --config`
  kiln presets mog40 --preset paper";

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
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a sampler; prints the run directory
    Train(Train),
    /// Draw samples from a trained run
    Sample(Sample),
    /// Judge a trained run: every figure with its floor or truth
    Evaluate(Evaluate),
    /// List the targets
    Targets,
    /// Show the presets side by side, or one as TOML
    Presets(Presets),
}

/// `kiln train`
#[derive(Debug, Args)]
#[command(after_help = TRAIN_EXAMPLES)]
pub struct Train {
    /// What to sample; see `kiln targets` [default: mog40]
    pub target: Option<String>,

    /// Where the defaults come from: kiln (ours) or paper (published) [default: kiln]
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

    /// Worker threads, 0 = all cores; never changes a result
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub threads: Option<i64>,

    /// Go on with this run from its checkpoint
    #[arg(long, value_name = "DIR", conflicts_with_all = ["target", "preset", "config", "set", "seed", "out"])]
    pub resume: Option<PathBuf>,

    /// Where the networks are trained: cpu, cuda:0
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

/// `kiln sample`
#[derive(Debug, Args)]
#[command(after_help = SAMPLE_EXAMPLES)]
pub struct Sample {
    /// The run directory
    pub run: PathBuf,

    /// How many samples
    #[arg(short, value_name = "N", allow_negative_numbers = true)]
    pub n: i64,

    /// Where to; the extension picks the format: .npy, .npz, .csv
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// Another seed gives other samples
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: i64,

    /// Replace FILE if it exists
    #[arg(long)]
    pub force: bool,
}

/// `kiln evaluate`
#[derive(Debug, Args)]
#[command(after_help = EVALUATE_EXAMPLES)]
pub struct Evaluate {
    /// The run directory
    pub run: PathBuf,

    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,

    /// Seed of the samples that are judged
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: i64,
}

/// `kiln presets`
#[derive(Debug, Args)]
#[command(after_help = PRESETS_EXAMPLES)]
pub struct Presets {
    /// Print this target's preset as TOML
    pub target: Option<String>,

    /// Which preset to print
    #[arg(long, value_name = "PRESET", default_value = "kiln", requires = "target")]
    pub preset: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
