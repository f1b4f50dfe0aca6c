//! Changes single members of a JSON text and leaves every other byte of it as it is: the order, the indentation, the
//! line ends. Pure.
//!
//! A new member comes last, written as its siblings are: the white space before their names, the colon, and for an
//! object inside, the look of a sibling that is one.

use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// What becomes of a member.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// The names that lead to it from the top.
    pub(crate) path: Vec<String>,
    /// Its new value, or `None` to remove it.
    pub(crate) value: Option<Value>,
}

/// A text that holds no JSON object, or a path through something that is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAnObject;

/// Makes the changes, one after the other; `text` is a JSON object. The result means what the changes say, or there is
/// none.
pub(crate) fn apply(text: &str, changes: &[Change]) -> Result<String, NotAnObject> {
    let mut edited = text.to_owned();
    let mut meant: Value = serde_json::from_str(text).map_err(|_| NotAnObject)?;
    for Change { path, value } in changes {
        mean(&mut meant, path, value.as_ref())?;
        edited = match value {
            Some(value) => set(&edited, path, value)?,
            None => remove(&edited, path)?,
        };
    }
    // What is written was meant, whatever the text looked like.
    if serde_json::from_str::<Value>(&edited).ok() == Some(meant) { Ok(edited) } else { Err(NotAnObject) }
}

/// Makes a change to a value instead of a text.
fn mean(object: &mut Value, path: &[String], value: Option<&Value>) -> Result<(), NotAnObject> {
    let members = object.as_object_mut().ok_or(NotAnObject)?;
    match (path, value) {
        ([], _) => Err(NotAnObject),
        ([name], Some(value)) => {
            members.insert(name.clone(), value.clone());
            Ok(())
        }
        ([name], None) => {
            members.remove(name);
            Ok(())
        }
        ([name, below @ ..], Some(_)) => {
            mean(members.entry(name.as_str()).or_insert_with(|| Value::Object(serde_json::Map::new())), below, value)
        }
        ([name, below @ ..], None) => members.get_mut(name).map_or(Ok(()), |object| mean(object, below, None)),
    }
}

/// Sets one member. Objects on the way that are not there are made.
fn set(text: &str, path: &[String], value: &Value) -> Result<String, NotAnObject> {
    let mut object = Object::root(text)?;
    for (at, name) in path.iter().enumerate() {
        let Some(member) = object.find(name) else { return Ok(object.append(&path[at..], value)) };
        if at + 1 == path.len() {
            return Ok(splice(text, member.value.clone(), &inline(value, object.style.is_spaced())));
        }
        object = object.enter(member)?;
    }
    Err(NotAnObject)
}

/// Removes a member with its comma, wherever its name stands; that there is none is fine.
fn remove(text: &str, path: &[String]) -> Result<String, NotAnObject> {
    let mut object = Object::root(text)?;
    for (at, name) in path.iter().enumerate() {
        let Some(member) = object.find(name) else { return Ok(text.to_owned()) };
        if at + 1 == path.len() {
            return remove(&splice(text, object.with_comma(member), ""), path);
        }
        object = object.enter(member)?;
    }
    Err(NotAnObject)
}

/// The text with a part of it replaced.
fn splice(text: &str, part: Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &text[..part.start], &text[part.end..])
}

