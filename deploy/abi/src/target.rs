//! Targets by name. The energies are those of `kiln targets`.

use core::ffi::CStr;

use kiln_core::Energy;
use kiln_core::energy::{DoubleWell, LennardJones, ManyWell, Pairs, mog40};

use crate::status::Status;

/// The names, as on the command line.
pub const NAMES: [&CStr; 6] = [c"mog40", c"mw32", c"dw4", c"lj13", c"lj13-pairs-once", c"lj55"];

/// Something to do with whatever energy has the name.
pub trait Visitor {
    /// What comes of it.
    type Output;
    /// Does it.
    fn visit<E: Energy<f32>, const N: usize>(self, energy: &E) -> Self::Output;
}

/// Hands the energy of that name to the visitor.
pub fn visit<V: Visitor>(name: &[u8], visitor: V) -> Result<V::Output, Status> {
    Ok(match name {
        b"mog40" => visitor.visit::<_, 2>(&mog40()),
        b"mw32" => visitor.visit::<_, 32>(&ManyWell::<32>),
        b"dw4" => visitor.visit::<_, 8>(&DoubleWell::<4, 2>),
        b"lj13" => visitor.visit::<_, 39>(&LennardJones::<13, 3>::new(Pairs::Twice)),
        b"lj13-pairs-once" => visitor.visit::<_, 39>(&LennardJones::<13, 3>::new(Pairs::Once)),
        b"lj55" => visitor.visit::<_, 165>(&LennardJones::<55, 3>::new(Pairs::Twice)),
        _ => return Err(Status::Target),
    })
}
