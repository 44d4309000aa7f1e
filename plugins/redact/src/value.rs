//! The shapes of values, one file per family.
//!
//! Each file answers one question, "does a value of this kind begin (or end, or lie) here?", from
//! the bytes around a candidate, and reads no further than its longest value. None of them knows
//! what is done with a hit, nor where the text comes from.

pub(crate) mod card;
pub(crate) mod context;
pub(crate) mod digits;
pub(crate) mod email;
pub(crate) mod iban;
pub(crate) mod ip;
pub(crate) mod jwt;
pub(crate) mod mac;
pub(crate) mod phone;
pub(crate) mod secret;
pub(crate) mod ssn;
pub(crate) mod token;
pub(crate) mod userinfo;
pub(crate) mod version;
