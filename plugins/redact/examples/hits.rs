//! tmp
use std::io::Write;
use tamis_redact::*;
fn main() {
    let engine = Engine::new(Rules::default());
    let mut s = Scratch::default();
    let mut total = 0usize;
    let mut all = Counts::default();
    let out = std::io::stdout();
    let mut out = out.lock();
    for f in std::env::args().skip(1) {
        let Ok(t) = std::fs::read(&f) else { continue };
        total += t.len();
        engine.scan(Kind::Text, &t, &mut s);
        all.add(&s.take_counts());
        for (r, b) in s.edits() {
            let ls = t[..r.start]
                .iter()
                .rposition(|&b| b == b'\n')
                .map_or(0, |i| i + 1)
                .max(r.start.saturating_sub(60));
            let le = t[r.end..]
                .iter()
                .position(|&b| b == b'\n')
                .map_or(t.len(), |i| r.end + i)
                .min(r.end + 40);
            let _ = writeln!(
                out,
                "{}\t{}\t{}\u{ab}{}\u{bb}{}",
                String::from_utf8_lossy(b),
                f.rsplit('/').next().unwrap(),
                String::from_utf8_lossy(&t[ls..r.start]),
                String::from_utf8_lossy(&t[r.clone()]),
                String::from_utf8_lossy(&t[r.end..le])
            );
        }
    }
    eprintln!("{total} bytes");
    for (n, c) in all.iter() {
        eprintln!("{n} {c}");
    }
}
