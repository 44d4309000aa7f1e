//! The rules as they run: which are on, what they do, and what they let pass.
//!
//! Made from a configuration by [`Rules::from_config`], which reports every mistake at once, or as
//! they ship by [`Rules::default`].

use crate::action::Key;
use crate::names::Names;
use crate::rule::{COUNT, Default as Shipped, RULES};

mod allow;
mod config;

pub(crate) use allow::Allow;
pub use config::{ConfigError, SCHEMA};

/// What is done with the hits of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A marker instead: that of the rule, or this text.
    Replace(Option<String>),
    /// Ten stars.
    Mask,
    /// Ten stars and the last four characters, if the value has at least sixteen; else as `Mask`.
    Last4,
    /// A keyed hash, the same for the same value.
    Hash,
    /// The network of an address.
    Truncate,
    /// Nothing instead. A pair of a name and a value goes as a whole.
    Drop,
    /// Counted and left alone.
    Report,
}

/// A set of rules.
pub struct Rules {
    pub(crate) on: [bool; COUNT],
    pub(crate) actions: [Action; COUNT],
    pub(crate) names: Names,
    pub(crate) allow: Allow,
    pub(crate) key: Option<Key>,
    /// What follows from the actions, so that nobody has to look through them.
    pub(crate) traits: Traits,
}

/// What the actions of a set of rules have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traits {
    /// Texts that are written in place of values.
    pub(crate) texts: Vec<String>,
    /// Whether any rule writes tokens.
    pub(crate) hashes: bool,
}

impl Traits {
    pub(crate) fn of(actions: &[Action]) -> Traits {
        let mut texts: Vec<String> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Replace(text) => text.clone(),
                _ => None,
            })
            .collect();
        texts.sort();
        texts.dedup();
        Traits { texts, hashes: actions.contains(&Action::Hash) }
    }
}

impl Default for Rules {
    /// The default list, with the actions that ship.
    fn default() -> Rules {
        Rules {
            on: [true; COUNT],
            actions: shipped_actions(),
            names: Names::new(&[], &[]),
            allow: Allow::default(),
            key: None,
            traits: Traits::default(),
        }
    }
}

impl Rules {
    /// The names of all rules there are, in their order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        RULES.iter().map(|rule| rule.name)
    }

    /// How many rules are on.
    pub fn count(&self) -> usize {
        self.on.iter().filter(|on| **on).count()
    }
}

fn shipped_actions() -> [Action; COUNT] {
    std::array::from_fn(|index| match RULES[index].default {
        Shipped::Replace => Action::Replace(None),
        Shipped::Last4 => Action::Last4,
        Shipped::Truncate => Action::Truncate,
    })
}
