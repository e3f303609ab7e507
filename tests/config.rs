//! The config: every complaint at its place, every default as the sample says, and nothing refused that it shows.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use mailclerk::config;
use mailclerk::config::Config;
use mailclerk::config::file::FilingMode;
use mailclerk::config::file::LogLevel;
use mailclerk::config::file::LogTarget;
use mailclerk::config::file::TlsFile;
use mailclerk::config::oauth::TokenSource;
use mailclerk::config::secret::Secret;
use tempfile::TempDir;

const SAMPLE: &str = include_str!("../systemd/mailclerk.example.toml");

/// The least that a config must say. The rules are a link beside it.
const LEAST: &str = r#"state = "state"
[mailbox.support]
address = "support@credly.example"
[mailbox.support.imap]
host = "mx.credly.example"
user = "support"
password = { file = "imap-password" }
[mailbox.support.smtp]
host = "mx.credly.example"
[queue.accounts]
agents = ["ana@agents.example"]
[queue.badges]
agents = ["cleo@agents.example"]
[queue.triage]
agents = ["lead@agents.example"]
"#;

/// A folder with a config and the shipped rules beside it.
fn folder(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    std::os::unix::fs::symlink(shipped, rules).unwrap();
    let path = folder.path().join("mailclerk.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn load(text: &str) -> Config {
    let (_folder, path) = folder(text);
    config::load(&path).unwrap_or_else(|c| panic!("{c:?}\n{text}"))
}

/// What is said of a config, without the file's name.
fn complaints(text: &str) -> Vec<String> {
    let (_folder, path) = folder(text);
    let name = format!("{}:", path.display());
    let all = config::load(&path).expect_err(text);
    all.iter()
        .map(|c| c.to_string().strip_prefix(&name).unwrap().to_owned())
        .collect()
}

/// Changes one line of the least config and expects exactly one complaint that begins so.
fn wrong(from: &str, to: &str, expected: &str) {
    let text = LEAST.replacen(from, to, 1);
    assert_ne!(text, LEAST, "`{from}` is not there");
    let said = complaints(&text);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with(expected),
        "\nsaid   {}\nwanted {expected}",
        said[0]
    );
}

/// All that a config says of its one mailbox and of the log, but for the rules.
fn told(config: &Config) -> String {
    let m = &config.mailboxes[0];
    format!(
        "{:?} {} {:?} {:?} {:?} {:?} {:?} {}",
        m.aliases,
        m.first_start_age_s_max,
        m.authserv_id,
        m.imap,
        m.smtp,
        m.filing,
        config.log,
        config.socket.display()
    )
}

#[test]
fn what_cannot_be_read_as_toml_is_complained_of_at_its_place() {
    wrong("state = ", "state == ", "1:8: ");
    wrong("state = \"state\"\n", "", "1:1: missing field `state`");
    wrong(
        "state = ",
        "stat = 1\nstate = ",
        "1:1: unknown field `stat`",
    );
    wrong("user = ", "usr = 1\nuser = ", "6:1: unknown field `usr`");
    wrong(
        "host = \"mx.credly.example\"\nuser",
        "port = 70000\nhost = \"a\"\nuser",
        "5:8: invalid value: integer `70000`",
    );
    wrong(
        "user = ",
        "tls = \"ssl\"\nuser = ",
        "6:7: unknown variant `ssl`, expected one of `implicit`, `starttls`, `none`",
    );
    wrong(
        "user = ",
        "poll = \"60\"\nuser = ",
        "6:8: `60` is no duration: write a whole number and a unit",
    );
    wrong(
        "user = ",
        "poll = 60\nuser = ",
        "6:8: invalid type: integer `60`",
    );
    wrong(
        "user = ",
        "poll = \"11y\"\nuser = ",
        "6:8: `11y` is no duration",
    );
    wrong(
        "support@credly",
        "support credly",
        "3:11: `support credly.example` is no mail address: ",
    );
    wrong(
        "\"ana@agents.example\"",
        "\"ana@agents.example\", \"ben\"",
        "11:10: `ben` is no mail address: no @",
    );
}

#[test]
fn a_secret_has_exactly_one_place() {
    let secret = |to: &str, expected: &str| wrong("{ file = \"imap-password\" }", to, expected);
    secret(
        "{ file = \"a\", env = \"B\" }",
        "7:12: a secret is exactly one of { file = ",
    );
    secret("{ }", "7:12: a secret is exactly one of { file = ");
    secret("{ fil = \"a\" }", "7:14: unknown field `fil`");
    secret("{ file = \"\" }", "7:12: the secret's file has no name");
    secret(
        "{ credential = \"../a\" }",
        "7:12: `../a` is no name of a systemd credential",
    );
    secret(
        "{ env = \"A=B\" }",
        "7:12: `A=B` is no name of an environment variable",
    );
    secret("{ command = [] }", "7:12: the secret's command is empty");
}

