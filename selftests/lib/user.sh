# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts have in common that let a user without privileges run programs, which then open ping sockets
# (socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), or of IPv6). Sourced in place of netns.sh, never run.

# shellcheck source=lib/netns.sh
. "$(dirname "${BASH_SOURCE[0]}")/netns.sh"

far=icmpx-far-$$
far_address=10.1.0.2
far_address6=fd01::2

# What opens() looks for.
family=AF_INET protocol=IPPROTO_ICMP

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

# begin6: begin, and the same links with IPv6. Both ends of the first have a link-local address, fe80::1 and fe80::2.
begin6() {
	local namespace
	family=AF_INET6 protocol=IPPROTO_ICMPV6
	begin
	for namespace in "$client" "$server" "$far"; do
		sysctl_in "$namespace" net.ipv6.icmp.ratemask=128
		sysctl_in "$namespace" net.ipv6.conf.all.disable_ipv6=0
	done
	sysctl_in "$server" net.ipv6.conf.all.forwarding=1
	ip -n "$client" -batch - <<-END && ip -n "$server" -batch - <<-END && ip -n "$far" -batch - <<-END
		address add $client_address6/64 dev client nodad
		address add fe80::1/64 dev client nodad
		neighbour replace $server_address6 lladdr 02:00:00:00:00:02 dev client
		neighbour replace fe80::2 lladdr 02:00:00:00:00:02 dev client
		route add default via $server_address6
	END
		address add $server_address6/64 dev server nodad
		address add fe80::2/64 dev server nodad
		neighbour replace $client_address6 lladdr 02:00:00:00:00:01 dev server
		neighbour replace fe80::1 lladdr 02:00:00:00:00:01 dev server
		address add fd01::1/64 dev inner nodad
	END
		address add $far_address6/64 dev far nodad
		route add default via fd01::1
	END
}

# expect_output WHAT PATTERN COMMAND…: what the user's command prints matches. expect_output_of WHO …: the same of another,
# who is in_client for root.
expect_output() {
	expect_output_of user "$@"
}

expect_output_of() {
	local who=$1 what=$2 pattern=$3 output depth=0
	[[ ${FUNCNAME[1]} == expect_output ]] && depth=1
	shift 3
	output=$("$who" timeout 60 "$@" 2>&1)
	grep -qE -- "$pattern" <<<"$output" && return
	echo "# ${BASH_SOURCE[1 + depth]##*/}:${BASH_LINENO[depth]}: $what: nothing matches '$pattern' in what '$*' prints:"
	echo "#   ${output//$'\n'/$'\n#   '}"
	ktap_failed=1
}

# opens WHAT COMMAND…: the user's command opens a ping socket, and no raw one. opens_of WHO …: the same of another.
opens() {
	opens_of user "$@"
}

opens_of() {
	local who=$1 what=$2 sockets
	shift 2
	sockets=$("$who" timeout 60 strace -f -e trace=socket "$@" 2>&1 | grep -F "socket($family, ")
	grep -qE "SOCK_DGRAM(\|[A-Z_|]+)?, $protocol\) = [0-9]" <<<"$sockets" &&
		! grep -qE 'SOCK_RAW.* = [0-9]' <<<"$sockets" && return
	ktap_fail "$what: opens other sockets:"
	echo "#   ${sockets//$'\n'/$'\n#   '}"
}
