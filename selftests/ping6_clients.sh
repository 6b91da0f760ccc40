#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# ping of iputils over IPv6, run by a user without privileges and by root, who gets a ping socket, too.

# shellcheck source=lib/user.sh
. "$(dirname "$0")/lib/user.sh"

ping6=(ping -6 -n)

# expect_pings WHAT COUNT [OPTIONS…]: the user, and root, get an answer to each of COUNT pings.
expect_pings() {
	local what=$1 count=$2 who
	shift 2
	for who in user in_client; do
		expect_output_of "$who" "$who, $what" "^$count packets transmitted, $count received, 0% packet loss" \
			"${ping6[@]}" -c "$count" -i 0.02 -W 60 "$@"
	done
}

test_socket() {
	local who
	needs_command strace
	begin6
	for who in user in_client; do
		opens_of "$who" "$who" "${ping6[@]}" -c 1 "$server_address6"
	done
}

# The range of groups is the same setting as for IPv4.
test_groups() {
	begin6
	sysctl_in "$client" net.ipv4.ping_group_range="1 0"
	expect_output "no group" 'not permitted|denied' "${ping6[@]}" -c 1 "$server_address6"
	sysctl_in "$client" net.ipv4.ping_group_range="$(id -g nobody) $(id -g nobody)"
	expect_output "own group" ' 0% packet loss' "${ping6[@]}" -c 1 -W 60 "$server_address6"
}

test_sizes() {
	local size
	begin6
	for size in 0 1 15 16 56 1452 1453 8000 65000; do
		expect_pings "ping -s $size" 3 -s "$size" "$server_address6"
	done
}

# What ping checks of each reply is its size and every byte of its data: it says so when one is wrong.
test_data() {
	local pattern size
	begin6
	for pattern in 00 ff deadbeef 0123456789abcdef0123456789abcdef; do
		for size in 56 3001; do
			expect_pings "ping -p $pattern -s $size" 2 -p "$pattern" -s "$size" "$server_address6"
			expect_equal "$(user "${ping6[@]}" -c 2 -i 0.02 -p "$pattern" -s "$size" "$server_address6" |
				grep -c 'wrong data')" 0 "replies with wrong data"
		done
	done
}

test_pace() {
	begin6
	expect_output "ping -f -i 0.002" '^500 packets transmitted, 500 received' \
		"${ping6[@]}" -q -f -i 0.002 -c 500 -W 60 "$server_address6"
	expect_output "ping -A" '^100 packets transmitted, 100 received' \
		"${ping6[@]}" -q -A -c 100 -W 60 "$server_address6"
	expect_output "ping -l 3" '^6 packets transmitted, 6 received' \
		"${ping6[@]}" -q -l 3 -c 6 -i 0.02 -W 60 "$server_address6"
}

test_reports() {
	begin6
	expect_output "a reply" "^64 bytes from fd00::2: icmp_seq=1 ttl=64 time=[0-9.]+ ms\$" \
		"${ping6[@]}" -c 1 "$server_address6"
	expect_output "its hop limit" "^64 bytes from fd01::2: icmp_seq=1 ttl=63 " "${ping6[@]}" -c 1 "$far_address6"
	expect_output "ping -D" '^\[[0-9]{10}\.[0-9]{6}\] 64 bytes from' "${ping6[@]}" -D -c 1 "$server_address6"
	expect_output "ping -U" ' time=[0-9.]+ ms$' "${ping6[@]}" -U -c 1 "$server_address6"
	expect_pings "loopback" 2 ::1
	expect_pings "own address" 2 "$client_address6"
	in_server sysctl -q -w net.ipv6.icmp.echo_ignore_all=1
	expect_output "ping -W" '^1 packets transmitted, 0 received, 100% packet loss' \
		"${ping6[@]}" -q -c 1 -W 0.5 "$server_address6"
	expect_output "ping -O" 'no answer yet for icmp_seq=1' \
		"${ping6[@]}" -O -c 3 -i 0.2 -W 0.2 "$server_address6"
}

# listen COUNT: lets the server write down the echo requests that it gets, until heard.
listen() {
	in_server timeout 30 tcpdump -n -l -U -v -i server -c "$1" 'icmp6[icmp6type] == icmp6-echo' \
		>"$scratch/dump" 2>"$scratch/log" &
	listener=$!
	for _ in {1..100}; do
		grep -q listening "$scratch/log" && break
		sleep 0.1
	done
}

# heard WHAT COUNT PATTERN: COUNT lines of what was written down match.
heard() {
	wait "$listener"
	expect_equal "$(grep -cE -- "$3" "$scratch/dump")" "$2" "$1"
}

test_header() {
	needs_command tcpdump
	begin6
	listen 4
	expect_pings "ping -Q" 2 -Q 0x12 "$server_address6"
	heard "packets with traffic class" 4 'class 0x12'
	listen 4
	expect_pings "ping -t" 2 -t 77 "$server_address6"
	heard "packets with hop limit" 4 'hlim 77'
	listen 4
	expect_pings "ping -e" 2 -e 4321 "$server_address6"
	heard "packets with identifier" 4 'id 4321,'
	# A label is its user's for a while.
	listen 4
	expect_output "user, ping -F" ' 0% packet loss' "${ping6[@]}" -c 2 -i 0.02 -W 60 -F 0x54321 "$server_address6"
	expect_output_of in_client "root, ping -F" ' 0% packet loss' \
		"${ping6[@]}" -c 2 -i 0.02 -W 60 -F 0x54320 "$server_address6"
	heard "packets with flow label" 4 'flowlabel 0x5432[01]'
	expect_equal "$(grep -c 'bad icmp6 cksum' "$scratch/dump")" 0 "wrong checksums"
}

