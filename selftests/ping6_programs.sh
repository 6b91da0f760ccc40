#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Programs that ping over IPv6, run by a user without privileges and by root: busybox, fping, mtr, traceroute, tracepath,
# oping of liboping, the blackbox exporter of Prometheus, and Python.

# shellcheck source=lib/user.sh
. "$(dirname "$0")/lib/user.sh"

# Those that open ping sockets themselves where they may not open raw ones.
test_sockets() {
	local command
	needs_command strace
	begin6
	for command in "fping -6 -c 1" "traceroute -6 -n -I -m 1 -q 1" "mtr -6 -n -r -c 1"; do
		command -v "${command%% *}" >/dev/null || continue
		# shellcheck disable=SC2086 # a command and its options
		opens "$command" $command "$server_address6"
	done
}

test_groups() {
	local command
	begin6
	sysctl_in "$client" net.ipv4.ping_group_range="1 0"
	for command in "fping -6" "traceroute -6 -I"; do
		command -v "${command%% *}" >/dev/null || continue
		# shellcheck disable=SC2086 # a command and its options
		expect_output "$command" 'must run as root|privileges|permitted|denied' \
			$command "$server_address6"
	done
}

# busybox, as Debian builds it, does not know of ping sockets of IPv6.
test_busybox() {
	needs_command busybox
	begin6
	expect_output_of in_client "a reply" '^2 packets transmitted, 2 packets received, 0% packet loss' \
		busybox ping6 -c 2 -W 60 "$server_address6"
	expect_output_of in_client "size" '^3008 bytes from fd00::2: seq=0 ttl=64 ' \
		busybox ping6 -c 1 -W 60 -s 3000 "$server_address6"
	expect_output_of in_client "link-local" '^64 bytes from fe80::2: seq=0 ' \
		busybox ping6 -c 1 -W 60 fe80::2%client
	expect_output "a user" 'are you root' busybox ping6 -c 1 -W 1 "$server_address6"
}

# fping 5.1, which Debian 12 has, takes a reply for its own when the identifier is the number of its process, but does not
# bind its ping socket to that, and when it is no older than ten seconds. So it becomes process 1 of a namespace, and all
# identifiers are taken but for 1. Other families look for a free one from the last one that they gave on: take_identifiers
# has them give 65535 each time, so that the next one is 1.
take_identifiers() {
	coproc in_client prlimit --nofile=70000 /usr/bin/python3 -c '
import socket, sys

def taken(identifier):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6)
    sock.bind(("::", identifier))
    return sock

others = [taken(identifier) for identifier in range(2, 65535)]
for line in sys.stdin:
    last, wrong = None, []
    while not last or last.getsockname()[1] != 65535:
        wrong.append(last)
        last = taken(0)
    del wrong
    print("taken", flush=True)'
}

# expect_fping WHO OPTIONS…: all hundred targets are alive. WHO is a command, or none for root.
expect_fping() {
	local who=$1
	shift
	# shellcheck disable=SC2086 # a command, or none
	expect_output_of in_client "fping $*" '^ *100 alive$' unshare --pid --fork $who fping -6 -s "$@" "${many[@]}"
}

# A hundred hosts, which are all the server.
hundred_targets() {
	local i
	many=()
	begin6
	for i in {1..100}; do
		many+=("fd02::$i")
	done
	printf 'address add %s/128 dev lo nodad\n' "${many[@]}" | ip -n "$server" -batch -
}

test_fping_of_root() {
	needs_command fping
	hundred_targets
	expect_fping "" -q -i 1 -r 0 -t 30000
	expect_fping "" -q -b 3000 -i 1 -r 0 -t 30000
}

# The built-in code searches with a lock held, on a slow machine so long that the watchdog complains.
test_fping_of_a_user() {
	local options
	needs_command fping
	[[ -e /proc/net/icmpx6 ]] || ktap_skip "needs ping sockets of icmpx"
	hundred_targets
	take_identifiers
	for options in "-i 1 -r 0 -t 30000" "-c 2 -i 1 -p 1000" "-b 3000 -i 1 -r 0 -t 30000"; do
		echo >&"${COPROC[1]}"
		read -r _ <&"${COPROC[0]}"
		# shellcheck disable=SC2086 # several options
		expect_fping "${as_user[*]}" -q $options
	done
}

