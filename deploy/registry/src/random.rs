//! Random streams: raw bits, uniform and normal numbers, exact samples of the targets that have them.

use kiln_core::Lanes;
use kiln_core::energy::{ManyWell, mog40};
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::symmetry::{MeanFree, Symmetry};

use crate::Kernel;
use crate::hash::Hash;
use crate::pack::{LANES, Pack, SEED, chains, numbers};

/// One stream, as long as it takes.
fn bits(hash: &mut Hash, count: u32) {
    let mut stream = Stream::new(SEED, Purpose::Test, 0);
    (0..count).for_each(|_| hash.add(stream.next_bits()));
}

/// The first word of many streams: how (seed, purpose, index) become a state.
fn keys(hash: &mut Hash, count: u32) {
    for index in 0..u64::from(count) {
        let purpose = [Purpose::Latent, Purpose::Sample, Purpose::Reference][index as usize % 3];
        hash.add(Stream::new(SEED ^ index.rotate_left(40), purpose, index).next_bits());
    }
}

/// Numbers that one chain takes from its stream.
const EACH: usize = 25;

fn uniform<P: Pack>(hash: &mut Hash, count: u32) {
    chains::<P, EACH>(hash, count / EACH as u32, |rng| numbers([(); EACH].map(|()| rng.uniform())));
}

fn normal<P: Pack>(hash: &mut Hash, count: u32) {
    chains::<P, EACH>(hash, count / EACH as u32, |rng| {
        let mut out = [P::zero(); EACH];
        rng.fill_normal(&mut out);
        numbers(out)
    });
}

fn mean_free<P: Pack>(hash: &mut Hash, count: u32) {
    chains::<P, 39>(hash, count, |rng| {
        let mut out = [P::zero(); 39];
        MeanFree { rng, symmetry: Symmetry::Particles { count: 13, dimensions: 3 } }.fill_normal(&mut out);
        numbers(out)
    });
}

fn mixture(hash: &mut Hash, count: u32) {
    let target = mog40();
    (0..u64::from(count)).for_each(|i| hash.all(&target.sample(&mut Stream::new(SEED, Purpose::Reference, i))));
}

fn wells(hash: &mut Hash, count: u32) {
    (0..u64::from(count)).for_each(|i| hash.all(&ManyWell::<32>.sample(&mut Stream::new(SEED, Purpose::Reference, i))));
}

pub const KERNELS: &[Kernel] = &[
    Kernel { name: "xoshiro256++", count: 100_000, run: bits },
    Kernel { name: "stream-keys", count: 100_000, run: keys },
    Kernel { name: "uniform/f32", count: 100_000, run: uniform::<f32> },
    Kernel { name: "uniform/lanes", count: 100_000, run: uniform::<Lanes<LANES>> },
    Kernel { name: "uniform/f64", count: 100_000, run: uniform::<f64> },
    Kernel { name: "normal/f32", count: 100_000, run: normal::<f32> },
    Kernel { name: "normal/lanes", count: 100_000, run: normal::<Lanes<LANES>> },
    Kernel { name: "normal/f64", count: 100_000, run: normal::<f64> },
    Kernel { name: "normal/mean-free/f32", count: 1_008, run: mean_free::<f32> },
    Kernel { name: "normal/mean-free/lanes", count: 1_008, run: mean_free::<Lanes<LANES>> },
    Kernel { name: "mog40/exact-samples/f64", count: 1_000, run: mixture },
    Kernel { name: "mw32/exact-samples/f64", count: 100, run: wells },
];
