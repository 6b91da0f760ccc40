// SPDX-License-Identifier: GPL-2.0-only
//
// /proc/net/icmpx_stat and icmpx6_stat: their form, who may read it, and that every packet has exactly one outcome.
//
// Outcomes of errors received are checked where those are (error_*), drop_options and drop_no_buffer
// in options_* and echo_memory, drop_busy in stat_busy, drop_no_memory in fault_packet; here is what else a test can
// bring about.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/family.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

using counters::Change;
using counters::Values;
using family::V4;
using family::V6;
using packet::Bytes;
using packet::Icmp;
using packet::Ipv4;
using packet6::Ipv6;

template <typename F>
constexpr const char *path =
	F::is_ipv6 ? "/proc/self/net/icmpx6_stat" : "/proc/self/net/icmpx_stat";

template <typename F> wire::Wire new_network()
{
	F::need_icmpx();
	return F::new_server();
}

template <typename F> typename F::Datagram request(const typename F::Address &from = F::client)
{
	return F::between(F::echo(1, 1, packet::pattern(56)), from, F::server);
}

template <typename F> Values now()
{
	return ktap::require_value(counters::lines_of(path<F>), path<F>);
}

template <typename Change> Values moved_in(const Change &change)
{
	return ktap::require_value(change.icmpx(), "counters");
}

/// The lines of the file, in their order.
template <typename F> const char *names()
{
	if constexpr (F::is_ipv6)
		return "packets_in reply_in_place reply_copied reply_express reply_node_info "
		       "reply_node_info_refused reply_node_info_late deliver_ping "
		       "deliver_error_icmp deliver_error_tcp "
		       "deliver_error_udp deliver_error_other deliver_error_raw pass_nd pass_mld "
		       "pass_ping limit_global limit_host limit_prefix ignore_echo "
		       "ignore_multicast "
		       "ignore_anycast ignore_probe ignore_node_info ignore_type drop_policy "
		       "drop_truncated "
		       "drop_checksum drop_unknown_type drop_embedded drop_no_protocol "
		       "drop_no_socket drop_ambiguous drop_socket_full drop_socket_filter "
		       "drop_socket_memory drop_no_route drop_busy drop_no_buffer drop_no_memory "
		       "drop_output fragmented_replies route_lookups node_info_sent_late "
		       "node_info_lost_late errors_to_raw_sockets "
		       "ping_sent ping_send_failed ping_errors ping_errors_queued "
		       "ping_errors_dropped ping_errors_unmatched errors_wanted "
		       "error_sent_unreachable error_sent_packet_too_big "
		       "error_sent_time_exceeded error_sent_parameter_problem "
		       "error_sent_other error_limit_global error_limit_host "
		       "error_suppressed_link_broadcast error_suppressed_broadcast "
		       "error_suppressed_error error_suppressed_source "
		       "error_suppressed_malformed error_failed_no_route error_failed_busy "
		       "error_failed_no_buffer error_failed_no_memory error_failed_mtu "
		       "error_failed_output ping_sockets sending ";
	return "packets_in reply_in_place reply_copied reply_express deliver_ping "
	       "deliver_ping_builtin "
	       "deliver_error_icmp deliver_error_tcp deliver_error_udp "
	       "deliver_error_other deliver_error_raw limit_global limit_host "
	       "limit_prefix ignore_echo ignore_probe ignore_timestamp ignore_type ignore_code "
	       "ignore_pmtu ignore_reassembly ignore_bogus drop_policy drop_truncated "
	       "drop_checksum "
	       "drop_unknown_type drop_broadcast drop_embedded drop_no_protocol "
	       "drop_no_socket drop_ambiguous drop_socket_full drop_socket_filter "
	       "drop_socket_memory drop_options drop_no_route drop_busy drop_no_buffer "
	       "drop_no_memory drop_output fragmented_replies route_lookups errors_to_raw_sockets "
	       "ping_sent ping_send_failed ping_errors ping_errors_queued "
	       "ping_errors_dropped ping_errors_unmatched errors_wanted "
	       "error_sent_unreachable error_sent_redirect error_sent_time_exceeded "
	       "error_sent_parameter_problem error_sent_other error_limit_global "
	       "error_limit_host error_suppressed_link_broadcast "
	       "error_suppressed_broadcast error_suppressed_fragment "
	       "error_suppressed_error error_suppressed_source "
	       "error_suppressed_malformed error_failed_options error_failed_no_route "
	       "error_failed_busy error_failed_no_buffer error_failed_no_memory "
	       "error_failed_mtu error_failed_output ping_sockets sending ";
}

