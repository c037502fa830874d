//! XYZ, plain and extended: particles for OVITO, ASE, VMD, one frame a sample; units are the target's own, and in the plane
//! z is 0. A frame is its number of particles, a comment line, and a line for each particle: species x y z.
//!
//! A plain frame's comment is `energy=E dimensions=D target="NAME"`: free text for programs that know no more than the plain
//! format, and the energy for those that look for `key=value`, as ASE does in every `.xyz`. It is short: VMD reads lines of up to
//! 1024 bytes. An extended frame says what its columns are, that it is open, and the target's convention too.
//!
//! Both are read alike, whatever the file's name: by their `Properties`; without these a line is a species and three
//! coordinates. Frames must be open clusters: a frame is periodic where `pbc` has a T, and where it has a `Lattice` and no `pbc`,
//! as ASE and OVITO understand it.

use super::label::{Contents, Label, one_line};
use super::{check_room, invalid, text};
use crate::samples::Samples;
use crate::target::{Structure, Target};
use std::io::{self, BufRead, BufReader, Read, Write};

/// What is read of a comment.
const KEYS: [&str; 6] = ["Properties", "pbc", "Lattice", "dimensions", "target", "convention"];

/// Particles of no element: most programs take X for a dummy atom.
const SPECIES: &str = "X";

/// A file in the making.
pub struct Writer<'a, W> {
    frames: Frames<'a>,
    out: W,
}

/// Frames of a target.
struct Frames<'a> {
    target: &'a Target,
    count: usize,
    dimensions: usize,
    /// What the comment says of the target, whether or not the frame is extended.
    known: String,
    /// The convention, where the frame is extended.
    convention: Option<String>,
}

impl<'a, W: Write> Writer<'a, W> {
    /// Of a target of particles in at most three dimensions.
    pub fn new(target: &'a Target, extended: bool, out: W) -> io::Result<Self> {
        let Structure::Particles { count, dimensions } = target.structure() else {
            return Err(invalid("frames hold particles"));
        };
        if dimensions > 3 || target.dim() != count * dimensions {
            return Err(invalid("frames hold particles in at most three dimensions"));
        }
        let known = format!("dimensions={dimensions} target=\"{}\"", one_line(target.name()));
        let convention = extended.then(|| one_line(target.convention()));
        Ok(Self { frames: Frames { target, count, dimensions, known, convention }, out })
    }
}

