//! The networks that are trained: parameters on a device and how an output comes of them.

pub mod body;
pub mod egnn;
pub mod generator;
pub mod layer;
pub mod mlp;
pub mod parameters;
pub mod score_network;
