#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What programs make of errors with extensions: traceroute says by which interfaces a datagram went, tshark finds nothing
# wrong in them.

# shellcheck source=lib/netns.sh
. "$(dirname "$0")/lib/netns.sh"

router="icmpx-router-$$"

# The client, a router with the interfaces `near` and `far`, and the server behind it, at 10.0.2.2.
make_path() {
	[[ -d /sys/module/veth ]] || needs_module veth
	add_namespace "$client" && add_namespace "$router" && add_namespace "$server" || return
	ip -n "$client" link add client type veth peer name near netns "$router"
	ip -n "$server" link add server type veth peer name far netns "$router"
	ip -n "$client" -batch - <<-END
		address add 10.0.0.1/24 dev client
		link set client up
		route add default via 10.0.0.2
	END
	ip -n "$router" -batch - <<-END
		address add 10.0.0.2/24 dev near
		link set near up
		address add 10.0.2.1/24 dev far
		link set far mtu 1400
		link set far up
	END
	ip -n "$server" -batch - <<-END
		address add 10.0.2.2/24 dev server
		link set server up
		route add default via 10.0.2.1
	END
	sysctl_in "$router" net.ipv4.ip_forward=1
	sysctl_in "$router" net.ipv4.icmp_ratemask=0
	sysctl_in "$server" net.ipv4.icmp_ratemask=0
}

begin() {
	needs_icmpx
	needs_command traceroute
	make_path
	[[ $(ip netns exec "$router" sed -n 's/^sending //p' /proc/net/icmpx_stat) == 1 ]] ||
		ktap_skip "errors are the built-in code's"
}

# index NAMESPACE DEVICE
index() {
	ip netns exec "$1" cat "/sys/class/net/$2/ifindex"
}

