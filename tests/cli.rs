//! What an operator types, and what comes back: output, exit code, and no word too much.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use mailclerk::clock::Timestamp;
use mailclerk::config::folder;
use mailclerk::mailbox::Filing;
use mailclerk::message::address::Address;
use mailclerk::message::parse::parse;
use mailclerk::store::Entry;
use mailclerk::store::MailRef;
use mailclerk::store::Store;
use mailclerk::store::StoreOptions;
use mailclerk::triage;
use mailclerk::triage::Office;
use mailclerk::triage::plan::Case;
use mailclerk::triage::screen::Surroundings;
use serde_json::Value;
use tempfile::TempDir;

const INTENTS: [&str; 14] = [
    "account-access",
    "password-reset",
    "merge-accounts",
    "secondary-email",
    "badge-search",
    "badge-accept",
    "ibm-badge",
    "coursera-badge",
    "ibm-intranet",
    "escalation",
    "other",
    "thanks",
    "spam",
    "automatic",
];

const COURSERA: &str = "I completed a course on Coursera and the badge for it has not arrived.";
const TWO: &str = "I have two accounts, please merge them into one.";

struct Said {
    code: i32,
    out: String,
    err: String,
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailclerk"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn said(output: Output) -> Said {
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(arguments: &[&str]) -> Said {
    said(program().args(arguments).output().unwrap())
}

fn fine(arguments: &[&str]) -> String {
    let said = run(arguments);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    said.out
}

fn mail(headers: &str, text: &str) -> String {
    format!(
        "From: maria@home.example\r\nTo: support@credly.example\r\nSubject: A question\r\nMessage-ID: <1@home.example>\r\n{headers}\r\n{text}\r\n"
    )
}

fn mail_file(folder: &TempDir, name: &str, headers: &str, text: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, mail(headers, text)).unwrap();
    path.display().to_string()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn help_names_every_command_and_every_exit_code() {
    let help = fine(&["--help"]);
    for word in [
        "run", "check", "classify", "explain", "evaluate", "tickets", "outbox", "ledger", "status",
        "69", "74", "78",
    ] {
        assert!(help.contains(word), "`{word}` is missing in\n{help}");
    }
    for command in [
        "run",
        "check",
        "classify",
        "explain",
        "evaluate",
        "status",
        "tickets list",
        "tickets show",
        "outbox list",
        "ledger list",
    ] {
        let mut words: Vec<&str> = command.split(' ').collect();
        words.push("--help");
        let help = fine(&words);
        assert!(command == "run" || help.contains("--json"), "{help}");
    }
}

#[test]
fn wrong_arguments_are_2() {
    for arguments in [
        &["nonsense"][..],
        &[],
        &["classify"],
        &["explain"],
        &[
            "classify", "--rules", "rules", "--config", "a.toml", "a.eml",
        ],
        &["tickets", "show", "seven"],
    ] {
        assert_eq!(run(arguments).code, 2, "{arguments:?}");
    }
}

/// The keys of `classify --json`, in order of the alphabet.
const KEYS: [&str; 10] = [
    "audience",
    "because",
    "disposition",
    "file",
    "intents",
    "language",
    "primary",
    "queue",
    "reply",
    "screening",
];

fn keeps_the_contract(line: &Value, file: &str) {
    let keys = line.as_object().unwrap().keys();
    assert_eq!(keys.collect::<Vec<_>>(), KEYS);
    assert_eq!(line["file"], *file);
    assert_eq!(line["primary"], line["intents"][0]);
    for intent in line["intents"].as_array().unwrap() {
        assert!(INTENTS.contains(&intent.as_str().unwrap()), "{intent}");
    }
    assert!(!line["because"].as_array().unwrap().is_empty());
}

#[test]
fn classify_tells_each_mail_on_a_line_of_its_own_in_the_words_of_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        mail_file(&folder, "coursera.eml", "", COURSERA),
        mail_file(&folder, "two.eml", "", TWO),
        mail_file(
            &folder,
            "away.eml",
            "Auto-Submitted: auto-replied\r\n",
            "I am away.",
        ),
        mail_file(&folder, "list.eml", "Precedence: list\r\n", TWO),
        mail_file(
            &folder,
            "ibm.eml",
            "",
            "I am a student. I finished an IBM course on SkillsBuild in May, and IBM has not issued the badge.",
        ),
    ];
    let mut arguments = vec!["classify", "--json"];
    arguments.extend(files.iter().map(String::as_str));
    let out = fine(&arguments);
    let lines: Vec<Value> = out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), files.len());
    for (line, file) in lines.iter().zip(&files) {
        keeps_the_contract(line, file);
    }
    let told = |i: usize| {
        let l = &lines[i];
        format!(
            "{} {} {} {} {}",
            l["screening"], l["primary"], l["disposition"], l["queue"], l["audience"]
        )
        .replace('"', "")
    };
    assert_eq!(told(0), "person coursera-badge redirect null null");
    assert_eq!(told(1), "person merge-accounts forward accounts null");
    assert_eq!(told(2), "automatic automatic ignore null null");
    assert_eq!(told(3), "unsure merge-accounts forward accounts null");
    assert_eq!(told(4), "person ibm-badge redirect null external");
    let reply = lines[0]["reply"].as_object().unwrap();
    assert_eq!(
        reply.keys().collect::<Vec<_>>(),
        ["language", "subject", "text"]
    );
    assert_eq!(reply["language"], "en");
    assert!(
        reply["text"]
            .as_str()
            .unwrap()
            .contains("https://learner.coursera.help/")
    );
    assert!(lines[2]["reply"].is_null() && lines[3]["reply"].is_null());
}

