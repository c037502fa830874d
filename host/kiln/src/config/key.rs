//! What is known of one setting.

use super::domain::Domain;

/// One key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `section.key`.
    pub name: &'static str,
    /// What it may be.
    pub domain: Domain,
    /// What it means.
    pub help: &'static str,
    /// What its number counts or measures; empty where the help says it, or it has no unit.
    pub unit: &'static str,
    /// What the published papers call it; empty where they have no name for it.
    pub paper: &'static str,
}

impl Key {
    /// The part before the dot.
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// The part after the dot.
    pub fn field(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, field)| field)
    }
}
