//! Passwords and tokens: where they lie, and how they are read without leaking.
//!
//! A secret is read anew at each login, so that a rotated one is used by the next; it is never kept, never printed, and
//! never an argument of a program.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde::de::value::MapAccessDeserializer;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// Bytes that a secret may have; tokens of large providers take 4 KiB.
const SECRET_BYTES_MAX: u64 = 64 * 1024;
/// Errors that pass by themselves: EINTR, EIO, ENOMEM, ENFILE, EMFILE.
const PASSING: [i32; 5] = [4, 5, 12, 23, 24];
/// How long a command may take to print a secret; it may ask a vault over the network.
const COMMAND_ALLOWED: Duration = Duration::from_secs(30);

/// Where a secret lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// A file that only the service's user reads.
    File(PathBuf),
    /// A systemd credential by its name (`LoadCredential=` or `LoadCredentialEncrypted=`).
    Credential(String),
    /// An environment variable by its name; the least private of the four.
    Env(String),
    /// A program and its arguments, run without a shell; what it prints is the secret.
    Command(Vec<String>),
}

/// A secret as written in the config file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretTable {
    file: Option<PathBuf>,
    credential: Option<String>,
    env: Option<String>,
    command: Option<Vec<String>>,
}

const ONE_OF: &str = "a secret is exactly one of { file = \"/path\" }, { credential = \"name\" }, { env = \"NAME\" }, { command = [\"program\", \"argument\"] }";

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

/// Takes a table. Whoever writes the secret itself there is told so in words that do not repeat it: they go to the log.
struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ONE_OF)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Secret, A::Error> {
        let table = SecretTable::deserialize(MapAccessDeserializer::new(map))?;
        Secret::try_from(table).map_err(A::Error::custom)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Secret, E> {
        Err(E::custom(format!(
            "a secret does not stand in the config itself: {ONE_OF}"
        )))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Secret, E> {
        self.visit_str("")
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Secret, E> {
        self.visit_str("")
    }
}

impl TryFrom<SecretTable> for Secret {
    type Error = String;

    fn try_from(table: SecretTable) -> Result<Self, String> {
        let secret = match (table.file, table.credential, table.env, table.command) {
            (Some(path), None, None, None) => Self::File(path),
            (None, Some(name), None, None) => Self::Credential(name),
            (None, None, Some(name), None) => Self::Env(name),
            (None, None, None, Some(words)) => Self::Command(words),
            _ => return Err(ONE_OF.to_owned()),
        };
        match &secret {
            Self::File(path) if path.as_os_str().is_empty() => {
                Err("the secret's file has no name".to_owned())
            }
            Self::Credential(name)
                if name.is_empty() || name.contains('/') || name.starts_with('.') =>
            {
                Err(format!("`{name}` is no name of a systemd credential"))
            }
            Self::Env(name) if name.is_empty() || name.contains(['=', '\0']) => {
                Err(format!("`{name}` is no name of an environment variable"))
            }
            Self::Command(words) if words.first().is_none_or(String::is_empty) => Err(
                "the secret's command is empty: it is a list of the program and its arguments"
                    .to_owned(),
            ),
            _ => Ok(secret),
        }
    }
}

/// Why a secret could not be read; each text says what to do, and none holds the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The file does not open or read.
    #[error(
        "the secret file {path} cannot be read ({why}): create it, owned by the service's user, with mode 0600"
    )]
    File {
        /// The file.
        path: String,
        /// The system's words.
        why: String,
    },
    /// The system cannot open or read any file now.
    #[error("the secret file {path} cannot be read now ({why})")]
    Busy {
        /// The file.
        path: String,
        /// The system's words.
        why: String,
    },
    /// Others may change the file.
    #[error(
        "the secret file {path} may be changed by others (mode {mode:04o}): run chmod 600 on it"
    )]
    Writable {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// systemd gave us no credentials at all.
    #[error(
        "the credential `{0}` is not there: CREDENTIALS_DIRECTORY is not set; for the service, add LoadCredential={0}:/path to its unit; by hand, set it to the folder that holds a file of this name"
    )]
    NoCredentials(String),
    /// The variable is not set.
    #[error(
        "the environment variable {0} is not set (or not UTF-8): set it for the service, or use a file or a credential"
    )]
    Env(String),
    /// The command failed.
    #[error("the secret command `{program}` {why}: run it as the service's user to see why")]
    Command {
        /// The program, without its arguments.
        program: String,
        /// What happened.
        why: String,
    },
    /// There is nothing in it.
    #[error("{0} is empty: put the secret into it")]
    Empty(String),
    /// It is not one line of text.
    #[error("{0} must hold one line of UTF-8 text without control characters, of at most 64 KiB")]
    NotOneLine(String),
}

impl SecretError {
    /// Returns whether waiting may help: a command may ask a service that is down. Else a person must act.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Command { .. } | Self::Busy { .. })
    }
}

/// A secret in the clear, for as short as it lives.
pub struct Revealed {
    text: String,
    warning: Option<String>,
}

impl Revealed {
    /// Wraps a secret; for secrets that come from elsewhere, such as access tokens.
    pub fn new(text: String) -> Self {
        Self {
            text,
            warning: None,
        }
    }

    /// Returns the secret itself; to be called where it goes on the wire and nowhere else.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns a sentence for the operator when the secret is kept carelessly.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }
}

impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revealed(…)")
    }
}

impl Drop for Revealed {
    fn drop(&mut self) {
        wipe(std::mem::take(&mut self.text).into_bytes());
    }
}

