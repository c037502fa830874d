//! Why an energy cannot be explored.

use std::fmt;

/// One sentence on what is wrong and one on how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
    /// Whether it was the person who stopped.
    pub interrupted: bool,
}

impl Refusal {
    /// Something is wrong.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), interrupted: false }
    }

    /// The person stopped it.
    pub fn interrupted() -> Self {
        Self { interrupted: true, ..Self::new("interrupted", "nothing was written; run it again") }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
