//! Gzip (RFC 1952) around any format but archives. Headers have no time and no name, so that the same samples give the same
//! bytes. What is read may have several members, one after another, as `cat a.gz b.gz` makes them; checksums are compared.

use super::invalid;
use flate2::bufread::MultiGzDecoder;
use flate2::{Compression, GzBuilder, write::GzEncoder};
use std::io::{self, BufRead, Read, Write};

/// Random numbers are hard to compress: by the usual level, 6, text is a tenth smaller and takes six times as long (gzip 1.12,
/// 300,000 samples of MoG-40 as csv), arrays are as large.
const LEVEL: Compression = Compression::fast();

/// How every member begins.
pub const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Where a file goes, compressed or not. What was not finished has no end: it does not pass for a whole.
pub enum Output<W: Write> {
    /// As it is.
    Plain(W),
    /// By gzip.
    Gzipped(GzEncoder<Open<W>>),
}

/// A place that takes bytes until it is closed; then it drops them. A dropped encoder writes the end of its data, whatever
/// went wrong before.
pub struct Open<W> {
    out: W,
    closed: bool,
}

impl<W: Write> Output<W> {
    /// Begins.
    pub fn new(out: W, gzipped: bool) -> Self {
        if !gzipped {
            return Self::Plain(out);
        }
        Self::Gzipped(GzBuilder::new().write(Open { out, closed: false }, LEVEL))
    }

    /// Ends the data.
    pub fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Gzipped(encoder) => encoder.try_finish().and_then(|()| encoder.get_mut().out.flush()),
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Gzipped(encoder) => encoder.write(bytes),
        }
    }

    /// What is compressed waits for more: only the end brings the last of it out.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Gzipped(_) => Ok(()),
        }
    }
}

impl<W: Write> Drop for Output<W> {
    fn drop(&mut self) {
        if let Self::Gzipped(encoder) = self {
            encoder.get_mut().closed = true;
        }
    }
}

impl<W: Write> Write for Open<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed { Ok(bytes.len()) } else { self.out.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed { Ok(()) } else { self.out.flush() }
    }
}

/// What gzip data hold.
pub struct Input<R>(MultiGzDecoder<R>);

impl<R: BufRead> Input<R> {
    /// Nothing is read yet but the first header.
    pub fn new(input: R) -> Self {
        Self(MultiGzDecoder::new(input))
    }
}

impl<R: BufRead> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => invalid("its gzip data are cut off"),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                invalid(format!("its gzip data are damaged: {error}"))
            }
            _ => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzipped(text: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut output = Output::new(&mut bytes, true);
        output.write_all(text).unwrap();
        output.flush().unwrap();
        output.finish().unwrap();
        drop(output);
        bytes
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Input::new(bytes).read_to_end(&mut text).map(|_| text)
    }

    #[test]
    fn members_of_any_writer_are_read_one_after_another() {
        // `printf 'x0,x1\n1,2\n' | python3 -c 'import gzip,sys; sys.stdout.buffer.write(gzip.compress(sys.stdin.buffer.read()))'`
        let theirs = include_bytes!("fixtures/python.csv.gz");
        assert_eq!(read(theirs).unwrap(), b"x0,x1\n1,2\n");
        let ours = gzipped(b"3,4\n");
        assert_eq!(ours[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255], "no time, no name");
        assert_eq!(read(&[&theirs[..], &ours].concat()).unwrap(), b"x0,x1\n1,2\n3,4\n");
    }

    #[test]
    fn a_flipped_bit_a_cut_and_what_follows_are_seen() {
        let bytes = gzipped(b"x0,x1\n1,2\n3,4\n");
        for cut in 0..bytes.len() {
            let told = read(&bytes[..cut]).unwrap_err().to_string();
            assert_eq!(told, "its gzip data are cut off", "{cut}");
        }
        // The first ten bytes are the header, whose time and system nothing depends on.
        for at in (0..3).chain(10..bytes.len()) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            match read(&damaged) {
                // Of the last byte before the checksum not every bit counts.
                Ok(text) => assert_eq!((text.as_slice(), at), (&b"x0,x1\n1,2\n3,4\n"[..], bytes.len() - 9)),
                Err(error) => assert!(error.to_string().starts_with("its gzip data are "), "{at}: {error}"),
            }
        }
        let told = read(&[&bytes[..], b"more than there should be"].concat()).unwrap_err().to_string();
        assert_eq!(told, "its gzip data are damaged: invalid gzip header");
    }

    #[test]
    fn what_was_not_finished_has_no_end() {
        let mut bytes = Vec::new();
        let mut output = Output::new(&mut bytes, true);
        output.write_all(&[7; 100_000]).unwrap();
        drop(output);
        assert_eq!(read(&bytes).unwrap_err().to_string(), "its gzip data are cut off");
    }
}
