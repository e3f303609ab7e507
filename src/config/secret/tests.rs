//! Secrets are read from each place, refused when careless, and never shown.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde::Deserialize;

use super::Revealed;
use super::Secret;
use super::SecretError;

#[derive(Deserialize)]
struct Holder {
    password: Secret,
}

fn written(toml: &str) -> Result<Secret, String> {
    let holder: Result<Holder, _> = toml::from_str(&format!("password = {toml}"));
    holder
        .map(|holder| holder.password)
        .map_err(|error| error.to_string())
}

fn file(folder: &tempfile::TempDir, bytes: &[u8], mode: u32) -> Secret {
    let path = folder.path().join("secret");
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    Secret::File(path)
}

fn shell(script: &str) -> Secret {
    Secret::Command(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()])
}

#[test]
fn the_four_places_are_written_as_the_sample_config_says() {
    assert_eq!(
        written(r#"{ file = "/a" }"#),
        Ok(Secret::File(PathBuf::from("/a")))
    );
    assert_eq!(
        written(r#"{ credential = "imap" }"#),
        Ok(Secret::Credential("imap".to_owned()))
    );
    assert_eq!(
        written(r#"{ env = "PW" }"#),
        Ok(Secret::Env("PW".to_owned()))
    );
    assert_eq!(
        written(r#"{ command = ["pass", "x"] }"#),
        Ok(Secret::Command(vec!["pass".to_owned(), "x".to_owned()]))
    );
}

#[test]
fn anything_else_is_refused_with_the_choice_named() {
    assert!(
        written(r#"{ file = "/a", env = "PW" }"#)
            .unwrap_err()
            .contains("exactly one of")
    );
    assert!(written("{}").unwrap_err().contains("exactly one of"));
    assert!(
        written(r#"{ flie = "/a" }"#)
            .unwrap_err()
            .contains("unknown field")
    );
    for nonsense in [
        "{ command = [] }",
        r#"{ credential = "../x" }"#,
        r#"{ env = "" }"#,
        r#"{ file = "" }"#,
    ] {
        assert!(written(nonsense).is_err(), "{nonsense}");
    }
    assert!(written(r#""in the clear""#).is_err());
}

/// Faults: F23; holds I10.
#[tokio::test]
async fn a_rotated_file_is_read_anew_and_its_line_end_is_not_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let secret = file(&folder, b"first\r\n", 0o600);
    assert_eq!(secret.reveal().await.unwrap().expose(), "first");
    file(&folder, b" second word \n\n", 0o600);
    assert_eq!(secret.reveal().await.unwrap().expose(), " second word ");
}

#[tokio::test]
async fn a_file_that_others_may_change_is_refused_and_one_they_may_read_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let error = file(&folder, b"x", 0o620).reveal().await.unwrap_err();
    assert!(
        matches!(error, SecretError::Writable { mode: 0o620, .. }),
        "{error}"
    );
    let revealed = file(&folder, b"x", 0o644).reveal().await.unwrap();
    assert!(revealed.warning().unwrap().contains("chmod 600"));
    assert_eq!(
        file(&folder, b"x", 0o400).reveal().await.unwrap().warning(),
        None
    );
}

/// Faults: F23; holds I7 I9.
#[tokio::test]
async fn missing_empty_and_garbled_secrets_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Secret::File(folder.path().join("none"))
        .reveal()
        .await
        .unwrap_err()
        .to_string();
    assert!(missing.contains("create it"), "{missing}");
    assert!(matches!(
        file(&folder, b"\n", 0o600).reveal().await,
        Err(SecretError::Empty(_))
    ));
    for garbled in [
        &b"two\nlines"[..],
        b"\xff\xfe",
        b"nul\0",
        &vec![b'x'; 70_000],
    ] {
        assert!(matches!(
            file(&folder, garbled, 0o600).reveal().await,
            Err(SecretError::NotOneLine(_))
        ));
    }
    assert!(
        Secret::File(folder.path().to_owned())
            .reveal()
            .await
            .is_err(),
        "a folder"
    );
    let unset = Secret::Env("MAILCLERK_NO_SUCH_VARIABLE".to_owned())
        .reveal()
        .await
        .unwrap_err();
    assert!(unset.to_string().contains("MAILCLERK_NO_SUCH_VARIABLE"));
}

#[tokio::test]
async fn a_command_prints_the_secret_and_its_failures_do_not() {
    assert_eq!(
        shell("echo hunter2").reveal().await.unwrap().expose(),
        "hunter2"
    );
    let error = shell("echo hunter2; exit 3")
        .reveal()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("exit status: 3") && !error.contains("hunter2"),
        "{error}"
    );
    assert!(
        matches!(shell("yes").reveal().await, Err(SecretError::NotOneLine(_))),
        "endless output"
    );
    assert!(matches!(
        shell("true").reveal().await,
        Err(SecretError::Empty(_))
    ));
    let error = Secret::Command(vec!["/no/such/program".to_owned()])
        .reveal()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("does not start"), "{error}");
}

#[tokio::test]
async fn arguments_of_a_command_are_not_read_by_a_shell() {
    let secret = Secret::Command(vec!["echo".to_owned(), "$HOME; `id`".to_owned()]);
    assert_eq!(secret.reveal().await.unwrap().expose(), "$HOME; `id`");
}

#[test]
fn a_revealed_secret_does_not_print_itself() {
    assert!(!format!("{:?}", Revealed::new("hunter2".to_owned())).contains("hunter2"));
}
