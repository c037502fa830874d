//! The configuration of a run: what presets, files, `--set` and flags add up to.
//!
//! Each setting is declared once, in `config/settings.rs`. [`Settings`] is raw. [`Settings::check`] or [`Layers::resolve`]
//! turns it into a [`Config`], the only type that can run: every number in it lies in the range that [`KEYS`] states for it,
//! and the numbers fit together. Later layers win: preset < file < `--set` < flags.

mod checked;
mod choice;
mod domain;
mod entries;
mod key;
mod layer;
mod settings;
mod text;

pub use checked::Config;
pub use choice::{Choice, Decay, NetworkKind, ScoreKind, Select, Transition};
pub use domain::Domain;
pub use entries::{FORMAT, SetBy};
pub use key::Key;
pub use kiln_core::score::Estimator;
pub use kiln_gpu::trainer::{Objective, Weight};
pub use layer::Layers;
pub use settings::{Generator, KEYS, LEARN, Learn, Noise, Posterior, Run, Score, Settings, Train, find_key};
pub use text::{About, from_run_text, read_run_text, run_text, settings_table, settings_text};
