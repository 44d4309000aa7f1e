//! What is asked and what is answered, the same for every subject.
//!
//! The request has twelve fields, as a browser or a mobile client sends them. The answers are
//! JSON: one of 200 bytes, and one of 16 KiB in two versions of the same length, one with
//! personal data in some of its objects, one without any. Nothing is random.

use std::fmt::Write as _;

/// The length of the short answer, in bytes.
pub const SHORT: usize = 200;
/// The length of the long answers, in bytes.
pub const LONG: usize = 16 * 1024;
/// A text that stands in the answer with personal data and must not come through redaction.
pub const PERSONAL: &str = "4111 1111 1111 1111";

/// Which answer is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// 200 bytes.
    Short,
    /// 16 KiB without personal data.
    Clean,
    /// 16 KiB with card numbers, addresses and accounts in one object of ten.
    Personal,
}

impl Answer {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Short, Self::Clean, Self::Personal];

    /// The path under which the upstream has it.
    pub fn path(self) -> &'static str {
        match self {
            Self::Short => "/api/orders/4711",
            Self::Clean => "/api/orders",
            Self::Personal => "/api/customers",
        }
    }

    /// The body.
    pub fn body(self) -> String {
        match self {
            Self::Short => short(),
            Self::Clean => long(|_| false),
            Self::Personal => long(|number| number % 10 == 3),
        }
    }

    /// The whole answer, as it goes over the wire.
    pub fn on_the_wire(self) -> Vec<u8> {
        let body = self.body();
        format!(
            "HTTP/1.1 200 OK\r\nserver: upstream\r\ndate: Tue, 03 Nov 2026 09:30:00 GMT\r\n\
             content-type: application/json\r\ncache-control: no-store\r\ncontent-length: {}\r\n\
             \r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    /// The request for it, with twelve fields.
    pub fn request(self) -> Vec<u8> {
        format!(
            "GET {} HTTP/1.1\r\nhost: shop.example\r\nconnection: keep-alive\r\n\
             user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\
             \r\naccept: application/json, text/plain, */*\r\naccept-language: de-DE,de;q=0.9\r\n\
             accept-encoding: identity\r\ncache-control: no-cache\r\nreferer: https://shop.example/\
             account/orders\r\nsec-fetch-dest: empty\r\nsec-fetch-mode: cors\r\nx-requested-with: \
             XMLHttpRequest\r\nx-client-version: 7.12.0+2026110301\r\n\r\n",
            self.path()
        )
        .into_bytes()
    }
}

fn short() -> String {
    let start =
        "{\"id\":4711,\"status\":\"shipped\",\"currency\":\"EUR\",\"total\":129.9,\"note\":\"";
    let end = "\"}";
    let note = "left with a neighbour on the second floor, ".repeat(4);
    let note = &note[..SHORT - start.len() - end.len()];
    format!("{start}{note}{end}")
}

fn long(personal: impl Fn(usize) -> bool) -> String {
    let mut body = String::with_capacity(LONG);
    body.push_str("{\"items\":[");
    for number in 0.. {
        let mut object = String::new();
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(
            object,
            "{comma}{{\"id\":{},\"title\":\"Oak shelf {} x 80 cm\",\"status\":\"shipped\",\
             \"weight\":{}.5,\"tags\":[\"wood\",\"home\"],",
            10_000 + number,
            40 + number % 60,
            3 + number % 9
        );
        if personal(number) {
            let _ = write!(
                object,
                "\"payment\":\"{PERSONAL}\",\"account\":\"DE89 3704 0044 0532 0130 00\",\
                 \"contact\":\"jane.doe@mail.example\"}}"
            );
        } else {
            let _ = write!(
                object,
                "\"payment\":\"on account, net 30\",\"account\":\"none given for this one\",\
                 \"contact\":\"by the courier today\"}}"
            );
        }
        if body.len() + object.len() + 32 > LONG {
            break;
        }
        body.push_str(&object);
    }
    body.push_str("],\"next\":\"");
    let end = "\"}";
    let filler = "page-".repeat(60);
    body.push_str(&filler[..LONG - body.len() - end.len()]);
    body.push_str(end);
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_their_lengths_and_are_json() {
        for (answer, length) in
            [(Answer::Short, SHORT), (Answer::Clean, LONG), (Answer::Personal, LONG)]
        {
            let body = answer.body();
            assert_eq!(body.len(), length, "{answer:?}");
            serde_json::from_str::<serde_json::Value>(&body).expect("it is JSON");
            let holds = body.contains(PERSONAL);
            assert_eq!(holds, answer == Answer::Personal, "{answer:?}");
        }
    }

    #[test]
    fn the_request_has_twelve_fields() {
        let request = Answer::Short.request();
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Request::new(&mut fields);
        assert!(parsed.parse(&request).expect("it is a request").is_complete());
        assert_eq!(parsed.headers.len(), 12);
    }
}
