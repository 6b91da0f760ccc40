#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# icmpxctl: what each command prints and changes, what it says when it cannot, and its exit status.

# shellcheck source=lib/icmpxctl.sh
. "$(dirname "$0")/lib/icmpxctl.sh"

at=(-n "$server")

start() {
	needs_icmpx
	needs_icmpxctl
	add_namespace "$server"
}

# The server, which has the client, as a program of it sees things.
start_network() {
	needs_icmpx
	needs_icmpxctl
	make_network6
}

test_wrong_command_lines() {
	needs_icmpxctl
	expect_refuses 2 "no command"
	expect_refuses 2 "there is no command 'frobnicate'" frobnicate
	expect_refuses 2 "there is no option -x" -x show
	expect_refuses 2 "there is no option -x" -jx show
	expect_refuses 2 "option -n takes an argument" -n
	expect_refuses 2 "-n takes the name of a network namespace" -n '' show
	expect_refuses 2 "-4 and -6 are given once" -4 -6 show
	expect_refuses 2 "there is no command 'frobnicate'" help frobnicate
	expect_refuses 2 "help takes one command" help show set
	expect_refuses 2 "set takes the name of a setting and a value" set
	expect_refuses 2 "set takes the name of a setting and a value" set echo_burst
	expect_refuses 2 "set takes the name of a setting and a value" set echo_burst 1 2
	expect_refuses 2 "net.icmpx6.echo_burst is of the other family than -4 or -6 says" -4 set net.icmpx6.echo_burst 1
	expect_refuses 2 "stats does not take 'x'" stats x
	expect_refuses 2 "stats -w takes a number of seconds" stats -w
	expect_refuses 2 "'0' is no number of seconds from 0.1 to 86400" stats -w 0
	expect_refuses 2 "'1s' is no number of seconds from 0.1 to 86400" stats -w 1s
	expect_refuses 2 "stats takes -a or -w" stats -a -w 1
	expect_refuses 2 "sockets takes no argument" sockets x
	expect_refuses 2 "limited takes no argument" limited x
	expect_refuses 2 "monitor takes no argument" monitor x
	expect_refuses 2 "express takes list, add or del, not 'x'" express x
	expect_refuses 2 "express takes no -4 or -6: a device has it for both" -4 express
	expect_refuses 2 "express takes no -4 or -6: a device has it for both" -6 express add lo
	expect_refuses 2 "express list takes no argument" express list x
	expect_refuses 2 "express add takes a device" express add
	expect_refuses 2 "express del takes a device" express del
}

# Each command of the list, and its help both ways.
test_help() {
	local command commands
	needs_icmpxctl
	expect_matches '^icmpxctl [0-9]+(\.[0-9]+)+$' -V
	ctl -h
	expect_prints "$out" help
	expect_equal "$(awk 'length > 80' <<<"$out")" "" "lines of more than 80 columns"
	mapfile -t commands < <(sed -nE '/^Commands:/,/^$/s/^  ([a-z]+) .*/\1/p' <<<"$out")
	for command in show set stats sockets limited express monitor help; do
		[[ " ${commands[*]} " == *" $command "* ]] || ktap_fail "$command is not in the list"
	done
	for command in "${commands[@]}"; do
		expect_matches "^Usage: icmpxctl .*$command" help "$command"
		expect_equal "$(awk 'length > 80' <<<"$out")" "" "lines of more than 80 columns about $command"
		[[ $command == help ]] || expect_prints "$out" "$command" help
	done
}

test_namespaces() {
	start
	expect_matches '^net\.icmpx\.echo_burst = ' -n "$server" show echo_burst
	expect_matches '^net\.icmpx\.echo_burst = ' -n "/run/netns/$server" show echo_burst
	expect_refuses 1 "there is no network namespace 'icmpx-none'" -n icmpx-none show
	expect_refuses 1 "there is no network namespace '/run/netns/icmpx-none'" -n /run/netns/icmpx-none show
	expect_refuses 1 "/etc/passwd is no network namespace" -n /etc/passwd show
	ctl_as=("${as_nobody[@]}")
	expect_refuses 1 "not permitted: entering a network namespace takes CAP_SYS_ADMIN" "${at[@]}" show
}

