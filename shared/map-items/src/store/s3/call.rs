//! One signed call of S3.

use std::sync::Arc;
use std::time::SystemTime;

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::credentials::Credentials;
use super::xml;
use crate::store::http::{Http, next_piece};
use crate::store::{StoreError, retried};

/// Longest answer that is read as a whole: a page of a listing with long keys.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What a signature leaves as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');
const LABEL_BYTES_MAX: usize = 63;

/// S3 at an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct S3(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    /// Without one, AWS's own of the region.
    endpoint: Option<String>,
    region: String,
    credentials: Credentials,
}

impl S3 {
    pub(crate) fn new(http: Http, endpoint: Option<String>, region: String, credentials: Credentials) -> Self {
        let endpoint = endpoint.map(|url| url.trim_end_matches('/').to_owned());
        Self(Arc::new(Inner { http, endpoint, region, credentials }))
    }

    /// Where a bucket is: at an endpoint of one's own in the path, at AWS in the host's name if it can be there.
    fn bucket_url(&self, bucket: &str) -> String {
        let in_path = utf8_percent_encode(bucket, QUERY);
        match &self.0.endpoint {
            Some(endpoint) => format!("{endpoint}/{in_path}"),
            None if is_label(bucket) => format!("https://{bucket}.s3.{}.amazonaws.com", self.0.region),
            None => format!("https://s3.{}.amazonaws.com/{in_path}", self.0.region),
        }
    }
}

fn is_label(bucket: &str) -> bool {
    let plain = bucket.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    plain && !bucket.is_empty() && bucket.len() <= LABEL_BYTES_MAX && !bucket.starts_with('-') && !bucket.ends_with('-')
}

/// A call that is being put together.
pub(crate) struct Call<'a> {
    s3: &'a S3,
    method: Method,
    url: String,
    queried: bool,
    headers: HeaderMap,
    body: Bytes,
    unfit: Option<StoreError>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(s3: &'a S3, method: Method, bucket: &str, key: Option<&str>) -> Self {
        let url = format!("{}/{}", s3.bucket_url(bucket), utf8_percent_encode(key.unwrap_or_default(), PATH));
        Self { s3, method, url, queried: false, headers: HeaderMap::new(), body: Bytes::new(), unfit: None }
    }

    pub(crate) fn query(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.url.push(if self.queried { '&' } else { '?' });
            self.url.push_str(name);
            self.url.push('=');
            self.url.extend(utf8_percent_encode(value, QUERY));
            self.queried = true;
        }
        self
    }

    pub(crate) fn header(&mut self, name: HeaderName, value: String) -> &mut Self {
        match HeaderValue::from_str(&value) {
            Ok(value) => drop(self.headers.insert(name, value)),
            Err(_) => self.unfit = Some(StoreError::NotAllowed(format!("'{value}' cannot be sent in the header {name}"))),
        }
        self
    }

    pub(crate) fn named_header(&mut self, name: &'static str, value: String) -> &mut Self {
        self.header(HeaderName::from_static(name), value)
    }

    pub(crate) fn body(&mut self, body: Bytes) -> &mut Self {
        self.body = body;
        self
    }

    /// Sends it, again if that may help; a refusal is an error.
    pub(crate) async fn send(&self) -> Result<Response<Incoming>, StoreError> {
        if let Some(unfit) = &self.unfit {
            return Err(unfit.clone());
        }
        retried(|| self.send_once()).await
    }

    /// Sends it; answers the whole body, with an error in the body of a success taken for what it is.
    pub(crate) async fn text(&self) -> Result<String, StoreError> {
        if let Some(unfit) = &self.unfit {
            return Err(unfit.clone());
        }
        retried(|| async {
            let answer = self.send_once().await?;
            let (parts, body) = answer.into_parts();
            let text = whole(body).await?;
            match xml::error(&text) {
                Some(error) => Err(error.of(parts.status, &parts.headers)),
                None => Ok(text),
            }
        })
        .await
    }

    /// Sends it; answers a header of the answer.
    pub(crate) async fn answered_header(&self, name: &HeaderName) -> Result<Option<String>, StoreError> {
        let answer = self.send().await?;
        let value = answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        whole(answer.into_body()).await?;
        Ok(value)
    }

    async fn send_once(&self) -> Result<Response<Incoming>, StoreError> {
        let request = self.request().await?;
        let answer = self.s3.0.http.send(request).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let text = whole(body).await.unwrap_or_default();
        Err(xml::error(&text).unwrap_or_default().of(parts.status, &parts.headers))
    }

    async fn request(&self) -> Result<Request<Full<Bytes>>, StoreError> {
        let unfit = |error: &dyn std::fmt::Display| StoreError::NotAllowed(format!("'{}' cannot be called: {error}", self.url));
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.parse().map_err(|error| unfit(&error))?;
        *request.headers_mut() = self.headers.clone();
        let authority = request.uri().authority().ok_or_else(|| unfit(&"it has no host"))?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|error| unfit(&error))?;
        request.headers_mut().insert(HOST, host);
        self.sign(&mut request).await?;
        Ok(request)
    }

    async fn sign(&self, request: &mut Request<Full<Bytes>>) -> Result<(), StoreError> {
        let identity = self.s3.0.credentials.current().await?.into();
        let failed = |error: &dyn std::fmt::Display| StoreError::NotAllowed(format!("the call cannot be signed: {error}"));
        // S3 takes paths as they are, encoded once, and wants the digest of the body in a header.
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = v4::SigningParams::builder().identity(&identity).region(&self.s3.0.region).name("s3").time(SystemTime::now());
        let params = params.settings(settings).build().map_err(|error| failed(&error))?.into();
        let headers: Vec<(String, String)> =
            request.headers().iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new(self.method.as_str(), &self.url, headers, SignableBody::Bytes(&self.body));
        let signed = sign(signable.map_err(|error| failed(&error))?, &params).map_err(|error| failed(&error))?;
        signed.into_parts().0.apply_to_request_http1x(request);
        Ok(())
    }
}