# object ROLE CTYPE INDEX ADDRESS NAME MTU: a pattern of how traceroute shows one. Before 2.1.5, Debian 12's included, it has
# words for MPLS alone, and prints the class, the C-type and each word of other objects in hexadecimal.
object() {
	local role=$1 ctype=$2 index=$3 address=$4 name=$5 mtu=$6 words at
	# shellcheck disable=SC2086 # four numbers
	words=$(printf '%08x,00010000,%02x%02x%02x%02x' "$index" ${address//./ })
	# A name takes twenty bytes, the first of which says so.
	name=$(printf '%-40s' "$(printf '\x14%s' "$name" | od -An -v -tx1 | tr -d ' \n')" | tr ' ' 0)
	for ((at = 0; at < 40; at += 8)); do words+=,${name:at:8}; done
	words+=,$(printf '%08x' "$mtu")
	echo "($role:$index,${address//./\\.},\"$5\",mtu=$mtu|2/$ctype:$words)"
}

trace() {
	ip netns exec "$client" traceroute -n -e -q 1 -w 60 "$@" 10.0.2.2
}

# expect_hops OUTPUT PATTERN…: the hops, one after the other, say so.
expect_hops() {
	local output=$1 hop=0 pattern
	shift
	for pattern in "$@"; do
		((++hop))
		grep -qE "^ *$hop +$pattern" <<<"$output" && continue
		echo "# ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: hop $hop is not '$pattern':"
		echo "#   ${output//$'\n'/$'\n#   '}"
		ktap_failed=1
	done
}

test_traceroute_without() {
	begin
	expect_hops "$(trace)" '10\.0\.0\.2  [0-9.]+ ms$' '10\.0\.2\.2  [0-9.]+ ms$'
}

test_traceroute_with_interfaces() {
	begin
	sysctl_in "$router" net.icmpx.errors_extension_mask=7
	sysctl_in "$server" net.icmpx.errors_extension_mask=1
	local near far hop last
	near=$(object INC 15 "$(index "$router" near)" 10.0.0.2 near 1500)
	far=$(object OUT 143 "$(index "$router" far)" 10.0.2.1 far 1400)
	hop=$(object NXT 207 "$(index "$router" far)" 10.0.2.2 far 1400)
	last=$(object INC 15 "$(index "$server" server)" 10.0.2.2 server 1500)
	expect_hops "$(trace)" "10\.0\.0\.2 <${near}[;/]${far}[;/]$hop>" "10\.0\.2\.2 <$last>"
	expect_hops "$(trace -I)" "10\.0\.0\.2 <${near}[;/]${far}[;/]$hop>"
}

# What comes to the client, from then on until end_capture.
begin_capture() {
	ip netns exec "$client" tcpdump -q -i client -w "$scratch/capture" --immediate-mode icmp 2>"$scratch/tcpdump" &
	capturing=$!
	until grep -q 'listening on' "$scratch/tcpdump" 2>/dev/null; do
		kill -0 "$capturing" || return
		sleep 0.1
	done
}

end_capture() {
	sleep 0.5
	kill -INT "$capturing"
	wait "$capturing"
}

# Every error there is, seen by tshark: its dissectors of RFC 4884 and RFC 5837 understand all of it.
test_tshark() {
	local capturing
	begin
	needs_command tshark
	sysctl_in "$router" net.icmpx.errors_extension_mask=7
	sysctl_in "$server" net.icmpx.errors_extension_mask=7
	begin_capture || return
	trace >/dev/null
	ip netns exec "$client" ping -n -c 1 -W 1 -M 'do' -s 1450 10.0.2.2 >/dev/null
	ip netns exec "$client" ping -n -c 1 -W 1 10.0.9.9 >/dev/null
	end_capture
	tshark -r "$scratch/capture" -Y 'icmp.ext' -T fields -e icmp.type -e icmp.ext.class \
		>"$scratch/errors" 2>/dev/null
	expect_equal "$(grep -c '^11.*2,2,2$' "$scratch/errors")" 1 "time exceeded with three objects"
	expect_success "destination unreachable with objects" grep -qE '^3.*2' "$scratch/errors"
	tshark -r "$scratch/capture" -o icmp.check_checksum:TRUE \
		-Y '_ws.malformed || _ws.expert.severity >= warning || icmp.checksum.status == Bad || icmp.ext.checksum.status == Bad' \
		>"$scratch/wrong" 2>/dev/null
	expect_equal "$(<"$scratch/wrong")" "" "what tshark finds wrong"
	expect_success "the interface's name" grep -q near \
		<(tshark -r "$scratch/capture" -Y 'icmp.type == 11' -T fields -e icmp.int_info.name 2>/dev/null)
}

# join NAMESPACE DEVICE NAMESPACE DEVICE: a link whose ends have link-local addresses of IPv6 alone, fe80::1 and fe80::2.
join() {
	ip -n "$1" link add "$2" type veth peer name "$4" netns "$3"
	ip -n "$1" link set "$2" addrgenmode none up
	ip -n "$3" link set "$4" addrgenmode none up
	ip -n "$1" address add fe80::1/64 dev "$2" nodad
	ip -n "$3" address add fe80::2/64 dev "$4" nodad
}

# The client, two routers that have no address of IPv4, and the server, at 192.0.2.1 and 198.51.100.1.
make_path_without_addresses() {
	local second="icmpx-second-$$"
	[[ -d /sys/module/veth ]] || needs_module veth
	add_namespace "$client" && add_namespace "$router" && add_namespace "$second" && add_namespace "$server" || return
	join "$client" client "$router" near
	join "$router" far "$second" near
	join "$second" far "$server" server
	ip -n "$client" address add 192.0.2.1/32 dev lo
	ip -n "$server" address add 198.51.100.1/32 dev lo
	ip -4 -n "$client" route add default via inet6 fe80::2 dev client src 192.0.2.1
	ip -4 -n "$server" route add default via inet6 fe80::1 dev server src 198.51.100.1
	local namespace
	for namespace in "$router" "$second"; do
		ip -4 -n "$namespace" route add 192.0.2.0/24 via inet6 fe80::1 dev near
		ip -4 -n "$namespace" route add 198.51.100.0/24 via inet6 fe80::2 dev far
		sysctl_in "$namespace" net.ipv4.ip_forward=1
		sysctl_in "$namespace" net.ipv4.icmp_ratemask=0
	done
	sysctl_in "$router" net.icmpx.node_name=r1.example
	sysctl_in "$second" net.icmpx.node_name=r2.example
	sysctl_in "$server" net.icmpx.node_name=s.example
	for namespace in "$router" "$second" "$server"; do sysctl_in "$namespace" net.icmpx.errors_extension_mask=$((1 + 8)); done
}

# node NAME: how traceroute shows the object of a node without an address. It has no words for this class.
node() {
	local words at text
	# The length counts itself and the padding.
	printf -v text '%b%s' "\\x$(printf %02x $(((${#1} + 4) / 4 * 4)))" "$1"
	text=$(od -An -v -tx1 <<<"$text" | tr -d ' \n')
	text=${text%0a}
	while ((${#text} % 8)); do text+=00; done
	words=${text:0:8}
	for ((at = 8; at < ${#text}; at += 8)); do words+=,${text:at:8}; done
	echo "5/2:$words"
}

# All errors of routers come from 192.0.0.8 there (RFC 7600, 4.8), and only the object tells one router from the other.
test_routers_without_ipv4_addresses() {
	needs_icmpx
	needs_command traceroute
	make_path_without_addresses || ktap_skip "the kernel has no routes of IPv4 by IPv6"
	local output
	output=$(ip netns exec "$client" traceroute -n -e -q 1 -w 60 198.51.100.1)
	expect_hops "$output" "192\.0\.0\.8 <.*[;/]$(node r1.example)>" "192\.0\.0\.8 <.*[;/]$(node r2.example)>" \
		"198\.51\.100\.1 <.*[;/]$(node s.example)>"
}

# The README's way to read the names: a byte that is the length, the name, zeros up to a whole word.
names() {
	perl -pe 's{5/2:([\da-f,]+)}{unpack "x Z*", pack "H*", $1 =~ tr/,//dr}e'
}

# The same objects alone, read by others than traceroute, which prints numbers.
test_names_of_nodes() {
	local capturing namespace
	needs_icmpx
	needs_command traceroute
	needs_command tshark
	make_path_without_addresses || ktap_skip "the kernel has no routes of IPv4 by IPv6"
	for namespace in "$router" "icmpx-second-$$" "$server"; do
		sysctl_in "$namespace" net.icmpx.errors_extension_mask=8
	done
	begin_capture || return
	expect_hops "$(ip netns exec "$client" traceroute -n -e -N 1 -q 1 -w 60 198.51.100.1 | names)" \
		'192\.0\.0\.8 <r1\.example>' '192\.0\.0\.8 <r2\.example>' '198\.51\.100\.1 <s\.example>'
	end_capture
	expect_equal "$(tshark -r "$scratch/capture" -Y icmp.ext -T fields -e icmp.ext.class -e icmp.ext.data 2>/dev/null |
		sed 's,\t,/2:,' | names)" $'r1.example\nr2.example\ns.example' "what tshark finds"
	tshark -r "$scratch/capture" -o icmp.check_checksum:TRUE \
		-Y '_ws.malformed || icmp.checksum.status == Bad || icmp.ext.checksum.status == Bad' >"$scratch/wrong" 2>/dev/null
	expect_equal "$(<"$scratch/wrong")" "" "what tshark finds wrong"
}

ktap_run "$@"
