#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Unloading icmpx once ftrace has switched itself off, and so goes on to call it: nothing is icmpx's any more, but its
# text stays. There is no way back from there, so the machine has to be one of its own.

# shellcheck source=lib/module.sh
. "$(dirname "$0")/lib/module.sh"

# wait_for COMMAND…: until it succeeds, for two minutes at most.
wait_for() {
	local tries
	for ((tries = 0; tries < 1200; tries++)); do
		"$@" && return
		sleep 0.1
	done
	return 1
}

says_so() {
	log_since_mark | grep -q 'icmpx: ftrace has switched itself off, and cannot let go of this module'
}

# expect_counted TYPE COUNT WHAT…: messages of the server's, since $before.
expect_counted() {
	local now
	now=$(snmp_counter "$server" IcmpMsg "$1")
	expect_equal $((now - ${before[$1]})) "$2" "${@:3}"
}

test_unloading_without_ftrace() {
	local remover type
	local -A before
	begin
	make_network
	# Each datagram to a closed port gets its error.
	sysctl_in "$server" net.ipv4.icmp_ratelimit=0
	mark_log
	load_icmpx
	for type in InType8 OutType0 OutType3; do
		before[$type]=$(snmp_counter "$server" IcmpMsg "$type")
	done
	expect_sending 1
	load_test_module test_ftrace_off
	expect_sending 1
	expect_success "ping" client_pings 3

	touch /run/icmpx/stays
	# It keeps what it has open for as long as the machine runs.
	unload_icmpx >/dev/null 2>&1 &
	remover=$!
	expect_success "unloading comes to where it stays" wait_for says_so
	expect_log "has given all back" "icmpx: ICMP is the kernel's again"
	expect_absent_in "$server"
	expect_absent_in "$client"
	# Those that icmpx has counted, and those that it has not.
	expect_success "ping" client_pings 4
	expect_counted InType8 7 "requests"
	expect_counted OutType0 7 "replies"
	in_client bash -c 'for ((i = 0; i < 50; i++)); do echo one >/dev/udp/10.0.0.2/9; done'
	expect_counted OutType3 52 "errors"
	expect_errors
	add_namespace "$client-later"
	ip netns delete "$client-later"

	# No signal ends it, and nothing that looks for hung tasks sees it.
	kill -KILL "$remover"
	sleep 0.2
	expect_equal "$(awk '$1 == "State:" { print $2 }' "/proc/$(pgrep -x rmmod)/status")" I "rmmod's state"
	expect_failure "loading again" load_icmpx
	expect_errors
	expect_success "ping" client_pings 3
	expect_calm_log
}

if [[ -d /sys/module/icmpx || ! -d /run/icmpx ]]; then
	echo "needs a machine of its own: scripts/vm --no-module -- selftests/load_stuck.sh"
	exit 4
fi
ktap_run "$@"
