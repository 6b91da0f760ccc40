/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What differs between the families for tests that are the same for both: templates, whose parameter is V4 or V6.
 */
#pragma once

#include "counters.hpp"
#include "counters6.hpp"
#include "host.hpp"
#include "ktap.hpp"
#include "packet.hpp"
#include "packet6.hpp"
#include "socket.hpp"
#include "socket6.hpp"
#include "wire.hpp"
#include "wire6.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <linux/if_ether.h>

namespace family {

using packet::Bytes;
using packet::Checksum;
using packet::Icmp;
using wire::Cast;
using wire::Wire;

struct V4 {
	using Datagram = packet::Ipv4;
	using Change = counters::Change;
	using Address = packet::Address;
	using Type = packet::Type;

	static constexpr bool is_ipv6 = false;
	static constexpr std::uint16_t ethernet = ETH_P_IP;
	/// Bytes of the IP header, and of that of a fragment.
	static constexpr std::size_t header = 20, fragment_header = 20;

	/// What nft calls a table, an address in a header, and messages of ICMP; the option of `ip`; where settings are.
	static inline const std::string table = "ip", option = "-4", settings = "net/ipv4/",
					request = "icmp type echo-request",
					reply = "icmp type echo-reply";
	/// Names of counters.
	static inline const std::string icmp = "Icmp.", out_type = "IcmpMsg.OutType", ip = "Ip.",
					echo_replies = "OutEchoReps";

	static constexpr Address client = packet::client, server = packet::server;
	/// An address of the wire that is not the machine's.
	static constexpr Address another = 0x0a000009;
	static inline const std::string client_text = "10.0.0.1", server_text = "10.0.0.2",
					server_prefix = "10.0.0.2/24", another_text = "10.0.0.9";
	/// To whom a request is that many get, and how.
	static constexpr Address many = 0x0a0000ff;
	static constexpr Cast to_many = Cast::broadcast;

	/// An address of this host in the network @p number, and its prefix.
	static std::string own(int number) { return "10.0." + std::to_string(number) + ".2/24"; }
	/// The same without the prefix, and its neighbour there.
	static Address own_address(int number) { return packet::server + network(number); }
	static Address neighbour(int number) { return packet::client + network(number); }
	static Address address(const std::string &text) { return packet::ipv4(text); }

	static Icmp echo(std::uint16_t id, std::uint16_t sequence, Bytes data)
	{
		return packet::echo_request(id, sequence, std::move(data));
	}
	static Datagram between(const Icmp &message, Address from, Address to,
				Checksum sum = Checksum::right)
	{
		Datagram ip = packet::datagram(message, sum);

		ip.source = from;
		ip.destination = to;
		return ip;
	}
	static Datagram datagram(const Icmp &message, Address to = server,
				 Checksum sum = Checksum::right)
	{
		return between(message, client, to, sum);
	}
	static std::optional<Datagram> parse(packet::View bytes)
	{
		return packet::parse_ipv4(bytes);
	}
	static std::optional<Icmp> message(const Datagram &ip)
	{
		return packet::parse_icmp(ip.payload);
	}

	/// Those of a datagram of its own @p id.
	static std::vector<Datagram> fragments(Datagram ip, std::size_t mtu, std::uint16_t id)
	{
		ip.id = id;
		return packet::fragment(ip, mtu);
	}

	/// A wire with the server's address and a default route; in a new namespace.
	static Wire serve(const Wire::Options &options = {}, unsigned mtu = 1500)
	{
		return wire::serve(options, mtu);
	}
	static Wire new_server(const Wire::Options &options = {}, unsigned mtu = 1500)
	{
		return wire::new_server(options, mtu);
	}
	static void add_address(const std::string &device, const std::string &prefix)
	{
		host::run("ip address add " + prefix + " dev " + device);
	}
	/// Has @p device, or those that are made later ("default"), send nothing of its own accord.
	static void quiet(const std::string &device)
	{
		host::write_file("/proc/sys/net/ipv6/conf/" + device + "/disable_ipv6", "1");
	}
	/// Has @p device up without address resolution, and with no address but @p prefix.
	static void configure(const std::string &device, const std::string &prefix)
	{
		quiet(device);
		host::run("ip link set " + device + " arp off up");
		add_address(device, prefix);
	}
	/// Requests to many are answered from now on.
	static void answer_many() { host::set_sysctl("net/ipv4/icmp_echo_ignore_broadcasts", 0); }
	static void set_class(Datagram &ip, std::uint8_t value) { ip.tos = value; }
	static void set_hops(Datagram &ip, std::uint8_t value) { ip.ttl = value; }
	static void need_icmpx() { host::need_icmpx(); }
	static Change change() { return Change(); }
	static sock::Socket raw() { return sock::raw(IPPROTO_ICMP); }

private:
	static Address network(int number) { return static_cast<Address>(number) << 8; }
};

struct V6 {
	using Datagram = packet6::Ipv6;
	using Change = counters6::Change;
	using Address = packet6::Address;
	using Type = packet6::Type;