/// A value on one line.
fn inline(value: &Value, spaced: bool) -> String {
    match value {
        Value::Object(members) if spaced && !members.is_empty() => {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("{}: {}", string(name), inline(value, spaced))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        value => value.to_string(),
    }
}

/// A text as a JSON string.
fn string(text: &str) -> String {
    Value::from(text).to_string()
}

/// How the members of an object are set.
#[derive(Debug, Clone)]
struct Style {
    /// White space before a name.
    lead: String,
    /// Between a name and its value.
    colon: String,
    /// White space behind the last value.
    tail: String,
}

impl Style {
    /// That of a new file.
    fn fresh() -> Self {
        Self { lead: "\n  ".to_owned(), colon: ": ".to_owned(), tail: "\n".to_owned() }
    }

    /// That of an object inside one of this style.
    fn inner(&self) -> Self {
        let (lead, tail) = if self.lead.contains('\n') {
            // A blank line between members is none inside them.
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

    /// Whether there is a space behind colons.
    fn is_spaced(&self) -> bool {
        self.colon.ends_with(' ')
    }

    /// An object with one member.
    fn object(&self, name: &str, value: &str) -> String {
        format!("{{{}{}{}{value}{}}}", self.lead, string(name), self.colon, self.tail)
    }
}

/// A member of an object, as parts of the text.
#[derive(Debug)]
struct Member {
    /// Its name.
    name: String,
    /// Its name in the text, with the quotes.
    name_at: Range<usize>,
    /// Its value in the text.
    value: Range<usize>,
}

/// An object of the text.
struct Object<'a> {
    /// The whole text.
    text: &'a str,
    /// Where in it the object is, braces included.
    at: Range<usize>,
    /// Its members, in the order of the text.
    members: Vec<Member>,
    /// How they are set, or would be.
    style: Style,
}

impl<'a> Object<'a> {
    /// The text's own object.
    fn root(text: &'a str) -> Result<Self, NotAnObject> {
        let start = text.len() - text.trim_start().len();
        Self::read(text, start..text.trim_end().len(), Style::fresh())
    }

    /// The object in a part of the text; `otherwise` is its style if it has no members to take one from.
    fn read(text: &'a str, at: Range<usize>, otherwise: Style) -> Result<Self, NotAnObject> {
        let Names(found) = serde_json::from_str(&text[at.clone()]).map_err(|_| NotAnObject)?;
        let mut members: Vec<Member> = Vec::with_capacity(found.len());
        for (name, value) in found {
            // The value is a part of the text, so its place is a difference of addresses.
            let start = value.get().as_ptr().addr() - text.as_ptr().addr();
            // Between a value and the next are white space, a comma, a name and a colon, and nothing else.
            let behind = members.last().map_or(at.start, |member| member.value.end);
            let between = &text[behind..start];
            let open = behind + between.find('"').ok_or(NotAnObject)?;
            let close = behind + between.rfind('"').ok_or(NotAnObject)? + 1;
            members.push(Member { name, name_at: open..close, value: start..start + value.get().len() });
        }
        let mut object = Self { text, at, members, style: otherwise };
        if let Some(style) = object.style() {
            object.style = style;
        }
        Ok(object)
    }

    /// The style of the last member.
    fn style(&self) -> Option<Style> {
        let last = self.members.last()?;
        let before = match self.members.len() {
            1 => self.at.start,
            count => self.members[count - 2].value.end,
        };
        let between = &self.text[before..last.name_at.start];
        Some(Style {
            lead: between[between.find(['{', ','])? + 1..].to_owned(),
            colon: self.text[last.name_at.end..last.value.start].to_owned(),
            tail: self.text[last.value.end..self.at.end - 1].to_owned(),
        })
    }

    /// The member of a name; of several the last, which is the one that counts.
    fn find(&self, name: &str) -> Option<&Member> {
        self.members.iter().rev().find(|member| member.name == name)
    }

    /// The object that a member is.
    fn enter(&self, member: &Member) -> Result<Self, NotAnObject> {
        Self::read(self.text, member.value.clone(), self.style.inner())
    }

    /// The text with a new last member: the value, below objects for all names but the last.
    fn append(&self, path: &[String], value: &Value) -> String {
        let (first, below) = (&path[0], &path[1..]);
        let mut styles = vec![self.sibling_style().unwrap_or_else(|| self.style.inner())];
        for _ in 1..below.len() {
            styles.extend(styles.last().map(Style::inner));
        }
        let leaf = inline(value, self.style.is_spaced());
        let value = below.iter().zip(&styles).rev().fold(leaf, |value, (name, style)| style.object(name, &value));
        match self.members.last() {
            None => splice(self.text, self.at.clone(), &self.style.object(first, &value)),
            Some(last) => {
                let Style { lead, colon, .. } = &self.style;
                let member = format!(",{lead}{}{colon}{value}", string(first));
                splice(self.text, last.value.end..last.value.end, &member)
            }
        }
    }

    /// The style of the last member that is an object with members itself.
    fn sibling_style(&self) -> Option<Style> {
        self.members.iter().rev().find_map(|member| self.enter(member).ok()?.style())
    }

    /// A member and the comma that goes with it.
    fn with_comma(&self, member: &Member) -> Range<usize> {
        let before = self.members.iter().rev().find(|other| other.value.end < member.name_at.start);
        let after = self.members.iter().find(|other| other.name_at.start > member.value.end);
        match (before, after) {
            (Some(before), _) => before.value.end..member.value.end,
            (None, Some(after)) => member.name_at.start..after.name_at.start,
            (None, None) => member.name_at.start..member.value.end,
        }
    }
}

/// The members of an object in their order, the values as parts of the text.
struct Names<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Names<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Collects them.
        struct Collector;
        impl<'de> Visitor<'de> for Collector {
            type Value = Names<'de>;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Names(members))
            }
        }
        deserializer.deserialize_map(Collector)
    }
}

#[cfg(test)]
mod tests;
