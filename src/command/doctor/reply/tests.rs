//! The meaning of every answer on this service.

use super::*;
use crate::config::sample;
use crate::error::Error;
use crate::failure::CertificateProblem;

/// A profile of a preset.
fn profile(preset: Preset) -> Profile {
    sample::profile(preset, "acme.example.com")
}

/// Text, fix and status of an answer, read as every other.
fn told(profile: &Profile, answer: &HttpResponse, depends_on_style: bool) -> String {
    let failure = crate::grant::read(answer, &[]).unwrap_err();
    let found = TokenReply { profile, response: answer, failure: &failure, depends_on_style }.explain();
    format!("{}\n  fix: {}\n  exit status: {}\n", found.text, found.fix.unwrap(), found.status)
}

/// An answer.
fn answer(status: u16, body: &str) -> HttpResponse {
    HttpResponse { status, body: body.as_bytes().to_vec(), ..HttpResponse::default() }
}

/// An OAuth error.
fn error(status: u16, code: &str) -> HttpResponse {
    answer(status, &format!("{{\"error\":\"{code}\"}}"))
}

#[test]
fn every_answer_has_a_meaning_and_a_fix() {
    let access = profile(Preset::Access);
    let mut all = String::new();
    for answer in [
        error(400, "invalid_client"),
        error(400, "invalid_scope"),
        error(400, "unauthorized_client"),
        error(400, "unsupported_grant_type"),
        answer(400, "nonsense"),
        error(401, "invalid_client"),
        answer(401, "<html>Not Authorized</html>"),
        answer(403, ""),
        answer(404, "<html>nginx</html>"),
        answer(405, ""),
        answer(408, ""),
        answer(429, ""),
        HttpResponse { retry_after: Some(30), ..answer(429, "") },
        answer(444, ""),
        answer(500, ""),
        answer(503, ""),
        HttpResponse { location: Some("https://portal.example.com".to_owned()), ..answer(302, "") },
        HttpResponse { location: Some("https://acme.example.com".to_owned()), ..answer(302, "") },
        HttpResponse { location: Some("another page".to_owned()), ..answer(302, "") },
        answer(200, " \r\n"),
        answer(200, "  <!DOCTYPE html>"),
        answer(200, "{}"),
        answer(200, "plain"),
        error(200, "invalid_client"),
        answer(418, ""),
    ] {
        all.push_str(&told(&access, &answer, false));
    }
    insta::with_settings!({ snapshot_path => "../../../../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("doctor-replies", all);
    });
}

#[test]
fn another_service_gets_other_advice() {
    let vidb = profile(Preset::Vidb);
    for (status, body) in [(401, "<html>"), (404, "")] {
        let told = told(&vidb, &answer(status, body), false);
        assert!(!told.contains("\"vidb\""), "{told}");
    }
}

#[test]
fn a_secret_that_can_be_encoded_in_two_ways_has_a_second_chance() {
    let mut profile = profile(Preset::Access);
    for (style, other) in [
        (AuthStyle::Basic, "\"auth_style\": \"basic-form-encoded\""),
        (AuthStyle::BasicFormEncoded, "\"auth_style\": \"basic\""),
        (AuthStyle::Post, "\"auth_style\": \"basic\""),
    ] {
        profile.auth_style = style;
        let denied = error(401, "invalid_client");
        assert!(told(&profile, &denied, true).contains(other), "{other}");
        assert!(!told(&profile, &denied, false).contains("auth_style"));
    }
}

#[test]
fn what_gets_no_answer_is_told_apart() {
    let profile = profile(Preset::Access);
    let failed = |kind, cause: &str| RequestError::from(RequestFailure::new(kind, cause));
    for (error, status, words) in [
        (failed(FailureKind::TimedOut, "no answer in time"), 3, "retry later"),
        (failed(FailureKind::Interrupted, "the connection was reset"), 3, "retry; if it stays, set `tenant`"),
        (failed(FailureKind::Unreachable, "connection refused"), 3, "retry"),
        (failed(FailureKind::Unusable, "an answer that is not HTTP"), 5, "check `tenant`"),
        (
            failed(FailureKind::Certificate(CertificateProblem::WrongName(vec!["a".into()])), "invalid"),
            2,
            "set `tenant`",
        ),
        (RequestError::local(Error::system("cannot send a request")), 1, "see what"),
    ] {
        let found = unanswered(error, &profile);
        assert_eq!(found.status, status, "{found:?}");
        assert!(found.fix.as_ref().is_some_and(|fix| fix.starts_with(words)), "{found:?}");
    }
}
