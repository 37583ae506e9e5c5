//! Names of state machines, executions and activities.

use super::error::ApiError;

/// Refuses names with characters that AWS does not allow, with `InvalidName`. Their length is a matter of
/// [`constraint`](super::constraint).
pub(super) fn check(name: &str) -> Result<(), ApiError> {
    if name.chars().any(is_forbidden) {
        return Err(ApiError::InvalidName(name.to_owned()));
    }
    Ok(())
}

fn is_forbidden(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(c) || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_pass() {
        for name in ["a", "activity.name.v2", "ACTIVITY_NAME-1", "state.machine", "größe", "(a)+@!='"] {
            assert!(check(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn every_forbidden_character_is_refused() {
        let forbidden = "\u{0}\u{1f}\u{7f}\u{9f}\u{fffe}\u{ffff}\u{10ffff} \t\n<>{}[]?*\"#%\\^|~`$&,;:/";
        for c in forbidden.chars() {
            let error = check(&format!("a{c}b")).expect_err("a forbidden character");
            assert_eq!(error.to_string(), format!("Invalid Name: 'a{c}b'"));
        }
    }
}
