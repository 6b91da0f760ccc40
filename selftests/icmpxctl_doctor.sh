#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# icmpxctl doctor: everything that it knows is done to a namespace, it says so, and what it says to do about it makes that go
# away.

# shellcheck source=lib/icmpxctl.sh
. "$(dirname "$0")/lib/icmpxctl.sh"

start() {
	begin
	needs_icmpxctl
	load_icmpx || ktap_skip "cannot load icmpx"
	make_network6
	sysctl_in "$server" net.ipv4.ping_group_range="0 2147483647"
	at=(-n "$server")
}

# look: the levels and names of what it finds, in a line, in $found.
look() {
	ctl -j "${at[@]}" doctor
	found=$(python3 -ISc 'import json, sys
print(*sorted({f["level"] + ":" + f["id"] for f in json.load(sys.stdin)["findings"]}))' <<<"$out")
}

# fixes NAME: the commands against the finding, a line each.
fixes() {
	python3 -ISc 'import json, sys
for finding in json.load(sys.stdin)["findings"]:
    if finding["id"] == sys.argv[1]:
        print(*finding["fix"], sep="\n")' "$1" <<<"$out"
}

# expect_found FINDINGS [STATUS]: what it finds, and its exit status.
expect_found() {
	look
	[[ $found == "$1" && $status == "${2:-0}" ]] ||
		complain "found '$found', status $status, expected '$1', status ${2:-0}: $out $err"
}

# cures WHAT LEVEL:NAME: there is that finding and no other, and when its commands have run, as printed and outside of the
# namespace, there is none.
cures() {
	local command commands level=${2%%:*} expected=0
	[[ $level == note ]] || expected=1
	look
	[[ $found == "$2" && $status == "$expected" ]] ||
		complain "$1: found '$found', status $status, expected '$2': $out $err"
	mapfile -t commands < <(fixes "${2#*:}")
	((${#commands[@]})) || complain "$1: no fix"
	for command in "${commands[@]}"; do
		expect_success "$1: the fix" env PATH="$scratch/bin:$PATH" sh -c "$command"
	done
	look
	[[ ! $found && $status == 0 ]] || complain "$1, after $(printf '%s; ' "${commands[@]}"): found '$found': $out"
}

test_nothing_is_wrong() {
	start
	expect_matches '^IPv4: received messages: icmpx; errors sent: icmpx; new ping sockets: icmpx$' "${at[@]}" doctor
	expect_matches '^IPv6: received messages: icmpx; errors sent: icmpx; new ping sockets: icmpx$' "${at[@]}" doctor
	expect_matches '^Nothing is wrong\.$' "${at[@]}" doctor
	expect_found ""
	expect_json 'v["loaded"] and v["taken_over"]["ipv4"] == {"received": True, "errors": True, "ping_sockets": True}' \
		-j "${at[@]}" doctor
	expect_refuses 2 "doctor takes no argument" doctor x
	expect_refuses 2 "doctor looks at both families: it takes no -4 and no -6" -4 doctor
	expect_refuses 2 "doctor looks at both families: it takes no -4 and no -6" -6 doctor
	ctl_as=(ip netns exec "$server" "${as_nobody[@]}")
	at=()
	look
	[[ $found == "" || $found == note:firewall_unread ]] || ktap_fail "an unprivileged user: '$found'"
	expect_equal "$status" 0 "status of an unprivileged user"
}

test_words() {
	start
	in_server sysctl -q -w net.ipv4.icmp_echo_ignore_all=1
	ctl "${at[@]}" doctor
	expect_equal "$status" 1 "status"
	[[ $out == *$'\n\nProblem: This host answers no ping over IPv4: net.ipv4.icmp_echo_ignore_all (net.icmpx.echo_ignore_all) is 1.\n    ip netns exec '"$server"$' sysctl -w net.ipv4.icmp_echo_ignore_all=0' ]] ||
		ktap_fail "printed '$out'"
}

test_settings() {
	local name
	start
	for name in net.ipv4.icmp_echo_ignore_all net.icmpx.echo_ignore_all net.ipv6.icmp.echo_ignore_all \
		net.icmpx6.echo_ignore_all net.ipv6.icmp.echo_ignore_multicast net.ipv6.icmp.echo_ignore_anycast; do
		in_server sysctl -q -w "$name=1"
		cures "$name" problem:echo_ignore
	done
	in_server sysctl -q -w net.ipv4.ping_group_range="1 0"
	cures "no groups" problem:ping_group_range
	in_server sysctl -q -w net.ipv4.icmp_ratemask=6169
	cures "echo replies in ratemask" problem:ratemask
	in_server sysctl -q -w net.icmpx6.ratemask=0-1,3-129
	cures "echo replies in the other ratemask" problem:ratemask6
	in_server sysctl -q -w net.icmpx.echo_ratelimit=100000
	cures "a limit" note:echo_ratelimit
	in_server sysctl -q -w net.icmpx6.echo_ratelimit=100000
	cures "the other limit" note:echo_ratelimit
}

# What the check for a module on top of icmpx needs is not there: doctor says so.
test_what_could_not_be_tried() {
	start
	ip -n "$server" link set lo down
	expect_found note:untried
	ip -n "$server" link set lo up
	expect_found ""
	in_server sysctl -q -w net.ipv4.ping_group_range="1 0"
	# By a raw socket root can try all the same.
	expect_found problem:ping_group_range 1
	ctl_as=(ip netns exec "$server" "${as_nobody[@]}")
	at=()
	look
	[[ $found == *note:untried* ]] || ktap_fail "an unprivileged user: '$found'"
}

test_refusals() {
	start
	in_server sysctl -q -w net.icmpx.echo_ratelimit=1 net.icmpx.echo_burst=1
	in_client ping -q -n -c 20 -i 0.01 -W 0.1 "$server_address" >/dev/null
	cures "a limit that has refused" problem:echo_ratelimit
	in_client ping -q -n -b -c 2 -i 0.01 -W 0.1 10.0.0.255 >/dev/null 2>&1
	cures "broadcasts" note:echo_ignore_broadcasts
	in_client sysctl -q -w net.ipv4.ping_group_range="0 2147483647"
	in_client "$icmpxctl" probe -c 1 -W 0.1 "$server_address" server >/dev/null
	cures "PROBE" note:probe
}

test_reverse_path() {
	start
	in_server sysctl -q -w net.ipv4.conf.server.rp_filter=1
	cures "a device" note:rp_filter
	in_server sysctl -q -w net.ipv4.conf.all.rp_filter=1
	ip -n "$server" route add 10.7.0.0/24 dev lo
	ip -n "$client" address add 10.7.0.1/32 dev client
	in_client ping -q -n -c 2 -i 0.01 -W 0.1 -I 10.7.0.1 "$server_address" >/dev/null
	cures "a packet by another way" problem:rp_filter
}

# nft_rules FAMILY HOOK POLICY [RULE]: a chain with a rule.
nft_rules() {
	in_server nft "flush ruleset; add table $1 test
		add chain $1 test pings { type filter hook $2 priority 0; policy $3; }
		${4:+add rule $1 test pings $4}"
}

test_firewall() {
	needs_command nft
	start
	nft_rules inet input accept 2>/dev/null || ktap_skip "the kernel has no nf_tables"
	expect_found ""
	while read -r rule; do
		nft_rules inet input accept "$rule"
		expect_failure "$rule: pings of both families" eval 'client_pings 1 -W 0.2 && client_pings6 1 -W 0.2'
		cures "$rule" problem:firewall
		expect_success "$rule: a ping afterwards" client_pings 1
		expect_success "$rule: a ping over IPv6 afterwards" client_pings6 1
	done <<-END
		icmp type echo-request drop
		icmpv6 type echo-request drop
		icmpv6 type { echo-reply, echo-request } counter drop
		meta l4proto icmp drop
		ip protocol icmp ip saddr 10.0.0.1 drop
		icmp type vmap { echo-request : drop, redirect : accept }
		meta protocol vmap { ip : drop }
		iifname . meta l4proto vmap { server . icmp : drop, server . icmpv6 : drop }
	END
	while read -r rule; do
		nft_rules inet input accept "$rule"
		look
		expect_equal "$found" "" "$rule"
	done <<-END
		icmp type redirect drop
		tcp dport 22 drop
		ct state invalid drop
		icmp type echo-request accept
		icmp type 13-14 drop
		icmp type vmap { 13-14 : drop, echo-request : accept }
		meta l4proto vmap { tcp : drop, udp : drop }
		ip saddr 10.0.0.77 drop
	END
	# Nobody can tell how many pings are above a limit: no problem, and no command to remove it.
	nft_rules inet input accept "meta l4proto { icmp, icmpv6 } limit rate over 100/second burst 50 packets drop"
	expect_found note:firewall
	expect_equal "$(fixes firewall)" "ip netns exec $server nft -a list chain inet test pings" "what to do about a limit"
	nft_rules ip output accept "icmp type echo-reply drop"
	cures "replies" problem:firewall
	nft_rules ip input drop
	cures "a policy" problem:firewall
	expect_success "a ping afterwards" client_pings 1
	# A server's, as the wiki of nftables has it.
	in_server nft "flush ruleset; add table inet test
		add chain inet test four; add chain inet test six
		add rule inet test four icmp type echo-request accept
		add rule inet test six icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, echo-request } accept
		add chain inet test inbound { type filter hook input priority 0; policy drop; }
		add rule inet test inbound ct state vmap { established : accept, related : accept, invalid : drop }
		add rule inet test inbound iifname lo accept
		add rule inet test inbound meta protocol vmap { ip : jump four, ip6 : jump six }"
	expect_success "a ping" client_pings 1
	expect_success "a ping over IPv6" client_pings6 1
	expect_found ""
	in_server nft "flush chain inet test four"
	cures "a chain that a verdict map jumps to" problem:firewall
	in_server nft flush ruleset
}

test_iptables() {
	local name
	needs_command iptables-nft
	start
	in_server iptables-nft -A INPUT -p icmp --icmp-type timestamp-request -j DROP 2>/dev/null ||
		ktap_skip "the kernel has no nft_compat"
	expect_found ""
	in_server iptables-nft -A INPUT -p icmp --icmp-type echo-request -j DROP
	cures "iptables" problem:firewall
	expect_success "a ping afterwards" client_pings 1
	# As ufw has it.
	in_server iptables-nft -F INPUT
	in_server iptables-nft -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
	in_server iptables-nft -A INPUT -i lo -j ACCEPT
	in_server iptables-nft -A INPUT -p icmp --icmp-type echo-request -j ACCEPT
	in_server iptables-nft -P INPUT DROP
	expect_success "a ping" client_pings 1
	expect_found ""
	# A name that nft cannot read, and that a shell would run.
	name="a;\$(b)'"
	in_server iptables-nft -N "$name"
	in_server iptables-nft -A "$name" -p icmp -j DROP
	in_server iptables-nft -I INPUT -j "$name"
	cures "a chain with an odd name" problem:firewall
}

# An nft that prints what is no JSON, and one that fails, as it does for names that are not UTF-8.
test_ruleset_that_cannot_be_read() {
	local fake
	needs_command nft
	start
	nft_rules inet input accept 2>/dev/null || ktap_skip "the kernel has no nf_tables"
	mkdir "$scratch/fake"
	ctl_as=(env PATH="$scratch/fake:$PATH")
	for fake in 'printf "{\"nftables\":[{\"\\337\":1}]}"' 'kill -ABRT $$'; do
		printf '#!/bin/sh\n%s\n' "$fake" >"$scratch/fake/nft"
		chmod 755 "$scratch/fake/nft"
		expect_found note:firewall_unread
	done
}

test_sockets_from_before() {
	local pings commands family
	begin
	needs_icmpxctl
	make_network6
	sysctl_in "$server" net.ipv4.ping_group_range="0 2147483647"
	at=(-n "$server")
	# Not by a function: what is killed has to be ping.
	ip netns exec "$server" ping -q -n -c 1000 -i 0.1 "$client_address" >/dev/null &
	pings=("$!")
	ip netns exec "$server" ping -6 -q -n -c 1000 -i 0.1 "$client_address6" >/dev/null &
	pings+=("$!")
	for _ in {1..600}; do
		(($(in_server cat /proc/net/icmp /proc/net/icmp6 | grep -c :) > 1)) && break
		sleep 0.1
	done
	load_icmpx || ktap_skip "cannot load icmpx"
	expect_found note:older_sockets
	mapfile -t commands < <(fixes older_sockets)
	expect_equal "${#commands[@]}" 2 "a command for each family"
	for family in 0 1; do
		expect_success "${commands[family]}" sh -c "${commands[family]} | grep -q pid=${pings[family]},"
	done
	kill "${pings[@]}"
	wait "${pings[@]}"
	expect_found ""
}

# reloads PARAMETER=0 FINDING: of a module that is loaded so, by commands that load it again.
reloads() {
	local commands
	load_icmpx_with "$1"
	look
	[[ $found == "$2" && $status == 0 ]] || complain "$1: found '$found', expected '$2': $out"
	# modprobe does not find this module here.
	commands=$(fixes "${2#*:}" | sed "s,^modprobe icmpx,insmod $ICMPX_KO,")
	expect_success "$1: the fix" sh -ec "$commands"
	look
	expect_equal "$found" "" "$1: afterwards"
	unload_icmpx
}

test_parameters() {
	start
	unload_icmpx
	reloads send=0 note:send
	reloads ipv6=0 note:ipv6
}

test_ftrace_is_off() {
	start
	unload_icmpx
	[[ -e /proc/sys/kernel/ftrace_enabled ]] || ktap_skip "the kernel has no ftrace"
	# Since 7.0 nobody can switch it off.
	if ! sysctl -q -w kernel.ftrace_enabled=0 2>/dev/null; then
		load_icmpx
		expect_found ""
		return
	fi
	load_icmpx
	look
	[[ $found == problem:ftrace ]] || complain "found '$found': $out"
	expect_success "the fix" sh -ec "$(fixes ftrace | sed "s,^modprobe icmpx,insmod $ICMPX_KO,")"
	expect_found ""
}

load_run "$@"
