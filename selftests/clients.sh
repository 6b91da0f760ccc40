#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Programs that people use: ping of iputils and of busybox, traceroute, tcpdump, socat, nc.

# shellcheck source=lib/netns.sh
. "$(dirname "$0")/lib/netns.sh"

far=icmpx-far-$$
far_address=10.1.0.2

# A third namespace behind the server, which forwards.
make_path() {
	make_network
	add_namespace "$far"
	ip -n "$server" link add inner type veth peer name far netns "$far" &&
		ip -n "$server" address add 10.1.0.1/24 dev inner &&
		ip -n "$server" link set inner up &&
		ip -n "$far" address add "$far_address/24" dev far &&
		ip -n "$far" link set far up &&
		ip -n "$far" route add default via 10.1.0.1 &&
		ip -n "$client" route add default via "$server_address" &&
		sysctl_in "$server" net.ipv4.ip_forward=1
}

# expect_output WHAT PATTERN COMMAND…: its output matches.
expect_output() {
	local what=$1 pattern=$2 output
	shift 2
	output=$("$@" 2>&1)
	grep -qE -- "$pattern" <<<"$output" && return
	ktap_fail "$what: nothing matches '$pattern' in what '$*' prints:"
	printf '%s\n' "${output//$'\n'/$'\n'#   }" | sed '1s/^/#   /'
}

test_ping_sizes() {
	local size
	needs_command ping
	make_network
	for size in 0 1 15 56 1472 1473 8000 65507; do
		expect_output "ping -s $size" ' 0% packet loss' client_pings 3 -s "$size"
	done
	expect_output "ping -s 20000 -p ff" ' 0% packet loss' client_pings 2 -s 20000 -p ff
	expect_icmpx "$server" 26 reply_in_place reply_copied
}

test_ping_options() {
	local ping_twice=(in_client ping -n -c 2 -i 0.02 -W 60)
	needs_command ping
	make_network
	expect_output "ping -R" "RR:.*$client_address" "${ping_twice[@]}" -R "$server_address"
	expect_output "ping -R" "^	$server_address\$" "${ping_twice[@]}" -R "$server_address"
	expect_output "ping -T tsonly" 'TS:.*absolute' "${ping_twice[@]}" -T tsonly "$server_address"
	expect_output "ping -T tsandaddr" "$server_address	.*[0-9]" \
		"${ping_twice[@]}" -T tsandaddr "$server_address"
	expect_output "ping -Q 0x10" ' 0% packet loss' client_pings 2 -Q 0x10
	expect_output "ping -I device" ' 0% packet loss' client_pings 2 -I client
	expect_output "ping -I address" ' 0% packet loss' client_pings 2 -I "$client_address"
	expect_output "ping -m mark" ' 0% packet loss' client_pings 2 -m 7
	expect_output "ping -M do" ' 0% packet loss' client_pings 2 -M "do" -s 1472
	expect_output "ping -t 1" ' 0% packet loss' client_pings 2 -t 1
}

# What ping(8) does without the right to open a raw socket: a ping socket.
test_ping_of_a_user() {
	needs_command setpriv
	make_network
	sysctl_in "$client" net.ipv4.ping_group_range="0 2147483647"
	expect_output "ping" ' 0% packet loss' in_client setpriv --reuid 65534 --regid 65534 --clear-groups \
		--bounding-set -all ping -n -q -c 3 -i 0.2 "$server_address"
	expect_icmpx "$client" 3 deliver_ping
}

test_ping_broadcast() {
	needs_command ping
	make_network
	sysctl_in "$server" net.ipv4.icmp_echo_ignore_broadcasts=1
	expect_output "ignored" ' 100% packet loss' in_client ping -n -q -b -c 1 -W 1 10.0.0.255
	sysctl_in "$server" net.ipv4.icmp_echo_ignore_broadcasts=0
	expect_output "answered" ' 0% packet loss' in_client ping -n -b -c 2 -i 0.1 -W 60 10.0.0.255
}

test_ping_flood() {
	needs_command ping
	make_network
	expect_output "ping -f" '1000 packets transmitted, 1000 received' \
		in_client ping -n -q -f -c 1000 -W 60 "$server_address"
	expect_icmpx "$server" 1000 reply_in_place reply_copied
}

