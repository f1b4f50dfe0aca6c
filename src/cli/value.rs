//! Parsers of option values.

/// Seconds of `90`, `90s`, `15m`, `2h` or `1d`.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("expected seconds, or a number with s, m, h or d".to_owned()),
    };
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok()).flatten();
    number
        .and_then(|number| number.checked_mul(unit))
        .filter(|seconds| *seconds <= crate::token::LONGEST_LIFE)
        .ok_or_else(|| "expected seconds up to 400 days, or a number with s, m, h or d".to_owned())
}

/// A portable name of an environment variable (POSIX: letters, digits, underscore).
pub(super) fn variable(text: &str) -> Result<String, String> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if text.is_empty() || !text.bytes().all(word) || text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("expected letters, digits and underscores".to_owned());
    }
    Ok(text.to_owned())
}

/// The name of most Kubernetes objects: an RFC 1123 subdomain, labels joined by dots.
pub(super) fn subdomain(text: &str) -> Result<String, String> {
    let rule = "lower-case letters, digits, `-` and `.`, first and last a letter or digit";
    kubernetes_name(text, 253, text.split('.').all(is_label), rule)
}

/// The name of a Kubernetes namespace: an RFC 1123 label.
pub(super) fn label(text: &str) -> Result<String, String> {
    kubernetes_name(text, 63, is_label(text), "lower-case letters, digits and `-`, first and last a letter or digit")
}

/// A name of up to `longest` characters that follows a rule, or what the rule is.
fn kubernetes_name(text: &str, longest: usize, follows: bool, rule: &str) -> Result<String, String> {
    if follows && text.len() <= longest {
        return Ok(text.to_owned());
    }
    Err(format!("Kubernetes expects up to {longest} characters: {rule}"))
}

/// Whether a text is made as an RFC 1123 label is, of any length.
fn is_label(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(inside) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [("0", 0), ("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86_400)] {
            assert_eq!(duration(text), Ok(seconds));
        }
        for text in ["", "m", "-5", "+5", "1w", "1.5h", "5 m", "9999999999999999999", "401d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_duration_is_digits_and_a_unit_up_to_400_days(number in 0_i64..40_000_000, unit in 0_usize..5) {
            let (unit, factor) = [("", 1), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)][unit];
            let seconds = Some(number * factor).filter(|seconds| *seconds <= 400 * 86_400);
            proptest::prop_assert_eq!(duration(&format!("{number}{unit}")).ok(), seconds);
            proptest::prop_assert_eq!(duration(&format!("000{number}{unit}")).ok(), seconds);
        }

        #[test]
        fn what_is_no_duration_is_refused(text in "\\PC*", near in "[0-9+ .٣-]{0,3}[smhdw é]{0,2}") {
            for text in [text, near] {
                let digits = text.strip_suffix(['s', 'm', 'h', 'd']).unwrap_or(&text);
                let sound = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                proptest::prop_assert!(sound || duration(&text).is_err(), "{}", text);
            }
        }
    }

    #[test]
    fn names_of_kubernetes_objects() {
        let (long, longest) = ("a".repeat(64), "a".repeat(253));
        for (text, is_subdomain, is_label) in [
            ("ws1-token", true, true),
            ("0", true, true),
            ("a.b-c.9", true, false),
            (&long, true, false),
            (&long[1..], true, true),
            (&longest, true, false),
            (&format!("{longest}a"), false, false),
            ("", false, false),
            ("-a", false, false),
            ("a-", false, false),
            ("a..b", false, false),
            (".a", false, false),
            ("a.", false, false),
            ("a.-b", false, false),
            ("A", false, false),
            ("a_b", false, false),
            ("a b", false, false),
            ("a\n", false, false),
            ("é", false, false),
            ("a/b", false, false),
            ("a\"", false, false),
        ] {
            assert_eq!((subdomain(text).is_ok(), label(text).is_ok()), (is_subdomain, is_label), "{text}");
        }
    }

    #[test]
    fn variables() {
        assert!(variable("TF_VAR_token2").is_ok());
        for name in ["", "1A", "A=B", "A B", "Ä"] {
            assert!(variable(name).is_err(), "{name}");
        }
    }
}
