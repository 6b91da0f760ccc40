#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Programs that probe what an IPv6 host makes of odd packets: those of thc-ipv6. What they say of icmpx is what they say of the
# built-in code.

# shellcheck source=lib/netns.sh
. "$(dirname "$0")/lib/netns.sh"

# Cases of implementation6 that every kernel answers at once: with a reply, or with an error of that type and code. The program
# waits five seconds in each of the others.
cases=(
	1 "PASSED - we got a reply"
	3 "FAILED - error reply [4:1]"
	7 "PASSED - we got a reply"
	12 "PASSED - we got a reply"
	14 "FAILED - error reply [4:1]"
	19 "FAILED - error reply [4:0]"
	23 "FAILED - error reply [4:0]"
	25 "PASSED - we got a reply"
)

test_implementation6() {
	local i output format=/sys/kernel/tracing/events/skb/kfree_skb/format
	needs_command atk6-implementation6
	mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
	# 128 and 8172 headers of destination options: 7.x drops such packets before ICMPv6 sees them.
	if grep -q IPV6_TOO_MANY_EXTHDRS "$format"; then
		cases+=(8 "FAILED - no reply" 10 "FAILED - no reply")
	else
		cases+=(8 "PASSED - we got a reply" 10 "PASSED - we got a reply")
	fi
	make_network6
	sysctl_in "$server" net.ipv6.icmp.ratelimit=0
	for ((i = 0; i < ${#cases[@]}; i += 2)); do
		output=$(in_client timeout 60 atk6-implementation6 -p client "$server_address6" "${cases[i]}" 2>&1 |
			sed -n 's/^Test [^:]*:.*\t//p')
		expect_equal "$output" "${cases[i + 1]}" "case ${cases[i]}"
	done
}

test_thcping6() {
	needs_command atk6-thcping6
	make_network6
	expect_equal "$(in_client timeout 60 atk6-thcping6 client "$client_address6" "$server_address6" 2>&1 |
		grep -c 'pong for seq=1')" 1 "replies to thcping6"
}

ktap_run "$@"
