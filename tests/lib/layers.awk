# usage: awk -f layers.awk src/layers FILES...   (a file's room is the second part of its path)
#
# Quoted includes are room/module.h, and a room may include the rooms its line in src/layers names.
# Guarded system headers need naming there too. Speaks TAP: a test per room.
BEGIN {
    guard = "^(sqlite3\\.h|libpq-fe\\.h|event2/|sys/|netinet/|arpa/|unistd\\.h|fcntl\\.h|syslog\\.h|time\\.h|netdb\\.h|poll\\.h" \
            "|linux/|seccomp\\.h|pwd\\.h|grp\\.h|termios\\.h|pthread\\.h|libsmartcols/|jansson\\.h|sodium\\.h|confuse\\.h|idn2\\.h|unicase\\.h|unistr\\.h)"
    may["conf", "<confuse.h>"] = may["mail", "<idn2.h>"] = may["mail", "<unicase.h>"] = may["mail", "<unistr.h>"] = 1
    may["auth", "<sodium.h>"] = 1
}
FILENAME == ARGV[1] {
    if ($1 ~ /:$/) {
        r = substr($1, 1, length($1) - 1)
        may[r, r] = 1
        rooms[++n] = r
        for (i = 2; i <= NF; i++)
            may[r, $i] = 1
    }
    next
}
FNR == 1 { split(FILENAME, path, "/"); room = path[2]; seen[room] = 1 }
/^[ \t]*#[ \t]*include[ \t]*"[^"]*\// { split($0, q, "\""); split(q[2], h, "/"); want(h[1], q[2]) }
/^[ \t]*#[ \t]*include[ \t]*</ {
    h1 = $0
    sub(/^[^<]*</, "", h1)
    sub(/>.*/, "", h1)
    if (h1 ~ guard) {
        top = h1
        sub(/\/.*/, "/", top)
        want("<" top ">", "<" h1 ">")
    }
}
function want(what, shown) {
    if (!((room, what) in may)) {
        print "# " FILENAME ":" FNR ": room '" room "' may not include " shown
        bad[room] = 1
    }
}
END {
    for (r in seen)
        if (!((r, r) in may)) { print "# room '" r "' has no line in src/layers"; bad[r] = 1; rooms[++n] = r }
    for (i = 1; i <= n; i++) {
        print (rooms[i] in bad ? "not ok " : "ok ") i " - room " rooms[i] " includes only what it may"
        if (rooms[i] in bad) status = 1
    }
    print "1.." n
    exit status
}
