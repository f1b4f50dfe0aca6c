//! The reports of Intelligence, in their documented formats: run, list of downloads, and a download that is redirected to
//! storage. Each report has one finished download; the errors of the storage are assumed.

use super::{api, other};
use crate::auth;
use crate::http::{Reply, form};
use crate::service::Host;
use crate::visit::Visit;
use serde_json::{Value, json};

/// Id of the schedule of each run.
const RUN: &str = "749b30e0-0000-4000-8000-000000000001";
/// Id of the finished download.
const DOWNLOAD: &str = "416c1890-0000-4000-8000-000000000001";
/// When everything happened.
const TIME: &str = "2026-01-01T00:00:00.000Z";
/// The content of the report.
const CSV: &str = "device_friendly_name,device_serial_number\nada laptop 1,EMU00001\ngrace laptop 2,EMU00002\n";

/// Answers at the paths of the API and of the storage.
pub(crate) fn answer(visit: &Visit, segments: &[&str]) -> Option<Reply> {
    let post = |answer: &dyn Fn() -> Reply| Some(api(visit, protected(visit, "POST", answer)));
    match (visit.host, segments) {
        (Host::Api, ["v1" | "v2", "reports", report, "run"]) => post(&|| run(report)),
        (Host::Api, ["v1" | "v2", "reports", report, "downloads", "search"]) => post(&|| downloads(visit, report)),
        (Host::Api, ["v1" | "v2", "reports", "tracking", DOWNLOAD, "download"]) => {
            Some(api(visit, protected(visit, "GET", &|| redirect(visit))))
        }
        (Host::Storage, ["reports", _, "report.csv"]) => Some(other(visit, stored(visit))),
        _ => None,
    }
}

/// Answers if the method is right and the token valid.
fn protected(visit: &Visit, method: &str, answer: &dyn Fn() -> Reply) -> Reply {
    if visit.request.method != method && !(method == "GET" && visit.request.reads()) {
        return Reply::method_not_allowed(method);
    }
    visit.authorize().map_or_else(|refusal| refusal, |_scope| answer())
}

/// Runs a report.
fn run(report: &str) -> Reply {
    let run = json!({
        "id": RUN,
        "report_id": report,
        "name": "Single run report request",
        "schedule_type": "ADHOC",
        "cron_expression_detail": { "frequency": "ONCE" },
        "active": true,
        "start": TIME,
        "created_at": TIME,
        "modified_at": TIME,
    });
    Reply::json(200, &json!({ "data": run }))
}

/// The downloads of a report.
fn downloads(visit: &Visit, report: &str) -> Reply {
    let Some((offset, size)) = page(&visit.request.body) else {
        return Reply::oauth_error(400, "invalid_request", "The body must be JSON with page_size and offset");
    };
    let download = json!({
        "id": DOWNLOAD,
        "report_id": report,
        "report_schedule_id": RUN,
        "status": "COMPLETED",
        "location": location(visit),
        "start_time": TIME,
        "created_at": TIME,
        "modified_at": TIME,
        "processing_time_millis": 1,
    });
    let results: Vec<Value> = [download].into_iter().skip(offset).take(size).collect();
    Reply::json(200, &json!({ "data": { "offset": offset, "page_size": size, "total_count": 1, "results": results } }))
}

/// Offset and size of the page in the body of a search, which may be empty.
fn page(body: &[u8]) -> Option<(usize, usize)> {
    let body = if body.is_empty() { json!({}) } else { serde_json::from_slice(body).ok()? };
    let number = |name: &str, default| match body.get(name) {
        None => Some(default),
        Some(value) => usize::try_from(value.as_u64()?).ok(),
    };
    Some((number("offset", 0)?, number("page_size", 100)?))
}

/// The path of the report in the storage.
fn location(visit: &Visit) -> String {
    format!("reports/{}/report.csv", visit.shared.tenant().organisation())
}

/// The way to the storage.
fn redirect(visit: &Visit) -> Reply {
    let url = format!("{}/{}?Signature=emulated", visit.shared.storage_url, location(visit));
    Reply::new(302).header("Location", &url)
}

/// The report, from the storage: to whom has the signed URL, but not to whom sends an access token with it.
fn stored(visit: &Visit) -> Reply {
    let xml = |status, code: &str, message: &str| {
        let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        Reply::with(status, "application/xml", body)
    };
    let signed = form::field(&form::pairs(visit.request.query()), "Signature") == Some("emulated");
    if auth::bearer(visit.request).is_some() {
        xml(400, "InvalidArgument", "Only one auth mechanism allowed")
    } else if signed {
        Reply::with(200, "application/octet-stream", CSV)
    } else {
        xml(403, "AccessDenied", "Access Denied")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_from_the_body() {
        assert_eq!(page(b""), Some((0, 100)));
        assert_eq!(page(br#"{"page_size":1,"offset":2}"#), Some((2, 1)));
        assert_eq!(page(br#"{"page_size":"1"}"#), None);
        assert_eq!(page(b"page_size=1"), None);
    }
}
