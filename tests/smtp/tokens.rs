//! The refresh exchange against an endpoint that renews, refuses and fails.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use mailclerk::clock::Clock;
use mailclerk::clock::Timestamp;
use mailclerk::config::oauth::AccessTokens;
use mailclerk::config::oauth::Refresh;
use mailclerk::config::oauth::TokenError;
use mailclerk::config::oauth::TokenSource;
use mailclerk::config::secret::Secret;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

#[derive(Default)]
struct Watch(AtomicI64);

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// An endpoint that answers one after the other, the last one for ever.
struct Endpoint {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    async fn start(answers: &[(u16, &str)]) -> Self {
        let answers: Vec<(u16, String)> = answers
            .iter()
            .map(|(status, body)| (*status, (*body).to_owned()))
            .collect();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut tcp, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !whole(&request) {
                    let mut some = [0; 4096];
                    let read = tcp.read(&mut some).await.unwrap();
                    assert!(read > 0, "the client hung up");
                    request.extend_from_slice(&some[..read]);
                }
                let request = String::from_utf8(request).unwrap();
                let turn = {
                    let mut ears = ears.lock().unwrap();
                    ears.push(request.split("\r\n\r\n").nth(1).unwrap().to_owned());
                    ears.len() - 1
                };
                let (status, body) = &answers[turn.min(answers.len() - 1)];
                let head = format!(
                    "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                tcp.write_all((head + body).as_bytes()).await.unwrap();
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map(|length| length.trim().parse());
    matches!(length, Some(Ok(length)) if body.len() >= length)
}

fn secret(folder: &Path, name: &str, text: &str) -> Secret {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    Secret::File(path)
}

struct Rig {
    folder: tempfile::TempDir,
    clock: Arc<Watch>,
    endpoint: Endpoint,
}

impl Rig {
    async fn new(answers: &[(u16, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        secret(folder.path(), "configured", "first");
        Self {
            folder,
            clock: Arc::new(Watch::default()),
            endpoint: Endpoint::start(answers).await,
        }
    }

    fn kept(&self) -> PathBuf {
        self.folder.path().join("kept")
    }

    /// The provider as it is after a start of the daemon.
    fn tokens(&self) -> AccessTokens {
        let refresh = Refresh {
            url: self.endpoint.url.clone(),
            client_id: "mailclerk & sons".to_owned(),
            client_secret: Some(secret(self.folder.path(), "client", "cs")),
            refresh_token: Secret::File(self.folder.path().join("configured")),
            scope: Some("mail.send".to_owned()),
        };
        AccessTokens::new(
            TokenSource::Refresh(Box::new(refresh)),
            self.kept(),
            Arc::clone(&self.clock) as Arc<dyn Clock>,
        )
    }
}

async fn text(tokens: &AccessTokens) -> Result<String, TokenError> {
    tokens.token().await.map(|token| token.expose().to_owned())
}

const ONE: (u16, &str) = (
    200,
    r#"{"access_token":"a1","expires_in":3600,"refresh_token":"second"}"#,
);
const TWO: (u16, &str) = (200, r#"{"access_token":"a2","expires_in":3600}"#);
const REVOKED: (u16, &str) = (
    400,
    r#"{"error":"invalid_grant","error_description":"consent withdrawn"}"#,
);

#[tokio::test]
async fn a_token_is_asked_for_once_and_again_shortly_before_its_end() {
    let rig = Rig::new(&[ONE, TWO]).await;
    let tokens = rig.tokens();
    assert_eq!(text(&tokens).await, Ok("a1".to_owned()));
    assert_eq!(text(&tokens.clone()).await, Ok("a1".to_owned()));
    rig.clock.0.store(3600 - 60, Ordering::SeqCst);
    assert_eq!(text(&tokens).await, Ok("a2".to_owned()));
    let asked = rig.endpoint.asked();
    assert_eq!(asked.len(), 2);
    for part in [
        "grant_type=refresh_token",
        "refresh_token=first",
        "client_secret=cs",
        "scope=mail.send",
    ] {
        assert!(asked[0].contains(part), "{part} in {}", asked[0]);
    }
    assert!(
        !asked[0].contains("& sons"),
        "encoded as a form: {}",
        asked[0]
    );
    assert!(asked[1].contains("refresh_token=second"), "{}", asked[1]);
}

#[tokio::test]
async fn a_refresh_token_that_another_process_renewed_is_the_one_that_counts() {
    const THREE: (u16, &str) = (
        200,
        r#"{"access_token":"a3","expires_in":3600,"refresh_token":"third"}"#,
    );
    let rig = Rig::new(&[ONE, THREE, TWO]).await;
    let daemon = rig.tokens();
    text(&daemon).await.unwrap();
    // `check --connect` beside the daemon: the second token is void from now on.
    text(&rig.tokens()).await.unwrap();
    rig.clock.0.store(3600, Ordering::SeqCst);
    text(&daemon).await.unwrap();
    let asked = rig.endpoint.asked();
    assert!(asked[2].contains("refresh_token=third"), "{}", asked[2]);
}

#[tokio::test]
async fn a_renewed_refresh_token_outlives_the_process_and_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let rig = Rig::new(&[ONE, TWO]).await;
    text(&rig.tokens()).await.unwrap();
    assert_eq!(
        std::fs::metadata(rig.kept()).unwrap().permissions().mode() & 0o777,
        0o600
    );
    text(&rig.tokens()).await.unwrap();
    assert!(rig.endpoint.asked()[1].contains("refresh_token=second"));
}

#[tokio::test]
async fn a_newly_configured_token_wins_over_the_kept_one() {
    let rig = Rig::new(&[ONE, TWO]).await;
    text(&rig.tokens()).await.unwrap();
    secret(rig.folder.path(), "configured", "consented-again");
    text(&rig.tokens()).await.unwrap();
    assert!(rig.endpoint.asked()[1].contains("refresh_token=consented-again"));
}

#[tokio::test]
async fn a_renewed_token_that_cannot_be_saved_is_still_used() {
    let rig = Rig::new(&[ONE, TWO]).await;
    std::fs::create_dir(rig.folder.path().join("kept.new")).unwrap();
    let tokens = rig.tokens();
    assert_eq!(text(&tokens).await, Ok("a1".to_owned()));
    rig.clock.0.store(4000, Ordering::SeqCst);
    text(&tokens).await.unwrap();
    assert!(rig.endpoint.asked()[1].contains("refresh_token=second"));
}

#[tokio::test]
async fn a_withdrawn_consent_is_told_from_a_server_that_is_down() {
    let rig = Rig::new(&[REVOKED]).await;
    let error = text(&rig.tokens()).await.unwrap_err();
    assert!(
        matches!(error, TokenError::Revoked(_)) && !error.is_temporary(),
        "{error}"
    );
    let rig = Rig::new(&[(503, "<html>"), ONE]).await;
    let tokens = rig.tokens();
    let error = text(&tokens).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert_eq!(
        text(&tokens).await,
        Ok("a1".to_owned()),
        "and it heals by itself"
    );
}

#[tokio::test]
async fn many_who_ask_at_once_cost_one_exchange() {
    let rig = Rig::new(&[ONE, REVOKED]).await;
    let tokens = rig.tokens();
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let tokens = tokens.clone();
            tokio::spawn(async move { text(&tokens).await })
        })
        .collect();
    for answer in asking {
        assert_eq!(answer.await.unwrap(), Ok("a1".to_owned()));
    }
    assert_eq!(rig.endpoint.asked().len(), 1);
}

#[tokio::test]
async fn one_who_gives_up_waiting_does_not_lose_the_renewed_token() {
    let rig = Rig::new(&[ONE, TWO]).await;
    let tokens = rig.tokens();
    let impatient = tokio::spawn({
        let tokens = tokens.clone();
        async move { text(&tokens).await }
    });
    while rig.endpoint.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    impatient.abort();
    assert_eq!(text(&tokens).await, Ok("a1".to_owned()));
    assert_eq!(
        rig.endpoint.asked().len(),
        1,
        "the first exchange went on to its end"
    );
    assert!(
        std::fs::read_to_string(rig.kept())
            .unwrap()
            .contains("second")
    );
}

#[tokio::test]
async fn a_token_that_a_server_refused_is_not_handed_out_again() {
    let rig = Rig::new(&[ONE, TWO]).await;
    let tokens = rig.tokens();
    let refused = tokens.token().await.unwrap();
    tokens.forget(&refused).await;
    assert_eq!(text(&tokens).await, Ok("a2".to_owned()));
    tokens.forget(&refused).await;
    assert_eq!(
        text(&tokens).await,
        Ok("a2".to_owned()),
        "the newer one stays"
    );
}
