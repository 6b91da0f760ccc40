#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# ping -I DEVICE of iputils, with a ping socket and with a raw one: what comes from this host itself comes over the
# loopback, whichever device the socket is bound to.

# shellcheck source=lib/user.sh
. "$(dirname "$0")/lib/user.sh"

# Nothing answers for the address: the client asks for it in vain, and tells itself.
absent=10.0.0.77

# raw COMMAND…: run by root, who gets a raw socket where no group may have ping sockets.
raw() {
	in_client "$@"
}

# with_raw: from here on ping gets no ping socket.
with_raw() {
	sysctl_in "$client" net.ipv4.ping_group_range="1 0"
}

# expect_raw COMMAND…: the command opens a raw socket.
expect_raw() {
	local sockets
	sockets=$(raw timeout 60 strace -f -e trace=socket "$@" 2>&1 | grep -F 'socket(AF_INET, ')
	grep -qE 'SOCK_RAW.* = [0-9]' <<<"$sockets" || ktap_fail "'$*' opens no raw socket: $sockets"
}

# ping_says FILE COMMAND…: keeps what a ping prints.
ping_says() {
	local file=$1
	shift
	"$@" >"$scratch/$file" 2>&1
}

expect_said() {
	grep -qE -- "$2" "$scratch/$1" && return
	echo "# ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: nothing matches '$2' in:"
	sed 's/^/#   /' "$scratch/$1"
	ktap_failed=1
}

own_address() {
	local address
	for address in "$client_address" 10.0.0.3; do
		ping_says own "$@" ping -n -c 2 -i 0.02 -W 60 -I client "$address"
		expect_said own "^64 bytes from ${address//./\\.}: icmp_seq=2 "
		expect_said own '^2 packets transmitted, 2 received, 0% packet loss'
	done
}

test_own_address() {
	begin
	ip -n "$client" address add 10.0.0.3/24 dev client
	opens "ping -I" ping -n -c 1 -I client "$client_address"
	own_address user
	with_raw
	expect_raw ping -n -c 1 -I client "$client_address"
	own_address raw
}

# expect_unreachable WHO…: that ping is told about the neighbour that does not answer. Its request is the reason for one
# error, which comes back at once, so that nothing is left to wait for.
expect_unreachable() {
	ping_says absent "$@"
	expect_said absent '^From 10\.0\.0\.1 (client: |client )?icmp_seq=1 Destination Host Unreachable'
	expect_said absent '^1 packets transmitted, 0 received, \+1 errors, 100% packet loss'
}

test_neighbour_that_does_not_answer() {
	local before
	begin
	sysctl_in "$client" net.ipv4.neigh.client.retrans_time_ms=100
	expect_unreachable user ping -n -c 1 -W 20 -I client "$absent"
	with_raw
	expect_unreachable raw ping -n -c 1 -W 20 "$absent"
	before=$(snmp_counter "$client" Icmp InDestUnreachs)
	ping_says absent raw ping -n -c 1 -W 3 -I client "$absent"
	expect_said absent '^1 packets transmitted, 0 received, 100% packet loss'
	expect_equal $(($(snmp_counter "$client" Icmp InDestUnreachs) - before)) 1 "errors that have come"
}

# Behind the router there is no such host either: that error comes by the device, and everybody sees it.
test_neighbour_of_the_router() {
	begin
	sysctl_in "$server" net.ipv4.neigh.inner.retrans_time_ms=100
	ping_says absent user ping -n -c 1 -W 20 -I client 10.1.0.77
	expect_said absent '^From 10\.0\.0\.2 icmp_seq=1 Destination Host Unreachable'
	with_raw
	ping_says absent raw ping -n -c 1 -W 20 -I client 10.1.0.77
	expect_said absent '^From 10\.0\.0\.2 icmp_seq=1 Destination Host Unreachable'
}

ktap_run "$@"
