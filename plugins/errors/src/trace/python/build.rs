//! From what was drawn to a list of exceptions in the order of error trackers.

use tamis_sdk::errors::Exception;

use crate::trace::MOST_EXCEPTIONS;

/// Exceptions of which each was raised because of the one before.
pub(super) type Chain = Vec<Raised>;

/// One exception with what hangs on it.
pub(super) struct Raised {
    pub(super) exception: Exception,
    pub(super) members: Vec<Chain>,
    /// How the next of its chain came out of it.
    pub(super) relation: Option<Relation>,
}

/// How one exception came out of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// `raise … from …`.
    Cause,
    /// Raised while another was handled.
    Context,
}

/// Root cause first, the one finally raised last; members of a group before it.
pub(super) fn exceptions(chain: Chain) -> Vec<Exception> {
    // Outermost first: each before what it came out of, and that before its members.
    let mut found: Vec<Exception> = Vec::new();
    push(chain, None, &mut found);
    found.reverse();
    let last = found.len().saturating_sub(1) as u32;
    for exception in &mut found {
        exception.parent = exception.parent.map(|parent| last - parent);
    }
    found
}

fn push(chain: Chain, above: Option<(u32, String)>, found: &mut Vec<Exception>) {
    let mut above = above;
    let mut groups = Vec::new();
    for raised in chain.into_iter().rev() {
        if found.len() >= MOST_EXCEPTIONS {
            return;
        }
        let mut exception = raised.exception;
        if let Some((parent, relation)) = above.take() {
            let relation = match raised.relation {
                Some(Relation::Cause) => "__cause__".to_owned(),
                Some(Relation::Context) => "__context__".to_owned(),
                None => relation,
            };
            (exception.parent, exception.relation) = (Some(parent), Some(relation));
        }
        let index = found.len() as u32;
        found.push(exception);
        above = Some((index, String::new()));
        groups.push((index, raised.members));
    }
    for (index, members) in groups {
        for (number, member) in members.into_iter().enumerate() {
            push(member, Some((index, format!("exceptions[{number}]"))), found);
        }
    }
}
