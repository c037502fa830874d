//! Model files of every kind and format, with frames, with cells and without, checked and sampled by the path that users take: small
//! ones with random weights, and the trained MoG-40 sampler as `kiln export mog40 --format i8w16a` wrote it.
//!
//! Generic over [`Products`]; models in `f32` are sampled in scalars.

use kiln_core::artifact::{Aligned, Artifact, Format};
use kiln_core::fixed::Products;

use crate::Kernel;
use crate::hash::Hash;
use crate::pack::SEED;

/// Words of scratch and coordinates that the largest model needs.
const SCRATCH: usize = 512;
const DIM: usize = 16;

macro_rules! file {
    ($path:literal) => {{
        static BYTES: &Aligned<[u8]> = &Aligned(*include_bytes!($path));
        &BYTES.0
    }};
}

fn sampled<P: Products + Default>(hash: &mut Hash, bytes: &[u8], count: u32) {
    let Ok(model) = Artifact::check(bytes) else { unreachable!("a file of Kiln") };
    let mut scratch = [0; SCRATCH];
    for index in 0..u64::from(count) {
        let done = if model.format() == Format::F32 {
            let mut x = [0.0; DIM];
            let done = model.sample(SEED, index, &mut scratch, &mut x);
            hash.all(&x[..model.dim()]);
            done
        } else {
            let mut x = [0; DIM];
            let done = model.sample_fixed(&P::default(), SEED, index, &mut scratch, &mut x);
            hash.all(&x[..model.dim()]);
            done
        };
        debug_assert_eq!(done, Ok(()));
    }
}

macro_rules! models {
    ($($name:literal: $path:literal),* $(,)?) => {
        [$(Kernel {
            name: concat!("model/", $name),
            count: 1_000,
            run: |hash, count| sampled::<P>(hash, file!($path), count),
        }),*]
    };
}

/// Models in `f32`.
pub const FLOAT: &[Kernel] = &{
    type P = kiln_core::fixed::Portable;
    models![
        "mlp/f32": "../../../tests/data/artifacts/mlp-f32.kiln",
        "egnn/f32": "../../../tests/data/artifacts/egnn-f32.kiln",
        "egnn-published/f32": "../../../tests/data/artifacts/egnn-published-f32.kiln",
        "mlp-framed/f32": "../../../tests/data/artifacts/mlp-framed-f32.kiln",
        "mlp-widths/f32": "../../../tests/data/artifacts/mlp-widths-f32.kiln",
        "mlp-cells/f32": "../../../tests/data/artifacts/mlp-cells-f32.kiln",
    ]
};

/// Models in integers.
pub const fn of_products<P: Products + Default>() -> [Kernel; 11] {
    models![
        "mlp/i16w16a": "../../../tests/data/artifacts/mlp-i16w16a.kiln",
        "mlp/i8w16a": "../../../tests/data/artifacts/mlp-i8w16a.kiln",
        "egnn/i16w16a": "../../../tests/data/artifacts/egnn-i16w16a.kiln",
        "egnn/i8w16a": "../../../tests/data/artifacts/egnn-i8w16a.kiln",
        "egnn-gated/i8w16a": "../../../tests/data/artifacts/egnn-gated-i8w16a.kiln",
        "mog40/i8w16a": "../models/mog40-i8w16a.kiln",
        "mlp-framed/i16w16a": "../../../tests/data/artifacts/mlp-framed-i16w16a.kiln",
        "mlp-framed/i8w16a": "../../../tests/data/artifacts/mlp-framed-i8w16a.kiln",
        "mlp-widths/i8w16a": "../../../tests/data/artifacts/mlp-widths-i8w16a.kiln",
        "mlp-cells/i16w16a": "../../../tests/data/artifacts/mlp-cells-i16w16a.kiln",
        "mlp-cells/i8w16a": "../../../tests/data/artifacts/mlp-cells-i8w16a.kiln",
    ]
}

pub const PORTABLE: &[Kernel] = &of_products::<kiln_core::fixed::Portable>();
