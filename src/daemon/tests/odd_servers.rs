//! The intake on IMAP servers that refuse, forbid, throw out or run out of room, for a while.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Duration;

use super::bench::BY_MOVE;
use super::bench::Bench;
use super::bench::Ended;
use super::bench::TARGET;
use super::bench::keeper::CLOSE;
use super::bench::keeper::Fault;
use super::bench::keeper::House;
use super::*;
use crate::config::oauth::AccessTokens;
use crate::config::oauth::TokenSource;
use crate::daemon::parts::by_token;
use crate::daemon::parts::forgetting;
use crate::mailbox::imap::Login;

const HOUR: Duration = Duration::from_hours(1);
/// The longest pause after a lost connection or an unfit mailbox, with what a session takes.
const PAUSE_MAX: Duration = Duration::from_secs(300 + 75);
/// The same after a refused login.
const LOGIN_PAUSE_MAX: Duration = Duration::from_secs(900 + 75);

/// A letter that nobody else writes.
fn letter(name: &str) -> Vec<u8> {
    String::from_utf8(MAIL.to_vec())
        .unwrap()
        .replace("home.example", &format!("{name}.example"))
        .into_bytes()
}

/// A run on a server that answers such commands so for an hour, and then as it should; in that hour no mail is touched.
async fn an_hour_of(bench: &mut Bench, command: &'static str, answer: &'static str) -> Ended {
    let (store, before) = (bench.shared.store.clone(), bench.counts());
    bench
        .survives(answer, 1, |house| {
            house.on(command, answer);
            house.later = Some((
                HOUR,
                Box::new(move |house| {
                    assert_eq!(house.mails("INBOX").len(), 2);
                    let now = store.counts();
                    assert_eq!((now.ledger, now.waiting), (before.ledger, before.waiting));
                    house.relent(command);
                }),
            ));
        })
        .await
}

/// Commands of a kind in a run's first hour.
fn tries(ended: &Ended, command: &str) -> usize {
    let all = ended.connections();
    let first = all[0].at;
    let commands = all.iter().flat_map(|c| &c.commands);
    commands
        .filter(|c| c.text.starts_with(command) && c.at - first < HOUR)
        .count()
}

/// Faults: F50 F52; holds I1 I9 I10.
#[tokio::test(start_paused = true)]
async fn a_folder_that_cannot_be_worked_on_is_left_alone_and_taken_up_by_itself_later() {
    let mut bench = Bench::new();
    for answer in [
        "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 3] x\r\n{tag} OK [READ-ONLY] done\r\n",
        "{tag} NO [NONEXISTENT] no such folder\r\n",
        "{tag} NO [CANNOT] not selectable\r\n",
        "{tag} NO [UNAVAILABLE] later\r\n",
    ] {
        let ended = an_hour_of(&mut bench, "SELECT", answer).await;
        assert!(ended.took <= HOUR + PAUSE_MAX, "{answer}: {:?}", ended.took);
        let tries = tries(&ended, "SELECT");
        assert!((2..=22).contains(&tries), "{answer}: {tries}");
    }
}

/// Faults: F59; holds I1 I9 I10.
#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_tried_a_few_times_an_hour_and_the_right_one_later_works() {
    let mut bench = Bench::new();
    for answer in [
        "{tag} NO [AUTHENTICATIONFAILED] wrong\r\n",
        "{tag} NO wrong\r\n",
        "{tag} BAD wrong\r\n",
    ] {
        let ended = an_hour_of(&mut bench, "LOGIN", answer).await;
        assert!(ended.took <= HOUR + LOGIN_PAUSE_MAX, "{:?}", ended.took);
        let tries = tries(&ended, "LOGIN");
        assert!((2..=5).contains(&tries), "{answer}: {tries} in an hour");
    }
}

/// Faults: F58; holds I1 I10.
#[tokio::test(start_paused = true)]
async fn a_login_that_is_throttled_is_tried_ever_less_often_and_works_in_the_end() {
    let mut bench = Bench::new();
    for answer in [
        "{tag} NO [UNAVAILABLE] later\r\n",
        "{tag} NO [LIMIT] too many connections\r\n",
        "* BYE too many connections\r\n<close>",
        "<close>",
    ] {
        let ended = an_hour_of(&mut bench, "LOGIN", answer).await;
        assert!(ended.took <= HOUR + PAUSE_MAX, "{:?}", ended.took);
        let tries = tries(&ended, "LOGIN");
        assert!((5..=22).contains(&tries), "{answer}: {tries} in an hour");
    }
}

