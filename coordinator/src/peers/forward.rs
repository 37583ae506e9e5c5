//! Requests of the AWS API that another member answers, and their answers, as they travel.

use baton_proto::peer::v1::{ApiRequest, ApiResponse, Header};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

pub(super) fn request_out(request: Request<Bytes>) -> ApiRequest {
    let (parts, body) = request.into_parts();
    ApiRequest { headers: headers_out(&parts.headers), body }
}

/// `None` if it is none.
pub(super) fn request_in(request: ApiRequest) -> Option<Request<Bytes>> {
    let mut read = Request::new(request.body);
    *read.method_mut() = Method::POST;
    *read.headers_mut() = headers_in(request.headers)?;
    Some(read)
}

pub(super) fn response_out(response: Response<Bytes>) -> ApiResponse {
    let (parts, body) = response.into_parts();
    ApiResponse { status: parts.status.as_u16().into(), headers: headers_out(&parts.headers), body }
}

/// `None` if it is none.
pub(super) fn response_in(response: ApiResponse) -> Option<Response<Bytes>> {
    let mut read = Response::new(response.body);
    *read.status_mut() = StatusCode::from_u16(u16::try_from(response.status).ok()?).ok()?;
    *read.headers_mut() = headers_in(response.headers)?;
    Some(read)
}

fn headers_out(headers: &HeaderMap) -> Vec<Header> {
    let header = |(name, value): (&HeaderName, &HeaderValue)| Header {
        name: name.as_str().to_owned(),
        value: Bytes::copy_from_slice(value.as_bytes()),
    };
    headers.iter().map(header).collect()
}

fn headers_in(headers: Vec<Header>) -> Option<HeaderMap> {
    let mut read = HeaderMap::new();
    for Header { name, value } in headers {
        let value = HeaderValue::from_maybe_shared(value).ok()?;
        read.try_append(HeaderName::try_from(name).ok()?, value).ok()?;
    }
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_come_back() {
        let request = Request::post("/").header("x-amz-target", "T").header("a", "1").header("a", "2").body(Bytes::from_static(b"{}"));
        let read = request_in(request_out(request.expect("a request"))).expect("a request");
        assert_eq!((read.headers()["x-amz-target"].as_bytes(), read.headers().get_all("a").iter().count()), (&b"T"[..], 2));
        assert_eq!(read.body(), "{}");
        let response = Response::builder().status(421).body(Bytes::from_static(b"no")).expect("a response");
        let read = response_in(response_out(response)).expect("a response");
        assert_eq!((read.status().as_u16(), &read.body()[..]), (421, &b"no"[..]));
        assert!(response_in(ApiResponse { status: 7, ..ApiResponse::default() }).is_none());
        let broken = Header { name: "a b".to_owned(), value: Bytes::new() };
        assert!(request_in(ApiRequest { headers: vec![broken], ..ApiRequest::default() }).is_none());
    }
}
