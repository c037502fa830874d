//! NumPy's `.npy`: arrays of any order of bytes and axes, of floats and integers.
//!
//! A header is checked before npyz parses it: its parser takes exponential time for nested brackets, and the length of the
//! header is a claim of the file.

use super::label::{Contents, Label};
use super::{check_room, invalid};
use crate::samples::Samples;
use npyz::{Deserialize, NpyFile, NpyHeader, Order, WriterBuilder};
use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Bytes of a header at most, as numpy itself allows.
const LONGEST_HEADER: usize = 10_000;
/// Brackets of a header at most: one of the dictionary, one of the shape. Types with fields have more.
const MOST_BRACKETS: usize = 2;

/// An array of shape (n, dim) in the making, float32.
pub struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Begins with the header.
    pub fn new(n: u64, dim: usize, mut out: W) -> io::Result<Self> {
        out.write_all(&header(n, dim)?)?;
        Ok(Self { out })
    }
}

impl<W: Write> super::Writer for Writer<W> {
    fn put(&mut self, rows: &[f32]) -> io::Result<()> {
        self.out.write_all(&encoded(rows))
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}

/// The header of an array of shape (n, dim).
pub(super) fn header(n: u64, dim: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Only what it writes before the first number is wanted.
    drop(npyz::WriteOptions::<f32>::new().default_dtype().shape(&[n, dim as u64]).writer(&mut bytes).begin_nd()?);
    Ok(bytes)
}

/// Numbers as they stand in the file.
pub(super) fn encoded(rows: &[f32]) -> Vec<u8> {
    rows.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Writes an array of shape (n, dim), float32.
pub fn write(samples: &Samples, mut out: impl Write) -> io::Result<()> {
    out.write_all(&header(samples.len() as u64, samples.dim)?)?;
    samples.data.chunks(1 << 16).try_for_each(|rows| out.write_all(&encoded(rows)))
}

/// SHA-256 of the samples as `.npy`, in hexadecimal, whatever format they came in.
///
/// # Errors
/// If no header can hold their shape.
pub fn fingerprint(samples: &Samples) -> io::Result<String> {
    let mut digest = Sha256::new();
    write(samples, &mut digest)?;
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reads an array that is in memory.
pub fn read(bytes: &[u8]) -> io::Result<Samples> {
    Ok(contents(bytes, Some(bytes.len() as u64), u64::MAX)?.samples)
}

/// The shape and the numbers of an array in memory, row by row, in float64.
///
/// # Errors
/// If it is no array of numbers, or not stored row by row.
pub fn wide(bytes: &[u8]) -> io::Result<(Vec<usize>, Vec<f64>)> {
    let mut input = bytes;
    let (header, header_bytes) = checked_header(&mut input)?;
    let shape: Vec<usize> = header.shape().iter().map(|n| *n as usize).collect();
    let (n, width) = (shape.iter().product::<usize>(), header.dtype().num_bytes().unwrap_or(0));
    if header.order() == Order::Fortran && shape.len() > 1 {
        return Err(invalid("its columns are stored one after another; store it row by row"));
    }
    if (n as u128) * (width as u128) + u128::from(header_bytes) != bytes.len() as u128 {
        return Err(invalid(format!("it does not hold the {n} numbers that it claims")));
    }
    Ok((shape, numbers(NpyFile::with_header(header, input), |x| x)?))
}

/// Reads an array that is `length` bytes long, header included, where that is known, if there is room for so many numbers.
pub fn contents(mut input: impl Read, length: Option<u64>, room: u64) -> io::Result<Contents> {
    let (header, header_bytes) = checked_header(&mut input)?;
    let (n, dim, particles) = match *header.shape() {
        [n] => (n, 1, None),
        [n, dim] => (n, dim, None),
        [n, count, dimensions] => (n, count * dimensions, Some((count as usize, dimensions as usize))),
        ref shape => return Err(invalid(format!("its shape is {shape:?}, not (n, dim)"))),
    };
    if dim == 0 {
        return Err(invalid("its samples have no coordinates"));
    }
    let (shape, order, kind) = (header.shape().to_vec(), header.order(), header.dtype().descr());
    let width = header.dtype().num_bytes().unwrap_or(0) as u64;
    let claimed = u128::from(n * dim) * u128::from(width) + u128::from(header_bytes);
    if let Some(length) = length.map(u128::from).filter(|length| *length != claimed) {
        let more = if claimed > length { "fewer" } else { "more" };
        return Err(invalid(format!("it holds {more} bytes than {n} times {dim} numbers of type {kind}")));
    }
    check_room(n * dim, room)?;
    let file = NpyFile::with_header(header, &mut input);
    // One beyond the range of float32 becomes infinite.
    let mut data = numbers(file, |x| x as f32).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => invalid(format!("it ends before the last of {n} times {dim} numbers")),
        _ => error,
    })?;
    if order == Order::Fortran {
        data = in_rows(&data, &shape);
    }
    // Only at their end do a member of an archive and gzip data compare their checksums.
    if input.read(&mut [0])? != 0 {
        return Err(invalid("it goes on after its last number"));
    }
    Ok(Contents { samples: Samples { dim: dim as usize, data }, label: Label { particles, ..Label::default() } })
}

/// A header that npyz parses in no time, whose shape is a number of bytes that can be counted, and its length.
fn checked_header(input: &mut impl Read) -> io::Result<(NpyHeader, u64)> {
    let mut start = Vec::new();
    input.take(8).read_to_end(&mut start)?;
    if start.starts_with(b"PK") {
        return Err(invalid("it is an archive; end its name in .npz"));
    }
    let (Some(version), true) = (start.get(6..8), start.starts_with(MAGIC)) else {
        return Err(invalid("it does not begin as an .npy does"));
    };
    let width = match version {
        [1, 0] => 2,
        [2 | 3, 0] => 4,
        _ => return Err(invalid(format!("its version is {}.{}, not 1.0, 2.0 or 3.0", version[0], version[1]))),
    };
    let mut claim = [0; 4];
    input.read_exact(&mut claim[..width])?;
    let length = u32::from_le_bytes(claim) as usize;
    if length > LONGEST_HEADER {
        return Err(invalid(format!("its header claims {length} bytes, more than {LONGEST_HEADER}")));
    }
    start.extend(&claim[..width]);
    let before = start.len();
    input.take(length as u64).read_to_end(&mut start)?;
    if start.len() < before + length {
        return Err(invalid("it ends within its header"));
    }
    check_text(&start[before..])?;
    Ok((NpyHeader::from_reader(start.as_slice())?, start.len() as u64))
}

/// Whether a header is a dictionary of short strings, truth values and a shape whose product can be computed.
fn check_text(text: &[u8]) -> io::Result<()> {
    let strange = || invalid("its header is not one of an array of numbers");
    let (mut brackets, mut product, mut number) = (0, 1_u64, None::<u64>);
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if !byte.is_ascii_digit()
            && let Some(number) = number.take()
        {
            product = product.checked_mul(number.max(1)).ok_or_else(|| invalid("its shape is too large"))?;
        }
        match byte {
            b'\'' | b'"' => {
                // The parser knows strings in three quotes and escapes; numpy writes neither.
                let inside: Vec<u8> = bytes.by_ref().take_while(|b| *b != byte).collect();
                if inside.is_empty() || inside.contains(&b'\\') {
                    return Err(strange());
                }
            }
            b'{' | b'(' | b'[' => brackets += 1,
            b'0'..=b'9' => {
                let more = number.unwrap_or(0).checked_mul(10).and_then(|x| x.checked_add(u64::from(byte - b'0')));
                number = Some(more.ok_or_else(|| invalid("its shape is too large"))?);
            }
            b'}' | b')' | b']' | b',' | b':' | b' ' | b'\n' => {}
            b'T' | b'F' => {
                let word: Vec<u8> = std::iter::from_fn(|| bytes.next_if(u8::is_ascii_lowercase)).collect();
                if ![(b'T', &b"rue"[..]), (b'F', b"alse")].contains(&(byte, &word)) {
                    return Err(strange());
                }
            }
            _ => return Err(strange()),
        }
        if brackets > MOST_BRACKETS {
            return Err(invalid("its header has nested brackets: it is not an array of plain numbers"));
        }
    }
    Ok(())
}