/// Faults: F49; holds I1 I3.
#[tokio::test(start_paused = true)]
async fn without_keywords_what_is_handled_is_known_to_us_alone_and_not_handled_again() {
    let mut bench = Bench::new();
    bench
        .survives("no keywords", 1, |house| {
            house.permanent = "\\Deleted \\Seen".to_owned();
            // The first round cannot file; all mails stay without any mark, over a new connection.
            house.once("UID MOVE", "{tag} NO [OVERQUOTA] full\r\n");
            house.once("DONE", CLOSE);
        })
        .await;
}

/// Refuses the filing for three polls, and says what lies where meanwhile.
fn refuse_filing(house: &mut House, answer: &'static str) {
    house.on("UID MOVE", answer);
    house.on("UID COPY", answer);
    house.on("CREATE", "{tag} NO [CANNOT] not here\r\n");
    for round in 0..3 {
        house.rests.push_back(Box::new(move |house| {
            assert_eq!(house.mails("INBOX").len(), 3, "round {round}: none is lost");
            let marked = |house: &House| {
                let mails = house.mails("INBOX");
                mails.values().any(|mail| mail.flags.contains("\\Deleted"))
            };
            assert!(!marked(house), "round {round}");
            if round == 2 {
                for command in ["UID MOVE", "UID COPY", "CREATE"] {
                    house.relent(command);
                }
            }
        }));
    }
}

/// Faults: F52 F53; holds I1 I2 I3 I10.
#[tokio::test(start_paused = true)]
async fn mails_that_cannot_be_filed_stay_and_are_filed_when_there_is_room() {
    let mut bench = Bench::new();
    for capabilities in [BY_MOVE, "IDLE UIDPLUS"] {
        for answer in [
            "{tag} NO [OVERQUOTA] full\r\n",
            "{tag} NO full\r\n",
            "{tag} NO [CANNOT] not selectable\r\n",
            "{tag} NO [NOPERM] not yours\r\n",
        ] {
            let ended = bench
                .survives(answer, 1, |house| {
                    house.capabilities = capabilities.to_owned();
                    refuse_filing(house, answer);
                })
                .await;
            assert_eq!(
                ended.connections().len(),
                1,
                "{answer}: the session goes on"
            );
        }
    }
}

/// Faults: F51; holds I1 I2 I3 I10.
#[tokio::test(start_paused = true)]
async fn a_target_folder_that_is_removed_or_renamed_is_made_again_in_the_same_session() {
    let mut bench = Bench::new();
    for name in [None, Some("mailclerk/forwarded"), Some("Archive")] {
        let late = letter(name.unwrap_or("removed").split('/').next().unwrap());
        let ended = bench
            .run(|house| {
                house.rests.push_back(Box::new(move |house| {
                    match name {
                        Some(name) => house.rename(TARGET, name),
                        None => house.remove(TARGET),
                    }
                    house.arrivals.push_back(late);
                }));
                // The next poll takes the late one in; the one after that files it.
                house.rests.push_back(Box::new(|_| ()));
            })
            .await;
        let house = ended.keeper.house();
        assert_eq!(house.mails("INBOX").len(), 0, "{name:?}");
        assert_eq!(house.mails(TARGET).len(), 1, "{name:?}");
        if let Some(name) = name {
            assert_eq!(
                house.mails(name).len(),
                3,
                "what a person moved stays there"
            );
        }
        assert_eq!(house.connections.len(), 1, "{name:?}");
    }
}

/// Faults: F55; holds I1 I10.
#[tokio::test(start_paused = true)]
async fn a_line_that_died_in_idle_delays_a_mail_by_one_poll_interval_at_most() {
    let mut bench = Bench::new();
    let one = bench.survives("none", 1, |_| ()).await.connections();
    let done = one[0].commands.iter().find(|c| c.text == "DONE").unwrap();
    // The continuation came, and the mail; word of it does not, nor anything else.
    let deaf = Fault::StallSaid(done.said - "* 1 EXISTS\r\n".len());
    for poll_s in [5, 60, 600] {
        bench.poll_s = poll_s;
        let ended = bench
            .survives("dead", 1, |house| house.faults.push_back(deaf))
            .await;
        let most = Duration::from_secs(poll_s + 10 + 5);
        assert!(ended.took <= most, "{poll_s}: {:?}", ended.took);
        assert_eq!(ended.connections().len(), 2);
    }
}

