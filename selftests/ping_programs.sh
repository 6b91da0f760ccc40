#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# fping, traceroute, mtr and Python, run by a user without privileges.

# shellcheck source=lib/user.sh
. "$(dirname "$0")/lib/user.sh"

test_sockets() {
	local command
	needs_command strace
	begin
	for command in "fping -c 1" "traceroute -n -I -m 1 -q 1" "mtr -n -r -c 1"; do
		command -v "${command%% *}" >/dev/null || continue
		# shellcheck disable=SC2086 # a command and its options
		opens "$command" $command "$server_address"
	done
}

test_groups() {
	local command
	begin
	sysctl_in "$client" net.ipv4.ping_group_range="1 0"
	for command in fping "traceroute -I"; do
		command -v "${command%% *}" >/dev/null || continue
		# shellcheck disable=SC2086 # a command and its options
		expect_output "$command" 'must run as root|privileges|permitted|denied' $command "$server_address"
	done
}

# fping 5.1, which Debian 12 has, takes a reply for its own when the identifier is the number of its process, but does not
# bind its ping socket to that. So it becomes process 1 of a namespace, and finds all identifiers taken but for 1: until
# the coprocess's input is closed. To find that one takes the built-in code seconds: the first request goes out late.
take_identifiers() {
	coproc in_client prlimit --nofile=70000 /usr/bin/python3 -c '
import socket, sys
taken = []
for identifier in range(2, 65536):
    taken.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP))
    taken[-1].bind(("0.0.0.0", identifier))
print("taken", flush=True)
sys.stdin.read()'
	read -r _ <&"${COPROC[0]}"
}

fping_with_identifier() {
	in_client timeout 60 unshare --pid --fork "${as_user[@]}" fping "$@"
}

# expect_fping WHAT ALIVE OPTIONS…: that many of the targets are alive.
expect_fping() {
	local what=$1 alive=$2 output
	shift 2
	output=$(fping_with_identifier -s "$@" 2>&1)
	grep -qE "^ *$alive alive\$" <<<"$output" && return
	echo "# ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $what: not $alive alive in what 'fping $*' prints:"
	printf '%s\n' "${output//$'\n'/$'\n#   '}" | sed '1s/^/#   /' | tail -n 40
	ktap_failed=1
}

# Five hundred hosts, which are all the server.
test_fping() {
	local many=(-g 10.2.0.1 10.2.1.244) i
	needs_command fping
	begin
	for i in {1..500}; do
		echo "address add 10.2.$((i / 256)).$((i % 256))/32 dev lo"
	done | ip -n "$server" -batch -
	take_identifiers
	expect_fping "500 targets" 500 -q -i 1 -r 0 -t 60000 "${many[@]}"
	expect_fping "two each" 500 -q -c 2 -i 1 -p 1000 "${many[@]}"
	expect_fping "-C, random data" 500 -q -C 2 -i 1 -p 1000 -R "${many[@]}"
	expect_fping "size" 500 -q -b 3000 -i 1 -r 0 -t 60000 "${many[@]}"
	expect_fping "source, device, header" 500 -q -S "$client_address" -I client -O 16 -H 7 -M -i 1 -r 0 -t 60000 \
		"${many[@]}"
	expect_fping "some of them" 244 -q -i 1 -r 1 -t 1000 -g 10.2.1.1 10.2.2.10
}

# One probe at a time: an error that waits to be read makes the next request fail, which traceroute takes for sent.
test_traceroute() {
	local options
	needs_command traceroute
	begin
	for options in "" "-s $client_address" "-i client" "-t 16" -F; do
		# shellcheck disable=SC2086 # some options
		user traceroute -n -I -N 1 -q 1 -w 60 -m 2 $options "$far_address" >"$scratch/path" 2>&1
		expect_equal "$(awk '$1 ~ /^[0-9]+$/ { print $1, $2 }' "$scratch/path")" "1 10.0.0.2
2 10.1.0.2" "traceroute -I $options"
	done
	expect_output "no route" '^ 1  10\.0\.0\.2 .*!N' traceroute -n -I -N 1 -q 1 -w 60 -m 1 10.9.0.1
	ip -n "$server" link set inner mtu 1300
	ip -n "$far" link set far mtu 1300
	expect_output "traceroute --mtu" '^ 2  10\.1\.0\.2 .* F=1300' \
		traceroute -n -I -N 1 -q 1 -w 60 -m 2 --mtu "$far_address"
}

