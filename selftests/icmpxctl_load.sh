#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# icmpxctl without icmpx, with another version of it, and while it is loaded again.

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

# watch ARGUMENT…: starts icmpxctl; what it says is read from $said, and its number is $watcher.
watch() {
	exec {said}< <(exec "$icmpxctl" "$@" 2>&1)
	watcher=$!
}

# expect_line LINE: that is said next, but for what begin_monitor() has caused.
expect_line() {
	local line=''
	while read -r -t 60 line <&"$said"; do
		[[ $line == "net.icmpx.node_name = x" ]] || break
	done
	[[ $line == "$1" ]] || complain "said '$line', expected '$1'"
}

# begin_monitor: starts it, and waits until it hears what happens: it says nothing by itself.
begin_monitor() {
	watch monitor
	until read -r -t 0.2 <&"$said"; do
		sysctl -q -w net.icmpx.node_name=x
		[[ -d /proc/$watcher ]] || break
	done
}

# end_watch STATUS: it ends, or has ended, with that.
end_watch() {
	kill "$watcher" 2>/dev/null
	wait "$watcher"
	expect_equal $? "$1" "exit status"
	exec {said}<&-
}

# hold and go_on: so that all that happens in between happens at once for it. One that has ended is not waited for.
hold() {
	kill -STOP "$watcher" 2>/dev/null
	while [[ -d /proc/$watcher ]] && ! grep -qs '^State:.[TZ]' "/proc/$watcher/status"; do
		sleep 0.01
	done
}

go_on() {
	kill -CONT "$watcher" 2>/dev/null
}

# The module goes while it is being watched, and comes again, with other numbers for its family and its groups.
test_monitor_of_a_module_that_is_loaded_again() {
	local said watcher unloaded="icmpxctl: icmpx was unloaded; waiting until it is loaded again"
	begin
	needs_icmpxctl
	mark_log
	expect_success "loading" load_icmpx
	begin_monitor
	expect_success "unloading" unload_icmpx
	expect_line "$unloaded"
	expect_success "loading again" load_icmpx
	expect_line "icmpxctl: icmpx was loaded again"
	sysctl -q -w net.icmpx.echo_burst=33
	expect_line "net.icmpx.echo_burst = 33"
	hold
	expect_success "unloading" unload_icmpx
	expect_success "loading again" load_icmpx
	go_on
	expect_line "$unloaded"
	expect_line "icmpxctl: icmpx was loaded again"
	sysctl -q -w net.icmpx.echo_burst=34
	expect_line "net.icmpx.echo_burst = 34"
	end_watch 0
	unload_icmpx
	expect_calm_log
}

# It is said, too, when so much has happened before that the socket had no room for it.
test_loaded_again_when_events_are_lost() {
	local said watcher line=''
	begin
	needs_icmpxctl
	expect_success "loading" load_icmpx
	begin_monitor
	hold
	for ((i = 0; i < 3000; i++)); do
		echo $((i % 50 + 1)) >/proc/sys/net/icmpx/echo_burst
	done
	expect_success "unloading" unload_icmpx
	expect_success "loading again" load_icmpx
	go_on
	until [[ $line == "icmpxctl: icmpx was loaded again" ]]; do
		read -r -t 60 line <&"$said" || break
	done
	expect_equal "$line" "icmpxctl: icmpx was loaded again" "what it says"
	until [[ $line == "icmpxctl: too slow"* ]]; do
		read -r -t 60 line <&"$said" || break
	done
	sysctl -q -w net.icmpx6.echo_burst=77
	until [[ $line == *77 ]]; do
		read -r -t 60 line <&"$said" || break
	done
	expect_equal "$line" "net.icmpx6.echo_burst = 77" "what came afterwards"
	end_watch 0
}

# A newer one is none that it can go on with.
test_monitor_of_a_module_that_becomes_newer() {
	local said watcher
	begin
	needs_icmpxctl
	expect_success "loading" load_icmpx
	begin_monitor
	expect_success "unloading" unload_icmpx
	expect_line "icmpxctl: icmpx was unloaded; waiting until it is loaded again"
	load_test_module test_family version=2 || return
	expect_line "icmpxctl: the icmpx that is loaded has version 2 of the netlink interface, and icmpxctl knows version 1: \
install the icmpxctl that came with it"
	end_watch 1
	rmmod test_family
}

# Counters begin at zero again; without a module there are none.
test_rates_of_a_module_that_is_loaded_again() {
	local said watcher line=''
	begin
	needs_icmpxctl
	mark_log
	expect_success "loading" load_icmpx
	ping -q -n -c 20 -i 0.002 127.0.0.1 >/dev/null
	watch -4 -j stats -w 0.1
	read -r -t 60 <&"$said"
	hold
	expect_success "unloading" unload_icmpx
	expect_success "loading again" load_icmpx
	ping -q -n -c 1 127.0.0.1 >/dev/null
	go_on
	# Those before had no packet to count.
	while read -r -t 60 line <&"$said"; do
		[[ $line == '{"ipv4":{"packets_in":0.0,'* ]] || break
	done
	[[ $line == '{"ipv4":{"packets_in":'* ]] || ktap_fail "said '$line'"
	hold
	expect_success "unloading" unload_icmpx
	go_on
	while read -r -t 60 line <&"$said"; do
		[[ $line == '{"ipv4":'* ]] || break
	done
	expect_equal "$line" "icmpxctl: icmpx is not loaded: modprobe icmpx" "what it says without a module"
	end_watch 1
	expect_calm_log
}

load_run "$@"