#[test]
fn a_password_in_the_config_itself_is_refused_without_being_repeated() {
    for written in ["\"hunter2\"", "22222", "2.2222"] {
        let said = complaints(&LEAST.replace("{ file = \"imap-password\" }", written));
        let wanted = "7:12: a secret does not stand in the config itself";
        assert!(said[0].starts_with(wanted), "{said:?}");
        assert!(
            !said[0].contains("22") && !said[0].contains("hunter"),
            "the log would show it: {said:?}"
        );
    }
}

#[test]
fn a_config_that_does_not_hold_together_is_complained_of_at_its_table() {
    let no_name = "2:1: `Support` is no mailbox name: use 1 to 40 of a-z, 0-9, - and _";
    let said = complaints(&LEAST.replace("mailbox.support", "mailbox.Support"));
    assert_eq!(said, [no_name]);
    let none = "1:1: no mailbox: at least one [mailbox.NAME] is needed";
    let queues = LEAST.split_once("[queue").unwrap().1;
    let said = complaints(&format!("state = \"state\"\n[mailbox]\n[queue{queues}"));
    assert_eq!(said, [none]);
    wrong("[queue.badges]", "[queue.b4dges]", "2:1: the rules in ");
    wrong(
        "[queue.badges]",
        "[queue.\"two words\"]\nagents = [\"a@b.example\"]\n[queue.badges]",
        "12:1: `two words` is no queue name",
    );
    wrong(
        "[\"cleo@agents.example\"]",
        "[]",
        "12:1: the queue `badges` has no agents: who reads its mails?",
    );
    let own = "12:1: the agent support@credly.example is an address of the desk itself";
    wrong("cleo@agents.example", "support@credly.example", own);
    wrong(
        "cleo@agents",
        "Support+x@CREDLY",
        "12:1: the agent Support+x@credly.example is an address of the desk",
    );
    let alias = LEAST.replace(
        "[mailbox.support.imap]",
        "aliases = [\"help@credly.example\"]\n[mailbox.support.imap]",
    );
    let said = complaints(&alias.replace("lead@agents.example", "help@credly.example"));
    assert!(
        said[0].starts_with("15:1: the agent help@credly.example is an address of the desk"),
        "{said:?}"
    );
}

#[test]
fn servers_that_cannot_be_meant_are_complained_of_at_their_table() {
    let imap = |line: &str, expected: &str| wrong("user = ", &format!("{line}\nuser = "), expected);
    let smtp = |line: &str, expected: &str| {
        wrong(
            "[queue.accounts]",
            &format!("{line}\n[queue.accounts]"),
            expected,
        );
    };
    imap(
        "tls = \"none\"",
        "4:1: [mailbox.support.imap] tls = \"none\" is for this machine alone",
    );
    smtp(
        "tls = \"none\"",
        "8:1: [mailbox.support.smtp] tls = \"none\" is for this machine alone",
    );
    imap(
        "oauth = { given = { env = \"A\" } }",
        "4:1: [mailbox.support.imap] needs `password` or `oauth`, one of them",
    );
    wrong(
        "password = ",
        "# ",
        "4:1: [mailbox.support.imap] needs `password` or `oauth`, one of them",
    );
    wrong(
        "user = \"support\"",
        "user = \"\"",
        "4:1: [mailbox.support.imap] `user` is empty",
    );
    wrong(
        "host = \"mx.credly.example\"",
        "host = \" \"",
        "4:1: [mailbox.support.imap] `host` is empty",
    );
    imap(
        "mail_bytes_max = 65535",
        "4:1: [mailbox.support.imap] mail_bytes_max must be at least 65536",
    );
    for poll in ["0s", "1501s", "26m"] {
        imap(
            &format!("poll = \"{poll}\""),
            "4:1: [mailbox.support.imap] poll must lie between \"1s\" and \"25m\"",
        );
    }
    for connections in [0, 17] {
        smtp(
            &format!("connections = {connections}"),
            "8:1: [mailbox.support.smtp] connections must lie between 1 and 16",
        );
    }
    let both =
        "8:1: [mailbox.support.smtp] needs `user` with `password` or `oauth`, or none of the three";
    smtp("user = \"support\"", both);
    smtp("password = { env = \"A\" }", both);
    smtp(
        "user = \"support\"\npassword = { env = \"A\" }\noauth = { given = { env = \"B\" } }",
        both,
    );
}

