//! Hides secrets in words from outside: a reply of the tenant or a proxy, a header, a certificate. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::Secret;

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// Characters of the shortest secret that is looked for: a shorter one would blot out half of every word.
const SHORTEST: usize = 4;

/// Characters of an encoded secret, or of a part of one, that are no coincidence.
const TELLING: usize = 6;

/// Characters from which on a word of mixed letters and digits looks like a token.
const TOKEN_LENGTH: usize = 20;

/// Readings of words with escapes that are followed up at once. Without a limit, a reply of nothing but backslashes would
/// keep a run busy for minutes.
const MOST_READINGS: usize = 16;

/// How a secret may be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As it is.
    Plain,
    /// Base64, with either alphabet (RFC 4648 §4, §5).
    Base64,
    /// Hexadecimal digits, in either case, perhaps with a separator between the bytes.
    Hex,
}

/// The words without any of these secrets: as they are or in base64 or hexadecimal, alone or inside more, and each of
/// these with characters escaped as in URLs, JSON or HTML.
pub(crate) fn mask(words: &str, secrets: &[&Secret]) -> String {
    let bytes = words.as_bytes();
    let mut hidden = vec![false; bytes.len()];
    for secret in secrets {
        let secret = secret.0.strip_prefix("Basic ").unwrap_or(&secret.0);
        for (form, pattern) in forms(secret) {
            for at in 0..bytes.len() {
                let Some(length) = length(&bytes[at..], pattern.as_bytes(), form) else { continue };
                let end = at + length;
                // The ends of an encoded secret mix its bits with those of its neighbours.
                let is_code = |byte: &u8| form == Form::Base64 && is_base64(*byte);
                let before = bytes[..at].iter().rev().take_while(|byte| is_code(byte)).count();
                let after = bytes[end..].iter().take_while(|byte| is_code(byte)).count();
                hidden[at - before..end + after].fill(true);
            }
        }
    }
    without(words, &hidden)
}

/// The words without any of these secrets, and without whatever looks like another: a tenant may send tokens that
/// nobody asked for.
pub(crate) fn mask_tokens(words: &str, secrets: &[&Secret]) -> String {
    let masked = mask(words, secrets);
    let mut hidden = vec![false; masked.len()];
    let mut start = 0;
    for run in masked.split_inclusive(|c: char| !is_token_character(c)) {
        let word = run.trim_end_matches(|c: char| !is_token_character(c));
        hidden[start..start + word.len()].fill(looks_like_a_token(word));
        start += run.len();
    }
    without(&masked, &hidden)
}

/// The ways to write a secret, the longest first. Inside a longer base64 text it can begin at any of three places; the
/// characters that it shares with its neighbours are left out.
fn forms(secret: &str) -> Vec<(Form, String)> {
    let mut forms = vec![(Form::Plain, secret.to_owned())];
    for lead in 0..3 {
        let encoded = STANDARD_NO_PAD.encode([&b"\0\0"[..lead], secret.as_bytes()].concat());
        let core = encoded.get((lead * 8).div_ceil(6)..(lead + secret.len()) * 8 / 6).unwrap_or_default();
        forms.push((Form::Base64, core.to_owned()));
    }
    let digits = secret.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
    forms.push((Form::Hex, digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()));
    forms.retain(|(form, text)| text.len() >= if *form == Form::Plain { SHORTEST } else { TELLING });
    forms
}

/// How many bytes of the words spell the pattern at their start, at most. A backslash or a percent sign may be an escape
/// or itself: both are followed up.
fn length(words: &[u8], pattern: &[u8], form: Form) -> Option<usize> {
    let mut ends = Vec::new();
    for (index, wanted) in pattern.iter().enumerate() {
        let is_wanted = |found: u8| match form {
            Form::Plain => found == *wanted || (found == b'+' && *wanted == b' '),
            Form::Base64 => found == *wanted || matches!((found, wanted), (b'-', b'+') | (b'_', b'/')),
            Form::Hex => found.eq_ignore_ascii_case(wanted),
        };
        let mut next = Vec::new();
        for start in if index == 0 { &[0] } else { &ends[..] } {
            let is_between = form == Form::Hex && index > 0 && index % 2 == 0;
            let start = start + usize::from(is_between && matches!(words.get(*start), Some(b' ' | b':' | b'-')));
            let rest = words.get(start..).unwrap_or_default();
            for (found, length) in [rest.first().map(|byte| (*byte, 1)), escape(rest)].into_iter().flatten() {
                if is_wanted(found) && !next.contains(&(start + length)) {
                    next.push(start + length);
                }
            }
        }
        // Only words made for it have so many readings; those where all is escaped, or nothing, are kept.
        if next.len() > MOST_READINGS {
            next.sort_unstable();
            next.drain(MOST_READINGS / 2..next.len() - MOST_READINGS / 2);
        }
        ends = next;
        if ends.is_empty() {
            break;
        }
    }
    ends.into_iter().max()
}

