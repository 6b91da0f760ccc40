#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# `icmpxctl stats -w` on a terminal, and where there is none.

# shellcheck source=lib/icmpxctl.sh
. "$(dirname "$0")/lib/icmpxctl.sh"

# The server, which the client pings as long as the test runs.
start() {
	needs_icmpx
	needs_icmpxctl
	make_network
	in_client ping -q -i 0.01 "$server_address" >/dev/null &
	trap 'kill %1; cleanup' EXIT
}

# on_terminal SCENARIO: one of lib/icmpxctl_terminal.py.
on_terminal() {
	start
	expect_success "$1" python3 -S "$(dirname "$0")/lib/icmpxctl_terminal.py" "$1" "$icmpxctl" "$server"
}

test_bars_of_blocks() {
	on_terminal in_blocks
}

test_bars_of_ascii() {
	on_terminal in_ascii
}

test_size_of_the_terminal() {
	on_terminal fits
}

test_another_size_is_drawn_at_once() {
	on_terminal at_once
}

test_stopping_and_going_on() {
	on_terminal stops
}

test_quitting() {
	on_terminal quits
}

test_error_on_a_terminal() {
	on_terminal ends_with_an_error
}

test_terminal_that_can_nothing() {
	on_terminal dumb
}

# A block each time, as wide as COLUMNS says, without escape sequences.
test_no_terminal() {
	local blocks watch line number=0
	start
	exec {blocks}< <(exec env COLUMNS=40 LC_ALL=C "$icmpxctl" -n "$server" stats -w 0.1 2>&1)
	watch=$!
	while ((number < 3)) && IFS= read -r -t 60 line <&"$blocks"; do
		[[ $line != *$'\033'* ]] || ktap_fail "an escape sequence"
		((${#line} <= 40)) || ktap_fail "a long line: '$line'"
		[[ $line ]] || ((++number))
	done
	expect_equal "$number" 3 "blocks"
	kill "$watch"
	wait "$watch"
	expect_equal $? 0 "exit status"
}

test_no_terminal_in_json() {
	local blocks watch line one two
	start
	exec {blocks}< <(exec "$icmpxctl" -n "$server" -j stats -w 0.1 2>&1)
	watch=$!
	read -r -t 60 one <&"$blocks"
	read -r -t 60 two <&"$blocks"
	kill "$watch"
	wait "$watch"
	expect_equal $? 0 "exit status"
	for line in "$one" "$two"; do
		# Rates of 0.1 seconds each.
		expect_success "rates" python3 -ISc 'import json, sys
v = json.loads(sys.argv[1])
assert v["ipv4"]["packets_in"] >= 0 and "packets_in" in v["ipv6"], v' "$line"
	done
}

ktap_run "$@"
