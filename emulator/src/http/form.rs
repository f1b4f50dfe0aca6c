//! The `application/x-www-form-urlencoded` format.

/// The pairs in `text`, in order.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// The first value of `name`.
pub(crate) fn field<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// `text` with `+` and `%XX` decoded; invalid escapes stay as they are.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| hex_byte(bytes.get(at + 1..at + 3)?)).flatten();
        decoded.push(match byte {
            b'+' => b' ',
            other => escaped.unwrap_or(other),
        });
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The byte of two hexadecimal digits.
fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*digits.first()?)? * 16 + digit(*digits.get(1)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes() {
        assert_eq!(decode("a%2Bb%25c+d%C3%A9"), "a+b%c dé");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%4"), "%zz%4");
    }

    #[test]
    fn splits() {
        let pairs = pairs("a=1&&b&c=x=y&a=2");
        assert_eq!(pairs.len(), 4);
        assert_eq!(field(&pairs, "a"), Some("1"));
        assert_eq!(field(&pairs, "b"), Some(""));
        assert_eq!(field(&pairs, "c"), Some("x=y"));
        assert_eq!(field(&pairs, "d"), None);
    }
}