test_show() {
	local expected
	start
	expected=$(in_server sysctl -a -r '^net\.icmpx6?\.' | sort)
	ctl "${at[@]}" show
	expect_equal "$(sort <<<"$out")" "$expected" "all settings"
	ctl "${at[@]}" -6 show
	expect_equal "$(sort <<<"$out")" "$(grep '^net\.icmpx6' <<<"$expected")" "settings of IPv6"
	ctl "${at[@]}" -4 show
	expect_equal "$(sort <<<"$out")" "$(grep -v '^net\.icmpx6' <<<"$expected")" "settings of IPv4"
	in_server sysctl -q -w net.icmpx.echo_burst=7 net.icmpx6.echo_burst=8 net.icmpx.node_name=12
	expect_prints $'net.icmpx.echo_burst = 7\nnet.icmpx6.echo_burst = 8' "${at[@]}" show echo_burst
	expect_prints 'net.icmpx6.echo_burst = 8' "${at[@]}" -6 show echo_burst
	expect_prints $'net.icmpx6.echo_burst = 8\nnet.icmpx.node_name = 12' \
		"${at[@]}" show net.icmpx6.echo_burst net/icmpx/node_name
	# A name is text, of digits, too.
	expect_json 'v == {"net.icmpx.echo_burst": 7, "net.icmpx.node_name": "12"}' \
		"${at[@]}" -4 -j show echo_burst node_name
	expect_json 'len(v) > 20 and {n for n, x in v.items() if type(x) is str} == {"net.icmpx." + n for n in (
			"ping_group_range", "express", "node_name", "node_address", "errors_extension_to")} | {
			"net.icmpx6.ratemask"} and all(type(x) in (int, str) for x in v.values())' "${at[@]}" -j show
	expect_refuses 1 "there is no setting 'echo_brust'; is it echo_burst?" "${at[@]}" show echo_brust
	expect_refuses 1 "there is no setting 'net.icmpx6.node_name'; is it net.icmpx.node_name?" \
		"${at[@]}" -6 show node_name
	expect_refuses 1 "there is no setting 'frobnicate'; icmpxctl show lists them" "${at[@]}" show echo_burst frobnicate
	# Anyone may read them, as the files below /proc/sys.
	ctl_as=(ip netns exec "$server" "${as_nobody[@]}")
	expect_prints 'net.icmpx.echo_burst = 7' -4 show echo_burst
}

# value NAME: as the file has it.
value() {
	in_server cat "/proc/sys/net/$1"
}

# Half of the output is not to pass for all of it.
test_a_full_disk() {
	local command
	start
	for command in show "-j show" "stats -a" "-j stats" sockets limited "metrics"; do
		status=0
		# shellcheck disable=SC2086 # words
		err=$("$icmpxctl" "${at[@]}" $command 2>&1 >/dev/full) || status=$?
		expect_equal "$status" 1 "status of $command"
		expect_equal "${err%%:*}" icmpxctl "what $command said: $err"
	done
}

