//! Coordinate refresh: Metropolis within Gibbs for a posterior U(x) = β E(x) + ‖x − y‖²/(2v²).
//!
//! A block of coordinates is drawn afresh from the Gaussian factor N(y, v²), the others stay; that
//! factor cancels in Metropolis' ratio, which is exp(−β ΔE) (Metropolis-within-Gibbs with an
//! independence proposal; Tierney 1994). The move needs no gradient and crosses barriers in a few
//! coordinates at once however high they are, which Langevin dynamics cannot: at large v it is
//! what sets the weights of the modes. It leaves every target invariant; it is efficient where
//! coordinates are weakly coupled.
//!
//! Of n equal particles one is redrawn at a time, within the mean-free subspace: there the Gaussian
//! factor's marginal is x_i ~ N(y_i, v² (n − 1)/n), and the others give way by
//! −(x_i' − x_i)/(n − 1), which is what the factor's conditional mean asks of them.

use crate::diffusion::Posterior;
use crate::random::Randomness;
use crate::symmetry::Symmetry;
use crate::{Energy, Mask, Scalar, Vector, tensor};

use super::{Info, State, Workspace};

/// Which coordinates one sweep visits together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Params {
    /// How many neighbouring coordinates are drawn at once, at least 1; of particles, always those
    /// of one.
    pub block: usize,
}

/// One sweep over all blocks, in index order. `target_energy` is E at the position, and is updated;
/// the state's position alone is moved: call [`State::evaluate`] before a kernel that needs energy and
/// gradient. `Info::acceptance` is the mean over blocks; `accepted` says whether any block moved.
#[inline]
pub fn sweep<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S>>(
    rng: &mut R,
    state: &mut State<V>,
    target_energy: &mut S,
    params: &Params,
    posterior: &Posterior<'_, E, V>,
    workspace: &mut Workspace<V>,
) -> Info<S> {
    let symmetry = posterior.symmetry().fitting(state.position.as_slice().len());
    let block = match symmetry {
        Symmetry::None => params.block.max(1),
        Symmetry::Particles { dimensions, .. } => dimensions,
    };
    let (width, recoil) = match symmetry {
        Symmetry::None => (posterior.v, S::zero()),
        Symmetry::Particles { count, .. } => {
            let others = count as f64 - 1.0;
            (posterior.v * S::constant(others / count as f64).sqrt(), S::constant(1.0 / others))
        }
    };
    let (position, y) = (state.position.as_mut_slice(), posterior.y.as_slice());
    let proposal = workspace.proposal.position.as_mut_slice();
    let mut acceptance = S::zero();
    let mut moved = S::Mask::splat(false);
    let mut divergent = S::Mask::splat(false);
    let mut evaluations = 0;
    let mut start = 0;
    while start < position.len() {
        let end = (start + block).min(position.len());
        proposal.copy_from_slice(position);
        rng.fill_normal(&mut proposal[start..end]);
        for (proposal, y) in proposal[start..end].iter_mut().zip(&y[start..end]) {
            *proposal = *y + width * *proposal;
        }
        if symmetry != Symmetry::None {
            for j in (0..position.len()).filter(|j| !(start..end).contains(j)) {
                let i = start + j % block;
                proposal[j] -= recoil * (proposal[i] - position[i]);
            }
        }
        let energy = posterior.target.energy(proposal);
        let log_ratio = posterior.beta * (*target_energy - energy);
        let finite = energy.is_finite() & log_ratio.is_finite();
        let ratio = S::select(finite, log_ratio.min(S::zero()).exp(), S::zero());
        let accepted = rng.uniform().lt(ratio) & finite;
        tensor::take(position, accepted, proposal);
        *target_energy = S::select(accepted, energy, *target_energy);
        acceptance += ratio;
        moved = moved | accepted;
        divergent = divergent | !finite;
        evaluations += 1;
        start = end;
    }
    let acceptance = acceptance / S::constant(f64::from(evaluations));
    Info { acceptance, accepted: moved, divergent, evaluations }
}
