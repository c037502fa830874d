//! Arguments of `kiln explore` and `kiln formula`.

use super::examples::{EXPLORE_EXAMPLES, FORMULA_EXAMPLES};
use clap::Args;
use kiln::pool::EVALUATIONS;
use std::path::PathBuf;

/// `kiln explore`
#[derive(Debug, Args)]
#[command(after_help = EXPLORE_EXAMPLES)]
pub struct Explore {
    /// What to explore: one of `kiln targets`, a formula file or a shared library
    #[arg(value_name = "TARGET|FILE")]
    pub target: String,

    /// Energy evaluations at most, with or without gradient
    #[arg(long, value_name = "N", default_value_t = EVALUATIONS as f64, allow_negative_numbers = true)]
    pub evaluations: f64,

    /// About this time at most, where that buys fewer evaluations: 90s, 5m, 1h30m; results then depend on the machine
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub budget: Option<String>,

    /// Begin at these points instead of scattered ones: .npy, .npz, .csv, .xyz, or such with .gz
    #[arg(long, value_name = "FILE")]
    pub pool: Option<PathBuf>,

    /// Every random number follows from it
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: i64,

    /// The directory, new or empty [default: explored/TARGET-seedN]
    #[arg(short, long = "out", value_name = "DIR")]
    pub output: Option<PathBuf>,

    /// Print what was found as JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `kiln formula`
#[derive(Debug, Args)]
#[command(after_help = FORMULA_EXAMPLES)]
pub struct Formula {
    /// The formula file or shared library
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Where to evaluate it: as many numbers as coordinates, with commas [default: a random point]
    #[arg(long, value_name = "X,Y,…", allow_hyphen_values = true)]
    pub at: Option<String>,
}

/// `kiln attempt`
#[derive(Debug, Args)]
pub struct Attempt {
    /// The shared library
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}