#[test]
fn a_hundred_mails_in_one_call_come_back_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<String> = (0..100)
        .rev()
        .map(|n| {
            mail_file(
                &folder,
                &format!("{n}.eml"),
                "",
                if n % 2 == 0 { TWO } else { COURSERA },
            )
        })
        .collect();
    let mut arguments = vec!["classify", "--rules", "rules", "--json"];
    arguments.extend(files.iter().map(String::as_str));
    let out = fine(&arguments);
    let named: Vec<String> = out
        .lines()
        .map(|l| {
            serde_json::from_str::<Value>(l).unwrap()["file"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(named, files);
    arguments.retain(|a| *a != "--json");
    assert_eq!(fine(&arguments).lines().count(), 100);
}

#[test]
fn a_mail_that_cannot_be_read_is_named_and_is_1() {
    for command in ["classify", "explain"] {
        let said = run(&[command, "no-such-mail.eml"]);
        assert_eq!(said.code, 1);
        assert!(
            said.err.contains("cannot read the mail no-such-mail.eml"),
            "{}",
            said.err
        );
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let file = mail_file(&folder, "a.eml", "", TWO);
    for mode in [
        &["classify", "--json"][..],
        &["classify"],
        &["explain", "--json"],
        &["explain"],
    ] {
        let files = if mode[0] == "classify" { 400 } else { 1 };
        let mut child = program()
            .args(mode)
            .args(std::iter::repeat_n(&file, files))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let said = said(child.wait_with_output().unwrap());
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{mode:?}");
    }
}

#[test]
fn explain_tells_every_stage_and_lets_no_mail_write_to_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.eml");
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\u{9b}31m";
    let raw = format!(
        "From: =?utf-8?Q?Ma=1B[2Jria?= <maria@home.example>\r\nTo: support@credly.example\r\nSubject: =?utf-8?Q?two=1B[31m?= {evil}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nI have two {evil} accounts, please\tmerge them {evil} into one.\r\n--b\r\nContent-Type: image/{evil}png; name=\"{evil}.png\"\r\n\r\nx\r\n--b--\r\n"
    );
    fs::write(&path, raw).unwrap();
    let out = fine(&["explain", text(&path)]);
    let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(
        !out.contains(bad),
        "{:?}",
        out.lines().find(|l| l.contains(bad))
    );
    for part in [
        "message",
        "from    maria@home.example",
        "new words",
        "| I have two",
        "classify",
        "merge-accounts",
        "plan",
        "screening   person",
        "disposition Forward",
        "queue       accounts",
        "opens a ticket",
        "Forward to agent@desk.invalid",
        "Reply to maria@home.example",
    ] {
        assert!(out.contains(part), "`{part}` is missing in\n{out}");
    }
    let json: Value = serde_json::from_str(&fine(&["explain", "--json", text(&path)])).unwrap();
    assert_eq!(json["primary"], "merge-accounts");
}

/// Changes one rule file in a copy of the shipped rules.
fn broken(file: &str, from: &str, to: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("rules"),
        folder.path(),
    );
    let path = folder.path().join(file);
    let whole = fs::read_to_string(&path).unwrap();
    let changed = whole.replacen(from, to, 1);
    assert_ne!(whole, changed, "`{from}` is not in {file}");
    fs::write(&path, changed).unwrap();
    (folder, path)
}

/// A file, a change in it (of nothing: put before all), where the mistake is, and what is said of it.
const MISTAKES: [(&str, &str, &str, &str, &str); 8] = [
    (
        "desk.toml",
        "",
        "nonsense = 1\n",
        "1:1",
        "unknown field `nonsense`",
    ),
    ("desk.toml", "days = 7", "days = 0", "12:1", "at least 1"),
    (
        "desk.toml",
        "\"Credly Support\"",
        "\" \"",
        "4:1",
        "`name` must be one line",
    ),
    (
        "intents/thanks.toml",
        "",
        "dispositon = 1\n",
        "1:1",
        "unknown field `dispositon`",
    ),
    (
        "intents/coursera-badge.toml",
        "reply = \"coursera-badge\"",
        "reply = \"nowhere\"",
        "3:1",
        "no language has the reply `nowhere`",
    ),
    (
        "intents/coursera-badge.toml",
        "[[rule]]\n",
        "[[rule]]\nregex = \"(unclosed\"\n",
        "15:9",
        "the regex is wrong",
    ),
    (
        "intents/coursera-badge.toml",
        "[\"My Coursera badge is missing.\"]",
        "[\"Good morning.\"]",
        "20:12",
        "does not match its example: \"Good morning.\"",
    ),
    (
        "replies/en/coursera-badge.txt",
        "If a badge",
        "If {{ nobody }}",
        "2:7",
        "there is no value `nobody` here",
    ),
];

#[test]
fn a_mistake_in_a_rule_stops_everything_with_its_file_line_and_column() {
    for (file, from, to, at, what) in MISTAKES {
        let (folder, path) = broken(file, from, to);
        let said = run(&["check", "--rules", text(folder.path())]);
        assert_eq!(said.code, 78, "{file} {what}: {}", said.err);
        let place = format!("{}:{at}", path.display());
        assert!(
            said.err.contains(&place) && said.err.contains(what),
            "{place} {what}\n{}",
            said.err
        );
    }
    let (folder, _) = broken("desk.toml", "", "nonsense = 1\n");
    let mail = mail_file(&folder, "a.eml", "", TWO);
    for command in ["classify", "explain"] {
        let said = run(&[command, "--rules", text(folder.path()), &mail]);
        assert_eq!((said.code, said.out.as_str()), (78, ""), "{command}");
    }
}

#[test]
fn rules_that_are_right_are_said_to_be() {
    let out = fine(&["check", "--rules", "rules"]);
    assert!(
        out.contains("13 intents") && out.ends_with("all is well\n"),
        "{out}"
    );
    let json: Value =
        serde_json::from_str(&fine(&["check", "--rules", "rules", "--json"])).unwrap();
    assert_eq!(json["ok"], true);
}

/// Labelled mails: file, intent, disposition, language, headers, words. The third is labelled as a person's case on
/// purpose: by that label the clerk does harm.
const LABELLED: [(&str, &str, &str, &str, &str, &str); 4] = [
    ("a.eml", "merge-accounts", "forward", "en", "", TWO),
    ("b.eml", "coursera-badge", "redirect", "en", "", COURSERA),
    ("c.eml", "badge-search", "forward", "en", "", COURSERA),
    (
        "d.eml",
        "automatic",
        "ignore",
        "de",
        "Auto-Submitted: auto-replied\r\n",
        "Ich bin nicht im Haus.",
    ),
];

fn labelled() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut labels = String::new();
    for (file, intent, disposition, language, headers, words) in LABELLED {
        mail_file(&folder, file, headers, words);
        let label = serde_json::json!({
            "file": file, "intents": [intent], "primary": intent, "disposition": disposition,
            "audience": null, "language": language, "why": "a test",
        });
        labels += &label.to_string();
        labels += "\n\n";
    }
    fs::write(folder.path().join("labels.jsonl"), labels).unwrap();
    folder
}

