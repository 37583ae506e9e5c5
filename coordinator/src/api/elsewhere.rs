//! What changes the catalog is done by its owner: at another member the request goes there as it came, and the answer comes back when it can be
//! read here too.

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Request, Response};

use super::call::Defaults;
use super::request_id::RequestId;
use super::wire::{self, REQUEST_ID};
use super::{Api, ApiError, Operation};
use crate::cluster::NOT_THE_OWNER;

/// How much of the catalog's log the owner knew when it answered.
const POSITION: HeaderName = HeaderName::from_static("baton-catalog-position");
/// Whose resources the request is about when it does not say.
const ACCOUNT: HeaderName = HeaderName::from_static("baton-account");
const REGION: HeaderName = HeaderName::from_static("baton-region");
/// What speaks of one connection.
const HOP_BY_HOP: [HeaderName; 4] = [HOST, http::header::CONNECTION, http::header::TRANSFER_ENCODING, http::header::CONTENT_LENGTH];

/// The answer of the catalog's owner to a request that is not to be answered here; `None` if it is.
pub(super) async fn answer(api: &Api, operation: Operation, parts: &Parts, body: &Bytes, id: RequestId) -> Option<Response<Body>> {
    if !operation.changes_catalog() || api.catalog().is_owner() {
        return None;
    }
    if api.cluster().is_from_member(&parts.headers) {
        let mut response = wire::failure(&ApiError::from(crate::catalog::CatalogError::NotHere), id);
        *response.status_mut() = NOT_THE_OWNER;
        return Some(response);
    }
    let answered = api.cluster().at_catalogs_owner(|| api.catalog().is_owner(), || request(api, parts, body)).await;
    match answered {
        Ok(Some(response)) => Some(read_here(api, response, id).await),
        Ok(None) => None,
        Err(error) => Some(wire::failure(&error.into(), id)),
    }
}

fn request(api: &Api, parts: &Parts, body: &Bytes) -> Request<Bytes> {
    let mut request = Request::new(body.clone());
    *request.method_mut() = parts.method.clone();
    *request.headers_mut() = parts.headers.clone();
    let headers = request.headers_mut();
    HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(name)));
    let Defaults { account, region } = api.defaults();
    for (name, value) in [(ACCOUNT, account), (REGION, region)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    request
}

/// The answer as its caller gets it, once whatever it tells of can be read here.
async fn read_here(api: &Api, answer: Response<Bytes>, id: RequestId) -> Response<Body> {
    let (parts, body) = answer.into_parts();
    if let Some(position) = parts.headers.get(POSITION).and_then(|position| position.to_str().ok()?.parse().ok()) {
        api.catalog().wait_for(position).await;
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = parts.status;
    let content_type = parts.headers.get(CONTENT_TYPE).cloned();
    response.headers_mut().extend(content_type.map(|value| (CONTENT_TYPE, value)));
    response.headers_mut().insert(REQUEST_ID, parts.headers.get(REQUEST_ID).cloned().unwrap_or_else(|| id.header()));
    response
}

/// Who the caller of a request that another member hands on is, if he does not say.
pub(super) fn defaults(api: &Api, headers: &HeaderMap) -> Option<Defaults> {
    let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let (account, region) = (text(ACCOUNT)?, text(REGION)?);
    api.cluster().is_from_member(headers).then_some(Defaults { account, region })
}

/// Says to the member that has handed the request on how far it must have read to have what the answer tells of.
pub(super) fn say_position(api: &Api, headers: &HeaderMap, response: &mut Response<Body>) {
    if headers.contains_key(ACCOUNT) && api.cluster().is_from_member(headers) {
        response.headers_mut().insert(POSITION, HeaderValue::from(api.catalog().position()));
    }
}