#[test]
fn two_mailboxes_on_one_folder_would_handle_every_mail_twice() {
    let (head, queues) = LEAST.split_once("[queue.accounts]").unwrap();
    let second = head
        .split_once('\n')
        .unwrap()
        .1
        .replace("mailbox.support", "mailbox.twin");
    let said = complaints(&format!("{head}{second}[queue.accounts]{queues}"));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with(
            "12:1: [mailbox.twin.imap] watches the same folder as [mailbox.support.imap]"
        ),
        "{said:?}"
    );
}

#[test]
fn plain_connections_to_this_machine_are_allowed() {
    for host in ["127.0.0.1", "127.8.8.8", "::1", "localhost"] {
        let text = LEAST.replace(
            "host = \"mx.credly.example\"",
            &format!("host = \"{host}\"\ntls = \"none\""),
        );
        assert_eq!(load(&text).mailboxes[0].smtp.tls, TlsFile::None, "{host}");
    }
    for host in [
        "10.0.0.1",
        "localhost.example",
        "127.0.0.1.example",
        "0.0.0.0",
    ] {
        assert!(!config::is_loopback(host), "{host}");
    }
}

#[test]
fn every_complaint_is_told_at_once() {
    let text = LEAST
        .replace("poll", "")
        .replace("user = ", "poll = \"0s\"\ntls = \"none\"\nuser = ")
        .replace("[\"cleo@agents.example\"]", "[]");
    let said = complaints(&text);
    assert_eq!(said.len(), 3, "{said:?}");
}

#[test]
fn paths_are_relative_to_the_config_and_not_to_where_it_is_started() {
    let text = LEAST.replace("user = ", "ca_file = \"ca.pem\"\nuser = ")
        + "[control]\nsocket = \"run/socket\"\n";
    let (folder, path) = folder(&text);
    let config = config::load(&path).unwrap();
    let imap = &config.mailboxes[0].imap;
    assert_eq!(config.state, folder.path().join("state"));
    assert_eq!(config.socket, folder.path().join("run/socket"));
    assert_eq!(imap.ca_file, Some(folder.path().join("ca.pem")));
    assert_eq!(
        imap.password,
        Some(Secret::File(folder.path().join("imap-password")))
    );
    let places = config::places(&path).unwrap();
    assert_eq!((places.state, places.socket), (config.state, config.socket));
    let absolute = load(&LEAST.replace("\"state\"", "\"/var/lib/elsewhere\""));
    assert_eq!(absolute.state, Path::new("/var/lib/elsewhere"));
    assert_eq!(absolute.socket, Path::new("/run/mailclerk/control.sock"));
}

#[test]
fn the_places_of_a_daemon_are_found_in_a_config_that_is_wrong_otherwise() {
    let (folder, path) = folder(
        "state = \"s\"\nrules = 7\n[control]\nsocket = \"c\"\n[mailbox.support]\nnonsense = 1\n",
    );
    let places = config::places(&path).unwrap();
    assert_eq!(
        (places.state, places.socket),
        (folder.path().join("s"), folder.path().join("c"))
    );
    let said = config::places(&folder.path().join("none.toml")).unwrap_err();
    assert!(said[0].what.contains("--config FILE"), "{said:?}");
}

