# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts have in common that let a user without privileges run programs, which then open ping sockets
# (socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)). Sourced in place of netns.sh, never run.

# shellcheck source=lib/netns.sh
. "$(dirname "${BASH_SOURCE[0]}")/netns.sh"

far=icmpx-far-$$
far_address=10.1.0.2

# A user who could not open a raw socket, whatever capabilities the program's file has: none is left to get.
as_user=(setpriv --reuid=nobody --regid=nogroup --clear-groups --inh-caps=-all --bounding-set=-all)

# user COMMAND…
user() {
	in_client "${as_user[@]}" "$@"
}

# The client, the server, which forwards, and a third namespace behind it. Every error is sent, however many there were
# (ratelimit=0 would have the routing code's own limit share an empty bucket).
begin() {
	local namespace
	needs_command setpriv
	make_network
	add_namespace "$far"
	for namespace in "$client" "$server" "$far"; do
		sysctl_in "$namespace" net.ipv4.icmp_ratemask=0
	done
	sysctl_in "$client" net.ipv4.ping_group_range="0 2147483647"
	sysctl_in "$server" net.ipv4.ip_forward=1
	ip -n "$server" -batch - <<-END && ip -n "$far" -batch - <<-END
		link add inner type veth peer name far netns $far
		address add 10.1.0.1/24 dev inner
		link set inner up
	END
		address add $far_address/24 dev far
		link set far up
		route add default via 10.1.0.1
	END
	ip -n "$client" route add default via "$server_address"
}

# expect_output WHAT PATTERN COMMAND…: what the user's command prints matches.
expect_output() {
	local what=$1 pattern=$2 output
	shift 2
	output=$(user timeout 60 "$@" 2>&1)
	grep -qE -- "$pattern" <<<"$output" && return
	echo "# ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $what: nothing matches '$pattern' in what '$*' prints:"
	echo "#   ${output//$'\n'/$'\n#   '}"
	ktap_failed=1
}

# opens WHAT COMMAND…: the command opens a ping socket, and no raw one.
opens() {
	local what=$1 sockets
	shift
	sockets=$(user timeout 60 strace -f -e trace=socket "$@" 2>&1 | grep -F 'socket(AF_INET, ')
	grep -qE 'SOCK_DGRAM(\|[A-Z_|]+)?, IPPROTO_ICMP\) = [0-9]' <<<"$sockets" &&
		! grep -qE 'SOCK_RAW.* = [0-9]' <<<"$sockets" && return
	ktap_fail "$what: opens other sockets:"
	echo "#   ${sockets//$'\n'/$'\n#   '}"
}
