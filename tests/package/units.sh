#!/bin/sh
# usage: units.sh BUILD: what the files in contrib let the daemon do is little, and enough.
#
# A sandbox of systemd's cannot be entered here. So the two halves are tested that can be: systemd's own verdict
# on the units, and that the daemon works with the capabilities of its unit and makes no call that it forbids.
set -u
. "$(dirname "$0")/tap.sh"
build=$1
units=contrib/systemd
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

if command -v systemd-analyze >/dev/null; then
    for unit in vmaild vmaild-backup; do
        # in tenths: systemd calls 1.5 out of 10 "OK", and so much is left to a daemon that starts as root
        attempt "$unit.service is exposed 1.5 at the most" \
            systemd-analyze security --offline=true --threshold=15 "$units/$unit.service"
    done
    for unit in vmaild.service vmaild.socket vmaild-queue.socket vmaild-backup.service vmaild-backup.timer; do
        # of two lines with a type, systemd before 253 knows the first, and says so
        systemd-analyze verify --man=no "$units/$unit" 2>&1 | grep "$unit:" | grep -v 'is not executable' |
            grep -v 'Failed to parse service type, ignoring: notify-reload' |
            verdict "systemd understands $unit"
    done
else
    skip "vmaild.service is exposed 1.5 at the most" "systemd-analyze is not installed"
fi

# Without the drop-in there is no network, for a store on PostgreSQL or for whomever; with it there is, and no more.
network() { # UNIT: what systemd says of its network
    systemd-analyze security --offline=true --json=short "$1" | tr '}' '\n' |
        sed -nE 's/.*"set":(true|false).*"json_field":"(PrivateNetwork|RestrictAddressFamilies_AF_INET_INET6|IPAddressDeny)".*/\2 \1/p' |
        sort | tr '\n' ' '
}

if command -v systemd-analyze >/dev/null; then
    for unit in vmaild vmaild-backup; do
        mkdir -p "$tmp/units/$unit.service.d"
        cp "$units/$unit.service" "$tmp/units"
        network "$tmp/units/$unit.service" |
            grep -vx 'IPAddressDeny true PrivateNetwork true RestrictAddressFamilies_AF_INET_INET6 true ' |
            verdict "$unit.service has no network"
        cp "$units/network.conf" "$tmp/units/$unit.service.d"
        network "$tmp/units/$unit.service" |
            grep -vx 'IPAddressDeny false PrivateNetwork false RestrictAddressFamilies_AF_INET_INET6 false ' |
            verdict "$unit.service has one with network.conf"
        attempt "$unit.service is exposed 2.5 at the most then" \
            systemd-analyze security --offline=true --threshold=25 "$tmp/units/$unit.service"
    done
    systemd-analyze verify --man=no "$tmp/units/vmaild.service" 2>&1 | grep 'network\.conf' |
        verdict "systemd understands network.conf"
fi

# What a daemon without a configuration listens on and what the units have open are the same.
{
    sed -n 's/^ListenStream=//p' "$units/vmaild.socket" | sort >"$tmp/held"
    sed -n 's/.*{ "unix:\(.*\)", PROTOCOL_.*/\1/p' src/conf/load.c | sort | diff - "$tmp/held"
    sed -n 's/^ListenStream=//p' "$units/vmaild-queue.socket" | sort >"$tmp/held"
    sed -n 's#.*{ "unix:\(.*\)", PROTOCOL_.*true },#/var/spool/postfix\1#p' src/conf/load.c | sort | diff - "$tmp/held"
} | verdict "the sockets are those of a daemon without a configuration"

if command -v systemd-sysusers >/dev/null && [ "$(id -u)" -eq 0 ]; then
    mkdir -p "$tmp/root/etc" "$tmp/root/var/lib"
    attempt "sysusers makes the users" systemd-sysusers --root="$tmp/root" "$PWD/$units/sysusers.d/vmaild.conf"
    for user in vmaild vmail; do
        grep -q "^$user:.*nologin$" "$tmp/root/etc/passwd" || echo "there is no $user, or he can log in"
    done | verdict "vmaild and vmail, who cannot log in"
    attempt "tmpfiles makes the directories" \
        systemd-tmpfiles --root="$tmp/root" --create "$PWD/$units/tmpfiles.d/vmaild.conf"
    stat -c %a "$tmp/root/var/lib/vmaild" "$tmp/root/var/vmail" 2>&1 | tr '\n' ' ' | grep -vx '2770 770 ' |
        verdict "with modes that keep others out"
else
    skip "sysusers makes the users" "that takes root and systemd-sysusers"
fi

attempt "the OpenRC script is shell" sh -n contrib/openrc/vmaild
if command -v apparmor_parser >/dev/null; then
    attempt "the AppArmor profile is understood" apparmor_parser --skip-kernel-load --skip-cache contrib/apparmor/vmaild
