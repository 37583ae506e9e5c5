//! Where an item comes from.

use std::sync::Arc;

/// `$$.Map.Item.Source`.
pub(super) fn source_of(bucket: &str, key: Option<&str>) -> Arc<str> {
    let bucket = if bucket.contains("://") { bucket.trim_end_matches('/').to_owned() } else { format!("S3://{bucket}") };
    match key {
        None => bucket.into(),
        Some(key) => format!("{bucket}/{key}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_addresses() {
        assert_eq!(&*source_of("b", None), "S3://b");
        assert_eq!(&*source_of("b", Some("k/l")), "S3://b/k/l");
        assert_eq!(&*source_of("file:///data/", Some("k")), "file:///data/k");
    }
}
