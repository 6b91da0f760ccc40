#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The slot of ICMPv6: taken and given back with that of ICMP, or left to the built-in code.

# shellcheck source=lib/module.sh
. "$(dirname "$0")/lib/module.sh"

expect_pings() {
	expect_success "ping over IPv4, $1" client_pings 3
	expect_success "ping over IPv6, $1" client_pings6 3
}

# expect_icmpx6 COUNT: how many pings over IPv6 icmpx has answered.
expect_icmpx6() {
	expect_equal "$(in_server cat /proc/net/icmpx6_stat | awk '/^reply_/ { sum += $2 } END { print sum }')" "$1" \
		"pings over IPv6 that icmpx answered"
}

# expect_builtin6: icmpx has nothing of ICMPv6, and the log says so.
expect_builtin6() {
	expect_success "settings and counters of IPv4" in_server cat /proc/sys/net/icmpx/echo_burst /proc/net/icmpx_stat
	expect_equal "$(in_server ls -d /proc/sys/net/icmpx6 /proc/net/icmpx6_stat 2>/dev/null)" "" \
		"settings and counters of IPv6"
	expect_log "says what was taken over" 'icmpx: .*ICMPv6: left to the built-in code'
}

test_both_slots_are_taken_and_given_back() {
	begin
	make_network6
	mark_log
	expect_success "loading" load_icmpx
	expect_log "says what was taken over" 'icmpx: .*ICMPv6: received messages'
	expect_pings "answered by icmpx"
	expect_icmpx "$server" 3 reply_in_place reply_copied
	expect_icmpx6 3
	expect_success "unloading" unload_icmpx
	expect_absent_in "$server"
	expect_pings "answered by the built-in code"
	expect_calm_log
}

test_the_parameter_leaves_icmpv6_to_the_built_in_code() {
	begin
	make_network6
	mark_log
	expect_success "loading" load_icmpx_with ipv6=0
	expect_builtin6
	expect_pings "of which icmpx answers those over IPv4"
	expect_icmpx "$server" 3 reply_in_place reply_copied
	expect_success "the express path" in_server sysctl -q -w net.icmpx.express=server
	expect_pings "of which the express path answers those over IPv4"
	expect_icmpx "$server" 3 reply_express
	expect_success "unloading" unload_icmpx
	expect_pings "answered by the built-in code"
	expect_calm_log
}

# The slot of ICMP, which icmpx takes first, is given back.
test_the_slot_of_icmpv6_is_taken() {
	begin
	make_network6
	mark_log
	load_test_module test_slot family=6 || return
	expect_refused "Device or resource busy"
	expect_log "names the other module" 'icmpx: .*test_slot'
	expect_absent_in "$server"
	expect_pings "through the other module"
	expect_success "loading with ipv6=0" load_icmpx_with ipv6=0
	expect_pings "through both"
	expect_success "unloading" unload_icmpx
	rmmod test_slot
	expect_success "loading afterwards" load_icmpx
	expect_pings "answered by icmpx"
	expect_icmpx6 3
	expect_success "unloading" unload_icmpx
	expect_calm_log
}

# A module that has put itself on top of icmpx may stay when icmpx goes.
test_another_module_on_top() {
	begin
	make_network6
	mark_log
	expect_success "loading" load_icmpx
	load_test_module test_slot family=6 || return
	expect_pings "through the other module"
	expect_icmpx6 3
	expect_success "unloading" unload_icmpx
	expect_log "says what remains" 'icmpx: another module has put itself on top'
	expect_pings "through the other module, answered by the built-in code"
	rmmod test_slot
	expect_pings "answered by the built-in code"
	expect_success "loading again" load_icmpx
	expect_pings "answered by icmpx"
	expect_icmpx6 3
	expect_success "unloading again" unload_icmpx
	expect_calm_log
}

load_run "$@"