#[test]
fn evaluate_counts_what_is_right_and_names_what_is_wrong() {
    let folder = labelled();
    let out = fine(&["evaluate", text(folder.path())]);
    for part in [
        "by language",
        "confusion",
        "badge-search     coursera-badge 1",
        "wrong (1)",
        "HARM c.eml: wanted Forward badge-search, said Redirect coursera-badge",
    ] {
        assert!(out.contains(part), "`{part}` is missing in\n{out}");
    }
    let json: Value =
        serde_json::from_str(&fine(&["evaluate", "--json", text(folder.path())])).unwrap();
    let all = &json["all"];
    let share = |name: &str| format!("{}/{}", all[name]["hits"], all[name]["of"]);
    assert_eq!(share("disposition"), "3/4");
    assert_eq!(share("primary"), "3/4");
    assert_eq!(share("harm"), "1/2");
    assert_eq!(share("deflected"), "1/1");
    assert_eq!(json["by_language"]["de"]["disposition"]["of"], 1);
    assert_eq!(json["confusion"]["badge-search"]["coursera-badge"], 1);
    assert_eq!(json["wrong"][0]["file"], "c.eml");
}

#[test]
fn a_label_that_cannot_be_read_is_named_with_its_line() {
    let folder = labelled();
    let path = folder.path().join("labels.jsonl");
    let labels = fs::read_to_string(&path).unwrap() + "{\"file\": 1}\n";
    fs::write(&path, labels).unwrap();
    let said = run(&["evaluate", text(folder.path())]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("labels.jsonl:9: not a label"),
        "{}",
        said.err
    );
    let said = run(&["evaluate", text(&folder.path().join("none"))]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("one label a line"), "{}", said.err);
}

