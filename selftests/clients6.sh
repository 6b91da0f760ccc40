#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Programs that probe what an IPv6 host makes of odd packets: those of thc-ipv6. What they say of icmpx is what they say of the
# built-in code. And clients that ask for node information (RFC 4620), which the built-in code does not answer.

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

# ping_asks WHAT OPTION… DESTINATION: what ping says of the reply, or that there is none.
ping_asks() {
	in_client timeout 120 ping -6 -n -c 1 -W 60 -N "$@" 2>&1 |
		sed -nE 's/^[0-9]+ bytes from [^ ]*: (.*); seq=1; ttl=64.*/\1/p; s/^.* (100% packet loss).*/\1/p'
}

make_informed_network() {
	[[ -e /proc/sys/net/icmpx6/node_info ]] || ktap_skip "needs the icmpx module"
	make_network6 || return
	sysctl_in "$server" net.icmpx6.node_info=7
	sysctl_in "$server" net.icmpx.node_name=r1.example
	ip -n "$server" address add 192.0.2.7/24 dev server
	ip -n "$server" address add 2001:db8::7/64 dev server nodad
	await_link_local "$server" server
}

test_ping_node_information() {
	make_informed_network
	expect_equal "$(ping_asks name "$server_address6")" r1.example. "name"
	expect_equal "$(ping_asks ipv6-global "$server_address6")" "2001:db8::7, $server_address6" "global addresses"
	expect_equal "$(ping_asks ipv4 "$server_address6")" "$server_address, 192.0.2.7" "IPv4 addresses"
	expect_equal "$(ping_asks subject-name=r1 -N name ff02::1%client)" r1.example. "who is r1?"
	expect_equal "$(ping_asks subject-ipv4=192.0.2.7 -N name ff02::1%client)" r1.example. "who is 192.0.2.7?"
	sysctl_in "$server" net.icmpx6.node_info=6
	expect_equal "$(ping_asks name "$server_address6")" refused "a name that is not told"
}

test_node_query6() {
	needs_command atk6-node_query6
	make_informed_network
	expect_equal "$(in_client timeout 60 atk6-node_query6 client "$server_address6" 2>&1 | sed -nE 's/^ +([^ ].*[^ ]) *$/\1/p')" \
		"DNS result: r1.example
IPv6 result:
2001:db8::7
$server_address6
$(ip -n "$server" -6 -o address show dev server scope link | sed -nE 's#.*inet6 ([^/]*)/.*#\1#p')
IPv4 result:
$server_address
192.0.2.7" "what node_query6 says"
}

ktap_run "$@"
