# SPDX-License-Identifier: GPL-2.0-only
"""What `icmpxctl stats -w` draws on a terminal. Usage: icmpxctl_terminal.py SCENARIO ICMPXCTL NAMESPACE"""

from terminal import Program, check, run

UTF8 = {"TERM": "xterm", "LC_ALL": "C.UTF-8"}
ASCII = {"TERM": "xterm", "LC_ALL": "C"}
# No second look at the counters while the test runs.
NEVER = "86400"


def start(tool, namespace, interval, columns=80, rows=24, environment=UTF8):
    return Program([tool, "-n", namespace, "stats", "-w", interval], columns, rows, environment)


def bar_of(lines, name, block):
    """How many columns the bar of a counter has; 0 if it is not shown."""
    return sum(line.count(block) for line in lines if line.split()[:1] == [name])


def draws(tool, namespace, environment, block):
    program = start(tool, namespace, "0.1", environment=environment)
    program.wait_for(lambda lines: bar_of(lines, "reply_in_place", block) > 0, "a bar")
    lines = program.screen.text()
    check(lines[0] == "icmpx, every 0.1 s", f"the head is {lines[0]!r}")
    check(any(line.startswith("IPv4: ") and line.endswith(" messages/s received") for line in lines), f"no sum: {lines}")
    check(program.screen.alternate and not program.screen.cursor, "not on the alternate screen")
    program.press("\x03")
    check(program.end() == 0, "does not end with 0")


def in_blocks(tool, namespace):
    draws(tool, namespace, UTF8, "█")


def in_ascii(tool, namespace):
    draws(tool, namespace, ASCII, "#")


def fits(tool, namespace):
    """With each size the picture is drawn again, and no larger."""
    program = start(tool, namespace, "0.1")
    longest = {}

    def measure(columns, least):
        program.wait_for(lambda lines: bar_of(lines, "reply_in_place", "█") > least, "a bar")
        longest[columns] = bar_of(program.screen.text(), "reply_in_place", "█")

    measure(80, 0)
    for columns, rows in ((120, 24), (60, 24), (200, 50), (60, 3), (10, 2), (1, 1), (80, 24)):
        program.resize(columns, rows, settled=False)
        program.wait_for(lambda lines: program.screen.settled, "a picture that fits")
        if rows == 24:
            # A smaller picture of before fits, too.
            measure(columns, longest[80] if columns > 80 else 0)
        if rows == 3:
            program.wait_for(lambda lines: lines[2].startswith("... "), "what is left out")
    check(longest[60] < longest[80] < longest[120], f"bars do not use the room: {longest}")
    program.press("\x03")
    check(program.end() == 0, "does not end with 0")


def at_once(tool, namespace):
    """It is the signal that draws, and not the clock."""
    program = start(tool, namespace, NEVER)
    program.wait_for(lambda lines: lines[0] == "icmpx, every 86400 s", "a head")
    program.resize(12, 5)
    program.wait_for(lambda lines: lines[0] == "icmpx, every", "a shorter head")
    program.press("\x03")
    check(program.end() == 0, "does not end with 0")


def stops(tool, namespace):
    """Ctrl-Z gives the terminal back, and fg takes it again."""
    program = start(tool, namespace, NEVER)
    program.wait_for(lambda lines: lines[0] == "icmpx, every 86400 s", "a head")
    program.press("\x1a")
    program.wait_for_stop()
    check(not program.screen.alternate and program.screen.cursor, "the terminal is not as it was")
    program.go_on()
    program.wait_for(lambda lines: lines[0] == "icmpx, every 86400 s", "a head again")
    check(program.screen.alternate and not program.screen.cursor, "not on the alternate screen")
    program.press("\x03")
    check(program.end() == 0, "does not end with 0")


def quits(tool, namespace):
    """Ctrl-\\ is a key to end it, too."""
    program = start(tool, namespace, NEVER)
    program.wait_for(lambda lines: lines[0] == "icmpx, every 86400 s", "a head")
    program.press("\x1c")
    check(program.end() == 0, "does not end with 0")


def ends_with_an_error(tool, namespace):
    """Without a namespace, nothing is drawn."""
    program = Program([tool, "-n", namespace + "-none", "stats", "-w", "1"], 80, 24, UTF8)
    program.wait_for(lambda lines: lines[0].startswith("icmpxctl: there is no network namespace"), "a message")
    check(program.end() == 1, "does not end with 1")


def dumb(tool, namespace):
    """A terminal that can do nothing gets lines."""
    program = start(tool, namespace, "0.1", rows=200, environment={"TERM": "dumb", "LC_ALL": "C"})
    program.wait_for(lambda lines: sum(line.startswith("IPv4: ") for line in lines) > 2, "three blocks")
    check(not program.screen.alternate, "on the alternate screen")
    program.press("\x03")
    check(program.end() == 0, "does not end with 0")


run({f.__name__: f for f in (in_blocks, in_ascii, fits, at_once, stops, quits, ends_with_an_error, dumb)})