/// A folder with a config whose servers answer nowhere.
fn desk(imap: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mailclerk.toml");
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    let config = format!(
        r#"
rules = "{rules}"
state = "state"
[mailbox.support]
address = "support@credly.example"
[mailbox.support.imap]
host = "127.0.0.1"
port = 1
tls = "none"
user = "support"
password = {{ command = ["echo", "secret"] }}
{imap}
[mailbox.support.smtp]
host = "127.0.0.1"
port = 1
tls = "none"
[queue.accounts]
agents = ["ana@agents.example"]
[queue.badges]
agents = ["cleo@agents.example"]
[queue.triage]
agents = ["lead@agents.example"]
[control]
socket = "socket"
"#
    );
    fs::write(&path, config).unwrap();
    (folder, path.display().to_string())
}

const ASKING: [&[&str]; 5] = [
    &["status"],
    &["tickets", "list"],
    &["tickets", "show", "1"],
    &["outbox", "list"],
    &["ledger", "list"],
];

fn ask(words: &[&str], config: &str, more: &[&str]) -> Said {
    run(&[words, &["--config", config], more].concat())
}

#[test]
fn who_asks_before_the_first_start_is_helped_and_makes_no_store() {
    let (folder, config) = desk("");
    let state = folder.path().join("state");
    for exists in [false, true] {
        if exists {
            fs::create_dir(&state).unwrap();
        }
        for words in ASKING {
            let said = ask(words, &config, &[]);
            assert_eq!((said.code, said.out.as_str()), (69, ""), "{words:?}");
            assert!(
                said.err.contains("no daemon answers") && said.err.contains("mailclerk run"),
                "{}",
                said.err
            );
        }
    }
    assert_eq!(
        fs::read_dir(&state).unwrap().count(),
        0,
        "asking leaves nothing behind"
    );
}

