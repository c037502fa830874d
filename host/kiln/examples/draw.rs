//! A generator that comes with Kiln, drawn from and judged in a few lines.
//!
//! `cargo run -p kiln --example draw [NAME [N]]`

use kiln::error::Error;
use kiln::metric::suite;
use kiln::{source, targets};
use std::path::Path;

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "mog40".into());
    let n = match arguments.next().map(|n| n.parse()) {
        None => 10_000,
        Some(Ok(n)) => n,
        Some(Err(_)) => return Err(Error::input("N is not a whole number", "for example draw mog40 10000")),
    };
    let generator = source::resolve(Path::new(&name))?;
    let samples = generator.open()?.rows(0, 0, n)?;
    println!("{n} samples of {}, {} coordinates each", generator.target(), samples.dim);
    if let Some(target) = targets::builtin().into_iter().find(|target| target.name() == generator.target()) {
        println!("{}", suite::headline(&target, &samples.data, &suite::energies(&target, &samples.data)).text);
    }
    Ok(())
}
