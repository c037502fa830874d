//! What there is: targets and presets.

use super::examples::PRESETS_EXAMPLES;
use clap::Args;

/// `kiln targets`
#[derive(Debug, Args)]
pub struct Targets {
    /// List what a training must reach instead (with default settings; of particles, by `--preset direct`): target, figure, what of it, least, most
    #[arg(long)]
    pub bars: bool,
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
