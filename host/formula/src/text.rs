//! The text inside a TOML string, every character with its place in the file.

use crate::error::Span;

/// A string's characters, as they are meant, and where each begins in the file.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    characters: Vec<(char, usize)>,
    /// Where the string's contents end in the file.
    end: usize,
}

impl Text {
    /// From a TOML string with its quotes, `raw`, that begins at `start` of the file. The string was parsed before: it is
    /// well formed.
    pub(crate) fn of(raw: &str, start: usize) -> Self {
        let quote = raw.chars().next().unwrap_or('"');
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let long = raw.len() >= 6 && raw.starts_with(&triple) && raw.ends_with(&triple);
        let width = if long { 3 } else { 1 };
        let end = start + raw.len().saturating_sub(width);
        let body = raw.get(width..raw.len().saturating_sub(width)).unwrap_or("");
        let mut characters = Vec::new();
        let mut rest = body.char_indices().peekable();
        if long && body.starts_with("\r\n") {
            rest.next();
        }
        if long && (body.starts_with('\n') || body.starts_with("\r\n")) {
            rest.next();
        }
        while let Some((at, c)) = rest.next() {
            let place = start + width + at;
            if c != '\\' || quote == '\'' {
                characters.push((c, place));
                continue;
            }
            let digits = match rest.next().map(|(_, c)| c) {
                Some('n') => Ok('\n'),
                Some('t') => Ok('\t'),
                Some('r') => Ok('\r'),
                Some('u') => Err(4),
                Some('U') => Err(8),
                Some('x') => Err(2),
                Some(white) if white.is_whitespace() => {
                    while rest.next_if(|(_, c)| c.is_whitespace()).is_some() {}
                    continue;
                }
                Some(other) => Ok(other),
                None => break,
            };
            let c = digits.unwrap_or_else(|count| {
                let code: String = rest.by_ref().take(count).map(|(_, c)| c).collect();
                u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
            });
            characters.push((c, place));
        }
        Self { characters, end }
    }

    /// The character at an index.
    pub(crate) fn get(&self, index: usize) -> Option<char> {
        self.characters.get(index).map(|(c, _)| *c)
    }

    /// The file's stretch of some characters.
    pub(crate) fn span(&self, from: usize, to: usize) -> Span {
        let place = |index: usize| self.characters.get(index).map_or(self.end, |(_, place)| *place);
        let start = place(from);
        let end = match to.checked_sub(1).and_then(|last| self.characters.get(last)) {
            Some((c, place)) if to > from => place + c.len_utf8(),
            _ => start,
        };
        Span { start, end }
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    fn places(raw: &str) -> Vec<(char, usize)> {
        Text::of(raw, 10).characters
    }

    #[test]
    fn places_of_characters() {
        assert_eq!(places("\"ab\""), [('a', 11), ('b', 12)]);
        assert_eq!(places(r#""\u0061\tb""#), [('a', 11), ('\t', 17), ('b', 19)]);
        assert_eq!(places("'\\n'"), [('\\', 11), ('n', 12)]);
        assert_eq!(places("\"\"\"\na\\\n  b\"\"\""), [('a', 14), ('b', 19)]);
        assert_eq!(places("'''\r\nx'''"), [('x', 15)]);
        assert_eq!(Text::of("\"ab\"", 0).span(2, 2), super::Span { start: 3, end: 3 });
    }
}