test_set() {
	local before
	start
	expect_prints "" "${at[@]}" set echo_burst 11
	expect_prints "" "${at[@]}" -6 set echo_burst 12
	expect_equal "$(value icmpx/echo_burst) $(value icmpx6/echo_burst)" "11 12" "values by name"
	expect_prints "" "${at[@]}" set net.icmpx6.echo_burst 13
	expect_prints "" "${at[@]}" -4 set net.icmpx.echo_burst 14
	expect_prints "" "${at[@]}" set net.icmpx.node_name ''
	expect_equal "$(value icmpx/echo_burst) $(value icmpx6/echo_burst)" "14 13" "values by full name"
	expect_prints "" "${at[@]}" set errors_extension_to '192.0.2.0/24 2001:db8::/32'
	expect_equal "$(value icmpx/errors_extension_to)" "192.0.2.0/24 2001:db8::/32" "a value of two words"

	before=$(in_server sysctl -a -r '^net\.icmpx6?\.')
	expect_refuses 1 "there is no setting 'net.icmpx.echo_brust'; is it net.icmpx.echo_burst?" \
		"${at[@]}" set echo_brust 1
	expect_refuses 1 "net.icmpx.echo_burst cannot be '0': not a number from 1 to 1000000" "${at[@]}" set echo_burst 0
	expect_refuses 1 "net.icmpx.echo_burst cannot be 'x': not a number from 1 to 1000000" "${at[@]}" set echo_burst x
	expect_refuses 1 "net.icmpx.node_address cannot be 'x': not a value of this setting" \
		"${at[@]}" set node_address x
	expect_refuses 1 "net.icmpx.express: no such device" "${at[@]}" set express icmpx-none
	ctl "${at[@]}" set node_name "$(printf '%9000s' x)"
	expect_equal "$status $out" "2 " "a value that is too long for a message"
	ctl "${at[@]}" set node_name "$(printf '%5000s' x)"
	expect_equal "$status $out" "1 " "a value that is too long for a setting"
	ctl_as=(ip netns exec "$server" "${as_nobody[@]}")
	expect_refuses 1 "net.icmpx.echo_burst: not permitted: this takes CAP_NET_ADMIN in the network namespace" \
		set echo_burst 1
	expect_equal "$(in_server sysctl -a -r '^net\.icmpx6?\.')" "$before" "what no refused value has changed"
}

# counters FILE FAMILY: as stats prints them.
counters() {
	# shellcheck disable=SC2016 # awk's
	in_server awk -v family="$2" '{ print family, $1, $2 }' "/proc/net/$1"
}

test_stats() {
	local expected
	start_network
	expect_success "pings over IPv4" client_pings 3
	expect_success "pings over IPv6" client_pings6 2
	expected=$(counters icmpx_stat ipv4 && counters icmpx6_stat ipv6)
	ctl "${at[@]}" stats -a
	expect_equal "$(tr -s ' ' <<<"$out")" "$expected" "all counters"
	ctl "${at[@]}" stats
	expect_equal "$(tr -s ' ' <<<"$out")" "$(grep -v ' 0$' <<<"$expected")" "counters other than zero"
	ctl "${at[@]}" -6 stats
	expect_equal "$(grep -v ipv6 <<<"$out")" "" "counters of other families than IPv6"
	expect_json 'v["ipv4"]["packets_in"] == 3 and v["ipv6"]["drop_checksum"] == 0 and v["ipv6"]["packets_in"] >= 2' \
		"${at[@]}" -j stats
	ctl_as=(ip netns exec "$server" "${as_nobody[@]}")
	expect_json 'list(v) == ["ipv4"]' -4 -j stats
}

