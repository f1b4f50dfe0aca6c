//! Subject, issuer and expiry of a peer certificate, trusted or not. Pure.
//!
//! They are only shown, nothing is decided on them. A parser for the few DER elements (X.690) before them (RFC 5280 §4.1)
//! adds 4 kB to the binary; the crates that parse whole certificates add forty times that.

/// Maximum characters of a name that are shown.
const NAME_LIMIT: usize = 120;

/// Tag of a sequence.
const SEQUENCE: u8 = 0x30;
/// Tag of a set.
const SET: u8 = 0x31;
/// Tag of an object identifier.
const OBJECT_IDENTIFIER: u8 = 0x06;
/// Tag of `YYMMDDHHMMSSZ`.
const UTC_TIME: u8 = 0x17;
/// Tag of `YYYYMMDDHHMMSSZ`.
const GENERALIZED_TIME: u8 = 0x18;
/// Tag of text in UTF-16.
const BMP_STRING: u8 = 0x1e;
/// Tag of the version, which is absent in v1 certificates.
const VERSION: u8 = 0xa0;

/// The fields of a certificate that are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The subject, like `CN=acme.example.com, O=Acme`.
    pub(crate) subject: String,
    /// The issuer.
    pub(crate) issuer: String,
    /// Unix second after which it is no longer valid.
    pub(crate) not_after: Option<i64>,
}

impl Certificate {
    /// Reads a certificate; all fields are empty if it cannot be parsed.
    pub(crate) fn read(der: &[u8]) -> Self {
        Self::fields(der).unwrap_or_default()
    }

    /// The fields in their order: version, serial number, algorithm, issuer, validity, subject.
    fn fields(der: &[u8]) -> Option<Self> {
        let mut certificate = Elements(Elements(der).next_as(SEQUENCE)?);
        let mut fields = Elements(certificate.next_as(SEQUENCE)?);
        let first = fields.next()?;
        if first.0 == VERSION {
            fields.next()?;
        }
        fields.next_as(SEQUENCE)?;
        let issuer = name(fields.next_as(SEQUENCE)?);
        let mut validity = Elements(fields.next_as(SEQUENCE)?);
        validity.next()?;
        let not_after = validity.next().and_then(|(tag, text)| time(tag, text));
        Some(Self { subject: name(fields.next_as(SEQUENCE)?), issuer, not_after })
    }
}

/// The elements of a constructed one, in order.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        // Above 127 it is the number of bytes that hold the length.
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }
}

impl<'a> Elements<'a> {
    /// The next element if it has that tag.
    fn next_as(&mut self, kind: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == kind).map(|(_, content)| content)
    }
}

/// A distinguished name in one line; attributes without a short name are left out.
fn name(der: &[u8]) -> String {
    let mut name = String::new();
    for (tag, set) in Elements(der) {
        // Only the first attribute of a set is shown: multi-valued RDNs are rare.
        let mut pair = Elements(Elements(set).next_as(SEQUENCE).filter(|_| tag == SET).unwrap_or_default());
        if let (Some(short), Some((tag, value))) = (pair.next_as(OBJECT_IDENTIFIER).and_then(short_name), pair.next()) {
            name.push_str(if name.is_empty() { "" } else { ", " });
            name.push_str(short);
            name.push('=');
            add(&mut name, tag, value);
        }
    }
    if let Some((end, _)) = name.char_indices().nth(NAME_LIMIT) {
        name.truncate(end);
    }
    name
}

/// The usual short name of an attribute (RFC 4514 §3) by its object identifier below 2.5.4.
fn short_name(identifier: &[u8]) -> Option<&'static str> {
    Some(match identifier.strip_prefix(&[0x55, 0x04])? {
        [3] => "CN",
        [6] => "C",
        [7] => "L",
        [8] => "ST",
        [10] => "O",
        [11] => "OU",
        _ => return None,
    })
}

/// Appends a string of any type, without control characters.
fn add(name: &mut String, tag: u8, value: &[u8]) {
    let mut add = |c: char| name.push(if c.is_control() { '?' } else { c });
    if tag == BMP_STRING {
        let units = value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        char::decode_utf16(units).for_each(|c| add(c.unwrap_or('?')));
    } else {
        String::from_utf8_lossy(value).chars().for_each(add);
    }
}

