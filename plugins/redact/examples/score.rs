//! Filters standard input to standard output as a log text, with the rules that are named as
//! arguments, or the default ones.

use serde_json::json;
use std::io::{Read, Write};
use tamis_redact::{Answer, Engine, Kind, Rules, Scratch, Stream};

fn main() -> std::io::Result<()> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let config = if names.is_empty() { json!(null) } else { json!({ "rules": names }) };
    let rules = Rules::from_config(&config)
        .map_err(|errors| std::io::Error::other(format!("{errors:?}")))?;
    let engine = Engine::new(rules);
    let (mut scratch, mut stream) = (Scratch::default(), Stream::new(Kind::Text));
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let read = input.read(&mut chunk)?;
        match stream.push(&engine, &chunk[..read], read == 0, &mut scratch) {
            Answer::Pass => output.write_all(&chunk[..read])?,
            Answer::Replace(bytes) => output.write_all(&bytes)?,
            Answer::Splice(splices) => {
                let mut at = 0;
                for splice in splices {
                    output.write_all(&chunk[at..splice.at])?;
                    output.write_all(&splice.bytes)?;
                    at = splice.at + splice.len;
                }
                output.write_all(&chunk[at..read])?;
            }
        }
        if read == 0 {
            return output.flush();
        }
    }
}