	static constexpr bool is_ipv6 = true;
	static constexpr std::uint16_t ethernet = ETH_P_IPV6;
	static constexpr std::size_t header = 40, fragment_header = 48;

	static inline const std::string table = "ip6", option = "-6", settings = "net/ipv6/",
					request = "icmpv6 type echo-request",
					reply = "icmpv6 type echo-reply";
	static inline const std::string icmp = "Icmp6", out_type = "Icmp6OutType", ip = "Ip6",
					echo_replies = "OutEchoReplies";

	static constexpr Address client = packet6::client, server = packet6::server;
	static constexpr Address another{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};
	static inline const std::string client_text = "fd00::1", server_text = "fd00::2",
					server_prefix = "fd00::2/64", another_text = "fd00::9";
	static constexpr Address many = packet6::all_nodes;
	static constexpr Cast to_many = Cast::multicast;

	static std::string own(int number) { return network(number) + "2/64"; }
	static Address own_address(int number) { return address(network(number) + '2'); }
	static Address neighbour(int number) { return address(network(number) + '1'); }
	static Address address(const std::string &text) { return packet6::ipv6(text); }

	static Icmp echo(std::uint16_t id, std::uint16_t sequence, Bytes data)
	{
		return packet6::echo_request(id, sequence, std::move(data));
	}
	static Datagram between(const Icmp &message, const Address &from, const Address &to,
				Checksum sum = Checksum::right)
	{
		return packet6::datagram(message, {from, to}, sum);
	}
	static Datagram datagram(const Icmp &message, const Address &to = server,
				 Checksum sum = Checksum::right)
	{
		return between(message, client, to, sum);
	}
	static std::optional<Datagram> parse(packet::View bytes)
	{
		return packet6::parse_ipv6(bytes);
	}
	static std::optional<Icmp> message(const Datagram &ip) { return packet6::parse_icmp(ip); }

	static std::vector<Datagram> fragments(const Datagram &ip, std::size_t mtu,
					       std::uint16_t id)
	{
		return packet6::fragment(ip, mtu, id);
	}

	static Wire serve(const Wire::Options &options = {}, unsigned mtu = 1500)
	{
		Wire wire = wire6::serve(options, mtu);

		host::run("ip -6 route add default dev " + options.name);
		return wire;
	}
	static Wire new_server(const Wire::Options &options = {}, unsigned mtu = 1500)
	{
		return wire6::new_server(options, mtu);
	}
	static void add_address(const std::string &device, const std::string &prefix)
	{
		wire6::add_addresses(device, {prefix});
	}
	static void quiet(const std::string &device) { wire6::quiet(device); }
	static void configure(const std::string &device, const std::string &prefix)
	{
		quiet(device);
		host::run("ip link set " + device + " arp off up");
		add_address(device, prefix);
	}
	static void answer_many() {}
	static void set_class(Datagram &ip, std::uint8_t value) { ip.traffic_class = value; }
	static void set_hops(Datagram &ip, std::uint8_t value) { ip.hop_limit = value; }
	static void need_icmpx() { host::need_icmpx6(); }
	/// Of the namespace alone.
	static Change change() { return Change(""); }
	static sock::Socket raw() { return sock6::raw(IPPROTO_ICMPV6); }

private:
	static std::string network(int number)
	{
		return (number < 10 ? "fd0" : "fd") + std::to_string(number) + "::";
	}
};

/// wire::next_answer() of the family.
template <typename F>
std::optional<wire::AnswerIn<typename F::Datagram>>
next_answer(const Wire &wire, wire::milliseconds timeout = wire::patience,
	    const wire::Where &where = wire::Where::current())
{
	return wire::next_answer<typename F::Datagram>(wire, timeout, where);
}

/// Expects the reply to @p request as the next answer of @p wire.
template <typename Datagram>
void expect_reply_at(const Wire &wire, const Datagram &request, const std::string &what = "a reply",
		     const wire::Where &where = wire::Where::current())
{
	wire::expect_echo_reply(
		ktap::require_value(wire::next_answer<Datagram>(wire, wire::patience, where), what,
				    where),
		request, where);
}

/// Sends @p request, in fragments where it is larger than @p mtu.
template <typename Datagram>
void send_in_fragments(const Wire &wire, const Datagram &request, std::size_t mtu = 1500)
{
	for (const Datagram &part : fragment(request, mtu))
		wire.send(part);
}

/// A second wire, wire1, with an address of the network @p number.
template <typename F> Wire second_wire(int number = 1)
{
	Wire wire = Wire::tap({.name = "wire1"});

	F::configure("wire1", F::own(number));
	return wire;
}

/// The tests of both families; the names of those of IPv6 begin with "ipv6_".
inline std::vector<ktap::Test> both(std::vector<ktap::Test> tests, std::vector<ktap::Test> of_ipv6)
{
	for (ktap::Test &test : of_ipv6) {
		test.name.insert(0, "ipv6_");
		tests.push_back(std::move(test));
	}
	return tests;
}

} // namespace family
