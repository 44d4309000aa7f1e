//! Filters standard input to standard output with the default rules, as a log text.

use std::io::{Read, Write};
use tamis_redact::{Answer, Engine, Kind, Rules, Scratch, Stream};

fn main() -> std::io::Result<()> {
    let engine = Engine::new(Rules::default());
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
