//! Comma-separated text with a header `x0,x1,…`. Numbers are written in the fewest digits that read back to
//! the same float32.

use super::invalid;
use crate::engine::Samples;
use std::io::{self, BufRead, BufReader, Read, Write};

/// Writes a header and one line a sample.
pub fn write(samples: &Samples, mut out: impl Write) -> io::Result<()> {
    let header: Vec<String> = (0..samples.dim).map(|i| format!("x{i}")).collect();
    writeln!(out, "{}", header.join(","))?;
    for row in samples.data.chunks_exact(samples.dim.max(1)) {
        for (i, x) in row.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            if *x == 0.0 || (1e-5..1e7).contains(&x.abs()) {
                write!(out, "{comma}{x}")?
            } else {
                write!(out, "{comma}{x:e}")?
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Reads a header and one line a sample.
pub fn read(input: impl Read) -> io::Result<Samples> {
    let mut lines = BufReader::new(input).lines();
    let header = lines.next().transpose()?.ok_or_else(|| invalid("it is empty"))?;
    let dim = header.split(',').count();
    let mut data = Vec::new();
    for (at, line) in lines.enumerate() {
        let line = line?;
        let before = data.len();
        for word in line.split(',') {
            let number = word
                .trim()
                .parse::<f32>()
                .map_err(|_| invalid(format!("line {}: '{word}' is not a number", at + 2)))?;
            data.push(number);
        }
        if data.len() - before != dim {
            return Err(invalid(format!("line {} has {} columns, the header {dim}", at + 2, data.len() - before)));
        }
    }
    Ok(Samples { dim, data })
}
