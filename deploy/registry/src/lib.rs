//! # kiln-registry
//!
//! The proof that Kiln computes the same bits everywhere: a registry of kernels, each run on fixed inputs, each with a
//! pinned hash of all bits that it computed.
//!
//! ## Guarantees
//! - `no_std`, no heap, no `unsafe`: it runs wherever `kiln-core` does.
//! - Inputs come from [`kiln_core::random`] alone; a kernel depends on no other kernel.
//! - A hash covers every number that a kernel returns, including acceptance rates and rejected proposals. NaN is hashed
//!   as one canonical NaN: its payload is the one thing that IEEE 754 leaves open.
//! - Kernels that compute the same thing in another way, such as lanes instead of scalars, must have the same hash.
//!
//! ## Non-goals
//! - No judgement whether a result is right: that is what the tests of `kiln-core` are for.
//! - No timing.
//!
//! `cargo run --release --bin registry` in `deploy/` prints the table of this machine; with `-- --pin` it becomes the
//! pinned one, which is right only after a deliberate change of arithmetic. `scripts/sameness` runs it on all targets.
#![no_std]
#![forbid(unsafe_code)]

mod dynamics;
mod elementary;
mod energies;
mod estimators;
mod fixed;
mod hash;
mod models;
mod networks;
mod pack;
mod random;

pub use hash::Hash;
use kiln_core::fixed::Products;

/// The pinned table: a line for each kernel, in the registry's order.
pub const PINNED: &str = include_str!("../pinned.txt");

/// A computation whose bits are hashed.
pub struct Kernel {
    /// What is computed and in which numbers.
    pub name: &'static str,
    /// How often: inputs, draws, samples or chains.
    pub count: u32,
    /// Hashes the results of `count` computations.
    run: fn(&mut Hash, u32),
}

impl Kernel {
    /// Runs it.
    pub fn line(&self) -> Line {
        let mut hash = Hash::new();
        (self.run)(&mut hash, self.count);
        Line { name: self.name, count: self.count, hash: hash.value() }
    }
}

/// The outcome of a kernel: a line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The kernel's name.
    pub name: &'static str,
    /// The kernel's count.
    pub count: u32,
    /// FNV-1a-64 over the bits of all results.
    pub hash: u64,
}

impl Line {
    /// Whether the pinned table has this very line.
    pub fn is_pinned(&self) -> bool {
        PINNED.lines().any(|line| {
            let mut words = line.split_ascii_whitespace();
            words.next() == Some(self.name)
                && words.next().is_some_and(|word| word.parse() == Ok(self.count))
                && words.next().is_some_and(|word| u64::from_str_radix(word, 16) == Ok(self.hash))
        })
    }
}

impl core::fmt::Display for Line {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:<32} {:>7} {:016x}", self.name, self.count, self.hash)
    }
}

/// All kernels, by what they are about.
pub const KERNELS: &[&[Kernel]] = &[
    elementary::KERNELS,
    random::KERNELS,
    energies::KERNELS,
    dynamics::KERNELS,
    estimators::KERNELS,
    networks::KERNELS,
    fixed::KERNELS,
    fixed::PORTABLE,
    models::FLOAT,
    models::PORTABLE,
];

/// Runs every kernel in order and reports its line. Returns how many lines differ from the pinned table, or are
/// missing from it.
pub fn run(report: impl FnMut(&Line)) -> u32 {
    run_all(KERNELS.iter().copied().flatten(), report)
}

/// Runs the kernels of integer dot products and networks with a processor's own products: the same lines as in [`run`].
pub fn run_with<P: Products + Default>(report: impl FnMut(&Line)) -> u32 {
    run_all(fixed::of_products::<P>().iter().chain(&models::of_products::<P>()), report)
}

fn run_all<'a>(kernels: impl IntoIterator<Item = &'a Kernel>, mut report: impl FnMut(&Line)) -> u32 {
    let mut different = 0;
    for kernel in kernels {
        let line = kernel.line();
        different += u32::from(!line.is_pinned());
        report(&line);
    }
    different
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn this_machine_computes_the_pinned_bits() {
        let mut lines = Vec::new();
        assert_eq!(run(|line| lines.push(*line)), 0, "not pinned: {:?}", lines.iter().find(|line| !line.is_pinned()));
        let named: Vec<_> = PINNED.lines().map(|line| line.split(' ').next()).collect();
        assert_eq!(named, lines.iter().map(|line| Some(line.name)).collect::<Vec<_>>(), "one line for each kernel");
        for wide in &lines {
            let Some(kernel) = wide.name.strip_suffix("lanes") else { continue };
            let scalar = |line: &&Line| line.name.strip_suffix("f32") == Some(kernel);
            let other = lines.iter().find(scalar).map(|line| (line.count, line.hash));
            assert_eq!(Some((wide.count, wide.hash)), other, "{}: lanes are scalars side by side", wide.name);
        }
    }

    #[test]
    fn names_are_unique_words() {
        let names: Vec<_> = KERNELS.iter().copied().flatten().map(|kernel| kernel.name).collect();
        for (i, name) in names.iter().enumerate() {
            assert!(!name.contains(char::is_whitespace) && name.len() <= 32, "{name}");
            assert!(!names[..i].contains(name), "{name}");
        }
    }

    #[test]
    fn another_hash_or_count_is_not_pinned() {
        let line = KERNELS[0][0].line();
        assert!(line.is_pinned());
        assert!(!Line { hash: line.hash ^ 1, ..line }.is_pinned());
        assert!(!Line { count: line.count + 1, ..line }.is_pinned());
    }
}
