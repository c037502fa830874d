//! The golden vectors in `tests/data`, made in double precision with the published implementations.

use serde_json::Value;

pub struct Golden(Value);

macro_rules! golden {
    ($name:ident, $file:literal) => {
        pub fn $name() -> Golden {
            const TEXT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/", $file));
            Golden(serde_json::from_str(TEXT).expect("well-formed JSON"))
        }
    };
}
golden!(mog40, "mog40.json");
golden!(mog40_target, "mog40_target.json");
golden!(mw32, "mw32.json");
golden!(dw4, "dw4.json");
golden!(lj13, "lj13.json");
golden!(lj55, "lj55.json");
golden!(noise_schedules, "noise_schedules.json");
golden!(nets, "nets.json");

fn numbers(value: &Value, out: &mut Vec<f64>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| numbers(item, out)),
        other => out.push(other.as_f64().expect("a number")),
    }
}

impl Golden {
    /// All numbers under a path, in order, however deeply nested.
    pub fn numbers(&self, path: &[&str]) -> Vec<f64> {
        let mut value = &self.0;
        for key in path {
            value = value.get(key).unwrap_or_else(|| panic!("no {key} in the golden file"));
        }
        let mut out = Vec::new();
        numbers(value, &mut out);
        assert!(!out.is_empty());
        out
    }

    /// The same, cut into rows.
    pub fn rows<const N: usize>(&self, path: &[&str]) -> Vec<[f64; N]> {
        let numbers = self.numbers(path);
        assert_eq!(numbers.len() % N, 0);
        numbers.chunks_exact(N).map(|row| row.try_into().expect("N numbers")).collect()
    }
}

/// |a − b| against a relative tolerance.
#[track_caller]
pub fn assert_close(what: &str, got: f64, want: f64, relative: f64) {
    let scale = want.abs().max(1.0);
    assert!((got - want).abs() <= relative * scale, "{what}: {got:e} instead of {want:e}");
}
