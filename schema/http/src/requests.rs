//! One request on its way to the router: what HTTP/1.1 asks of it that hyper does not check, limits that have an answer in words, and
//! what becomes of a body that the answer did not wait for.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{CONNECTION, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::Service;
use tower::ServiceExt;

use crate::refusal::{MAX_HEADER_BYTES, MAX_URI_BYTES, Refusal, Refuse};
use crate::rest_of_body::apart;
use crate::stream::Unread;

/// What a header costs beside its name and value: `: ` and the end of the line.
const BYTES_AROUND: usize = 4;

/// The requests of one connection.
#[derive(Clone)]
pub(crate) struct Requests {
    pub(crate) router: Router,
    pub(crate) refuse: Refuse,
    pub(crate) unread: Arc<Unread>,
    /// Who is connected: a gateway, where there is one.
    pub(crate) client: SocketAddr,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok(this.answer(request).await) })
    }
}

impl Requests {
    async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        let (mut request, rest) = apart(request);
        request.extensions_mut().insert(ConnectInfo(self.client));
        let mut response = match check(&request) {
            Ok(()) => self.router.oneshot(request).await.unwrap_or_else(|never| match never {}),
            Err(refusal) => (self.refuse)(refusal).map(Body::from),
        };
        if let Some(rest) = rest
            && !rest.read_to_end().await
        {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            self.unread.set();
        }
        response
    }
}

/// RFC 9112 (section 3.2) for the Host; limits that are lower than hyper's own.
fn check(request: &Request<Body>) -> Result<(), Refusal> {
    let uri = request.uri();
    if uri.path().len() + uri.query().map_or(0, |query| query.len() + 1) > MAX_URI_BYTES {
        return Err(Refusal::UriTooLong);
    }
    let headers = request.headers();
    if headers.iter().map(|(name, value)| name.as_str().len() + value.len() + BYTES_AROUND).sum::<usize>()
        > MAX_HEADER_BYTES
    {
        return Err(Refusal::HeadersTooLarge);
    }
    check_host(headers, request.version())
}

fn check_host(headers: &HeaderMap, version: Version) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(Refusal::BadRequest("Host stands more than once")),
        (Some(host), None) if host.is_empty() || Authority::try_from(host.as_bytes()).is_ok() => Ok(()),
        (Some(_), None) => Err(Refusal::BadRequest("Host is no name or address with an optional port")),
        (None, None) if version >= Version::HTTP_11 => Err(Refusal::BadRequest("a request of HTTP/1.1 has a Host")),
        (None, None) => Ok(()),
    }
}
