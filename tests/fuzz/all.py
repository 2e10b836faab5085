# SPDX-License-Identifier: ISC
#
# Every fuzz target for its share of the time, two at once: what each ran and how much of the code it reached, in a
# table. A crash fails the whole, and the input that made it stays.
#
#   all.py --build DIR --minutes N [--jobs 2] [--keep N] [name...]
#
# --keep: of what was found, the N small inputs that reach most are put into the corpus.

import argparse
import concurrent.futures
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def number(pattern, text):
    """The last number that PATTERN finds in TEXT, or 0."""
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def run(build, name, seconds):
    """Fuzz NAME: (name, executions, coverage, features, inputs kept, what crashed it or "", the output's end)."""
    scratch, crashes = os.path.join(build, "scratch", name), os.path.join(build, "crashes")
    os.makedirs(scratch, exist_ok=True)
    os.makedirs(crashes, exist_ok=True)
    dictionary = os.path.join(HERE, name + ".dict")
    command = [os.path.join(build, "tests/fuzz/fuzz_" + name), "-max_total_time=%d" % seconds, "-print_final_stats=1",
               "-timeout=20", "-report_slow_units=60", "-max_len=4096", "-rss_limit_mb=2048", "-artifact_prefix=" + os.path.join(crashes, name + "-")]
    if os.path.exists(dictionary):
        command.append("-dict=" + dictionary)
    done = subprocess.run(command + [scratch, os.path.join(HERE, "corpus", name)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE)
    text = done.stderr.decode("utf-8", "replace")
    crash = re.search(r"Test unit written to (\S+)", text)
    why = "" if done.returncode == 0 else crash[1] if crash else "exit status %d" % done.returncode
    return (name, number(r"number_of_executed_units: (\d+)", text) or number(r"#(\d+)\t", text), number(r"cov: (\d+)", text),
            number(r"ft: (\d+)", text), len(os.listdir(scratch)), why, text[-3000:])


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha1(f.read()).hexdigest()


def keep(build, name, most):
    """Put the best of what was found into the corpus; return how many."""
    corpus, scratch = os.path.join(HERE, "corpus", name), os.path.join(build, "scratch", name)
    known = {digest(path) for path in glob.glob(os.path.join(corpus, "*"))}
    with tempfile.TemporaryDirectory() as best:
        subprocess.run([os.path.join(build, "tests/fuzz/fuzz_" + name), "-set_cover_merge=1", "-max_len=512", best, corpus,
                        scratch], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        found = sorted(glob.glob(os.path.join(best, "*")), key=lambda path: os.stat(path).st_mtime_ns)
        new = [path for path in found if digest(path) not in known][:most]
        for path in new:
            shutil.copy(path, os.path.join(corpus, "found-" + digest(path)[:8]))
    return len(new)


def main():
    parser = argparse.ArgumentParser(description="all fuzz targets, in turns")
    parser.add_argument("--build", required=True, help="the folder with the targets")
    parser.add_argument("--minutes", type=float, required=True, help="how long, all of it")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument("--keep", type=int, default=0, metavar="N", help="put the N best inputs into the corpus")
    parser.add_argument("names", nargs="*", help="these targets, in place of all")
    options = parser.parse_args()
    names = options.names or sorted(os.path.basename(p)[len("fuzz_"):-len(".c")]
                                    for p in glob.glob(os.path.join(HERE, "fuzz_*.c")))
    build, seconds = os.path.abspath(options.build), max(1, options.minutes * 60 * options.jobs / len(names))
    print("%d targets, %d seconds each, %d at once" % (len(names), seconds, options.jobs), flush=True)
    print("%-16s %12s %10s %10s %8s" % ("target", "executions", "coverage", "features", "inputs"), flush=True)
    total, bad = 0, []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(lambda name: run(build, name, seconds), names):
            name, executions, coverage, features, inputs, why, text = result
            total += executions
            print("%-16s %12d %10d %10d %8d %s" % (name, executions, coverage, features, inputs, why), flush=True)
            if why:
                bad.append(why)
                print(text, flush=True)
    print("%-16s %12d   %d crashed" % ("all", total, len(bad)))
    for why in bad:
        print("  " + why)
    for name in names if options.keep and not bad else []:
        print("%-16s %12d kept" % (name, keep(build, name, options.keep)), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
