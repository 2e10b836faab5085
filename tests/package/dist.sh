#!/bin/sh
# usage: dist.sh VERSION: the archive is the same bytes from two clones, by two users' habits, and from itself.
set -u
. "$(dirname "$0")/tap.sh"
version=$1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

first() { contrib/dist "$version" "$tmp/first.tar.gz"; }

# Elsewhere, with other permissions, another time zone and language, and touched files.
second() {
    git clone -q . "$tmp/clone" || return
    find "$tmp/clone" -name '*.c' -exec touch -d 2001-01-01 {} +
    (cd "$tmp/clone" && umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 contrib/dist "$version" "$tmp/second.tar.gz")
}

unpacked() {
    mkdir "$tmp/unpacked" && tar -xf "$tmp/first.tar.gz" -C "$tmp/unpacked" || return
    (cd "$tmp/unpacked/vmaild-$version" && mkdir build-x && touch build-x/y &&
        contrib/dist "$version" "$tmp/third.tar.gz")
}

listing() {
    tar -tvzf "$tmp/first.tar.gz" | awk '$2 != "0/0" { print "an owner: " $0 }
        $6 !~ /^vmaild-'"$version"'\// { print "outside of its folder: " $0 }'
}

attempt "the source is packed" first
if command -v git >/dev/null && [ -e .git ]; then
    attempt "and packed from another clone" second
    attempt "to the same bytes" cmp "$tmp/first.tar.gz" "$tmp/second.tar.gz"
else
    skip "and packed from another clone" "this is no git repository"
fi
attempt "an unpacked archive can be packed" unpacked
attempt "to the same bytes again" cmp "$tmp/first.tar.gz" "$tmp/third.tar.gz"
listing | verdict "nobody's name is in it, and one folder"
sed -n '1s/.*(\(.*\)) .*/\1/p' contrib/debian/changelog | grep -vx "$version" |
    sed "s/.*/contrib\/debian\/changelog says & where the Makefile says $version/" |
    verdict "Debian's change log is of this version"
finish
