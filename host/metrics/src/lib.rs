//! Figures of samples: rows in, numbers out.
//!
//! The **floor** of a metric is its value between two independent exact sets of the same size n: what a perfect
//! sampler scores. A value is to be read against it, never against zero.
//!
//! # Guarantees
//! - Pure functions of slices, one family of figures a file, each with its definition and its source. What needs an energy
//!   takes any [`kiln_core::Energy`] and evaluates it once a sample.
//! - A figure that the samples do not tell is NaN, which every table and file shows as *unknown* ([`number`]); no figure
//!   takes what is unknown, lost or empty for its best value.
//! - The same bits whatever the number of threads.
//! - No `unsafe` code.
//!
//! # Non-goals
//! - Nothing here knows a run, a file or a target's name, draws a sample, or says whether a figure is good: `kiln` does.
#![forbid(unsafe_code)]

pub mod alignment;
pub mod assignment;
pub mod chain;
pub mod cholesky;
pub mod eigen;
pub mod gaussians;
pub mod histogram;
pub mod kd;
pub mod kolmogorov;
pub mod measure;
pub mod mixture;
pub mod number;
pub mod observable;
pub mod particles;
pub mod principal;
pub mod quantile;
pub mod rotation;
pub mod selection;
pub mod statistic;
pub mod transport;
pub mod verdict;
pub mod wells;
