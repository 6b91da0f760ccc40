# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the test scripts have in common: KTAP, and two namespaces joined by a wire. Sourced, never run.
#
# A script defines functions named test_…, one a test, and ends with `ktap_run "$@"`. A test fails when it returns
# non-zero or when an expectation in it did not hold, and is skipped when it called ktap_skip.

set -u

client=icmpx-client-$$
server=icmpx-server-$$
client_address=10.0.0.1
server_address=10.0.0.2
client_address6=fd00::1
server_address6=fd00::2
scratch=''

ktap_failed=''

# ktap_fail MESSAGE…: the test fails, and goes on.
ktap_fail() {
	echo "# ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $*"
	ktap_failed=1
}

# ktap_skip REASON…: ends the test as skipped.
ktap_skip() {
	echo "$*" >"$scratch/skip"
	exit 0
}

# expect_equal ACTUAL EXPECTED WHAT…
expect_equal() {
	local actual=$1 expected=$2
	shift 2
	[[ $actual == "$expected" ]] && return
	echo "# ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $*: got '$actual', expected '$expected'"
	ktap_failed=1
}

# expect_between ACTUAL LOW HIGH WHAT…
expect_between() {
	local actual=$1 low=$2 high=$3
	shift 3
	((actual >= low && actual <= high)) && return
	echo "# ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $*: got $actual, expected $low to $high"
	ktap_failed=1
}

# expect_success WHAT COMMAND…; expect_failure WHAT COMMAND…
expect_success() {
	local what=$1 output
	shift
	output=$("$@" 2>&1) && return
	echo "# ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $what: '$*' failed"
	echo "#   ${output//$'\n'/$'\n#   '}"
	ktap_failed=1
}

expect_failure() {
	local what=$1 output
	shift
	output=$("$@" 2>&1) || return 0
	echo "# ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $what: '$*' succeeded"
	echo "#   ${output//$'\n'/$'\n#   '}"
	ktap_failed=1
}