# hold_socket [NAME]: a program, of that name, that opens a ping socket with the identifier 4711, connected to the client, and
# holds it until it is killed.
hold_socket() {
	sysctl_in "$server" net.ipv4.ping_group_range="0 2147483647"
	# shellcheck disable=SC2016 # Perl's
	exec {held}< <(in_server "${as_nobody[@]}" perl -MSocket -e '
		$| = 1;
		$0 = shift if @ARGV;
		socket(S, AF_INET, SOCK_DGRAM, 1) && bind(S, sockaddr_in(4711, inet_aton("10.0.0.2"))) &&
			connect(S, sockaddr_in(0, inet_aton("10.0.0.1"))) or die "$!";
		print "$$\n";
		sleep 3600;' "$@")
	read -r holder <&"$held"
}

test_sockets() {
	local held holder
	start_network
	expect_prints "FAMILY  ID  LOCAL  REMOTE  DEVICE  USER  INODE  RECV-Q  SEND-Q  DROPS  PROGRAMS" "${at[@]}" sockets
	expect_prints "[]" "${at[@]}" -j sockets
	hold_socket
	expect_matches "^ipv4 +4711 +10\.0\.0\.2 +10\.0\.0\.1 +\* +nobody +[0-9]+ +0 +0 +0 +perl\($holder\)$" "${at[@]}" sockets
	expect_json "len(v) == 1 and v[0]['family'] == 'ipv4' and v[0]['ident'] == 4711 and v[0]['remote'] == '10.0.0.1' and
		v[0]['connected'] is True and 'device' not in v[0] and v[0]['uid'] == 65534 and v[0]['inode'] > 0 and
		v[0]['programs'] == [{'name': 'perl', 'pid': $holder, 'fd': v[0]['programs'][0]['fd']}]" "${at[@]}" -j sockets
	expect_prints "[]" "${at[@]}" -6 -j sockets
	kill "$holder"
}

# Whoever may name devices and programs says nothing to the terminal of somebody who lists them.
test_names_with_escape_sequences() {
	local held holder events monitor device=$'one\e[2J' program=$'p\e]0;x\a\n\xff'
	start_network
	ip -n "$server" link add "$device" type dummy || ktap_skip "ip(8) takes no such name"
	expect_prints "" "${at[@]}" express add "$device"
	expect_prints 'one\x1b[2J' "${at[@]}" express
	expect_prints 'net.icmpx.express = one\x1b[2J' "${at[@]}" show express
	expect_json 'v == [{"name": "one\x1b[2J", "ifindex": v[0]["ifindex"]}]' "${at[@]}" -j express
	hold_socket "$program"
	ctl "${at[@]}" sockets
	[[ $out == *' p\x1b]0;x\x07\x0a\xff('"$holder)" ]] || ktap_fail "printed '$out'"
	expect_json 'v[0]["programs"][0]["name"] == "p\x1b]0;x\a\n\ufffd"' "${at[@]}" -j sockets
	kill "$holder"
	begin_monitor
	expect_prints "" "${at[@]}" set express "$device"
	expect_event "a setting with such a name" 'net\.icmpx\.express = one\\x1b\[2J'
	end_monitor
}

test_limited() {
	local none='PREFIX  REFUSED  SINCE  LAST'
	start_network
	expect_prints "$none" "${at[@]}" limited
	expect_prints "[]" "${at[@]}" -j limited
	in_server sysctl -q -w net.icmpx.echo_burst=1 net.icmpx.echo_ratelimit=1
	in_client ping -q -c 20 -i 0.002 -W 1 "$server_address" >/dev/null
	expect_matches '^10\.0\.0\.1/32 +[0-9]+ +[0-9]+ [a-z]+ ago +[0-9]+ [a-z]+ ago$' "${at[@]}" limited
	expect_json 'len(v) == 1 and v[0]["prefix"] == "10.0.0.1/32" and v[0]["family"] == "ipv4" and
		0 < v[0]["refused"] < 20 and v[0]["age_ms"] >= v[0]["idle_ms"] >= 0' "${at[@]}" -j limited
	expect_prints "$none" "${at[@]}" -6 limited
	ctl_as=(ip netns exec "$server" "${as_nobody[@]}")
	expect_refuses 1 "not permitted: this takes CAP_NET_ADMIN in the network namespace" limited
}

test_express() {
	start_network
	ip -n "$server" link add other type dummy
	expect_prints "" "${at[@]}" express
	expect_prints "[]" "${at[@]}" -j express list
	expect_prints "" "${at[@]}" express add server other
	expect_equal "$(value icmpx/express)" "server other" "the setting"
	expect_prints $'server\nother' "${at[@]}" express list
	expect_json '[d["name"] for d in v] == ["server", "other"] and all(d["ifindex"] > 0 for d in v)' \
		"${at[@]}" -j express
	expect_prints "" "${at[@]}" express del server
	expect_equal "$(value icmpx/express)" "other" "the setting with one less"
	expect_refuses 1 "there is no device 'icmpx-none'" "${at[@]}" express add server icmpx-none
	# The first one could be added.
	expect_refuses 1 "lo: not an Ethernet device" "${at[@]}" express add server lo
	expect_refuses 1 "other: the device has the express path already" "${at[@]}" express add server other
	expect_refuses 1 "server: the device does not have the express path" "${at[@]}" express del other server
	expect_equal "$(value icmpx/express)" "other" "the setting after changes that were refused"
	ctl_as=(ip netns exec "$server" "${as_nobody[@]}")
	expect_refuses 1 "other: not permitted: this takes CAP_NET_ADMIN in the network namespace" express del other
}

# begin_monitor OPTION…: begins one, and waits until it hears what happens; what it prints is read from $events.
begin_monitor() {
	local line='' number=1
	exec {events}< <(exec "$icmpxctl" "${at[@]}" "$@" monitor 2>&1)
	monitor=$!
	# It says nothing by itself.
	until read -r -t 0.2 line <&"$events"; do
		in_server sysctl -q -w net.icmpx.node_name=$((++number)) net.icmpx6.echo_burst=$((number))
		[[ -d /proc/$monitor ]] || return
	done
	in_server sysctl -q -w net.icmpx6.echo_burst=9999
	until [[ $line == *9999* ]]; do
		read -r -t 60 line <&"$events" || return
	done
}

# expect_event WHAT PATTERN: the next event.
expect_event() {
	local line=''
	read -r -t 60 line <&"$events"
	[[ $line =~ ^$2$ ]] || complain "$1: got '$line', expected '$2'"
}

end_monitor() {
	kill "$monitor"
	wait "$monitor"
	expect_equal $? 0 "exit status after SIGTERM"
}

test_monitor() {
	local events monitor
	start_network
	begin_monitor
	in_server sysctl -q -w net.icmpx.echo_burst=33
	expect_event "a setting" 'net\.icmpx\.echo_burst = 33'
	ctl "${at[@]}" set net.icmpx6.echo_burst 34
	expect_event "a setting of IPv6" 'net\.icmpx6\.echo_burst = 34'
	in_server sysctl -q -w net.icmpx.echo_burst=1
	expect_event "a setting" 'net\.icmpx\.echo_burst = 1'
	in_server sysctl -q -w net.icmpx.echo_ratelimit=1
	expect_event "a setting" 'net\.icmpx\.echo_ratelimit = 1'
	in_client ping -q -c 20 -i 0.002 -W 1 "$server_address" >/dev/null
	expect_event "a limit" 'limit began: 10\.0\.0\.1/32'
	expect_event "its end" 'limit ended: 10\.0\.0\.1/32, [0-9]+ refused in [0-9]+ (ms|s)'
	end_monitor
}

test_monitor_in_json() {
	local events monitor
	start
	begin_monitor -j -6
	in_server sysctl -q -w net.icmpx.echo_burst=35
	in_server sysctl -q -w net.icmpx6.echo_burst=36
	expect_event "a setting of the family" '\{"event":"setting","name":"net.icmpx6.echo_burst","value":36\}'
	end_monitor
}

test_monitor_that_is_too_slow() {
	local events monitor line=''
	start
	begin_monitor
	kill -STOP "$monitor"
	until grep -q '^State:.T' "/proc/$monitor/status"; do
		sleep 0.01
	done
	# More than its socket has room for.
	# shellcheck disable=SC2016 # for the inner shell
	in_server bash -c 'for ((i = 0; i < 3000; i++)); do echo $((i % 50 + 1)) >/proc/sys/net/icmpx/echo_burst; done'
	kill -CONT "$monitor"
	until [[ $line == icmpxctl:* ]]; do
		read -r -t 60 line <&"$events" || break
	done
	expect_equal "$line" "icmpxctl: too slow, some events were lost" "what it says of that"
	in_server sysctl -q -w net.icmpx6.echo_burst=77
	until [[ $line == *77 ]]; do
		read -r -t 60 line <&"$events" || break
	done
	expect_equal "$line" "net.icmpx6.echo_burst = 77" "what came afterwards"
	end_monitor
}

test_monitor_without_privilege() {
	start
	ctl_as=(ip netns exec "$server" "${as_nobody[@]}")
	expect_refuses 1 "not permitted: this takes CAP_NET_ADMIN in the network namespace" monitor
}

ktap_run "$@"
