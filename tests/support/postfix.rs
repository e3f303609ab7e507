//! Postfix's configuration: takes every mail from loopback and hands it to the private Dovecot.

use std::fmt::Write as _;
use std::path::Path;
use std::path::PathBuf;

use super::ports::Ports;

/// Where `tests/servers/install.sh` unpacks Postfix when another mail server is installed.
const PRIVATE: &str = "/var/lib/mailclerk-test/postfix";

/// Accounts that stand in for `postfix` and `postdrop` when Postfix is unpacked, not installed.
const STAND_INS: (&str, &str) = ("daemon", "uucp");

/// Folders of the queue that belong to Postfix's own account.
pub(crate) const QUEUES: &[&str] = &[
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
    "saved", "trace",
];

/// Services of `master.cf` besides the listeners: name, type, private, unprivileged, chroot, wakeup, most, command.
/// Debian's list, with nothing in a chroot, and without what would deliver to this machine's own users.
const SERVICES: &str = "pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// Postfix's programs: Debian's, or an unpacked package beside another mail server.
#[derive(Debug)]
pub(crate) struct Programs {
    /// Where the package was unpacked; none: installed.
    private: Option<PathBuf>,
}

impl Programs {
    /// Finds them; none where `tests/servers/install.sh` has not run.
    pub(crate) fn find() -> Option<Self> {
        let chosen = std::env::var_os("MAILCLERK_POSTFIX").map(PathBuf::from);
        if chosen.is_none() && Path::new("/usr/sbin/postfix").exists() {
            return Some(Self { private: None });
        }
        let private = chosen.unwrap_or_else(|| PathBuf::from(PRIVATE));
        private.join("usr/sbin/postfix").exists().then_some(Self {
            private: Some(private),
        })
    }

    /// The `postfix` command.
    pub(crate) fn command(&self) -> PathBuf {
        match &self.private {
            None => PathBuf::from("/usr/sbin/postfix"),
            Some(dir) => dir.join("usr/sbin/postfix"),
        }
    }

    /// `LD_LIBRARY_PATH` for the command, where its libraries are not installed.
    pub(crate) fn libraries(&self) -> Option<PathBuf> {
        self.private.as_ref().map(|dir| dir.join("usr/lib/postfix"))
    }

    /// The account that owns the queue, and the group of its two doors for local mail.
    pub(crate) fn owners(&self) -> (&'static str, &'static str) {
        if self.private.is_some() {
            STAND_INS
        } else {
            ("postfix", "postdrop")
        }
    }

    /// Lines of `main.cf` that say where the programs are.
    fn directories(&self) -> String {
        let Some(dir) = self.private.as_ref().map(|dir| dir.display()) else {
            return String::new();
        };
        let (owner, group) = self.owners();
        format!(
            "command_directory = {dir}/usr/sbin
daemon_directory = {dir}/usr/lib/postfix/sbin
shlib_directory = {dir}/usr/lib/postfix
meta_directory = {dir}/etc/postfix
sendmail_path = {dir}/usr/sbin/sendmail
mailq_path = {dir}/usr/bin/mailq
newaliases_path = {dir}/usr/bin/newaliases
import_environment = MAIL_CONFIG MAIL_LOGTAG LD_LIBRARY_PATH={dir}/usr/lib/postfix
mail_owner = {owner}
setgid_group = {group}
"
        )
    }
}

/// Returns `main.cf`.
pub(crate) fn main_cf(dir: &Path, ports: &Ports, programs: &Programs) -> String {
    let lmtp = ports.lmtp;
    let sasl = ports.sasl;
    let places = programs.directories();
    let dir = dir.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {dir}/postfix/spool
data_directory = {dir}/postfix/data
maillog_file = {dir}/postfix/log
maillog_file_prefixes = {dir}
myhostname = mail.credly.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
local_transport = error:no local mail here
alias_maps =
alias_database =
append_dot_mydomain = no
message_size_limit = 52428800
mailbox_size_limit = 0
default_transport = lmtp:inet:127.0.0.1:{lmtp}
transport_maps = inline:{{ {{ discard.example = discard: }}, {{ bounces.example = error:5.1.1 User unknown }} }}
smtpd_reject_unlisted_recipient = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
 check_recipient_access inline:{{
  {{ refused.example = 550 5.1.1 No such person here }},
  {{ deferred.example = 450 4.2.1 Come back later }} }},
 permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_tls_cert_file = {dir}/cert.pem
smtpd_tls_key_file = {dir}/key.pem
smtpd_tls_security_level = may
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{sasl}
smtpd_sasl_security_options = noanonymous
in_flow_delay = 0
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 10s
default_destination_concurrency_limit = 20
{places}"
    )
}

/// Returns `master.cf`.
pub(crate) fn master_cf(ports: &Ports) -> String {
    let mut text = String::new();
    let (smtp, smtps, submission) = (ports.smtp, ports.smtps, ports.submission);
    let _ = write!(
        text,
        "127.0.0.1:{smtp} inet n - n - 64 smtpd
127.0.0.1:{smtps} inet n - n - 64 smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:{submission} inet n - n - 64 smtpd
 -o smtpd_tls_security_level=encrypt
 -o smtpd_client_restrictions=permit_sasl_authenticated,reject
"
    );
    text.push_str(SERVICES);
    text
}
