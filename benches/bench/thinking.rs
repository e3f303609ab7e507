//! Reading and deciding alone, on one core: against mail-parser alone, by size and by the number of patterns.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use mail_parser::MessageParser;
use mailclerk::clock::Timestamp;
use mailclerk::config;
use mailclerk::daemon::parts::office;
use mailclerk::message::parse::parse;
use mailclerk::store::Store;
use mailclerk::store::StoreOptions;
use mailclerk::triage;
use mailclerk::triage::Office;
use mailclerk::triage::classify::classify;
use mailclerk::triage::decide::decide;
use mailclerk::triage::delivery::Purpose;
use mailclerk::triage::desk::Rules;
use mailclerk::triage::plan::Case;
use mailclerk::triage::screen::screen;

use crate::desk::rules;
use crate::letters::Writers;
use crate::median;
use crate::number;
use crate::table::Table;

const MAILS: usize = 300;
const PATTERNS: [usize; 4] = [10, 100, 1_000, 10_000];

pub(crate) fn run(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let office = the_office(folder.path());
    let shipped = load(&rules(folder.path()));
    let many: Vec<Vec<u8>> = mails(None);
    let (ours, parser) = times(&many, &shipped, &office);
    row(
        table,
        "reading and deciding, shipped rules, 2 to 30 KB",
        ours,
        parser,
        "≤ 5",
    );
    for size in [2_000, 12_000, 100_000, 1_000_000] {
        let (ours, parser) = times(&mails(Some(size)), &shipped, &office);
        row(
            table,
            &format!("reading and deciding, shipped rules, {} KB", size / 1000),
            ours,
            parser,
            "-",
        );
    }
    stages(&mails(Some(8_000)), &shipped, &office, table);
    let mut of_ten = None;
    for patterns in PATTERNS {
        let own = small_desk(folder.path(), patterns);
        let (ours, parser) = times(&many, &load(&own), &office);
        let first = *of_ten.get_or_insert(ours);
        table.row(
            &format!("reading and deciding, {patterns} patterns: against 10 patterns"),
            micros(ours),
            format!("{} (mail-parser alone {})", micros(first), micros(parser)),
            format!("{:.2}", ours / first),
            if patterns == 1_000 { "≤ 3" } else { "-" },
        );
    }
}

fn row(table: &mut Table, what: &str, ours: f64, parser: f64, bar: &str) {
    let what = format!("{what}: against mail-parser alone");
    let ratio = format!("{:.1}", ours / parser);
    table.row(&what, micros(ours), micros(parser), ratio, bar);
}

/// What each stage costs, for mails of 8 KB.
fn stages(mails: &[Vec<u8>], rules: &Rules, office: &Office, table: &mut Table) {
    const STAGES: [(&str, &str); 6] = [
        ("mail-parser alone", "-"),
        ("parsing and taking apart", "-"),
        ("screening", "-"),
        ("classifying", "≤ 1000 µs"),
        ("screening, classifying and what it points to", "-"),
        ("deciding and writing", "-"),
    ];
    let case = Case {
        fresh: 1,
        ..Case::default()
    };
    let mut rounds = STAGES.map(|_| Vec::new());
    for _ in 0..number("ROUNDS", 5) {
        let mut spent = STAGES.map(|_| 0.0);
        for mail in mails {
            let mut began = Instant::now();
            let mut lap = |stage: usize| {
                let now = Instant::now();
                spent[stage] += (now - began).as_secs_f64();
                began = Instant::now();
            };
            black_box(MessageParser::default().parse(black_box(mail)));
            lap(0);
            let message = parse(black_box(mail));
            lap(1);
            black_box(screen(&message, &rules.screen, &office.surroundings));
            lap(2);
            black_box(classify(&message, &rules.intents));
            lap(3);
            let reading = triage::read(message, rules, office);
            lap(4);
            let now = Timestamp(1_800_000_000);
            black_box(decide(&reading, &case, rules, office, now));
            lap(5);
        }
        for (all, one) in rounds.iter_mut().zip(spent) {
            all.push(one / mails.len() as f64);
        }
    }
    let floor = median(&rounds[0]);
    for ((name, bar), all) in STAGES.iter().zip(&rounds).skip(1) {
        let ours = median(all);
        table.row(
            &format!("{name}, shipped rules, 8 KB: against mail-parser alone"),
            micros(ours),
            micros(floor),
            format!("{:.1}", ours / floor),
            bar,
        );
    }
}

fn micros(seconds: f64) -> String {
    format!("{:.0} µs", seconds * 1e6)
}

fn mails(size: Option<usize>) -> Vec<Vec<u8>> {
    let mut writers = Writers::new(number("SEED", 1) + 2);
    let count = size.map_or(MAILS, |s| (3_000_000 / s).clamp(4, MAILS));
    (0..count)
        .map(|_| {
            let mail = match size {
                Some(size) => writers.write_of(size),
                None => writers.write(),
            };
            mail.replace('\n', "\r\n").into_bytes()
        })
        .collect()
}

