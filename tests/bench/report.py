# SPDX-License-Identifier: ISC
#
# Numbers into words: medians with their range, ratios, tables for the terminal and for docs/bench, and plots in SVG.

import json
import math
import os
import re
import statistics

# The same everywhere for the same thing; what is not here takes one of the rest.
COLOURS = {"vmaild": "#c0392b", "lookup worker": "#c0392b", "echo": "#1b6ca8", "python": "#27813b", "sqlite": "#8e44ad",
           "lmdb": "#d68910", "hash": "#117a65", "allowed": "#7f8c8d"}
REST = ("#34495e", "#b7950b", "#7b241c")


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

    def over(self, other):
        """How many times OTHER this is: the median of the rounds, for what is slow in a round is so for both."""
        return statistics.median(a / max(b, 1e-9) for a, b in zip(self.rounds, other.rounds))

    def less(self, other):
        """How much more than OTHER this is, likewise."""
        return statistics.median(a - b for a, b in zip(self.rounds, other.rounds))


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
    """A number the product is to reach. Numbers that fall short are told as they are."""

    def __init__(self, what, got, wanted, at_most=False, headline=False):
        self.what, self.got, self.wanted, self.at_most = what, got, wanted, at_most
        self.headline = headline  # in the README, reached or not

    @property
    def met(self):
        return self.got <= self.wanted if self.at_most else self.got >= self.wanted

    def margin(self):
        """By how much it is better (+) or worse (-) than wanted, in percent of that."""
        if self.wanted == 0:
            return "" if self.met else "%+g" % -self.got
        return "%+.0f %%" % (100 * (1 - self.got / self.wanted if self.at_most else self.got / self.wanted - 1))

    def row(self):
        return (self.what, figure(self.got), "%s %s" % ("at most" if self.at_most else "at least", figure(self.wanted)),
                "yes" if self.met else "NO", self.margin())

    def raw(self):
        return {"what": self.what, "got": self.got, "wanted": self.wanted, "at_most": self.at_most, "met": self.met}


def figure(value):
    """Three digits of it, and none after the point when there are enough before it."""
    return "%.0f" % value if abs(value) >= 100 else "%.3g" % value


def verdicts(goals):
    table = Table("Goals", "what", "got", "wanted", "reached", "better by")
    for goal in goals:
        table.row(*goal.row())
    table.note = "%d of %d reached." % (sum(goal.met for goal in goals), len(goals))
    return table


# --- plots ------------------------------------------------------------------------------------------

class Plot:
    """A picture in SVG: LINES is {name: [(x, y)]}. With X_NAMES the x are places in that list."""

    WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 420, 80, 50, 130, 60

    def __init__(self, file, title, x_name, y_name, lines, x_names=None, y_log=False):
        self.file, self.title, self.x_name, self.y_name, self.lines = file, title, x_name, y_name, lines
        self.x_names = x_names
        self.y_log = y_log
        xs = [x for points in lines.values() for x, _ in points]
        ys = [y for points in lines.values() for _, y in points]
        self.xs = sorted(set(xs))
        self.x = Scale(min(xs), max(xs), self.WIDTH - self.LEFT - self.RIGHT, log=x_names is None)
        height = self.HEIGHT - self.TOP - self.BOTTOM
        self.y = Scale(min(ys) / 1.5, max(ys) * 1.5, height, True) if y_log else Scale(0, max(ys) * 1.05, height, False)

    def at(self, x, y):
        return self.LEFT + self.x.place(x), self.HEIGHT - self.BOTTOM - self.y.place(y)

    def axes(self):
        right, bottom = self.WIDTH - self.RIGHT, self.HEIGHT - self.BOTTOM
        for v in self.y.ticks():
            y = self.at(self.xs[0], v)[1]
            yield '<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>' % (self.LEFT, right, y, y)
            yield text(self.LEFT - 8, y + 4, short(v), "end")
        for v in self.xs:
            x = self.LEFT + self.x.place(v)
            yield '<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#888"/>' % (x, x, bottom, bottom + 4)
            yield text(x, bottom + 20, self.x_names[v] if self.x_names else short(v), "middle")
        yield '<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="#888"/>' % (self.LEFT, right, bottom, bottom)
        yield text((self.LEFT + right) / 2, self.HEIGHT - 12, self.x_name, "middle")
        yield '<text transform="translate(20 %d) rotate(-90)" text-anchor="middle">%s</text>' % (
            (self.TOP + bottom) / 2, self.y_name)

    def drawn(self):
        """Each line in its colour, with a mark at each point, and its name at its end."""
        ends = []
        for i, (name, points) in enumerate(self.lines.items()):
            colour = COLOURS.get(name, REST[i % len(REST)])
            places = [self.at(*point) for point in points]
            yield '<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>' % (
                colour, " ".join("%.1f,%.1f" % place for place in places))
            for x, y in places:
                yield '<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>' % (x, y, colour)
            ends.append([places[-1][1] + 4, name, colour])
        for y, name, colour in apart(ends, 16, self.HEIGHT - self.BOTTOM):
            yield '<text x="%d" y="%.1f" fill="%s">%s</text>' % (self.WIDTH - self.RIGHT + 12, y, colour, name)

    def write(self, folder):
        size = (self.WIDTH, self.HEIGHT)
        out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif"' % size,
               'font-size="13">', '<rect width="100%" height="100%" fill="white"/>',
               '<text x="%d" y="26" font-size="16">%s</text>' % (self.LEFT, self.title), *self.axes(), *self.drawn(),
               "</svg>", ""]
        with open(os.path.join(folder, self.file), "w") as file:
            file.write("\n".join(out))