/// Overwrites bytes before they are freed. The compiler may not leave it out: it must assume they are looked at.
fn wipe(mut bytes: Vec<u8>) {
    bytes.fill(0);
    std::hint::black_box(&bytes);
}

impl Secret {
    /// Returns the same secret with a relative file taken from `folder`, where the config file lies.
    #[must_use]
    pub fn relative_to(self, folder: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(folder.join(path)),
            other => other,
        }
    }

    /// Says where it lies, on one line; the same words for the same place, and never the secret.
    pub(super) fn place(&self) -> String {
        match self {
            Self::File(path) => format!("file {}", path.display()),
            Self::Credential(name) => format!("credential {name}"),
            Self::Env(name) => format!("env {name}"),
            Self::Command(words) => format!("command {}", words.join("\t")),
        }
    }

    /// Reads the secret, now; line ends after it are not part of it.
    ///
    /// # Errors
    /// [`SecretError`], a sentence that says what to do.
    pub async fn reveal(&self) -> Result<Revealed, SecretError> {
        match self {
            Self::File(path) => read_file(path.clone(), true).await,
            Self::Credential(name) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| SecretError::NoCredentials(name.clone()))?;
                // systemd keeps these private by an ACL, which looks like group access in the mode.
                read_file(Path::new(&folder).join(name), false).await
            }
            Self::Env(name) => {
                let text = std::env::var(name).map_err(|_| SecretError::Env(name.clone()))?;
                one_line(
                    text.into_bytes(),
                    &format!("the environment variable {name}"),
                )
            }
            Self::Command(words) => run(words).await,
        }
    }
}

async fn read_file(path: PathBuf, judge_mode: bool) -> Result<Revealed, SecretError> {
    let shown = path.display().to_string();
    let failed = |why: String| SecretError::File {
        path: shown.clone(),
        why,
    };
    tokio::task::spawn_blocking(move || read_file_now(&path, judge_mode))
        .await
        .unwrap_or_else(|_| Err(failed("the reading was cut short".to_owned())))
}

fn read_file_now(path: &Path, judge_mode: bool) -> Result<Revealed, SecretError> {
    let shown = path.display().to_string();
    let failed = |why: String| SecretError::File {
        path: shown.clone(),
        why,
    };
    let unread = |error: std::io::Error| {
        let (path, why) = (shown.clone(), error.to_string());
        match error.raw_os_error() {
            Some(error) if PASSING.contains(&error) => SecretError::Busy { path, why },
            _ => SecretError::File { path, why },
        }
    };
    let kind = std::fs::metadata(path).map_err(unread)?;
    if !kind.is_file() {
        // A FIFO would hold us for ever.
        return Err(failed("it is no regular file".to_owned()));
    }
    let mode = kind.mode() & 0o7777;
    if judge_mode && mode & 0o022 != 0 {
        return Err(SecretError::Writable { path: shown, mode });
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(unread)?;
    let mut revealed = one_line(bytes, &format!("the secret file {shown}"))?;
    if judge_mode && mode & 0o044 != 0 {
        revealed.warning = Some(format!(
            "the secret file {shown} may be read by others (mode {mode:04o}): run chmod 600 on it"
        ));
    }
    Ok(revealed)
}

async fn run(words: &[String]) -> Result<Revealed, SecretError> {
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| SecretError::Empty("the secret command".to_owned()))?;
    let failed = |why: String| SecretError::Command {
        program: program.clone(),
        why,
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // Programs print secrets in their errors too: better none than one in the journal.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("does not start ({error})")))?;
    let stdout = child
        .stdout
        .take()
        .ok_or_else(|| failed("has no output".to_owned()))?;
    let finish = async {
        let mut bytes = Vec::new();
        let mut stdout = stdout.take(SECRET_BYTES_MAX + 1);
        stdout.read_to_end(&mut bytes).await?;
        // A program that prints without end is not waited for: the length alone refuses it.
        let status = if bytes.len() as u64 > SECRET_BYTES_MAX {
            None
        } else {
            Some(child.wait().await?)
        };
        Ok::<_, std::io::Error>((bytes, status))
    };
    let (bytes, status) = tokio::time::timeout(COMMAND_ALLOWED, finish)
        .await
        .map_err(|_| {
            failed(format!(
                "did not end within {} s",
                COMMAND_ALLOWED.as_secs()
            ))
        })?
        .map_err(|error| failed(format!("could not be read ({error})")))?;
    match status {
        Some(status) if !status.success() => {
            wipe(bytes);
            Err(failed(format!("failed ({status})")))
        }
        _ => one_line(
            bytes,
            &format!("the output of the secret command `{program}`"),
        ),
    }
}

/// Checks that bytes are one line of text, and strips the line ends behind it.
fn one_line(bytes: Vec<u8>, place: &str) -> Result<Revealed, SecretError> {
    if bytes.len() as u64 > SECRET_BYTES_MAX {
        wipe(bytes);
        return Err(SecretError::NotOneLine(place.to_owned()));
    }
    let mut text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            wipe(error.into_bytes());
            return Err(SecretError::NotOneLine(place.to_owned()));
        }
    };
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    let revealed = Revealed::new(text);
    if revealed.text.is_empty() {
        return Err(SecretError::Empty(place.to_owned()));
    }
    if revealed.text.chars().any(char::is_control) {
        return Err(SecretError::NotOneLine(place.to_owned()));
    }
    Ok(revealed)
}

#[cfg(test)]
mod tests;
