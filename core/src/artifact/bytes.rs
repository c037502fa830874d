//! Sections of bytes: read one after the other, and written in the same order.

use bytemuck::{AnyBitPattern, NoUninit};

use super::ArtifactError;

/// Every section begins at a multiple of it.
pub(super) const ALIGNMENT: usize = 8;

/// How many bytes bring `length` to the next multiple of [`ALIGNMENT`].
fn padding(length: usize) -> usize {
    length.wrapping_neg() % ALIGNMENT
}

/// What has not been read yet.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// A section of `n` bytes; what fills it up must be 0.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], ArtifactError> {
        let (section, rest) = self.0.split_at_checked(n).ok_or(ArtifactError::Sizes)?;
        let (fill, rest) = rest.split_at_checked(padding(n)).ok_or(ArtifactError::Sizes)?;
        if fill.iter().any(|byte| *byte != 0) {
            return Err(ArtifactError::Reserved);
        }
        self.0 = rest;
        Ok(section)
    }

    /// A section of `n` numbers, in place.
    pub fn slice<T: AnyBitPattern>(&mut self, n: usize) -> Result<&'a [T], ArtifactError> {
        let section = self.bytes(n.checked_mul(size_of::<T>()).ok_or(ArtifactError::Sizes)?)?;
        bytemuck::try_cast_slice(section).map_err(|_| ArtifactError::Misaligned)
    }

    /// A section of a `rows` × `columns` matrix, in place.
    pub fn matrix<T: AnyBitPattern>(&mut self, rows: usize, columns: usize) -> Result<&'a [T], ArtifactError> {
        self.slice(rows.checked_mul(columns).ok_or(ArtifactError::Sizes)?)
    }

    /// A section of UTF-8.
    pub fn text(&mut self, n: usize) -> Result<&'a str, ArtifactError> {
        core::str::from_utf8(self.bytes(n)?).map_err(|_| ArtifactError::Text)
    }
}

/// Where sections go; without a buffer they are only counted.
pub(super) struct Writer<'b> {
    buffer: Option<&'b mut [u8]>,
    length: usize,
}

impl<'b> Writer<'b> {
    pub fn new(buffer: Option<&'b mut [u8]>) -> Self {
        Self { buffer, length: 0 }
    }

    /// Bytes so far.
    pub fn length(&self) -> usize {
        self.length
    }

    /// A section of numbers.
    pub fn slice<T: NoUninit>(&mut self, numbers: &[T]) -> Result<(), ArtifactError> {
        let bytes: &[u8] = bytemuck::try_cast_slice(numbers).map_err(|_| ArtifactError::Sizes)?;
        // Sections may borrow the same numbers: together they can be longer than the memory.
        let end = self.length.checked_add(bytes.len()).and_then(|end| end.checked_add(padding(bytes.len())));
        let end = end.ok_or(ArtifactError::Sizes)?;
        if let Some(buffer) = &mut self.buffer {
            let section = buffer.get_mut(self.length..end).ok_or(ArtifactError::Buffer)?;
            section[..bytes.len()].copy_from_slice(bytes);
            section[bytes.len()..].fill(0);
        }
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{ArtifactError, Writer};

    /// Files are counted before there is a buffer for them.
    #[test]
    fn lengths_beyond_the_memory_are_refused() {
        let mut out = Writer { buffer: None, length: usize::MAX - 15 };
        assert_eq!(out.slice(&[0_u8; 9]), Err(ArtifactError::Sizes));
        assert_eq!(out.slice(&[0_u8; 8]), Ok(()));
        assert_eq!(out.length(), usize::MAX - 7);
        assert_eq!([1, 8, 16].map(|n| out.slice(&[0_u8; 16][..n])), [Err(ArtifactError::Sizes); 3]);
    }
}
