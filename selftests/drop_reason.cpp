// SPDX-License-Identifier: GPL-2.0-only
//
// Drop monitors are told why: the reason in the tracepoint skb:kfree_skb for each way in which a message is dropped, and
// none for what is answered or ignored.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <filesystem>
#include <set>
#include <sstream>

using packet::Ipv4;
using wire::Cast;

namespace {

/// A buffer of the kernel's tracer that records dropped packets, for as long as this lives.
class DropTrace {
public:
	DropTrace()
	{
		if (!std::filesystem::exists("/sys/kernel/tracing/instances"))
			throw ktap::Skip{"needs tracefs"};
		std::filesystem::create_directory(directory);
		set(true);
	}

	DropTrace(const DropTrace &) = delete;
	DropTrace &operator=(const DropTrace &) = delete;

	~DropTrace()
	{
		set(false);
		std::error_code ignored;
		std::filesystem::remove(directory, ignored);
	}

	/// Why IPv4 packets were dropped since this was asked last.
	std::set<std::string> reasons() const
	{
		const std::string text = host::read_file(directory + "/trace").value_or("");
		const std::string mark = "reason: ";
		std::istringstream lines(text);
		std::set<std::string> found;
		std::string line;

		while (std::getline(lines, line)) {
			const auto at = line.find(mark);
			if (line.find("protocol=2048 ") != line.npos && at != line.npos)
				found.insert(line.substr(at + mark.size()));
		}
		host::write_file(directory + "/trace", "");
		return found;
	}

private:
	static void set(bool on)
	{
		host::write_file(directory + "/events/skb/kfree_skb/enable", on ? "1" : "0");
	}

	inline static const std::string directory = "/sys/kernel/tracing/instances/icmpx_selftest";
};

void expect_reason(const wire::Wire &wire, const DropTrace &trace, const Ipv4 &ip, Cast cast,
		   const std::string &reason)
{
	wire.send(ip, cast);
	wire.receive_all();
	ktap::expect_equal(trace.reasons().contains(reason), true, "reason " + reason);
}

Ipv4 of_type(std::uint8_t type, packet::Checksum sum = packet::Checksum::right)
{
	return packet::datagram({.type = type, .code = 0, .rest = 0, .data = {}}, sum);
}

void wrong_checksum()
{
	const DropTrace trace;
	auto wire = wire::new_server();

	expect_reason(wire, trace, of_type(packet::echo, packet::Checksum::wrong), Cast::unicast,
		      "ICMP_CSUM");
}

void unknown_type()
{
	const DropTrace trace;
	auto wire = wire::new_server();

	expect_reason(wire, trace, of_type(77), Cast::unicast, "UNHANDLED_PROTO");
}

void request_by_broadcast()
{
	const DropTrace trace;
	auto wire = wire::new_server();
	Ipv4 ip = of_type(packet::echo);

	ip.destination = packet::ipv4("10.0.0.255");
	expect_reason(wire, trace, ip, Cast::broadcast, "INVALID_PROTO");
}

void reply_that_nobody_waits_for()
{
	const DropTrace trace;
	auto wire = wire::new_server();

	expect_reason(wire, trace, of_type(packet::echo_reply), Cast::unicast, "NO_SOCKET");
}

void timestamp_request_without_a_timestamp()
{
	const DropTrace trace;
	auto wire = wire::new_server();

	expect_reason(wire, trace, of_type(packet::timestamp), Cast::unicast, "PKT_TOO_SMALL");
}

void embedded_header_of_less_than_20_bytes()
{
	const DropTrace trace;
	auto wire = wire::new_server();
	packet::Icmp error{.type = packet::unreachable, .code = 1, .rest = 0, .data = {}};

	error.data.assign(28, 0);
	error.data.at(0) = 0x44;
	expect_reason(wire, trace, packet::datagram(error), Cast::unicast, "IP_INHDR");
}

/// The reply is no drop, and neither is a request that a setting keeps from being answered.
void answered_or_ignored()
{
	const DropTrace trace;
	auto wire = wire::new_server();

	for (const int ignore : {0, 1}) {
		host::set_sysctl("net/ipv4/icmp_echo_ignore_all", ignore);
		wire.send(packet::datagram(packet::echo_request(1, 1)));
		wire.receive_all();
		ktap::expect(trace.reasons().empty(), "no reason");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"wrong_checksum", wrong_checksum},
		 {"unknown_type", unknown_type},
		 {"request_by_broadcast", request_by_broadcast},
		 {"reply_that_nobody_waits_for", reply_that_nobody_waits_for},
		 {"timestamp_request_without_a_timestamp", timestamp_request_without_a_timestamp},
		 {"embedded_header_of_less_than_20_bytes", embedded_header_of_less_than_20_bytes},
		 {"answered_or_ignored", answered_or_ignored}});
}