test_mtr() {
	needs_command mtr
	begin
	user mtr -n -r -c 2 "$far_address" >"$scratch/report" 2>&1
	expect_equal "$(awk '$1 ~ /\|/ { print $2, $3, $4 }' "$scratch/report")" "10.0.0.2 0.0% 2
10.1.0.2 0.0% 2" "hosts, losses and requests"
}

# expect_python PATTERN: the program in the standard input prints this. Its arguments are the addresses of the server and
# of the host behind it.
expect_python() {
	expect_output "python" "$1" /usr/bin/python3 - "$server_address" "$far_address"
}

test_python() {
	needs_command /usr/bin/python3
	begin
	ip -n "$client" route add throw 10.9.3.0/24
	ip -n "$client" route add unreachable 10.9.4.0/24
	expect_python '^all is well$' <<-'END'
		import errno, select, socket, struct, sys

		server, far = sys.argv[1:]
		IP_RECVERR, ECHO_REQUEST, ECHO_REPLY = 11, 8, 0

		def ping_socket():
		    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)

		def request(sequence, data):
		    # The kernel puts in the checksum and the identifier.
		    return struct.pack("!BBHHH", ECHO_REQUEST, 0, 0xdead, 0xbeef, sequence) + data

		def expect_reply(sock, identifier, sequence, data):
		    reply, sender = sock.recvfrom(65536)
		    assert sender == (server, 0), sender
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
		    first.bind(("0.0.0.0", 1234))
		    second.connect((server, 0))
		    assert first.getsockname() == ("0.0.0.0", 1234)
		    for sequence in (0, 1, 65535):
		        first.sendto(request(sequence, b"one"), (server, 0))
		        second.send(request(sequence, b"two"))
		        expect_reply(first, 1234, sequence, b"one")
		        expect_reply(second, second.getsockname()[1], sequence, b"two")
		    assert second.getsockname()[1] not in (0, 1234)

		    # Time exceeded: an error that is pending, and one in the queue.
		    first.setsockopt(socket.SOL_IP, IP_RECVERR, 1)
		    first.setsockopt(socket.SOL_IP, socket.IP_TTL, 1)
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
		    assert (level, kind) == (socket.SOL_IP, IP_RECVERR)
		    assert (number, origin, kind_of_error, code) == (errno.EHOSTUNREACH, 2, 11, 0), error
		    assert socket.inet_ntoa(error[20:24]) == server, error
		    first.sendto(request(9, b"after"), (server, 0))
		    expect_reply(first, 1234, 9, b"after")

		# What does not go out: no echo request, no way, not to this address, no address, too long.
		with ping_socket() as sock:
		    for message in (b"\0" * 8, b"\x08\x01" + b"\0" * 6, b"\x0d\0" + b"\0" * 18, b"\x08\0"):
		        expect_errno(errno.EINVAL, sock.sendto, message, (server, 0))
		    expect_errno(errno.ENETUNREACH, sock.sendto, request(1, b""), ("10.9.3.1", 0))
		    expect_errno(errno.EHOSTUNREACH, sock.sendto, request(1, b""), ("10.9.4.1", 0))
		    expect_errno(errno.EACCES, sock.sendto, request(1, b""), ("10.0.0.255", 0))
		    expect_errno(errno.EDESTADDRREQ, sock.send, request(1, b""))
		    expect_errno(errno.EMSGSIZE, sock.sendto, request(1, bytes(65536)), (server, 0))
		print("all is well")
	END
}

ktap_run "$@"
