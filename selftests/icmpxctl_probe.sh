#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# icmpxctl probe (RFC 8335), run by a user without privileges: what it says of each interface of the server, over both families,
# and what it says when there is no answer.

# shellcheck source=lib/icmpxctl.sh
. "$(dirname "$0")/lib/icmpxctl.sh"
# shellcheck source=lib/user.sh
. "$(dirname "$0")/lib/user.sh"

# Client, server and far host with both families; the server answers.
start() {
	needs_icmpxctl
	begin6
	sysctl_in "$server" net.ipv4.icmp_echo_enable_probe=1
	ctl_as=(ip netns exec "$client" "${as_user[@]}")
}

# probes STATUS PATTERN ARGUMENT…: the user's probe ends with that status, and what it prints, in one line, matches.
probes() {
	local expected=$1 pattern=$2
	shift 2
	ctl probe -W 10 "$@"
	[[ $status == "$expected" && ! $err && ${out//$'\n'/|} =~ $pattern ]] ||
		complain "probe $*: status $status, printed '$out', expected status $expected and '$pattern'; said '$err'"
}

# says STATUS WORDS TARGET: one probe of the server's TARGET, over each family.
says() {
	local host
	for host in "$server_address" "$server_address6"; do
		ctl probe -c 1 -W 10 "$host" "$3"
		[[ $status == "$1" && ! $err && $out =~ From\ $host:\ seq=1\ time=[0-9.]+\ ms\ "$2"$'\n' ]] ||
			complain "probe $host $3: status $status, printed '$out', expected '$2'; said '$err'"
	done
}

index_of() {
	ip -n "$server" -o link show "$1" | cut -d: -f1
}

test_targets() {
	start
	says 0 "active, IPv4 IPv6" server
	says 0 "active, IPv4 IPv6" "$(index_of server)"
	says 0 "active, IPv4 IPv6" "$server_address"
	says 0 "active, IPv4 IPv6" "$server_address6"
	says 0 "active, IPv4 IPv6" 10.1.0.1
	says 1 "no such interface" nosuch
	says 1 "no such interface" 4242
	says 1 "no such interface" 10.9.9.9
	says 1 "no such interface" fd09::9
}

test_states() {
	start
	ip -n "$server" link add four type veth peer name other
	says 1 "not active" four
	ip -n "$server" link set four up
	ip -n "$server" address flush dev four
	says 0 "active, neither IPv4 nor IPv6" four
	ip -n "$server" address add 10.4.0.1/24 dev four
	says 0 "active, IPv4" four
	ip -n "$server" address flush dev four
	ip -n "$server" address add fd04::1/64 dev four nodad
	says 0 "active, IPv6" four
}

# What RFC 8335 wants as padding makes these names too long for Linux.
test_long_names() {
	start
	ip -n "$server" link add twelve-chars type veth peer name thirteen-char
	says 1 "not active" twelve-chars
	says 1 "malformed query" thirteen-char
	[[ $out == *"ask by index or address"* ]] || ktap_fail "no hint in '$out'"
	says 1 "not active" "$(index_of thirteen-char)"
}

test_statistics() {
	start
	local reply='From 10.0.0.2: seq=[1-5] time=[0-9.]+ ms active, IPv4 IPv6\|'
	local counts='5 packets transmitted, 5 received, 0% packet loss, time [0-9]+ms'
	local times='rtt min/avg/max/mdev = ([0-9.]+/){3}[0-9.]+ ms'
	probes 0 "PROBE 10.0.0.2 \(10.0.0.2\) interface server\|($reply){5}\|--- 10.0.0.2 probe statistics ---\|$counts\|$times" \
		-c 5 -i 0.02 "$server_address" server
	# Sequence numbers have 8 bits.
	probes 0 'seq=300 .*300 packets transmitted, 300 received, 0% packet loss' -c 300 -i 0.002 "$server_address6" server
}

# Interrupted, it says what has come until then.
test_interrupted() {
	local log=$scratch/log
	start
	# Not by a function: what is killed has to be icmpxctl.
	ip netns exec "$client" "${as_user[@]}" "$icmpxctl" probe -i 0.05 "$server_address" server >"$log" 2>&1 &
	for _ in {1..600}; do
		grep -q 'seq=2 ' "$log" && break
		sleep 0.1
	done
	kill -TERM $!
	wait $!
	expect_equal $? 0 "status"
	grep -qE '^[0-9]+ packets transmitted, [0-9]+ received, 0% packet loss' "$log" || ktap_fail "printed $(<"$log")"
}

test_names_of_hosts() {
	start
	sysctl_in "$client" net.ipv4.icmp_echo_enable_probe=1
	probes 0 'PROBE localhost \(127.0.0.1\) interface lo' -4 -c 1 localhost lo
}

test_off_at_the_other_end() {
	start
	sysctl_in "$server" net.ipv4.icmp_echo_enable_probe=0
	for host in "$server_address" "$server_address6"; do
		ctl probe -c 1 -W 0.2 "$host" server
		[[ $status == 1 && $out == *"1 packets transmitted, 0 received, 100% packet loss"* ]] ||
			ktap_fail "$host: status $status, '$out'"
	done
}

# RFC 8335, 4: Linux does not answer about its neighbours.
test_about_a_neighbour() {
	start
	for neighbour in "$client_address" fd00::1 02:00:00:00:00:01; do
		ctl probe -r -c 1 -W 0.2 "$server_address" "$neighbour"
		[[ $status == 1 && $out == *"neighbour $neighbour"*"0 received"* ]] ||
			ktap_fail "$neighbour: status $status, '$out'"
	done
}

# Linux tells a socket of errors about echo requests alone over IPv6.
test_no_errors_over_ipv6() {
	start
	for host in fd00::77 fd01::77 fd09::1; do
		ctl probe -c 1 -W 0.2 "$host" eth0
		[[ $status == 1 && $out == *"1 packets transmitted, 0 received, 100% packet loss"* ]] ||
			ktap_fail "$host: status $status, '$out'"
	done
}

# Sends the error that its arguments say, type, code and the last word of the header, about the first request that it sees,
# quoting the IP header and 8 bytes.
router='
import socket, struct, sys
type, code, word = map(int, sys.argv[1:])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
print("listening", flush=True)
while True:
    packet, peer = raw.recvfrom(2048)
    if packet[20] == 42:
        break
def message(sum):
    return struct.pack("!BBHI", type, code, sum, word) + packet[:28]
sum = sum(struct.unpack("!18H", message(0)))
sum = (sum & 0xffff) + (sum >> 16)
sum = (sum & 0xffff) + (sum >> 16)
raw.sendto(message(~sum & 0xffff), peer)
'

# Linux takes types of ICMP above 18 for errors, about which none is sent: routers of others know better.
test_errors_of_others() {
	local type code word text
	start
	sysctl_in "$server" net.ipv4.icmp_echo_enable_probe=0
	while read -r type code word text; do
		# Not what the one before has said.
		rm -f "$scratch/router"
		in_server timeout 60 python3 -ISc "$router" "$type" "$code" "$word" >"$scratch/router" 2>&1 &
		for _ in {1..600}; do
			grep -qs listening "$scratch/router" && break
			sleep 0.1
		done
		probes 1 "From 10.0.0.2: seq=1 $text\|.*\+1 errors" -c 1 "$server_address" eth0
		wait $!
	done <<-END
		3 1 0 Destination unreachable: Host unreachable
		3 4 1280 Destination unreachable: Fragmentation needed \(mtu = 1280\)
		3 13 0 Destination unreachable: Packet filtered
		11 0 0 Time exceeded: Time to live
		12 0 0 Parameter problem
	END
}

test_nothing_can_be_sent() {
	start
	ip -n "$client" route del default
	probes 2 'From this host: seq=1 Network is unreachable' -c 1 10.9.0.1 eth0
	probes 2 'From this host: seq=2 Network is unreachable.*\+2 errors' -c 2 -i 0.02 10.9.0.1 eth0
}

test_not_permitted() {
	start
	sysctl_in "$client" net.ipv4.ping_group_range="1 0"
	for host in "$server_address" "$server_address6"; do
		expect_says 2 "icmpxctl: cannot open a ping socket: no group of this process is in net.ipv4.ping_group_range (1 0)
To let everybody: sysctl -w net.ipv4.ping_group_range='0 2147483647'" probe -c 1 "$host" server
	done
}

# expect_says STATUS MESSAGE ARGUMENT…: it prints nothing, and says that.
expect_says() {
	local expected=$1 message=$2
	shift 2
	ctl "$@"
	[[ $status == "$expected" && ! $out && $err == "$message" ]] ||
		complain "icmpxctl $*: status $status, printed '$out', said '$err', expected '$message'"
}

test_wrong_command_lines() {
	start
	expect_refuses 2 "probe takes a host, and a device, index or address" probe
	expect_refuses 2 "probe takes a host, and a device, index or address" probe host
	expect_refuses 2 "probe takes a host, and a device, index or address" probe host device more
	expect_refuses 2 "probe has no option -x" probe -x host device
	expect_refuses 2 "option -c takes an argument" probe host device -c
	expect_refuses 2 "a count is 1 or more" probe -c 0 host device
	expect_refuses 2 "'-1' is no count" probe -c -1 host device
	expect_refuses 2 "'x' is no number of seconds" probe -i x host device
	expect_refuses 2 "'0' seconds: it has to be 0.002 to 86400" probe -i 0 host device
	expect_refuses 2 "'nan' seconds: it has to be 0.002 to 86400" probe -i nan host device
	expect_refuses 2 "'1e9' seconds: it has to be 0 to 86400" probe -W 1e9 host device
	expect_refuses 2 "'0' is no device, index or address" probe host 0
	expect_refuses 2 "-r takes the address of a neighbour" probe -r host eth0
	ctl probe -c 1 nosuch.invalid eth0
	[[ $status == 2 && $err == "icmpxctl: nosuch.invalid: "* ]] || ktap_fail "status $status, said '$err'"
	ctl -6 probe -c 1 "$server_address" eth0
	[[ $status == 2 && $err == "icmpxctl: $server_address: "* ]] || ktap_fail "status $status, said '$err'"
}

# json EXPRESSION ARGUMENT…: the lines that a probe prints are JSON, and Python's EXPRESSION holds for the list v of them.
json() {
	local expression=$1
	shift
	ctl -j probe -W 10 "$@"
	python3 -ISc 'import json, sys
v = [json.loads(line) for line in sys.stdin]
sys.exit(not eval(sys.argv[1]))' "$expression" <<<"$out" 2>"$scratch/python" ||
		complain "probe $*: does not hold: $expression: '$out' $err $(<"$scratch/python")"
}

test_json() {
	start
	json '[e["event"] for e in v] == ["reply", "reply", "summary"]' -c 2 -i 0.02 "$server_address" server
	json 'v[0]["seq"] == 1 and v[0]["code"] == "no_error" and v[0]["active"] and v[0]["ipv4"] and v[0]["ipv6"]' \
		-c 1 "$server_address6" server
	json 'v[0]["from"] == "fd00::2" and v[0]["rtt_ms"] > 0 and not v[0]["duplicate"]' -c 1 "$server_address6" server
	json 'v[0]["code"] == "no_such_interface" and "active" not in v[0]' -c 1 "$server_address" nosuch
	json 'v[-1]["transmitted"] == 2 and v[-1]["received"] == 2 and v[-1]["loss_percent"] == 0 and v[-1]["rtt_ms"]["min"] <= v[-1]["rtt_ms"]["max"]' \
		-c 2 -i 0.02 "$server_address" server
	ip -n "$client" route del default
	json 'v[0]["event"] == "error" and v[0]["from"] is None and v[-1]["errors"] == 1 and "rtt_ms" not in v[-1]' \
		-c 1 10.9.0.1 eth0
}

# As tcpdump reads them.
test_checksums() {
	needs_command tcpdump
	start
	for host in "$server_address" "$server_address6"; do
		rm -f "$scratch/log"
		in_server timeout 60 tcpdump -n -l -U -vv -i server -c 1 'icmp[0] == 42 or icmp6[0] == 160' \
			>"$scratch/dump" 2>"$scratch/log" &
		for _ in {1..600}; do
			grep -qs listening "$scratch/log" && break
			sleep 0.1
		done
		ctl probe -c 1 -W 10 "$host" server
		wait $!
		expect_equal "$(grep -c 'bad icmp6* cksum\|wrong icmp6* cksum' "$scratch/dump")" 0 "wrong checksums: $(<"$scratch/dump")"
	done
}

# Every reply comes twice.
test_duplicates() {
	needs_command nft
	start
	in_server nft 'add table netdev test; add chain netdev test out { type filter hook egress device server priority 0; }' \
		2>/dev/null || ktap_skip "the kernel has no egress hook"
	in_server nft 'add rule netdev test out icmp type 43 dup to server' 2>/dev/null ||
		ktap_skip "the kernel has no nft_dup_netdev"
	probes 0 'seq=1 active, IPv4 IPv6 \(DUP!\).*2 packets transmitted, 2 received, \+[0-9]+ duplicates, 0% packet loss' \
		-c 2 -i 0.5 "$server_address" server
	# Numbered as the reply that it is like, after more requests than the wire has numbers for.
	probes 0 'seq=300 time=.*seq=300 active, IPv4 IPv6 \(DUP!\)' -c 301 -i 0.01 "$server_address" server
}

ktap_run "$@"
