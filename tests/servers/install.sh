#!/bin/sh
# Brings Dovecot, Postfix, Courier and strace from Debian's packages, for private instances that the tests and the demo start themselves.
# The packaged services are neither started nor enabled, and a mail system that is already here is not touched.
# Does nothing, quickly and without root, when everything is there.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# A Postfix beside another mail server: unpacked here, never installed. A world-readable place, as its daemons drop root.
private=${MAILCLERK_POSTFIX:-/var/lib/mailclerk-test/postfix}

# Courier beside Dovecot, of which Debian lets only one be installed: unpacked, never installed.
courier=${MAILCLERK_COURIER:-/var/lib/mailclerk-test/courier}
# It and the libraries that its one program needs.
courier_packages='courier-imap courier-authlib libcourier-unicode4 libgamin0 libidn12 libgdbm6'

say() { printf 'servers: %s\n' "$*"; }
die() { printf 'servers: %s\n' "$*" >&2; exit 1; }

have() { [ -x "$1" ]; }
have_dovecot() { have /usr/sbin/dovecot && have /usr/lib/dovecot/imap-login && have /usr/lib/dovecot/lmtp; }
have_postfix() { have /usr/sbin/postfix || have "$private/usr/sbin/postfix"; }
have_courier() { have "$courier/usr/bin/imapd"; }
have_tools() {
    have /usr/bin/openssl && have /usr/bin/strace && have /usr/bin/setpriv && have /usr/bin/prlimit && have /usr/bin/faketime &&
        [ -e /etc/ssl/certs/ca-certificates.crt ]
}

if have_dovecot && have_postfix && have_courier && have_tools; then
    exit 0
fi

[ -r /etc/debian_version ] || die "only Debian's packages are known here; install Dovecot 2.3 (imap, lmtp), Postfix and openssl yourself"
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "root is needed to install packages, and sudo is not here; run as root: $here/install.sh"
    say "asking sudo for root, to install packages"
    exec sudo MAILCLERK_POSTFIX="$private" MAILCLERK_COURIER="$courier" "$here/install.sh"
fi

export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
kept=

restore() {
    rm -f "$log"
    [ -n "$kept" ] || return 0
    if [ -e "$kept/policy-rc.d" ]; then
        mv -f "$kept/policy-rc.d" "$policy"
    else
        rm -f "$policy"
    fi
    rm -rf "$kept"
    kept=
}
trap restore EXIT
trap 'exit 130' INT TERM HUP

# While this policy stands, no maintainer script starts or restarts any service.
forbid_starts() {
    kept=$(mktemp -d /usr/sbin/.policy-rc.d.XXXXXX)
    if [ -e "$policy" ] || [ -L "$policy" ]; then
        mv "$policy" "$kept/policy-rc.d"
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

quiet() { "$@" >"$log" 2>&1 || { cat "$log" >&2; die "failed: $*"; }; }

apt() { quiet apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"; }

# Prints what installing the named packages would remove; nothing is done.
removals() { apt-get -s -q --no-install-recommends install "$@" 2>/dev/null | sed -n 's/^Remv \([^ ]*\).*/\1/p' | tr '\n' ' '; }

# Newly installed services must not come up at the next start of the machine either.
disable() {
    command -v systemctl >/dev/null || return 0
    systemctl disable "$@" >/dev/null 2>&1 || true
}

say "updating the package lists"
apt update
forbid_starts

if ! have_tools; then
    say "installing openssl, ca-certificates, util-linux, strace, faketime"
    apt --no-install-recommends --no-remove install openssl ca-certificates util-linux strace faketime
fi

if ! have_dovecot; then
    if dpkg-query -W -f '${Status}' dovecot-core 2>/dev/null | grep -q 'ok installed'; then
        die "a Dovecot without IMAP or LMTP is already here; adding to it would change that mail system, so nothing was done"
    fi
    gone=$(removals dovecot-imapd dovecot-lmtpd)
    [ -z "$gone" ] || die "installing Dovecot would remove: $gone; nothing was done"
    say "installing dovecot-imapd and dovecot-lmtpd (not started)"
    apt --no-install-recommends --no-remove install dovecot-imapd dovecot-lmtpd
    disable dovecot.service dovecot.socket
fi

if ! have_postfix; then
    gone=$(removals postfix)
    if [ -z "$gone" ]; then
        say "installing postfix (not configured, not started)"
        echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
        apt --no-install-recommends --no-remove install postfix
        disable postfix.service
    else
        # Debian lets only one mail server be installed. This one stays; ours is unpacked beside it.
        say "postfix would remove: $gone; it is unpacked into $private instead"
        libs=$(apt-cache depends postfix | sed -n 's/^  *Depends: \(lib[^ <]*\)$/\1/p')
        # shellcheck disable=SC2086 # a list of package names
        apt --no-install-recommends --no-remove install $libs
        mkdir -p "$private"
        down=$(mktemp -d)
        chmod 755 "$down"
        (cd "$down" && quiet apt-get -q download postfix)
        quiet dpkg -x "$down"/postfix_*.deb "$private"
        rm -rf "$down"
        chmod -R go+rX "$private"
    fi
fi

if ! have_courier; then
    say "unpacking courier-imap into $courier"
    down=$(mktemp -d)
    chmod 755 "$down"
    # shellcheck disable=SC2086 # a list of package names
    (cd "$down" && quiet apt-get -q download $courier_packages)
    mkdir -p "$courier.new"
    for package in "$down"/*.deb; do
        quiet dpkg -x "$package" "$courier.new"
    done
    rm -rf "$down" "$courier"
    chmod -R go+rX "$courier.new"
    # At once, so that a run that was ended early leaves nothing half there.
    mv "$courier.new" "$courier"
fi

have_dovecot && have_postfix && have_courier && have_tools || die "the packages are installed but the programs are not where Debian 12 puts them"
say "ready (for $root)"