/// The byte that an escape at the start of the words stands for, and the length of the escape.
fn escape(words: &[u8]) -> Option<(u8, usize)> {
    let number = |digits: &[u8], radix| u8::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok();
    match words {
        [b'%', digits @ ..] => Some((number(digits.get(..2)?, 16)?, 3)),
        [b'\\', b'u', b'0', b'0', digits @ ..] => Some((number(digits.get(..2)?, 16)?, 6)),
        [b'\\', b'x', digits @ ..] => Some((number(digits.get(..2)?, 16)?, 4)),
        [b'\\', byte, ..] => Some((*byte, 2)),
        [b'&', name @ ..] => {
            let name = &name[..name.iter().take(6).position(|byte| *byte == b';')?];
            let byte = match name {
                [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
                [b'#', digits @ ..] => number(digits, 10)?,
                b"amp" => b'&',
                b"lt" => b'<',
                b"gt" => b'>',
                b"quot" => b'"',
                b"apos" => b'\'',
                _ => return None,
            };
            Some((byte, name.len() + 2))
        }
        _ => None,
    }
}

/// Whether a byte can be part of base64, its padding included.
fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte)
}

/// Whether a character can be part of a token.
fn is_token_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~+=".contains(c)
}

/// Whether a word is more likely a token than a name: a long part of letters and digits as chance mixes them. Names of
/// hosts and codes, in small letters with dots, are none.
fn looks_like_a_token(word: &str) -> bool {
    let is_name = word.contains('.') && !word.bytes().any(|byte| byte.is_ascii_uppercase());
    let is_random = |part: &str| {
        let count = |is: fn(&u8) -> bool| part.as_bytes().iter().filter(|byte| is(byte)).count();
        let digits = count(u8::is_ascii_digit);
        let is_mixed = digits > 0 && count(u8::is_ascii_uppercase) > 0 && count(u8::is_ascii_lowercase) > 0;
        part.len() >= TOKEN_LENGTH && (is_mixed || (digits > 5 && digits < part.len()))
    };
    !is_name && word.split('.').any(is_random)
}

