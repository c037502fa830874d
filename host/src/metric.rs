//! Metrics of samples against a target: pure functions on slices, one family a file, each with its definition,
//! its source and what its floor means.
//!
//! The **floor** of a metric is its value between two independent exact sets of the same size n: what a perfect
//! sampler scores. A value is to be read against it, never against zero.

pub mod assignment;
pub mod histogram;
pub mod mixture;
pub mod report;
pub mod statistic;
pub mod suite;
pub mod transport;
pub mod wells;

pub use report::{Report, Row};
pub use suite::{Effort, Exact, evaluate};