/// Every number, through float64, which holds all but the largest 64-bit integers.
fn numbers<R: Read, N>(file: NpyFile<R>, to: impl Fn(f64) -> N + Copy) -> io::Result<Vec<N>> {
    let kind = file.dtype().descr();
    tried(file, |x: f32| to(x.into()))
        .or_else(|file| tried(file, to))
        .or_else(|file| tried(file, |x: half::f16| to(x.to_f64())))
        .or_else(|file| tried(file, |x: i8| to(x.into())))
        .or_else(|file| tried(file, |x: i16| to(x.into())))
        .or_else(|file| tried(file, |x: i32| to(x.into())))
        .or_else(|file| tried(file, |x: i64| to(x as f64)))
        .or_else(|file| tried(file, |x: u8| to(x.into())))
        .or_else(|file| tried(file, |x: u16| to(x.into())))
        .or_else(|file| tried(file, |x: u32| to(x.into())))
        .or_else(|file| tried(file, |x: u64| to(x as f64)))
        .unwrap_or_else(|_| Err(invalid(format!("its type is {kind}, not a number"))))
}

/// The numbers, if they are of type `T`, otherwise the file again.
fn tried<T: Deserialize, R: Read, N>(file: NpyFile<R>, to: impl Fn(T) -> N) -> Result<io::Result<Vec<N>>, NpyFile<R>> {
    file.try_data::<T>().map(|values| values.map(|value| value.map(&to)).collect())
}