template <typename F> void the_form()
{
	F::need_icmpx();
	host::enter_new_namespace();
	std::istringstream lines(ktap::require_value(host::read_file(path<F>), path<F>));
	std::string line, found;

	while (std::getline(lines, line)) {
		std::size_t space = line.find(' ');

		found += line.substr(0, space + 1);
		// That is of the machine, and no number.
		if (!line.starts_with("sending "))
			ktap::expect_equal(line.substr(space + 1), "0",
					   line + ": value in a new namespace");
	}
	ktap::expect_equal(found, names<F>(), "names");
}

template <typename F> void anybody_may_read_it()
{
	F::need_icmpx();
	struct stat file {};
	int status = 0;

	host::check(stat(path<F>, &file), "stat");
	ktap::expect_equal(file.st_mode & 07777, 0444U, "mode");
	pid_t child = host::check(fork(), "fork");
	if (child == 0)
		_exit(setuid(65534) || access(path<F>, R_OK) || open(path<F>, O_WRONLY) >= 0);
	host::check(waitpid(child, &status, 0), "waitpid");
	ktap::expect_equal(status, 0, "nobody reads and cannot write");
}

template <typename F> void each_namespace_has_its_own()
{
	wire::Wire one = new_network<F>();
	host::Namespace first = host::Namespace::current();
	wire::Wire other = new_network<F>();

	other.send(request<F>());
	ktap::expect_equal(now<F>()["packets_in"], 1, "packets_in of the one with a packet");
	first.enter();
	Values others = now<F>();
	others.erase("sending");
	for (const auto &[name, value] : others)
		ktap::expect_equal(value, 0, name + " of the other");
}

template <typename F> void replies()
{
	wire::Wire net = new_network<F>();
	auto change = F::change();

	net.send(request<F>());
	change.expect_outcomes({{"reply_in_place", 1}}, "nobody else reads the request");
	{
		sock::Socket reader = F::raw();

		change.restart();
		net.send(request<F>());
		change.expect_outcomes({{"reply_copied", 1}}, "a raw socket reads it, too");
	}
	change.restart();
	family::send_in_fragments(net, F::datagram(F::echo(1, 2, packet::pattern(3000))));
	change.expect_outcomes({{"reply", 1}}, "a request in fragments");
	ktap::expect_equal(moved_in(change)["fragmented_replies"], 1, "fragmented_replies");
}

void limits()
{
	wire::Wire net = new_network<V4>();
	constexpr int count = 20;
	auto flood = [&] {
		Change change;
		for (int i = 0; i < count; i++)
			net.send(request<V4>());
		Values moved = moved_in(change);
		ktap::expect_equal(moved["packets_in"], count, "packets_in");
		ktap::expect(counters::outcomes_equal_packets_in(moved),
			     "the sum of outcomes is packets_in");
		return moved;
	};

	host::set_sysctl("net/icmpx/echo_burst", 5);
	host::set_sysctl("net/icmpx/echo_ratelimit", 1);
	ktap::expect_between(flood()["limit_prefix"], count - 7, count - 5, "limit_prefix");
	host::set_sysctl("net/icmpx/echo_ratelimit", 0);
	// Linux 7 would save up 10,000 of them.
	if (host::read_file("/proc/sys/net/icmpx/msgs_burst"))
		host::set_sysctl("net/ipv4/icmp_msgs_burst", 50);
	// Echo replies are type 0.
	host::set_sysctl("net/ipv4/icmp_ratemask", 1);
	host::set_sysctl("net/ipv4/icmp_ratelimit", 60000);
	ktap::expect(flood()["limit_host"] > 0, "limit_host");
	host::set_sysctl("net/ipv4/icmp_ratelimit", 0);
	if (host::read_file("/proc/sys/net/icmpx/msgs_per_sec")) {
		host::set_sysctl("net/ipv4/icmp_msgs_per_sec", 0);
		host::set_sysctl("net/ipv4/icmp_msgs_burst", 0);
		// What was saved up may be used.
		for (int i = 0; i < 10; i++)
			flood();
		ktap::expect_equal(flood()["limit_global"], count, "limit_global");
	}
}