/// Puts one ticket into the store of a desk, by a mail that was forwarded.
fn with_ticket(folder: &TempDir) {
    let store = Store::open(&folder.path().join("state"), StoreOptions::default()).unwrap();
    let rules = folder::load(Path::new("rules")).unwrap();
    let office = Office {
        mailbox: "support".to_owned(),
        address: Address::parse("support@credly.example").unwrap(),
        queues: Vec::new(),
        surroundings: Surroundings::default(),
        key: store.desk_key(),
        keeping: mailclerk::triage::Keeping::default(),
        roster: std::sync::Arc::default(),
        relay: mailclerk::triage::relay::RelayRules::default(),
    };
    let raw = mail("", TWO).replace("A question", "=?utf-8?Q?A_=E2=80=AEnoitseuq?=");
    let message = parse(raw.as_bytes());
    let now = Timestamp(1_800_000_000);
    let case = Case {
        fresh: 1,
        ..Case::default()
    };
    let plan = triage::triage(message.clone(), &case, &rules, &office, now);
    let entry = Entry {
        mail: MailRef {
            mailbox: "support".to_owned(),
            uid_validity: 7,
            uid: 3,
        },
        digest: message.digest,
        message_id: message.message_id,
        sender: plan.writer.clone(),
        received: now,
        filing: Filing::Forwarded,
        outgoing: Vec::new(),
        events: Vec::new(),
        plan,
    };
    let mut group = store.group();
    group.add(entry, now).unwrap();
    group.commit().unwrap();
}

