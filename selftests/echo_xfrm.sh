#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Echo and IPsec in transport mode: what comes in protected is answered protected, and what comes in the clear although
# a policy demands protection is dropped (RFC 4301, 5.2), before ICMP counts it. Over IPv4, and over IPv6.

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

# A network of IPv4 or, in a test that sets it, of IPv6.
family=4
near='' far=''

join() {
	if ((family == 6)); then
		make_network6
		near=$client_address6 far=$server_address6
	else
		make_network
		near=$client_address far=$server_address
	fi
}

# pings COUNT [OPTIONS…]; unanswered: three pings that are.
pings() {
	local suffix=''
	((family == 4)) || suffix=6
	"client_pings$suffix" "$@"
}

unanswered() {
	expect_failure "pings" in_client ping -n -q -c 3 -i 0.02 -W 0.2 "$far"
}

# expect_counted MESSAGES-IN ECHO-REQUESTS-IN ECHO-REPLIES-OUT
expect_counted() {
	if ((family == 6)); then
		expect_equal "$(snmp6_counter InMsgs) $(snmp6_counter InEchos) $(snmp6_counter OutEchoReplies)" "$1 $2 $3" \
			"messages and echo requests in, echo replies out"
	else
		expect_equal "$(snmp_counter "$server" Icmp InMsgs) $(snmp_counter "$server" Icmp InEchos) $(
			snmp_counter "$server" Icmp OutEchoReps)" "$1 $2 $3" "messages and echo requests in, echo replies out"
	fi
}

snmp6_counter() {
	# shellcheck disable=SC2016 # awk's variables
	in_server awk -v name="Icmp6$1" '$1 == name { print $2 }' /proc/net/snmp6
}

# expect_outcomes COUNT NAME…
expect_outcomes() {
	local icmpx_stat=icmpx_stat
	((family == 4)) || icmpx_stat=icmpx6_stat
	expect_icmpx "$server" "$@"
}

# Both ends with security associations of PROTOCOL and policies that demand them.
protect() {
	local namespace
	needs_module "$1$family"
	for namespace in "$client" "$server"; do
		add_sa "$namespace" "$near" "$far" "$1" 0x100 || ktap_skip "the kernel has no ${1^^}"
		add_sa "$namespace" "$far" "$near" "$1" 0x200
	done
	add_policy "$client" "$near" "$far" out "$1"
	add_policy "$client" "$far" "$near" in "$1"
	add_policy "$server" "$far" "$near" out "$1"
	add_policy "$server" "$near" "$far" in "$1"
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
	join
	protect "$1"
	expect_success "protected pings" pings 5
	expect_equal "$(sa_packets "$server" 0x00000100)" 5 "requests through $1"
	expect_equal "$(sa_packets "$server" 0x00000200)" 5 "replies through $1"
	expect_success "large protected pings" pings 3 -s 4000
	expect_equal "$(sa_packets "$server" 0x00000200)" 8 "replies through $1"
	expect_counted 8 8 8
	expect_outcomes 8 reply_in_place reply_copied
}

test_esp_request_esp_reply() {
	protected_ping_protected_reply esp
}

test_ah_request_ah_reply() {
	protected_ping_protected_reply ah
}

test_rfc4301_5_2_plain_request_dropped_by_policy() {
	join
	protect esp
	ip -n "$client" xfrm policy flush
	unanswered
	expect_counted 0 0 0
	expect_equal "$(xfrm_counter XfrmInTmplMismatch)" 3 "XfrmInTmplMismatch"
	expect_outcomes 3 drop_policy
}

# The policy of the way out counts, however the request came in.
test_plain_request_esp_reply() {
	join
	protect esp
	ip -n "$client" xfrm policy flush
	ip -n "$server" xfrm policy delete src "$near" dst "$far" dir in
	expect_success "pings in the clear" pings 3
	expect_equal "$(sa_packets "$server" 0x00000200)" 3 "replies through esp"
}

# A policy without a security association. Over IPv4 the reply is made, and its route is a black hole until there is one.
# Over IPv6 there is no reply.
test_no_security_association_no_reply() {
	join
	protect esp
	ip -n "$server" xfrm state delete src "$far" dst "$near" proto esp spi 0x200
	sysctl_in "$server" net.core.xfrm_larval_drop=1
	unanswered
	if ((family == 6)); then
		expect_counted 3 3 0
		expect_outcomes 3 drop_no_route
	else
		expect_counted 3 3 3
		expect_outcomes 3 reply_in_place reply_copied
	fi
}

# A block policy is a way out that is closed.
test_block_policy_no_reply() {
	join
	ip -n "$server" xfrm policy add src "$far" dst "$near" dir out action block
	unanswered
	expect_counted 3 3 0
	expect_outcomes 3 drop_no_route
}

test_ipv6_esp_request_esp_reply() {
	family=6
	test_esp_request_esp_reply
}

test_ipv6_ah_request_ah_reply() {
	family=6
	test_ah_request_ah_reply
}

test_ipv6_rfc4301_5_2_plain_request_dropped_by_policy() {
	family=6
	test_rfc4301_5_2_plain_request_dropped_by_policy
}

test_ipv6_plain_request_esp_reply() {
	family=6
	test_plain_request_esp_reply
}

test_ipv6_no_security_association_no_reply() {
	family=6
	test_no_security_association_no_reply
}

test_ipv6_block_policy_no_reply() {
	family=6
	test_block_policy_no_reply
}

ktap_run "$@"