/// Faults: F56; holds I1 I10.
#[tokio::test(start_paused = true)]
async fn where_idle_is_refused_mail_is_found_by_asking() {
    let mut bench = Bench::new();
    for answer in ["{tag} NO not here\r\n", "{tag} BAD what\r\n"] {
        let ended = bench
            .survives(answer, 1, |house| house.on("IDLE", answer))
            .await;
        assert_eq!(ended.connections().len(), 1, "{answer}");
        assert!(ended.took <= Duration::from_mins(1), "{:?}", ended.took);
    }
}

/// Faults: F56; holds I10.
#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_up_on_every_idle_is_not_stormed_with_connections() {
    let mut bench = Bench::new();
    let ended = bench
        .survives("hangs up", 1, |house| {
            house.on("IDLE", CLOSE);
            house.later = Some((HOUR, Box::new(|house| house.relent("IDLE"))));
        })
        .await;
    let tries = tries(&ended, "SELECT");
    assert!(tries <= 30, "{tries} connections in an hour");
}

/// Faults: F57; holds I1 I10.
#[tokio::test(start_paused = true)]
async fn idle_is_renewed_before_servers_lose_patience_and_being_thrown_out_does_no_harm() {
    let mut bench = Bench::new();
    bench.poll_s = 3 * 3600;
    for (minutes, connections) in [(29, 1..=1), (3, 10..=16)] {
        let ended = bench
            .survives("impatient", 1, |house| {
                house.patience = Duration::from_mins(minutes);
                for _ in 0..15 {
                    house.rests.push_back(Box::new(|_| ()));
                }
            })
            .await;
        let made = ended.connections().len();
        assert!(connections.contains(&made), "{minutes}: {made}");
        assert!(ended.took >= Duration::from_mins(30), "{:?}", ended.took);
    }
}

/// Faults: F62; holds I1 I3 I10.
#[tokio::test(start_paused = true)]
async fn what_a_server_could_do_before_login_or_before_a_cut_is_not_relied_on_after_it() {
    let mut bench = Bench::new();
    let ended = bench
        .survives("after login", 1, |house| {
            house.once(
                "CAPABILITY",
                "* CAPABILITY IMAP4rev1 IDLE MOVE UIDPLUS\r\n{tag} OK\r\n",
            );
            house.capabilities = "UIDPLUS".to_owned();
        })
        .await;
    let commands = ended.keeper.house().commands();
    assert!(
        !commands
            .iter()
            .any(|c| c.starts_with("UID MOVE") || c == "IDLE")
    );
    let ended = bench
        .survives("after a cut", 1, |house| {
            house.capabilities = BY_MOVE.to_owned();
            house.once("UID MOVE", CLOSE);
            house.once("UID MOVE", "{tag} BAD there is no MOVE\r\n");
            house.later = Some((
                Duration::from_millis(1),
                Box::new(|house| house.capabilities = "IDLE UIDPLUS".to_owned()),
            ));
        })
        .await;
    assert_eq!(tries(&ended, "UID MOVE"), 1);
}

/// A token endpoint of one answer, which tests change.
struct Endpoint {
    url: String,
    answer: Arc<Mutex<(u16, String)>>,
}

