//! The organisation of Connect. The paths are published; fields beyond ID and name are assumed.

use super::api;
use crate::http::Reply;
use crate::visit::Visit;
use serde_json::{Value, json};

/// Answers at the paths of the API.
pub(crate) fn answer(visit: &Visit, segments: &[&str]) -> Option<Reply> {
    let ["csp", "gateway", "am", "api", rest @ ..] = segments else {
        return None;
    };
    let reply = match rest {
        ["loggedin", "user", "orgs"] => protected(visit, |organisation| {
            Some(json!({ "refLinks": [organisation["refLink"]], "items": [organisation] }))
        }),
        ["orgs", id] => protected(visit, |organisation| (organisation["id"] == *id).then_some(organisation)),
        _ => return None,
    };
    Some(api(visit, reply))
}

/// Answers with what `describe` makes of the organisation, if the token is valid.
fn protected(visit: &Visit, describe: impl FnOnce(Value) -> Option<Value>) -> Reply {
    if !visit.request.reads() {
        return Reply::method_not_allowed("GET");
    }
    if let Err(refusal) = visit.authorize() {
        return refusal;
    }
    let id = visit.shared.tenant().organisation().to_owned();
    let organisation = json!({
        "id": id,
        "name": "emulator",
        "displayName": "Emulator",
        "refLink": format!("/csp/gateway/am/api/orgs/{id}"),
    });
    describe(organisation).map_or_else(visit.dialect().not_found, |body| Reply::json(200, &body))
}
