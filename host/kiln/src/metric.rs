//! Judging samples of a target: which figures suit it, each with its floor or truth, its n and its error, and the energies
//! it cost. The figures themselves are those of [`kiln_metrics`].

pub mod comparison;
mod effort;
pub mod headline;
pub mod measured;
pub mod origin;
pub mod parameters;
pub mod report;
pub mod suite;
mod trial;

pub use comparison::Comparison;
pub use kiln_metrics::{measure, mixture, number, particles, selection, statistic, wells};
pub use measured::Measured;
pub use origin::{Mixing, Origin};
pub use parameters::{Parameter, Spread};
pub use report::{Report, Row};
pub use suite::{Effort, evaluate, judge};
