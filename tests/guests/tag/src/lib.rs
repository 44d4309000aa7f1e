//! The plugin of the first page of the documentation: sets a header on requests.

use serde::Deserialize;
use tamis_sdk::{Next, Plugin, Request, next, plugin};

#[derive(Deserialize)]
struct Tag {
    header: Option<String>,
}

#[plugin]
impl Plugin for Tag {
    fn on_request(&mut self, request: Request) -> Next {
        if request.header("x-skip").is_some() {
            return next();
        }
        next().set_header(self.header.as_deref().unwrap_or("x-tamis"), "1")
    }
}
