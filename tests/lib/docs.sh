#!/bin/sh
# usage: docs.sh BUILD MANUAL...: the manuals say what the programs do, no more and no less. Speaks TAP.
#
# The programs in BUILD are asked for their tables, and the pages are held against them both ways: what
# has no entry is named, and so is an entry for what does not exist. To make that possible a page marks
# a key of the configuration file with Ic, a command of vmailctl with Cm, and a map with Sy.
set -u
LC_ALL=C
export LC_ALL

[ $# -ge 2 ] || { echo "usage: docs.sh BUILD MANUAL..." >&2; exit 2; }
build=$1
shift
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# --- TAP: every test leaves its complaints in a file; an empty one is a pass ------------------------

tests=0
failed=0

verdict() { # NAME
    tests=$((tests + 1))
    if [ -s "$tmp/complaints" ]; then
        failed=$((failed + 1))
        echo "not ok $tests - $1"
        sed 's/^/# /' "$tmp/complaints"
    else
        echo "ok $tests - $1"
    fi
    : >"$tmp/complaints"
}

skip() { # NAME REASON
    tests=$((tests + 1))
    echo "ok $tests - $1 # SKIP $2"
}

finish() {
    echo "1..$tests"
    [ "$failed" -eq 0 ]
    exit
}

# Complain of every line that only one of two lists has.
compare() { # LIST-OF-THE-PROGRAM LIST-OF-THE-PAGE WHAT PAGE
    sort -u "$1" >"$tmp/real"
    sort -u "$2" >"$tmp/written"
    comm -23 "$tmp/real" "$tmp/written" | sed "s|.*|$4: no entry for the $3 '&'|" >>"$tmp/complaints"
    comm -13 "$tmp/real" "$tmp/written" | sed "s|.*|$4: there is no $3 '&'|" >>"$tmp/complaints"
    [ -s "$tmp/real" ] || echo "the program lists no $3 at all" >>"$tmp/complaints"
}

# --- what the programs say ----------------------------------------------------------------------------

# Keys without a default show only where they are set, so a tcp listener sets its map.
every_key='listen "unix:/run/x" { protocol = socketmap group = "mail" peers = { "postfix", "@mail" } }
listen "inet:127.0.0.1:1" { protocol = tcp map = "aliases" }'

ask() { # FILE ARGUMENT...
    out=$tmp/$1
    shift
    "$build/vmailctl" "$@" >"$out" 2>"$tmp/err" && return
    { echo "vmailctl $* failed:"; cat "$tmp/err"; } >>"$tmp/complaints"
}

echo "$every_key" >"$tmp/every.conf"
: >"$tmp/empty.conf"
ask help help --all
ask maps maps --names
ask formats formats --names
ask every -c "$tmp/every.conf" config show
ask defaults -c "$tmp/empty.conf" config show
sed -n 's/^\([a-z-]*\) = .*/\1/p' "$tmp/every" >"$tmp/keys"
sed -n 's/^listen [^{]* {\(.*\)}$/\1/p' "$tmp/every" |
    awk '{ for (i = 2; i <= NF; i++) if ($i == "=") print $(i - 1) }' >"$tmp/listen-keys"
verdict "the programs list their commands, maps and keys"
[ "$failed" -eq 0 ] || finish

# A key that every.conf forgets would go unseen: the table itself is the witness.
cat "$tmp/keys" "$tmp/listen-keys" | sort -u >"$tmp/shown-keys"
sed -n 's/.*\.shown = { "\([a-z-]*\)".*/\1/p' src/conf/keys.c | sort -u >"$tmp/table-keys"
comm -3 "$tmp/table-keys" "$tmp/shown-keys" | tr -d '\t' |
    sed "s/.*/the key '&' is in one of src\/conf\/keys.c and 'config show' only: set it in docs.sh/" \
        >>"$tmp/complaints"
verdict "config show prints every key of the table"

# --- the pages ------------------------------------------------------------------------------------------

page() { # NAME: the path of that page, or one that is not there
    for p in $pages; do
        [ "${p##*/}" = "$1" ] && { echo "$p"; return; }
    done
    echo "$tmp/missing/$1"
}

pages=$*
conf=$(page vmaild.conf.5)
ctl=$(page vmailctl.8)
mappage=$(page vmaild-maps.7)

for p in "$@"; do
    if ! command -v mandoc >/dev/null; then
        skip "mandoc finds nothing in ${p##*/}" "mandoc is not installed"
        continue
    fi
    # whether a page of another package is installed here, and indexed, is nobody's fault
    mandoc -T lint -W style "$p" 2>/dev/null | grep -v 'STYLE: referenced manual not found' \
        >"$tmp/complaints"
    verdict "mandoc finds nothing in ${p##*/}"
done

# groff closes the quotes of several at the end of the line alone: ‘login, ‘login refused’’.
for p in "$@"; do
    grep -nE '^\.(.* )?Ql .* (Ql|, [^ ])' "$p" | sed "s|^|${p##*/}:|; s|\$|: each Ql wants a line of its own|" \
        >"$tmp/complaints"
    verdict "each quotation is closed in ${p##*/}"
done

# What stands behind `.It MACRO` within one section, mark-up dropped: `.It Cm user add Ar ADDRESS` in
# COMMANDS gives "user add ADDRESS". Optional arguments keep their brackets.
entries() { # PAGE SECTION MACRO
    [ -r "$1" ] || { echo "${1##*/} is missing" >>"$tmp/complaints"; return; }
    awk -v section="$2" -v macro="$3" '
        $1 == ".Sh" { inside = substr($0, 5) == section }
        inside && $1 == ".It" && $2 == macro {
            text = ""
            optional = 0
            for (i = 3; i <= NF; i++) {
                if ($i == "Op")
                    optional = 1
                else if ($i !~ /^(Ar|No|Ns|Fl|Cm|Ic|Sy)$/)
                    text = text (text == "" ? "" : " ") (optional ? "[" $i "]" : $i)
            }
            print text
        }' "$1"
}

entries "$conf" KEYS Ic | sed 's/ .*//' >"$tmp/page"
compare "$tmp/keys" "$tmp/page" "key" vmaild.conf.5
verdict "every key is in vmaild.conf.5"

entries "$conf" "LISTEN SECTIONS" Ic | sed 's/ .*//' >"$tmp/page"
compare "$tmp/listen-keys" "$tmp/page" "key of a listen section" vmaild.conf.5
verdict "every key of a listen section is in vmaild.conf.5"

# The page shows the defaults as one would write them; a listen section may take several lines there.
squeeze() { tr -s ' \t\n' ' ' | sed 's/ listen /\nlisten /g; s/ \([a-z-]* = \)/\n\1/g; s/\\e/\\/g'; }
awk '/^\.\\" defaults/ { inside = 1; next } inside && /^\.Ed/ { exit } inside && !/^\.Bd/' "$conf" |
    grep -v '^#' | squeeze >"$tmp/page"
squeeze <"$tmp/defaults" >"$tmp/real"
diff "$tmp/real" "$tmp/page" | sed -n 's/^</vmaild.conf.5: not in its defaults:/p
    s/^>/vmaild.conf.5: no default of the program:/p' >>"$tmp/complaints"
verdict "the defaults in vmaild.conf.5 are those of the program"

# Queries that somebody copies from a page decide who may log in: they are what the program prints, but for where a
# line ends, and for the number that the owner of the mail has here.
queries() {
    grep -v '^#' | tr '\n' ' ' | sed 's/\\e\{0,1\} / /g; s/coalesce(\([ug]id\), [^)]*)/coalesce(\1, NUMBER)/g' |
        tr -s ' ' | sed 's/ \(connect\|[a-z]*_query\) = /\n\1 = /g; s/ $/\n/'
}
ask sql -c "$tmp/empty.conf" config dovecot --version 2.3 --passdb sql --sql-file
queries <"$tmp/sql" >"$tmp/real"
awk '/^\.\\" config dovecot --sql-file/ { inside = 1; next } inside && /^\.Ed/ { exit } inside && !/^\.Bd/' \
    "$(page vmaild-views.7)" | queries >"$tmp/page"
diff "$tmp/real" "$tmp/page" | sed -n 's/^</vmaild-views.7: not in its queries:/p
    s/^>/vmaild-views.7: no query of the program:/p' >>"$tmp/complaints"
[ -s "$tmp/real" ] || echo "the program prints no queries" >>"$tmp/complaints"
sed -n 's/^coalesce(.*/&/p' "$(page vmaild-views.7)" | while IFS= read -r part; do
    grep -qF -e "$part" "$tmp/sql" || echo "vmaild-views.7: no part of a query: $part"
done >>"$tmp/complaints"
verdict "the queries in vmaild-views.7 are those of the program"

# The sample has them too, behind a #; its tcp listener is an example, and no default.
sed -n 's/^#\([a-z][a-z-]* = \|listen "\|    [a-z][a-z-]* = \|}\)/\1/p' contrib/vmaild.conf |
    sed '/^listen "inet:/,/^}/d' >"$tmp/sample.conf"
if [ -s "$tmp/sample.conf" ]; then
    ask sample -c "$tmp/sample.conf" config show
    [ ! -s "$tmp/sample" ] || diff "$tmp/defaults" "$tmp/sample" | sed -n 's|^<|contrib/vmaild.conf: not in it:|p
        s|^>|contrib/vmaild.conf: no default of the program:|p' >>"$tmp/complaints"
    sed -n 's/^\([a-z-]*\) = .*/\1/p' "$tmp/sample.conf" >"$tmp/sample-keys"
    compare "$tmp/keys" "$tmp/sample-keys" "key" contrib/vmaild.conf
else
    echo "contrib/vmaild.conf has no keys behind a #" >>"$tmp/complaints"
fi
sed -n 's/^#   \([a-z][a-z-]*\)  .*/\1/p' contrib/vmaild.conf >"$tmp/sample-keys"
compare "$tmp/listen-keys" "$tmp/sample-keys" "key of a listen section" contrib/vmaild.conf
verdict "contrib/vmaild.conf, without its #, is the defaults of the program"

# Who serves which protocol, how each says what it found, and what each process is kept from; metrics is no question.
sed -n 's/.*\[PROTOCOL_[A-Z]*\] = { "\([a-z]*\)".*/\1/p' src/base/protocol.c >"$tmp/protocols"
daemon=$(page vmaild.8)
between() { # FIRST LAST PAGE
    awk -v first="$1" -v last="$2" '$0 ~ first { inside = 1; next } $0 ~ last { inside = 0 } inside' "$3"
}
between '^\.Ss Processes' '^\.S[sh]' "$daemon" >"$tmp/processes"
sed -n 's/^\.Ql \([a-z]*\)\( [.:,]\)*$/\1/p' "$tmp/processes" >"$tmp/page"
compare "$tmp/protocols" "$tmp/page" "protocol that a process answers" vmaild.8
between '^and on the wire' '^\.El' "$daemon" | sed -n 's/^\.It \([a-z][a-z]*\).* Ta .*/\1/p' >"$tmp/page"
grep -vx metrics "$tmp/protocols" >"$tmp/asked"
compare "$tmp/asked" "$tmp/page" "protocol with outcomes" vmaild.8
sed -n '/^#   protocol  /,/^#   map /s/^# *\(protocol\)* *\([a-z]*\) .*/\2/p' contrib/vmaild.conf | grep -vx map >"$tmp/page"
compare "$tmp/protocols" "$tmp/page" "protocol" contrib/vmaild.conf
verdict "every protocol is in vmaild.8 and in the sample"

sed -n 's/^\.It \([a-z ]*\)$/\1/p' "$tmp/processes" >"$tmp/process-names"
between '^\.Sh SECURITY CONSIDERATIONS' '^\.El' "$daemon" | sed -n 's/^\.It \([a-z ]*\)$/\1/p' >"$tmp/page"
compare "$tmp/process-names" "$tmp/page" "process to be kept from something" vmaild.8
sed 's/workers$/worker/' "$tmp/process-names" >"$tmp/roles"
sed -n '/^Roles, and/,/^What keeps/s/^\([A-Z]\)\([a-z ]*\)$/\1\2/p' docs/SECURITY | tr A-Z a-z |
    grep -E '^(keeper|supervisor|.* worker)$' >"$tmp/page"
compare "$tmp/roles" "$tmp/page" "role" SECURITY
verdict "every process has what it is kept from"

# Who purges the package has no socket of ours left: the daemon's user cannot remove one from /run.
sed -n 's|^listen "unix:/run/\(.*\)\.sock".*|\1|p' "$tmp/defaults" >"$tmp/sockets"
sed -n 's/^ *for name in \(.*\); do$/\1/p' contrib/debian/vmaild.postrm | tr ' ' '\n' >"$tmp/removed"
compare "$tmp/sockets" "$tmp/removed" "default socket" contrib/debian/vmaild.postrm
verdict "the package removes every default socket"

awk -F '\t' '$1 == "command" { print $2 ($3 == "" ? "" : " " $3) }' "$tmp/help" >"$tmp/commands"
entries "$ctl" COMMANDS Cm >"$tmp/page"
compare "$tmp/commands" "$tmp/page" "command" vmailctl.8
verdict "every command is in vmailctl.8, with its arguments"

# An option belongs to the command whose entry is the last before it.
awk -F '\t' '$1 == "option" { print $2 " " $3 } $1 == "global" { print $3 }' "$tmp/help" >"$tmp/options"
[ -r "$ctl" ] && awk '
    $1 == ".Sh" { section = substr($0, 5); command = "" }
    $1 == ".It" && $2 == "Cm" && section == "COMMANDS" {
        command = ""
        for (i = 3; i <= NF && $i !~ /^(Ar|Op)$/; i++)
            command = command $i " "
    }
    $1 == ".It" && $2 == "Fl" && section ~ /^(OPTIONS|COMMANDS)$/ {
        name = argument = ""
        for (i = 3; i <= NF; i++) {
            if ($(i - 1) == "Fl" && $i ~ /^-/)
                name = "-" $i
            if ($(i - 1) == "Ar")
                argument = " " $i
        }
        print command name argument
    }' "$ctl" >"$tmp/page"
compare "$tmp/options" "$tmp/page" "option" vmailctl.8
verdict "every option is in vmailctl.8, under its command"

# A finding is what programs are written for: its code stands in the table of its command.
sed -n 's/.*{ "\([a-z0-9-]*\)", SEVERITY_.*/\1/p' src/vmailctl/cmd_lint.c src/vmailctl/cmd_doctor.c >"$tmp/codes"
entries "$ctl" FINDINGS Li >"$tmp/page"
compare "$tmp/codes" "$tmp/page" "finding" vmailctl.8
verdict "every finding is in vmailctl.8"

# Which commands have a mark in their table, and which are named between two lines of a section.
marked() { # MARK
    awk -v mark="\\.$1 = true" '
        /\.noun = / {
            name = verb = $0
            gsub(/.*noun = "|".*/, "", name)
            if (gsub(/.*verb = "|".*/, "", verb) > 1)
                name = name " " verb
        }
        $0 ~ mark { print name }' src/vmailctl/commands.c
}
named() { # FIRST LAST: as sed's
    sed -n "/$1/,/$2/p" "$ctl" | sed -n 's/^\.Cm //p' | sed 's/ , /\n/g; s/ [,.]$//'
}

marked many >"$tmp/real-names"
named '^\.Sh MANY CHANGES' '^take their arguments' >"$tmp/page"
compare "$tmp/real-names" "$tmp/page" "command for many lines" vmailctl.8
verdict "vmailctl.8 names the commands that read lines"

marked plans >"$tmp/real-names"
named '^\.It Fl -dry-run' '^\.It Fl -yes' >"$tmp/page"
compare "$tmp/real-names" "$tmp/page" "command that changes no record and has a --dry-run" vmailctl.8
verdict "vmailctl.8 names what else has a dry run"

for program in vmaild vmail-checkpassword; do
    "$build/$program" --help |
        awk '/^  -/ { for (i = 1; $i ~ /^-/; i++) { sub(/,$/, "", $i); print $i } }' >"$tmp/flags"
    awk '$1 == ".It" && $2 == "Fl" { for (i = 3; i <= NF; i++) if ($(i - 1) == "Fl") print "-" $i }' \
        "$(page "$program.8")" >"$tmp/page"
    compare "$tmp/flags" "$tmp/page" "option" "$program.8"
    verdict "every option of $program is in its manual"
done

entries "$mappage" MAPS Sy >"$tmp/page"
compare "$tmp/maps" "$tmp/page" "map" vmaild-maps.7
verdict "every map is in vmaild-maps.7"

entries "$(page vmailctl-import.8)" FORMATS Li >"$tmp/page"
compare "$tmp/formats" "$tmp/page" "format" vmailctl-import.8
verdict "every format of an import is in vmailctl-import.8"

entries "$(page vmaild-metrics.7)" METRICS Li | sed 's/ .*//' >"$tmp/page"
sed -n 's/^\t\[METRIC_[A-Z_]*\] = { "\([a-z_]*\)".*/\1/p' src/wire/metrics.c >"$tmp/metrics"
compare "$tmp/metrics" "$tmp/page" "metric" vmaild-metrics.7
verdict "every metric is in vmaild-metrics.7"

if [ -r README ]; then
    while read -r map; do
        grep -Eq "^[ |]*\`?$map\`?[ |]" README || echo "README: no row for the map '$map'"
    done <"$tmp/maps" >>"$tmp/complaints"
    verdict "every map has its row in README"
else
    skip "every map has its row in README" "there is no README"
fi

# --- what the text mentions -----------------------------------------------------------------------------

# Everything a macro marks anywhere: "MACRO<TAB>words<TAB>page:line".
for p in "$@"; do
    awk -v page="${p##*/}" '
        function put() {
            if (macro != "" && text != "")
                print macro "\t" text "\t" page ":" FNR
            macro = text = ""
        }
        /^\.[A-Z]/ && !/^\.\\"/ {
            sub(/^\./, "")
            for (i = 1; i <= NF; i++) {
                if ($i ~ /^(Ic|Cm|Sy)$/) {
                    put()
                    macro = $i
                } else if ($i ~ /^[A-Z][a-z]$/ || $i ~ /^[][(),.;:]+$/)
                    put()
                else if (macro != "")
                    text = text (text == "" ? "" : " ") $i
            }
            put()
        }' "$p"
