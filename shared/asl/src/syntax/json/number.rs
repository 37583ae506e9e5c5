//! Numbers.

use serde_json::Number;

use super::super::json_error::{JsonError, describe};
use super::Reader;

impl Reader<'_> {
    pub(super) fn number(&mut self, at_root: bool) -> Result<Number, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
            self.first_digit("expected digit (0-9) to follow minus sign, for valid numeric value", "No digit following minus sign")?;
        }
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.digits();
        if leading_zero && digits > 1 {
            return Err(self.error(self.at - digits, 2, "Invalid numeric value: Leading zeroes not allowed"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.first_digit("Decimal point not followed by a digit", " in a number")?;
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.first_digit("Exponent indicator not followed by a digit", " in a number")?;
            self.digits();
        }
        self.end_of_number(at_root)?;
        let text = &self.text[start..self.at];
        let number = serde_json::from_str(text);
        number.map_err(|_| self.error(start, text.len(), format!("Numeric value ({text}) out of range")))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn first_digit(&self, wanted: &str, at_end: &str) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'0'..=b'9') => Ok(()),
            Some(_) => {
                let character = describe(self.character());
                Err(self.error(self.at, 1, format!("Unexpected character ({character}) in numeric value: {wanted}")))
            }
            None => Err(self.error(self.at, 0, format!("Unexpected end-of-input{at_end}"))),
        }
    }

    /// Inside arrays and objects the next token complains by itself; at the root only white space may follow.
    fn end_of_number(&self, at_root: bool) -> Result<(), JsonError> {
        match self.peek() {
            Some(byte) if at_root && !byte.is_ascii_whitespace() && !(self.comments_accepted() && byte == b'/') => {
                Err(self.unexpected("Expected space separating root-level values"))
            }
            Some(_) | None => Ok(()),
        }
    }
}
