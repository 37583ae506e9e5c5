//! Tags, in and out.

use serde::{Deserialize, Serialize};

use crate::catalog::{Tag, merge_tags};

use super::constraint::Constraints;
use super::error::ApiError;

const PATTERN: &str = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$";

/// A tag as AWS writes it.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct TagMember {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

/// Names what is violated in `check`. The last one of a key counts.
pub(super) fn read(tags: Vec<TagMember>, check: &mut Constraints) -> Vec<Tag> {
    let mut read = Vec::with_capacity(tags.len());
    for (place, tag) in tags.into_iter().enumerate() {
        let key_field = format!("tags.{}.member.key", place + 1);
        let value_field = format!("tags.{}.member.value", place + 1);
        let key = check.required(&key_field, tag.key, 1..=128);
        let value = check.optional(&value_field, tag.value, 0..=256).unwrap_or_default();
        check.pattern(&key_field, Some(&key), PATTERN, is_plain);
        check.pattern(&value_field, Some(&value), PATTERN, is_plain);
        merge_tags(&mut read, [Tag { key: key.into(), value: value.into() }]);
    }
    read
}

/// Keys of AWS's own.
pub(super) fn check_reserved<'a>(mut keys: impl Iterator<Item = &'a str>) -> Result<(), ApiError> {
    let reserved = |key: &str| key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"));
    if keys.any(reserved) {
        return Err(ApiError::validation("aws: prefixed tag key names are not allowed for external use."));
    }
    Ok(())
}

/// As AWS writes them.
pub(super) fn write(tags: &[Tag]) -> Vec<TagMember> {
    tags.iter().map(|tag| TagMember { key: Some(tag.key.to_string()), value: Some(tag.value.to_string()) }).collect()
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c))
}
