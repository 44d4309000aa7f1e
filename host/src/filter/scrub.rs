//! Cleans texts that leave by another way than the corridors.

use std::sync::atomic::{AtomicU64, Ordering};

use super::chain::Link;
use super::{Fault, FaultKind, Hook, Passage};

/// The plugins that clean texts which leave by another way than the corridors.
pub struct Scrubbers {
    links: Box<[Link]>,
    withheld: AtomicU64,
}

impl Scrubbers {
    /// Those of the links that can scrub, in the same order.
    pub fn new(links: &[Link]) -> Self {
        let can = |link: &&Link| link.filter.hooks().contains(Hook::Scrub);
        Self { links: links.iter().filter(can).cloned().collect(), withheld: AtomicU64::new(0) }
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// How many texts were withheld because a scrubber failed, since the start.
    pub fn withheld(&self) -> u64 {
        self.withheld.load(Ordering::Relaxed)
    }

    /// Cleans texts. `None` stands for one that is withheld, because nobody knows whether it
    /// is clean; whatever was to be done with it must not be done.
    pub async fn clean(&self, passages: Vec<Passage>) -> Vec<Option<String>> {
        let mut passages = passages;
        for link in &self.links {
            if passages.is_empty() {
                break;
            }
            let answer = link.filter.scrub(&passages).await.and_then(|cleaned| {
                if cleaned.len() == passages.len() {
                    return Ok(cleaned);
                }
                let fault =
                    Fault::new(FaultKind::Internal, "not one answer for each text to scrub");
                link.filter.strike(Hook::Scrub, &fault);
                Err(fault)
            });
            match answer {
                Ok(cleaned) => {
                    for (passage, text) in passages.iter_mut().zip(cleaned) {
                        if let Some(text) = text {
                            passage.text = text;
                        }
                    }
                }
                Err(_) => {
                    self.withheld.fetch_add(passages.len() as u64, Ordering::Relaxed);
                    return vec![None; passages.len()];
                }
            }
        }
        passages.into_iter().map(|passage| Some(passage.text)).collect()
    }

    /// Cleans one text.
    pub async fn clean_one(&self, passage: Passage) -> Option<String> {
        self.clean(vec![passage]).await.pop().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::logs::tests::Redactor;
    use crate::filter::{LogForm, Stance};

    #[tokio::test]
    async fn scrubbers_clean_or_withhold() {
        let redactor = Redactor::new(LogForm::Raw, Stance::Guard);
        let scrubbers = Scrubbers::new(&[Link::new(redactor)]);
        let passage = |text: &str| Passage {
            text: text.into(),
            origin: crate::filter::Origin::Fault,
            name: String::new(),
        };
        let clean = scrubbers.clean(vec![passage("a secret"), passage("fine")]).await;
        assert_eq!(clean, [Some("a [x]".to_owned()), Some("fine".to_owned())]);
        let clean = scrubbers.clean(vec![passage("poison"), passage("fine")]).await;
        assert_eq!(clean, [None, None]);
        assert_eq!(scrubbers.withheld(), 2);
    }
}
