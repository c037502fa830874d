//! Where exports go: the file, and the same bytes as source to link into flash.

use crate::error::Error;
use crate::files::check_writable;
use std::fmt::Write as _;
use std::path::Path;

/// Bytes on a line of source.
const LINE: usize = 24;

/// Whether a file can go to `path`: its extension, an existing parent where files can be made, and no file there unless
/// `force`.
///
/// # Errors
/// If it cannot.
pub fn check_destination(path: &Path, extension: &str, force: bool) -> Result<(), Error> {
    let shown = path.display();
    if path.file_name().is_some_and(|name| name.eq_ignore_ascii_case(format!(".{extension}"))) {
        let message = format!("'{shown}' has no name before .{extension}");
        return Err(Error::input(message, format!("for example model.{extension}")));
    }
    if !path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension)) {
        let message = format!("'{shown}' does not end in .{extension}");
        return Err(Error::input(message, format!("for example model.{extension}")));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        let message = format!("the directory '{}' of '{shown}' does not exist", parent.display());
        return Err(Error::input(message, "create it first, or choose another place"));
    }
    if path.is_dir() {
        return Err(Error::input(format!("'{shown}' is a directory"), "give the path of a file"));
    }
    if !force && path.symlink_metadata().is_ok() {
        let hint = "nothing was overwritten; add --force to replace it";
        return Err(Error::input(format!("'{shown}' already exists"), hint));
    }
    check_writable(path)
}

/// Words that C or C++ keep for themselves and a file could be called by.
const KEPT: &str = "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t \
    class co_await co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default \
    delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline int long main \
    mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register \
    reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast struct switch template \
    this thread_local throw true try typedef typeid typename typeof union unsigned using virtual void volatile wchar_t \
    while xor xor_eq";

/// A word of letters, digits and underscores from a file's name.
fn identifier(path: &Path) -> String {
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let word: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let kept = KEPT.split_whitespace().any(|kept| kept == word);
    if word.starts_with(|c: char| c.is_ascii_alphabetic()) && !kept { word } else { format!("model_{word}") }
}

fn rows(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(5 * bytes.len());
    for line in bytes.chunks(LINE) {
        text.push_str("   ");
        for byte in line {
            let _ = write!(text, " {byte},");
        }
        text.push('\n');
    }
    text
}

/// Rust source: a static of the file's name.
pub fn rust(path: &Path, bytes: &[u8], what: &str) -> String {
    let (name, length, rows) = (identifier(path).to_ascii_uppercase(), bytes.len(), rows(bytes));
    format!(
        "// {what}. Written by `kiln export`.\n\n\
         /// The bytes of a model, for `kiln_core::artifact::Artifact::check(&{name}.0)`.\n\
         #[rustfmt::skip]\n\
         pub static {name}: kiln_core::artifact::Aligned<[u8; {length}]> = kiln_core::artifact::Aligned([\n{rows}]);\n"
    )
}

/// A C header (C11, C++11): a constant array of the file's name.
pub fn c(path: &Path, bytes: &[u8], what: &str) -> String {
    let (name, length, rows) = (identifier(path), bytes.len(), rows(bytes));
    let guard = format!("KILN_MODEL_{}_H", name.to_ascii_uppercase());
    format!(
        "/* {what}. Written by `kiln export`. */\n\
         #ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n\
         #ifdef __cplusplus\nalignas(8)\n#else\n_Alignas(8)\n#endif\n\
         static const uint8_t {name}[{length}] = {{\n{rows}}};\n\n#endif\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_hold_the_bytes_under_the_files_name() {
        let bytes: Vec<u8> = (0..100).collect();
        for text in [rust(Path::new("a/my-model.rs"), &bytes, "X"), c(Path::new("my-model.h"), &bytes, "X")] {
            let body = &text[text.find("= ").unwrap()..];
            let body = &body[body.find(['[', '{']).unwrap()..];
            let numbers = body.split([',', '[', '{', ']', '}', ' ', '\n']).filter_map(|word| word.parse::<u8>().ok());
            assert_eq!(numbers.collect::<Vec<_>>(), bytes, "{text}");
        }
        assert!(rust(Path::new("my-model.rs"), &bytes, "X").contains("static MY_MODEL: "));
        assert!(c(Path::new("8-bit.h"), &bytes, "X").contains("uint8_t model_8_bit[100]"));
        assert!(
            c(Path::new("int.h"), &bytes, "X").contains("uint8_t model_int[100]"),
            "a word that C keeps for itself"
        );
    }
}
