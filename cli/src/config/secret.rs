//! Texts that may hold passwords: they are used and never printed.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A URL with credentials, or a token.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    /// The text as it was given. It is not to be printed.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    /// Takes every text: an error message would show it.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A URL without its password and without what stands behind the address; nothing of anything else.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.0.split_once('?').map_or(self.0.as_str(), |(address, _)| address);
        let Some((scheme, rest)) = address.split_once("://") else { return f.write_str("…") };
        let Some((credentials, place)) = rest.rsplit_once('@') else { return f.write_str(address) };
        let user = credentials.split(':').next().unwrap_or_default();
        write!(f, "{scheme}://{user}:…@{place}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (text, shown) in [
            ("redis://127.0.0.1:6379/1", "redis://127.0.0.1:6379/1"),
            ("redis://:p@ss@cache:6379", "redis://:…@cache:6379"),
            ("amqp://guest:guest@127.0.0.1:5672/%2f", "amqp://guest:…@127.0.0.1:5672/%2f"),
            ("redis+sentinel://:p@a:1,b:2/main?sentinel_password=q", "redis+sentinel://:…@a:1,b:2/main"),
            ("redis+sentinel://a:1/main?sentinel_password=q", "redis+sentinel://a:1/main"),
            ("a-token", "…"),
        ] {
            let secret: Secret = text.parse().expect("every text is one");
            assert_eq!((secret.to_string(), format!("{secret:?}")), (shown.to_owned(), shown.to_owned()));
            assert_eq!(secret.reveal(), text);
        }
    }
}