void types_that_are_ignored()
{
	wire::Wire net = new_network<V4>();

	for (std::uint8_t type : {1, 2, 6, 7, 9, 10, 14, 15, 16, 17, 18}) {
		Change change;

		net.send(packet::datagram({.type = type, .data = Bytes(20)}));
		change.expect_outcomes({{"ignore_type", 1}}, "type " + std::to_string(type));
	}
	for (std::uint8_t type : {19, 41, 44, 255}) {
		Change change;

		net.send(packet::datagram({.type = type, .data = Bytes(20)}));
		change.expect_outcomes({{"drop_unknown_type", 1}}, "type " + std::to_string(type));
	}
	Change change;
	net.send(packet::datagram({.type = V4::Type::extended_echo, .rest = 1, .data = Bytes(20)}));
	change.expect_outcomes({{"ignore_probe", 1}}, "PROBE, disabled");
	host::set_sysctl("net/icmpx/echo_enable_probe", 1);
	change.restart();
	net.send(packet::datagram({.type = V4::Type::extended_echo, .rest = 0, .data = Bytes(20)}));
	change.expect_outcomes({{"ignore_probe", 1}}, "PROBE about another node");
}

void packets_that_are_dropped()
{
	wire::Wire net = new_network<V4>();
	Change change;
	Ipv4 stump = request<V4>(), broadcast = request<V4>(),
	     unroutable = request<V4>(packet::ipv4("198.51.100.1"));

	net.send(packet::datagram(packet::echo_request(1, 1), packet::Checksum::wrong));
	change.expect_outcomes({{"drop_checksum", 1}}, "wrong checksum");

	change.restart();
	stump.payload = {8, 0, 0xf7, 0xff};
	net.send(stump);
	change.expect_outcomes({{"drop_truncated", 1}}, "half a header");

	change.restart();
	net.send(packet::datagram({.type = V4::Type::timestamp, .data = Bytes(3)}));
	change.expect_outcomes({{"drop_truncated", 1}}, "half a timestamp");

	change.restart();
	broadcast.destination = packet::ipv4("10.0.0.255");
	net.send(broadcast, wire::Cast::broadcast);
	change.expect_outcomes({{"drop_broadcast", 1}}, "broadcast");

	// Without a check of the source, for which there is no route.
	host::set_sysctl("net/ipv4/conf/all/rp_filter", 0);
	host::set_sysctl("net/ipv4/conf/wire0/rp_filter", 0);
	host::set_sysctl("net/ipv4/conf/wire0/accept_local", 1);
	host::run("ip route add unreachable 198.51.100.0/24");
	change.restart();
	net.send(unroutable);
	change.expect_outcomes({{"drop_no_route", 1}}, "no route back");
}

template <typename F> void replies_that_do_not_get_out()
{
	wire::Wire net = new_network<F>();
	const auto change = F::change();

	// No packet is as small as this queue wants it.
	host::need("sch_tbf", "tc qdisc add dev wire0 root tbf rate 8bit burst 1 limit 1");
	net.send(request<F>());
	change.expect_outcomes({{"drop_output", 1}}, "refused by the queue");
}

/// The same every time.
struct Random {
	std::mt19937 numbers{2011}; // NOLINT(cert-msc32-c,cert-msc51-cpp)

	std::uint32_t operator()() { return static_cast<std::uint32_t>(numbers()); }
	/// Below @p sides.
	unsigned roll(unsigned sides) { return (*this)() % sides; }
	Bytes bytes(std::size_t size)
	{
		Bytes all(size);

		std::ranges::generate(all, [&] { return static_cast<std::uint8_t>((*this)()); });
		return all;
	}
	packet::Checksum checksum()
	{
		return roll(8) ? packet::Checksum::right : packet::Checksum::wrong;
	}
};

/// A message of one of @p types, or of any, that often quotes a packet: @p version is the first byte of that, and its
/// protocol the byte @p place.
Icmp random_icmp(Random &random, std::span<const std::uint8_t> types, unsigned version,
		 std::size_t place)
{
	constexpr std::array<std::uint8_t, 6> protocols{1, 6, 17, 58, 132, 253};
	Icmp message{.type = random.roll(4)
				     ? types[random.roll(static_cast<unsigned>(types.size()))]
				     : static_cast<std::uint8_t>(random()),
		     .code = static_cast<std::uint8_t>(random.roll(20)),
		     .rest = random()};

	message.data = random.bytes(random.roll(random.roll(2) ? 64 : 1400));
	if (random.roll(2) && message.data.size() >= 20) {
		message.data[0] = static_cast<std::uint8_t>(version + random.roll(3));
		message.data[place] = protocols[random.roll(protocols.size())];
	}
	return message;
}

