// SPDX-License-Identifier: GPL-2.0-only
//
// net.ipv4.ip_no_pmtu_disc = 3: fragmentation needed is believed about those protocols alone that check, by a tag of
// theirs in the quotation, that they have sent the datagram. Each of the 256 values of the quoted protocol.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <optional>
#include <string>

namespace {

using counters::Change;
using counters::Values;
using errors::remote;
using packet::Bytes;
using sock::Socket;

constexpr int strict = 3;
constexpr int mtu = 1200;

const wire::Wire &net()
{
	static const wire::Wire wire = wire::new_server();
	return wire;
}

/// Whether the kernel has the protocol that it calls @p name.
bool has(const std::string &name)
{
	return host::try_run("grep -q '^" + name + " ' /proc/net/protocols");
}

/// Those whose handlers say that they check; what is not loaded says nothing.
bool checks_tags(int protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return true;
	case IPPROTO_SCTP:
		return has("SCTP");
	case IPPROTO_DCCP:
		return has("DCCP");
	default:
		return false;
	}
}

/// The error about a datagram of @p protocol; there is no socket of the protocol's own that can have sent it.
packet::Ipv4 too_big(int protocol)
{
	return errors::too_big(mtu, errors::sent(static_cast<std::uint8_t>(protocol), errors::host,
						 remote(static_cast<std::uint8_t>(protocol)),
						 packet::pattern(64))
					    .build());
}

/// A raw socket sees each error that is believed. There is none for 0, and IPPROTO_RAW's only sends.
std::optional<Socket> listener(int protocol)
{
	net();
	if (protocol == 0 || protocol == IPPROTO_RAW)
		return std::nullopt;
	Socket socket = sock::raw(protocol);
	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	return socket;
}

/// Sends the error while the setting is @p setting; returns the raw socket's error.
std::optional<sock::Error> told(int protocol, int setting)
{
	const auto socket = listener(protocol);

	host::set_sysctl("net/ipv4/ip_no_pmtu_disc", setting);
	net().send(too_big(protocol));
	host::set_sysctl("net/ipv4/ip_no_pmtu_disc", 0);
	return socket ? sock::next_error(*socket) : std::nullopt;
}

void expect_counted(const Change &change, int in_errors, const std::string &what)
{
	Values expected{{"Icmp.InMsgs", 1}, {"Icmp.InDestUnreachs", 1}, {"IcmpMsg.InType3", 1}};

	if (in_errors)
		expected["Icmp.InErrors"] = in_errors;
	change.expect_icmp(expected, what);
}

void those_without_a_tag_are_not_believed()
{
	net();
	Change change(counters::Files::snmp);

	for (int protocol = 0; protocol < 256; protocol++) {
		if (checks_tags(protocol))
			continue;
		const std::string what = "protocol " + std::to_string(protocol);

		change.restart();
		ktap::expect(!told(protocol, strict), what + ", no error");
		expect_counted(change, 0, what);
		change.expect_outcomes({{"ignore_pmtu", 1}}, what);
	}
	ktap::expect_equal(host::output_of("ip route show cache").find("mtu"), std::string::npos,
			   "a route with a learned MTU");
}

/// The same errors are believed otherwise: the test above would see it.
void all_are_believed_by_default()
{
	for (int protocol = 1; protocol < 255; protocol++) {
		const auto error = told(protocol, 0);
		const std::string what = "protocol " + std::to_string(protocol);

		ktap::expect_equal(error ? error->number : 0, EMSGSIZE, what + ", ee_errno");
		ktap::expect_equal(error ? error->info : 0, mtu, what + ", ee_info");
	}
}

/// TCP looks at the ports and at the sequence number itself, and knows no such connection; before it the raw socket has
/// seen the error, and the route has learned.
void tcp_is_asked()
{
	net();
	Change change(counters::Files::snmp);
	const auto error = told(IPPROTO_TCP, strict);

	ktap::expect_equal(error ? error->number : 0, EMSGSIZE, "ee_errno");
	expect_counted(change, 1, "no such connection");
	ktap::expect_equal(errors::learned_mtu(remote(IPPROTO_TCP)), mtu, "route");
}

/// One more that checks, once it is there; before, the first test has been about it.
void sctp_is_asked()
{
	host::need("sctp", "grep -q '^SCTP ' /proc/net/protocols");
	net();
	Change change(counters::Files::snmp);
	const auto error = told(IPPROTO_SCTP, strict);

	ktap::expect_equal(error ? error->number : 0, EMSGSIZE, "ee_errno");
	expect_counted(change, 1, "no such association");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"those_without_a_tag_are_not_believed", those_without_a_tag_are_not_believed},
		 {"all_are_believed_by_default", all_are_believed_by_default},
		 {"tcp_is_asked", tcp_is_asked},
		 {"sctp_is_asked", sctp_is_asked}});
}