else
    skip "the AppArmor profile is understood" "apparmor_parser is not installed"
fi

# --- the daemon, with the powers of its unit ---------------------------------------------------------

setting() { # NAME: every value of it in the unit, one list
    sed -n "s/^$1=//p" "$units/vmaild.service" | tr '\n' ' '
}

mkdir "$tmp/queue"
cat >"$tmp/vmaild.conf" <<END
store = "sqlite:$tmp/store/vmail.db"
user = "nobody"
mail-user = "nobody"
queue-directories = { "$tmp/queue" }
listen "unix:$tmp/v.sock" {
    protocol = socketmap
    group = "mail"
}
END

daemon=
start() { # COMMAND...: run the daemon below it, until it is ready
    : >"$tmp/log"
    "$@" "$build/vmaild" -c "$tmp/vmaild.conf" >"$tmp/log" 2>&1 </dev/null &
    daemon=$!
    for i in $(seq 600); do
        grep -q ': ready' "$tmp/log" && return
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.05
    done
    cat "$tmp/log"
    return 1
}

ask() { "$build/vmailctl" -c "$tmp/vmaild.conf" lookup --live domains example.com; }

below() { # PID: every process below it
    for p in $(pgrep -P "$1"); do
        echo "$p"
        below "$p"
    done
}

bounded() { # the capabilities of the unit and no others
    exec setpriv --no-new-privs --inh-caps=-all \
        --bounding-set="-all$(for c in $(setting CapabilityBoundingSet); do printf ',+%s' "${c#CAP_}"; done | tr A-Z a-z)" "$@"
}

made() {
    install -d -m 2770 -o nobody -g nogroup "$tmp/store" &&
        "$build/vmailctl" -c "$tmp/vmaild.conf" init && "$build/vmailctl" -c "$tmp/vmaild.conf" domain add example.com
}

if [ "$(id -u)" -ne 0 ] || ! command -v setpriv >/dev/null; then
    skip "it starts with the capabilities of its unit" "that takes root and setpriv"
else
    attempt "a store is made" made
    attempt "it starts with the capabilities of its unit" start bounded
    attempt "and answers" ask
    # so that the next one finds the sockets of a dead daemon
    all=$(below "$daemon")
    kill -9 $all "$daemon"
    wait "$daemon" 2>/dev/null
    attempt "it starts where one was killed" start bounded
    attempt "and answers again" ask
    kill "$daemon"
    wait "$daemon"
fi

# "read" of `systemd-analyze syscall-filter`: the calls of a set, with the sets in it.
calls_of() {
    for name in "$@"; do
        case $name in
        @*) calls_of $(systemd-analyze syscall-filter "$name" | awk '!/#/ && /^ / { print $1 }') ;;
        *) echo "$name" ;;
        esac
    done
}

if [ "$(id -u)" -ne 0 ] || ! command -v strace >/dev/null || ! command -v systemd-analyze >/dev/null; then
    skip "it makes no call that its unit forbids" "that takes root, strace and systemd-analyze"
else
    start strace -f -qq -o "$tmp/trace" >"$tmp/odd"
    ask >/dev/null 2>&1
    inner=$(pgrep -P "$daemon" | head -n 1)
    kill -HUP "$inner" && for i in $(seq 600); do grep -q reloaded "$tmp/log" && break; sleep 0.05; done
    ask >/dev/null 2>&1
    kill -USR2 "$inner" && for i in $(seq 600); do grep -q 'in our place: leaving' "$tmp/log" && break; sleep 0.05; done
    ask >/dev/null 2>&1
    kill "$inner"
    wait "$daemon"
    : >"$tmp/allowed"
    sed -n 's/^SystemCallFilter=//p' "$units/vmaild.service" | while read -r list; do
        calls_of ${list#\~} | sort -u >"$tmp/list"
        case $list in
        \~*) sort -u "$tmp/allowed" | comm -23 - "$tmp/list" >"$tmp/next" ;;
        *) sort -u "$tmp/allowed" "$tmp/list" >"$tmp/next" ;;
        esac
        mv "$tmp/next" "$tmp/allowed"
    done
    grep -q reloaded "$tmp/log" || echo "it did not reload" >>"$tmp/odd"
    grep -q 'in our place: leaving' "$tmp/log" || echo "it was not upgraded" >>"$tmp/odd"
    # systemd starts it: it is strace's execve
    sed -nE 's/^[0-9]+ +([a-z_0-9]+)\(.*/\1/p' "$tmp/trace" | grep -vx execve | sort -u | comm -23 - "$tmp/allowed" |
        sed 's/^/it calls /' | cat "$tmp/odd" - 2>/dev/null | verdict "it makes no call that its unit forbids"
fi
finish
