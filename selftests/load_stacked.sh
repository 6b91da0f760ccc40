#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Another module on top of icmpx: the two may go in any order, and pings are answered all the time.

# shellcheck source=lib/module.sh
. "$(dirname "$0")/lib/module.sh"

# Pings in the background while COMMAND runs; none may be lost.
under_ping() {
	local output pid
	ip netns exec "$client" ping -n -q -i 0.002 -w 60 "$server_address" >"$scratch/ping" &
	pid=$!
	sleep 0.2
	"$@"
	sleep 0.2
	kill -INT "$pid"
	wait "$pid"
	output=$(grep 'packets transmitted' "$scratch/ping")
	[[ $output == *" 0% packet loss"* && $output != *duplicates* ]] || ktap_fail "ping: $output"
}

in_order() {
	local step
	for step in "$@"; do
		expect_success "$step" "$step"
		sleep 0.1
	done
}

both_go() {
	begin
	make_network
	mark_log
	load_test_module test_slot || return
	rmmod test_slot
	under_ping in_order "$@"
	expect_calm_log
	expect_absent_in "$server"
	expect_success "loading again" load_icmpx
	expect_success "ping" client_pings 3
	expect_icmpx "$server" 3 reply_in_place reply_copied
	expect_success "unloading again" unload_icmpx
	expect_success "ping" client_pings 3
}

load_slot() {
	load_test_module test_slot
}

unload_slot() {
	rmmod test_slot
}

test_the_one_on_top_goes_first() {
	both_go load_icmpx load_slot unload_slot unload_icmpx
}

test_icmpx_goes_first() {
	both_go load_icmpx load_slot unload_icmpx unload_slot
}

# The entry that stays behind when icmpx goes first must not be taken for another module's.
test_icmpx_goes_first_and_comes_back() {
	both_go load_icmpx load_slot unload_icmpx unload_slot load_icmpx load_slot unload_icmpx \
		unload_slot
}

test_icmpx_cannot_come_back_below_the_other() {
	begin
	make_network
	mark_log
	expect_success "loading" load_icmpx
	load_slot || return
	expect_success "unloading" unload_icmpx
	expect_failure "loading below the other" load_icmpx
	expect_log "names the other module" 'icmpx: .*test_slot'
	expect_success "ping" client_pings 3
	rmmod test_slot
	expect_success "loading once it is gone" load_icmpx
	expect_success "ping" client_pings 3
	expect_calm_log
}

load_run "$@"
