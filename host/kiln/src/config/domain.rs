//! What a key may be: the types and ranges of configuration values, and the sentences that state them.

use toml::Value;

/// The values a key may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Domain {
    /// A whole number from `min` to `max`.
    Count {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A finite number above `above`, up to `max`.
    Above {
        /// The excluded lower end.
        above: f64,
        /// Largest.
        max: f64,
    },
    /// A finite number from `min` to `max`.
    Real {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// A finite number from 0 to below 1.
    Fraction,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// A name: letters, digits, `-`, `_`.
    Name,
    /// `cpu` or `cuda:N`.
    Device,
}

impl Domain {
    /// The value in the type of the domain (a whole number serves as a real one), if it lies within.
    pub fn accept(&self, value: &Value) -> Option<Value> {
        match self {
            Self::Count { min, max } => value.as_integer().filter(|v| (min..=max).contains(&v)).map(Value::Integer),
            Self::Above { above, max } => number(value).filter(|v| v > above && v <= max).map(Value::Float),
            Self::Real { min, max } => number(value).filter(|v| v >= min && v <= max).map(Value::Float),
            Self::Fraction => number(value).filter(|v| (0.0..1.0).contains(v)).map(Value::Float),
            Self::Choice(words) => value.as_str().filter(|v| words.contains(v)).map(Value::from),
            Self::Switch => value.as_bool().map(Value::Boolean),
            Self::Name => value.as_str().filter(|v| is_name(v)).map(Value::from),
            Self::Device => value.as_str().filter(|v| is_device(v)).map(Value::from),
        }
    }

    /// What is wrong with a value that lies within, but is lost in the 32 bits that networks compute with: its square
    /// vanishes, or it becomes the 1 that it must stay below.
    pub fn lost(&self, value: &Value) -> Option<&'static str> {
        /// Squares of smaller numbers are none.
        const LEAST: f64 = 1e-12;
        let value = number(value)?;
        match self {
            Self::Above { .. } if value < LEAST => Some("but is computed in 32 bits, where it must be at least 1e-12"),
            Self::Fraction if value as f32 >= 1.0 => Some("but is computed in 32 bits, where it is 1"),
            _ => None,
        }
    }

    /// "a whole number from 1 to 9": completes the sentence "must be …".
    pub fn describe(&self) -> String {
        match self {
            Self::Count { min, max: i64::MAX } => format!("a whole number from {min} up"),
            Self::Count { min, max } => format!("a whole number from {min} to {max}"),
            Self::Above { above, max } => format!("a number above {above}, at most {max}"),
            Self::Real { min, max } => format!("a number from {min} to {max}"),
            Self::Fraction => "a number from 0 to below 1".into(),
            Self::Choice(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                match words.split_last() {
                    Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
                    _ => words.concat(),
                }
            }
            Self::Switch => "true or false".into(),
            Self::Name => "a name of letters, digits, '-' and '_'".into(),
            Self::Device => "\"cpu\" or \"cuda:N\"".into(),
        }
    }

    /// Whether values of this domain are text, so that `--set key=word` needs no quotes.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Choice(_) | Self::Name | Self::Device)
    }
}

/// [`Domain::Count`].
pub(super) const fn count(min: i64, max: i64) -> Domain {
    Domain::Count { min, max }
}

/// [`Domain::Above`] 0.
pub(super) const fn above_zero(max: f64) -> Domain {
    Domain::Above { above: 0.0, max }
}

/// [`Domain::Real`].
pub(super) const fn real(min: f64, max: f64) -> Domain {
    Domain::Real { min, max }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(v) => Some(*v),
        Value::Integer(v) => Some(*v as f64),
        _ => None,
    }
    .filter(|v| v.is_finite())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn is_device(text: &str) -> bool {
    text == "cpu" || text.strip_prefix("cuda:").is_some_and(|index| index.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_refuse_zero_negative_and_not_a_number() {
        let size = Domain::Count { min: 1, max: 100 };
        for bad in [Value::Integer(0), Value::Integer(-3), Value::Float(2.0), Value::from("7")] {
            assert_eq!(size.accept(&bad), None, "{bad}");
        }
        let rate = Domain::Above { above: 0.0, max: 1.0 };
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1.5] {
            assert_eq!(rate.accept(&Value::Float(bad)), None, "{bad}");
        }
        assert_eq!(rate.accept(&Value::Integer(1)), Some(Value::Float(1.0)));
    }

    #[test]
    fn numbers_that_vanish_in_32_bits_are_told() {
        let (rate, decay) = (Domain::Above { above: 0.0, max: 1.0 }, Domain::Fraction);
        let lost = |domain: &Domain, value: f64| domain.lost(&Value::Float(value)).is_some();
        assert!(lost(&rate, 1e-320) && lost(&rate, 1e-30) && !lost(&rate, 1e-9));
        assert!(lost(&decay, 0.999_999_999) && !lost(&decay, 0.999_999) && !lost(&decay, 0.0));
        assert!(Domain::Real { min: 0.0, max: 1.0 }.lost(&Value::Float(0.0)).is_none());
    }

    #[test]
    fn devices_and_names() {
        assert!(is_device("cpu") && is_device("cuda:0") && !is_device("cuda:") && !is_device("gpu"));
        assert!(is_name("mog40") && !is_name("") && !is_name("a/b"));
    }
}
