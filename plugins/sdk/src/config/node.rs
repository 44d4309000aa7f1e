//! A JSON document that serde reads from and that knows where it is wrong.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::mistake::{Mistake, Step};

/// A JSON value. What is taken out of a list leaves the numbers of the others as they were.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Boolean(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<(usize, Node)>),
    Table(Vec<(String, Node)>),
}

impl Node {
    fn kind(&self) -> Unexpected<'_> {
        match self {
            Self::Null => Unexpected::Unit,
            Self::Boolean(truth) => Unexpected::Bool(*truth),
            Self::Unsigned(number) => Unexpected::Unsigned(*number),
            Self::Signed(number) => Unexpected::Signed(*number),
            Self::Float(number) => Unexpected::Float(*number),
            Self::Text(text) => Unexpected::Str(text),
            Self::List(_) => Unexpected::Seq,
            Self::Table(_) => Unexpected::Map,
        }
    }

    /// Takes out what is at this place; says whether there was anything.
    pub(super) fn take_out(&mut self, path: &[Step]) -> bool {
        let Some((step, rest)) = path.split_first() else { return false };
        match (self, step) {
            (Self::Table(entries), Step::Key(key)) => take_out_of(entries, key, rest),
            (Self::List(items), Step::Index(index)) => take_out_of(items, index, rest),
            _ => false,
        }
    }
}

fn take_out_of<K: PartialEq>(entries: &mut Vec<(K, Node)>, key: &K, rest: &[Step]) -> bool {
    let Some(at) = entries.iter().position(|entry| entry.0 == *key) else { return false };
    if rest.is_empty() {
        entries.remove(at);
        return true;
    }
    entries[at].1.take_out(rest)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Node, E> {
        Ok(Node::Boolean(truth))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Unsigned(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Signed(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(value) = values.next_element()? {
            items.push((items.len(), value));
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = values.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Table(entries))
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self {
            Node::Null => visitor.visit_unit(),
            Node::Boolean(truth) => visitor.visit_bool(*truth),
            Node::Unsigned(number) => visitor.visit_u64(*number),
            Node::Signed(number) => visitor.visit_i64(*number),
            Node::Float(number) => visitor.visit_f64(*number),
            Node::Text(text) => visitor.visit_borrowed_str(text),
            Node::List(items) => visitor.visit_seq(Items { rest: items }),
            Node::Table(entries) => visitor.visit_map(Entries::new(entries, &[])),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self {
            Node::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match self {
            Node::Table(entries) => visitor.visit_map(Entries::new(entries, known)),
            _ => Err(de::Error::invalid_type(self.kind(), &"a table")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match self {
            Node::Text(name) => visitor.visit_enum(Case { name, content: None }),
            Node::Table(entries) if entries.len() == 1 => {
                let (name, content) = &entries[0];
                visitor.visit_enum(Case { name, content: Some(content) })
            }
            _ => Err(de::Error::invalid_type(self.kind(), &"a string, or a table with one key")),
        }
    }

    /// For a plugin that takes no configuration.
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match self {
            Node::Table(entries) => match entries.first() {
                Some((key, _)) => Err(de::Error::unknown_field(key, &[])),
                None => visitor.visit_unit(),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    /// What serde skips is a key that nobody knows, also where a type does not say that it denies
    /// them: a setting that does nothing is a mistake.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Mistake> {
        let mut mistake = Mistake::new("unknown value".to_owned());
        mistake.ignored = true;
        Err(mistake)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        seq tuple tuple_struct map identifier
    }
}

struct Items<'de> {
    rest: &'de [(usize, Node)],
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        let Some(((index, value), rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let result = seed.deserialize(value);
        result.map(Some).map_err(|mistake| mistake.below(|| Step::Index(*index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Entries<'de> {
    rest: &'de [(String, Node)],
    current: Option<&'de (String, Node)>,
    /// The keys that are wanted, where they are known.
    known: &'static [&'static str],
}

impl<'de> Entries<'de> {
    fn new(rest: &'de [(String, Node)], known: &'static [&'static str]) -> Self {
        Self { rest, current: None, known }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let Some((entry, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        self.current = Some(entry);
        let key: StrDeserializer<'_, Mistake> = (*entry.0).into_deserializer();
        seed.deserialize(key).map(Some).map_err(|mistake| {
            // An unknown key has named itself; any other complaint is about the key's text.
            if mistake.path.is_empty() {
                mistake.below(|| Step::Key(entry.0.clone()))
            } else {
                mistake
            }
        })
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Mistake> {
        let Some((key, value)) = self.current.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(value).map_err(|mistake| {
            if mistake.ignored {
                de::Error::unknown_field(key, self.known)
            } else {
                mistake.below(|| Step::Key(key.clone()))
            }
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// One case of an enum: its name, and what it holds.
struct Case<'de> {
    name: &'de str,
    content: Option<&'de Node>,
}

impl<'de> EnumAccess<'de> for Case<'de> {
    type Error = Mistake;
    type Variant = Content<'de>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Content<'de>), Mistake> {
        let name: StrDeserializer<'_, Mistake> = self.name.into_deserializer();
        let value = seed.deserialize(name)?;
        Ok((value, Content { name: self.name, content: self.content }))
    }
}

struct Content<'de> {
    name: &'de str,
    content: Option<&'de Node>,
}

impl<'de> Content<'de> {
    fn read<R>(
        self,
        expected: &'static str,
        read: impl FnOnce(&'de Node) -> Result<R, Mistake>,
    ) -> Result<R, Mistake> {
        match self.content {
            Some(content) => read(content).map_err(|mistake| mistake.inside_of(self.name)),
            None => Err(de::Error::invalid_type(Unexpected::Other("no value"), &expected)),
        }
    }
}

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        match self.content {
            Some(content) => {
                <()>::deserialize(content).map_err(|mistake| mistake.inside_of(self.name))
            }
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mistake> {
        self.read("a value for the case", |content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        self.read("a value for the case", |content| content.deserialize_any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.read("a value for the case", |content| content.deserialize_struct("", known, visitor))
    }
}
