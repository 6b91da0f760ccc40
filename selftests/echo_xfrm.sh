#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Echo and IPsec in transport mode: what comes in protected is answered protected, and what comes in the clear although
# a policy demands protection is dropped (RFC 4301, 5.2), before ICMP counts it.

# shellcheck source=lib/netns.sh
. "$(dirname "$0")/lib/netns.sh"

key=0x$(printf '%032d' 1)
auth_key=0x$(printf '%064d' 2)

# add_sa NAMESPACE SOURCE DESTINATION PROTOCOL SPI
add_sa() {
	local how=(auth 'hmac(sha256)' "$auth_key")
	[[ $4 == esp ]] && how+=(enc 'cbc(aes)' "$key")
	ip -n "$1" xfrm state add src "$2" dst "$3" proto "$4" spi "$5" reqid 1 mode transport "${how[@]}"
}

# add_policy NAMESPACE SOURCE DESTINATION DIRECTION PROTOCOL
add_policy() {
	ip -n "$1" xfrm policy add src "$2" dst "$3" dir "$4" tmpl src "$2" dst "$3" proto "$5" reqid 1 mode transport
}

# Both ends with security associations of PROTOCOL and policies that demand them.
protect() {
	local namespace
	needs_module "${1}4"
	for namespace in "$client" "$server"; do
		add_sa "$namespace" "$client_address" "$server_address" "$1" 0x100 || ktap_skip "the kernel has no ${1^^}"
		add_sa "$namespace" "$server_address" "$client_address" "$1" 0x200
	done
	add_policy "$client" "$client_address" "$server_address" out "$1"
	add_policy "$client" "$server_address" "$client_address" in "$1"
	add_policy "$server" "$server_address" "$client_address" out "$1"
	add_policy "$server" "$client_address" "$server_address" in "$1"
}

# sa_packets NAMESPACE SPI: how many packets this security association has handled.
sa_packets() {
	# shellcheck disable=SC2016 # awk's variables
	ip -n "$1" -s xfrm state show | awk -v spi="$2" '
		$3 == "spi" { mine = index($4, spi "(") == 1 }
		mine && /lifetime current/ { getline; gsub(/[^0-9 ]/, " "); print $2; exit }'
}

xfrm_counter() {
	# shellcheck disable=SC2016 # awk's variables
	in_server awk -v name="$1" '$1 == name { print $2 }' /proc/net/xfrm_stat
}

protected_ping_protected_reply() {
	make_network
	protect "$1"
	expect_success "protected pings" client_pings 5
	expect_equal "$(sa_packets "$server" 0x00000100)" 5 "requests through $1"
	expect_equal "$(sa_packets "$server" 0x00000200)" 5 "replies through $1"
	expect_success "large protected pings" client_pings 3 -s 4000
	expect_equal "$(sa_packets "$server" 0x00000200)" 8 "replies through $1"
	expect_equal "$(snmp_counter "$server" Icmp InEchos)" 8 InEchos
	expect_equal "$(snmp_counter "$server" Icmp OutEchoReps)" 8 OutEchoReps
	expect_icmpx "$server" 8 packets_in
	expect_icmpx "$server" 8 reply_in_place reply_copied
}

test_esp_request_esp_reply() {
	protected_ping_protected_reply esp
}

test_ah_request_ah_reply() {
	protected_ping_protected_reply ah
}

test_rfc4301_5_2_plain_request_dropped_by_policy() {
	make_network
	protect esp
	ip -n "$client" xfrm policy flush
	expect_failure "pings in the clear" in_client ping -n -q -c 3 -i 0.02 -W 0.2 "$server_address"
	expect_equal "$(snmp_counter "$server" Icmp InMsgs)" 0 "InMsgs"
	expect_equal "$(snmp_counter "$server" Icmp InErrors)" 0 "InErrors"
	expect_equal "$(snmp_counter "$server" Icmp OutMsgs)" 0 "OutMsgs"
	expect_equal "$(xfrm_counter XfrmInTmplMismatch)" 3 "XfrmInTmplMismatch"
	expect_icmpx "$server" 3 packets_in
	expect_icmpx "$server" 3 drop_policy
}

# The policy of the way out counts, however the request came in.
test_plain_request_esp_reply() {
	make_network
	protect esp
	ip -n "$client" xfrm policy flush
	ip -n "$server" xfrm policy delete src "$client_address" dst "$server_address" dir in
	expect_success "pings in the clear" client_pings 3
	expect_equal "$(sa_packets "$server" 0x00000200)" 3 "replies through esp"
}

# A policy without a security association: the reply is made, and its route is a black hole until there is one.
test_no_security_association_no_reply() {
	make_network
	protect esp
	ip -n "$server" xfrm state delete src "$server_address" dst "$client_address" proto esp spi 0x200
	sysctl_in "$server" net.core.xfrm_larval_drop=1
	expect_failure "pings" in_client ping -n -q -c 3 -i 0.02 -W 0.2 "$server_address"
	expect_equal "$(snmp_counter "$server" Icmp InEchos)" 3 InEchos
	expect_equal "$(snmp_counter "$server" Icmp OutEchoReps)" 3 OutEchoReps
	expect_icmpx "$server" 3 packets_in
	expect_icmpx "$server" 3 reply_in_place reply_copied
}

# A block policy is a way out that is closed.
test_block_policy_no_reply() {
	make_network
	ip -n "$server" xfrm policy add src "$server_address" dst "$client_address" dir out action block
	expect_failure "pings" in_client ping -n -q -c 3 -i 0.02 -W 0.2 "$server_address"
	expect_equal "$(snmp_counter "$server" Icmp InEchos)" 3 InEchos
	expect_equal "$(snmp_counter "$server" Icmp OutEchoReps)" 0 OutEchoReps
	expect_icmpx "$server" 3 drop_no_route
}

ktap_run "$@"
