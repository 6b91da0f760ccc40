#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# icmpx_trace(4): its examples work as they are printed there, and what it says of functions and of unloading is so.

dir=$(dirname "$0")
# shellcheck source=lib/module.sh
. "$dir/lib/module.sh"

# Beside the programs where these are installed.
manual=$(realpath "$dir/lib/icmpx_trace.4" 2>/dev/null)
[[ -e $manual ]] || manual=$(realpath "$dir/../src/man/icmpx_trace.4")

tracefs=/sys/kernel/tracing
# Where the manual's examples send their pings.
example_address=192.0.2.1
# How long an example may take to begin: bpftrace compiles, on an emulated machine.
patience=300

# What each test begins with: a network, icmpx, ping sockets for everybody.
start() {
	begin
	[[ -d $tracefs/events ]] || ktap_skip "needs a kernel with events"
	make_network
	mark_log
	expect_success "loading" load_icmpx
	ip -n "$server" address add "$example_address/32" dev server
	ip -n "$client" route add "$example_address/32" dev client
	ip -n "$client" neighbour replace "$example_address" lladdr 02:00:00:00:00:02 dev client
	sysctl_in "$client" net.ipv4.ping_group_range="0 2147483647"
}

# The examples of the manual, as a shell gets them, each in a file.
unpack_examples() {
	mkdir -p "$scratch/examples"
	awk -v dir="$scratch/examples" '
		/^\.Sh / { inside = $2 == "EXAMPLES" }
		inside && /^\.Bd -literal/ { file = dir "/" ++count; next }
		/^\.Ed/ { file = "" }
		file { sub(/^# /, ""); gsub(/\\e/, "\\"); print >file }' "$manual"
}

# example TEXT: the file of the one example that has TEXT.
example() {
	unpack_examples
	grep -lF -- "$1" "$scratch"/examples/*
}

# Not by `ip netns exec`, which puts a /sys without tracefs into the place of this one.
in_client_network() {
	nsenter --net="/run/netns/$client" "$@"
}

# run_until PATTERN EXAMPLE COMMAND…: the example runs, and COMMAND again and again, until the example prints PATTERN.
run_until() {
	local pattern=$1 file=$2 pid end=$((SECONDS + patience))
	shift 2
	(cd "$scratch" && exec setsid bash -c "$(<"$file")" >"$scratch/out" 2>&1) &
	pid=$!
	while ! grep -qE -- "$pattern" "$scratch/out" 2>/dev/null; do
		"$@" >/dev/null 2>&1
		if ((SECONDS > end)) || [[ ! -d /proc/$pid ]]; then
			ktap_fail "nothing like '$pattern' in what the example prints:"
			sed 's/^/#   /' "$scratch/out"
			break
		fi
	done
	kill -KILL -- "-$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

# The datagrams find no one.
send_to_closed_port() {
	in_client bash -c "exec 3<>/dev/udp/$server_address/9; for ((i = 0; i < 20; i++)); do echo x >&3; done"
}

needs_bpftrace() {
	needs_command bpftrace
	# Programs for tracepoints are tracing's, and need its system call.
	bpftrace -e 'BEGIN { exit(); }' >/dev/null 2>&1 || ktap_skip "the kernel has no BPF for bpftrace"
}

test_bpftrace_counts_outcomes() {
	start
	needs_bpftrace
	run_until '^@\[reply_in_place\]: [1-9]' "$(example 'icmpx_receive {')" client_pings 3
	expect_calm_log
}

test_bpftrace_shows_who_is_limited() {
	start
	needs_bpftrace
	sysctl_in "$server" net.icmpx.echo_burst=1
	sysctl_in "$server" net.icmpx.echo_ratelimit=1
	run_until "^@\[::ffff:$client_address, limit_prefix\]: [1-9]" "$(example 'icmpx_limit {')" client_pings 3
	expect_calm_log
}

test_bpftrace_shows_errors_that_are_not_sent() {
	start
	needs_bpftrace
	sysctl_in "$server" net.icmpx.ratelimit=60000
	run_until "^::ffff:$client_address: type 3, code 3: error_limit_host" "$(example strncmp)" send_to_closed_port
	expect_equal "$(grep -c error_sent "$scratch/out")" 0 "errors that are sent"
	expect_calm_log
}

test_bpftrace_shows_sockets() {
	start
	needs_bpftrace
	run_until '^64 bytes for socket [1-9][0-9]*, id [0-9]+$' "$(example icmpx_ping_deliver)" client_pings 3
	expect_calm_log
}

test_perf_records_and_shows_all_events() {
	local file netns
	start
	needs_command perf
	file=$(example "perf record -q -a -e 'icmpx:*'")
	netns=$(in_server stat -L -c %i /proc/self/ns/net)
	(cd "$scratch" && in_client_network bash -c "$(<"$file")" >out 2>err) || sed 's/^/# /' "$scratch/err"
	for line in \
		"icmpx_receive: ipv4 type=8 code=0 source=::ffff:$client_address destination=::ffff:$example_address length=64 device=server netns=$netns outcome=reply_in_place" \
		"icmpx_reply: ipv4 type=0 code=0 source=::ffff:$example_address destination=::ffff:$client_address length=64 device=server netns=$netns outcome=reply_in_place" \
		"icmpx_ping_deliver: ipv4 type=0 source=::ffff:$example_address"; do
		expect_equal "$(grep -cF -- "$line" "$scratch/out")" 1 "lines like '$line'"
	done
	[[ ! $ktap_failed ]] || sed 's/^/# /' "$scratch/out" "$scratch/err"
	expect_calm_log
}

test_perf_filters() {
	local file pid
	start
	needs_command perf
	file=$(example ignore_echo)
	(cd "$scratch" && exec bash -c "$(<"$file")" >out 2>err) &
	pid=$!
	while [[ -d /proc/$pid ]]; do
		sysctl_in "$server" net.icmpx.echo_ignore_all=0
		client_pings 1 >/dev/null
		sysctl_in "$server" net.icmpx.echo_ignore_all=1
		client_pings 1 -W 0.01 >/dev/null
	done
	wait "$pid"
	expect_between "$(grep -c ' outcome=ignore_echo' "$scratch/out")" 1 1000 "ignored requests"
	expect_equal "$(grep -c ' outcome=reply' "$scratch/out")" 0 "others"
	[[ ! $ktap_failed ]] || sed 's/^/# /' "$scratch/out" "$scratch/err"
	expect_calm_log
}

test_perf_counts() {
	local file
	start
	needs_command perf
	file=$(example "perf stat")
	in_client_network bash -c "$(<"$file")" >"$scratch/out" 2>&1
	expect_equal "$(awk '$2 == "icmpx:icmpx_reply" { print $1 }' "$scratch/out")" 3 "replies"
	expect_equal "$(awk '$2 == "icmpx:icmpx_error" { print $1 }' "$scratch/out")" 0 "errors"
	[[ ! $ktap_failed ]] || sed 's/^/# /' "$scratch/out"
	expect_calm_log
}

test_without_a_tool() {
	start
	run_until 'icmpx_reply: ipv4 type=0' "$(example trace_pipe)" client_pings 3
	expect_success "off again" bash -c "echo 0 >$tracefs/events/icmpx/enable"
	expect_calm_log
}


test_functions_and_events_are_there() {
	local name
	start
	while read -r name; do
		expect_success "$name" grep -qE " [tT] $name(\.[a-z.0-9]+)?[[:space:]]\[icmpx\]" /proc/kallsyms
	done < <(sed -nE 's/^\.It Fn .*Ta Fn ([a-z0-9_]+)$/\1/p' "$manual")
	while read -r name; do
		expect_success "$name" test -e "$tracefs/events/icmpx/$name/format"
	done < <(sed -nE 's/^\.It Fn .*Ta Cm ([a-z_]+) Ta.*/\1/p' "$manual" | sort -u)
	expect_equal "$(sed -nE 's/^\.It Cm (icmpx_[a-z_]+)$/\1/p' "$manual" | sort)" \
		"$(cd "$tracefs/events/icmpx" && printf '%s\n' */ | tr -d / | sort)" "events in the manual"
}

# A field that an event has is in the manual.
test_fields_are_told() {
	local told
	start
	told=$(sed -nE 's/^\.It Va //p' "$manual" | sed 's/ , /\n/g' | sort)
	expect_equal "$(sed -nE '/common_/d; s/^\tfield:[^;]* ([a-z]+)(\[[0-9]+\])?;.*/\1/p' \
		"$tracefs"/events/icmpx/*/format | sort -u)" "$told" "fields"
}

# hits PROBE
hits() {
	awk -v name="$1" '$1 == name { print $2 }' "$tracefs/kprobe_profile"
}

test_built_in_functions_see_nothing() {
	start
	[[ -w $tracefs/kprobe_events ]] || ktap_skip "needs probes at functions"
	for probe in "icmp_rcv icmp_rcv" "icmpx_rcv icmpx_rcv"; do
		expect_success "a probe" bash -c "echo 'p:icmpx_test/${probe% *} ${probe#* }' >>$tracefs/kprobe_events"
	done
	echo 1 >"$tracefs/events/icmpx_test/enable"
	client_pings 3 >/dev/null
	expect_equal "$(hits icmp_rcv)" 0 "calls of icmp_rcv()"
	expect_equal "$(hits icmpx_rcv)" 6 "calls of icmpx_rcv()"
	echo 0 >"$tracefs/events/icmpx_test/enable"
	expect_success "no probes" bash -c "echo >$tracefs/kprobe_events"
	expect_calm_log
}

# What was recorded may be read when the module is gone, and is not there.
test_unloading_while_events_are_on() {
	start
	echo 1 >"$tracefs/events/icmpx/enable"
	client_pings 5 >/dev/null
	expect_between "$(grep -c ' icmpx_' "$tracefs/trace")" 10 1000 "events"
	expect_success "unloading" unload_icmpx
	expect_equal "$(grep -c 'icmpx_\|Unknown type' "$tracefs/trace")" 0 "events afterwards"
	expect_success "no events any more" test ! -e "$tracefs/events/icmpx"
	expect_success "pings" client_pings 3
	expect_success "loading again" load_icmpx
	client_pings 5 >/dev/null
	expect_equal "$(grep -c ' icmpx_' "$tracefs/trace")" 0 "events of the new one"
	expect_calm_log
}

# As another reader of packets would be in use: perf keeps the module.
test_perf_keeps_the_module() {
	local pid end=$((SECONDS + patience))
	start
	needs_command perf
	(cd "$scratch" && exec perf record -q -a -e 'icmpx:*' -o kept.data -- sleep 1000 >/dev/null 2>&1) &
	pid=$!
	until [[ $(awk '$1 == "icmpx" { print $3 }' /proc/modules) != 0 ]] || ((SECONDS > end)); do
		sleep 0.1
	done
	expect_failure "unloading" unload_icmpx
	kill -INT "$pid"
	wait "$pid"
	expect_success "unloading without it" unload_icmpx
	expect_calm_log
}

load_run "$@"
