//! What holds for every `KUBERNETES_EXEC_INFO`: for random ones in the tests below, and for the fuzzer's.

use serde_json::Value;

use super::Kubectl;
use crate::broker::AccessToken;
use crate::secret::Secret;

/// Reads a request and answers it; panics if the request was another one, or the answer is no credential of its
/// version that is valid from now on.
pub(crate) fn check(text: &str) -> Result<Kubectl, String> {
    let request = match Kubectl::parse(text) {
        Ok(request) => request,
        Err(error) => {
            let report = error.report();
            assert!(report.starts_with("error: KUBERNETES_EXEC_INFO is not usable\n"), "{report}");
            assert!(report.len() < 400 && !report.contains(|c: char| c.is_control() && c != '\n'), "{report:?}");
            return Err(report);
        }
    };
    let asked: Value = serde_json::from_str(text).unwrap_or_default();
    let version = format!("client.authentication.k8s.io/{}", request.version);
    let named = field(&asked, "apiVersion", 0).and_then(Value::as_str);
    assert_eq!(named.unwrap_or("client.authentication.k8s.io/v1beta1"), version);
    let cluster = field(&asked, "spec", 1).and_then(|spec| field(spec, "cluster", 0));
    let config = cluster.and_then(|cluster| field(cluster, "config", 0));
    let named = config.and_then(|config| config.get("profile")).and_then(Value::as_str);
    assert_eq!(request.profile.as_deref(), named);
    assert!(named.is_none_or(|name| !name.is_empty() && !name.contains(char::is_control)), "{named:?}");
    for (life, remaining) in [(10_800, 10_800), (10_800, 6), (6, 6)] {
        let access_token = Secret::new("T.o-k_e~n+/==".to_owned());
        let served = AccessToken { access_token, life, remaining, now: 1_800_000_000, refused_by: Vec::new() };
        let line = request.render(&served);
        let answer: Value = serde_json::from_str(&line).unwrap_or_default();
        assert_eq!(answer["apiVersion"], version.as_str());
        assert_eq!(answer["status"]["token"], "T.o-k_e~n+/==");
        let expiry = answer["status"]["expirationTimestamp"].as_str().unwrap_or_default();
        assert!(expiry > "2027-01-15T08:00:00Z" && expiry.ends_with('Z'), "{expiry}");
        assert_eq!(line.find('\n'), Some(line.len() - 1), "one line");
    }
    Ok(request)
}

/// A field of an object; the JSON library also takes a list for an object, its fields in the order of their definition.
fn field<'a>(value: &'a Value, name: &str, at: usize) -> Option<&'a Value> {
    if value.is_array() { value.get(at) } else { value.get(name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    fn leaf() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<String>().prop_map(Value::from),
            "[a\n\u{0}\u{1b}]{0,3}".prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            select(vec![
                json!(null),
                json!(true),
                json!([]),
                json!({}),
                json!({"profile": 5}),
                json!([{"profile": "x"}])
            ]),
        ]
    }

    proptest! {
        #[test]
        fn garbage_is_an_error(text in any::<String>(), bytes in "[\\[{\"a0:,}\\]]{0,60}") {
            for text in [text, bytes] {
                // An object without a version is a request all the same.
                let is_object = serde_json::from_str::<Value>(&text).is_ok_and(|value| value.is_object());
                prop_assert!(check(&text).is_err() || is_object, "{text}");
            }
        }

        #[test]
        fn a_well_formed_request_is_echoed_in_its_version(
            version in select(vec!["v1", "v1beta1"]), server in any::<String>(), name in "[^\\pC]{1,20}",
            extra in leaf(),
        ) {
            let text = json!({"kind": "ExecCredential", "apiVersion": format!("client.authentication.k8s.io/{version}"),
                "spec": {"cluster": {"server": server, "config": {"profile": name, "tenant": extra}}, "future": extra}});
            let request = check(&text.to_string()).unwrap();
            prop_assert_eq!((request.version, request.profile), (version, Some(name)));
        }

        #[test]
        fn a_request_with_any_part_replaced_is_answered_in_its_version_or_refused(
            place in select(vec!["/kind", "/apiVersion", "/spec", "/spec/cluster", "/spec/cluster/config",
                "/spec/cluster/config/profile", "/spec/interactive", ""]),
            value in leaf(),
        ) {
            let mut request = json!({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
                "spec": {"cluster": {"server": "s", "config": {"profile": "p"}}, "interactive": false}});
            *request.pointer_mut(place).unwrap() = value;
            let _ = check(&request.to_string());
        }

        #[test]
        fn a_refusal_repeats_no_value(place in select(vec!["/apiVersion", "/spec", "/spec/cluster"])) {
            let mut request = json!({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
                "spec": {"cluster": null}});
            *request.pointer_mut(place).unwrap() = json!("c4n4ry");
            let report = check(&request.to_string()).unwrap_err();
            prop_assert!(!report.contains("c4n4ry"), "{report}");
        }
    }
}
