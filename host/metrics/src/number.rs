//! Figures that may be unknown or infinite, in JSON and on paper.
//!
//! A figure that the samples do not tell is NaN in memory and `unknown` wherever it is shown. JSON has neither NaN nor
//! infinity and would write both as `null`; here they are the texts `"unknown"` and `"infinite"`, and `null` means that a
//! figure does not apply, such as the R-hat of independent draws.

use serde::{Deserializer, Serializer};

/// The word for what is not finite.
fn word(value: f64) -> Option<&'static str> {
    match value {
        value if value.is_nan() => Some("unknown"),
        f64::INFINITY => Some("infinite"),
        f64::NEG_INFINITY => Some("-infinite"),
        _ => None,
    }
}

/// The figure as text: `finite` writes what is finite.
pub fn text(value: f64, finite: impl FnOnce(f64) -> String) -> String {
    word(value).map_or_else(|| finite(value), String::from)
}

/// Four significant digits, whole numbers without a point.
pub fn figure(value: f64) -> String {
    if value == value.round() && value.abs() < 1e6 {
        return format!("{value:.0}");
    }
    let size = value.abs().log10().floor();
    match size {
        _ if !value.is_finite() => text(value, |_| String::new()),
        s if !(-4.0..6.0).contains(&s) => format!("{value:.3e}"),
        s => format!("{value:.*}", (3.0 - s).clamp(0.0, 6.0) as usize),
    }
}

/// With so many digits after the point.
pub fn digits(value: f64, digits: usize) -> String {
    text(value, |value| format!("{value:.digits$}"))
}

/// Writes a number, or the word for it.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match word(*value) {
        Some(word) => serializer.serialize_str(word),
        None => serializer.serialize_f64(*value),
    }
}

/// Reads what [`serialize`] wrote; `null`, as earlier versions wrote it, is unknown.
///
/// # Errors
/// If it is anything else.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(optional::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// The same for a figure that may not apply: `null`.
pub mod optional {
    use super::word;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Word(String),
    }

    /// Writes a number, the word for it, or `null`.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::serialize(value, serializer),
            None => None::<f64>.serialize(serializer),
        }
    }

    /// Reads what [`serialize`] wrote.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        match Option::<Written>::deserialize(deserializer)? {
            None => Ok(None),
            Some(Written::Number(value)) => Ok(Some(value)),
            Some(Written::Word(text)) => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
                .into_iter()
                .find(|value| word(*value) == Some(text.as_str()))
                .map(Some)
                .ok_or_else(|| D::Error::custom(format!("'{text}' is neither a number, unknown nor infinite"))),
        }
    }
}

/// Two figures beside each other.
///
/// # Errors
/// The serializer's.
pub fn serialize_pair<S: Serializer>(pair: &[Option<f64>; 2], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(serde::Serialize)]
    struct One(#[serde(with = "optional")] Option<f64>);
    serializer.collect_seq(pair.map(One))
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    struct Figures {
        #[serde(with = "super")]
        a: f64,
        #[serde(default, with = "super::optional")]
        b: Option<f64>,
    }

    #[test]
    fn unknown_infinite_and_absent_stay_apart_in_json() {
        let through = |a: f64, b: Option<f64>| {
            let text = serde_json::to_string(&Figures { a, b }).unwrap();
            let Figures { a, b } = serde_json::from_str(&text).unwrap();
            (text, a, b)
        };
        let (text, a, b) = through(f64::NAN, Some(f64::NAN));
        assert_eq!(text, r#"{"a":"unknown","b":"unknown"}"#);
        assert!(a.is_nan() && b.is_some_and(f64::is_nan));
        let (text, a, b) = through(f64::NEG_INFINITY, Some(f64::INFINITY));
        assert_eq!(text, r#"{"a":"-infinite","b":"infinite"}"#);
        assert_eq!((a, b), (f64::NEG_INFINITY, Some(f64::INFINITY)));
        assert_eq!(through(0.5, None), (r#"{"a":0.5,"b":null}"#.into(), 0.5, None));
        // Files of earlier versions: whole numbers, null for what is not finite, fields that are absent.
        let old: Figures = serde_json::from_str(r#"{"a":null}"#).unwrap();
        assert!(old.a.is_nan() && old.b.is_none());
        assert_eq!(serde_json::from_str::<Figures>(r#"{"a":40,"b":2}"#).unwrap().b, Some(2.0));
        assert!(serde_json::from_str::<Figures>(r#"{"a":"many"}"#).is_err());
    }
}