async fn whole(mut body: Incoming) -> Result<String, StoreError> {
    let mut text = Vec::new();
    while let Some(piece) = next_piece(&mut body).await? {
        if text.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(StoreError::Unreadable(format!("it is longer than {ANSWER_BYTES_MAX} bytes")));
        }
        text.extend_from_slice(&piece);
    }
    String::from_utf8(text).map_err(|_| StoreError::Unreadable("it is not UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(endpoint: Option<&str>) -> S3 {
        let credentials = Credentials::fixed("key", "secret", None);
        S3::new(Http::new(), endpoint.map(str::to_owned), "eu-west-1".to_owned(), credentials)
    }

    #[test]
    fn buckets_are_found_in_the_path_or_in_the_host() {
        assert_eq!(s3(Some("http://127.0.0.1:5000/")).bucket_url("b"), "http://127.0.0.1:5000/b");
        assert_eq!(s3(None).bucket_url("my-bucket"), "https://my-bucket.s3.eu-west-1.amazonaws.com");
        assert_eq!(s3(None).bucket_url("my.bucket"), "https://s3.eu-west-1.amazonaws.com/my.bucket");
        assert_eq!(s3(None).bucket_url("a/../b@c"), "https://s3.eu-west-1.amazonaws.com/a%2F..%2Fb%40c");
    }

    #[test]
    fn keys_and_queries_are_encoded_as_signatures_want_them() {
        let s3 = s3(Some("http://127.0.0.1:5000"));
        let mut call = Call::new(&s3, Method::GET, "b", Some("a b/ü+?.json"));
        call.query("prefix", Some("x y/&")).query("none", None).query("uploads", Some(""));
        assert_eq!(call.url, "http://127.0.0.1:5000/b/a%20b/%C3%BC%2B%3F.json?prefix=x%20y%2F%26&uploads=");
    }
}