/// Seconds a mail: ours, and the parser's; both in turn, the medians of several rounds.
fn times(mails: &[Vec<u8>], rules: &Rules, office: &Office) -> (f64, f64) {
    let (mut ours, mut parser) = (Vec::new(), Vec::new());
    let case = Case {
        fresh: 1,
        ..Case::default()
    };
    for _ in 0..5 {
        let began = Instant::now();
        for mail in mails {
            black_box(MessageParser::default().parse(black_box(mail)));
        }
        parser.push(began.elapsed().as_secs_f64() / mails.len() as f64);
        let began = Instant::now();
        for mail in mails {
            let reading = triage::read(parse(black_box(mail)), rules, office);
            black_box(decide(
                &reading,
                &case,
                rules,
                office,
                Timestamp(1_800_000_000),
            ));
        }
        ours.push(began.elapsed().as_secs_f64() / mails.len() as f64);
    }
    (median(&ours), median(&parser))
}

/// Knows beforehand what the desk does with a mail, so that the numbers of replies and forwards are as they should be.
pub(crate) struct Judge {
    rules: Rules,
    office: Office,
}

impl Judge {
    /// One by the shipped rules, but for their limits.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            office: the_office(folder.path()),
            rules: load(&rules(folder.path())),
        }
    }

    /// Writes the next mail anew until it is answered, and forwarded if and only if it is to be.
    pub(crate) fn take(&self, writers: &mut Writers) -> String {
        let case = Case {
            fresh: 1,
            ..Case::default()
        };
        let forwarded = writers.forwards_next();
        loop {
            let mail = writers.write();
            let wire = mail.replace('\n', "\r\n");
            let reading = triage::read(parse(wire.as_bytes()), &self.rules, &self.office);
            let plan = decide(
                &reading,
                &case,
                &self.rules,
                &self.office,
                Timestamp(1_800_000_000),
            );
            let sends = |purpose| plan.letters.iter().filter(|l| l.purpose == purpose).count();
            if (sends(Purpose::Reply), sends(Purpose::Forward)) == (1, usize::from(forwarded)) {
                return mail;
            }
            writers.unwrite();
        }
    }
}

fn load(folder: &Path) -> Rules {
    config::folder::load(folder).unwrap_or_else(|complaints| panic!("{}", complaints[0]))
}

/// A desk's place, from a config as an operator writes it.
fn the_office(folder: &Path) -> Office {
    let text = format!(
        "rules = \"{}/rules\"\nstate = \"state\"\n\
         [mailbox.support]\naddress = \"support@credly.example\"\n\
         [mailbox.support.imap]\nhost = \"127.0.0.1\"\nuser = \"support\"\npassword = {{ env = \"NONE\" }}\n\
         [mailbox.support.smtp]\nhost = \"127.0.0.1\"\n\
         [queue.accounts]\nagents = [\"ana@agents.example\"]\n\
         [queue.badges]\nagents = [\"cleo@agents.example\"]\n\
         [queue.triage]\nagents = [\"lead@agents.example\"]\n",
        env!("CARGO_MANIFEST_DIR")
    );
    let path = folder.join("mailclerk.toml");
    fs::write(&path, text).unwrap();
    let config = config::load(&path).unwrap_or_else(|complaints| panic!("{}", complaints[0]));
    let store = Store::open(&folder.join("state"), StoreOptions::default()).unwrap();
    office(&config, &config.mailboxes[0], store.desk_key())
}

/// The shipped desk with one intent more, which has so many patterns, and without the second opinion.
fn small_desk(folder: &Path, patterns: usize) -> std::path::PathBuf {
    let own = folder.join(format!("rules-{patterns}"));
    fs::create_dir(&own).unwrap();
    let own = rules(&own);
    let mut words = String::new();
    let mut intent = "says = \"Asks for a thing by its number.\"\ndisposition = \"ignore\"\nrank = 95\n\
                      matches = [\"May I have the qzxthing0?\"]\nmisses = [\"Where is my badge?\"]\n\n\
                      [[rule]]\nid = \"numbered\"\nbecause = \"It asks for one.\"\nweight = 10\nwithin = \"sentence\"\nall = ["
        .to_owned();
    // Sets of a few hundred, as people write them.
    let sets = patterns.div_ceil(500);
    for set in 0..sets {
        let from = set * 500;
        let phrases: Vec<String> = (from..patterns.min(from + 500))
            .map(|n| format!("qzxthing{n}"))
            .collect();
        let _ = write!(
            words,
            "[bench-{set}.words]\nen = \"{}\"\n\n",
            phrases.join(", ")
        );
    }
    let all: Vec<String> = (0..sets).map(|set| format!("@bench-{set}")).collect();
    let _ = writeln!(
        intent,
        "\"{}\"]\nmatches = [\"May I have the qzxthing1?\"]",
        all.join("|")
    );
    fs::write(own.join("words/bench.toml"), words).unwrap();
    fs::write(own.join("intents/bench.toml"), intent).unwrap();
    own
}
