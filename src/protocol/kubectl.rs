//! kubectl and every other client of `client.authentication.k8s.io` exec credentials.
//!
//! The request is the environment variable `KUBERNETES_EXEC_INFO`; the answer is one `ExecCredential` of the version
//! that was asked for. Clients that set no variable (kubectl before 1.20, Ruby, Java, JavaScript, pykube-ng, lightkube)
//! mean v1beta1. `kind` is not looked at: .NET sends `ExecCredentials`. The client runs the plugin again when the
//! reported expiry is over, for every request if it is in the past, and some already a minute before: so it is
//! reported early, and always in the future.

use std::ffi::OsString;

use serde::Deserialize;
use serde_json::Value;

use super::{reported_expiry, with_token};
use crate::broker::{AccessToken, TokenRequest};
use crate::cli::Kubectl as Args;
use crate::clock::rfc3339;
use crate::context::Context;
use crate::error::Error;
use crate::outcome::Outcome;

/// What this kind of request is called in messages.
const NAME: &str = "KUBERNETES_EXEC_INFO";

/// A request of an exec credential client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kubectl {
    /// The version to answer in.
    version: &'static str,
    /// The profile that the cluster's exec extension names.
    profile: Option<String>,
}

/// `KUBERNETES_EXEC_INFO`, as far as it matters.
#[derive(Deserialize)]
struct ExecInfo {
    /// The version configured in the kubeconfig.
    #[serde(rename = "apiVersion")]
    api_version: Option<String>,
    /// What the client tells about itself.
    spec: Option<Spec>,
}

/// `spec` of the request.
#[derive(Deserialize)]
struct Spec {
    /// Present with `provideClusterInfo: true`.
    cluster: Option<Cluster>,
}

/// `spec.cluster` of the request.
#[derive(Deserialize)]
struct Cluster {
    /// The cluster's exec extension as it stands, or null. It may name a profile, never a tenant, URL or file.
    config: Option<Value>,
}

/// Answers with an `ExecCredential`.
pub(crate) fn run(context: &Context<'_>, args: &Args) -> Outcome {
    let answered = Kubectl::read(context.sources.env).and_then(|request| {
        let profile = context.sources.profile(request.profile.as_deref())?;
        let token = context.obtain(&profile, &TokenRequest { min_ttl: args.min_ttl, ..TokenRequest::default() })?;
        Ok(Outcome::answer(request.render(&token)))
    });
    answered.into()
}

impl Kubectl {
    /// Reads the request from the environment.
    pub(crate) fn read(env: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        match env(NAME) {
            None => Ok(Self { version: "v1beta1", profile: None }),
            // What is not UTF-8 becomes what is no JSON, or text that does not matter here.
            Some(text) => Self::parse(&text.to_string_lossy()),
        }
    }

    /// Reads the request itself.
    fn parse(text: &str) -> Result<Self, Error> {
        let unusable = |cause: String, hint| Error::unusable(NAME, cause, hint);
        let bad = |cause: String| {
            unusable(cause, "use `apiVersion: client.authentication.k8s.io/v1beta1` in the kubeconfig's exec section")
        };
        let info: ExecInfo = serde_json::from_str(text)
            .map_err(|error| bad(format!("not an ExecCredential: column {}", error.column())))?;
        let version = match info.api_version.as_deref() {
            Some("client.authentication.k8s.io/v1") => "v1",
            None | Some("client.authentication.k8s.io/v1beta1") => "v1beta1",
            Some(_) => {
                return Err(bad("its apiVersion is neither v1 nor v1beta1 of client.authentication.k8s.io".to_owned()));
            }
        };
        let config = info.spec.and_then(|spec| spec.cluster).and_then(|cluster| cluster.config);
        let profile = match config.as_ref().and_then(|config| config.get("profile")) {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) if !name.is_empty() && !name.chars().any(char::is_control) => Some(name.clone()),
            Some(_) => {
                return Err(unusable(
                    "`profile` in the cluster's exec extension is not a profile's name".to_owned(),
                    "name a profile in the kubeconfig's client.authentication.k8s.io/exec extension, or remove it",
                ));
            }
        };
        Ok(Self { version, profile })
    }
}

impl Kubectl {
    /// The `ExecCredential`, compact, on one line.
    fn render(&self, token: &AccessToken) -> String {
        let (version, expiry) = (self.version, rfc3339(reported_expiry(token)));
        let token = token.access_token.expose();
        let text = format_args!(
            "{{\"apiVersion\":\"client.authentication.k8s.io/{version}\",\"kind\":\"ExecCredential\",\
             \"status\":{{\"token\":\"{token}\",\"expirationTimestamp\":\"{expiry}\"}}}}\n"
        );
        with_token(token, text)
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn served(life: i64, remaining: i64) -> AccessToken {
        AccessToken {
            access_token: Secret::new("T".to_owned()),
            life,
            remaining,
            now: 1_795_440_564,
            refused_by: Vec::new(),
        }
    }

    fn parse(text: &str) -> Result<Kubectl, String> {
        Kubectl::parse(text).map_err(|error| error.report())
    }

    #[test]
    fn the_version_is_echoed() {
        for (version, expected) in [("v1", "v1"), ("v1beta1", "v1beta1")] {
            let text = format!(
                r#"{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/{version}","spec":{{"interactive":false}}}}"#
            );
            let request = parse(&text).unwrap();
            assert_eq!(request, Kubectl { version: expected, profile: None });
        }
        assert_eq!(Kubectl::read(&|_| None).unwrap().version, "v1beta1");
    }

    #[test]
    fn answers_are_exact() {
        let request = Kubectl { version: "v1", profile: None };
        let text = request.render(&served(10_800, 3600));
        insta::assert_snapshot!(text, @r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"T","expirationTimestamp":"2026-11-23T14:28:24Z"}}"#);
    }

