//! NumPy's `.npz`: an archive with one array, `samples`.
//!
//! `numpy.savez` stores without compression, and so do we: the few structures of PKWARE's APPNOTE.TXT 6.3.10
//! that this takes (4.3.7 local header, 4.3.12 central directory, 4.3.16 end record) are written here, without
//! a C library and without a date, so that the same samples give the same bytes.

use super::{invalid, npy};
use crate::engine::Samples;
use std::io::{self, Read, Write};

const NAME: &[u8] = b"samples.npy";
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// 1980-01-01, the first day the format knows.
const DATE: u16 = 0x0021;
const LOCAL_SIZE: usize = 30;

/// Writes an archive with the array `samples` of shape (n, dim), float32.
pub fn write(samples: &Samples, mut out: impl Write) -> io::Result<()> {
    let mut array = Vec::new();
    npy::write(samples, &mut array)?;
    let size = u32::try_from(array.len()).map_err(|_| invalid("an .npz holds at most 4 GB; write an .npy"))?;
    // What the local and the central header share: version 2.0, no flags, stored, date, checksum, sizes, name.
    let mut shared = Vec::new();
    for field in [20_u16, 0, 0, 0, DATE] {
        shared.extend(field.to_le_bytes());
    }
    for field in [checksum(&array), size, size] {
        shared.extend(field.to_le_bytes());
    }
    shared.extend((NAME.len() as u16).to_le_bytes());
    shared.extend(0_u16.to_le_bytes());

    let mut central = CENTRAL.to_le_bytes().to_vec();
    central.extend(20_u16.to_le_bytes());
    central.extend(&shared);
    central.extend([0; 14]); // no comment, disk 0, no attributes, local header at 0
    central.extend(NAME);

    out.write_all(&LOCAL.to_le_bytes())?;
    out.write_all(&shared)?;
    out.write_all(NAME)?;
    out.write_all(&array)?;
    out.write_all(&central)?;
    out.write_all(&END.to_le_bytes())?;
    let central_at =
        size.checked_add((LOCAL_SIZE + NAME.len()) as u32).ok_or_else(|| invalid("the archive is too large"))?;
    for field in [0_u16, 0, 1, 1] {
        out.write_all(&field.to_le_bytes())?;
    }
    out.write_all(&(central.len() as u32).to_le_bytes())?;
    out.write_all(&central_at.to_le_bytes())?;
    out.write_all(&0_u16.to_le_bytes())
}

/// Reads the array `samples` of an archive that is not compressed.
pub fn read(mut input: impl Read) -> io::Result<Samples> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let end = bytes
        .windows(4)
        .rposition(|window| window == END.to_le_bytes())
        .ok_or_else(|| invalid("it is not an archive"))?;
    let (entries, mut at) = (u16_at(&bytes, end + 10)?, u32_at(&bytes, end + 16)? as usize);
    for _ in 0..entries {
        if u32_at(&bytes, at)? != CENTRAL {
            break;
        }
        let (method, sum, size) =
            (u16_at(&bytes, at + 10)?, u32_at(&bytes, at + 16)?, u32_at(&bytes, at + 20)? as usize);
        let [name, extra, comment] = [28, 30, 32].map(|offset| u16_at(&bytes, at + offset).map(usize::from));
        let (name, extra, comment) = (name?, extra?, comment?);
        if slice(&bytes, at + 46, name)? == NAME {
            if method != 0 {
                return Err(invalid("it is compressed; write it with numpy.savez"));
            }
            let local = u32_at(&bytes, at + 42)? as usize;
            let start = local
                + LOCAL_SIZE
                + usize::from(u16_at(&bytes, local + 26)?)
                + usize::from(u16_at(&bytes, local + 28)?);
            let array = slice(&bytes, start, size)?;
            if checksum(array) != sum {
                return Err(invalid("its checksum is wrong: the file is damaged"));
            }
            return npy::read(array);
        }
        at += 46 + name + extra + comment;
    }
    Err(invalid("it has no array named 'samples'"))
}

fn slice(bytes: &[u8], at: usize, len: usize) -> io::Result<&[u8]> {
    bytes.get(at..).and_then(|rest| rest.get(..len)).ok_or_else(|| invalid("the archive is cut short"))
}

fn u16_at(bytes: &[u8], at: usize) -> io::Result<u16> {
    slice(bytes, at, 2).map(|b| u16::from_le_bytes([b[0], b[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> io::Result<u32> {
    slice(bytes, at, 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

/// CRC-32 (polynomial 0xEDB88320, reflected; APPNOTE 4.4.7).
fn checksum(bytes: &[u8]) -> u32 {
    let mut table = [0_u32; 256];
    for (entry, byte) in table.iter_mut().zip(0_u32..) {
        *entry = (0..8).fold(byte, |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)));
    }
    !bytes.iter().fold(!0, |crc, byte| (crc >> 8) ^ table[usize::from((crc as u8) ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_standard_one() {
        assert_eq!(checksum(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_flipped_bit_and_a_cut_file_are_seen() {
        let mut bytes = Vec::new();
        write(&Samples { dim: 2, data: vec![1.0, 2.0, 3.0, 4.0] }, &mut bytes).unwrap();
        assert_eq!(read(bytes.as_slice()).unwrap().data, [1.0, 2.0, 3.0, 4.0]);
        for cut in 0..bytes.len() - 2 {
            let _ = read(&bytes[..cut]);
        }
        assert!(read(&bytes[..bytes.len() - 30]).is_err());
        let at = LOCAL_SIZE + NAME.len() + 130;
        bytes[at] ^= 1;
        assert!(read(bytes.as_slice()).unwrap_err().to_string().contains("checksum"));
    }
}
