//! Extended XYZ: particles for OVITO, ASE, VMD, one frame a sample. The comment line holds the columns' meaning, the
//! energy and the target with its convention; units are the target's own. In the plane z is 0.

use super::invalid;
use crate::engine::Samples;
use crate::target_api::{Structure, Target};
use std::io::{self, BufRead, BufReader, Read, Write};

/// Particles of no element: most programs take X for a dummy atom.
const SPECIES: &str = "X";

/// Writes one frame a sample. Numbers are written in the fewest digits that read back to the same float32.
pub fn write(samples: &Samples, target: &dyn Target, mut out: impl Write) -> io::Result<()> {
    let Structure::Particles { count, dimensions } = target.structure() else {
        return Err(invalid("an .extxyz holds particles"));
    };
    if dimensions > 3 || samples.dim != count * dimensions {
        return Err(invalid("an .extxyz holds particles in at most three dimensions"));
    }
    let convention = target.convention().replace(['\n', '"'], " ");
    for row in samples.data.chunks_exact(samples.dim.max(1)) {
        let wide: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
        writeln!(out, "{count}")?;
        writeln!(
            out,
            "Properties=species:S:1:pos:R:3 energy={:.6} pbc=\"F F F\" dimensions={dimensions} target=\"{}\" convention=\"{convention}\"",
            target.energy(&wide),
            target.name()
        )?;
        for particle in row.chunks_exact(dimensions) {
            write!(out, "{SPECIES}")?;
            for k in 0..3 {
                write!(out, " {}", particle.get(k).copied().unwrap_or(0.0))?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

/// Reads frames of equally many particles. `dimensions` in the comment says how many coordinates count; without it,
/// three.
pub fn read(input: impl Read) -> io::Result<Samples> {
    let mut lines = BufReader::new(input).lines();
    let mut samples = Samples { dim: 0, data: Vec::new() };
    let mut at = 0;
    while let Some(head) = lines.next().transpose()? {
        if head.trim().is_empty() {
            continue;
        }
        at += 1;
        let bad = |what: &str| invalid(format!("frame {at}: {what}"));
        let count: usize = head.trim().parse().map_err(|_| bad("it does not begin with a number of particles"))?;
        let comment = lines.next().transpose()?.ok_or_else(|| bad("it has no comment line"))?;
        let dimensions = match comment.split_whitespace().find_map(|word| word.strip_prefix("dimensions=")) {
            Some(text) => text.parse().ok().filter(|d| (1..=3).contains(d)).ok_or_else(|| bad("bad dimensions"))?,
            None => 3,
        };
        let before = samples.data.len();
        for _ in 0..count {
            let line = lines.next().transpose()?.ok_or_else(|| bad("it is cut short"))?;
            let numbers: Vec<f32> = line.split_whitespace().skip(1).map_while(|word| word.parse().ok()).collect();
            let position = numbers.get(..dimensions).ok_or_else(|| bad("a line has no position after the species"))?;
            samples.data.extend(position);
        }
        let dim = samples.data.len() - before;
        if samples.dim != 0 && dim != samples.dim {
            return Err(bad("it has another number of particles than the first one"));
        }
        samples.dim = dim;
    }
    if samples.dim == 0 {
        return Err(invalid("it holds no particles"));
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::builtin;

    fn named(name: &str) -> Box<dyn Target> {
        builtin().into_iter().find(|target| target.name() == name).unwrap()
    }

    #[test]
    fn a_frame_is_what_viewers_read() {
        let samples = Samples { dim: 8, data: vec![2.0, 0.5, -2.0, 0.25, 0.0, 2.0, -1e-20, -2.0] };
        let mut text = Vec::new();
        write(&samples, named("dw4").as_ref(), &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "4");
        let wide: Vec<f64> = samples.data.iter().map(|x| f64::from(*x)).collect();
        let energy = format!("energy={:.6}", named("dw4").energy(&wide));
        assert!(lines[1].starts_with("Properties=species:S:1:pos:R:3 ") && lines[1].contains(&energy), "{}", lines[1]);
        assert_eq!(lines[2..4], ["X 2 0.5 0", "X -2 0.25 0"]);
        assert_eq!(lines.len(), 6);
        assert_eq!(read(text.as_bytes()).unwrap(), samples);
    }

    #[test]
    fn other_programs_frames_are_read_and_broken_ones_refused() {
        let text = "2\nLattice=\"1 0 0 0 1 0 0 0 1\"\nAr 1 2 3 9.5\nAr 4 5 6 9.5\n\n2\n\nAr 1 1 1\nAr 2 2 2\n";
        assert_eq!(read(text.as_bytes()).unwrap().data, [1., 2., 3., 4., 5., 6., 1., 1., 1., 2., 2., 2.]);
        for bad in ["", "two\n\n", "2\n\nAr 1 2 3\n", "1\n\nAr 1 2\n", "1\n\nAr 1 2 3\n2\n\nAr 1 2 3\nAr 1 2 3\n"] {
            assert!(read(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_not_particles_is_refused() {
        let samples = Samples { dim: 2, data: vec![0.0; 2] };
        assert!(write(&samples, named("mog40").as_ref(), Vec::new()).is_err());
    }
}
