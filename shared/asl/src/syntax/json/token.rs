//! `true`, `false`, `null`, and what stands where one of them or another value should.

use super::super::Kind;
use super::super::json_error::JsonError;
use super::Reader;

const EXPECTED_TOKENS: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
/// Jackson cuts longer tokens in its messages.
const MAX_TOKEN_LENGTH: usize = 256;

impl Reader<'_> {
    pub(super) fn word(&mut self, word: &str, kind: Kind) -> Result<Kind, JsonError> {
        let matching = word.bytes().zip(&self.bytes[self.at..]).take_while(|(a, b)| a == *b).count();
        let start = self.at;
        self.at += matching;
        let ends = matching == word.len() && (self.peek().is_none() || !is_identifier_part(self.character()));
        if ends { Ok(kind) } else { Err(self.unknown_token(start)) }
    }

    pub(super) fn unknown_token(&mut self, start: usize) -> JsonError {
        while self.peek().is_some() && is_identifier_part(self.character()) {
            self.at += self.character().len_utf8();
        }
        let mut token: String = self.text[start..self.at].chars().take(MAX_TOKEN_LENGTH).collect();
        let length = token.encode_utf16().count();
        if start + token.len() < self.at {
            token.push_str("...");
        }
        self.error(start, length, format!("Unrecognized token '{token}': was expecting {EXPECTED_TOKENS}"))
    }

    pub(super) fn odd_value(&mut self) -> JsonError {
        let start = self.at;
        let character = self.character();
        for word in ["NaN", "Infinity"] {
            if self.text[start..].starts_with(word) {
                let feature = "JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS";
                return self.error(start, word.len(), format!("Non-standard token '{word}': enable {feature} to allow"));
            }
        }
        if is_identifier_start(character) {
            return self.unknown_token(start);
        }
        self.unexpected(&format!("expected a valid value {EXPECTED_TOKENS}"))
    }
}

fn is_identifier_start(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '$' | '¢' | '£' | '¤' | '¥' | '€')
}

fn is_identifier_part(character: char) -> bool {
    is_identifier_start(character) || character.is_numeric()
}