#[test]
fn a_mailbox_may_have_rules_of_its_own_and_a_mistake_in_them_is_found_there() {
    let (folder, path) = folder(&LEAST.replace(
        "[mailbox.support.imap]",
        "rules = \"others\"\n[mailbox.support.imap]",
    ));
    let others = folder.path().join("others");
    let said = config::load(&path).unwrap_err();
    assert_eq!(said[0].file, others.display().to_string());
    copy(&folder.path().join("rules"), &others);
    config::load(&path).unwrap();
    let desk = others.join("desk.toml");
    let text = fs::read_to_string(&desk).unwrap();
    fs::write(
        &desk,
        text.replace("address_day = 3", "address_day = three"),
    )
    .unwrap();
    let line = text
        .lines()
        .position(|l| l.starts_with("address_day"))
        .unwrap()
        + 1;
    let said = config::load(&path).unwrap_err();
    let place = format!("{}:{line}:15: ", desk.display());
    assert!(
        said[0].to_string().starts_with(&place),
        "{} {}",
        said[0],
        place
    );
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
fn whatever_is_left_out_is_what_the_sample_says() {
    let config = load(LEAST);
    let mailbox = &config.mailboxes[0];
    assert_eq!(
        (mailbox.imap.port, mailbox.imap.tls),
        (993, TlsFile::Implicit)
    );
    assert_eq!(
        (mailbox.smtp.port, mailbox.smtp.tls),
        (465, TlsFile::Implicit)
    );
    assert_eq!(
        (mailbox.imap.folder.as_str(), mailbox.imap.idle),
        ("INBOX", true)
    );
    assert_eq!(
        (mailbox.imap.poll.0, mailbox.imap.mail_bytes_max),
        (60, 26_214_400)
    );
    assert_eq!(
        (mailbox.smtp.connections, mailbox.first_start_age_s_max),
        (2, 172_800)
    );
    assert_eq!(mailbox.filing.mode, FilingMode::Move);
    assert_eq!(
        (config.log.level, config.log.to),
        (LogLevel::Info, LogTarget::Auto)
    );
    assert!(
        mailbox.aliases.is_empty()
            && mailbox.authserv_id.is_none()
            && mailbox.imap.ca_file.is_none()
    );
}

/// Changes the least config's queue of accounts, and expects exactly one complaint that begins so.
fn wrong_time(lines: &str, expected: &str) {
    let queue = "agents = [\"ana@agents.example\"]\n";
    wrong(queue, &format!("{queue}{lines}\n"), expected);
}

#[test]
fn agents_time_that_cannot_be_meant_is_complained_of_at_its_place() {
    for (lines, expected) in [
        (
            "hours = \"Mon-Fri\"",
            "12:9: `Mon-Fri` is no stretch of work",
        ),
        ("hours = \"\"", "12:9: nobody ever works in this week"),
        (
            "zone = \"Europe/Atlantis\"",
            "12:8: `Europe/Atlantis` is no time zone",
        ),
        (
            "holidays = [\"2026-02-29\"]",
            "12:12: `2026-02-29` is no date",
        ),
        ("assign = \"dice\"", "12:10: unknown variant `dice`"),
        ("remind = \"24\"", "12:10: `24` is no duration"),
        (
            "remind = \"0s\"",
            "12:10: [queue.accounts] `remind` must be longer than nothing",
        ),
        (
            "escalate = \"48h\"",
            "12:12: [queue.accounts] `escalate` tells the lead, and there is none",
        ),
        (
            "lead = \"lea@agents.example\"\nremind = \"2h\"\nescalate = \"90m\"",
            "14:12: [queue.accounts] `escalate` must be longer than `remind`",
        ),
        (
            "lead = \"support@credly.example\"",
            "10:1: [queue.accounts] the lead support@credly.example is an address of the desk",
        ),
        (
            "[agent.\"ana@agents.example\"]\naway = [\"2026-12-24..2026-12-01\"]",
            "13:8: `2026-12-24..2026-12-01` ends before it begins",
        ),
        (
            "[agent.\"zoe@agents.example\"]\naway = []",
            "12:1: [agent.\"zoe@agents.example\"] is in no queue",
        ),
        (
            "[digest]\nat = \"8 o'clock\"",
            "13:6: `8 o'clock` is no time of day",
        ),
        (
            "[digest]\nat = \"08:00\"",
            "13:6: [digest] goes to the queues' leads, and no queue has one",
        ),
    ] {
        wrong_time(lines, expected);
    }
}

#[test]
fn agents_time_is_off_unless_it_is_written() {
    let config = load(LEAST);
    assert!(config.roster.digest.is_none() && config.roster.away.is_empty());
    assert!(!config.roster.watches("accounts"));
    let duty = config.roster.duty("accounts").unwrap();
    assert_eq!(*duty, mailclerk::triage::roster::Duty::default());
    let queue = "agents = [\"ana@agents.example\"]\n";
    let lines = "lead = \"lea@agents.example\"\nremind = \"24h\"\nescalate = \"48h\"\nzone = \"Europe/Berlin\"\nhours = \"Mon-Fri 09:00-17:00\"\n";
    let written = format!(
        "{queue}{lines}[agent.\"Ana@agents.example\"]\naway = [\"2026-12-24\"]\n[digest]\nat = \"08:00\"\n"
    );
    let config = load(&LEAST.replacen(queue, &written, 1));
    let duty = config.roster.duty("accounts").unwrap();
    assert_eq!(
        (duty.remind_s, duty.escalate_s),
        (Some(86_400), Some(172_800))
    );
    assert!(config.roster.watches("accounts") && !config.roster.watches("badges"));
    assert_eq!(
        (config.roster.away.len(), config.roster.leads().count()),
        (1, 1)
    );
}

/// The keys that the sample shows commented out, by line.
fn commented() -> Vec<usize> {
    let is_key = |line: &str| {
        let key = line
            .strip_prefix("# ")
            .and_then(|l| l.split_once(" = "))
            .map(|(key, _)| key);
        key.is_some_and(|k| k.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    SAMPLE
        .lines()
        .enumerate()
        .filter(|(_, l)| is_key(l))
        .map(|(at, _)| at)
        .collect()
}

/// The sample with one of its commented keys in force.
fn with_key(at: usize) -> String {
    let lines: Vec<&str> = SAMPLE.lines().collect();
    let header = (0..at)
        .rev()
        .find(|i| lines[*i].trim_start_matches("# ").starts_with('['))
        .unwrap();
    let key = lines[at].strip_prefix("# ").unwrap();
    let in_smtp = lines[header].contains("smtp");
    // These two make sense only together.
    let is_login = |line: &str| {
        let line = line.trim_start_matches("# ");
        line.starts_with("user = ") || line.starts_with("password = ")
    };
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        let login = in_smtp && i > header && is_login(line) && is_login(key);
        if i == at || i == header || login {
            out += line.trim_start_matches("# ");
        } else if key.starts_with("oauth") && line.starts_with("password") {
            out += "# ";
        } else {
            out += line;
        }
        out += "\n";
    }
    out
}

#[test]
fn the_sample_loads_and_each_key_that_it_shows_is_one() {
    let plain = told(&load(SAMPLE));
    let keys = commented();
    assert!(keys.len() >= 20, "{keys:?}");
    // These show an example and no default.
    let examples = [
        "rules",
        "authserv_id",
        "ca_file",
        "oauth",
        "user",
        "password",
    ];
    let lines: Vec<&str> = SAMPLE.lines().collect();
    std::thread::scope(|scope| {
        for half in keys.chunks(keys.len().div_ceil(2)) {
            let (lines, plain) = (&lines, &plain);
            scope.spawn(move || {
                for at in half {
                    let text = with_key(*at);
                    let key = lines[*at].strip_prefix("# ").unwrap();
                    let (folder, path) = folder(&text);
                    copy(
                        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/rules")),
                        &folder.path().join("rules-other"),
                    );
                    let config = config::load(&path).unwrap_or_else(|c| panic!("{key}: {c:?}"));
                    let is_example = examples.iter().any(|e| key.starts_with(&format!("{e} = ")));
                    let here = folder.path().display().to_string() + "/";
                    let same = told(&config).replace(&here, "") == *plain;
                    assert!(
                        same != is_example || key.starts_with("rules"),
                        "{key}\n{plain}\n{}",
                        told(&config)
                    );
                }
            });
        }
    });
}

#[test]
fn the_forms_that_the_sample_names_for_secrets_are_read() {
    let with = |secret: &str| {
        load(&LEAST.replace("{ file = \"imap-password\" }", secret)).mailboxes[0]
            .imap
            .password
            .clone()
            .unwrap()
    };
    assert_eq!(with("{ file = \"/path\" }"), Secret::File("/path".into()));
    assert_eq!(
        with("{ credential = \"name\" }"),
        Secret::Credential("name".to_owned())
    );
    assert_eq!(with("{ env = \"NAME\" }"), Secret::Env("NAME".to_owned()));
    let words = vec!["prog".to_owned(), "arg".to_owned()];
    assert_eq!(
        with("{ command = [\"prog\", \"arg\"] }"),
        Secret::Command(words)
    );
    let refresh = "oauth = { refresh = { url = \"https://login.example/token\", client_id = \"id\", refresh_token = { file = \"refresh\" } } }";
    let (folder, path) = folder(&LEAST.replace("password = { file = \"imap-password\" }", refresh));
    let Some(TokenSource::Refresh(refresh)) =
        config::load(&path).unwrap().mailboxes[0].imap.oauth.clone()
    else {
        panic!("no refresh")
    };
    assert_eq!(
        refresh.refresh_token,
        Secret::File(folder.path().join("refresh"))
    );
    wrong(
        "password = { file = \"imap-password\" }",
        "oauth = { given = 5 }",
        "7:19: a secret does not stand",
    );
}
