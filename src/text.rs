//! Text for people and shells: bounded and clean lines, the nearest word, quoting, spans of time. Pure.

/// Bytes of one line of a report at most.
const LINE_LIMIT: usize = 400;

/// A text for a terminal: control characters replaced, cut at 400 bytes.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if clean.len() + c.len_utf8() > LINE_LIMIT {
            clean.push('…');
            break;
        }
        clean.push(if c.is_control() { '?' } else { c });
    }
    clean
}

/// The same as a line, with a newline at its end.
pub(crate) fn line(text: &str) -> String {
    clean(text) + "\n"
}

/// A line of a help page for so many columns: broken between words only, and continued below its last column of text.
pub(crate) fn wrapped(line: &str, columns: usize) -> String {
    if line.chars().count() <= columns {
        return line.to_owned();
    }
    let (start, text) = line.split_at(line.rfind("  ").map_or(0, |gap| gap + 2));
    let indent = start.chars().count().min(columns / 2);
    let (mut wrapped, mut column) = (start.to_owned(), start.chars().count());
    for (at, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if at > 0 && column + 1 + length > columns {
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if at > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

/// The text in a file: UTF-8, without a byte order mark at its start; else what is wrong with it.
pub(crate) fn utf8(bytes: Vec<u8>) -> Result<String, &'static str> {
    // No text that is read here begins with a NUL, or has one in second place.
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if is_utf16 || bytes.iter().take(2).any(|byte| *byte == 0) {
        return Err("is UTF-16, not UTF-8");
    }
    let text = String::from_utf8(bytes).map_err(|_| "holds bytes that are not UTF-8")?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// The candidate that a misspelt word probably means.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// A text as one word of a shell.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%=".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A number of seconds in words: `2 h 13 min`, `12 min`, `5 min 3 s`, `40 s`. Only as exact as a person cares for.
pub(crate) fn span(seconds: i64) -> String {
    let nearest = |unit: i64| seconds.saturating_add(unit / 2) / unit * unit;
    let seconds = match seconds {
        ..600 => seconds,
        600..172_800 => nearest(60),
        _ => nearest(3600),
    };
    let (large, small) = match seconds {
        ..60 => ((seconds, "s"), (0, "")),
        60..600 => ((seconds / 60, "min"), (seconds % 60, "s")),
        600..3600 => ((seconds / 60, "min"), (0, "")),
        3600..172_800 => ((seconds / 3600, "h"), (seconds % 3600 / 60, "min")),
        _ => ((seconds / 86_400, "d"), (seconds % 86_400 / 3600, "h")),
    };
    let text = |(number, unit): (i64, &str)| format!("{number} {unit}");
    if small.0 == 0 { text(large) } else { format!("{} {}", text(large), text(small)) }
}

/// A moment so many seconds from now, in words: `in 2 h 13 min`, `now`, `12 min ago`.
pub(crate) fn from_now(seconds: i64) -> String {
    match seconds {
        1.. => format!("in {}", span(seconds)),
        0 => "now".to_owned(),
        _ => format!("{} ago", span(seconds.saturating_neg())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_clean() {
        assert_eq!(line("a\u{1b}[2J\nb"), "a?[2J?b\n");
        let long = line(&"é".repeat(1000));
        assert!(long.len() <= LINE_LIMIT + '…'.len_utf8() + 1, "{}", long.len());
    }

    #[test]
    fn lines_are_wrapped_between_words_below_their_text() {
        for (line, columns, expected) in [
            ("fits exactly", 12, "fits exactly"),
            ("one two three", 9, "one two\nthree"),
            ("  -x  the words of it", 14, "  -x  the\n      words of\n      it"),
            ("    a long-word-that-is-longer", 10, "    a\n    long-word-that-is-longer"),
            ("  --very-long-option  is it", 20, "  --very-long-option  is\n          it"),
            ("é é é", 3, "é é\né"),
            ("", 0, ""),
        ] {
            assert_eq!(wrapped(line, columns), expected, "{line}");
        }
    }

    #[test]
    fn near_words_are_found() {
        assert_eq!(nearest("tennant", ["client_id", "tenant"]), Some("tenant"));
        assert_eq!(nearest("prdo", ["prod", "staging"]), Some("prod"));
        assert_eq!(nearest("zzz", ["prod", "staging"]), None);
    }

    #[test]
    fn words_for_a_shell() {
        assert_eq!(shell_word("/usr/bin/ws1-token"), "/usr/bin/ws1-token");
        assert_eq!(shell_word("/my bin/it's"), "'/my bin/it'\\''s'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn spans_are_as_exact_as_a_person_cares_for() {
        for (seconds, text) in [
            (1, "1 s"),
            (59, "59 s"),
            (60, "1 min"),
            (303, "5 min 3 s"),
            (600, "10 min"),
            (3569, "59 min"),
            (3570, "1 h"),
            (3600, "1 h"),
            (8000, "2 h 13 min"),
            (10_799, "3 h"),
            (172_769, "47 h 59 min"),
            (172_799, "2 d"),
            (172_800, "2 d"),
            (200_000, "2 d 8 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn moments_are_ahead_or_past() {
        for (seconds, text) in [(8000, "in 2 h 13 min"), (0, "now"), (-720, "12 min ago")] {
            assert_eq!(from_now(seconds), text);
        }
        assert!(from_now(i64::MIN).ends_with(" ago"));
    }
}
