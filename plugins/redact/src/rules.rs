//! The rules as they run: which are on, what they do, and what they let pass.
//!
//! Made from a configuration by [`Rules::from_config`], which reports every mistake at once, or as
//! they ship by [`Rules::default`].

use crate::custom::Customs;
use crate::cut::Cut;
use crate::keys::Keys;
use crate::names::Names;
use crate::rule::{Catalogue, Default as Shipped, RuleId, SHIPPED};
use std::sync::Arc;

mod allow;
mod config;
mod table;
#[cfg(not(target_family = "wasm"))]
mod vectors;

pub(crate) use allow::Allow;
pub use config::{ConfigError, SCHEMA};
#[cfg(not(target_family = "wasm"))]
pub(crate) use table::{Draft, Tables};

/// What is done with the hits of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A marker instead: that of the rule, or this text.
    Replace(Option<String>),
    /// Ten stars.
    Mask,
    /// Ten stars and the last letters and digits: so many, a quarter of them all at most, and none
    /// where there are fewer than sixteen.
    Last(u8),
    /// The first letters and digits, as many as of `Last`, and ten stars.
    First(u8),
    /// A keyed hash, the same for the same value.
    Hash,
    /// What whoever holds the key can read again, the same for the same value; see
    /// [`decrypt`](crate::decrypt). Values of more than 192 bytes as `Mask`.
    Encrypt,
    /// A part of the value: the network of an address, the month of a date.
    Truncate(Cut),
    /// Nothing instead. A pair of a name and a value goes as a whole.
    Drop,
    /// The record or the body that holds it does not go on. Where a value comes alone, as `Replace`.
    DropRecord,
    /// Counted and left alone.
    Report,
}

/// What stands in place of a number of JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Number {
    /// What stands in place of any value, as a string.
    #[default]
    String,
    /// `null`.
    Null,
    /// `0`, for readers that want a number.
    Zero,
}

/// A set of rules.
pub struct Rules {
    pub(crate) catalogue: Catalogue,
    /// Which are on, by their place in the catalogue.
    pub(crate) on: Vec<bool>,
    /// What each does.
    pub(crate) actions: Vec<Action>,
    pub(crate) names: Names,
    pub(crate) allow: Allow,
    /// What passes for one rule only.
    pub(crate) own_allow: Vec<(RuleId, Allow)>,
    /// The rules of a file.
    pub(crate) customs: Option<Arc<Customs>>,
    pub(crate) keys: Keys,
    pub(crate) number: Number,
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
    /// Whether any rule encrypts.
    pub(crate) encrypts: bool,
    /// The most characters that are shown at the beginning of a value, and at its end.
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// Whether names of a group of their own are taken out with their values.
    pub(crate) drops_groups: bool,
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
        let most = |of: fn(&Action) -> u8| usize::from(actions.iter().map(of).max().unwrap_or(0));
        Traits {
            texts,
            hashes: actions.contains(&Action::Hash),
            encrypts: actions.contains(&Action::Encrypt),
            first: most(|action| if let Action::First(most) = action { *most } else { 0 }),
            last: most(|action| if let Action::Last(most) = action { *most } else { 0 }),
            drops_groups: false,
        }
    }
}

impl Default for Rules {
    /// The default list, with the actions that ship.
    fn default() -> Rules {
        let catalogue = Catalogue::default();
        Rules {
            on: catalogue.on_by_default(),
            actions: shipped_actions(&catalogue),
            catalogue,
            names: Names::new(&[], &[]),
            allow: Allow::default(),
            own_allow: Vec::new(),
            customs: None,
            keys: Keys::default(),
            number: Number::default(),
            traits: Traits::default(),
        }
    }
}

impl Rules {
    /// The names of the rules that ship, in their order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|rule| &*rule.name)
    }

    /// How many rules are on.
    pub fn count(&self) -> usize {
        self.on.iter().filter(|on| **on).count()
    }
}

/// What each does when nothing is configured.
fn shipped_actions(catalogue: &Catalogue) -> Vec<Action> {
    let action = |(_, rule): (RuleId, &crate::rule::Rule)| match rule.default {
        Shipped::Replace => Action::Replace(None),
        Shipped::Last4 => Action::Last(4),
        Shipped::Truncate => Action::Truncate(Cut::default()),
    };
    catalogue.iter().map(action).collect()
}
