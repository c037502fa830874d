//! Step-size adaptation by stochastic approximation (Robbins, Monro 1951): log h moves by
//! γ_t (a_t − a*), whose equilibrium is the step size with mean acceptance a*.
//!
//! γ_t = γ/(1 + t/t₀): chains adapt fast at first and settle. Frozen, the step size no longer
//! depends on the chain's past, and the kernel is a proper Markov kernel.

use crate::Scalar;

/// Target and speed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Params {
    /// The acceptance rate a* to reach: 0.574 is optimal for MALA, 0.651 for HMC, in many
    /// dimensions (Roberts, Rosenthal 1998; Beskos et al. 2013).
    pub target_acceptance: f64,
    /// γ, the first step in log h.
    pub rate: f64,
    /// t₀, the number of steps after which the rate has halved.
    pub half_life: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { target_acceptance: 0.574, rate: 0.3, half_life: 50.0 }
    }
}

/// The adapted step size, one per lane.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct State<S> {
    /// The step size h.
    pub step_size: S,
    /// How many acceptances it has seen.
    pub steps: u32,
    /// Whether it still moves.
    pub frozen: bool,
}

/// Starts at step size h > 0.
#[inline(always)]
pub fn init<S: Scalar>(step_size: S) -> State<S> {
    State { step_size, steps: 0, frozen: false }
}

impl<S: Scalar> State<S> {
    /// Keeps the step size as it is from here on.
    #[inline(always)]
    pub fn freeze(&mut self) {
        self.frozen = true;
    }
}

/// Learns from one acceptance probability per lane.
#[inline(always)]
pub fn step<S: Scalar>(state: &mut State<S>, params: &Params, acceptance: S) {
    if state.frozen {
        return;
    }
    let rate = params.rate / (1.0 + f64::from(state.steps) / params.half_life);
    let change = S::constant(rate) * (acceptance - S::constant(params.target_acceptance));
    state.step_size *= change.exp();
    state.steps = state.steps.saturating_add(1);
}
