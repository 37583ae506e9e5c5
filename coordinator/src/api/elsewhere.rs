//! What changes the catalog is done by its owner: at another member the request goes there as it came, and the answer comes back when it can be
//! read here too.

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Extensions, Request, Response};
use http_body_util::BodyExt;

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
    if is_handed_on(&parts.extensions) {
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

/// Marks a request that another member has handed on, which does not want it to go any further.
#[derive(Clone, Copy)]
struct HandedOn;

fn is_handed_on(extensions: &Extensions) -> bool {
    extensions.get::<HandedOn>().is_some()
}

/// Who the caller of a request that another member hands on is, if he does not say.
pub(super) fn defaults(parts: &Parts) -> Option<Defaults> {
    if !is_handed_on(&parts.extensions) {
        return None;
    }
    let text = |name| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
    Some(Defaults { account: text(ACCOUNT)?, region: text(REGION)? })
}

impl Api {
    /// Answers a request that another member has handed on, and says how far that must have read to have what the answer tells of.
    pub async fn handle_for_member(&self, request: Request<Bytes>) -> Response<Bytes> {
        let mut request = request.map(Body::from);
        request.extensions_mut().insert(HandedOn);
        let (mut parts, body) = self.handle(request).await.into_parts();
        // Answers of the API are there whole.
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        parts.headers.insert(POSITION, HeaderValue::from(self.catalog().position()));
        Response::from_parts(parts, body)
    }
}
