//! Is anybody listening: connects, and closes. That the stream is there is all there is to know.

use super::{Attribute, Trouble};
use crate::wire::Stream;
use tokio::io::AsyncWriteExt;

/// Closes a stream that was just connected.
pub(super) async fn probe(mut stream: Stream) -> Result<Vec<Attribute>, Trouble> {
    // Ends in order, so that the server sees a client that left and not one that broke. A server
    // that is faster has closed already: that is no failure.
    let _ = stream.shutdown().await;
    Ok(Vec::new())
}
