#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What bash completes of a command line of icmpxctl.

# shellcheck source=lib/icmpxctl.sh
. "$(dirname "$0")/lib/icmpxctl.sh"

start() {
	local file
	needs_icmpx
	needs_icmpxctl
	add_namespace "$server"
	PATH=$scratch/bin:$PATH
	# Beside the library where the tests are installed.
	file=$(dirname "$0")/lib/completion.bash
	[[ -e $file ]] || file=$(dirname "$0")/../src/icmpxctl/completion.bash
	# shellcheck source=/dev/null # is checked by itself
	. "$file"
}

# completes EXPECTED WORD…: that is what the last word, which may be empty, can become.
completes() {
	local expected=$1
	shift
	COMP_WORDS=(icmpxctl "$@") COMP_CWORD=$# COMPREPLY=()
	_icmpxctl
	[[ "${COMPREPLY[*]}" == "$expected" ]] && return
	echo "# ${BASH_LINENO[0]}: 'icmpxctl $*' becomes '${COMPREPLY[*]}', expected '$expected'"
	ktap_failed=1
}

test_commands_and_options() {
	start
	completes "show set stats sockets" s
	completes "show" -j -n "$server" sho
	completes "-4 -6 -V -j -n" -
	completes "-j" -4 -j
	completes "set" help se
	completes "" help show s
	completes "" frobnicate x
}

test_namespaces() {
	start
	completes "$server" -n "$server"
	completes "" -n icmpx-none
	add_namespace "$client"
	completes "$client" -j -n "${client%-*}"
	# As getopt() takes them.
	completes "$client" -jn "${client%-*}"
	completes "-n$client" "-n${client%-*}"
	completes "-j4n$client" "-j4n${client%-*}"
	completes "show" "-n$server" sho
	completes "show" -jn "$server" sho
	mkdir -p "$scratch/names/of namespaces"
	touch "$scratch/names/one"
	completes "$scratch/names/of\\ namespaces/ $scratch/names/one" -n "$scratch/names/o"
	completes "-n$scratch/names/one" "-n$scratch/names/on"
}

test_settings() {
	start
	completes "echo_ratelimit echo_ratelimit_prefix" -6 show echo_ratel
	completes "echo_ratelimit echo_ratelimit_prefix" -n "$server" -4 set echo_ratel
	completes "echo_ratelimit echo_ratelimit_prefix" "-n$server" -j4 set echo_ratel
	completes "" -jn icmpx-none show echo_b
	completes "echo_burst" show echo_b
	completes "echo_burst" set echo_b
	# What IPv6 alone has: set means IPv4.
	completes "node_info" show node_i
	completes "" set node_i
	completes "node_info" -6 set node_i
	completes "net.icmpx6.node_info" set net.icmpx6.node_i
	completes "net.icmpx.echo_burst" show net.icmpx6.echo_burst net.icmpx.echo_b
	completes "net.icmpx6.echo_burst" set net.icmpx6.echo_b
	completes "node_name" -4 set node_n
	completes "" -6 set node_n
	completes "" -n icmpx-none show echo_b
	completes "" set echo_burst 1
}

test_arguments_of_commands() {
	start
	ip -n "$server" link add one type dummy
	ip -n "$server" link add other type veth peer name another
	completes "-a -w" stats ''
	completes "-f -o" metrics ''
	completes "prometheus" metrics -f p
	completes "" metrics p
	touch "$scratch/prom file" "$scratch/prom"
	completes "$scratch/prom\\ file" metrics -f prometheus -o "$scratch/prom "
	completes "-c -i -W -r" probe -
	completes "-c -i -W -r" probe -c 1 host -
	completes "" probe ''
	completes "" probe host -c -
	completes "add del list" express ''
	completes "one other" -n "$server" express add o
	completes "one" -n "$server" express add other on
	completes "" -n "$server" express del o
	in_server sysctl -q -w net.icmpx.express=one
	completes "one" -n "$server" express del o
	completes "" -n "$server" express list o
}

# What a name has in it is not run, neither now nor when the line is entered.
test_names_that_are_commands() {
	start
	ip -n "$server" link add "z\$(>z)" type dummy
	cd "$scratch" || return
	completes 'z\$\(\>z\)' -n "$server" express add z
	[[ ! -e z ]] || ktap_fail "the name of a device was run as a command"
}

ktap_run "$@"
