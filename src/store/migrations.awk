# usage: awk -f migrations.awk schema/ENGINE/NNNN_*.sql   prints M(number, "text") per statement
#
# The number is that of the file. A statement ends with a ';' at the end of its line (a comment may
# follow), its lines and comments are kept: they are what `.schema` shows. No triggers: they have
# such lines inside.
FNR == 1 {
    number = FILENAME
    sub(/.*\//, "", number)
    sub(/_.*/, "", number)
    number += 0
    text = ""
}
text == "" && /^[ \t]*(--.*)?$/ { next }
{
    line = $0
    gsub(/[\\"]/, "\\\\&", line)
    text = text (text == "" ? "" : "\\n") line
    if ($0 ~ /;[ \t]*(--.*)?$/) {
        print "M(" number ", \"" text "\")"
        text = ""
    }
}
