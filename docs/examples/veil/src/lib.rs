//! Hides a word in text bodies, log records and all other texts that leave tamis.

use tamis_sdk::{
    Batch, Carry, Chunk, ChunkAction, Config, ConfigError, Edits, Exchanges, Passage, Plugin,
    Splice, plugin,
};

#[derive(serde::Deserialize)]
struct Settings {
    word: String,
}

struct Veil {
    word: String,
    /// What is held back of each body under way.
    carries: Exchanges<Carry>,
}

#[plugin(guard, exchanges(carries))]
impl Plugin for Veil {
    fn configure(config: Config) -> Result<Self, Vec<ConfigError>> {
        let Settings { word } = config.parse()?;
        if word.is_empty() {
            return Err(ConfigError::new("/word", "hides everything and nothing").into());
        }
        Ok(Self { word, carries: Exchanges::new() })
    }

    /// A chunk may end in the middle of the word, so as many bytes are held back.
    #[body(transform, max = "64 MiB", types("text/*"), decode)]
    fn on_response_body(&mut self, chunk: Chunk) -> ChunkAction {
        let word = self.word.as_bytes();
        let carry = self.carries.get_or_insert_with(chunk.exchange, || Carry::new(word.len()));
        carry.feed(chunk, |text, _| hits(text, word))
    }

    #[logs(raw)]
    fn on_logs(&mut self, batch: Batch) -> Edits {
        let mut edits = Edits::new();
        for (index, record) in batch.records.iter().enumerate() {
            edits.splice(index, hits(record.message.as_bytes(), self.word.as_bytes()));
        }
        edits
    }

    /// Error events, texts of faults, admin pages.
    fn scrub(&mut self, passages: Vec<Passage>) -> Vec<Option<String>> {
        let hide = |passage: Passage| {
            passage.text.contains(&self.word).then(|| passage.text.replace(&self.word, "…"))
        };
        passages.into_iter().map(hide).collect()
    }
}

/// Where the word stands in a text.
fn hits(text: &[u8], word: &[u8]) -> Vec<Splice> {
    let (mut hits, mut at) = (Vec::new(), 0);
    while let Some(rest) = text.get(at..at + word.len()) {
        if rest == word {
            hits.push(Splice::new(at..at + word.len(), "…"));
            at += word.len();
        } else {
            at += 1;
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use tamis_sdk::testing::{self, Host};
    use tamis_sdk::{Batch, Chunk, ChunkAction, Plugin};

    use super::Veil;

    fn veil() -> Veil {
        Host::start();
        testing::start::<Veil>(r#"{ "word": "amber" }"#).expect("valid").0
    }

    /// What the client gets of a body that arrives in these two pieces.
    fn through(first: &str, second: &str) -> String {
        let mut veil = veil();
        let mut out = Vec::new();
        let mut offset = 0;
        for (piece, last) in [(first, false), (second, true)] {
            let mut chunk = Chunk::new(piece.as_bytes().to_vec());
            (chunk.offset, chunk.last) = (offset, last);
            offset += piece.len() as u64;
            match veil.on_response_body(chunk) {
                ChunkAction::Pass => out.extend_from_slice(piece.as_bytes()),
                ChunkAction::Replace(bytes) => out.extend(bytes),
                ChunkAction::Splice(splices) => {
                    let mut at = 0;
                    for splice in splices {
                        out.extend_from_slice(&piece.as_bytes()[at..splice.at as usize]);
                        out.extend(splice.bytes);
                        at = (splice.at + splice.len) as usize;
                    }
                    out.extend_from_slice(&piece.as_bytes()[at..]);
                }
                other => panic!("{other:?}"),
            }
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_word_is_hidden_however_the_body_is_cut() {
        let text = "an amber light, and another amber";
        for cut in 0..=text.len() {
            let (first, second) = text.split_at(cut);
            assert_eq!(through(first, second), "an … light, and another …", "cut at {cut}");
        }
    }

    #[test]
    fn log_records_are_spliced() {
        let edits = veil().on_logs(Batch::new("child", ["nothing", "amber alert"]));
        assert_eq!(edits.changes.len(), 1);
    }
}
