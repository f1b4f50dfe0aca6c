//! What the fuzz targets in `fuzz/` call: one function per parser of foreign input. They panic if a property does not
//! hold; the property tests beside each parser check the same properties with random input.

use crate::grant::HttpResponse;
use crate::secret::Secret;
use crate::{cache, config, endpoint, grant, origin, protocol};

/// The answer of a token endpoint: two bytes of status, then the body.
pub fn token_reply(data: &[u8]) {
    let Some((status, body)) = data.split_at_checked(2) else { return };
    let statuses = [200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 408, 429, 500, 503];
    let status = statuses[usize::from(status[0]) % statuses.len()];
    let response = HttpResponse { status, body: body.to_vec(), ..HttpResponse::default() };
    let sent = ["s3cr/t+canary", "Basic Y3VybDpzM2NyL3QrY2FuYXJ5"].map(|text| Secret::new(text.to_owned()));
    let _ = grant::properties::check(&response, &[&sent[0], &sent[1]]);
}

/// A cache entry, as it stands and with a true checksum in front of it.
pub fn cache_entry(data: &[u8]) {
    cache::properties::check(data);
}

/// A request of git.
pub fn git_request(data: &[u8]) {
    let _ = protocol::git::properties::check(data);
}

/// A certificate, as anybody on the way can present one.
pub fn certificate(data: &[u8]) {
    endpoint::certificate::check(data);
}

/// `KUBERNETES_EXEC_INFO`.
pub fn exec_info(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = protocol::kubectl::properties::check(text);
    }
}

/// `config.json`.
pub fn config(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = config::properties::check(text);
    }
}

/// A URL, a `host:port`, a tenant, a proxy; `Retry-After`, which is as short.
pub fn url(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = origin::properties::check(text);
        grant::properties::check_retry_after(text, 1_800_000_000);
    }
}
