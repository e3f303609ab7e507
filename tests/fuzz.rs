//! The fuzz targets over their seeds and some thousand mutations of them, the same ones each time; `fuzz/README.md` says how
//! to run them for long.

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::fs;
use std::path::Path;

/// Mutations of each target. A run for long is libFuzzer's.
const MUTATIONS: usize = 2_000;
/// The slow ones: each goes through all rules.
const MUTATIONS_SLOW: usize = 500;
/// Octets of a mutated input.
const OCTETS_MAX: usize = 16 * 1024;

/// Numbers as good as random, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (below.max(1) as u64)).unwrap_or(0)
    }

    fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        const WORDS: [&[u8]; 20] = [
            b"\r\n",
            b"\r\n\r\n",
            b"\n",
            b"\r",
            b"\0",
            b"\xff",
            b"=?utf-8?B?",
            b"?=",
            b"--b\r\n",
            b"<",
            b">",
            b"@",
            b": ",
            b",",
            b"\"",
            b"\xe2\x80\xae",
            b"Content-Type: message/rfc822\r\n",
            b"Bcc: eve@evil.example\r\n",
            b"=0D=0A",
            b"> ",
        ];
        let mut made = seeds
            .get(self.below(seeds.len()))
            .cloned()
            .unwrap_or_default();
        for _ in 0..=self.below(8) {
            let at = self.below(made.len() + 1);
            let end = (at + self.below(60)).min(made.len());
            match self.below(6) {
                0 if at < made.len() => {
                    let byte = u8::try_from(self.below(256)).unwrap_or(0);
                    if let Some(place) = made.get_mut(at) {
                        *place = byte;
                    }
                }
                1 => drop(made.drain(at..end)),
                2 => {
                    let piece: Vec<u8> = made.get(at..end).unwrap_or_default().to_vec();
                    made.splice(at..at, piece);
                }
                3 => {
                    let word = WORDS
                        .get(self.below(WORDS.len()))
                        .copied()
                        .unwrap_or_default();
                    made.splice(at..at, word.iter().copied());
                }
                4 => {
                    let other = seeds
                        .get(self.below(seeds.len()))
                        .cloned()
                        .unwrap_or_default();
                    let from = self.below(other.len() + 1);
                    let to = (from + self.below(400)).min(other.len());
                    made.splice(
                        at..end,
                        other.get(from..to).unwrap_or_default().iter().copied(),
                    );
                }
                _ => made.truncate(at.max(1)),
            }
        }
        made.truncate(OCTETS_MAX);
        made
    }
}

fn seeds(folders: &[&str]) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut paths: Vec<_> = folders
        .iter()
        .flat_map(|folder| {
            fs::read_dir(root.join(folder))
                .into_iter()
                .flatten()
                .flatten()
        })
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| fs::read(path).ok())
        .collect()
}

fn run(wanted: &str) {
    let (_, target, folders) = targets::ALL
        .into_iter()
        .find(|(name, ..)| *name == wanted)
        .expect("a target of that name");
    let seeds = seeds(folders);
    assert!(seeds.len() >= 3, "{wanted} has no seeds");
    for seed in &seeds {
        target(seed);
    }
    target(b"");
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let slow = ["classify", "reports"].contains(&wanted);
    for _ in 0..if slow { MUTATIONS_SLOW } else { MUTATIONS } {
        target(&dice.mutate(&seeds));
    }
}

#[test]
fn any_octets_parse_within_the_limits() {
    run("parse");
}

#[test]
fn taking_a_text_apart_makes_up_no_word() {
    run("unquote");
}

#[test]
fn whatever_a_draft_holds_the_mail_has_exactly_our_header() {
    run("compose");
}

#[test]
fn what_we_did_not_sign_for_somebody_proves_nothing_of_them() {
    run("tokens");
}

#[test]
fn a_report_of_any_octets_names_nobody_whom_our_mail_was_not_given_to() {
    run("reports");
}

#[test]
fn any_text_is_a_config_or_a_complaint() {
    run("config");
}

#[test]
fn from_any_octets_to_the_mails_that_leave_all_limits_hold() {
    run("classify");
}
