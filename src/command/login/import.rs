//! The JSON file that the Intelligence console downloads: `tokenEndpoint`, `clientId`, `clientSecret`, and what a profile does
//! not need: `name`, `authorizedGrantType`, `resourceIds`.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Draft, DraftSecret};
use crate::config::{self, AuthStyle, Preset};
use crate::error::{Cause, Error};
use crate::origin::Target;
use crate::platform;
use crate::secret::Secret;
use crate::secret::source::COMMAND_LIMIT;
use crate::text::utf8;

/// The largest file to read, in bytes.
const LIMIT: usize = 64 * 1024;

/// The keys that make a profile.
const KEYS: [&str; 3] = ["tokenEndpoint", "clientId", "clientSecret"];

/// Keys that say nothing new: the grant is the one that every profile uses.
const IGNORED: [&str; 3] = ["name", "authorizedGrantType", "resourceIds"];

/// Reads the file; also gives the names of keys that are not known.
pub(super) fn read(file: &Path) -> Result<(Draft, Vec<String>), Error> {
    let failed = |cause: Cause| {
        Error::unusable(
            "the file of --import",
            format!("`{}`: {cause}", file.display()),
            "name a JSON file of tokenEndpoint, clientId and clientSecret, as the Intelligence console downloads it",
        )
    };
    let bytes = platform::read_input(file, LIMIT, COMMAND_LIMIT).map_err(|error| failed(error.into()))?;
    if bytes.len() > LIMIT {
        return Err(failed("larger than 64 KiB".into()));
    }
    let text = utf8(bytes).map_err(|what| failed(format!("it {what}").into()))?;
    parse(&text).map_err(failed)
}

/// Parses the text. Errors never repeat a value, which may be the secret.
fn parse(text: &str) -> Result<(Draft, Vec<String>), Cause> {
    let Ok(Value::Object(file)) = serde_json::from_str(text) else { return Err("not a JSON object".into()) };
    let take = |key: &str| match file.get(key) {
        Some(Value::String(value)) if !value.is_empty() => Ok(value.clone()),
        Some(_) => Err(Cause::new(format!("`{key}` is not a text"))),
        None => Err(missing(key, &file)),
    };
    let [endpoint, client_id, secret] = [take(KEYS[0])?, take(KEYS[1])?, take(KEYS[2])?];
    let (tenant, token_url) = split(&endpoint).map_err(|cause| Cause::new(format!("`tokenEndpoint`: {cause}")))?;
    let secret = Secret::from_line(secret.into_bytes(), "`clientSecret`").map_err(|error| error.cause)?;
    let is_known = |key: &str| KEYS.contains(&key) || IGNORED.contains(&key);
    let unknown = file.keys().filter(|key| !is_known(key)).cloned().collect();
    let secret = DraftSecret::Store(secret);
    let preset = Preset::Intelligence;
    Ok((Draft { preset, tenant, token_url, client_id, secret, ..Draft::default() }, unknown))
}

/// The error of a missing key.
fn missing(key: &str, file: &Map<String, Value>) -> Cause {
    match crate::text::nearest(key, file.keys().map(String::as_str)) {
        Some(near) => Cause::new(format!("there is no `{key}`, only `{near}`")),
        None => Cause::new(format!("there is no `{key}`")),
    }
}

/// Tenant and, if the preset does not lead to it, token URL of an endpoint. The query is dropped: the preset adds it.
fn split(endpoint: &str) -> Result<(String, Option<String>), String> {
    let target = Target::parse(endpoint).and_then(Target::secured)?;
    if !matches!(target.rest.as_str(), "" | "?grant_type=client_credentials") {
        return Err("it holds a query that is not grant_type=client_credentials".to_owned());
    }
    let tenant = target.origin.to_string();
    let own =
        config::token_url(Preset::Intelligence, &tenant, None, AuthStyle::default()).map_err(|wrong| wrong.cause)?.1;
    let found = Target { rest: String::new(), ..target };
    Ok((tenant, (found != own).then(|| found.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with this endpoint and further members.
    fn text(endpoint: &str, more: &str) -> String {
        format!("{{ \"tokenEndpoint\": \"{endpoint}\", \"clientId\": \"bot@x\", \"clientSecret\": \"hunter2\"{more} }}")
    }

    #[test]
    fn the_presets_url_is_not_repeated() {
        let own = "https://auth.na1.data.workspaceone.com";
        for (endpoint, tenant, token_url) in [
            ("https://auth.na1.data.workspaceone.com/oauth/token?grant_type=client_credentials", own, None),
            ("https://auth.na1.data.workspaceone.com/oauth/token", own, None),
            ("https://auth.eu1.data.vmwservices.com/oauth/token", "https://auth.eu1.data.vmwservices.com", None),
            ("https://h.example.com/v2/token", "https://h.example.com", Some("https://h.example.com/v2/token")),
            ("http://127.0.0.1:8/oauth/token", "http://127.0.0.1:8", None),
        ] {
            let (imported, _) = parse(&text(endpoint, "")).unwrap();
            assert_eq!((imported.tenant.as_str(), imported.token_url.as_deref()), (tenant, token_url), "{endpoint}");
            let DraftSecret::Store(secret) = imported.secret else { panic!("no secret") };
            assert_eq!((imported.client_id.as_str(), secret.expose()), ("bot@x", "hunter2"));
        }
    }

    #[test]
    fn keys_that_are_not_known_are_named() {
        let endpoint = "https://auth.na1.data.workspaceone.com/oauth/token";
        let more = ", \"name\": \"bot\", \"authorizedGrantType\": \"client_credentials\", \"resourceIds\": [\"api\"]";
        assert_eq!(parse(&text(endpoint, more)).unwrap().1, Vec::<String>::new());
        let (_, unknown) = parse(&text(endpoint, ", \"orgId\": \"7\", \"note\": null")).unwrap();
        assert_eq!(unknown, ["note", "orgId"]);
    }

    #[test]
    fn what_is_no_such_file_is_refused_without_a_value() {
        for (text, cause) in [
            (String::new(), "not a JSON object"),
            ("[1]".to_owned(), "not a JSON object"),
            ("{}".to_owned(), "there is no `tokenEndpoint`"),
            (text("https://h/x", "").replace("clientId", "clientID"), "there is no `clientId`, only `clientID`"),
            (text("https://h/x", "").replace("\"bot@x\"", "[\"hunter2\"]"), "`clientId` is not a text"),
            (
                text("https://h/x", "").replace("hunter2", "hunter2\\nx"),
                "`clientSecret` holds a line break or a control character",
            ),
            (
                text("https://h/x?y=hunter2", ""),
                "`tokenEndpoint`: it holds a query that is not grant_type=client_credentials",
            ),
            (
                text("http://h.example.com/x", ""),
                "`tokenEndpoint`: it is http:// to another machine, which would send secrets in clear text",
            ),
            (text("https://a:hunter2@h/x", ""), "`tokenEndpoint`: it holds credentials"),
        ] {
            assert_eq!(parse(&text).err().map(|cause| cause.to_string()).as_deref(), Some(cause), "{text}");
        }
    }
}
