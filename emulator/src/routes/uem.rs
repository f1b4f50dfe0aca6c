//! The API of UEM: the search for devices. The format is published; which versions it has is assumed.

use super::api;
use crate::http::{Reply, form};
use crate::random;
use crate::service::Host;
use crate::visit::Visit;
use serde_json::{Value, json};

/// The number of devices.
const DEVICES: usize = 5;
/// The default number of devices on a page.
const PAGE_SIZE: usize = 500;

/// Answers at the paths of the API, in any letter case.
pub(crate) fn answer(visit: &Visit, segments: &[&str]) -> Option<Reply> {
    let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    match lower.as_slice() {
        ["api", "mdm", "devices", "search"] if visit.host == Host::Api => Some(api(visit, search(visit))),
        _ => None,
    }
}

/// A page of devices.
fn search(visit: &Visit) -> Reply {
    if !visit.request.reads() {
        return Reply::method_not_allowed("GET");
    }
    if let Err(refusal) = visit.authorize() {
        return refusal;
    }
    let Some(version) = version(visit.request.header("accept").unwrap_or("*/*")) else {
        return error(406, "The requested version of the API does not exist");
    };
    let Some((page, size)) = page(visit.request.query()) else {
        return error(400, "page and pagesize must be numbers");
    };
    let first = page.saturating_mul(size).min(DEVICES);
    let devices: Vec<Value> = (first..DEVICES).take(size).map(device).collect();
    if devices.is_empty() {
        return Reply::new(204);
    }
    let body = json!({ "Devices": devices, "Page": page, "PageSize": size, "Total": DEVICES });
    Reply::with(200, &format!("application/json;version={version}; charset=utf-8"), body.to_string())
}

/// The version of the API that an `Accept` header asks for: 1 if it names none; `None` if there is no such version.
fn version(accept: &str) -> Option<u8> {
    let mut wanted = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        if !matches!(parts.next(), Some("application/json" | "application/*" | "*/*")) {
            continue;
        }
        let named = parts.find_map(|part| part.strip_prefix("version="));
        wanted = wanted.or(match named {
            None | Some("1") => Some(1),
            Some("2") => Some(2),
            Some(_) => None,
        });
    }
    wanted
}

/// Number and size of the page in a query, with names in any letter case; `None` if one is no number.
fn page(query: &str) -> Option<(usize, usize)> {
    let fields = form::pairs(query);
    let number = |wanted: &str, default| {
        let found = fields.iter().find(|(name, _)| name.replace('_', "").eq_ignore_ascii_case(wanted));
        found.map_or(Some(default), |(_, text)| text.parse().ok())
    };
    Some((number("page", 0)?, number("pagesize", PAGE_SIZE)?))
}

/// A device.
fn device(index: usize) -> Value {
    let (user, number) = (["ada", "grace"][index % 2], index + 1);
    json!({
        "Id": { "Value": number },
        "Uuid": format!("7f6c1d0a-0004-4000-8000-{number:012}"),
        "SerialNumber": format!("EMU{number:05}"),
        "DeviceFriendlyName": format!("{user} laptop {number}"),
        "UserName": user,
        "UserEmailAddress": format!("{user}@example.com"),
        "Platform": "WinRT",
        "Model": "Emulated",
        "Ownership": "C",
        "EnrollmentStatus": "Enrolled",
        "ComplianceStatus": "Compliant",
        "LocationGroupName": "Emulator",
        "LastSeen": "2026-01-01T00:00:00.000",
    })
}

/// An error of the API.
fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({ "errorCode": status, "message": message, "activityId": random::uuid() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_in_accept() {
        for (accept, expected) in [
            ("*/*", Some(1)),
            ("application/json", Some(1)),
            ("application/json;version=2", Some(2)),
            ("text/html, application/json; version=2", Some(2)),
            ("application/json;version=9", None),
            ("application/xml", None),
        ] {
            assert_eq!(version(accept), expected, "{accept}");
        }
    }

    #[test]
    fn pages_are_numbers() {
        assert_eq!(page(""), Some((0, 500)));
        assert_eq!(page("Page=2&pageSize=3"), Some((2, 3)));
        assert_eq!(page("page_size=3"), Some((0, 3)));
        assert_eq!(page("page=-1"), None);
    }
}
