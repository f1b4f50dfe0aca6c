//! Changes the default profile and the keys of one profile in the text of the configuration file. Every other byte stays:
//! order, indentation, line ends. Pure.
//!
//! A new member comes last and is written like its siblings: the white space before their names, the colon, and for a new
//! profile the layout of another one.

use std::ops::Range;

use serde_json::Value;

use super::file::Members;

/// What changes in the file.
#[derive(Debug)]
pub(crate) struct Changes<'a> {
    /// The new default profile, if that changes.
    pub(crate) default_profile: Option<String>,
    /// The profile whose keys change.
    pub(crate) profile: &'a str,
    /// Its keys with their new values; `None` removes a key.
    pub(crate) keys: Vec<(&'static str, Option<Value>)>,
}

/// The text with the changes made; `None` if it is not a configuration file.
pub(crate) fn apply(text: &str, changes: &Changes<'_>) -> Option<String> {
    let body = text.trim();
    let mut edited = body.to_owned();
    if let Some(name) = &changes.default_profile {
        edited = Object::read(&edited, Style::of_new_file())?.set("default_profile", &quoted(name));
    }
    if !changes.keys.is_empty() {
        edited = with_keys(&edited, changes)?;
    }
    Some(text.replacen(body, &edited, 1))
}

/// The file's object with the keys of the profile changed.
fn with_keys(text: &str, changes: &Changes<'_>) -> Option<String> {
    let file = Object::read(text, Style::of_new_file())?;
    let profiles = Object::read(file.get("profiles").unwrap_or("{}"), file.style.inner())?;
    let (mut profile, style) = match profiles.get(changes.profile) {
        Some(profile) => (profile.to_owned(), profiles.style.inner()),
        None => ("{}".to_owned(), profiles.style_inside()),
    };
    for (key, value) in &changes.keys {
        let object = Object::read(&profile, style.clone())?;
        profile = match value {
            Some(value) => object.set(key, &object.style.inline(value)),
            None => object.remove(key),
        };
    }
    Some(file.set("profiles", &profiles.set(changes.profile, &profile)))
}

/// The text with a part of it replaced.
fn splice(text: &str, part: Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &text[..part.start], &text[part.end..])
}

/// A text as a JSON string.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The white space between the members of an object.
#[derive(Debug, Clone)]
struct Style {
    /// Before a name.
    lead: String,
    /// Between a name and its value, colon included.
    colon: String,
    /// After the last value.
    tail: String,
}

impl Style {
    /// That of a new file.
    fn of_new_file() -> Self {
        Self { lead: "\n  ".to_owned(), colon: ": ".to_owned(), tail: "\n".to_owned() }
    }

    /// That of an object inside one of this style.
    fn inner(&self) -> Self {
        let (lead, tail) = if self.lead.contains('\n') {
            // Blank lines between members are not repeated inside them.
            let line_end = if self.lead.contains("\r\n") { "\r\n" } else { "\n" };
            let line = &self.lead[self.lead.rfind(line_end).unwrap_or(0)..];
            let unit = line.strip_prefix(&self.tail).filter(|unit| !unit.is_empty() && !unit.contains('\n'));
            (format!("{line}{}", unit.unwrap_or("  ")), line.to_owned())
        } else {
            let space = if self.is_spaced() { " " } else { "" };
            (space.to_owned(), space.to_owned())
        };
        Self { lead, colon: self.colon.clone(), tail }
    }

    /// Whether a space follows the colon.
    fn is_spaced(&self) -> bool {
        self.colon.ends_with(' ')
    }

    /// A value on one line.
    fn inline(&self, value: &Value) -> String {
        match value {
            Value::Object(members) if self.is_spaced() && !members.is_empty() => {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("{}: {value}", quoted(name))).collect();
                format!("{{ {} }}", members.join(", "))
            }
            value => value.to_string(),
        }
    }
}

/// A member of an object.
#[derive(Debug)]
struct Member {
    /// Its name.
    name: String,
    /// Where its name is in the text, quotes included.
    name_at: Range<usize>,
    /// Where its value is.
    value_at: Range<usize>,
}

/// The text of an object, taken apart.
struct Object<'a> {
    /// The text, braces included.
    text: &'a str,
    /// The members, in the order of the text.
    members: Vec<Member>,
    /// The style of the last member.
    style: Style,
}

impl<'a> Object<'a> {
    /// Reads an object; `otherwise` is its style if it has no members.
    fn read(text: &'a str, otherwise: Style) -> Option<Self> {
        let Members(found) = serde_json::from_str(text).ok()?;
        let (mut members, mut style) = (Vec::<Member>::with_capacity(found.len()), otherwise);
        for (name, value) in &found {
            // The value is a part of the text, so its place is a difference of addresses.
            let start = value.get().as_ptr().addr() - text.as_ptr().addr();
            // Between two values are white space, a comma, a name and a colon, and nothing else.
            let before = members.last().map_or(1, |member| member.value_at.end);
            let name_at = before + text[before..start].find('"')?..before + text[before..start].rfind('"')? + 1;
            let value_at = start..start + value.get().len();
            style = Style {
                lead: text[before..name_at.start].rsplit(',').next()?.to_owned(),
                colon: text[name_at.end..start].to_owned(),
                tail: text[value_at.end..].strip_suffix('}').unwrap_or_default().to_owned(),
            };
            members.push(Member { name: name.to_string(), name_at, value_at });
        }
        Some(Self { text, members, style })
    }

    /// The place of a member in the list; of several with one name the last, which is the one that counts.
    fn find(&self, name: &str) -> Option<usize> {
        self.members.iter().rposition(|member| member.name == name)
    }

    /// The text of a member's value.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.find(name).map(|at| &self.text[self.members[at].value_at.clone()])
    }

    /// The style of a new object inside: that of the last one that has members, or a plain one.
    fn style_inside(&self) -> Style {
        let inner = self.style.inner();
        let inside = self.members.iter().rev().find_map(|member| {
            Self::read(&self.text[member.value_at.clone()], inner.clone()).filter(|object| !object.members.is_empty())
        });
        inside.map_or(inner, |object| object.style)
    }

    /// The text with a member set to a JSON text; a new member comes last.
    fn set(&self, name: &str, value: &str) -> String {
        let Style { lead, colon, tail } = &self.style;
        if let Some(at) = self.find(name) {
            return splice(self.text, self.members[at].value_at.clone(), value);
        }
        let member = format!("{lead}{}{colon}{value}", quoted(name));
        match self.members.last() {
            None => format!("{{{member}{tail}}}"),
            Some(last) => splice(self.text, last.value_at.end..last.value_at.end, &format!(",{member}")),
        }
    }

    /// The text without a member and its comma.
    fn remove(&self, name: &str) -> String {
        let Some(at) = self.find(name) else { return self.text.to_owned() };
        let Member { name_at, value_at, .. } = &self.members[at];
        let part = match (at.checked_sub(1), self.members.get(at + 1)) {
            (Some(before), _) => self.members[before].value_at.end..value_at.end,
            (None, Some(after)) => name_at.start..after.name_at.start,
            (None, None) => name_at.start..value_at.end,
        };
        splice(self.text, part, "")
    }
}

#[cfg(test)]
mod tests;