done >"$tmp/marks"

# Complain of every mark MACRO whose words are none of the lines in LIST.
known() { # MACRO LIST WHAT
    awk -F '\t' -v macro="$1" -v what="$3" '
        NR == FNR { real[$0] = 1; next }
        $1 == macro && !($2 in real) { print $3 ": there is no " what " \047" $2 "\047" }' "$2" "$tmp/marks" \
        >>"$tmp/complaints"
}

cat "$tmp/keys" "$tmp/listen-keys" >"$tmp/all-keys"
echo listen >>"$tmp/all-keys"
known Ic "$tmp/all-keys" key
verdict "no page mentions a key that does not exist"

awk -F '\t' '$1 == "command" { split($2, w, " "); print $2; print w[1] }' "$tmp/help" >"$tmp/command-names"
known Cm "$tmp/command-names" command
verdict "no page mentions a command that does not exist"

known Sy "$tmp/maps" map
verdict "no page mentions a map that does not exist"

for p in "$@"; do
    sed -n "s|^\.Xr \(vmail[^ ]*\) \([0-9]\).*|\1.\2 ${p##*/}|p" "$p"
done | sort -u | while read -r other p; do
    [ -r "$(page "$other")" ] || echo "$p: there is no manual '$other'"
done >>"$tmp/complaints"
verdict "no page refers to a manual of ours that does not exist"

