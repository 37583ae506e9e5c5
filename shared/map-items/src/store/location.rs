//! Where a bucket is, by its name.

/// S3, unless the name has a scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location<'a> {
    S3(&'a str),
    Elsewhere(Scheme),
}

/// Stores other than S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    File,
    Gcs,
    Azure,
    Http,
}

const SCHEMES: [(&str, Scheme); 5] =
    [("file://", Scheme::File), ("gs://", Scheme::Gcs), ("az://", Scheme::Azure), ("http://", Scheme::Http), ("https://", Scheme::Http)];

impl<'a> Location<'a> {
    pub(crate) fn parse(name: &'a str) -> Self {
        match SCHEMES.iter().find(|(prefix, _)| name.starts_with(prefix)) {
            Some((_, scheme)) => Location::Elsewhere(*scheme),
            None => Location::S3(name.strip_prefix("s3://").unwrap_or(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_name_stores() {
        assert_eq!(Location::parse("my-bucket"), Location::S3("my-bucket"));
        assert_eq!(Location::parse("s3://my-bucket"), Location::S3("my-bucket"));
        assert_eq!(Location::parse("file:///srv/data"), Location::Elsewhere(Scheme::File));
        assert_eq!(Location::parse("https://example.com/data"), Location::Elsewhere(Scheme::Http));
    }
}
