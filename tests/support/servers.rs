//! One private Dovecot and one private Postfix: start, hand over mails, read them back, disturb, stop.

use std::fs;
use std::fs::File;
use std::fs::Permissions;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use anyhow::Context;
use anyhow::Result;
use anyhow::bail;

use super::dovecot;
use super::imap::Imap;
use super::imap::Stored;
use super::ports::Ports;
use super::postfix;
use super::postfix::Programs;
use super::process::Owner;
use super::process::as_root;
use super::process::is_alive;
use super::process::is_root;
use super::process::run;
use super::process::signal;
use super::process::watch;
use super::tls;
use super::wire;
use super::wire::To;

/// A deadline for whatever the servers or a daemon should do soon: generous, since tests share a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(15);
/// Another set of servers may take a port between our look and our start.
const START_ATTEMPTS: u32 = 3;
/// Running servers; dropped, they end and their folder goes away. The same happens when the process dies in any way.
#[derive(Debug)]
pub(crate) struct Servers {
    /// The folder with everything: configs, logs, mails, keys.
    pub(crate) dir: PathBuf,
    /// Where they listen.
    pub(crate) ports: Ports,
    programs: Programs,
    /// Waits for our end and cleans up; none once they are to stay.
    watcher: Option<Child>,
}

impl Servers {
    /// Starts both.
    ///
    /// # Panics
    /// With a sentence that says what to do, where they are not installed or do not come up.
    pub(crate) fn start() -> Self {
        Self::try_start().unwrap_or_else(|error| panic!("no mail servers for this test: {error:#}"))
    }

