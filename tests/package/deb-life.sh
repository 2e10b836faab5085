#!/bin/sh
# usage: deb-life.sh DIR: build the packages of DIR/source.tar.gz here and live their life: lintian, install, lookups,
# upgrade, purge. For a machine that can be thrown away afterwards: it is what deb.sh makes.
set -u
. "$(dirname "$0")/tap.sh"
dir=$1
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
export DEB_BUILD_OPTIONS="nocheck noautodbgsym" DEB_BUILD_PROFILES=nocheck

deb() { echo "$dir/$1/vmaild_$2_$(dpkg --print-architecture).deb"; }

# Not under systemd: who starts the daemon is this script.
daemon=
start() {
    : >/tmp/vmaild.log # it may hold what the last one said
    vmaild </dev/null >/tmp/vmaild.log 2>&1 &
    daemon=$!
    for i in $(seq 600); do
        grep -q ': ready' /tmp/vmaild.log && return
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.05
    done
    cat /tmp/vmaild.log
    return 1
}

stop() {
    kill "$daemon" && wait "$daemon"
}

# What a lookup by the daemon says; the exit status tells found (0) from not there (1).
ask() {
    vmailctl lookup --live "$@"
}

no_such_domain() {
    ask domains example.com
    code=$?
    [ "$code" -eq 1 ] || echo "a lookup in an empty store failed with status $code"
}

fill() {
    vmailctl domain add example.com && echo secret | vmailctl user add harry@example.com --password-stdin
}

is() { # PATH MODE OWNER
    found=$(stat -c '%a %U:%G' "$1" 2>&1)
    [ "$found" = "$2 $3" ] || echo "$1: it is $found, and should be $2 $3"
}

left() {
    for f in "$@"; do
        [ ! -e "$f" ] || { echo "$f is left"; ls -lA "$f"; }
    done
}

# The source is read-only here, and so is built from a copy.
build() { contrib/deb "$dir/source.tar.gz" "$dir/$1" $2 >"$dir/$1.log" 2>&1 || { tail -n 30 "$dir/$1.log"; return 1; }; }

policy() {
    lintian --allow-root --info --display-info --fail-on error,warning "$dir"/new/*.changes
}

version=$(sed -n '1s/.*(\(.*\)).*/\1/p' contrib/debian/changelog)
attempt "the packages are built" build new ""
attempt "and an older version of them" build old 0.0.9
attempt "lintian has nothing to say" policy

attempt "the older one is installed" dpkg -i "$(deb old 0.0.9)"
{
    is /var/lib/vmaild 2770 vmaild:vmaild
    is /var/lib/vmaild/vmail.db 660 vmaild:vmaild
    is /var/vmail 770 vmail:vmail
    is /etc/vmaild/vmaild.conf 644 root:root
    [ "$(getent passwd vmaild | cut -d: -f7)" = /usr/sbin/nologin ] || getent passwd vmaild || echo "there is no vmaild"
} | verdict "with users, directories, a configuration and a store"
{
    dpkg -L vmaild | grep '/man/man[1-8]/' | xargs zgrep -l /usr/local | sed 's|$| names paths below /usr/local|'
    for page in README fleet SECURITY moving-from; do
        dpkg -L vmaild | grep -qE "/share/doc/vmaild/$page(\.gz)?$" || echo "$page is not in the package"
    done
} | verdict "with pages that name its own paths"
attempt "its configuration is good" vmaild -t
attempt "the daemon starts" start
no_such_domain 2>&1 | grep -E 'failed|error' | verdict "and answers: nothing is there yet"
attempt "a domain and a mailbox are added" fill
attempt "and are in the very next answer" ask mailboxes harry+x@example.com
attempt "Postfix's own client agrees" \
    sh -c ': >/etc/postfix/main.cf; postmap -q harry@example.com socketmap:unix:/run/vmaild.sock:mailboxes'
attempt "it ends" stop
systemd-analyze verify --man=no vmaild.service vmaild.socket vmaild-queue.socket vmaild-backup.service vmaild-backup.timer 2>&1 |
    grep -E 'vmaild' | grep -v 'Failed to parse service type, ignoring: notify-reload' | verdict "systemd finds nothing in the units"
{
    for name in vmaild vmaild-queue; do
        [ -e "/etc/systemd/system/sockets.target.wants/$name.socket" ] || echo "$name.socket is not enabled"
    done
} | verdict "its sockets are systemd's"
{ [ ! -e /etc/systemd/system/timers.target.wants/vmaild-backup.timer ] || echo "the timer is enabled"; } |
    verdict "nobody has backups who did not ask for them"

echo '# mine' >>/etc/vmaild/vmaild.conf
attempt "the new version is installed over it" dpkg -i "$(deb new "$version")"
dpkg-query -W -f '${Version}\n' vmaild | grep -vx "$version" | verdict "it is the new one"
{
    grep -qx '# mine' /etc/vmaild/vmaild.conf || echo "an edit of the configuration is gone"
    is /var/lib/vmaild/vmail.db 660 vmaild:vmaild
} | verdict "an edit and the store stay"
attempt "the daemon starts again" start
attempt "and answers as before" ask mailboxes harry@example.com
attempt "it ends again" stop

attempt "the package is purged" dpkg -P vmaild
{
    [ -s /var/lib/vmaild/vmail.db ] || echo "the store is gone with its accounts"
    left /etc/vmaild /usr/sbin/vmaild /run/vmaild*.sock /var/spool/postfix/run /var/vmail /var/lib/vmaild/.as-made
    left /etc/systemd/system/multi-user.target.wants/vmaild.service /etc/systemd/system/sockets.target.wants/vmaild.socket \
        /etc/systemd/system/sockets.target.wants/vmaild-queue.socket
} | verdict "a store with accounts stays, the rest goes"

attempt "it is installed again" dpkg -i "$(deb new "$version")"
attempt "with the store that was there" vmailctl user show harry@example.com
rm -f /var/lib/vmaild/vmail.db*
attempt "purged again" dpkg -P vmaild
attempt "and installed afresh" dpkg -i "$(deb new "$version")"
attempt "the daemon starts on the empty store" start
attempt "and ends" stop
attempt "purged before it was used" dpkg -P vmaild
left /etc/vmaild /var/lib/vmaild /var/vmail /run/vmaild*.sock /usr/libexec/vmaild /usr/share/doc/vmaild |
    verdict "nothing of it is left"
finish
