# SPDX-License-Identifier: GPL-2.0-only
"""Mutants as they are written down in mutants/, and copies of the tree to put them into.

A mutant is a block of lines; blank lines and lines that begin with # separate blocks:

    [name]
    what: the fault, in a line
    file: where it is
    tests: the kselftests that should catch it, if KUnit does not
    kernel: kasan                 (the debug kernel, if only that one sees it, or 7.3, if only that one has it; else 6.12)
    script: big-endian            (of scripts/, if only that one can see it; then it alone is tried)
    reason: why nothing catches it                                    (of an accepted survivor)
      a line that stays
    - a line that goes
    + a line that comes

The lines that stay and that go are found in the file as they follow each other there, whatever their indentation, and
in one place only.
"""

import dataclasses
import hashlib
import shutil
import subprocess

KERNELS = ("6.12", "7.3", "kasan")
FIELDS = ("what", "file", "tests", "kernel", "script", "reason")


class MutantError(Exception):
    """A mutant that cannot be tried, or a tree that is not fit for it."""


@dataclasses.dataclass
class Mutant:
    """A deliberate fault."""

    name: str
    what: str = ""
    file: str = ""
    tests: list = dataclasses.field(default_factory=list)
    kernel: str = "6.12"
    script: str = ""
    reason: str = ""
    edit: list = dataclasses.field(default_factory=list)

    def add(self, text, where):
        if text[:2] in ("  ", "- ", "+ ") or text in ("-", "+"):
            self.edit.append((text[0], text[2:].strip()))
            return
        field, _, value = text.partition(": ")
        if field not in FIELDS:
            raise MutantError(f"{where}: what is '{text}'?")
        setattr(self, field, value.split() if field == "tests" else value)

    def check(self):
        if not (self.what and self.file and self.edit and self.kernel in KERNELS):
            raise MutantError(f"{self.name}: it lacks what it is, its file or its lines, or has no such kernel")
        return self

    def applied_to(self, text):
        """The text with the fault in it."""
        old = [line for sign, line in self.edit if sign != "+"]
        lines = text.split("\n")
        bare = [line.strip() for line in lines]
        found = [at for at in range(len(lines)) if bare[at:at + len(old)] == old]
        if len(found) != 1:
            raise MutantError(f"{self.file} has the lines of {self.name} {len(found)} times, not once")
        return "\n".join(lines[:found[0]] + self._changed(lines, found[0]) + lines[found[0] + len(old):])

    def _changed(self, lines, at):
        result = []
        for sign, line in self.edit:
            if sign == "+":
                result.append("\t" + line)
                continue
            if sign == " ":
                result.append(lines[at])
            at += 1
        return result


def read_file(path):
    mutants = []
    for number, text in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.name}:{number}"
        if not text.strip() or text.startswith("#"):
            continue
        if text.startswith("["):
            mutants.append(Mutant(text.strip("[]")))
        elif not mutants:
            raise MutantError(f"{where}: a mutant begins with its [name]")
        else:
            mutants[-1].add(text, where)
    return [mutant.check() for mutant in mutants]


def read_all(directory, names):
    """The mutants of these names, or all of them."""
    mutants = [mutant for path in sorted(directory.glob("*.mutants")) for mutant in read_file(path)]
    known = [mutant.name for mutant in mutants]
    for name in names:
        if name not in known:
            raise MutantError(f"there is no mutant {name}")
    if len(set(known)) != len(known):
        raise MutantError("two mutants have the same name")
    return [mutant for mutant in mutants if not names or mutant.name in names]


class Workspace:
    """A copy of the tree, with objects that are kept from one fault to the next."""

    def __init__(self, top, tree):
        self.top = top
        self.tree = tree

    def _files(self):
        command = ["git", "-C", self.top, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\0")
        return [name for name in names if name and (self.top / name).is_file()]

    def refresh(self):
        """Makes the copy what the tree is. What differs becomes new, so that it is built again."""
        files = self._files()
        self._remove_others(set(files))
        for name in files:
            source, copy = self.top / name, self.tree / name
            if copy.is_file() and copy.read_bytes() == source.read_bytes():
                continue
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
            shutil.copymode(source, copy)

    def _remove_others(self, files):
        for path in self.tree.rglob("*"):
            name = path.relative_to(self.tree)
            if path.is_file() and name.parts[0] != "build" and str(name) not in files:
                path.unlink()

    def state(self):
        """A digest of what decides a mutant's fate: the module and its tests."""
        digest = hashlib.sha256()
        for name in self._files():
            if name.split("/")[0] in ("Kbuild", "include", "kunit", "selftests", "src"):
                digest.update(name.encode() + b"\0" + (self.tree / name).read_bytes() + b"\0")
        return digest.hexdigest()

    def apply(self, mutant):
        path = self.tree / mutant.file
        path.write_text(mutant.applied_to(path.read_text()))