    #[test]
    fn the_reported_expiry_is_early_and_ahead() {
        for (life, remaining, reported_in) in
            [(10_800, 3600, 3540), (10_800, 61, 1), (10_800, 6, 1), (30, 30, 24), (30, 6, 1), (300, 300, 240)]
        {
            assert_eq!(reported_expiry(&served(life, remaining)) - 1_795_440_564, reported_in, "{life} {remaining}");
        }
    }

    #[test]
    fn the_extension_may_name_a_profile_and_only_that() {
        let with = |config: &str| {
            parse(&format!(
                r#"{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{{"cluster":{{"server":"https://h","config":{config}}},"interactive":false}}}}"#
            ))
        };
        assert_eq!(with("null").unwrap().profile, None);
        assert_eq!(
            with(r#"{"profile":"prod","tenant":"https://evil.example","scope":"x"}"#).unwrap().profile.as_deref(),
            Some("prod")
        );
        for bad in [r#"{"profile":5}"#, r#"{"profile":""}"#, r#"{"profile":"a\nb"}"#] {
            assert!(with(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn malformed_requests_are_errors() {
        for text in [
            "",
            "{",
            "[]",
            "5",
            "null",
            "\u{fffd}",
            r#"{"apiVersion":"client.authentication.k8s.io/v1alpha1"}"#,
            r#"{"apiVersion":"v1"}"#,
            r#"{"apiVersion":""}"#,
            r#"{"apiVersion":1}"#,
            r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":5}"#,
            "{\"apiVersion\":\"client.authentication.k8s.io/v1\"}x",
        ] {
            let report = parse(text).unwrap_err();
            assert!(report.starts_with("error: KUBERNETES_EXEC_INFO is not usable\n"), "{text}: {report}");
        }
    }

    #[test]
    fn the_variable_is_the_request() {
        let text = r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{"config":{"profile":"p"}}}}"#;
        let asked = std::cell::Cell::new(0);
        let request = Kubectl::read(&|name| {
            asked.set(asked.get() + 1);
            (name == "KUBERNETES_EXEC_INFO").then(|| text.into())
        });
        let request = request.unwrap();
        assert_eq!((request.version, request.profile.as_deref(), asked.get()), ("v1", Some("p"), 1));
        assert_eq!(Kubectl::read(&|_| None).unwrap(), Kubectl { version: "v1beta1", profile: None });
        assert!(Kubectl::read(&|_| Some(OsString::new())).is_err(), "set and empty is no request");
    }

    #[test]
    fn what_a_request_may_leave_out() {
        for rest in [
            "",
            r#","kind":"ExecCredential""#,
            r#","kind":null"#,
            r#","kind":"ExecCredentials""#,
            r#","kind":5"#,
            r#","spec":null"#,
            r#","spec":{}"#,
            r#","spec":{"cluster":null}"#,
            r#","spec":{"cluster":{}}"#,
            r#","spec":{"cluster":{"config":{}}}"#,
            r#","spec":{"cluster":{"config":{"profile":null}}}"#,
            r#","spec":{"cluster":{"config":5}}"#,
            r#","spec":{"cluster":{"config":["profile","p"]}}"#,
            r#","status":{"token":"x"},"future":1"#,
        ] {
            let text = format!(r#"{{"apiVersion":"client.authentication.k8s.io/v1beta1"{rest}}}"#);
            assert_eq!(parse(&text), Ok(Kubectl { version: "v1beta1", profile: None }), "{text}");
        }
        for text in ["{}", r#"{"apiVersion":null}"#, r#"{"kind":"ExecCredential","spec":{"interactive":true}}"#] {
            assert_eq!(parse(text), Ok(Kubectl { version: "v1beta1", profile: None }), "{text}");
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let exec = "hint: use `apiVersion: client.authentication.k8s.io/v1beta1` in the kubeconfig's exec section";
        let extension =
            "hint: name a profile in the kubeconfig's client.authentication.k8s.io/exec extension, or remove it";
        for (text, cause, hint) in [
            ("{\"kind\" 5", "not an ExecCredential: column 9", exec),
            (
                r#"{"apiVersion":"client.authentication.k8s.io/v2"}"#,
                "its apiVersion is neither v1 nor v1beta1 of client.authentication.k8s.io",
                exec,
            ),
            (
                r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{"config":{"profile":""}}}}"#,
                "`profile` in the cluster's exec extension is not a profile's name",
                extension,
            ),
        ] {
            let expected = format!("error: KUBERNETES_EXEC_INFO is not usable\n  caused by: {cause}\n{hint}\n");
            assert_eq!(parse(text), Err(expected));
        }
    }

    #[test]
    fn an_answer_is_one_whole_line() {
        let answer = Kubectl { version: "v1beta1", profile: None }.render(&served(10_800, 10_800));
        assert!(
            answer.starts_with("{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\",") && answer.ends_with("}\n")
        );
    }
}