impl Endpoint {
    /// Serves on a thread of its own, as exchanges are made on threads.
    fn start(token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new((200, String::new())));
        let shown = Arc::clone(&answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut asked = Vec::new();
                let mut part = [0; 4096];
                // The form is the end of the request, and the scope the end of the form.
                while !String::from_utf8_lossy(&asked).contains("scope=mail") {
                    let count = stream.read(&mut part).unwrap();
                    asked.extend(&part[..count]);
                    assert!(count > 0, "the request broke off");
                }
                let (status, body) = shown.lock().unwrap().clone();
                let answer = format!(
                    "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let endpoint = Self { url, answer };
        endpoint.grant(token);
        endpoint
    }

    fn grant(&self, token: &str) {
        let body = format!("{{\"access_token\":\"{token}\",\"expires_in\":3600}}");
        *self.answer.lock().unwrap() = (200, body);
    }

    /// How a desk logs in by it.
    fn login(&self, bench: &Bench) -> Login {
        let text = format!(
            "refresh = {{ url = \"{}\", client_id = \"desk\", refresh_token = {{ file = \"{}\" }}, scope = \"mail\" }}",
            self.url,
            bench.file("consent").display()
        );
        let source: TokenSource = toml::from_str(&text).unwrap();
        std::fs::write(bench.file("consent"), "consent\n").unwrap();
        let clock = Arc::clone(&bench.clock) as Arc<dyn Clock>;
        let tokens = AccessTokens::new(source, bench.file("oauth"), clock);
        Login::XOAuth2 {
            user: "support".to_owned(),
            token: by_token(tokens.clone()),
            refused: Some(forgetting(tokens)),
        }
    }
}

/// Whatever is logged on this thread until it is dropped.
struct Ears {
    heard: Arc<Mutex<Vec<u8>>>,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Ears {
    fn open() -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&heard);
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || Sink(Arc::clone(&sink)))
            .finish();
        Self {
            heard,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    fn lines(&self) -> String {
        String::from_utf8(self.heard.lock().unwrap().clone()).unwrap()
    }
}

struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A run in which the session's token expires, a letter comes, and for an hour the endpoint answers so to whoever wants
/// another; then it grants what the server takes.
async fn expired(status: u16, body: &str) -> (Ended, String) {
    let ears = Ears::open();
    let mut bench = Bench::new();
    let endpoint = Endpoint::start("first");
    bench.login = endpoint.login(&bench);
    let (answer, clock) = (Arc::clone(&endpoint.answer), Arc::clone(&bench.clock));
    let trouble = (status, body.to_owned());
    let ended = bench
        .run(|house| {
            house.capabilities = BY_MOVE.to_owned();
            house.tokens = vec!["first".to_owned()];
            house.rests.push_back(Box::new(move |house| {
                clock.wind(Duration::from_hours(2));
                *answer.lock().unwrap() = trouble;
                house.tokens = vec!["second".to_owned()];
                house.once("DONE", "* BYE the token expired\r\n<close>");
                house.put("INBOX", &letter("late"));
                house.later = Some((HOUR, Box::new(move |_| endpoint.grant("second"))));
            }));
        })
        .await;
    assert_eq!(ended.keeper.house().mails("INBOX").len(), 0);
    let counts = bench.counts();
    assert_eq!((counts.ledger, counts.waiting), (4, 8), "each letter once");
    (ended, ears.lines())
}

/// Faults: F60; holds I1 I3 I7 I10.
#[tokio::test(start_paused = true)]
async fn a_token_that_expires_in_a_session_is_renewed_and_the_session_taken_up() {
    let (ended, log) = expired(200, "{\"access_token\":\"second\",\"expires_in\":60}").await;
    assert!(
        ended.took <= Duration::from_secs(60 + 5),
        "{:?}",
        ended.took
    );
    assert!(!log.contains(" ERROR "), "{log}");
    assert!(!log.contains("first") && !log.contains("second"), "{log}");
}

/// Faults: F60; holds I1 I3 I7 I10.
#[tokio::test(start_paused = true)]
async fn a_token_service_that_fails_for_an_hour_raises_an_alarm_and_then_all_goes_on() {
    let (ended, log) = expired(503, "down").await;
    assert!(ended.took <= HOUR + PAUSE_MAX, "{:?}", ended.took);
    assert_eq!(tries(&ended, "AUTHENTICATE"), 1, "none without a token");
    let alarms = log.lines().filter(|line| line.contains(" ERROR "));
    let told = alarms.filter(|line| line.contains("no mail is read"));
    assert!(told.count() >= 2, "{log}");
}

/// Faults: F60; holds I1 I3 I7 I10.
#[tokio::test(start_paused = true)]
async fn a_consent_that_was_revoked_raises_an_alarm_at_once_and_a_new_one_is_taken_up() {
    let (ended, log) = expired(400, "{\"error\":\"invalid_grant\"}").await;
    assert!(ended.took <= HOUR + PAUSE_MAX, "{:?}", ended.took);
    assert_eq!(tries(&ended, "AUTHENTICATE"), 1, "none without a token");
    let alarm = log.lines().find(|line| line.contains(" ERROR "));
    assert!(alarm.unwrap().contains("consent again"), "{log}");
}

/// Faults: F59 F60; holds I1 I3 I7 I10.
#[tokio::test(start_paused = true)]
async fn a_token_that_the_mail_server_refuses_is_offered_a_few_times_an_hour() {
    let (ended, log) = expired(200, "{\"access_token\":\"other\",\"expires_in\":3600}").await;
    assert!(ended.took <= HOUR + LOGIN_PAUSE_MAX, "{:?}", ended.took);
    let tries = tries(&ended, "AUTHENTICATE");
    assert!((2..=6).contains(&tries), "{tries}");
    assert!(log.contains(" ERROR ") && !log.contains("other"), "{log}");
}
