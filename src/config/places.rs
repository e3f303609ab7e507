//! Where a running daemon is found: the two keys of a config that lead to it.

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;

use crate::config::file::ControlFile;
use crate::triage::source::Complaint;

/// Where a running daemon is found: all that the commands need that ask it.
#[derive(Debug, Clone)]
pub struct Places {
    /// The state folder.
    pub state: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
}

/// The two keys that lead to a daemon. All else may be wrong meanwhile: who mends a config still wants to ask.
#[derive(Debug, Deserialize)]
struct PlacesFile {
    state: PathBuf,
    #[serde(default)]
    control: ControlPlace,
}

#[derive(Debug, Default, Deserialize)]
struct ControlPlace {
    socket: Option<PathBuf>,
}

/// Reads a config only for its places; nothing else in it is looked at.
///
/// # Errors
/// When the file cannot be read, is no TOML, or names no state folder.
pub fn places(path: &Path) -> Result<Places, Vec<Complaint>> {
    let name = path.display().to_string();
    let text = read(path, &name)?;
    let file: PlacesFile =
        toml::from_str(&text).map_err(|e| vec![Complaint::of_toml(&name, &text, &e)])?;
    let base = path.parent().unwrap_or(Path::new("."));
    let socket = file
        .control
        .socket
        .unwrap_or_else(|| ControlFile::default().socket);
    Ok(Places {
        state: base.join(&file.state),
        socket: base.join(socket),
    })
}

/// Returns whether a host names this machine.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// Reads a config's text.
pub(super) fn read(path: &Path, name: &str) -> Result<String, Vec<Complaint>> {
    std::fs::read_to_string(path).map_err(|e| {
        vec![Complaint::at(
            name,
            "",
            0,
            format!("cannot be read: {e}; name the config with --config FILE"),
        )]
    })
}
