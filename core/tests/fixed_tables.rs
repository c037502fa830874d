//! The tables of `kiln_core::fixed`: made here in double precision, compared entry by entry with what the crate holds.

mod common;

use std::fmt::Write as _;

use common::fixed::{exponential_share, silu_correction, upper_quantile};

const HELD: &str = include_str!("../src/fixed/tables.rs");

/// Names, documentation, type and entries, sixteen or so a line.
fn array<T: std::fmt::Debug>(text: &mut String, head: &str, kind: &str, entries: &[T], per_line: usize) {
    let (docs, name) = head.rsplit_once('\n').expect("documentation above the name");
    for line in docs.lines() {
        writeln!(text, "/// {line}").expect("memory");
    }
    writeln!(text, "pub(super) static {name}: [{kind}; {}] = [", entries.len()).expect("memory");
    for line in entries.chunks(per_line) {
        let line: Vec<String> = line.iter().map(|entry| format!("{entry:?}")).collect();
        writeln!(text, "    {},", line.join(", ")).expect("memory");
    }
    text.push_str("];\n");
}

/// f(k/64) for k/64 in [0, end], times `scale`, rounded.
fn sampled(end: u32, scale: f64, f: impl Fn(f64) -> f64) -> Vec<u16> {
    (0..=64 * end).map(|k| (f(f64::from(k) / 64.0) * scale).round() as u16).collect()
}

/// The cubic through f at the four Chebyshev nodes of [0, 1], as coefficients of 1, w, w², w³.
fn cubic(f: impl Fn(f64) -> f64) -> [f64; 4] {
    let nodes: [f64; 4] =
        std::array::from_fn(|k| 0.5 - 0.5 * libm::cos(core::f64::consts::PI * (2 * k + 1) as f64 / 8.0));
    // Newton's divided differences, then the products of (w − node) multiplied out.
    let mut divided = nodes.map(&f);
    for order in 1..4 {
        for k in (order..4).rev() {
            divided[k] = (divided[k] - divided[k - 1]) / (nodes[k] - nodes[k - order]);
        }
    }
    let mut c = [divided[3], 0.0, 0.0, 0.0];
    for k in (0..3).rev() {
        for j in (1..4).rev() {
            c[j] = c[j - 1] - nodes[k] * c[j];
        }
        c[0] = divided[k] - nodes[k] * c[0];
    }
    c
}

/// For tail probabilities p = 2^−(n+2) (1 + (s + w)/4), 0 ≤ w < 1: the normal quantile as a cubic in w, in Q24.
fn quantiles() -> Vec<[i32; 4]> {
    (0..32 * 4)
        .map(|row| {
            let (octave, part) = (row / 4, row % 4);
            let p = |w: f64| libm::ldexp(1.0 + (f64::from(part) + w) / 4.0, -(octave + 2));
            cubic(|w| upper_quantile(p(w))).map(|c| libm::ldexp(c, 24).round() as i32)
        })
        .collect()
}

fn tables() -> String {
    let mut text = String::from(
        "//! Tables of elementary functions. Compared with double precision, entry by entry, by the test `fixed_tables`, which\n\
         //! writes them where the environment has KILN_WRITE_TABLES. Do not edit.\n\n",
    );
    array(&mut text, "t/(1 + e^t) at t = k/64, times 2^17.\nSILU", "u16", &sampled(16, 131_072.0, silu_correction), 16);
    text.push('\n');
    array(
        &mut text,
        "1/(1 + e^t) at t = k/64, times 2^16.\nSIGMOID",
        "u16",
        &sampled(12, 65_536.0, exponential_share),
        16,
    );
    text.push('\n');
    array(
        &mut text,
        "e^(−t²/2) at t = k/64, times 2^15.\nGAUSSIAN",
        "u16",
        &sampled(5, 32_768.0, |t| libm::exp(-0.5 * t * t)),
        16,
    );
    text.push('\n');
    array(
        &mut text,
        "z with Q(z) = p = 2^−(n+2) (1 + (s + w)/4) in row 4 n + s, where Q is the normal tail: cubic in w, constant first,\n\
         times 2^24, through the Chebyshev nodes of [0, 1].\nQUANTILE",
        "[i32; 4]",
        &quantiles(),
        2,
    );
    text
}

#[test]
fn tables_are_what_double_precision_gives() {
    let made = tables();
    if std::env::var_os("KILN_WRITE_TABLES").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/fixed/tables.rs");
        std::fs::write(path, &made).expect("a writable source tree");
    }
    for (number, (held, made)) in HELD.lines().zip(made.lines()).enumerate() {
        assert_eq!(held, made, "line {}", number + 1);
    }
    assert_eq!(HELD.len(), made.len());
}
