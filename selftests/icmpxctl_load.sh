#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# icmpxctl without icmpx, and with another version of it.

# shellcheck source=lib/icmpxctl.sh
. "$(dirname "$0")/lib/icmpxctl.sh"

# expect_all_refuse STATUS MESSAGE: what each command says that needs the module.
expect_all_refuse() {
	local command
	for command in show "show echo_burst" "set echo_burst 1" stats "stats -w 1" sockets limited express "express add lo" \
		monitor; do
		# shellcheck disable=SC2086 # words
		expect_refuses "$1" "$2" $command
	done
}

test_not_loaded() {
	begin
	needs_icmpxctl
	expect_all_refuse 1 "icmpx is not loaded: modprobe icmpx"
	expect_success "help without icmpx" "$icmpxctl" help
	load_icmpx
	expect_matches '^net\.icmpx\.echo_burst = ' show
	unload_icmpx
	expect_refuses 1 "icmpx is not loaded: modprobe icmpx" show
}

test_newer_interface() {
	begin
	needs_icmpxctl
	mark_log
	load_test_module test_family version=2 || return
	expect_all_refuse 1 "the icmpx that is loaded has version 2 of the netlink interface, and icmpxctl knows version 1: \
install the icmpxctl that came with it"
	rmmod test_family
	expect_calm_log
}

# One that does not know what it is asked for.
test_older_module() {
	local command older="the icmpx that is loaded is older than icmpxctl"
	begin
	needs_icmpxctl
	mark_log
	load_test_module test_family || return
	for command in show stats "stats -w 1" sockets limited express; do
		# shellcheck disable=SC2086 # words
		expect_refuses 1 "$older, and does not know this command" $command
	done
	expect_refuses 1 "net.icmpx.echo_burst: $older, and does not know this command" set echo_burst 1
	expect_refuses 1 "lo: $older, and does not know this command" express add lo
	expect_refuses 1 "$older, and has no group 'settings'" monitor
	rmmod test_family
	expect_calm_log
}

# Without IPv6 there are the settings and the counters of IPv4.
test_without_ipv6() {
	begin
	needs_icmpxctl
	expect_success "loading" load_icmpx_with ipv6=0
	expect_prints "net.icmpx.echo_burst = 50" show echo_burst
	expect_prints "" -6 show
	expect_json 'list(v) == ["ipv4"]' -j stats
	expect_refuses 1 "net.icmpx6.echo_burst: icmpx does not have this family of addresses" -6 set echo_burst 1
	unload_icmpx
}

# The module goes while it is being watched.
test_unloaded_meanwhile() {
	local events monitor
	begin
	needs_icmpxctl
	mark_log
	expect_success "loading" load_icmpx
	exec {events}< <(exec "$icmpxctl" monitor 2>&1)
	monitor=$!
	until read -r -t 0.2 <&"$events"; do
		sysctl -q -w net.icmpx.node_name=x
		[[ -d /proc/$monitor ]] || break
	done
	expect_success "unloading" unload_icmpx
	expect_success "loading again" load_icmpx
	kill "$monitor"
	wait "$monitor"
	expect_equal $? 0 "exit status of the monitor"
	unload_icmpx
	expect_calm_log
}

load_run "$@"