/// The words with `***` in place of what is hidden.
fn without(words: &str, hidden: &[bool]) -> String {
    let mut text = String::with_capacity(words.len());
    for (at, c) in words.char_indices() {
        if !hidden[at] {
            text.push(c);
        } else if at == 0 || !hidden[at - 1] {
            text.push_str(HIDDEN);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    /// A secret with whatever is escaped somewhere.
    const SECRET: &str = "Ca+n/a&r~y \"s%41\\3?>";

    /// The words without a secret.
    fn masked(words: &str, secret: &str) -> String {
        mask(words, &[&Secret::new(secret.to_owned())])
    }

    /// Every character of a text, written by a function.
    fn each(secret: &str, write: impl Fn(u8) -> String) -> String {
        secret.bytes().map(write).collect()
    }

    /// The ways to write a secret that a test can think of.
    fn spellings(secret: &str) -> Vec<(&'static str, String)> {
        let url: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let json = serde_json::to_string(secret).unwrap();
        let json = json[1..json.len() - 1].to_owned();
        let pair = format!("ci-bot:{secret}");
        let html = secret.replace('&', "&amp;").replace('"', "&quot;").replace('>', "&gt;");
        let hex = each(secret, |byte| format!("{byte:02x}"));
        vec![
            ("raw", secret.to_owned()),
            ("form", url.clone()),
            ("query", url.replace('+', "%20")),
            ("every character in percent", each(secret, |byte| format!("%{byte:02X}"))),
            ("JSON with slashes escaped", json.replace('/', "\\/")),
            ("JSON", json),
            ("JSON by number", each(secret, |byte| format!("\\u00{byte:02x}"))),
            ("HTML", html),
            ("HTML by number", each(secret, |byte| format!("&#{byte};"))),
            ("HTML by hexadecimal number", each(secret, |byte| format!("&#x{byte:X};"))),
            ("hexadecimal", hex.clone()),
            ("HEXADECIMAL", hex.to_uppercase()),
            ("hexadecimal bytes", each(secret, |byte| format!("{byte:02x}:")).trim_end_matches(':').to_owned()),
            ("base64", STANDARD.encode(secret)),
            ("base64 for URLs", URL_SAFE.encode(secret)),
            ("base64 without padding", STANDARD_NO_PAD.encode(secret)),
            ("base64 for URLs without padding", URL_SAFE_NO_PAD.encode(secret)),
            ("base64 of the pair", STANDARD.encode(&pair)),
            ("base64 of a longer text", URL_SAFE_NO_PAD.encode(format!("a{pair}&x=y"))),
            ("base64 in a form", form_urlencoded::byte_serialize(STANDARD.encode(&pair).as_bytes()).collect()),
        ]
    }

    #[test]
    fn words_of_nothing_but_escapes_are_read_in_time() {
        let backslashes = "\\".repeat(200);
        let secret = Secret::new(backslashes.clone());
        for words in [backslashes.clone(), backslashes.repeat(2)] {
            let masked = mask(&format!("a {words} b"), &[&secret]);
            assert!(masked.starts_with("a ***") && masked.ends_with(" b") && masked.len() < 210, "{}", masked.len());
        }
    }

    #[test]
    fn a_secret_is_hidden_however_it_is_written() {
        for (title, spelling) in spellings(SECRET) {
            for words in [spelling.clone(), format!("the secret ({spelling}) is wrong"), format!("\"{spelling}\"")] {
                let found = masked(&words, SECRET).replace("***%3D", "***");
                assert_eq!(found, words.replacen(&spelling, "***", 1), "{title}");
            }
        }
        assert_eq!(masked("two: s3cr3t,s3cr3t", "s3cr3t"), "two: ***,***");
        assert_eq!(masked("nothing of it", "s3cr3t"), "nothing of it");
        assert_eq!(masked("empty", ""), "empty");
        assert_eq!(masked("connection refused", "s"), "connection refused");
        assert_eq!(masked("é s3cr3t é", "s3cr3t"), "é *** é", "the rest stays as it is");
        assert_eq!(masked("Basic YWJj", "Basic YWJj"), "Basic ***", "of a header only the value");
    }

    #[test]
    fn what_looks_like_a_token_is_hidden_too() {
        let tokens = |words: &str| mask_tokens(words, &[]);
        for token in [
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
            "fFjs8tGiloQD5ze4pL42EV6s0mufGrOG",
            "2YotnFZFEjr1zCsicMWpAA==",
            "550e8400-e29b-41d4-a716-446655440000",
            "d41d8cd98f00b204e9800998ecf8427e",
        ] {
            assert_eq!(tokens(&format!("Invalid refresh token: {token}")), "Invalid refresh token: ***");
            assert_eq!(tokens(&format!("\"{token}\", {token}")), "\"***\", ***");
        }
        for words in [
            "Client authentication failed",
            "oauth2.authorization.credentials.invalid",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "internal-a1b2c3d4e5f6-1234567890.eu-1.elb.example.com",
            "https://acme.example.com/SAAS/auth/oauthtoken?x=1",
            "at 2026-11-26T06:29:38Z, error 1234567890123456789012",
            "unsupported_grant_type_for_this_client",
        ] {
            assert_eq!(tokens(words), words);
        }
    }

    proptest! {
        #[test]
        fn any_secret_is_hidden(secret in "[ -~]{8,40}", before in "[ -~]{0,5}", after in "[ -~]{0,5}") {
            for (title, spelling) in spellings(&secret) {
                let found = masked(&format!("{before}{spelling}{after}"), &secret);
                prop_assert!(!found.contains(&spelling), "{}: {} in {}", title, spelling, found);
                prop_assert!(found.contains(HIDDEN), "{}: {}", title, found);
            }
        }

        #[test]
        fn any_words_are_masked_without_a_panic(words in "\\PC*", secret in "\\PC*") {
            mask_tokens(&words, &[&Secret::new(secret)]);
        }
    }
}
