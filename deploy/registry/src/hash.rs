//! FNV-1a in 64 bits (Fowler, Noll, Vo), byte by byte, little end first.

/// A running hash of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}

impl Hash {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;

    /// Of nothing yet.
    pub const fn new() -> Self {
        Self(Self::OFFSET)
    }

    /// The hash so far.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Adds bytes.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(Self::PRIME);
        }
    }

    /// Adds a number.
    #[inline]
    pub fn add<B: Bits>(&mut self, number: B) {
        number.feed(self);
    }

    /// Adds numbers, one after the other.
    #[inline]
    pub fn all<B: Bits>(&mut self, numbers: &[B]) {
        numbers.iter().for_each(|number| number.feed(self));
    }
}

/// A number whose bits can be hashed.
pub trait Bits: Copy {
    /// Adds its bits to the hash.
    fn feed(self, hash: &mut Hash);
}

impl Bits for bool {
    fn feed(self, hash: &mut Hash) {
        hash.bytes(&[u8::from(self)]);
    }
}

impl Bits for i32 {
    fn feed(self, hash: &mut Hash) {
        hash.bytes(&self.to_le_bytes());
    }
}

impl Bits for u32 {
    fn feed(self, hash: &mut Hash) {
        hash.bytes(&self.to_le_bytes());
    }
}

impl Bits for u64 {
    fn feed(self, hash: &mut Hash) {
        hash.bytes(&self.to_le_bytes());
    }
}

impl Bits for f32 {
    fn feed(self, hash: &mut Hash) {
        hash.add(if self.is_nan() { 0x7fc0_0000 } else { self.to_bits() });
    }
}

impl Bits for f64 {
    fn feed(self, hash: &mut Hash) {
        hash.add(if self.is_nan() { 0x7ff8_0000_0000_0000 } else { self.to_bits() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors published with the algorithm.
    #[test]
    fn is_fnv_1a() {
        for (text, value) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            let mut hash = Hash::new();
            hash.bytes(text.as_bytes());
            assert_eq!(hash.value(), value, "{text:?}");
        }
    }

    #[test]
    fn every_nan_is_the_same_nan_and_zeros_differ() {
        let of = |x: f32| {
            let mut hash = Hash::new();
            hash.add(x);
            hash.value()
        };
        assert_eq!(of(f32::from_bits(0x7f80_0001)), of(-f32::NAN));
        assert_ne!(of(0.0), of(-0.0));
    }
}