impl Frames<'_> {
    /// One frame. Numbers are written in the fewest digits that read back to the same float32.
    fn write(&self, row: &[f32], out: &mut Vec<u8>) -> io::Result<()> {
        let Self { target, count, dimensions, known, convention } = self;
        let wide: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
        let energy = target.energy(&wide);
        writeln!(out, "{count}")?;
        match convention {
            None => writeln!(out, "energy={energy:.6} {known}")?,
            Some(convention) => writeln!(
                out,
                "Properties=species:S:1:pos:R:3 energy={energy:.6} pbc=\"F F F\" {known} convention=\"{convention}\""
            )?,
        }
        for particle in row.chunks_exact(*dimensions) {
            write!(out, "{SPECIES}")?;
            for k in 0..3 {
                write!(out, " {}", particle.get(k).copied().unwrap_or(0.0))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

impl<W: Write> super::Writer for Writer<'_, W> {
    fn put(&mut self, rows: &[f32]) -> io::Result<()> {
        let Frames { count, dimensions, .. } = self.frames;
        let frames = &self.frames;
        self.out.write_all(&text(rows, count * dimensions, |row, out| frames.write(row, out))?)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}

/// Lines with their numbers.
struct Lines<R> {
    input: R,
    at: usize,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        self.at += 1;
        if self.input.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        String::from_utf8(line).map(Some).map_err(|_| invalid(format!("line {} is not text", self.at)))
    }
}

/// Reads frames of equally many particles, where there is room for so many numbers. `dimensions` in the comment says how
/// many coordinates count; without it all of `pos` do.
pub fn contents(input: impl Read, room: u64) -> io::Result<Contents> {
    let mut lines = Lines { input: BufReader::new(input), at: 0 };
    let mut samples = Samples { dim: 0, data: Vec::new() };
    let mut label = Label::default();
    let mut frame = 0;
    while let Some(head) = lines.next()? {
        if head.trim().is_empty() {
            continue;
        }
        frame += 1;
        let bad = |line: usize, what: String| invalid(format!("frame {frame}, line {line}: {what}"));
        let count: usize = match head.trim().parse() {
            Ok(0) | Err(_) => return Err(bad(lines.at, "it does not begin with a number of particles".into())),
            Ok(count) => count,
        };
        let comment = lines.next()?.ok_or_else(|| bad(lines.at, "it has no comment line".into()))?;
        let comment = Comment::of(&comment).map_err(|what| bad(lines.at, what))?;
        let particles = (count, comment.dimensions);
        if label.particles.is_some_and(|before| before != particles) {
            return Err(bad(lines.at, "it has other particles than the frames before".into()));
        }
        label.particles = Some(particles);
        for (known, new) in
            [(&mut label.target, comment.target.clone()), (&mut label.convention, comment.convention.clone())]
        {
            if known.is_some() && new.is_some() && *known != new {
                return Err(bad(lines.at, "it names another target or convention than the frames before".into()));
            }
            *known = new.or(known.take());
        }
        for _ in 0..count {
            let line = lines.next()?.filter(|line| !line.trim().is_empty());
            let line = line.ok_or_else(|| bad(lines.at, format!("it has fewer than {count} particles")))?;
            comment.position(&line, &mut samples.data).map_err(|what| bad(lines.at, what))?;
        }
        check_room(samples.data.len() as u64, room)?;
    }
    let (count, dimensions) = label.particles.ok_or_else(|| invalid("it holds no particles"))?;
    samples.dim = count * dimensions;
    Ok(Contents { samples, label })
}

/// What the second line of a frame says.
struct Comment {
    /// Where the first coordinate stands among the words of a line, and how many there are.
    at: usize,
    coordinates: usize,
    /// Words of a line, where that is said.
    words: Option<usize>,
    /// How many of the coordinates count; the others are 0.
    dimensions: usize,
    target: Option<String>,
    convention: Option<String>,
}

impl Comment {
    fn of(text: &str) -> Result<Self, String> {
        let pairs = pairs(text)?;
        let value =
            |key: &str| pairs.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str());
        check_open(value("pbc"), value("Lattice").is_some())?;
        let (at, coordinates, words) = match value("Properties") {
            Some(properties) => columns(properties)?,
            None => (1, 3, None),
        };
        let dimensions = match value("dimensions") {
            Some(text) => text
                .parse()
                .ok()
                .filter(|d| (1..=coordinates).contains(d))
                .ok_or_else(|| format!("dimensions is {text}, but must be a number from 1 to {coordinates}"))?,
            None => coordinates,
        };
        let [target, convention] = ["target", "convention"].map(|key| value(key).map(String::from));
        Ok(Self { at, coordinates, words, dimensions, target, convention })
    }

    /// Appends the position in a line.
    fn position(&self, line: &str, data: &mut Vec<f32>) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(said) = self.words.filter(|said| *said != words.len()) {
            return Err(format!("it has {} columns, and Properties says {said}", words.len()));
        }
        let position = words.get(self.at..).and_then(|rest| rest.get(..self.coordinates));
        let position = position.ok_or("it has no species and three coordinates")?;
        for (k, word) in position.iter().enumerate() {
            let x: f32 = word.parse().map_err(|_| format!("the coordinate '{word}' is not a number"))?;
            if k < self.dimensions {
                data.push(x);
            } else if x != 0.0 {
                let (axis, dimensions) = (k + 1, self.dimensions);
                return Err(format!("coordinate {axis} is {word}, and dimensions={dimensions} says that it is 0"));
            }
        }
        Ok(())
    }
}