/// A message of any kind, most of them wrong in some way.
template <typename F> typename F::Datagram random_message(Random &random);

template <> Ipv4 random_message<V4>(Random &random)
{
	constexpr std::array<std::uint8_t, 16> types{0,	 3,  3,	 4,  5,	 8,  8,	 8,
						     11, 12, 13, 14, 17, 42, 43, 99};
	Ipv4 ip = packet::datagram(random_icmp(random, types, 0x45, 9), random.checksum());

	ip.id = static_cast<std::uint16_t>(random());
	ip.tos = static_cast<std::uint8_t>(random());
	if (random.roll(8) == 0)
		ip.payload.resize(random.roll(8));
	switch (random.roll(8)) {
	case 0:
		ip.options = {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0};
		break;
	case 1:
		ip.options = {68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0};
		break;
	case 2:
		ip.destination = packet::ipv4("10.0.0.255");
		break;
	default:
		break;
	}
	return ip;
}

/// Neighbours and routers would not be believed, with this hop limit, and are not answered.
template <> Ipv6 random_message<V6>(Random &random)
{
	constexpr std::array<std::uint8_t, 20> types{1,	  1,   2,   3,	 4,   128, 128,
						     128, 128, 129, 130, 131, 133, 134,
						     135, 136, 137, 143, 160, 161};
	const bool to_many = random.roll(8) == 0;
	Ipv6 ip = V6::datagram(random_icmp(random, types, 0x60, 6),
			       to_many ? packet6::all_nodes : packet6::server, random.checksum());

	ip.traffic_class = static_cast<std::uint8_t>(random());
	if (random.roll(8) == 0)
		ip.payload.resize(random.roll(8));
	if (random.roll(4) == 0)
		ip.extensions = {{.kind = packet6::destination_options, .contents = Bytes(6)}};
	return ip;
}

template <typename F> void a_random_mixture()
{
	Random random;
	wire::Wire net = new_network<F>();
	sock::Socket reader;
	constexpr int count = 2000;
	const auto change = F::change();

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	for (int i = 0; i < count; i++) {
		const auto message = random_message<F>(random);
		const auto cast =
			message.destination == F::server ? wire::Cast::unicast : F::to_many;

		// In the second half, requests that cannot be turned round in place.
		if (i == count / 2)
			reader = F::raw();
		if (i % 5 == 0) {
			for (const auto &part :
			     F::fragments(message, F::header + 108, static_cast<std::uint16_t>(i)))
				net.send(part, cast);
		} else {
			net.send(message, cast);
		}
		net.receive_all<typename F::Datagram>(wire::milliseconds{0});
	}
	Values moved = moved_in(change), snmp = change.snmp();
	ktap::say(counters::text(moved));
	ktap::expect(counters::outcomes_equal_packets_in(moved),
		     "the sum of outcomes is packets_in");
	ktap::expect_equal(moved["packets_in"], snmp[F::icmp + "InMsgs"], "packets_in is InMsgs");
	ktap::expect_between(moved["packets_in"], count * 8 / 10, count, "packets_in");
	// The built-in code counts those that it gets.
	const std::int64_t passed = moved["pass_nd"] + moved["pass_mld"] + moved["pass_ping"];
	ktap::expect_between(snmp[F::icmp + "InCsumErrors"], moved["drop_checksum"],
			     moved["drop_checksum"] + passed, "drop_checksum is InCsumErrors");
	ktap::expect_equal(moved["reply_in_place"] + moved["reply_copied"],
			   snmp[F::icmp + "OutMsgs"], "replies are OutMsgs");
	for (const char *outcome : {"reply_in_place", "reply_copied", "drop_truncated"})
		ktap::expect(moved[outcome] > 0, outcome);
	if constexpr (F::is_ipv6) {
		for (const char *outcome : {"pass_nd", "pass_mld", "drop_no_socket"})
			ktap::expect(moved[outcome] > 0, outcome);
	}
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"the_form", the_form<F>},
		{"anybody_may_read_it", anybody_may_read_it<F>},
		{"each_namespace_has_its_own", each_namespace_has_its_own<F>},
		{"replies", replies<F>},
		{"replies_that_do_not_get_out", replies_that_do_not_get_out<F>},
		{"a_random_mixture", a_random_mixture<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	all.insert(all.end(), {{"limits", limits},
			       {"types_that_are_ignored", types_that_are_ignored},
			       {"packets_that_are_dropped", packets_that_are_dropped}});
	return ktap::run(argc, argv, all);
}