class Scale:
    """Values to places on a line of SIZE."""

    def __init__(self, low, high, size, log):
        self.low, self.high, self.size, self.log = low, high, size, log

    def place(self, v):
        low, high = self.low, self.high
        if self.log:
            v, low, high = (math.log10(max(x, 1e-9)) for x in (v, low, high))
        return self.size * ((v - low) / (high - low) if high > low else 0.5)

    def ticks(self):
        if self.log:
            steps = [m * 10.0 ** e for e in range(-2, 10) for m in (1, 2, 5)]
            inside = [v for v in steps if self.low <= v <= self.high]
            return inside if len(inside) <= 8 else [v for v in inside if "1" in "%g" % v]
        step = 10.0 ** math.floor(math.log10(self.high))
        while self.high / step < 4:
            step /= 2
        return [step * i for i in range(int(self.high / step) + 1)]


def apart(labels, space, bottom):
    """Move labels, lists that begin with their y, so that none lies on another and none below BOTTOM."""
    labels.sort()
    for above, below in zip(labels, labels[1:]):
        below[0] = max(below[0], above[0] + space)
    for i, label in enumerate(reversed(labels)):
        label[0] = min(label[0], bottom - i * space)
    return labels


def text(x, y, words, anchor):
    return '<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>' % (x, y, anchor, words)


def short(v):
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if v >= size:
            return "%g%s" % (round(v / size, 2), letter)
    return "%g" % round(v, 2)


# --- what is kept ----------------------------------------------------------------------------------------

def write(folder, heading, words, tables, goals, plots, raw):
    """results.md, the plots, and all numbers as JSON. HEADING and WORDS (paragraphs) come first."""
    os.makedirs(folder, exist_ok=True)
    for plot in plots:
        plot.write(folder)
    with open(os.path.join(folder, "results.md"), "w") as out:
        out.write("# %s\n\n" % heading)
        out.write("".join(paragraph + "\n\n" for paragraph in words))
        out.write("".join(table.markdown() + "\n\n" for table in [verdicts(goals), *tables]))
        out.write("## Pictures\n\n" + "".join("![%s](%s)\n\n" % (plot.title, plot.file) for plot in plots))
    with open(os.path.join(folder, "results.json"), "w") as out:
        json.dump(raw, out, indent=1, sort_keys=True)
        out.write("\n")


HEADING = "How fast\n--------\n"


def write_readme(path, lines):
    """Put LINES in the place of the table (what is indented) in the README's section; its words stay."""
    with open(path) as file:
        before, heading, section = file.read().partition(HEADING)
    if not heading:
        raise ValueError("'%s' has no section 'How fast'" % path)
    match = re.search(r"(?m)(?:^    .*\n|^\n(?=    ))+", section)
    table = "\n" + "".join("    %s\n" % line if line else "\n" for line in lines)
    section = section[:match.start()] + table + section[match.end():]
    with open(path, "w") as file:
        file.write(before + heading + section)
