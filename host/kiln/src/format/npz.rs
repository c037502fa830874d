//! NumPy's `.npz`: an archive with an array `samples`.
//!
//! `numpy.savez` stores without compression, and so do we: the few structures of PKWARE's APPNOTE.TXT 6.3.10
//! that this takes (4.3.7 local header, 4.3.12 central directory, 4.3.16 end record) are written here, without
//! a date, so that the same samples give the same bytes. The checksum is known at the end and goes back to its place.
//! Archives of other programs, compressed or not, are read by the zip crate.

use super::label::Contents;
use super::{invalid, npy};
use std::io::{self, Read, Seek, SeekFrom, Write};
use zip::result::ZipError;

const NAME: &str = "samples.npy";
/// What `numpy.savez` calls an array without a name.
const FIRST: &str = "arr_0.npy";
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// 1980-01-01, the first day the format knows.
const DATE: u16 = 0x0021;
const LOCAL_SIZE: usize = 30;
/// Where the local header has the checksum.
const CHECKSUM_AT: u64 = 14;
/// Bytes of numbers that fit: sizes have 32 bits.
pub const MOST_BYTES: u32 = u32::MAX - (1 << 16);
/// How much longer than its compressed form data can be, by the DEFLATE format.
const MOST_INFLATION: u64 = 1032;

/// An archive with the array `samples` of shape (n, dim), float32, in the making.
pub struct Writer<W> {
    out: W,
    size: u32,
    sum: crc32fast::Hasher,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins with the headers.
    pub fn new(n: u64, dim: usize, mut out: W) -> io::Result<Self> {
        let header = npy::header(n, dim)?;
        let numbers = n.checked_mul(4 * dim as u64).filter(|bytes| *bytes <= MOST_BYTES.into());
        let numbers = numbers.ok_or_else(|| invalid("an .npz holds at most 4 GB; write an .npy"))?;
        let size = numbers as u32 + header.len() as u32;
        out.write_all(&LOCAL.to_le_bytes())?;
        out.write_all(&shared(0, size))?;
        out.write_all(NAME.as_bytes())?;
        out.write_all(&header)?;
        let mut sum = crc32fast::Hasher::new();
        sum.update(&header);
        Ok(Self { out, size, sum })
    }
}

impl<W: Write + Seek> super::Writer for Writer<W> {
    fn put(&mut self, rows: &[f32]) -> io::Result<()> {
        let bytes = npy::encoded(rows);
        self.sum.update(&bytes);
        self.out.write_all(&bytes)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        let Self { mut out, size, sum } = *self;
        let sum = sum.finalize();
        let mut central = CENTRAL.to_le_bytes().to_vec();
        central.extend(20_u16.to_le_bytes());
        central.extend(shared(sum, size));
        central.extend([0; 14]); // no comment, disk 0, no attributes, local header at 0
        central.extend(NAME.as_bytes());
        let central_at = size + (LOCAL_SIZE + NAME.len()) as u32;
        out.write_all(&central)?;
        out.write_all(&END.to_le_bytes())?;
        for field in [0_u16, 0, 1, 1] {
            out.write_all(&field.to_le_bytes())?;
        }
        out.write_all(&(central.len() as u32).to_le_bytes())?;
        out.write_all(&central_at.to_le_bytes())?;
        out.write_all(&0_u16.to_le_bytes())?;
        out.seek(SeekFrom::Start(CHECKSUM_AT))?;
        out.write_all(&sum.to_le_bytes())?;
        out.flush()
    }
}

/// What the local and the central header share: version 2.0, no flags, stored, date, checksum, sizes, name.
fn shared(sum: u32, size: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in [20_u16, 0, 0, 0, DATE] {
        bytes.extend(field.to_le_bytes());
    }
    for field in [sum, size, size] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend((NAME.len() as u16).to_le_bytes());
    bytes.extend(0_u16.to_le_bytes());
    bytes
}

/// Reads the array `samples`, else the first one that has no name, else the only one.
pub fn contents(input: impl Read + Seek, room: u64) -> io::Result<Contents> {
    let mut archive = zip::ZipArchive::new(input).map_err(broken)?;
    let names = archive.file_names().map(|name| Ok(name.map_err(broken)?.into_owned()));
    let names: Vec<String> = names.collect::<io::Result<_>>()?;
    let arrays: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".npy")).collect();
    let name = match arrays.as_slice() {
        _ if names.iter().any(|name| name == NAME) => NAME.to_string(),
        _ if names.iter().any(|name| name == FIRST) => FIRST.to_string(),
        [only] => format!("{only}.npy"),
        [] => return Err(invalid("the archive has no array")),
        several => {
            let several = several.iter().take(5).map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
            return Err(invalid(format!("it has several arrays ({several}), none of them named 'samples'")));
        }
    };
    let member = archive.by_name(&name).map_err(broken)?;
    let size = member.size();
    if size > member.compressed_size().saturating_mul(MOST_INFLATION) {
        return Err(invalid(format!("'{name}' claims {size} bytes, more than the archive can hold")));
    }
    npy::contents(io::BufReader::new(member), Some(size), room)
}

fn broken(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        error => invalid(format!("it is not an archive that can be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Writer as _;
    use super::*;
    use std::io::Cursor;

    fn read(bytes: &[u8]) -> io::Result<Vec<f32>> {
        Ok(contents(Cursor::new(bytes), u64::MAX)?.samples.data)
    }

    fn written() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Box::new(Writer::new(2, 2, Cursor::new(&mut bytes)).unwrap());
        writer.put(&[1.0, 2.0]).unwrap();
        writer.put(&[3.0, 4.0]).unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn archives_of_numpy_are_read_compressed_or_not_under_any_name() {
        let x = [0.0, 1.5, -2.0, 3.0, 4.0, -0.25];
        for (name, bytes) in [
            ("samples among others", &include_bytes!("fixtures/samples.npz")[..]),
            ("arr_0 among others", include_bytes!("fixtures/arr_0.npz")),
            ("samples, compressed", include_bytes!("fixtures/compressed.npz")),
            ("positions alone, compressed, Fortran order, float64", include_bytes!("fixtures/only.npz")),
        ] {
            assert_eq!(read(bytes).unwrap(), x, "{name}");
        }
        let error = read(include_bytes!("fixtures/several.npz")).unwrap_err().to_string();
        assert!(error.contains("several arrays ('a', 'b')"), "{error}");
    }

    #[test]
    fn a_flipped_bit_and_a_cut_file_are_seen() {
        let mut bytes = written();
        assert_eq!(read(&bytes).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        for cut in 0..bytes.len() - 1 {
            assert!(read(&bytes[..cut]).is_err(), "{cut}");
        }
        let at = LOCAL_SIZE + NAME.len() + 130;
        bytes[at] ^= 1;
        assert!(read(&bytes).unwrap_err().to_string().contains("checksum"));
    }

    #[test]
    fn archives_beyond_four_gigabytes_are_refused_before_they_are_written() {
        let error = Writer::new(1 << 30, 1, Cursor::new(Vec::new())).err().unwrap();
        assert!(error.to_string().contains("4 GB"), "{error}");
    }
}
