//! JSON Pointers (RFC 6901), as `ItemsPointer` is one.

use super::FormatError;

/// Longer paths than this are no use: documents are not nested that deep.
const TOKENS_MAX: usize = 100;

/// Its tokens, unescaped. The empty pointer is the whole document.
pub(crate) fn tokens(pointer: &str) -> Result<Vec<String>, FormatError> {
    let bad = || FormatError::BadPointer { pointer: pointer.to_owned() };
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let path = pointer.strip_prefix('/').ok_or_else(bad)?;
    let tokens: Vec<String> = path.split('/').map(unescape).collect::<Option<_>>().ok_or_else(bad)?;
    if tokens.len() > TOKENS_MAX { Err(bad()) } else { Ok(tokens) }
}

fn unescape(token: &str) -> Option<String> {
    let mut text = String::with_capacity(token.len());
    let mut rest = token.chars();
    while let Some(c) = rest.next() {
        text.push(match c {
            '~' => match rest.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            plain => plain,
        });
    }
    Some(text)
}

/// The token as an index of an array.
pub(crate) fn index(token: &str) -> Option<u64> {
    let plain = token == "0" || (!token.starts_with('0') && !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit()));
    if plain { token.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_unescaped() {
        assert_eq!(tokens("").expect("whole"), Vec::<String>::new());
        assert_eq!(tokens("/a~1b/~0~01/").expect("three"), ["a/b", "~~1", ""]);
        assert!(tokens("a").is_err() && tokens("/a~2").is_err() && tokens("/~").is_err());
        assert_eq!((index("0"), index("17"), index("01"), index("-"), index("")), (Some(0), Some(17), None, None, None));
    }
}
