//! The refresh exchange itself: one POST, one JSON answer (RFC 6749, 5 and 6).

use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::RootCerts;
use ureq::tls::TlsConfig;

use super::Refresh;
use super::Revealed;
use super::TokenError;

/// How long the whole exchange may take.
const EXCHANGE_ALLOWED: Duration = Duration::from_secs(30);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What the server granted.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) access_token: Revealed,
    /// Seconds.
    pub(super) expires_in: Option<i64>,
    pub(super) refresh_token: Option<String>,
}

/// An answer, good or bad.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    refresh_token: Option<String>,
    /// A number; some servers write it as a text.
    expires_in: Option<serde_json::Value>,
    error: Option<String>,
}

/// Asks for an access token. Blocks; for a thread that may.
pub(super) fn exchange(
    refresh: &Refresh,
    token: &str,
    client_secret: Option<&str>,
) -> Result<Granted, TokenError> {
    let local = may_ask(&refresh.url)?;
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .https_only(!local)
        // The secrets must not follow a redirect to another host.
        .max_redirects(0)
        .timeout_global(Some(EXCHANGE_ALLOWED))
        .tls_config(
            TlsConfig::builder()
                .root_certs(RootCerts::PlatformVerifier)
                .build(),
        );
    if local {
        config = config.proxy(None);
    }
    let mut form = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", &refresh.client_id),
    ];
    form.extend(client_secret.map(|secret| ("client_secret", secret)));
    form.extend(refresh.scope.as_deref().map(|scope| ("scope", scope)));
    let response = Agent::new_with_config(config.build())
        .post(&refresh.url)
        .header("Accept", "application/json")
        .send_form(form)
        .map_err(|error| {
            TokenError::Temporary(format!("the token endpoint did not answer: {error}"))
        })?;
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .into_with_config()
        .limit(ANSWER_BYTES_MAX)
        .read_to_string();
    let body = body.map_err(|error| {
        TokenError::Temporary(format!("the token endpoint's answer broke off: {error}"))
    })?;
    understand(status, &body)
}

/// Returns whether the endpoint is on this machine; an error when it is neither that nor https.
fn may_ask(url: &str) -> Result<bool, TokenError> {
    let wrong = |why: &str| TokenError::Misconfigured(format!("the token URL {why}"));
    let uri: Uri = url.parse().map_err(|_| wrong("does not parse"))?;
    let host = uri.host().ok_or_else(|| wrong("has no host"))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let local = host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(false),
        Some("http") if local => Ok(true),
        _ => Err(wrong("must begin with https://")),
    }
}

/// Reads an answer; what it says of itself counts before its status.
fn understand(status: u16, body: &str) -> Result<Granted, TokenError> {
    let temporary =
        |why: &str| TokenError::Temporary(format!("the token endpoint answered {status}{why}"));
    let Ok(answer) = serde_json::from_str::<Answer>(body) else {
        return Err(temporary(" and no JSON"));
    };
    if let Some(error) = answer.error {
        let code: String = error
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
            .take(60)
            .collect();
        return Err(match code.as_str() {
            "invalid_grant" => TokenError::Revoked(code),
            "invalid_request"
            | "invalid_client"
            | "unauthorized_client"
            | "unsupported_grant_type"
            | "invalid_scope" => TokenError::Misconfigured(code),
            _ => temporary(&format!(" ({code})")),
        });
    }
    if !(200..300).contains(&status) {
        return Err(temporary(""));
    }
    let proper = |token: &String| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    let access_token = answer
        .access_token
        .filter(proper)
        .ok_or_else(|| temporary(" without an access token"))?;
    let expires_in = answer.expires_in.and_then(|life| match life {
        serde_json::Value::Number(number) => number.as_i64(),
        serde_json::Value::String(text) => text.trim().parse().ok(),
        _ => None,
    });
    Ok(Granted {
        access_token: Revealed::new(access_token),
        expires_in,
        refresh_token: answer.refresh_token.filter(|token| !token.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::TokenError;
    use super::may_ask;
    use super::understand;

    #[test]
    fn secrets_go_over_https_or_stay_on_this_machine() {
        assert_eq!(may_ask("https://login.example/token"), Ok(false));
        assert_eq!(may_ask("http://127.0.0.1:8080/token"), Ok(true));
        assert_eq!(may_ask("http://[::1]:8080/token"), Ok(true));
        for url in [
            "http://login.example/token",
            "http://127.0.0.1.evil.example/",
            "ftp://127.0.0.1/",
            "token",
            "",
        ] {
            assert!(
                matches!(may_ask(url), Err(TokenError::Misconfigured(_))),
                "{url}"
            );
        }
    }

    #[test]
    fn what_a_person_must_heal_is_told_from_what_time_does() {
        let error = |status, body| {
            understand(status, body)
                .map(|_| ())
                .map_err(|error| error.is_temporary())
        };
        assert!(matches!(
            understand(400, r#"{"error":"invalid_grant"}"#),
            Err(TokenError::Revoked(_))
        ));
        assert!(matches!(
            understand(401, r#"{"error":"invalid_client"}"#),
            Err(TokenError::Misconfigured(_))
        ));
        assert_eq!(error(503, "<html>"), Err(true));
        assert_eq!(error(200, "{}"), Err(true));
        assert_eq!(error(429, r#"{"error":"slow_down"}"#), Err(true));
        assert_eq!(error(302, r#"{"access_token":"x"}"#), Err(true));
        assert_eq!(error(200, r#"{"access_token":"a b\r\n"}"#), Err(true));
        assert_eq!(error(200, r#"{"access_token":"ya29.x"}"#), Ok(()));
    }

    #[test]
    fn a_life_written_as_text_counts_too() {
        let life = |body| {
            understand(200, body)
                .ok()
                .and_then(|granted| granted.expires_in)
        };
        assert_eq!(
            life(r#"{"access_token":"x","expires_in":3599}"#),
            Some(3599)
        );
        assert_eq!(
            life(r#"{"access_token":"x","expires_in":"3599"}"#),
            Some(3599)
        );
        assert_eq!(life(r#"{"access_token":"x","expires_in":null}"#), None);
    }
}