test_mtr() {
	local who
	needs_command mtr
	begin6
	for who in user in_client; do
		"$who" timeout 60 mtr -6 -n -r -c 2 "$far_address6" >"$scratch/report" 2>&1
		expect_equal "$(awk '$1 ~ /\|/ { print $2, $3, $4 }' "$scratch/report")" "fd00::2 0.0% 2
fd01::2 0.0% 2" "$who: hosts, losses and requests"
	done
}

# One probe at a time: an error that waits to be read makes the next request fail, which traceroute takes for sent.
test_traceroute() {
	local options who
	needs_command traceroute
	begin6
	for who in user in_client; do
		for options in "" "-s $client_address6" "-i client" "-t 16" "-l 5"; do
			# shellcheck disable=SC2086 # some options
			"$who" timeout 60 traceroute -6 -n -I -N 1 -q 1 -w 60 -m 2 $options "$far_address6" \
				>"$scratch/path" 2>&1
			expect_equal "$(awk '$1 ~ /^[0-9]+$/ { print $1, $2 }' "$scratch/path")" "1 fd00::2
2 fd01::2" "$who: traceroute -I $options"
		done
		expect_output_of "$who" "$who, no route" '^ 1  fd00::2 .*!N' \
			traceroute -6 -n -I -N 1 -q 1 -w 60 -m 1 fd09::1
	done
}

# tracepath asks with UDP, and is told of the same errors.
test_tracepath() {
	local who
	needs_command tracepath
	begin6
	ip -n "$server" link set inner mtu 1300
	ip -n "$far" link set far mtu 1300
	for who in user in_client; do
		expect_output_of "$who" "$who" 'Resume: pmtu 1300 hops 2' tracepath -6 -n "$far_address6"
	done
}

test_oping() {
	needs_command oping
	begin6
	# liboping knows no ping sockets: a raw one is what root gets.
	expect_output_of in_client "root" '^2 packets transmitted, 2 received, 0.00% packet loss' \
		oping -6 -c 2 -i 0.1 "$server_address6"
	expect_output "a user" 'not permitted' oping -6 -c 1 "$server_address6"
}

# ask_exporter PATH: what it answers.
ask_exporter() {
	in_client /usr/bin/python3 -c 'import sys, urllib.request
print(urllib.request.urlopen("http://[::1]:9115/" + sys.argv[1], timeout=20).read().decode())' "$1" 2>/dev/null
}

# probe WHO TARGET: what the exporter says that it found out.
probe() {
	ask_exporter "probe?module=icmp&target=$2" >"$scratch/metrics"
	expect_equal "$(sed -n 's/^probe_success //p' "$scratch/metrics")" 1 "$1: $2"
	expect_equal "$(sed -n 's/^probe_ip_protocol //p' "$scratch/metrics")" 6 "$1: protocol"
}

test_blackbox_exporter() {
	local exporter who program
	program=$("$(dirname "$0")/../scripts/unpacked" --path prometheus-blackbox-exporter 2>/dev/null) ||
		ktap_skip "needs prometheus-blackbox-exporter: scripts/setup"
	install -m 755 "$program" "$scratch/prometheus-blackbox-exporter"
	begin6
	cat >"$scratch/blackbox.yml" <<-END
		modules:
		  icmp:
		    prober: icmp
		    timeout: 5s
		    icmp:
		      preferred_ip_protocol: ip6
	END
	chmod 755 "$scratch"
	for who in user in_client; do
		"$who" "$scratch/prometheus-blackbox-exporter" --config.file="$scratch/blackbox.yml" \
			--web.listen-address='[::1]:9115' >"$scratch/exporter" 2>&1 &
		exporter=$!
		for _ in {1..300}; do
			ask_exporter "" >/dev/null && break
			sleep 0.1
		done
		probe "$who" "$server_address6"
		probe "$who" "$far_address6"
		ip netns pids "$client" | xargs -r kill
		wait "$exporter" 2>/dev/null || :
	done
}

