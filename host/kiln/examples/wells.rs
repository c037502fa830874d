//! The energy of README's four languages, in Rust: explored and trained. `cargo run -p kiln --example wells`

use kiln::config::Layers;
use kiln::explore::Start;
use kiln::fit::{Beginning, Options, begin, judged};
use kiln::target::Target;
use kiln_core::{Energy, Scalar};
use std::sync::atomic::AtomicBool;

struct Wells;

#[rustfmt::skip]
impl<S: Scalar> Energy<S> for Wells {
    fn dim(&self) -> usize { 2 }
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let (well, off) = (x[0] * x[0] - S::constant(4.0), x[1] - x[0]);
        (gradient[0], gradient[1]) = (S::constant(0.5) * well * x[0] - off, off);
        S::constant(0.125) * well * well + S::constant(0.5) * off * off
    }
    fn energy(&self, x: &[S]) -> S { self.energy_and_gradient(x, &mut [S::constant(0.0); 2]) }
}

fn main() -> Result<(), kiln::error::Error> {
    let target = Target::new("wells", Wells);
    let place = std::env::temp_dir().join(format!("wells-{}", std::process::id()));
    let beginning = Beginning {
        layers: &Layers::new(),
        explored: None,
        evaluations: Some(1_000_000),
        start: Start::Scattered,
        out: Some(&place),
    };
    let prepared = begin(&target, beginning, &Options::default())?;
    prepared.train(&target, &Options::default())?;
    println!("{}", judged(&prepared.run, &target, &AtomicBool::new(false))?.verdict.line());
    Ok(())
}