/// Unix seconds of a time (RFC 5280 §4.1.2.5: in UTC, seconds given).
fn time(tag: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok())?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let year = number(text.get(..2)?)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        GENERALIZED_TIME => (number(text.get(..4)?)?, text.get(4..)?),
        _ => return None,
    };
    let part = |at: usize| number(rest.get(2 * at..2 * at + 2)?).and_then(|part| u8::try_from(part).ok());
    let month = time::Month::try_from(part(0)?).ok()?;
    let date = time::Date::from_calendar_date(i32::from(year), month, part(1)?).ok()?;
    let clock = time::Time::from_hms(part(2)?, part(3)?, part(4)?).ok()?;
    Some(time::UtcDateTime::new(date, clock).unix_timestamp())
}

/// Parses any input without a panic, and checks that names hold no control character.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(der: &[u8]) -> Certificate {
    let read = Certificate::read(der);
    for name in [&read.subject, &read.issuer] {
        assert!(!name.chars().any(char::is_control) && name.chars().count() <= NAME_LIMIT, "{name:?}");
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An element.
    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = match content.len() {
            length @ 0..=0x7f => vec![u8::try_from(length).unwrap()],
            length => [vec![0x82], u16::try_from(length).unwrap().to_be_bytes().to_vec()].concat(),
        };
        [vec![tag], length, content.to_vec()].concat()
    }

    /// A name of attributes: last byte of the identifier, tag and value.
    fn name_of(attributes: &[(u8, u8, &[u8])]) -> Vec<u8> {
        let sets = attributes.iter().map(|(identifier, tag, value)| {
            let pair = [element(OBJECT_IDENTIFIER, &[0x55, 0x04, *identifier]), element(*tag, value)].concat();
            element(SET, &element(SEQUENCE, &pair))
        });
        element(SEQUENCE, &sets.collect::<Vec<_>>().concat())
    }

    /// A certificate as far as it is read.
    fn certificate(version: bool, issuer: &[u8], not_after: &[u8], subject: &[u8]) -> Vec<u8> {
        let validity = element(SEQUENCE, &[element(UTC_TIME, b"200101000000Z"), not_after.to_vec()].concat());
        let mut fields = if version { element(VERSION, &element(2, &[2])) } else { Vec::new() };
        fields.extend([element(2, &[1]), element(SEQUENCE, &[])].concat());
        fields.extend([issuer, &validity, subject].concat());
        element(SEQUENCE, &element(SEQUENCE, &fields))
    }

    #[test]
    fn names_and_dates_are_read() {
        let issuer = name_of(&[(6, 0x13, b"DE"), (10, 0x0c, "Acmé GmbH".as_bytes()), (3, 0x0c, b"Acme \x1b[2J CA")]);
        let subject = name_of(&[(3, BMP_STRING, b"\0a\0c\0m\0e"), (5, 0x13, b"no short name")]);
        for version in [true, false] {
            let der = certificate(version, &issuer, &element(UTC_TIME, b"261123132924Z"), &subject);
            let read = Certificate::read(&der);
            assert_eq!(read.issuer, "C=DE, O=Acmé GmbH, CN=Acme ?[2J CA");
            assert_eq!(read.subject, "CN=acme");
            assert_eq!(read.not_after, Some(1_795_440_564));
        }
        let own = certificate(true, &subject, &element(GENERALIZED_TIME, b"20500101000000Z"), &subject);
        assert_eq!(Certificate::read(&own).issuer, "CN=acme");
        assert_eq!(Certificate::read(&own).not_after, Some(2_524_608_000));
    }

    #[test]
    fn long_names_are_cut() {
        let long = name_of(&[(3, 0x0c, "é".repeat(500).as_bytes())]);
        let der = certificate(true, &long, &element(UTC_TIME, b"261123132924Z"), &long);
        assert_eq!(Certificate::read(&der).subject.chars().count(), NAME_LIMIT);
    }

    #[test]
    fn times_are_utc_to_the_second() {
        for (tag, text, seconds) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (UTC_TIME, "261323132924Z", None),
            (UTC_TIME, "2611231329Z", None),
            (UTC_TIME, "261123132924", None),
            (UTC_TIME, "2611+3132924Z", None),
            (0x13, "261123132924Z", None),
        ] {
            assert_eq!(time(tag, text.as_bytes()), seconds, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_presented_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            check(&bytes);
        }

        #[test]
        fn a_damaged_certificate_is_read_without_harm(at in 0_usize..100, byte in any::<u8>(), cut in 0_usize..100) {
            let name = name_of(&[(3, 0x0c, b"acme")]);
            let mut der = certificate(true, &name, &element(UTC_TIME, b"261123132924Z"), &name);
            if let Some(place) = der.get_mut(at) {
                *place = byte;
            }
            der.truncate(der.len() - cut.min(der.len()));
            check(&der);
        }
    }
}
