//! Metrics of samples against a target: pure functions on slices, one family a file, each with its definition,
//! its source and what its floor means.
//!
//! The **floor** of a metric is its value between two independent exact sets of the same size n: what a perfect
//! sampler scores. A value is to be read against it, never against zero.
//!
//! A figure that the samples do not tell is NaN, which every table and file shows as *unknown* ([`number`]); no figure
//! takes what is unknown, lost or empty for its best value.

pub mod alignment;
pub mod assignment;
pub mod chain;
pub mod comparison;
pub mod eigen;
pub mod headline;
pub mod histogram;
pub mod measure;
pub mod mixture;
pub mod number;
pub mod observable;
pub mod origin;
pub mod particles;
pub mod report;
pub mod rotation;
pub mod selection;
pub mod statistic;
pub mod suite;
pub mod transport;
mod trial;
pub mod wells;

pub use comparison::Comparison;
pub use origin::{Mixing, Origin};
pub use report::{Report, Row};
pub use suite::{Effort, evaluate, judge};
