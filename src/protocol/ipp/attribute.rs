//! Attributes and the groups that they come in.

use std::borrow::Cow;

use super::tag::GroupTag;
use super::value::{Resolution, Value};

/// A name and its values: one, or several of a 1setOf, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    pub name: Cow<'a, str>,
    /// Never empty in what was decoded; an attribute without values cannot be encoded.
    pub values: Vec<Value<'a>>,
}

/// Attributes of one object: a job, a printer, the operation itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    pub tag: GroupTag,
    pub attributes: Vec<Attribute<'a>>,
}

impl<'a> Attribute<'a> {
    pub fn new(name: impl Into<Cow<'a, str>>, value: Value<'a>) -> Attribute<'a> {
        Attribute { name: name.into(), values: vec![value] }
    }

    /// Several keywords.
    pub fn keywords(name: impl Into<Cow<'a, str>>, keywords: &[&'a str]) -> Attribute<'a> {
        Attribute { name: name.into(), values: keywords.iter().map(|text| Value::keyword(*text)).collect() }
    }
}

impl<'a> Group<'a> {
    pub fn new(tag: GroupTag) -> Group<'a> {
        Group { tag, attributes: Vec::new() }
    }

    pub fn push(&mut self, name: impl Into<Cow<'a, str>>, value: Value<'a>) {
        self.attributes.push(Attribute::new(name, value));
    }

    /// The values of the attribute; none where it is missing. Of several with the same name the first counts.
    pub fn values(&self, name: &str) -> &[Value<'a>] {
        let found = self.attributes.iter().find(|attribute| attribute.name == name);
        found.map_or(&[], |attribute| attribute.values.as_slice())
    }

    pub fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute.name == name)
    }

    pub fn first(&self, name: &str) -> Option<&Value<'a>> {
        self.values(name).first()
    }

    pub fn integer(&self, name: &str) -> Option<i32> {
        self.first(name)?.integer()
    }

    /// A number that cannot be negative.
    pub fn count(&self, name: &str) -> Option<u32> {
        self.integer(name).and_then(|number| u32::try_from(number).ok())
    }

    pub fn enumeration(&self, name: &str) -> Option<i32> {
        self.first(name)?.enumeration()
    }

    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.first(name)?.boolean()
    }

    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.first(name)?.text()
    }

    /// As [`Group::text`], owned; nothing where it is empty.
    pub fn string(&self, name: &str) -> Option<String> {
        self.text(name).map(Cow::into_owned).filter(|text| !text.is_empty())
    }

    /// All values that are made of characters, in order.
    pub fn strings(&self, name: &str) -> Vec<String> {
        self.values(name).iter().filter_map(|value| value.text().map(Cow::into_owned)).collect()
    }

    pub fn integers(&self, name: &str) -> Vec<i32> {
        self.values(name).iter().filter_map(Value::integer).collect()
    }

    pub fn enumerations(&self, name: &str) -> Vec<i32> {
        self.values(name).iter().filter_map(Value::enumeration).collect()
    }

    pub fn resolutions(&self, name: &str) -> Vec<Resolution> {
        self.values(name).iter().filter_map(Value::resolution).collect()
    }
}
