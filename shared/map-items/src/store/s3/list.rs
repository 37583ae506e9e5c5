//! Pages of `ListObjectsV2`.

use serde::Deserialize;

use crate::store::{Entry, Listing, StoreError};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListBucketResult {
    #[serde(default)]
    is_truncated: bool,
    next_continuation_token: Option<String>,
    encoding_type: Option<String>,
    #[serde(default)]
    contents: Vec<Contents>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    key: String,
    last_modified: String,
    #[serde(rename = "ETag", default)]
    etag: String,
    size: u64,
    #[serde(default)]
    storage_class: Option<String>,
}

/// A page, and where the next one is.
pub(crate) fn page(text: &str) -> Result<(Vec<Entry>, Listing), StoreError> {
    let unreadable = |error: &dyn std::fmt::Display| StoreError::Unreadable(error.to_string());
    let page: ListBucketResult = quick_xml::de::from_str(text).map_err(|error| unreadable(&error))?;
    let encoded = page.encoding_type.as_deref() == Some("url");
    let entry = |contents: Contents| {
        let modified: jiff::Timestamp = contents.last_modified.parse().map_err(|error| unreadable(&error))?;
        Ok(Entry {
            key: if encoded { decoded(&contents.key)? } else { contents.key },
            size: contents.size,
            etag: contents.etag,
            last_modified: modified.as_second(),
            storage_class: contents.storage_class.unwrap_or_else(|| "STANDARD".to_owned()),
        })
    };
    let entries: Vec<Entry> = page.contents.into_iter().map(entry).collect::<Result<_, StoreError>>()?;
    let next = match (page.is_truncated, page.next_continuation_token, entries.last()) {
        (false, _, _) => Listing::End,
        (true, Some(token), _) => Listing::Token(token),
        (true, None, Some(last)) => Listing::After(last.key.clone()),
        (true, None, None) => return Err(StoreError::Unreadable("a truncated page without entries".to_owned())),
    };
    Ok((entries, next))
}

fn decoded(key: &str) -> Result<String, StoreError> {
    let spaced = key.replace('+', " ");
    let text = percent_encoding::percent_decode_str(&spaced).decode_utf8();
    text.map(std::borrow::Cow::into_owned).map_err(|_| StoreError::Unreadable(format!("the key '{key}' is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
            <IsTruncated>true</IsTruncated><EncodingType>url</EncodingType><NextContinuationToken>t=</NextContinuationToken>
            <Contents><Key>a+b%2Fc</Key><LastModified>2022-11-17T15:44:41.000Z</LastModified><ETag>&quot;e1&quot;</ETag><Size>12</Size>
            <StorageClass>GLACIER</StorageClass></Contents></ListBucketResult>"#;
        let (entries, next) = page(text).expect("a page");
        let expected =
            Entry { key: "a b/c".into(), size: 12, etag: "\"e1\"".into(), last_modified: 1_668_699_881, storage_class: "GLACIER".into() };
        assert_eq!(entries, [expected]);
        assert_eq!(next, Listing::Token("t=".into()));
        let (entries, next) = page("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>").expect("a page");
        assert_eq!((entries.len(), next), (0, Listing::End));
        assert!(page("no xml").is_err());
    }
}
