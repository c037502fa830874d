//! What changes a network's parameters from step to step: the optimiser and the moving average.

pub mod adam;
pub mod ema;