    /// The servers that all tests of one process share; tests keep apart by using different addresses.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Servers> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts both, or says what is missing.
    pub(crate) fn try_start() -> Result<Self> {
        let mut last = None;
        for _ in 0..START_ATTEMPTS {
            match Self::attempt() {
                Ok(servers) => return Ok(servers),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no attempt was made")?)
    }

    fn attempt() -> Result<Self> {
        if !Path::new("/usr/sbin/dovecot").exists() {
            bail!("Dovecot is not installed; run tests/servers/install.sh");
        }
        let programs =
            Programs::find().context("Postfix is not installed; run tests/servers/install.sh")?;
        let ports = Ports::claim()?;
        // Not TMPDIR: socket paths have 108 bytes, and another user must be able to walk there.
        let dir = tempfile::Builder::new()
            .prefix("mailclerk-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in("/tmp")?
            .keep();
        fs::write(dir.join("mailclerk-servers"), "made by tests/support\n")?;
        let watcher = Some(watch(&dir)?);
        let servers = Self {
            dir,
            ports,
            programs,
            watcher,
        };
        if let Err(error) = servers
            .prepare()
            .and_then(|()| servers.start_dovecot())
            .and_then(|()| servers.start_postfix())
        {
            let log = fs::read_to_string(servers.dir.join("dovecot.log")).unwrap_or_default();
            return Err(if log.is_empty() {
                error
            } else {
                error.context(log)
            });
        }
        Ok(servers)
    }

    /// Leaves both running after this process, until `tests/servers/stop.sh DIR`.
    pub(crate) fn keep(mut self) -> Result<PathBuf> {
        let mut watcher = self
            .watcher
            .take()
            .context("these servers are kept already")?;
        let mut stdin = watcher
            .stdin
            .take()
            .context("the watcher has no standard input")?;
        stdin.write_all(b"keep\n")?;
        watcher.wait()?;
        Ok(self.dir.clone())
    }

    /// The certificate of the authority that signed the servers' certificate, as PEM.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// Writes everything the servers read, before the first start.
    fn prepare(&self) -> Result<()> {
        tls::certificates(&self.dir)?;
        let owner = Owner::find()?;
        for name in ["run", "state", "mail"] {
            fs::create_dir(self.dir.join(name))?;
        }
        let text = dovecot::config(&self.dir, &self.ports, &owner.user, &owner.group);
        fs::write(self.dir.join("dovecot.conf"), text)?;
        fs::write(self.dir.join("dovecot.log"), "")?;
        if is_root() {
            let theirs =
                ["run", "state", "mail", "dovecot.log", "key.pem"].map(|name| self.dir.join(name));
            run("chown", |c| {
                c.arg(format!("{}:{}", owner.user, owner.group))
                    .args(theirs)
            })?;
        }
        let config = self.dir.join("postfix");
        fs::create_dir(&config)?;
        let main = postfix::main_cf(&self.dir, &self.ports, &self.programs);
        for (name, text) in [
            ("main.cf", main),
            ("master.cf", postfix::master_cf(&self.ports)),
        ] {
            fs::write(config.join(name), text)?;
            // Postfix waits until its files are two seconds old, in case an editor is still writing.
            let hour_ago = SystemTime::now() - Duration::from_hours(1);
            File::options()
                .write(true)
                .open(config.join(name))?
                .set_modified(hour_ago)?;
        }
        self.make_queue(&config.join("spool"))
    }

    /// Makes Postfix's folders, as `postfix check` would within seconds.
    fn make_queue(&self, spool: &Path) -> Result<()> {
        let (owner, group) = self.programs.owners();
        let config = self.dir.join("postfix");
        let at = |names: &[&str]| -> Vec<PathBuf> {
            names.iter().map(|name| spool.join(name)).collect()
        };
        as_root("chown", |c| c.arg("root").arg(&config))?;
        as_root("install", |c| {
            c.args(["-d", "-o", "root"]).arg(spool).args(at(&["pid"]))
        })?;
        let own = at(postfix::QUEUES);
        as_root("install", |c| {
            c.args(["-d", "-o", owner, "-m", "700"])
                .args(own)
                .arg(config.join("data"))
        })?;
        for (name, mode) in [("maildrop", "730"), ("public", "710")] {
            as_root("install", |c| {
                c.args(["-d", "-o", owner, "-g", group, "-m", mode])
                    .args(at(&[name]))
            })?;
        }
        Ok(())
    }

    /// Starts Dovecot again, after [`Self::stop_dovecot`].
    pub(crate) fn start_dovecot(&self) -> Result<()> {
        let config = self.dir.join("dovecot.conf");
        // It listens before it goes into the background, so a taken port is an error here.
        if is_root() {
            let owner = Owner::find()?;
            run("setpriv", |c| {
                c.arg(format!("--reuid={}", owner.user))
                    .arg(format!("--regid={}", owner.group))
                    .args(["--clear-groups", "/usr/sbin/dovecot", "-c"])
                    .arg(config)
            })?;
        } else {
            run("/usr/sbin/dovecot", |c| c.arg("-c").arg(config))?;
        }
        greets(self.ports.imap, "* OK")?;
        greets(self.ports.lmtp, "220")
    }

    /// Starts Postfix again, after [`Self::stop_postfix`].
    pub(crate) fn start_postfix(&self) -> Result<()> {
        // Postfix takes this file as leave to skip its checks, which are for folders that people edit.
        let leave = self.dir.join("postfix/spool/quick-start");
        as_root("touch", |c| c.arg(leave))?;
        self.postfix("start")?;
        greets(self.ports.smtp, "220")
    }

    /// Stops Postfix: its ports refuse. Mails in its queue stay for the next start.
    pub(crate) fn stop_postfix(&self) {
        self.postfix("stop").expect("postfix stop");
    }

    /// Has Postfix try its queue now.
    pub(crate) fn flush_postfix(&self) {
        self.postfix("flush").expect("postfix flush");
    }

    /// Stops Dovecot: its ports refuse, its connections end. The mails stay.
    pub(crate) fn stop_dovecot(&self) {
        let pid = fs::read_to_string(self.dir.join("run/master.pid")).expect("Dovecot's pid");
        let pid = pid.trim();
        signal("TERM", pid).expect("SIGTERM to Dovecot");
        assert!(within(DEADLINE, || !is_alive(pid)), "Dovecot does not end");
        // Its children end a moment later; a login process left would serve the old connections.
        let _ = signal("KILL", &format!("-{pid}"));
        assert!(
            within(DEADLINE, || refuses(self.ports.imap)),
            "Dovecot still listens"
        );
    }

    /// Restarts Dovecot: every connection ends, every mail stays.
    pub(crate) fn restart_dovecot(&self) {
        self.stop_dovecot();
        self.start_dovecot().expect("Dovecot comes back");
    }

    /// Gives the user's INBOX a new UIDVALIDITY and its mails new UIDs, as a restored backup does. Ends all sessions.
    pub(crate) fn bump_uidvalidity(&self, user: &str) {
        let before = self.imap(user).select("INBOX").expect("INBOX").uid_validity;
        self.stop_dovecot();
        let maildir = self.home(user).join("Maildir");
        for entry in fs::read_dir(&maildir).expect("the Maildir").flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name == "dovecot-uidlist"
                || name.starts_with("dovecot.index")
                || name.starts_with("dovecot.list.index")
            {
                fs::remove_file(entry.path()).expect("removing an index");
            }
        }
        self.start_dovecot().expect("Dovecot comes back");
        let after = self.imap(user).select("INBOX").expect("INBOX").uid_validity;
        assert_ne!(before, after, "UIDVALIDITY did not change");
    }

    /// Puts a mail into the mailbox of `rcpt` by LMTP, and returns when it is there. An empty `from` is the null sender.
    pub(crate) fn deliver(&self, raw: &[u8], from: &str, rcpt: &str) {
        wire::send(To::Lmtp(self.ports.lmtp), raw, from, rcpt).expect("LMTP delivery");
    }

    /// Hands a mail to Postfix; it is in the mailbox a moment later.
    pub(crate) fn submit(&self, raw: &[u8], from: &str, rcpt: &str) -> Result<()> {
        wire::send(To::Smtp(self.ports.smtp), raw, from, rcpt)
    }

    /// A logged-in session of the user.
    pub(crate) fn imap(&self, user: &str) -> Imap {
        Imap::login(self.ports.imap, user).expect("IMAP login")
    }

    /// All mails of a user's folder; none where the folder is not there.
    pub(crate) fn mails(&self, user: &str, folder: &str) -> Vec<Stored> {
        let mut imap = self.imap(user);
        if imap.select(folder).is_err() {
            return Vec::new();
        }
        imap.mails(folder).expect("fetching a folder")
    }

    /// Waits until the folder has at least `n` mails, and returns them.
    ///
    /// # Panics
    /// After the deadline, with what is there.
    pub(crate) fn wait_for_mails(
        &self,
        user: &str,
        folder: &str,
        n: usize,
        deadline: Duration,
    ) -> Vec<Stored> {
        let mut mails = Vec::new();
        let came = within(deadline, || {
            mails = self.mails(user, folder);
            mails.len() >= n
        });
        let subjects: Vec<String> = mails.iter().map(Stored::subject).collect();
        assert!(
            came,
            "{folder} of {user} has {} of {n} mails: {subjects:?}",
            mails.len()
        );
        mails
    }

    /// The user's home folder, under which `Maildir` lies.
    pub(crate) fn home(&self, user: &str) -> PathBuf {
        self.dir.join("mail").join(user.to_lowercase())
    }

    fn postfix(&self, verb: &str) -> Result<()> {
        let libraries = self.programs.libraries();
        let libraries = libraries.map(|path| format!("LD_LIBRARY_PATH={}", path.display()));
        as_root("env", |c| {
            c.args(libraries)
                .arg(self.programs.command())
                .arg("-c")
                .arg(self.dir.join("postfix"))
                .arg(verb)
        })
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if let Some(mut watcher) = self.watcher.take() {
            drop(watcher.stdin.take());
            let _ = watcher.wait();
        }
    }
}

/// Waits, looking again and again, until `ready` or the deadline; returns whether it became ready.
pub(crate) fn within(deadline: Duration, mut ready: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + deadline;
    loop {
        if ready() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(LOOK);
    }
}

/// Waits until a server on `port` greets as it should.
fn greets(port: u16, greeting: &str) -> Result<()> {
    let greeted = within(DEADLINE, || {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
            return false;
        };
        let mut words = vec![0; greeting.len()];
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .is_ok()
            && stream.read_exact(&mut words).is_ok()
            && words == greeting.as_bytes()
    });
    if !greeted {
        bail!("no greeting on port {port}");
    }
    Ok(())
}

fn refuses(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
}