test_interface() {
	begin6
	expect_pings "device" 2 -I client "$server_address6"
	expect_pings "address" 2 -I "$client_address6" "$server_address6"
	expect_output "no such device" 'unknown iface|[Ii]nvalid|No such device' \
		"${ping6[@]}" -c 1 -I nosuch "$server_address6"
	expect_output "another's address" 'Cannot assign' "${ping6[@]}" -c 1 -I "$server_address6" "$server_address6"
	ip -n "$client" address add fd00::3/64 dev client nodad
	expect_output "second address" 'from fd00::3 .*' "${ping6[@]}" -c 1 -W 60 -I fd00::3 "$server_address6"
	expect_pings "second address" 2 -I fd00::3 "$server_address6"
}

test_link_local() {
	begin6
	expect_pings "scope" 2 fe80::2%client
	expect_pings "device" 2 -I client fe80::2
	expect_output "whose reply it is" '^64 bytes from fe80::2%client: icmp_seq=1 ' \
		"${ping6[@]}" -c 1 -W 60 fe80::2%client
	expect_output "neither" '^1 packets transmitted, 0 received, 100% packet loss' "${ping6[@]}" -c 1 -W 1 fe80::2
}

# All who answer are heard: this host, and the server.
test_multicast() {
	local who
	begin6
	for who in user in_client; do
		$who timeout 60 "${ping6[@]}" -c 2 -W 60 ff02::1%client >"$scratch/many" 2>&1
		expect_equal "$(grep -c 'icmp_seq=1 ' "$scratch/many")" 2 "$who, replies to the first request"
		expect_equal "$(grep -c 'from fe80::2%client: icmp_seq=1 ' "$scratch/many")" 1 "$who, the server's"
	done
	expect_output "device" 'from fe80::2%client: ' "${ping6[@]}" -c 2 -W 60 -I client ff02::1
	# Whether this host hears its own requests is the program's to say.
	expect_output "ping -L" 'from fe80::2%client: icmp_seq=1 ttl=64 time=[0-9.]+ ms$' \
		"${ping6[@]}" -L -c 1 -W 60 -I client ff02::1
}

# What the client's own IP says when it cannot send in one piece, and a router.
test_path_mtu() {
	begin6
	expect_output "too long" 'message too long, mtu[=:] ?1500' \
		"${ping6[@]}" -c 1 -W 1 -M "do" -s 1453 "$server_address6"
	expect_pings "just fits" 2 -M "do" -s 1452 "$server_address6"
	ip -n "$server" link set inner mtu 1300
	ip -n "$far" link set far mtu 1300
	expect_output "the router" 'From fd00::2 icmp_seq=1 Packet too big: mtu=1300' \
		"${ping6[@]}" -c 1 -W 60 -s 1400 "$far_address6"
	expect_output "route" 'mtu 1300' ip route get "$far_address6"
	expect_pings "in fragments" 2 -s 1400 "$far_address6"
	expect_output "the client" 'message too long, mtu[=:] ?1300' \
		"${ping6[@]}" -c 1 -W 60 -M "do" -s 1400 "$far_address6"
}

test_errors() {
	local from='From fd00::2 icmp_seq=1' ping_once=("${ping6[@]}" -c 1 -W 60)
	begin6
	expect_output "hop limit" "$from Time exceeded: Hop limit" "${ping_once[@]}" -t 1 "$far_address6"
	expect_output "no host" 'From fd00::1 icmp_seq=1 Destination unreachable: Address unreachable' \
		"${ping_once[@]}" fd00::77
	expect_output "no host behind the router" "$from Destination unreachable: Address unreachable" \
		"${ping_once[@]}" fd01::77
	expect_output "no route" "$from Destination unreachable: No route" "${ping_once[@]}" fd09::1
	ip -n "$server" route add unreachable fd09:1::/64
	expect_output "unreachable" "$from Destination unreachable: No route|Address unreachable" \
		"${ping_once[@]}" fd09:1::1
	ip -n "$server" route add prohibit fd09:2::/64
	expect_output "prohibited" "$from Destination unreachable: Administratively prohibited" \
		"${ping_once[@]}" fd09:2::1
}

# Every code that a firewall sends, and what ping calls it.
test_rejected() {
	local code text
	needs_command nft
	begin6
	in_server nft 'add table ip6 test; add chain ip6 test input { type filter hook input priority 0; }' ||
		ktap_skip "the kernel has no nf_tables"
	while read -r code text; do
		in_server nft "flush chain ip6 test input
			add rule ip6 test input icmpv6 type echo-request reject with icmpv6 type $code" ||
			ktap_skip "the kernel has no nft_reject"
		expect_output "$code" "From fd00::2 icmp_seq=1 Destination unreachable: $text" \
			"${ping6[@]}" -c 1 -W 60 "$server_address6"
	done <<-END
		no-route No route
		admin-prohibited Administratively prohibited
		addr-unreachable Address unreachable
		port-unreachable Port unreachable
	END
}

# Replies go where they belong, and an identifier is not kept from others: the last who asked for it gets what comes.
test_side_by_side() {
	local i pings=()
	begin6
	for i in {1..20}; do
		user "${ping6[@]}" -c 10 -i 0.1 -W 60 "$server_address6" >"$scratch/ping-$i" 2>&1 &
		pings+=($!)
	done
	wait "${pings[@]}"
	expect_equal "$(cat "$scratch"/ping-* | grep -c '^10 packets transmitted, 10 received, 0% packet loss')" 20 "pings"
	expect_equal "$(cat "$scratch"/ping-* | grep -cE 'DUP|wrong|DIFFERENT')" 0 "replies to another"
}

ktap_run "$@"
