#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# ping of iputils, run by a user without privileges.

# shellcheck source=lib/user.sh
. "$(dirname "$0")/lib/user.sh"

# expect_pings WHAT COUNT [OPTIONS…]: the user gets an answer to each of COUNT pings.
expect_pings() {
	local what=$1 count=$2
	shift 2
	expect_output "$what" "^$count packets transmitted, $count received, 0% packet loss" \
		ping -n -c "$count" -i 0.02 -W 60 "$@" "$server_address"
}

test_socket() {
	needs_command strace
	begin
	opens "ping" ping -c 1 "$server_address"
}

# The range of groups is the only right that there is to ask for.
test_groups() {
	begin
	sysctl_in "$client" net.ipv4.ping_group_range="1 0"
	expect_output "no group" 'not permitted|denied' ping -c 1 "$server_address"
	sysctl_in "$client" net.ipv4.ping_group_range="4242 4242"
	expect_output "another group" 'not permitted|denied' ping -c 1 "$server_address"
	sysctl_in "$client" net.ipv4.ping_group_range="$(id -g nobody) $(id -g nobody)"
	expect_pings "own group" 1
	sysctl_in "$client" net.ipv4.ping_group_range="4242 4242"
	expect_success "supplementary group" in_client setpriv --reuid=nobody --regid=nogroup --groups=4242 \
		--inh-caps=-all --bounding-set=-all ping -n -q -c 1 -W 60 "$server_address"
}

test_ping_sizes() {
	local size
	begin
	for size in 0 1 15 16 56 1472 1473 8000 65507; do
		expect_pings "ping -s $size" 3 -s "$size"
	done
	expect_output "ping -s 65508" 'invalid|too long|out of range' ping -c 1 -s 65508 "$server_address"
	expect_icmpx "$client" 27 deliver_ping
}

# What ping checks of each reply is its size and every byte of its data: it says so when one is wrong.
test_ping_data() {
	local pattern
	begin
	for pattern in 00 ff deadbeef 0123456789abcdef0123456789abcdef; do
		expect_pings "ping -p $pattern" 2 -p "$pattern"
		expect_pings "ping -p $pattern -s 3001" 2 -p "$pattern" -s 3001
		expect_equal "$(user ping -n -c 2 -i 0.02 -p "$pattern" "$server_address" | grep -c 'wrong data')" 0 \
			"replies with wrong data"
	done
}

# A user may flood, but not as fast as he likes.
test_ping_pace() {
	begin
	expect_output "ping -f" 'minimal interval allowed' ping -q -f -c 10 "$server_address"
	expect_output "ping -f -i 0.002" '^500 packets transmitted, 500 received' \
		ping -n -q -f -i 0.002 -c 500 -W 60 "$server_address"
	expect_output "ping -A" '^100 packets transmitted, 100 received' ping -n -q -A -c 100 -W 60 "$server_address"
	expect_output "ping -l 3" '^6 packets transmitted, 6 received' \
		ping -n -q -l 3 -c 6 -i 0.02 -W 60 "$server_address"
	expect_icmpx "$client" 606 deliver_ping
}

test_ping_ends() {
	begin
	expect_output "ping -w" '^[1-9][0-9]* packets transmitted, [1-9][0-9]* received, 0% packet loss, time [12]...ms' \
		ping -n -q -w 2 -i 0.5 "$server_address"
	in_server sysctl -q -w net.ipv4.icmp_echo_ignore_all=1
	expect_output "ping -W" '^1 packets transmitted, 0 received, 100% packet loss' \
		ping -n -q -c 1 -W 0.5 "$server_address"
	expect_output "ping -O" 'no answer yet for icmp_seq=1' ping -n -O -c 3 -i 0.2 -W 0.2 "$server_address"
}

test_ping_reports() {
	begin
	expect_output "a reply" "^64 bytes from 10\.0\.0\.2: icmp_seq=1 ttl=64 time=[0-9.]+ ms\$" \
		ping -n -c 1 "$server_address"
	expect_output "its TTL" "^64 bytes from 10\.1\.0\.2: icmp_seq=1 ttl=63 " ping -n -c 1 "$far_address"
	expect_output "ping -D" '^\[[0-9]{10}\.[0-9]{6}\] 64 bytes from' ping -n -D -c 1 "$server_address"
	expect_output "ping -U" ' time=[0-9.]+ ms$' ping -n -U -c 1 "$server_address"
	expect_output "loopback" ' 0% packet loss' ping -n -c 2 -i 0.02 127.0.0.1
	expect_output "own address" ' 0% packet loss' ping -n -c 2 -i 0.02 "$client_address"
}

