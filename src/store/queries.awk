# usage: awk -f queries.awk schema/ENGINE/queries.sql   prints a line Q(name, "text") per statement
#
# A comment line with nothing but a name opens a statement, the next comment says what it is for,
# and a ';' at the end of a line closes it. Other comments are dropped, white space is folded; but one
# that begins with "scan:" gives a line QS(name), one that begins with "cursor:" a line QC(name), and one that begins
# with "standing:" a line QT(name), for whoever has defined that macro.
function fail(why) { print FILENAME ":" FNR ": " why >"/dev/stderr"; bad = 1; exit 1 }

/^-- [a-z][a-z0-9_]*$/ {
    if (name != "") fail("'" name "' is not closed")
    name = $2; text = ""; purpose = scan = cursor = standing = 0
    if (name in seen) fail("'" name "' is there twice")
    seen[name] = 1
    next
}
/^-- scan: [^ ]/ { scan = name != "" && text == "" }
/^-- cursor: [^ ]/ { cursor = name != "" && text == "" }
/^-- standing: [^ ]/ { standing = name != "" && text == "" }
/^[ \t]*--/ { if (name != "" && text == "") purpose = 1; next }
/^[ \t]*$/ { next }
{
    if (name == "") fail("a statement without a name")
    if (!purpose) fail("'" name "' does not say what it is for")
    gsub(/[\\"]/, "\\\\&")
    $1 = $1
    text = text (text == "" ? "" : " ") $0
    if (text ~ /;$/) {
        sub(/;$/, "", text)
        print "Q(" name ", \"" text "\")"
        if (scan) print "#ifdef QS\nQS(" name ")\n#endif"
        if (standing) print "#ifdef QT\nQT(" name ")\n#endif"
        if (cursor) print "#ifdef QC\nQC(" name ")\n#endif"
        name = ""
    }
}
END { if (!bad && name != "") fail("'" name "' is not closed") }