test_python() {
	local who
	needs_command /usr/bin/python3
	begin6
	cat >"$scratch/ping.py" <<-'END'
		import errno, select, socket, struct, sys

		server, far = sys.argv[1:]
		ECHO_REQUEST, ECHO_REPLY = 128, 129

		def ping_socket():
		    return socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6)

		def request(sequence, data):
		    # The kernel puts in the checksum and the identifier.
		    return struct.pack("!BBHHH", ECHO_REQUEST, 0, 0xdead, 0xbeef, sequence) + data

		def expect_reply(sock, identifier, sequence, data, source):
		    reply, sender = sock.recvfrom(65536)
		    assert sender == source, sender
		    kind, code, _, number, order = struct.unpack("!BBHHH", reply[:8])
		    assert (kind, code, number, order) == (ECHO_REPLY, 0, identifier, sequence), reply[:8]
		    assert reply[8:] == data, reply

		def expect_errno(number, function, *arguments):
		    try:
		        function(*arguments)
		        sys.exit(f"{function}{arguments} did not fail")
		    except OSError as error:
		        assert error.errno == number, (arguments, error)

		# One that asks for an identifier, and one that gets one with the first request.
		with ping_socket() as first, ping_socket() as second:
		    first.settimeout(5)
		    second.settimeout(5)
		    first.bind(("::", 1234))
		    second.connect((server, 0))
		    assert first.getsockname()[:2] == ("::", 1234)
		    here = (server, 0, 0, 0)
		    for sequence in (0, 1, 65535):
		        first.sendto(request(sequence, b"one"), (server, 0))
		        second.send(request(sequence, b"two"))
		        expect_reply(first, 1234, sequence, b"one", here)
		        expect_reply(second, second.getsockname()[1], sequence, b"two", here)
		    assert second.getsockname()[1] not in (0, 1234)

		    # A link-local address has a scope.
		    scope = socket.if_nametoindex("client")
		    first.sendto(request(2, b"link"), ("fe80::2", 0, 0, scope))
		    expect_reply(first, 1234, 2, b"link", ("fe80::2", 0, 0, scope))

		    # The headers of a reply.
		    first.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
		    first.sendto(request(3, b""), (server, 0))
		    _, control, _, _ = first.recvmsg(1000, 1000)
		    assert control == [(socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT, struct.pack("=i", 64))], control
		    first.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 0)

		    # Time exceeded: an error that is pending, and one in the queue.
		    IPV6_RECVERR = 25
		    first.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
		    first.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
		    first.sendto(request(7, b"lost"), (far, 0))
		    poll = select.poll()
		    poll.register(first, select.POLLIN)
		    assert poll.poll(5000)[0][1] & select.POLLERR
		    # It keeps one request from being sent.
		    expect_errno(errno.EHOSTUNREACH, first.sendto, request(8, b"kept"), (server, 0))
		    about, control, _, target = first.recvmsg(1000, 1000, socket.MSG_ERRQUEUE)
		    kind, code, _, number, order = struct.unpack("!BBHHH", about[:8])
		    assert (kind, code, number, order) == (ECHO_REQUEST, 0, 1234, 7), about
		    assert about[8:] == b"lost", about
		    assert target[0] == far, target
		    level, kind, error = control[0]
		    number, origin, kind_of_error, code = struct.unpack_from("=IBBB", error)
		    assert (level, kind) == (socket.IPPROTO_IPV6, IPV6_RECVERR)
		    assert (number, origin, kind_of_error, code) == (errno.EHOSTUNREACH, 3, 3, 0), error
		    assert socket.inet_ntop(socket.AF_INET6, error[24:40]) == server, error
		    first.sendto(request(9, b"after"), (server, 0))
		    expect_reply(first, 1234, 9, b"after", here)

		# What does not go out: no echo request, no scope, no address, too long.
		with ping_socket() as sock:
		    for message in (b"\0" * 8, b"\x80\x01" + b"\0" * 6, b"\x81\0" + b"\0" * 6, b"\x80\0"):
		        expect_errno(errno.EINVAL, sock.sendto, message, (server, 0))
		    expect_errno(errno.EINVAL, sock.sendto, request(1, b""), ("fe80::2", 0))
		    expect_errno(errno.EDESTADDRREQ, sock.send, request(1, b""))
		    expect_errno(errno.EMSGSIZE, sock.sendto, request(1, bytes(65536)), (server, 0))
		print("all is well")
	END
	chmod 755 "$scratch"
	for who in user in_client; do
		expect_output_of "$who" "$who" '^all is well$' \
			/usr/bin/python3 "$scratch/ping.py" "$server_address6" "$far_address6"
	done
}

ktap_run "$@"
