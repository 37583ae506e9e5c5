//! By what members know each other.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::TokenKey;

/// The header that carries the secret.
pub const PEER_HEADER: HeaderName = HeaderName::from_static("baton-peer");

/// What the members of a cluster share: it follows from the key of their task tokens.
#[derive(Clone)]
pub struct PeerSecret(HeaderValue);

impl PeerSecret {
    /// Of the members that share this key.
    pub fn of(key: &TokenKey) -> Self {
        let text: String = key.peer_secret().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut value = HeaderValue::try_from(text).expect("hexadecimal digits are a header value");
        value.set_sensitive(true);
        Self(value)
    }

    /// The header's value.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Whether the request comes from a member. How long it takes to find out tells nothing of the secret.
    pub fn is_in(&self, headers: &HeaderMap) -> bool {
        headers.get(PEER_HEADER).is_some_and(|given| is_equal(given.as_bytes(), self.0.as_bytes()))
    }
}

fn is_equal(given: &[u8], secret: &[u8]) -> bool {
    let differences = given.iter().zip(secret).fold(0, |differences, (one, other)| std::hint::black_box(differences | (one ^ other)));
    given.len() == secret.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_will_do() {
        let secret = PeerSecret::of(&TokenKey::new([1; 32]));
        let with = |value: HeaderValue| HeaderMap::from_iter([(PEER_HEADER, value)]);
        assert!(secret.is_in(&with(secret.header())));
        assert!(!secret.is_in(&with(PeerSecret::of(&TokenKey::new([2; 32])).header())));
        assert!(!secret.is_in(&HeaderMap::new()));
        let text = secret.header().to_str().expect("digits").to_owned();
        assert_eq!(text.len(), 64);
        for wrong in [&text[1..], &text[..63], "", &format!("{text}0")] {
            assert!(!secret.is_in(&with(HeaderValue::from_str(wrong).expect("digits"))), "{wrong}");
        }
    }
}
