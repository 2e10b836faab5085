# SPDX-License-Identifier: ISC
#
# Numbers into words: medians with their range, ratios, tables for the terminal and for docs/bench, and plots in SVG.

import os
import statistics

COLOURS = ("#1b6ca8", "#c0392b", "#27813b", "#8e44ad", "#d68910", "#566573", "#117a65", "#7b241c", "#34495e", "#b7950b")


class Series:
    """What was measured of one thing, round by round."""

    def __init__(self):
        self.rounds = []

    def add(self, value):
        self.rounds.append(value)

    @property
    def median(self):
        return statistics.median(self.rounds)

    def spread(self, digits=1):
        return "%.*f [%.*f-%.*f]" % (digits, self.median, digits, min(self.rounds), digits, max(self.rounds))


class Table:
    """A heading, a line of column names, and rows of texts; the first column is left aligned."""

    def __init__(self, title, *columns, note=""):
        self.title, self.columns, self.note, self.rows = title, columns, note, []

    def row(self, *cells):
        self.rows.append([str(c) for c in cells])

    def text(self):
        lines = [list(self.columns)] + self.rows
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        out = [self.title, ""]
        for line in lines:
            out.append("  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                                 for i, (c, w) in enumerate(zip(line, widths))).rstrip())
        return "\n".join(out + (["", self.note] if self.note else []))

    def markdown(self):
        out = ["## " + self.title, "", "| " + " | ".join(self.columns) + " |",
               "|" + "|".join(["---"] + ["---:"] * (len(self.columns) - 1)) + "|"]
        out += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join(out + ["", self.note] if self.note else out)


class Goal:
    """A ratio the product is to reach. Numbers that fall short are told as they are."""

    def __init__(self, what, got, wanted, at_most=False):
        self.what, self.got, self.wanted, self.at_most = what, got, wanted, at_most

    @property
    def met(self):
        return self.got <= self.wanted if self.at_most else self.got >= self.wanted

    def row(self):
        return (self.what, "%.3g" % self.got, "%s %.3g" % ("<=" if self.at_most else ">=", self.wanted),
                "yes" if self.met else "NO")


# --- plots ------------------------------------------------------------------------------------------

def scale(values, low, high, size, log):
    import math
    if log:
        values = [math.log10(v) for v in values]
        low, high = math.log10(low), math.log10(high)
    return [size * (v - low) / ((high - low) or 1) for v in values]


def ticks(low, high, log):
    if log:
        out, v = [], 1.0
        while v <= high * 1.0001:
            if v >= low * 0.9999:
                out.append(v)
            v *= 10
        return out
    step = 10 ** (len(str(int(high))) - 1)
    while high / step > 8:
        step *= 2
    return [step * i for i in range(int(high / step) + 1)]


def short(v):
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if v >= size:
            return "%g%s" % (round(v / size, 2), letter)
    return "%g" % round(v, 2)


def plot(path, title, x_name, y_name, lines, x_log=True, y_log=False):
    """LINES: {name: [(x, y)]}. An SVG with axes, a legend and a mark at each point."""
    width, height, left, top, right, bottom = 760, 420, 70, 40, 180, 50
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    x_low, x_high = min(xs), max(xs)
    y_low, y_high = (min(ys) if y_log else 0), max(ys) * 1.05
    w, h = width - left - right, height - top - bottom
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">'
           % (width, height), '<rect width="100%" height="100%" fill="white"/>',
           '<text x="%d" y="22" font-size="15">%s</text>' % (left, title)]
    for v in ticks(y_low, y_high, y_log):
        y = top + h - scale([v], y_low, y_high, h, y_log)[0]
        out.append('<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>' % (left, left + w, y, y))
        out.append('<text x="%d" y="%.1f" text-anchor="end">%s</text>' % (left - 6, y + 4, short(v)))
    for v in sorted(set(xs)):
        x = left + scale([v], x_low, x_high, w, x_log)[0]
        out.append('<text x="%.1f" y="%d" text-anchor="middle">%s</text>' % (x, top + h + 18, short(v)))
    out.append('<text x="%d" y="%d" text-anchor="middle">%s</text>' % (left + w // 2, height - 10, x_name))
    out.append('<text transform="translate(16 %d) rotate(-90)" text-anchor="middle">%s</text>' % (top + h // 2, y_name))
    for i, (name, points) in enumerate(lines.items()):
        colour = COLOURS[i % len(COLOURS)]
        px = [left + v for v in scale([x for x, _ in points], x_low, x_high, w, x_log)]
        py = [top + h - v for v in scale([y for _, y in points], y_low, y_high, h, y_log)]
        out.append('<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>'
                   % (colour, " ".join("%.1f,%.1f" % p for p in zip(px, py))))
        out += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (x, y, colour) for x, y in zip(px, py)]
        out.append('<text x="%d" y="%d" fill="%s">%s</text>' % (left + w + 12, top + 14 + 18 * i, colour, name))
    with open(path, "w") as file:
        file.write("\n".join(out + ["</svg>", ""]))


def write(folder, title, machine, tables, goals):
    os.makedirs(folder, exist_ok=True)
    sums = Table("Goals", "what", "got", "wanted", "met")
    for goal in goals:
        sums.row(*goal.row())
    with open(os.path.join(folder, "README.md"), "w") as out:
        out.write("# %s\n\n%s\n\n" % (title, machine))
        for table in ([sums] if goals else []) + tables:
            out.write(table.markdown() + "\n\n")
    return sums