test_ping_options_of_ip() {
	local ping_twice=(ping -n -c 2 -i 0.02 -W 60)
	begin
	expect_output "ping -R" "RR: *	?$client_address" "${ping_twice[@]}" -R "$server_address"
	expect_output "ping -R" "^	$server_address\$" "${ping_twice[@]}" -R "$server_address"
	expect_output "ping -R, the second" '\(same route\)' "${ping_twice[@]}" -R "$server_address"
	expect_output "ping -R through a router" "^	10\.1\.0\.1\$" "${ping_twice[@]}" -R "$far_address"
	expect_output "ping -T tsonly" 'TS:.*absolute' "${ping_twice[@]}" -T tsonly "$server_address"
	expect_output "ping -T tsandaddr" "^	$server_address	-?[0-9]+\$" \
		"${ping_twice[@]}" -T tsandaddr "$server_address"
	expect_output "ping -T tsprespec" "TS: *	?$client_address	.*absolute" \
		"${ping_twice[@]}" -T tsprespec "$client_address" "$server_address"
}

# listen COUNT: lets the server write down the ICMP requests that it gets, until heard.
listen() {
	in_server timeout 30 tcpdump -n -l -U -v -i server -c "$1" 'icmp[icmptype] == icmp-echo' \
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

test_ping_header() {
	needs_command tcpdump
	begin
	listen 2
	expect_pings "ping -Q" 2 -Q 0x12
	heard "packets with tos" 2 'tos 0x12'
	listen 2
	expect_pings "ping -t" 2 -t 77
	heard "packets with ttl" 2 'ttl 77'
	listen 2
	expect_pings "ping -M do" 2 -M "do"
	heard "packets that may not be fragmented" 2 'flags \[DF\]'
	listen 2
	expect_pings "ping -M dont" 2 -M dont
	heard "packets that may be fragmented" 2 'flags \[none\]'
	listen 2
	expect_pings "ping -e" 2 -e 4321
	heard "packets with identifier" 2 'id 4321,'
	expect_equal "$(grep -c 'wrong icmp cksum' "$scratch/dump")" 0 "wrong checksums"
}

test_ping_interface() {
	begin
	expect_pings "device" 2 -I client
	expect_pings "address" 2 -I "$client_address"
	expect_pings "both" 2 -I "$client_address" -I client
	expect_output "device without a way" '100% packet loss|[Uu]nreachable' \
		ping -n -c 1 -W 0.5 -I lo "$server_address"
	expect_output "no such device" 'unknown iface|[Ii]nvalid|No such device' ping -c 1 -I nosuch "$server_address"
	expect_output "another's address" 'Cannot assign' ping -c 1 -I "$server_address" "$server_address"
	ip -n "$client" address add 10.0.0.3/24 dev client
	expect_output "second address" 'from 10\.0\.0\.3 .*' ping -n -c 1 -W 60 -I 10.0.0.3 "$server_address"
	expect_pings "second address" 2 -I 10.0.0.3
}

test_ping_broadcast() {
	begin
	expect_output "ping without -b" 'Do you want to ping broadcast' ping -n -c 1 -W 1 10.0.0.255
	in_server sysctl -q -w net.ipv4.icmp_echo_ignore_broadcasts=0
	expect_output "ping -b" '^64 bytes from 10\.0\.0\.2: ' ping -n -b -c 2 -W 60 10.0.0.255
	expect_output "multicast" '^64 bytes from 10\.0\.0\.2: ' ping -n -c 1 -W 60 -I client 224.0.0.1
	expect_output "multicast by address" '^64 bytes from 10\.0\.0\.2: ' \
		ping -n -c 1 -W 60 -I "$client_address" 224.0.0.1
	expect_output "multicast, TTL" '^64 bytes from 10\.0\.0\.2: ' ping -n -t 3 -c 1 -W 60 -I client 224.0.0.1
}

# What the client's own IP says when it cannot send in one piece.
test_ping_mtu() {
	begin
	expect_pings "ping -M do" 2 -M "do" -s 1472
	expect_output "ping -M do, too long" 'message too long, mtu[=:] ?1500' \
		ping -n -c 1 -W 1 -M "do" -s 1473 "$server_address"
	expect_pings "ping -M want" 2 -M want -s 1473
	expect_pings "ping -M dont" 2 -M dont -s 1473
}

# A link with a smaller MTU behind the router.
test_ping_path_mtu() {
	begin
	ip -n "$server" link set inner mtu 1300
	ip -n "$far" link set far mtu 1300
	expect_output "ping -M dont" ' 0% packet loss' ping -n -c 2 -i 0.02 -W 60 -M dont -s 1400 "$far_address"
	expect_output "ping -M do, fits" ' 0% packet loss' ping -n -c 2 -i 0.02 -W 60 -M "do" -s 1272 "$far_address"
	expect_output "ping -M do, the router" 'From 10\.0\.0\.2 icmp_seq=1 Frag needed and DF set \(mtu = 1300\)' \
		ping -n -c 1 -W 60 -M "do" -s 1400 "$far_address"
	expect_output "route" 'mtu 1300' ip route get "$far_address"
	expect_output "ping -M do, the client" 'message too long, mtu[=:] ?1300' \
		ping -n -c 1 -W 60 -M "do" -s 1400 "$far_address"
	expect_output "ping -M want" ' 0% packet loss' ping -n -c 2 -i 0.02 -W 60 -M want -s 1400 "$far_address"
}

test_ping_errors() {
	local from='From 10\.0\.0\.2 icmp_seq=1' ping_once=(ping -n -c 1 -W 60)
	begin
	expect_output "TTL" "$from Time to live exceeded" "${ping_once[@]}" -t 1 "$far_address"
	expect_output "no host" 'From 10\.0\.0\.1 icmp_seq=1 Destination Host Unreachable' "${ping_once[@]}" 10.0.0.77
	expect_output "no host behind the router" "$from Destination Host Unreachable" "${ping_once[@]}" 10.1.0.77
	expect_output "no route" "$from Destination Net Unreachable" "${ping_once[@]}" 10.9.0.1
	ip -n "$server" route add unreachable 10.9.1.0/24
	expect_output "unreachable" "$from Destination Host Unreachable" "${ping_once[@]}" 10.9.1.1
	ip -n "$server" route add prohibit 10.9.2.0/24
	expect_output "prohibited" "$from Packet filtered" "${ping_once[@]}" 10.9.2.1
}

test_ping_redirect() {
	begin
	ip -n "$server" route add 10.8.0.0/24 via 10.0.0.3 dev server
	ip -n "$server" neighbour add 10.0.0.3 lladdr 02:00:00:00:00:03 dev server
	expect_output "redirect" 'From 10\.0\.0\.2 icmp_seq=1 Redirect Host ?\(New nexthop: 10\.0\.0\.3\)' \
		ping -n -c 1 -W 1 10.8.0.1
}

# Every code that a firewall sends, and what ping calls it.
test_ping_rejected() {
	local code text
	needs_command nft
	begin
	in_server nft 'add table ip test; add chain ip test input { type filter hook input priority 0; }' ||
		ktap_skip "the kernel has no nf_tables"
	while read -r code text; do
		in_server nft "flush chain ip test input
			add rule ip test input ip saddr $client_address icmp type echo-request reject with icmp type $code" ||
			ktap_skip "the kernel has no nft_reject"
		expect_output "$code" "From 10\.0\.0\.2 icmp_seq=1 $text" ping -n -c 1 -W 60 "$server_address"
	done <<-END
		net-unreachable Destination Net Unreachable
		host-unreachable Destination Host Unreachable
		prot-unreachable Destination Protocol Unreachable
		port-unreachable Destination Port Unreachable
		net-prohibited Destination Net Prohibited
		host-prohibited Destination Host Prohibited
		admin-prohibited Packet filtered
	END
}

# Replies go where they belong, and an identifier is not kept from others: the last who asked for it gets what comes.
test_ping_side_by_side() {
	local i pings=()
	begin
	user ping -n -e 77 -c 30 -i 0.1 -W 60 "$server_address" >"$scratch/first" &
	pings+=($!)
	sleep 0.5
	expect_output "the same identifier" '^64 bytes from' ping -n -c 10 -i 0.1 -W 60 -e 77 "$server_address"
	wait "${pings[@]}"
	expect_between "$(grep -c '^64 bytes from' "$scratch/first")" 10 29 "replies to the one that was first"
	expect_equal "$(grep -c 'icmp_seq=30 ' "$scratch/first")" 1 "replies to its last request"
	pings=()
	for i in {1..40}; do
		user ping -n -c 10 -i 0.1 -W 60 "$server_address" >"$scratch/ping-$i" 2>&1 &
		pings+=($!)
	done
	wait "${pings[@]}"
	expect_equal "$(cat "$scratch"/ping-* | grep -c '^10 packets transmitted, 10 received, 0% packet loss')" 40 "pings"
	expect_equal "$(cat "$scratch"/ping-* | grep -cE 'DUP|wrong|DIFFERENT')" 0 "replies to another"
}

ktap_run "$@"
