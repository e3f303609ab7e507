//! Dovecot's configuration: the whole of it as one ordinary user, every address a mailbox.

use std::fmt::Write as _;
use std::path::Path;

use super::ports::Ports;

/// The password of every user.
pub(crate) const PASSWORD: &str = "secret";

/// Returns a `dovecot.conf` for Dovecot 2.3. `user` and `group` own everything.
pub(crate) fn config(dir: &Path, ports: &Ports, user: &str, group: &str) -> String {
    let dir = dir.display();
    let mut text = format!(
        "base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
instance_name = mailclerk-test
listen = 127.0.0.1
protocols = imap lmtp
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = maildir:~/Maildir
# Tests prove our durability, not Dovecot's.
mail_fsync = never
mail_max_userip_connections = 1000
# A lost inotify event costs a second.
mailbox_idle_check_interval = 1 secs
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_default_realm = credly.example
auth_username_format = %Lu
auth_username_chars = \"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@+='\"
recipient_delimiter = +
ssl = yes
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/key.pem
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={dir}/mail/%Lu allow_all_users=yes
}}
protocol lmtp {{
  postmaster_address = postmaster@credly.example
}}
namespace inbox {{
  inbox = yes
}}
"
    );
    // These three would enter a chroot, which only root can.
    text.push_str("service anvil {\n  chroot =\n}\nservice stats {\n  chroot =\n}\n");
    text.push_str("service imap-login {\n  chroot =\n");
    listener(&mut text, "imap", ports.imap, false);
    listener(&mut text, "imaps", ports.imaps, true);
    text.push_str("}\nservice lmtp {\n");
    listener(&mut text, "lmtp", ports.lmtp, false);
    text.push_str("}\nservice auth {\n");
    listener(&mut text, "sasl", ports.sasl, false);
    text.push_str("}\n");
    text
}

fn listener(text: &mut String, name: &str, port: u16, tls: bool) {
    let ssl = if tls { "    ssl = yes\n" } else { "" };
    let _ = write!(
        text,
        "  inet_listener {name} {{\n    port = {port}\n{ssl}  }}\n"
    );
}