/// Where `pos` begins, how many columns it has, and how many there are, of `species:S:1:pos:R:3` and the like.
fn columns(properties: &str) -> Result<(usize, usize, Option<usize>), String> {
    let wrong = || format!("Properties={properties} is not name:type:columns, again and again");
    let words: Vec<&str> = properties.split(':').collect();
    if !words.len().is_multiple_of(3) {
        return Err(wrong());
    }
    let (mut total, mut found) = (0, None);
    for property in words.chunks_exact(3) {
        let columns: usize = property[2].trim().parse().ok().filter(|n| (1..1000).contains(n)).ok_or_else(wrong)?;
        if property[0].trim().eq_ignore_ascii_case("pos") {
            if found.is_some() {
                return Err("Properties has pos twice".into());
            }
            if !matches!(property[1].trim(), "R" | "I" | "r" | "i") || columns > 3 {
                return Err(format!("Properties has pos:{}:{columns}, not pos:R:3", property[1]));
            }
            found = Some((total, columns));
        }
        total += columns;
    }
    let (at, coordinates) = found.ok_or("Properties has no pos: it says nothing of positions")?;
    Ok((at, coordinates, Some(total)))
}

/// Refuses a periodic frame.
fn check_open(pbc: Option<&str>, lattice: bool) -> Result<(), String> {
    const OPEN: &str = "Kiln's targets are open clusters";
    let Some(text) = pbc else {
        return match lattice {
            true => Err(format!("it has a Lattice and no pbc, which means periodic, and {OPEN} (pbc=\"F F F\")")),
            false => Ok(()),
        };
    };
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        match word.to_ascii_lowercase().as_str() {
            "f" | "false" | "0" => {}
            "t" | "true" | "1" => return Err(format!("it is periodic (pbc=\"{text}\"), and {OPEN}")),
            _ => return Err(format!("pbc=\"{text}\" is not three of T and F")),
        }
    }
    Ok(())
}

/// The `key=value` pairs of a comment; values may stand in quotes, brackets or braces. Other words are left out.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut all = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let Some(after) = after.trim_start().strip_prefix('=').map(str::trim_start) else {
            rest = after.trim_start();
            continue;
        };
        let close = match after.chars().next() {
            Some('"') => '"',
            Some('\'') => '\'',
            Some('[') => ']',
            Some('{') => '}',
            _ => {
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                all.push((key.to_string(), after[..end].to_string()));
                rest = after[end..].trim_start();
                continue;
            }
        };
        let (value, later) =
            closed(&after[1..], close).ok_or_else(|| format!("the value of {key} has no closing {close}"))?;
        all.push((key.to_string(), value.to_string()));
        rest = later.trim_start();
    }
    // Words that nobody here reads may come as often as they like: a plain comment is free text.
    for (at, (key, value)) in all.iter().enumerate().filter(|(_, (key, _))| is_key(key)) {
        if all[..at].iter().any(|(other, earlier)| other.eq_ignore_ascii_case(key) && earlier != value) {
            return Err(format!("{key} stands there twice, with different values"));
        }
    }
    Ok(all)
}

fn is_key(word: &str) -> bool {
    KEYS.iter().any(|key| key.eq_ignore_ascii_case(word))
}

/// What stands before the closing character, and after it. A backslash takes the meaning from the next character.
fn closed(text: &str, close: char) -> Option<(&str, &str)> {
    let mut escaped = false;
    let at = text.char_indices().find(|(_, c)| {
        let found = *c == close && !escaped;
        escaped = *c == '\\' && !escaped;
        found
    })?;
    Some((&text[..at.0], &text[at.0 + close.len_utf8()..]))
}

#[cfg(test)]
mod tests;
