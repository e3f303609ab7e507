//! Exit codes that mean something (after sysexits.h).

use std::process::ExitCode;

use crate::store::OpenError;
use crate::triage::source::Complaint;

/// Why a command failed, by who must act.
#[derive(Debug)]
pub(super) enum Failure {
    /// Config or rules are wrong: 78; systemd does not restart on it.
    Config(Vec<Complaint>),
    /// A server, or the daemon, is out of reach: 69.
    Unavailable(anyhow::Error),
    /// The store cannot be used now: 74; systemd tries again.
    Store(anyhow::Error),
    /// The store is not what it was, and a person must decide: 65; systemd does not restart on it.
    Decision(anyhow::Error),
    /// Anything else: 1.
    Other(anyhow::Error),
}

impl Failure {
    pub(super) fn code(&self) -> ExitCode {
        match self {
            Self::Config(_) => ExitCode::from(78),
            Self::Unavailable(_) => ExitCode::from(69),
            Self::Store(_) => ExitCode::from(74),
            Self::Decision(_) => ExitCode::from(65),
            Self::Other(_) if self.is_broken_pipe() => ExitCode::SUCCESS,
            Self::Other(_) => ExitCode::FAILURE,
        }
    }

    pub(super) fn is_broken_pipe(&self) -> bool {
        let Self::Other(error) = self else {
            return false;
        };
        error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(complaints) => {
                let many = if complaints.len() == 1 { "" } else { "s" };
                write!(
                    f,
                    "config or rules are wrong ({} complaint{many}); nothing was started",
                    complaints.len()
                )?;
                complaints.iter().try_for_each(|c| write!(f, "\n  {c}"))
            }
            Self::Unavailable(e) | Self::Store(e) | Self::Decision(e) | Self::Other(e) => {
                write!(f, "{e:#}")
            }
        }
    }
}

impl From<Vec<Complaint>> for Failure {
    fn from(complaints: Vec<Complaint>) -> Self {
        Self::Config(complaints)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        if error.wants_a_decision() {
            Self::Decision(error.into())
        } else {
            Self::Store(error.into())
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        // Most often it was the writing: a reader that went away must be known as such.
        if error.is_io() {
            std::io::Error::from(error).into()
        } else {
            Self::Other(error.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Faults: F10 F11 F13; holds I9.
    #[test]
    fn what_only_a_person_can_mend_is_not_what_systemd_tries_again() {
        let unit = include_str!("../../systemd/mailclerk.service");
        let never = unit
            .lines()
            .find_map(|line| line.strip_prefix("RestartPreventExitStatus="))
            .unwrap_or_default();
        let stays_down = |failure: &Failure| {
            let code = format!("{:?}", failure.code());
            never
                .split(' ')
                .any(|n| code == format!("{:?}", ExitCode::from(n.parse::<u8>().unwrap_or(0))))
        };
        let refused = [
            OpenError::Newer { found: 2, known: 1 },
            OpenError::Damaged(String::new()),
            OpenError::Behind(String::new()),
        ];
        for error in refused {
            assert!(stays_down(&Failure::from(error)));
        }
        assert!(stays_down(&Failure::Config(Vec::new())));
        let disk = OpenError::Disk {
            path: "state".into(),
            why: "no space left".to_owned(),
        };
        assert!(!stays_down(&Failure::from(disk)), "it comes back by itself");
        assert!(!stays_down(&Failure::from(OpenError::InUse)));
        assert!(!stays_down(&Failure::Unavailable(anyhow::anyhow!("x"))));
        assert!(!stays_down(&Failure::Other(anyhow::anyhow!("x"))));
    }
}
