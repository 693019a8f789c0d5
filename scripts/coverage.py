#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lines and branches of the core that the tests reach, from several programs' coverage put together.

    coverage.py ROOT ARGUED REPORT [--of FILE] EXPORT.json... [--own-atomics EXPORT.json...]

Only FILE of the core, or all of it.  An EXPORT is what `llvm-cov export` writes for one program and its profile.  The programs may have the core's
atomics expanded differently: places are matched by where they stand in core/*.[ch], and a branch inside a macro
by where the macro is used.  A branch is a condition's outcome, true or false.  What branches inside a test's own
atomics is none of the core's: after a "--own-atomics" an EXPORT counts only for branches that one before it has.

ARGUED lists the branches that no test reaches, each with its reason:

    file | function | condition as written | true or false | reason

Every uncovered branch must stand there and everything there must be uncovered; else, or where a line is not
covered, or fewer than 95 % of the branches, the exit status is 1.  A REPORT for reading is written.
"""
import collections
import html
import json
import re
import sys

LEAST_BRANCHES = 95.0  # per cent
CODE, EXPANSION, SKIPPED, GAP = 0, 1, 2, 3


def core_file(root, name):
    """core/tree.c for a file of the core, None for any other."""
    at = name.find("/core/")
    return name[at + 1:] if at >= 0 and name.startswith(root) else None


class Coverage:
    def __init__(self, root):
        self.root = root
        self.lines = collections.defaultdict(int)  # (file, line) -> count
        self.branches = {}  # (file, place) -> [true, false]; place: line, column, which of several there
        self.ends = {}  # (file, place) -> line, column
        self.counted = set()  # (file, line and column, how many branches stand there)
        self.function = {}  # (file, line) -> the function that it stands in
        self.source = {}

    def text(self, file):
        if file not in self.source:
            with open(f"{self.root}/{file}", encoding="utf-8") as f:
                self.source[file] = f.read().split("\n")
        return self.source[file]

    def add(self, export, own_atomics):
        for function in export["data"][0]["functions"]:
            files = [core_file(self.root, clean(n)) for n in function["filenames"]]
            if files[0] is None or not function["regions"]:
                continue
            name = function["name"].rpartition(":")[2]
            self.add_lines(files, function["regions"], name)
            self.add_branches(files, function, own_atomics)

    def add_lines(self, files, regions, name):
        """A line counts as the region it begins in, or as one that begins on it, whichever was reached more often."""
        mine = sorted((r for r in regions if r[5] == 0 and r[7] in (CODE, GAP)), key=lambda r: (r[0], r[1], -r[2], -r[3]))
        skipped = {r[0] for r in regions if r[5] == 0 and r[7] == SKIPPED}
        for line in range(mine[0][0], mine[0][2] + 1):
            around = [r for r in mine if r[0] < line <= r[2]][-1:] # the innermost
            count = max(r[4] for r in around + [r for r in mine if r[0] == line and r[7] == CODE])
            code = self.text(files[0])[line - 1].strip()
            if code and line not in skipped and not code.startswith(("/*", "*", "//")):
                self.lines[files[0], line] += count
            self.function.setdefault((files[0], line), name)

    def add_branches(self, files, function, own_atomics):
        """In a macro a branch stands where the macro is used; several there (likely(a && b)) are told by their order."""
        used = {r[6]: r for r in function["regions"] if r[7] == EXPANSION}
        ranks = collections.Counter()
        found = []
        for l1, c1, l2, c2, yes, no, file_id, _, _ in function["branches"]:
            while file_id in used:
                l1, c1, l2, c2 = used[file_id][:4]
                file_id = used[file_id][5]
            if file_id != 0:
                continue
            place = (l1, c1, ranks[l1, c1])
            ranks[l1, c1] += 1
            found.append((place, (l2, c2), yes, no))
        for place, end, yes, no in found:
            # As many branches in the macro as without the test's atomics, or there is no telling which is which but the first.
            l1, c1, rank = place
            if own_atomics and ((files[0], place) not in self.branches or
                                (rank and (files[0], (l1, c1, ranks[l1, c1])) not in self.counted)):
                continue
            outcomes = self.branches.setdefault((files[0], place), [0, 0])
            outcomes[0] += yes
            outcomes[1] += no
            if not own_atomics:
                self.counted.add((files[0], (l1, c1, ranks[l1, c1])))
            self.ends[files[0], place] = end

    def keep(self, file):
        self.lines = {place: count for place, count in self.lines.items() if place[0] == file}
        self.branches = {place: outcomes for place, outcomes in self.branches.items() if place[0] == file}

    def condition(self, file, place):
        """What stands at a place, in one line; for a macro, its use with its arguments."""
        l1, c1, rank = place
        l2, c2 = self.ends[file, place]
        lines = [t.strip() for t in self.text(file)[l1 - 1:l2]]
        start = self.text(file)[l1 - 1][c1 - 1:] if l1 != l2 else self.text(file)[l1 - 1][c1 - 1:c2 - 1]
        said = " ".join([start] + lines[1:-1] + ([self.text(file)[l2 - 1][:c2 - 1].strip()] if l1 != l2 else []))
        rest = " ".join([self.text(file)[l2 - 1][c2 - 1:]] + [t.strip() for t in self.text(file)[l2:l2 + 3]])
        if rest.startswith("("):
            depth = 0
            for c in rest:
                depth += (c == "(") - (c == ")")
                said += c
                if not depth:
                    break
        if rank:
            parts = re.split(r"&&|\|\|", said[said.index("(") + 1:-1])
            said += f" [{' '.join(parts[rank - 1].split())}]" if rank <= len(parts) else f" [{rank}]"
        return " ".join(said.split())


def clean(name):
    parts = []
    for part in name.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def read_argued(name):
    argued = {}
    with open(name, encoding="utf-8") as f:
        for line in f:
            fields = [x.strip() for x in line.split(" | ")]
            if line.strip() and not line.startswith("#"):
                if len(fields) < 5 or fields[-2] not in ("true", "false") or not fields[-1]:
                    sys.exit(f"{name}: not 'file | function | condition | outcome | reason': {line}")
                # (a condition may have such a bar in it)
                argued[fields[0], fields[1], " | ".join(fields[2:-2]), fields[-2]] = fields[-1]
    return argued


def write_report(coverage, name, bad_lines, missed):
    with open(name, "w", encoding="utf-8") as out:
        out.write("<!doctype html><meta charset=utf-8><title>Coverage of the core</title><style>pre{tab-size:8;"
                  "margin:0}.no{background:#fcc}.half{background:#ffc}td{padding-right:1em}</style>\n")
        marks = collections.defaultdict(list)
        for file, function, condition, outcome, line in missed:
            marks[file, line].append(f"{condition}: never {outcome}")
        for file in sorted({f for f, _ in coverage.lines}):
            out.write(f"<h2>{file}</h2>\n")
            for i, text in enumerate(coverage.text(file)[:-1], 1):
                count = coverage.lines.get((file, i))
                kind = "no" if (file, i) in bad_lines else "half" if (file, i) in marks else ""
                title = html.escape("; ".join(marks.get((file, i), [])), quote=True)
                out.write(f'<pre class="{kind}" title="{title}">{i:4} {"" if count is None else count:>12}  '
                          f"{html.escape(text)}</pre>\n")


def main():
    root, argued_name, report = sys.argv[1:4]
    coverage = Coverage(root)
    own_atomics = False
    names = sys.argv[4:]
    of = None  # this file, and no other
    if names[0] == "--of":
        of, names = names[1], names[2:]
    for name in names:
        if name == "--own-atomics":
            own_atomics = True
            continue
        with open(name, encoding="utf-8") as f:
            coverage.add(json.load(f), own_atomics)
    if of:
        coverage.keep(of)
    argued = {branch: why for branch, why in read_argued(argued_name).items() if of in (None, branch[0])}
    bad_lines = {place for place, count in coverage.lines.items() if not count}
    missed = []
    for (file, place), outcomes in sorted(coverage.branches.items()):
        for outcome, count in zip(("true", "false"), outcomes):
            if not count:
                missed.append((file, coverage.function[file, place[0]], coverage.condition(file, place), outcome, place[0]))
    wrong = 0
    for file, line in sorted(bad_lines):
        print(f"FAIL line not reached: {file}:{line}: {coverage.text(file)[line - 1].strip()}")
    for branch in missed:
        why = argued.pop(branch[:4], None)
        place = f"{branch[0]}:{branch[4]}: {branch[1]}: {branch[2]}: never {branch[3]}"
        wrong += why is None
        print(f"argued: {place}: {why}" if why else f"FAIL branch not reached: {place}")
    for branch in argued:
        wrong += 1
        print(f"FAIL argued as not to be reached, but reached or not there: {' | '.join(branch)}")
    write_report(coverage, report, bad_lines, missed)
    lines, branches = len(coverage.lines), 2 * len(coverage.branches)
    if not lines or not branches:
        sys.exit("FAIL nothing was measured")
    percent = 100.0 * (branches - len(missed)) / branches
    print(f"{lines - len(bad_lines)} of {lines} lines, {branches - len(missed)} of {branches} branches ({percent:.2f} %)")
    print(f"covered: {lines - len(bad_lines) + branches - len(missed)}")
    sys.exit(1 if wrong or bad_lines or percent < LEAST_BRANCHES else 0)


main()
