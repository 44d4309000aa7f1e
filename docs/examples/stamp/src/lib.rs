//! Puts a stamp on every response.

use serde::Deserialize;
use tamis_sdk::{Next, Plugin, Response, next, plugin};

#[derive(Deserialize)]
struct Stamp {
    text: String,
}

#[plugin]
impl Plugin for Stamp {
    #[fields(none)]
    fn on_response(&mut self, _: Response) -> Next {
        next().set_header("x-stamp", &*self.text)
    }
}

#[cfg(test)]
mod tests {
    use tamis_sdk::testing::{self, Host};
    use tamis_sdk::{Plugin, Response, next};

    use super::Stamp;

    #[test]
    fn every_response_gets_the_stamp() {
        Host::start();
        let (mut stamp, _) = testing::start::<Stamp>(r#"{ "text": "seen" }"#).expect("valid");
        let answer = stamp.on_response(Response::new(200));
        assert_eq!(answer, next().set_header("x-stamp", "seen"));
    }

    #[test]
    fn a_misspelt_key_is_told_with_the_likely_one() {
        Host::start();
        let mistakes = testing::start::<Stamp>(r#"{ "txt": "seen" }"#).err().expect("a mistake");
        assert_eq!(mistakes[0].to_string(), "/txt: unknown key; known are `text`; write `text`");
    }
}
