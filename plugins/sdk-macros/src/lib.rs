//! The attribute `#[plugin]` of `tamis-sdk`, which documents it.
//!
//! Reads the hooks that an `impl Plugin` block writes and the attributes on them, and adds what the
//! host has to know: the manifest, the subscription, and the exports of exactly those hooks. What
//! is missing or contradicts itself becomes a compile error that shows the line to write. Whether
//! a method exists, and takes what it takes, is left to the trait.

mod argument;
mod expand;
mod hook;
mod options;
mod quantity;

use proc_macro::TokenStream;

/// Turns an `impl Plugin` block into a component; see the documentation of `tamis-sdk`.
#[proc_macro_attribute]
pub fn plugin(arguments: TokenStream, block: TokenStream) -> TokenStream {
    expand::plugin(arguments.into(), block.into()).into()
}
