//! Exploring an energy: where its mass lies, how wide it is, and a pool of states that are distributed by it, with the evidence.
//!
//! Nothing is known of the energy but its values and gradients, and every evaluation counts. The way: a [`probe`] that refuses
//! what cannot work; [`scout`]s from scattered starts for location and widths; independent [`ladder`]s of replicas between a
//! reference and the target, whose reference is fitted to what they find and made anew; moves of small blocks where
//! coordinates do not interact; then a comparison of what ladders and plain long trajectories yield an evaluation, and the rest
//! of the budget for the better. What is read off the states is their own [`evidence`]: ladders never meet, so that what all of
//! them agree on was found many times over. A narrow mode that no start and no hot replica enters stays unseen.

pub mod bounds;
pub mod counted;
pub mod ensemble;
pub mod evidence;
mod exploration;
mod explore;
pub mod frame;
mod known;
pub mod ladder;
mod legs;
pub mod plan;
mod pool;
pub mod probe;
pub mod reference;
pub mod refresh;
pub mod refusal;
mod reinforce;
mod row;
pub mod scout;
pub mod start;
pub mod symmetry;
mod trials;
pub mod whitened;

pub use bounds::Bound;
pub use ensemble::FLAT;
pub use exploration::{Enough, Exploration, Kind, News, Settings};
pub use explore::explore;
pub use probe::Probe;
pub use refusal::Refusal;
pub use start::Start;
