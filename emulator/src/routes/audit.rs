//! The audit report of Access, in its documented format; the events are invented.

use super::scim;
use crate::http::{Reply, form};
use crate::visit::Visit;
use serde_json::{Value, json};

/// The default and the largest number of events in a reply.
const PAGE_SIZE: usize = 5000;
/// How far back the report goes by default, in milliseconds: 96 hours.
const WINDOW: i64 = 96 * 3600 * 1000;
/// The events, newest first: age in minutes, user, object type, and what happened.
const EVENTS: [(i64, &str, &str, &str); 4] = [
    (5, "grace", "LOGIN", "LOGIN (Password (Local Directory))"),
    (60, "ada", "LAUNCH", "LAUNCH"),
    (61, "ada", "LOGIN", "LOGIN (Password (Local Directory))"),
    (2 * 24 * 60, "ada", "RuleSet", "RuleSet UPDATE"),
];

/// What a request selects.
struct Selection {
    /// The oldest time, in Unix milliseconds.
    from: i64,
    /// The newest time, in Unix milliseconds.
    to: i64,
    /// The type of the events, if it is given.
    object_type: Option<String>,
    /// The largest number of events.
    size: usize,
    /// The index of the first event.
    start: usize,
}

/// Answers with the selected events if the token has the scope `admin`.
pub(crate) fn answer(visit: &Visit) -> Reply {
    if !visit.request.reads() {
        return Reply::method_not_allowed("GET");
    }
    if let Err(refusal) = scim::administrator(visit) {
        return refusal;
    }
    let now = visit.shared.clock.now() * 1000;
    match Selection::parse(visit.request.query(), now) {
        Some(selection) => Reply::json(200, &report(&selection, now)),
        None => Reply::api_error(400, "invalid.parameter", "A parameter is not a number"),
    }
}

impl Selection {
    /// What a query selects; `None` if a number in it is none.
    fn parse(query: &str, now: i64) -> Option<Self> {
        let fields = form::pairs(query);
        let number = |name, default: i64| form::field(&fields, name).map_or(Some(default), |text| text.parse().ok());
        let count = |name, default| form::field(&fields, name).map_or(Some(default), |text| text.parse().ok());
        Some(Self {
            from: number("fromMillis", now - WINDOW)?,
            to: number("toMillis", now)?,
            object_type: form::field(&fields, "objectType").map(str::to_owned),
            size: count("pageSize", PAGE_SIZE)?.min(PAGE_SIZE),
            start: count("startIndex", 0)?,
        })
    }

    /// Whether it has events of this time and type.
    fn has(&self, time: i64, object_type: &str) -> bool {
        (self.from..=self.to).contains(&time) && self.object_type.as_deref().is_none_or(|only| only == object_type)
    }
}

/// The report.
fn report(selection: &Selection, now: i64) -> Value {
    let rows = EVENTS.iter().map(|(age, user, object_type, event)| (now - age * 60_000, user, *object_type, event));
    let rows = rows.filter(|(time, _, object_type, _)| selection.has(*time, object_type));
    let data: Vec<Value> = rows
        .skip(selection.start)
        .take(selection.size)
        .map(|(time, user, object_type, event)| {
            let details = json!({
                "baseType": if object_type == "RuleSet" { "Audit" } else { "Action" },
                "timestamp": time,
                "actorUserName": user,
                "actorDomain": "System Domain",
                "objectType": object_type,
                "sourceIp": "192.0.2.1",
            });
            json!([time.to_string(), format!("{user} (System Domain)"), event, null, details.to_string()])
        })
        .collect();
    let only = selection.object_type.as_ref().map(|name| format!("&objectType={name}")).unwrap_or_default();
    let Selection { from, to, size, start, .. } = selection;
    let link =
        format!("/analytics/reports/audit?fromMillis={from}&toMillis={to}{only}&pageSize={size}&startIndex={start}");
    json!({
        "header": ["reports.dateAndTime", "reports.userDomain", "reports.Event", "reports.object", ""],
        "headerArg": ["", "", "", "", ""],
        "data": data,
        "_links": { "self": { "href": link } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of events that a query selects.
    fn selected(query: &str) -> Option<usize> {
        let now = 1_700_000_000_000;
        Some(report(&Selection::parse(query, now)?, now)["data"].as_array().unwrap().len())
    }

    #[test]
    fn queries_select_events() {
        assert_eq!(selected(""), Some(4));
        assert_eq!(selected("objectType=LOGIN"), Some(2));
        assert_eq!(selected("pageSize=3&startIndex=2"), Some(2));
        assert_eq!(selected("fromMillis=1699999000000"), Some(1));
        assert_eq!(selected("toMillis=1699999000000"), Some(3));
        assert_eq!(selected("startIndex=9999999"), Some(0));
        assert_eq!(selected("pageSize=all"), None);
    }
}
