//! What can happen to the bytes of a file: by a disk, by a copy that was cut short, by an editor, by malice.

use super::trial::Draws;

/// Numbers at the edges of their types, as text.
const EDGES: &[&str] = &[
    "0",
    "-1",
    "1e39",
    "1e308",
    "1e-308",
    "1e999",
    "nan",
    "inf",
    "-inf",
    "4294967295",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "99999999999999999999999999999999999999999",
];
/// What opens a level of nesting in some format.
const BRACKETS: &[u8] = b"[({";
/// Depths of nesting.
const DEPTHS: [usize; 3] = [40, 1000, 100_000];
/// Where headers end: half of all damage is done before.
const HEAD: usize = 200;
/// A mutated block is at most this long.
const BLOCK: usize = 64;

/// The kinds of damage.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Bit,
    Byte,
    Bytes,
    Cut,
    Doubled,
    Inserted,
    Swapped,
    Zeroed,
    Removed,
    Huge,
    Digit,
    Number,
    Nested,
    Appended,
}

const KINDS: [Kind; 14] = [
    Kind::Bit,
    Kind::Byte,
    Kind::Bytes,
    Kind::Cut,
    Kind::Doubled,
    Kind::Inserted,
    Kind::Swapped,
    Kind::Zeroed,
    Kind::Removed,
    Kind::Huge,
    Kind::Digit,
    Kind::Number,
    Kind::Nested,
    Kind::Appended,
];

/// A damaged copy that differs from the original, and what was done to it. `turn` goes through the kinds.
pub fn damaged(original: &[u8], turn: usize, draws: &mut Draws) -> (Vec<u8>, Kind) {
    for attempt in 0.. {
        // What leaves these bytes as they are (a block of zeros zeroed) makes way for the next kind.
        let kind = KINDS[(turn + attempt / 4) % KINDS.len()];
        let mut bytes = original.to_vec();
        damage(&mut bytes, kind, draws);
        if bytes != original {
            return (bytes, kind);
        }
    }
    unreachable!("some kind of damage changes every file")
}

/// A place in the file, as often in its head as anywhere.
fn place(bytes: &[u8], draws: &mut Draws) -> usize {
    let whole = bytes.len();
    if draws.below(2) == 0 { draws.below(whole.min(HEAD)) } else { draws.below(whole) }
}

/// A block in the file.
fn block(bytes: &[u8], draws: &mut Draws) -> std::ops::Range<usize> {
    let start = place(bytes, draws);
    start..(start + 1 + draws.below(BLOCK)).min(bytes.len())
}

fn damage(bytes: &mut Vec<u8>, kind: Kind, draws: &mut Draws) {
    match kind {
        Kind::Bit => {
            let at = place(bytes, draws);
            bytes[at] ^= 1 << draws.below(8);
        }
        Kind::Byte => {
            let at = place(bytes, draws);
            bytes[at] = draws.byte();
        }
        Kind::Bytes => {
            let at = block(bytes, draws);
            bytes[at].iter_mut().for_each(|byte| *byte = draws.byte());
        }
        Kind::Cut => bytes.truncate(if draws.below(4) == 0 { draws.below(HEAD) } else { place(bytes, draws) }),
        Kind::Doubled => {
            let copy = bytes[block(bytes, draws)].to_vec();
            let at = place(bytes, draws);
            bytes.splice(at..at, copy);
        }
        Kind::Inserted => {
            let (at, n) = (place(bytes, draws), 1 + draws.below(BLOCK));
            let new: Vec<u8> = (0..n).map(|_| draws.byte()).collect();
            bytes.splice(at..at, new);
        }
        Kind::Swapped => {
            let n = 1 + draws.below(BLOCK.min(bytes.len() / 2));
            let (a, b) = (draws.below(bytes.len() - n), draws.below(bytes.len() - n));
            let (first, second) = (bytes[a..a + n].to_vec(), bytes[b..b + n].to_vec());
            bytes[a..a + n].copy_from_slice(&second);
            bytes[b..b + n].copy_from_slice(&first);
        }
        Kind::Zeroed => {
            let at = block(bytes, draws);
            bytes[at].fill(0);
        }
        Kind::Removed => {
            let at = block(bytes, draws);
            bytes.drain(at);
        }
        Kind::Huge => {
            let edges = [
                u32::MAX,
                i32::MAX as u32,
                i32::MIN as u32,
                f32::MAX.to_bits(),
                f32::INFINITY.to_bits(),
                f32::NAN.to_bits(),
            ];
            let edge = edges[draws.below(edges.len())].to_le_bytes();
            let at = place(bytes, draws) & !3;
            let n = edge.len().min(bytes.len() - at);
            bytes[at..at + n].copy_from_slice(&edge[..n]);
        }
        Kind::Digit => {
            if let Some(at) = digit(bytes, draws) {
                bytes[at] = b'0' + draws.below(10) as u8;
            }
        }
        Kind::Number => number(bytes, draws),
        Kind::Nested => {
            let (at, bracket, depth) =
                (place(bytes, draws), BRACKETS[draws.below(BRACKETS.len())], DEPTHS[draws.below(3)]);
            bytes.splice(at..at, vec![bracket; depth]);
        }
        Kind::Appended => bytes.extend((0..=draws.below(BLOCK)).map(|_| draws.byte())),
    }
}

/// Where a digit stands.
fn digit(bytes: &[u8], draws: &mut Draws) -> Option<usize> {
    let from = place(bytes, draws);
    bytes[from..].iter().position(u8::is_ascii_digit).map(|at| from + at)
}

/// Another number in the place of one that stands there as text.
fn number(bytes: &mut Vec<u8>, draws: &mut Draws) {
    let Some(start) = digit(bytes, draws) else { return };
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    bytes.splice(start..start + digits, draws.pick(EDGES).bytes());
}