# Runs all test_… functions, or those whose names contain the first argument, each in a shell of its own, in the order
# in which they are defined, and exits as a kselftest does.
ktap_run() {
	local name names number=0 failed=0 skipped=0
	mapfile -t names < <(sed -n 's/^\(test_[a-zA-Z0-9_]*\)().*/\1/p' "$0" | grep -F -- "${1:-}")
	if ((${#names[@]} == 0)); then
		echo "no test's name contains '${1-}'" >&2
		exit 1
	fi
	scratch=$(mktemp -d)
	trap 'cleanup; rm -rf "$scratch"' EXIT
	echo "KTAP version 1"
	echo "1..${#names[@]}"
	for name in "${names[@]}"; do
		((++number))
		rm -f "$scratch/skip"
		if ! (trap cleanup EXIT && "$name" && [[ ! $ktap_failed ]]); then
			((++failed))
			echo "not ok $number ${name#test_}"
		elif [[ -f $scratch/skip ]]; then
			((++skipped))
			echo "ok $number ${name#test_} # SKIP $(<"$scratch/skip")"
		else
			echo "ok $number ${name#test_}"
		fi
	done
	echo "# Totals: pass:$((number - failed - skipped)) fail:$failed skip:$skipped"
	((failed)) && exit 1
	((skipped == number)) && exit 4
	exit 0
}

cleanup() {
	local name
	for name in $(ip netns list | cut -d' ' -f1 | grep -E "^icmpx-.*-$$\$"); do
		# A program that a test has left there would hold the namespace, and the test's output.
		ip netns pids "$name" | xargs -r kill
		ip netns delete "$name"
	done
}

# Skips the test without the icmpx module.
needs_icmpx() {
	[[ -d /proc/sys/net/icmpx ]] || ktap_skip "needs the icmpx module"
}

# needs_module MODULE [COMMAND…]: loads a module of the kernel unless it is built in; skips the test when there is none.
needs_module() {
	modprobe -q "$1"
	local module=$1
	shift
	(($# == 0)) || "$@" >/dev/null 2>&1 || ktap_skip "the kernel has no $module"
}

needs_command() {
	command -v "$1" >/dev/null || ktap_skip "$1 is not installed"
}

# A new namespace: add_namespace NAME
add_namespace() {
	ip netns add "$1" && ip -n "$1" link set lo up
}

# The client with the device `client`, 10.0.0.1/24, the server with `server`, 10.0.0.2/24, joined. Neither uses IPv6,
# neither needs to resolve the other's address: nothing is on the wire but what a test sends.
make_network() {
	[[ -d /sys/module/veth ]] || needs_module veth
	add_namespace "$client" && add_namespace "$server" || return
	sysctl_in "$client" net.ipv6.conf.default.disable_ipv6=1
	sysctl_in "$server" net.ipv6.conf.default.disable_ipv6=1
	ip -n "$client" -batch - <<-END && ip -n "$server" -batch - <<-END
		link add client address 02:00:00:00:00:01 type veth peer name server address 02:00:00:00:00:02 netns $server
		address add $client_address/24 broadcast + dev client
		link set client up
		neighbour replace $server_address lladdr 02:00:00:00:00:02 dev client
	END
		address add $server_address/24 broadcast + dev server
		link set server up
		neighbour replace $client_address lladdr 02:00:00:00:00:01 dev server
	END
}

# make_network6: make_network, and the same link with IPv6.
make_network6() {
	make_network || return
	sysctl_in "$client" net.ipv6.conf.client.disable_ipv6=0
	sysctl_in "$server" net.ipv6.conf.server.disable_ipv6=0
	ip -n "$client" -batch - <<-END && ip -n "$server" -batch - <<-END
		address add $client_address6/64 dev client nodad
		neighbour replace $server_address6 lladdr 02:00:00:00:00:02 dev client
	END
		address add $server_address6/64 dev server nodad
		neighbour replace $client_address6 lladdr 02:00:00:00:00:01 dev server
	END
}

# await_link_local NAMESPACE DEVICE: until it has its link-local address, which is known to be no other node's.
await_link_local() {
	local tries
	for ((tries = 0; tries < 3000; tries++)); do
		[[ ! $(ip -n "$1" -6 address show dev "$2" scope link -tentative) ]] || return 0
		sleep 0.02
	done
	ktap_fail "duplicate address detection does not end"
}

# in_client COMMAND…; in_server COMMAND…
in_client() {
	ip netns exec "$client" "$@"
}

in_server() {
	ip netns exec "$server" "$@"
}

# sysctl_in NAMESPACE NAME=VALUE: does nothing where the kernel does not have it.
sysctl_in() {
	ip netns exec "$1" sysctl -q -e -w "$2" 2>/dev/null
}

# client_pings COUNT [OPTIONS…]: whether the client gets an answer to each of COUNT pings.
client_pings() {
	local count=$1
	shift
	in_client ping -n -q -c "$count" -i 0.02 -W 2 "$@" "$server_address"
}

# client_pings6 COUNT [OPTIONS…]: the same over IPv6.
client_pings6() {
	local count=$1
	shift
	in_client ping -6 -n -q -c "$count" -i 0.02 -W 2 "$@" "$server_address6"
}

# snmp_counter NAMESPACE GROUP NAME: a number of /proc/net/snmp or netstat; 0 when it is not there.
snmp_counter() {
	ip netns exec "$1" cat /proc/net/snmp /proc/net/netstat | awk -v group="$2:" -v name="$3" '
		$1 == group && !(group in seen) { seen[group] = $0; next }
		$1 == group {
			count = split(seen[group], names)
			for (i = 2; i <= count; i++)
				if (names[i] == name)
					value = $i
		}
		END { print value + 0 }'
}

# icmpx_counter NAMESPACE NAME…: the sum of these lines of /proc/net/icmpx_stat, or of the file that $icmpx_stat names.
icmpx_counter() {
	local namespace=$1
	shift
	# shellcheck disable=SC2016 # awk's $1
	ip netns exec "$namespace" awk -v wanted=" $* " \
		'index(wanted, " " $1 " ") { sum += $2 } END { print sum + 0 }' "/proc/net/${icmpx_stat:-icmpx_stat}"
}

# Without the module there is nothing to compare: expect_icmpx NAMESPACE VALUE NAME…
expect_icmpx() {
	local namespace=$1 expected=$2 actual
	shift 2
	[[ -d /proc/sys/net/icmpx ]] || return 0
	actual=$(icmpx_counter "$namespace" "$@")
	[[ $actual == "$expected" ]] && return
	echo "# ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: ${icmpx_stat:-icmpx_stat} $*: got $actual, expected $expected"
	ktap_failed=1
}
