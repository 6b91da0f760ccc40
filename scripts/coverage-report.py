#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Prints what gcovr counted (see scripts/coverage): coverage-report.py JSON PERCENT"""

import json
import sys


class Share:
    """So many of so many."""

    def __init__(self):
        self.covered = self.all = 0

    def add(self, covered):
        self.covered += covered
        self.all += 1

    def __iadd__(self, other):
        self.covered += other.covered
        self.all += other.all
        return self

    def reaches(self, percent):
        return self.all > 0 and 100 * self.covered >= percent * self.all

    def __str__(self):
        percent = 100 * self.covered / self.all if self.all else 100
        return f"{self.covered:4} of {self.all:4} ({percent:5.1f} %)"


def look_at(file):
    """Returns the file's lines and branches, and names what is not covered."""
    lines, branches, missing = Share(), Share(), []
    for line in file["lines"]:
        if line.get("gcovr/noncode"):
            continue
        where = f"{file['file']}:{line['line_number']}"
        lines.add(line["count"] > 0)
        if line["count"] == 0:
            missing.append(f"{where}: not run")
        taken = [branch["count"] > 0 for branch in line["branches"]]
        for branch in taken:
            branches.add(branch)
        if line["count"] and not all(taken):
            never = [str(n) for n, branch in enumerate(taken, 1) if not branch]
            missing.append(f"{where}: of {len(taken)} branches never {', '.join(never)}")
    return lines, branches, missing


def report(title, files):
    """Prints a table of files and what they lack; returns the sums."""
    lines, branches, missing = Share(), Share(), []
    print(f"# {title:28} {'lines':^22} {'branches':^22}")
    for file in files:
        of_file = look_at(file)
        lines += of_file[0]
        branches += of_file[1]
        missing += of_file[2]
        print(f"# {file['file']:28} {of_file[0]} {of_file[1]}")
    print(f"# {'in total':28} {lines} {branches}")
    for line in missing:
        print(f"#   {line}")
    return lines, branches


def main():
    with open(sys.argv[1], encoding="utf-8") as stream:
        files = json.load(stream)["files"]
    percent = float(sys.argv[2])
    report("src/linux", [file for file in files if file["file"].startswith("src/linux/")])
    lines, branches = report("src/core", [file for file in files if file["file"].startswith("src/core/")])
    failed = 0
    print("1..2")
    for what, share in (("lines", lines), ("branches", branches)):
        ok = share.reaches(percent)
        failed |= not ok
        print(f"{'' if ok else 'not '}ok {percent:g} % of the {what} of src/core: {share}")
    return failed


sys.exit(main())
