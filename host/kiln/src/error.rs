//! The one error type a person sees: a sentence saying what is wrong, a hint saying what to do about it,
//! and the exit code that goes with it.

use std::io;
use std::path::Path;

/// Anything that stops a command. Printed as `error: …` and `hint: …`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: String,
    #[source]
    source: Option<io::Error>,
}

/// What sort of trouble it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// It was done, and what came out misses its bar.
    Verdict,
    /// What was asked for cannot be done as asked.
    Input,
    /// A file or directory could not be read or written.
    File,
    /// A computation left the finite numbers.
    Numerics,
    /// The person stopped it.
    Interrupted,
}

impl Error {
    /// Bad input: `message` is one sentence, `hint` the way out.
    pub fn input(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Input, message: message.into(), hint: hint.into(), source: None }
    }

    /// What was made is not good enough: `hint` says how to make it better.
    pub fn verdict(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Verdict, ..Self::input(message, hint) }
    }

    /// A computation that left the finite numbers.
    pub fn numerics(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Numerics, ..Self::input(message, hint) }
    }

    /// Stopped by the person; `hint` says how to go on.
    pub fn interrupted(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Interrupted, ..Self::input(message, hint) }
    }

    /// `action` ("write", "create the directory") on `path` failed with `source`.
    pub fn file(action: &str, path: &Path, source: io::Error) -> Self {
        let hint = match source.kind() {
            io::ErrorKind::NotFound => "check the path; its parent directory must exist",
            io::ErrorKind::PermissionDenied => "check the permissions, or choose another place",
            io::ErrorKind::NotADirectory => "a part of the path is a file, not a directory; choose another place",
            io::ErrorKind::StorageFull => "free some space, or choose another place",
            _ => "check the path and the disk, or choose another place",
        };
        Self {
            kind: ErrorKind::File,
            message: format!("cannot {action} '{}': {}", path.display(), plain(&source)),
            hint: hint.into(),
            source: Some(source),
        }
    }

    /// The same error with another hint.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// What sort of trouble it was.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The way out.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// The exit code, as README lists them: 1 a bar or verdict missed, 2 input and files, 3 numerics, 130 (128 + SIGINT)
    /// where the person stopped it.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::Verdict => 1,
            ErrorKind::Input | ErrorKind::File => 2,
            ErrorKind::Numerics => 3,
            ErrorKind::Interrupted => 130,
        }
    }
}

/// The system's words without its error number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// "did you mean 'x'?" for the candidate nearest to `word`, if one is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + word.len().max(candidate.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_a_slip_and_refuses_a_stranger() {
        assert_eq!(nearest("mog41", ["mw32", "mog40"]), Some("mog40"));
        assert_eq!(nearest("zebra", ["mw32", "mog40"]), None);
    }

    #[test]
    fn system_errors_read_as_sentences() {
        let error = Error::file("write", Path::new("a/b"), io::Error::from_raw_os_error(2));
        assert_eq!(error.to_string(), "cannot write 'a/b': no such file or directory");
        assert_eq!(error.exit_code(), 2);
        let codes =
            [Error::verdict, Error::input, Error::numerics, Error::interrupted].map(|of| of("", "").exit_code());
        assert_eq!(codes, [1, 2, 3, 130]);
    }
}
