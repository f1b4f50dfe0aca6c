//! `REPOSITORY/info/lfs/…`: git-lfs, its batch API and the basic transfer. Objects are files in the repository's `lfs`.

use crate::http::Reply;
use crate::visit::Visit;
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};

/// Content type of the API.
const JSON: &str = "application/vnd.git-lfs+json";

/// Answers a request that has a valid token; `path` is what follows `info/lfs/`.
pub(crate) fn answer(visit: &Visit, repository: &Path, path: &str) -> Reply {
    let method = visit.request.method.as_str();
    match (method, path.strip_prefix("objects/")) {
        ("POST", Some("batch")) => batch(visit, repository),
        ("GET" | "PUT", Some(oid)) => match (method, object(repository, oid)) {
            (_, None) => Reply::not_found(),
            ("PUT", Some(file)) => match store(&file, &visit.request.body) {
                Ok(()) => Reply::new(200),
                Err(error) => Reply::text(500, &format!("{error}\n")),
            },
            (_, Some(file)) => match std::fs::read(file) {
                Ok(bytes) => Reply::with(200, "application/octet-stream", bytes),
                Err(_) => Reply::not_found(),
            },
        },
        // No locks here, which git-lfs takes from this status.
        _ => Reply::with(501, JSON, r#"{"message":"not implemented"}"#),
    }
}

/// Answers the batch API: where each object is to be sent to or fetched from.
fn batch(visit: &Visit, repository: &Path) -> Reply {
    let Ok(request) = serde_json::from_slice::<Value>(&visit.request.body) else {
        return Reply::with(422, JSON, r#"{"message":"no JSON"}"#);
    };
    let operation = request["operation"].as_str().unwrap_or_default();
    let base = visit.request.path().trim_end_matches("batch");
    let objects: Vec<Value> = request["objects"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|asked| {
            let (oid, size) = (asked["oid"].as_str().unwrap_or_default(), &asked["size"]);
            let is_here = object(repository, oid).is_some_and(|file| file.is_file());
            let action = json!({ operation: { "href": format!("{}{base}{oid}", visit.shared.url) } });
            match (operation, is_here) {
                ("download", false) => {
                    json!({ "oid": oid, "size": size, "error": { "code": 404, "message": "not here" } })
                }
                ("upload", true) => json!({ "oid": oid, "size": size }),
                _ => json!({ "oid": oid, "size": size, "actions": action }),
            }
        })
        .collect();
    Reply::with(200, JSON, json!({ "transfer": "basic", "objects": objects }).to_string())
}

/// The file of an object; `None` if that is no object's name.
fn object(repository: &Path, oid: &str) -> Option<PathBuf> {
    let is_oid = oid.len() == 64 && oid.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_oid.then(|| repository.join("lfs").join(oid))
}

/// Stores an object.
#[expect(clippy::disallowed_methods, reason = "a test's data, which nobody reads meanwhile")]
fn store(file: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(file.with_file_name(""))?;
    std::fs::write(file, bytes)
}
