# SPDX-License-Identifier: GPL-2.0-only
"""A terminal that remembers what is on it, and a program that runs on it.

It knows the escape sequences that icmpxctl uses, and fails at any other. Nothing here goes by the time: who waits, waits for
something to be on the screen.
"""

import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios

# Seconds after which a test gives up: no more than a sign that something hangs.
PATIENCE = 120


class Failure(Exception):
    pass


class Screen:
    """Cells of a terminal, and what its modes are."""

    def __init__(self, columns, rows):
        self.resize(columns, rows)
        self.alternate = False
        self.cursor = True
        self.pending = ""

    def resize(self, columns, rows, settled=True):
        """Unless it is settled, pictures of another size may come, which do not fit, before the first one that does."""
        self.columns, self.rows = columns, rows
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.settled = settled
        self.whole = False

    def does_not_fit(self, what):
        if self.settled:
            raise Failure(what)
        self.whole = False

    def text(self):
        return ["".join(line).rstrip() for line in self.cells]

    def sequence(self, sequence):
        if sequence == "\033[H":
            self.settled = self.settled or self.whole
            self.whole = True
            self.row = self.column = 0
        elif sequence == "\033[K":
            self.cells[self.row][self.column :] = [" "] * (self.columns - self.column)
        elif sequence == "\033[J":
            self.cells[self.row][self.column :] = [" "] * (self.columns - self.column)
            for row in range(self.row + 1, self.rows):
                self.cells[row] = [" "] * self.columns
        elif sequence in ("\033[?1049h", "\033[?1049l"):
            self.alternate = sequence.endswith("h")
            self.resize(self.columns, self.rows)
        elif sequence in ("\033[?25h", "\033[?25l"):
            self.cursor = sequence.endswith("h")
        else:
            raise Failure(f"an unknown escape sequence: {sequence!r}")

    def character(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            if self.row + 1 == self.rows:
                if self.alternate:
                    self.does_not_fit("the screen scrolls")
                else:
                    self.cells = self.cells[1:] + [[" "] * self.columns]
            else:
                self.row += 1
        elif self.column == self.columns:
            self.does_not_fit("a line is longer than the terminal is wide")
        else:
            self.cells[self.row][self.column] = character
            self.column += 1

    def feed(self, text):
        for character in text:
            if self.pending:
                self.pending += character
                if character.isalpha():
                    sequence, self.pending = self.pending, ""
                    self.sequence(sequence)
            elif character == "\033":
                self.pending = character
            else:
                self.character(character)


class Program:
    """A program on a terminal of its own, which is the controlling one of its session."""

    def __init__(self, command, columns, rows, environment):
        self.screen = Screen(columns, rows)
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.master, self.slave = pty.openpty()
        self.size(columns, rows)
        self.modes = termios.tcgetattr(self.slave)
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for descriptor in (0, 1, 2):
                os.dup2(self.slave, descriptor)
            os.execve(command[0], command, environment)

    def size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows, settled=True):
        """Another size, as by a window manager: the kernel sends SIGWINCH. A program that draws all the time is not settled."""
        self.screen.resize(columns, rows, settled)
        self.size(columns, rows)

    def press(self, key):
        os.write(self.master, key.encode())

    def read(self):
        if not select.select([self.master], [], [], PATIENCE)[0]:
            raise Failure(f"nothing more is drawn; on the screen: {self.screen.text()}")
        self.screen.feed(self.decoder.decode(os.read(self.master, 65536)))

    def wait_for(self, condition, what):
        """Reads until a condition on the lines of the screen holds."""
        looks = 0
        while not condition(self.screen.text()):
            looks += 1
            if looks > 1000:
                raise Failure(f"{what} does not come; on the screen: {self.screen.text()}")
            self.read()

    def wait_for_stop(self):
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            raise Failure(f"did not stop, but has the status {status}")
        self.drain()

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def drain(self):
        while select.select([self.master], [], [], 0)[0]:
            self.read()

    def end(self):
        """The program has been told to end. Returns its exit status, and checks how it leaves the terminal."""
        _, status = os.waitpid(self.pid, 0)
        self.drain()
        if self.screen.alternate or not self.screen.cursor or self.screen.pending:
            raise Failure("the terminal is not as it was")
        if termios.tcgetattr(self.slave) != self.modes:
            raise Failure("the terminal's modes are not as they were")
        return os.waitstatus_to_exitcode(status)


def check(condition, what):
    if not condition:
        raise Failure(what)


def run(scenarios):
    """Runs the one that the first argument names; the others are for it."""
    try:
        scenarios[sys.argv[1]](*sys.argv[2:])
    except Failure as failure:
        sys.exit(str(failure))