test_busybox_ping() {
	needs_command busybox
	make_network
	expect_output "ping" ' 0% packet loss' in_client busybox ping -c 2 -W 60 "$server_address"
	expect_output "ping -s 3000" ' 0% packet loss' in_client busybox ping -c 2 -W 60 -s 3000 "$server_address"
	sysctl_in "$server" net.ipv4.icmp_echo_ignore_all=1
	expect_output "ignored" ' 100% packet loss' in_client busybox ping -c 1 -W 1 "$server_address"
}

test_ping_is_told_of_errors() {
	needs_command ping
	make_path
	expect_output "no such host behind the router" 'From 10\.0\.0\.2 .*Host Unreachable' \
		in_client ping -n -c 1 -W 60 10.1.0.77
	ip -n "$server" route add prohibit 10.9.0.0/24
	expect_output "prohibited" 'From 10\.0\.0\.2 .*Packet filtered' in_client ping -n -c 1 -W 60 10.9.0.1
	expect_output "TTL" 'From 10\.0\.0\.2 .*Time to live exceeded' \
		in_client ping -n -c 1 -W 60 -t 1 "$far_address"
}

test_traceroute() {
	local how
	needs_command traceroute
	make_path
	for how in -I -U -T; do
		expect_output "traceroute $how, first hop" "^ 1  10\.0\.0\.2 " \
			in_client traceroute -n "$how" -q 1 -w 60 -m 4 "$far_address"
		expect_output "traceroute $how, last hop" "^ 2  10\.1\.0\.2 " \
			in_client traceroute -n "$how" -q 1 -w 60 -m 4 "$far_address"
	done
}

# A host behind a link with a smaller MTU: ping and TCP find out.
test_path_mtu() {
	needs_command ping
	make_path
	ip -n "$server" link set inner mtu 1300
	ip -n "$far" link set far mtu 1300
	expect_output "ping -M do" '[Ff]rag needed.*mtu = 1300|too long.*mtu[=:] ?1300' \
		in_client ping -n -c 2 -i 0.2 -W 60 -M "do" -s 1400 "$far_address"
	expect_output "route" 'mtu 1300' in_client ip route get "$far_address"
	expect_output "ping -M want" ' 0% packet loss' in_client ping -n -q -c 2 -i 0.2 -M want -s 1400 "$far_address"
}

# A packet tap reads both, unchanged, whichever of them is made of the other.
test_tcpdump() {
	local seen
	needs_command tcpdump
	make_network
	in_server timeout 20 tcpdump -n -l -U -v -i server -c 4 icmp >"$scratch/dump" 2>"$scratch/log" &
	for _ in {1..100}; do
		grep -q listening "$scratch/log" && break
		sleep 0.1
	done
	client_pings 2 >/dev/null
	wait
	seen=$(grep -oE '10\.0\.0\.[12] > 10\.0\.0\.[12]: ICMP echo (request|reply), id [0-9]+, seq [0-9]+' "$scratch/dump" |
		sed 's/, id [0-9]*//')
	expect_equal "$seen" "10.0.0.1 > 10.0.0.2: ICMP echo request, seq 1
10.0.0.2 > 10.0.0.1: ICMP echo reply, seq 1
10.0.0.1 > 10.0.0.2: ICMP echo request, seq 2
10.0.0.2 > 10.0.0.1: ICMP echo reply, seq 2" "packets"
	expect_equal "$(grep -c 'wrong icmp cksum' "$scratch/dump")" 0 "wrong checksums"
}

test_udp_to_a_closed_port() {
	make_network
	if command -v socat >/dev/null; then
		expect_output "socat" 'Connection refused' \
			in_client timeout 10 bash -c "(echo; sleep 1; echo; sleep 1) | socat - UDP:$server_address:9"
	fi
	# shellcheck disable=SC2016 # expanded by the inner shell
	expect_output "bash" 'Connection refused' in_client bash -c \
		'exec 3<>/dev/udp/$0/9; echo >&3; sleep 0.5; echo >&3' "$server_address"
}

ktap_run "$@"
