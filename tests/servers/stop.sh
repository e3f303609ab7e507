#!/bin/sh
# Ends the private servers of one folder and removes the folder: `stop.sh [--when-stdin-ends] DIR`.
# With --when-stdin-ends it first waits until the other end of its standard input is gone: a test process holds that end,
# so its servers end with it, even when it panics or is killed.
set -u

if [ "${1-}" = --when-stdin-ends ]; then
    shift
    while read -r word; do
        # They are to stay, until somebody calls this script by hand.
        [ "$word" != keep ] || exit 0
    done
fi
dir=${1:?usage: stop.sh [--when-stdin-ends] DIR}
[ -d "$dir" ] || exit 0
# Only folders that the harness made are ever removed.
[ -f "$dir/mailclerk-servers" ] || { echo "stop.sh: $dir is not a folder of private servers" >&2; exit 1; }

# Postfix is root's. A person may be asked for a password, a test may not; without root the rest still ends.
root_needed=
if [ "$(id -u)" -ne 0 ] && [ -d "$dir/postfix" ]; then
    ask=-n
    [ ! -t 0 ] || ask=
    # shellcheck disable=SC2086 # no option at all where there is none
    if sudo $ask true 2>/dev/null; then
        exec sudo $ask "$0" "$dir"
    fi
    root_needed=1
fi

# A pid file may be older than the machine's last start: the process must know our folder.
ours() { grep -qsF "$dir" "/proc/$1/cmdline" "/proc/$1/environ"; }

# Both masters lead a process group of their own. Nothing is kept, so nothing has to end gently.
end() {
    [ -r "$1" ] || return 0
    pid=$(tr -dc 0-9 <"$1")
    [ -n "$pid" ] && ours "$pid" || return 0
    kill -KILL "-$pid"
}

# The demo's daemon, which is given the time to settle what it is sending.
daemon=$dir/desk/mailclerk.pid
if [ -r "$daemon" ]; then
    pid=$(tr -dc 0-9 <"$daemon")
    if [ -n "$pid" ] && ours "$pid"; then
        kill -TERM "$pid"
        tries=0
        while ours "$pid" && [ "$tries" -lt 300 ]; do
            sleep 0.1
            tries=$((tries + 1))
        done
    fi
fi
end "$daemon"
[ -n "$root_needed" ] || end "$dir/postfix/spool/pid/master.pid"
end "$dir/run/master.pid"
if [ -n "$root_needed" ]; then
    echo "stop.sh: no root: end Postfix and remove the folder with: sudo $0 $dir" >&2
    exit 1
fi
# A process on its way out may still make a file.
tries=0
until rm -rf "$dir" 2>/dev/null || [ "$tries" -ge 50 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