# Commands to be typed: literal lines of the pages, and of the texts those that are indented. Words are
# looked up as vmailctl would, but spelled out; what is an argument cannot be told from here.
{
    for p in "$@"; do
        awk -v page="${p##*/}" '
            /^\.Bd/ { literal = 1; next }
            /^\.Ed/ { literal = 0 }
            /^\.Dl / { print page ":" FNR "\t" substr($0, 5); next }
            literal { gsub(/\\e/, "\\"); gsub(/\\&/, ""); print page ":" FNR "\t" $0 }' "$p"
    done
    for p in README "${1%/*}/HACKING" "${1%/*}"/moving-from/*.md; do
        [ -r "$p" ] && awk -v page="${p##*/}" '/^(    |\t)/ { print page ":" FNR "\t" $0 }' "$p"
    done
} | awk -F '\t' '
    function complain(text) { print at ": there is no " text }
    NR == FNR {
        if ($1 == "command") {
            command[$2] = 1
            split($2, w, " ")
            noun[w[1]] = 1
        } else {
            split($3, w, " ")
            takes[$2, w[1]] = 1
            value[$2, w[1]] = $3 ~ / /
        }
        next
    }
    {
        at = $1
        text = substr($0, length($1) + 2)
        if (text !~ /^[ \t]*([$#%>] *)?(.*\| *)?(sudo )?vmailctl( |$)/)
            next
        sub(/^.*vmailctl */, "", text)
        sub(/ *([|<>;&#].*)?$/, "", text)
        n = split(text, word, " ")
        name = ""
        for (i = 1; i <= n; i++) {
            if (word[i] == "-c" || word[i] == "-h") {
                i += word[i] == "-c"
                continue
            }
            if (word[i] ~ /^--./) {
                split(word[i], w, "=")
                own = (name, w[1]) in takes
                if (!own && !(("", w[1]) in takes))
                    complain("option \047" w[1] "\047 of \047vmailctl " name "\047")
                else if (w[1] == word[i] && value[own ? name : "", w[1]])
                    i++
            } else if (name == "") {
                name = word[i]
                if (!(name in noun)) {
                    complain("command \047vmailctl " name "\047")
                    break
                }
                if (!(name in command) && i < n && word[i + 1] !~ /^-/)
                    name = name " " word[++i]
                if (!(name in command) && !(name in noun)) {
                    complain("command \047vmailctl " name "\047")
                    break
                }
            }
        }
    }' "$tmp/help" - >>"$tmp/complaints"
verdict "no example uses a command or option that does not exist"

# A store is copied by `vmailctl backup' alone: what another program copies is for everybody to read, with all
# hashes, and nobody has looked whether it is whole.
for p in "$@" "${1%/*}/fleet" "${1%/*}"/moving-from/*.md README; do
    [ -r "$p" ] && grep -nE "sqlite3 .*(\.backup|\.dump|VACUUM INTO)|(cp|rsync|scp|mv) .*vmail\.db" "$p" |
        sed "s|^|${p##*/}:|; s|\$|: a store is copied by 'vmailctl backup'|"
done >>"$tmp/complaints"
verdict "no page copies a store but by vmailctl backup"

# Netstrings that are shown could be sent.
for p in "$@"; do
    awk -v page="${p##*/}" '/^[CS]: [0-9]+:.*,$/ {
        colon = index(substr($0, 4), ":") + 3
        if (substr($0, 4, colon - 4) != length($0) - colon - 1)
            print page ":" FNR ": wrong length: " $0
    }' "$p"
done >>"$tmp/complaints"
verdict "every netstring in an example has its length"

# What DIAGNOSTICS explains is what the program says: each is one of its format strings.
for p in "$@"; do
    program=${p##*/}
    program=$build/${program%.[1-8]}
    [ "${p##*/}" != vmaild-dovecot.7 ] || program=contrib/dovecot/vmaild.lua
    sed -n '/^\.Bl -diag/,/^\.El/s/^\.It "\(.*\)"$/\1/p' "$p" |
        while IFS= read -r message; do
            grep -aqsF -e "$message" "$program" || echo "${p##*/}: ${program##*/} never says '$message'"
        done
done >>"$tmp/complaints"
verdict "no page explains a message that no program has"

# Installed, as the package is, below another PREFIX: pages have the paths of that one, and what they name is there.
installed=$tmp/installed
prefix=/opt/vmaild
if env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make --no-print-directory install-files \
    B="$build" PREFIX=$prefix SYSCONFDIR=/etc DESTDIR="$installed" >"$tmp/err" 2>&1; then
    grep -rnI /usr/local "$installed$prefix" | sed "s|^$installed||; s|\$| (PREFIX is $prefix)|" >>"$tmp/complaints"
    for p in "$@"; do
        [ -r "$installed$prefix/share/man/man${p##*.}/${p##*/}" ] || echo "${p##*/} is not installed"
    done >>"$tmp/complaints"
    grep -rnoE "$prefix/[A-Za-z0-9_./-]*[A-Za-z0-9_]" "$installed$prefix/share/man" |
        while IFS=: read -r p line path; do
            [ -e "$installed$path" ] || echo "${p##*/}:$line: '$path' is not installed"
        done >>"$tmp/complaints"
    grep -rhoE '\bdocs/(fleet|moving-from|[A-Z]+)\b' "$installed$prefix/share/doc" | sort -u | while read -r path; do
        [ -e "$installed$prefix/share/doc/vmaild/${path#docs/}" ] || echo "installed pages name $path, which is not"
    done >>"$tmp/complaints"
else
    cat "$tmp/err" >>"$tmp/complaints"
fi
verdict "installed pages name what is installed, by its paths"

# Paths in HACKING are there; words in capitals stand for something.
hacking=${1%/*}/HACKING
if [ -r "$hacking" ]; then
    grep -noE '\b(src|include|tests|schema|contrib|docs)/[A-Za-z0-9_./-]*[A-Za-z0-9_]' "$hacking" |
        while IFS=: read -r line path; do
            for found in $(echo "$path" | sed 's/[A-Z][A-Z]*/*/g'); do
                [ -e "$found" ] || echo "HACKING:$line: there is no '$path'"
                break
            done
        done >>"$tmp/complaints"
    verdict "every file that HACKING names is there"

    # What has no rule and stands in .PHONY is done by doing nothing.
    sed -n 's/^\([a-z][a-z-]*\):\($\| .*\)/\1/p' Makefile >"$tmp/rules"
    sed -n '/^\.PHONY:/,/[^\\]$/p' Makefile | sed 's/^\.PHONY://; s/\\$//' | tr -s ' \t' '\n\n' | sed '/^$/d' >"$tmp/phony"
    { grep -hoE '(^ {4}|`)make [a-z][a-z-]*\b' "$hacking" README; grep -oE '^#   make [a-z][a-z-]*\b' Makefile; } |
        sed 's/.*make //' | cat - "$tmp/phony" | sort -u | while read -r target; do
            grep -qx -e "$target" "$tmp/rules" || echo "there is no rule for 'make $target'"
        done >>"$tmp/complaints"
    verdict "every target that is spoken of has a rule"
else
    skip "every file that HACKING names is there" "there is no HACKING"
fi

finish
