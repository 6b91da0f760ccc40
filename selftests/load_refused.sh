#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Loading that cannot succeed: one message says why and what to do, and the kernel is as it was.
#
# What fails here is what a test can make fail on a stock kernel: the slot and the names that icmpx needs are taken.

# shellcheck source=lib/module.sh
. "$(dirname "$0")/lib/module.sh"

expect_pings() {
	expect_success "$1" client_pings 3
}

expect_recovery() {
	expect_success "loading afterwards" load_icmpx
	expect_present_in "$client"
	expect_present_in "$server"
	expect_pings "ping answered by icmpx"
	expect_icmpx "$server" 3 reply_in_place reply_copied
	expect_success "unloading" unload_icmpx
	expect_absent_in "$client"
	expect_absent_in "$server"
	expect_pings "ping answered by the built-in code"
}

test_the_slot_is_taken() {
	begin
	make_network
	mark_log
	load_test_module test_slot || return
	expect_refused "Device or resource busy"
	expect_log "names the other module" 'icmpx: .*test_slot'
	expect_log "says what to do" 'icmpx: .*unload'
	expect_absent_in "$server"
	expect_pings "ping through the other module"
	rmmod test_slot
	expect_recovery
	expect_calm_log
}

# A name is taken in the namespace NAMESPACE ("" is the first one), so that setting it up fails after others succeeded.
# The kernel itself complains loudly about a name that is taken twice: that goes into the log, not to the console, and
# is cleared away once it was looked at.
name_is_taken() {
	local what=$1 namespace=$2 in=()
	begin
	make_network
	[[ ! $namespace ]] || in=(ip netns exec "$namespace")
	sysctl_in "$server" net.ipv4.icmp_ratemask=77
	mark_log
	dmesg -n 1
	load_test_module test_name "what=$what" || return
	rmmod test_name
	"${in[@]}" insmod "$test_modules/test_name.ko" "what=$what" || return
	expect_refused ""
	expect_log "says what to do" 'icmpx: .*icmpx, icmpx6, icmpx_stat or icmpx6_stat in /proc/sys/net or /proc/net'
	expect_equal "$(log_since_mark | grep -c 'icmpx: ')" 1 "messages"
	expect_equal "$(log_since_mark | grep -cE 'BUG|Oops|refcount_t')" 0 "complaints"
	dmesg -C
	dmesg -n 5
	mark_log
	expect_absent_in "$client"
	# Of the directory only this much can be said: when a name in it is taken, the kernel forgets those of others, too.
	expect_failure "settings" "${in[@]}" test -e /proc/sys/net/icmpx/echo_burst
	expect_failure "settings" "${in[@]}" test -e /proc/sys/net/icmpx/ratemask
	[[ $what == icmpx6_stat ]] || expect_failure "counters" "${in[@]}" test -e /proc/net/icmpx6_stat
	expect_failure "settings" "${in[@]}" test -e /proc/sys/net/icmpx6/echo_burst
	[[ $what == icmpx_stat ]] || expect_failure "counters" "${in[@]}" test -e /proc/net/icmpx_stat
	[[ $what == icmpx ]] || expect_failure "ping sockets" "${in[@]}" test -e /proc/net/icmpx
	expect_equal "$(in_server sysctl -n net.ipv4.icmp_ratemask)" 77 "a setting"
	expect_pings "ping answered by the built-in code"
	rmmod test_name
	expect_recovery
	expect_calm_log
}

test_a_setting_is_taken() {
	name_is_taken sysctl ""
}

test_a_setting_is_taken_in_another_namespace() {
	name_is_taken sysctl "$server"
}

test_a_setting_of_icmpv6_is_taken() {
	name_is_taken sysctl6 ""
}

test_a_setting_of_icmpv6_is_taken_in_another_namespace() {
	name_is_taken sysctl6 "$server"
}

test_the_counters_of_icmpv6_are_taken() {
	name_is_taken icmpx6_stat ""
}

test_the_counters_of_icmpv6_are_taken_in_another_namespace() {
	name_is_taken icmpx6_stat "$server"
}

test_the_counters_are_taken() {
	name_is_taken icmpx_stat ""
}

test_the_counters_are_taken_in_another_namespace() {
	name_is_taken icmpx_stat "$server"
}

test_the_list_of_ping_sockets_is_taken() {
	name_is_taken icmpx ""
}

test_the_list_of_ping_sockets_is_taken_in_another_namespace() {
	name_is_taken icmpx "$server"
}

test_loading_twice() {
	begin
	make_network
	mark_log
	expect_success "loading" load_icmpx
	client_pings 2 >/dev/null
	expect_refused_twice
	expect_pings "ping afterwards"
	expect_icmpx "$server" 5 reply_in_place reply_copied
	expect_success "unloading" unload_icmpx
	expect_failure "unloading twice" unload_icmpx
	expect_calm_log
}

expect_refused_twice() {
	local output
	output=$(insmod "$ICMPX_KO" 2>&1) && ktap_fail "loading twice succeeded"
	[[ $output == *"File exists"* ]] || ktap_fail "loading twice: '$output'"
}

load_run "$@"
