#!/bin/bash
# `make torture`: all rigs for some minutes, and one table of what they found. Exit code 1 on any violation.
# MINUTES (default 20) are divided among the rigs; SEED (default: from the clock) makes a run that can be run again.
set -uo pipefail
cd "$(dirname "$0")/../.."

MINUTES=${MINUTES:-20}
SEED=${SEED:-$(date +%s)}
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
failed=0

share() { awk -v all="$MINUTES" -v part="$1" 'BEGIN { printf "%.3f", all * part }'; }

# rig NAME SHARE ARGUMENTS...: one rig, for its share of the time.
rig() {
    local name=$1 minutes bad=0
    minutes=$(share "$2")
    shift 2
    printf 'torture: %s for %s minutes, seed %s\n' "$name" "$minutes" "$SEED"
    if ! MAILCLERK_TORTURE_MINUTES=$minutes MAILCLERK_SEED=$SEED RUST_BACKTRACE=0 \
        cargo test --locked --quiet --profile torture "$@" -- --nocapture --test-threads=1 >"$log/$name" 2>&1; then
        failed=1 bad=1
        grep -m 3 'again: ' "$log/$name"
        grep -v '^torture: rig=' "$log/$name" | tail -n 40
        printf 'again: MINUTES=%s SEED=%s make torture\n' "$MINUTES" "$SEED"
        printf '   or: MAILCLERK_TORTURE_MINUTES=%s MAILCLERK_SEED=%s cargo test --profile torture %s -- --nocapture\n' \
            "$minutes" "$SEED" "$*"
    fi
    grep -E '^(torture: rig=|simulated days:)' "$log/$name"
    return "$bad"
}

printf 'torture: building\n'
cargo build --locked --quiet --profile torture --bin mailclerk || exit 1
cargo test --locked --quiet --profile torture --lib --test torture --no-run || exit 1

# Kills start a process each and need the most; the simulation comes next.
rig kills 0.50 --test torture kills_
rig cuts 0.03 --test torture cuts_
rig damage 0.02 --test torture damaged_
rig servers 0.02 --test torture servers_
rig order 0 --test torture nothing_is_told
# A simulation uses one core; so there are two, with seeds far apart.
rig simulation 0.43 --lib simulated_days &
first=$!
(SEED=$((SEED + 1000000)) && rig simulation-2 0.43 --lib simulated_days) || failed=1
wait "$first" || failed=1

# Sums what the simulations say of themselves: "simulated days: seeds A..B, days N, crashes N, power cuts N, ...".
said() { sed -n "s/^simulated days:.* $1 \\([0-9]*\\)\\(,.*\\)*$/\\1/p" "$log"/simulation* | awk '{ all += $1 } END { print all + 0 }'; }
days=$(said days)
if [ "$days" -eq 0 ]; then
    echo 'torture: the simulation printed no line "simulated days: ... days N"'
    failed=1
fi
cat >>"$log/simulated" <<END
torture: rig=simulated lost=$(said lost) second_replies=$(said 'second replies') panics=$(said panics)
END
cat "$log"/* | awk -v days="$days" -v crashes="$(said crashes)" -v simcuts="$(said 'power cuts')" -v seed="$SEED" -v minutes="$MINUTES" '
    /^torture: rig=/ {
        for (i = 2; i <= NF; i++) { split($i, pair, "="); sum[pair[1]] += pair[2] }
    }
    function row(name, value) { printf "| %-28s | %12s |\n", name, value }
    END {
        printf "\n"
        row("done", ""); row("---", "---")
        row("kills", sum["kills"] + 0)
        row("power cuts", sum["power_cuts"] + 0)
        row("damaged stores", sum["damaged"] + 0)
        row("simulated days", days)
        row("  with crashes", crashes); row("  with power cuts", simcuts)
        row("mails delivered under kills", sum["mails"] + 0)
        row("**found**", "")
        row("mails lost", sum["lost"] + 0)
        row("second replies", sum["second_replies"] + 0)
        row("extra forwards", sum["extra_forwards"] + 0)
        row("extra forwards a kill", sum["kills"] ? sprintf("%.3f", sum["extra_forwards"] / sum["kills"]) : "-")
        row("silent shortenings", sum["shortenings"] + 0)
        row("panics out", sum["panics"] + 0)
        row("violations of any kind", sum["violations"] + 0)
        row("seed", seed); row("minutes", minutes)
        if (sum["violations"] || sum["lost"] || sum["second_replies"] || sum["shortenings"] || sum["panics"]) exit 1
        if (sum["extra_forwards"] > sum["kills"]) exit 1
    }' || failed=1
exit "$failed"
