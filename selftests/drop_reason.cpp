// SPDX-License-Identifier: GPL-2.0-only
//
// Drop monitors are told why: the reason in the tracepoint skb:kfree_skb for each way in which a message is dropped, and
// none for what is answered or ignored.

#include "lib/family.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <filesystem>
#include <set>
#include <sstream>

using family::V4;
using family::V6;
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

	/// Why packets of the family were dropped since this was asked last.
	template <typename F> std::set<std::string> reasons() const
	{
		const std::string protocol = "protocol=" + std::to_string(F::ethernet) + ' ';
		const std::string text = host::read_file(directory + "/trace").value_or("");
		const std::string mark = "reason: ";
		std::istringstream lines(text);
		std::set<std::string> found;
		std::string line;

		while (std::getline(lines, line)) {
			const auto at = line.find(mark);
			if (line.find(protocol) != line.npos && at != line.npos)
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

template <typename F>
void expect_reason(const wire::Wire &wire, const DropTrace &trace, const typename F::Datagram &ip,
		   Cast cast, const std::string &reason)
{
	wire.send(ip, cast);
	wire.template receive_all<typename F::Datagram>();
	ktap::expect_equal(trace.reasons<F>().contains(reason), true, "reason " + reason);
}

template <typename F>
typename F::Datagram of_type(std::uint8_t type, packet::Checksum sum = packet::Checksum::right)
{
	return F::datagram({.type = type, .code = 0, .rest = 0, .data = {}}, F::server, sum);
}

template <typename F> void wrong_checksum()
{
	const DropTrace trace;
	auto wire = F::new_server();

	expect_reason<F>(wire, trace, of_type<F>(F::Type::echo, packet::Checksum::wrong),
			 Cast::unicast, "ICMP_CSUM");
}

/// The built-in code of IPv6 has no reason for what it does not know.
template <typename F> void unknown_type()
{
	constexpr std::uint8_t type = F::is_ipv6 ? 199 : 77;
	const DropTrace trace;

	if (F::is_ipv6)
		F::need_icmpx();
	auto wire = F::new_server();
	expect_reason<F>(wire, trace, of_type<F>(type), Cast::unicast, "UNHANDLED_PROTO");
}

/// Nor for what is too short.
void half_a_header()
{
	const DropTrace trace;

	host::need_icmpx6();
	auto wire = V6::new_server();
	auto ip = of_type<V6>(V6::Type::echo);
	ip.payload.resize(4);
	ip.payload[2] = ip.payload[3] = 0;
	const std::uint16_t sum =
		packet::checksum(ip.payload, packet6::pseudo_header(ip.source, ip.destination, 4));
	ip.payload[2] = static_cast<std::uint8_t>(sum >> 8);
	ip.payload[3] = static_cast<std::uint8_t>(sum);
	expect_reason<V6>(wire, trace, ip, Cast::unicast, "PKT_TOO_SMALL");
}

void request_by_broadcast()
{
	const DropTrace trace;
	auto wire = V4::new_server();
	Ipv4 ip = of_type<V4>(packet::echo);

	ip.destination = packet::ipv4("10.0.0.255");
	expect_reason<V4>(wire, trace, ip, Cast::broadcast, "INVALID_PROTO");
}

template <typename F> void reply_that_nobody_waits_for()
{
	const DropTrace trace;
	auto wire = F::new_server();

	expect_reason<F>(wire, trace, of_type<F>(F::Type::echo_reply), Cast::unicast, "NO_SOCKET");
}

void timestamp_request_without_a_timestamp()
{
	const DropTrace trace;
	auto wire = V4::new_server();

	expect_reason<V4>(wire, trace, of_type<V4>(packet::timestamp), Cast::unicast,
			  "PKT_TOO_SMALL");
}

void embedded_header_of_less_than_20_bytes()
{
	const DropTrace trace;
	auto wire = V4::new_server();
	packet::Icmp error{.type = packet::unreachable, .code = 1, .rest = 0, .data = {}};

	error.data.assign(28, 0);
	error.data.at(0) = 0x44;
	expect_reason<V4>(wire, trace, packet::datagram(error), Cast::unicast, "IP_INHDR");
}

/// The reply is no drop, and neither is a request that a setting keeps from being answered. (To the built-in code of IPv6 that
/// is a drop without a reason.)
template <typename F> void answered_or_ignored()
{
	const std::string setting =
		F::settings + (F::is_ipv6 ? "icmp/echo_ignore_all" : "icmp_echo_ignore_all");
	const DropTrace trace;
	auto wire = F::new_server();

	for (const int ignore : {0, 1}) {
		if (F::is_ipv6 && ignore && !host::has_icmpx6())
			continue;
		host::set_sysctl(setting, ignore);
		wire.send(F::datagram(F::echo(1, 1, {})));
		wire.template receive_all<typename F::Datagram>();
		ktap::expect(trace.reasons<F>().empty(), "no reason");
	}
}

void timestamp_request_ignored()
{
	host::need_icmpx();
	const DropTrace trace;
	auto wire = V4::new_server();

	host::set_sysctl("net/icmpx/timestamp_ignore_all", 1);
	wire.send(of_type<V4>(packet::timestamp));
	wire.receive_all<Ipv4>();
	ktap::expect(trace.reasons<V4>().empty(), "no reason");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"wrong_checksum", wrong_checksum<F>},
		{"unknown_type", unknown_type<F>},
		{"reply_that_nobody_waits_for", reply_that_nobody_waits_for<F>},
		{"answered_or_ignored", answered_or_ignored<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	all.insert(
		all.end(),
		{{"request_by_broadcast", request_by_broadcast},
		 {"timestamp_request_without_a_timestamp", timestamp_request_without_a_timestamp},
		 {"timestamp_request_ignored", timestamp_request_ignored},
		 {"embedded_header_of_less_than_20_bytes", embedded_header_of_less_than_20_bytes},
		 {"ipv6_half_a_header", half_a_header}});
	return ktap::run(argc, argv, all);
}