#[test]
fn the_store_is_asked_itself_when_no_daemon_runs() {
    let (folder, config) = desk("");
    with_ticket(&folder);
    let json = |words: &[&str]| -> Value {
        let said = ask(words, &config, &["--json"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{words:?}");
        serde_json::from_str(&said.out).unwrap()
    };
    let status = json(&["status"]);
    assert_eq!(
        (status["running"].as_bool(), status["tickets"].as_u64()),
        (Some(false), Some(1))
    );
    let tickets = json(&["tickets", "list"]);
    assert_eq!(tickets.as_array().unwrap().len(), 1);
    assert_eq!(
        (&tickets[0]["number"], &tickets[0]["intents"][0]),
        (&Value::from(1), &Value::from("merge-accounts"))
    );
    assert_eq!(
        json(&["tickets", "show", "1"])["participants"][0],
        "maria@home.example"
    );
    assert_eq!(json(&["outbox", "list"]), Value::Array(Vec::new()));
    let ledger = json(&["ledger", "list"]);
    assert_eq!(
        (&ledger[0]["mail"]["uid"], &ledger[0]["ticket"]),
        (&Value::from(3), &Value::from(1))
    );
    for words in ASKING {
        let said = ask(words, &config, &[]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{words:?}");
        assert!(
            !said.out.contains('\u{202e}'),
            "a subject turns the operator's line around: {}",
            said.out
        );
    }
    let said = ask(&["tickets", "show", "2"], &config, &[]);
    assert!(
        said.code == 1 && said.err.contains("there is no ticket #2"),
        "{}",
        said.err
    );
    let said = ask(&["tickets", "list"], &config, &["--limit", "0"]);
    assert_eq!(said.out.lines().count(), 1, "the heading alone");
}

#[test]
fn a_store_that_wants_a_decision_is_65_one_that_cannot_be_used_is_74_and_one_in_use_is_69() {
    let (folder, config) = desk("");
    let state = folder.path().join("state");
    let store = Store::open(&state, StoreOptions::default()).unwrap();
    let said = ask(&["status"], &config, &[]);
    assert_eq!(said.code, 69);
    assert!(
        said.err.contains("does not answer at its control socket"),
        "{}",
        said.err
    );
    drop(store);
    fs::write(state.join("desk.key"), "short").unwrap();
    for words in [&["status"][..], &["run"]] {
        let said = ask(words, &config, &[]);
        assert_eq!(said.code, 65, "{}", said.err);
        assert!(said.err.contains("desk.key"), "{}", said.err);
    }
    fs::remove_dir_all(state.join("spool")).unwrap();
    fs::remove_file(state.join("generation")).unwrap();
    fs::create_dir(state.join("generation")).unwrap();
    let said = ask(&["run"], &config, &[]);
    assert_eq!(said.code, 74, "{}", said.err);
    assert!(said.err.contains("generation"), "{}", said.err);
}

#[test]
fn a_daemon_that_says_nothing_is_69() {
    let (folder, config) = desk("");
    let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
    let silent = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let said = ask(&["status"], &config, &[]);
    silent.join().unwrap();
    assert_eq!(said.code, 69);
    assert!(said.err.contains("asking the daemon at"), "{}", said.err);
}

#[test]
fn a_wrong_config_is_78_and_nothing_is_started() {
    for (line, what) in [
        ("nonsense = 1", ":12:1: unknown field `nonsense`"),
        (
            "poll = \"0s\"",
            ":6:1: [mailbox.support.imap] poll must lie",
        ),
        ("ca_file = \"no-such.pem\"", ":1:1: ca_file "),
        ("folder = \"Mailclerk/Quiet\"", ":1:1: mailbox support: "),
    ] {
        let (folder, config) = desk(line);
        for command in ["check", "run"] {
            let said = ask(&[command], &config, &[]);
            assert_eq!(said.code, 78, "{command} {line}: {}", said.err);
            assert!(
                said.err.contains(&format!("{config}{what}")),
                "{command} {line}: {}",
                said.err
            );
        }
        assert!(!folder.path().join("state").exists(), "nothing was started");
    }
    let said = run(&["run", "--config", "no-such.toml"]);
    assert!(
        said.code == 78 && said.err.contains("--config FILE"),
        "{}",
        said.err
    );
}

#[test]
fn a_config_that_is_right_is_said_to_be_and_servers_out_of_reach_are_69() {
    let (_folder, config) = desk("");
    let out = ask(&["check"], &config, &[]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    for part in [
        "mailbox support: support@credly.example",
        "queue accounts: 1 agents",
        "all is well",
    ] {
        assert!(out.out.contains(part), "{}", out.out);
    }
    let said = ask(&["check"], &config, &["--connect"]);
    assert_eq!(said.code, 69, "{}", said.err);
    assert!(said.err.contains("mailbox support: IMAP: "), "{}", said.err);
}

#[test]
fn keys_are_listed_rotated_and_dropped_by_name_and_never_shown() {
    let (folder, config) = desk("");
    with_ticket(&folder);
    let json = |words: &[&str]| -> Vec<Value> {
        serde_json::from_str(&ask(words, &config, &["--json"]).out).unwrap()
    };
    let first = json(&["key", "list"]);
    let name = first[0]["name"].as_str().unwrap();
    let octets = fs::read(folder.path().join("state/desk.key")).unwrap();
    let secret = data_encoding::BASE32_NOPAD.encode(&octets[..15]);
    assert_eq!(ask(&["key", "drop", name], &config, &[]).code, 1, "signs");
    let rotated = json(&["key", "rotate"]);
    assert_eq!(rotated[1]["name"], name);
    assert!(rotated[1]["until"].is_string() && rotated[0]["until"].is_null());
    let told = ask(&["key", "list"], &config, &[]).out;
    assert!(told.contains(name) && told.contains("verifies"), "{told}");
    assert!(!told.to_uppercase().contains(&secret));
    assert_eq!(json(&["key", "drop", name]).len(), 1);
    assert_eq!(json(&["key", "list"])[0]["name"], rotated[0]["name"]);
}
