//! `whoami`: what the cached token says about itself.

use serde_json::{Value, json};
use ws1_emulator::{Emulator, Fault};

use crate::sandbox::{PROFILE, Sandbox, assert_snapshot, now};

/// A tenant and a sandbox for it.
fn tenant() -> (Emulator, Sandbox) {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    (emulator, sandbox)
}

/// A token with these claims, base64url by hand: the test's own, so that a mistake of the program's shows.
fn jwt(claims: &Value) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: String = claims.to_string().bytes().map(|byte| format!("{byte:08b}")).collect();
    let digits = bits.as_bytes().chunks(6).map(|chunk| {
        let number = chunk.iter().fold(0, |number, bit| number * 2 + usize::from(bit - b'0')) << (6 - chunk.len());
        char::from(DIGITS[number])
    });
    format!("e30.{}.c2lnbmF0dXJl", digits.collect::<String>())
}

/// Lets the tenant issue a token, and gets it.
fn issue(emulator: &Emulator, sandbox: &Sandbox, token: &str) {
    emulator.play(Fault::set("access_token", token));
    assert_eq!(sandbox.run(&["get", "--force-refresh"]).token(), token);
}

/// What `whoami --json` says.
fn json_of(sandbox: &Sandbox) -> Value {
    let output = sandbox.run(&["whoami", "--json"]);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output}");
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn the_claims_of_a_service_client() {
    let (emulator, sandbox) = tenant();
    let token = sandbox.run(&["get"]).token();
    let (text, json) = (sandbox.run(&["whoami"]), sandbox.run(&["whoami", "--json"]));
    for shown in [&text.stdout, &json.stdout] {
        for part in token.split('.') {
            assert!(!shown.contains(part), "neither the token nor its signature: {shown}");
        }
    }
    let relative = (r"in (2 h \d+ min|3 h)", "in $$TIME");
    assert_snapshot!("whoami", text, relative, (r"issued    (now|\d+ s ago)", "issued    $$AGO"));
    assert_snapshot!(
        "whoami-json",
        json,
        (r#""expires_in": \d+"#, r#""expires_in": $$SECONDS"#),
        (r#""(auth_time|iat|exp)": \d+"#, r#""$1": $$SECONDS"#),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "$$UUID")
    );
    let json = json_of(&sandbox);
    assert_eq!(json["claims"]["ctx"].as_str().map(|text| text.starts_with('[')), Some(true), "as they are");
    assert_eq!(json["client_id"], "ci-bot");
    assert_eq!(emulator.counters().token_requests, 1, "no network");
}

#[cfg_attr(windows, ignore = "the times are compared within a minute, and programs start slowly under Wine")]
#[test]
fn claims_of_every_shape_are_shown_as_far_as_they_go() {
    let (emulator, sandbox) = tenant();
    let (iat, exp) = (now() - 60, now() + 10_740);
    let mut all = String::new();
    for (title, claims) in [
        (
            "lists",
            json!({"scp": ["admin", "user"], "aud": ["https://a/SAAS/auth/oauthtoken", "b"], "iat": iat, "exp": exp}),
        ),
        ("of another client", json!({"cid": "other", "prn": "ana@ACME", "prn_type": "USER", "aud": "api", "exp": exp})),
        ("of other names", json!({"client_id": "ci-bot", "scope": "a b", "prn": "x", "prn_type": "DEVICE"})),
        (
            "of other types",
            json!({"cid": 7, "prn": ["x"], "scp": {"a": 1}, "aud": null, "iss": 5.5, "sub": true, "exp": "x"}),
        ),
        ("an earlier end", json!({"exp": now() + 600})),
        ("a later end", json!({"exp": now() + 864_000})),
        ("from the future", json!({"iat": now() + 600})),
        ("nearly the same end", json!({"exp": now() + 10_790})),
        ("none", json!({})),
    ] {
        issue(&emulator, &sandbox, &jwt(&claims));
        all.push_str(&format!("# {title}\n{}\n", sandbox.run(&["whoami"])));
        let json = json_of(&sandbox);
        assert_eq!((&json["format"], &json["claims"]), (&json!("jwt"), &claims), "{title}");
    }
    issue(&emulator, &sandbox, "opaque-token");
    all.push_str(&format!("# opaque\n{}\n", sandbox.run(&["whoami"])));
    assert_snapshot!(
        "whoami-shapes",
        all,
        (r"expires   in (2 h 5\d min|3 h)", "expires   in $$TIME"),
        (r"issued    (now|\d+ s ago|1 min( \d+ s)? ago)", "issued    $$AGO"),
        (r"in (9 min \d+ s|10 min)", "in $$MINUTES"),
        (r"in (9 d 23 h|10 d)", "in $$DAYS")
    );
    let json = json_of(&sandbox);
    assert_eq!((&json["format"], &json["claims"], &json["scopes"]), (&json!("opaque"), &Value::Null, &json!([])));
    assert_eq!(json["client_id"], "ci-bot", "the profile's");
    // What the claims do not say, the cache does.
    sandbox.edit_entry(|entry| entry["token"]["issued_at"] = iat.into());
    let by_cache = json_of(&sandbox);
    issue(&emulator, &sandbox, &jwt(&json!({ "iat": iat })));
    let by_claim = json_of(&sandbox);
    assert_ne!(json["issued_at"], by_cache["issued_at"]);
    assert_eq!(by_claim["issued_at"], by_cache["issued_at"]);
}

#[test]
fn no_control_character_of_a_claim_reaches_the_terminal() {
    let (emulator, sandbox) = tenant();
    let evil = "a\u{1b}[2J\u{9b}31m\u{7}\r\nexpires   never\u{7f}";
    let claims = json!({"cid": evil, "prn": evil, "prn_type": evil, "scp": [evil], "iss": evil, "aud": evil,
        "sub": evil, evil: evil});
    issue(&emulator, &sandbox, &jwt(&claims));
    for args in [&["whoami"][..], &["whoami", "--json"]] {
        let shown = sandbox.run(args).stdout;
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
        assert!(!shown.lines().any(|line| line.starts_with("expires   never")), "{shown:?}");
    }
    assert_eq!(json_of(&sandbox)["claims"], claims, "the JSON says it all the same");
    // However much a tenant writes, a line stays a line.
    issue(&emulator, &sandbox, &jwt(&json!({ "prn": "x".repeat(5000) })));
    assert!(sandbox.run(&["whoami"]).stdout.lines().all(|line| line.len() < 450));
}

#[cfg_attr(windows, ignore = "files have no modes there")]
#[test]
fn what_the_token_may_not_be_used_for_any_more_is_not_shown() {
    let (emulator, sandbox) = tenant();
    let mut all = format!("# no token yet\n{}\n", sandbox.run(&["whoami"]));
    sandbox.run(&["get"]).token();
    assert_eq!(json_of(&sandbox)["profile"], PROFILE);
    for (left, title) in [(5, "the last seconds"), (-100, "expired")] {
        sandbox.age_until(left);
        all.push_str(&format!("# {title}\n{}\n", sandbox.run(&["whoami"])));
    }
    let entry = std::fs::read(sandbox.entry_file()).unwrap();
    crate::sandbox::write(&sandbox.entry_file(), &entry[1..]);
    all.push_str(&format!("# damaged\n{}\n", sandbox.run(&["whoami", "--json"])));
    #[cfg(unix)]
    {
        crate::sandbox::set_mode(&sandbox.entry_file(), 0o640);
        all.push_str(&format!("# open to others\n{}\n", sandbox.run(&["whoami"])));
    }
    all.push_str(&format!("# no configuration\n{}\n", Sandbox::new().run(&["whoami", "--config", "none.json"])));
    assert_snapshot!("whoami-none", all);
    assert_eq!(emulator.counters().token_requests, 1);
}
