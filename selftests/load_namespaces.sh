#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Namespaces older and younger than icmpx, such as die meanwhile, and files that somebody holds open. For many of them
# see load_churn.

# shellcheck source=lib/module.sh
. "$(dirname "$0")/lib/module.sh"

test_namespaces_from_before_and_after() {
	begin
	mark_log
	add_namespace "$client"
	expect_absent_in "$client"
	expect_success "loading" load_icmpx
	expect_present_in "$client"
	add_namespace "$server"
	expect_present_in "$server"
	expect_success "ping in one from before" in_client ping -n -q -c 2 -i 0.02 127.0.0.1
	expect_success "ping in one from after" in_server ping -n -q -c 2 -i 0.02 127.0.0.1
	ip netns delete "$client"
	expect_success "unloading" unload_icmpx
	expect_absent_in "$server"
	expect_success "ping in one from after" in_server ping -n -q -c 2 -i 0.02 127.0.0.1
	expect_calm_log
}

# Neither a namespace nor an open file keeps the module: it can always be unloaded.
test_open_files_do_not_keep_the_module() {
	begin
	mark_log
	add_namespace "$server"
	expect_success "loading" load_icmpx
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_server bash -c '
		exec 3</proc/net/icmpx_stat 4</proc/sys/net/icmpx/echo_burst
		read -r line <&3
		touch "$0/open"
		while [[ ! -e $0/go ]]; do sleep 0.02; done
		cat <&3 >/dev/null
		cat <&4 >/dev/null
		true
	' "$scratch" 2>/dev/null &
	while [[ ! -e $scratch/open ]]; do sleep 0.02; done
	expect_equal "$(</sys/module/icmpx/refcnt)" 0 "references"
	expect_success "unloading" unload_icmpx
	touch "$scratch/go"
	wait
	expect_success "loading again" load_icmpx
	expect_calm_log
}

test_a_namespace_dies_while_packets_are_in_flight() {
	begin
	mark_log
	expect_success "loading" load_icmpx
	for _ in {1..10}; do
		make_network
		ip netns exec "$client" ping -n -q -f -w 5 "$server_address" >/dev/null 2>&1 &
		sleep 0.1
		ip netns delete "$server"
		ip netns delete "$client"
		kill -INT $! 2>/dev/null || true # it may have given up already
		wait
	done
	expect_success "unloading" unload_icmpx
	expect_calm_log
}

load_run "$@"
