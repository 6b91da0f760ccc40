#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Who sends the kernel's errors: icmpx, unless it is told not to, or somebody else is on the function already. Either way
# they are sent.

# shellcheck source=lib/module.sh
. "$(dirname "$0")/lib/module.sh"

# Kernels are built without what a hook needs, too: icmpx has said so then.
needs_hook() {
	load_test_module test_hook || ktap_skip "the kernel has no ftrace that leads calls elsewhere"
	rmmod test_hook
}

test_sends_by_default() {
	begin
	make_network
	mark_log
	needs_hook
	load_icmpx
	expect_sending 1
	expect_success "unloading" unload_icmpx
	expect_errors
	expect_calm_log
}

test_is_told_not_to() {
	begin
	make_network
	mark_log
	expect_success "loading" insmod "$ICMPX_KO" send=0
	expect_sending 0
	expect_equal "$(log_since_mark | grep -c 'icmpx: errors')" 0 "messages"
	expect_success "ping" client_pings 3
	# What is counted of each type depends on it, too, where probes at the begin of functions are ftrace's.
	if grep -q 'snmp_seq_show.*\[FTRACE\]' /sys/kernel/debug/kprobes/list; then
		expect_failure "switching ftrace off" bash -c 'echo 0 >/proc/sys/kernel/ftrace_enabled'
	else
		expect_success "switching ftrace off" bash -c 'echo 0 >/proc/sys/kernel/ftrace_enabled'
		echo 1 >/proc/sys/kernel/ftrace_enabled
	fi
	expect_success "unloading" unload_icmpx
	expect_errors
	expect_calm_log
}

test_another_is_there() {
	begin
	make_network
	mark_log
	needs_hook
	load_test_module test_hook
	expect_success "loading" load_icmpx
	expect_log "says so" 'icmpx: errors are still sent by the built-in code: a livepatch'
	expect_equal "$(log_since_mark | grep -c 'icmpx: errors')" 1 "messages"
	expect_sending 0
	expect_success "ping" client_pings 3
	expect_success "unloading" unload_icmpx
	expect_success "the other goes" rmmod test_hook
	expect_success "loading once it is gone" load_icmpx
	expect_sending 1
	expect_calm_log
}

test_another_comes() {
	begin
	make_network
	mark_log
	needs_hook
	load_icmpx
	expect_failure "a second one" load_test_module test_hook
	expect_sending 1
	expect_calm_log
}

# Errors do not change hands behind icmpx's back, nor when tracers look on.
test_tracing() {
	local fixed=''
	begin
	make_network
	needs_hook
	# Linux 7 lets nobody switch it off.
	bash -c 'echo 0 >/proc/sys/kernel/ftrace_enabled' 2>/dev/null || fixed=1
	echo 1 >/proc/sys/kernel/ftrace_enabled
	load_icmpx
	expect_failure "switching ftrace off" bash -c 'echo 0 >/proc/sys/kernel/ftrace_enabled'
	expect_sending 1
	local tracing=/sys/kernel/tracing
	if [[ -w "$tracing/set_ftrace_filter" ]] && grep -qw function "$tracing/available_tracers"; then
		echo __icmp_send >"$tracing/set_ftrace_filter"
		echo function >"$tracing/current_tracer"
		expect_sending 1
		expect_success "the call is traced" grep -q __icmp_send "$tracing/trace"
		echo nop >"$tracing/current_tracer"
		echo >"$tracing/set_ftrace_filter"
	fi
	expect_sending 1
	expect_success "unloading" unload_icmpx
	if [[ $fixed ]]; then
		return
	fi
	expect_success "ftrace is as it was" bash -c 'echo 0 >/proc/sys/kernel/ftrace_enabled'
	expect_success "loading" load_icmpx
	expect_sending 0
	expect_success "unloading" unload_icmpx
	echo 1 >/proc/sys/kernel/ftrace_enabled
}

load_run "$@"
