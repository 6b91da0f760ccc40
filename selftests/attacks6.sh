#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Programs that attack IPv6 hosts, or ask them odd questions: those of thc-ipv6, and scapy. Each sees the same of icmpx as of the
# built-in code, which it meets first.

# shellcheck source=lib/module.sh
. "$(dirname "$0")/lib/module.sh"

# network NUMBER: sets the names of one of several.
network() {
	client=icmpx-client-$1-$$ server=icmpx-server-$1-$$
}

# Two hosts that solicit nothing by themselves; so many such networks, whose numbers are from 0 on.
make_networks() {
	local number
	for ((number = 0; number < $1; number++)); do
		network "$number"
		make_network6 || return
		sysctl_in "$server" net.ipv6.icmp.ratelimit=0
		sysctl_in "$server" net.ipv6.conf.server.router_solicitations=0
		sysctl_in "$client" net.ipv6.conf.client.router_solicitations=0
	done
	for ((number = 0; number < $1; number++)); do
		network "$number"
		await_link_local "$server" server
	done
}

# both WHAT COMMAND…: what COMMAND prints with the built-in code, and then with icmpx, is the same. It is in $builtin.
both() {
	local what=$1 ours
	shift
	builtin=$("$@")
	load_icmpx || return
	ours=$("$@")
	diff <(echo "$builtin") <(echo "$ours") >"$scratch/diff" && return
	sed 's/^/# /' "$scratch/diff"
	ktap_fail "$what: not the same"
}

# In a network of its own.
in_network() {
	make_networks 1
	"$@"
	cleanup
}

ask_scapy() {
	in_client /usr/bin/python3 "$(dirname "$0")/lib/odd6.py" client 02:00:00:00:00:01 02:00:00:00:00:02 \
		"$client_address6" "$server_address6"
}

test_scapy() {
	local builtin
	begin
	/usr/bin/python3 -c 'import scapy' 2>/dev/null || ktap_skip "scapy is not installed"
	both scapy in_network ask_scapy
	expect_between "$(wc -l <<<"$builtin")" 250 1000 "packets"
	expect_between "$(grep -c ': .' <<<"$builtin")" 60 250 "packets with an answer"
}

# implementation CASE: what atk6-implementation6 says of it.
implementation() {
	in_client timeout 120 atk6-implementation6 -p client "$server_address6" "$1" 2>&1 | grep '^Test'
}

fragmentation() {
	in_client timeout 600 atk6-fragmentation6 client "$server_address6" 2>&1 | grep -v '^$'
	client_pings6 2 >/dev/null && echo alive
}

# The programs wait five seconds for an answer that does not come: some networks at once have some cases each, and another one
# has the fragments.
implementations_and_fragmentation() {
	local number networks=8 cases=57
	make_networks $((networks + 1))
	for ((number = 0; number < networks; number++)); do
		(
			network "$number"
			for ((number++; number <= cases; number += networks)); do
				implementation "$number" >"$scratch/case-$number"
			done
		) &
	done
	network "$networks"
	fragmentation >"$scratch/fragmentation"
	wait
	for ((number = 1; number <= cases; number++)); do
		cat "$scratch/case-$number"
	done
	cat "$scratch/fragmentation"
	cleanup
}

test_implementation6_and_fragmentation6() {
	local builtin
	begin
	needs_command atk6-implementation6
	needs_command atk6-fragmentation6
	both "implementation6 and fragmentation6" implementations_and_fragmentation
	expect_equal "$(grep -c '^Test' <<<"$builtin")" 57 "cases"
	expect_equal "$(tail -n 1 <<<"$builtin")" alive "the host after the fragments"
}

# An attacker who answers for everybody: whom the server takes the client's neighbour for.
be_deceived() {
	local attacker
	in_client atk6-parasite6 client >"$scratch/parasite" 2>&1 &
	attacker=$!
	until grep -qi 'started' "$scratch/parasite"; do
		kill -0 "$attacker" || return
		sleep 0.1
	done
	in_server ping -6 -n -c 1 -W 1 fd00::99 >/dev/null
	ip -n "$server" -6 neighbour show fd00::99 dev server | sed 's/ [A-Z]* *$//'
	kill "$attacker"
	wait "$attacker"
}

test_parasite6() {
	local builtin
	begin
	needs_command atk6-parasite6
	both parasite6 in_network be_deceived 2>/dev/null
	[[ $builtin == *"lladdr 02:00:00:00:00:01"* ]] || ktap_fail "not deceived: $builtin"
}

load_run "$@"
