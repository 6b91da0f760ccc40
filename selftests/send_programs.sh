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

# Every error there is, seen by tshark: its dissectors of RFC 4884 and RFC 5837 understand all of it.
test_tshark() {
	begin
	needs_command tshark
	sysctl_in "$router" net.icmpx.errors_extension_mask=7
	sysctl_in "$server" net.icmpx.errors_extension_mask=7
	ip netns exec "$client" tcpdump -q -i client -w "$scratch/capture" --immediate-mode icmp 2>"$scratch/tcpdump" &
	local pid=$!
	until grep -q 'listening on' "$scratch/tcpdump" 2>/dev/null; do
		kill -0 "$pid" || return
		sleep 0.1
	done
	trace >/dev/null
	ip netns exec "$client" ping -n -c 1 -W 1 -M 'do' -s 1450 10.0.2.2 >/dev/null
	ip netns exec "$client" ping -n -c 1 -W 1 10.0.9.9 >/dev/null
	sleep 0.5
	kill -INT "$pid"
	wait "$pid"
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

ktap_run "$@"