/// What is stored with the first axis running fastest, row by row.
fn in_rows(stored: &[f32], shape: &[u64]) -> Vec<f32> {
    let n = shape.first().map_or(0, |n| *n as usize);
    let (rows, columns) = match *shape {
        [_, count, dimensions] => (count as usize, dimensions as usize),
        [_, dim] => (dim as usize, 1),
        _ => (1, 1),
    };
    let at = |i: usize, c: usize| stored[i + n * (c / columns + rows * (c % columns))];
    (0..n).flat_map(|i| (0..rows * columns).map(move |c| (i, c))).map(|(i, c)| at(i, c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of this header and these bytes after it.
    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
        bytes.extend(data);
        bytes
    }

    fn refused(bytes: &[u8], words: &str) {
        let error = read(bytes).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn every_array_of_numbers_that_numpy_writes_is_read() {
        let x = [0.0, 1.5, -2.0, 3.0, 4.0, -0.25];
        for (name, bytes) in [
            ("float64", &include_bytes!("fixtures/float64.npy")[..]),
            ("float32", include_bytes!("fixtures/float32.npy")),
            ("float16", include_bytes!("fixtures/float16.npy")),
            ("big-endian", include_bytes!("fixtures/big_endian.npy")),
            ("Fortran order", include_bytes!("fixtures/fortran.npy")),
        ] {
            assert_eq!(read(bytes).unwrap(), Samples { dim: 2, data: x.to_vec() }, "{name}");
        }
        for bytes in [&include_bytes!("fixtures/int64.npy")[..], include_bytes!("fixtures/int8.npy")] {
            assert_eq!(read(bytes).unwrap().data, [0.0, 1.0, -2.0, 3.0, 4.0, -5.0]);
        }
        assert_eq!(read(include_bytes!("fixtures/one_axis.npy")).unwrap(), Samples { dim: 1, data: x.to_vec() });
    }

    #[test]
    fn arrays_of_particles_are_flattened_and_say_their_shape() {
        let counted: Vec<f32> = (0..24).map(|i| i as f32).collect();
        for bytes in [&include_bytes!("fixtures/particles.npy")[..], include_bytes!("fixtures/particles_fortran.npy")] {
            let Contents { samples, label } = contents(bytes, Some(bytes.len() as u64), 24).unwrap();
            assert_eq!(samples, Samples { dim: 8, data: counted.clone() });
            assert_eq!(label.particles, Some((4, 2)));
        }
    }

    #[test]
    fn what_is_beyond_float32_is_infinite_and_not_its_largest_number() {
        assert_eq!(read(include_bytes!("fixtures/too_large.npy")).unwrap().data, [f32::INFINITY, 0.5]);
    }

    #[test]
    fn nested_brackets_take_no_time() {
        let start = std::time::Instant::now();
        for bracket in ["{", "(", "[", "{(", "'a'{"] {
            refused(&file(&bracket.repeat(40), &[]), "");
        }
        refused(&file(&"(".repeat(40), &[]), "nested brackets");
        for header in ["((((((((((((((((((((((((((((((((((((((((", "'\\'((((((((((((((((((((((((((((((((((((((((", "'a"]
        {
            refused(&file(header, &[]), "");
        }
        assert!(start.elapsed().as_secs() < 2);
    }

    #[test]
    fn a_claimed_length_or_shape_is_not_believed() {
        let long = [MAGIC, &[2, 0], &u32::MAX.to_le_bytes(), b"{}"].concat();
        refused(&long, "its header claims 4294967295 bytes");
        let shape =
            |shape: &str| file(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"), &[0; 8]);
        assert_eq!(read(&shape("(1, 2)")).unwrap().data, [0.0; 2]);
        refused(&shape("(1, 3)"), "fewer bytes than 1 times 3 numbers");
        refused(&shape("(1, 1)"), "more bytes than 1 times 1 numbers");
        refused(&shape("(1000000000000, 2)"), "fewer bytes");
        refused(&shape("(4294967296, 4294967296)"), "too large");
        refused(&shape("(99999999999999999999, 2)"), "too large");
        refused(&shape("(1, 1, 1, 2)"), "its shape is [1, 1, 1, 2]");
        refused(&shape("()"), "its shape is []");
        refused(&shape("(2, 0)"), "no coordinates");
        refused(&shape("(0x10, 2)"), "its header");
        let bytes = shape("(1, 2)");
        for length in [Some(bytes.len() as u64), None] {
            assert!(contents(bytes.as_slice(), length, 1).unwrap_err().to_string().contains("of memory"));
        }
        for (bytes, words) in [
            (&bytes[..bytes.len() - 1], "it ends before the last of 1 times 2 numbers"),
            (&shape("(1, 1)"), "it goes on after its last number"),
            (&shape("(1000000000000, 2)"), "it ends before the last"),
        ] {
            let error = contents(bytes, None, u64::MAX).unwrap_err().to_string();
            assert!(error.contains(words), "of no known length: {error}");
        }
    }

    #[test]
    fn what_is_no_array_of_numbers_says_what_it_is() {
        refused(include_bytes!("fixtures/complex.npy"), "not a number");
        refused(include_bytes!("fixtures/structured.npy"), "plain numbers");
        refused(include_bytes!("fixtures/samples.npz"), "end its name in .npz");
        refused(b"", "does not begin");
        refused(b"\x93NUMPY\x04\x00", "version is 4.0");
        refused(&include_bytes!("fixtures/float32.npy")[..60], "within its header");
    }
}
