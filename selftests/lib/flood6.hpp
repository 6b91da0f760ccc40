/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Traffic over IPv6 that runs beside a test, accounted for as that of flood.hpp: echo requests, errors, queries of MLD,
 * and neighbour discovery.
 */
#pragma once

#include "flood.hpp"
#include "neighbours.hpp"
#include "netlink.hpp"
#include "packet6.hpp"
#include "socket6.hpp"
#include "wire6.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <initializer_list>
#include <linux/icmpv6.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace flood6 {

using flood::Account;
using flood::Network;
using packet6::Address;
using packet6::Bytes;
using sock6::Socket;

/// An address of the server whose neighbour entry Discoveries deletes.
inline constexpr Address forgotten{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3};

/// Gives both ends of @p network IPv6: fd00::1 and fe80::1 to the client, fd00::2, fd00::3 and fe80::2 to the server. Each
/// knows the other's address, but the client not fd00::3. The server's errors are not limited.
inline void add_ipv6(const Network &network)
{
	const auto bring_up = [](const std::string &device,
				 std::initializer_list<std::string> addresses) {
		// The link-local address that the kernel has made goes when the device goes down.
		host::run("ip link set " + device + " down");
		wire6::quiet(device);
		host::run("ip link set " + device + " up");
		wire6::add_addresses(device, addresses);
	};
	const auto know = [](const std::string &from, const std::string &device,
			     const std::string &address, const std::string &to,
			     const std::string &peer) {
		host::run("ip -n " + from + " neighbour replace " + address + " dev " + device +
			  " nud permanent lladdr $(ip -n " + to + " link show dev " + peer +
			  " | sed -n 's,.*link/ether \\([^ ]*\\).*,\\1,p')");
	};

	network.in_client([&] {
		bring_up("client", {"fd00::1/64", "fe80::1/64"});
		// Solicited again after a second, the neighbour would be found however many solicitations are lost.
		host::set_sysctl("net/ipv6/neigh/client/retrans_time_ms", 600000);
		return 0;
	});
	bring_up("server", {"fd00::2/64", "fd00::3/64", "fe80::2/64"});
	know(network.client(), "client", "fd00::2", network.server(), "server");
	know(network.server(), "server", "fd00::1", network.client(), "client");
	host::set_sysctl("net/ipv6/icmp/ratemask", "0,2-127");
}

/// A raw socket that reads messages of @p type, and nothing else but what comes before the kernel knows that.
inline Socket open(packet6::Type type)
{
	Socket socket = sock6::raw(IPPROTO_ICMPV6);
	icmp6_filter filter{};

	std::ranges::fill(filter.data, ~0U);
	filter.data[type / 32] &= ~(1U << type % 32);
	host::check(setsockopt(socket.get(), SOL_ICMPV6, ICMPV6_FILTER, &filter, sizeof(filter)),
		    "filter");
	return socket;
}

/// One that reads replies of @p server, and what comes before the kernel knows that.
inline Socket open_echo(const Address &server)
{
	Socket socket = open(packet6::echo_reply);

	ktap::require_equal(sock6::connect(socket, {server}), 0, "connect");
	return socket;
}

/// A message that @p source has sent to the client.
inline std::optional<packet6::Icmp> parse(const Bytes &message, const Address &source)
{
	return packet::parse_icmp(message,
				  packet6::pseudo_header(source, packet6::client, message.size()));
}

/// What differs from a flood over IPv4. A raw socket's packets begin with the message.
struct Ipv6 {
	static constexpr sock_filter skip_header = BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0);

	static Socket open() { return open_echo(packet6::server); }
	static packet6::Icmp request(std::uint16_t id, std::uint16_t sequence, Bytes data)
	{
		return packet6::echo_request(id, sequence, std::move(data));
	}
	static std::optional<packet6::Icmp> message(const Bytes &message)
	{
		return parse(message, packet6::server);
	}
};
using Flood = flood::FloodOver<Ipv6>;

/// Errors about UDP to a closed port.
class Refusals : public flood::Errors {
public:
	explicit Refusals(const Network &network)
		: Errors(network.in_client(to_closed_port), [](const Socket &socket) {
			  return sock6::send(socket, packet::pattern(8));
		  })
	{
	}

private:
	static Socket to_closed_port()
	{
		Socket socket = sock6::udp();

		ktap::require_equal(sock6::connect(socket, {packet6::server, 9}), 0, "connect");
		return socket;
	}
};

/// Asks, and waits for the answer, one question after the other.
class Questions {
public:
	/// What a message that has come is. One of another kind may have been read before the socket had its filter and its
	/// peer, while other traffic runs: counted as an answer, it would put every later one out of step.
	enum class Answer { right, wrong, of_another };

	/// Sends question @p number, and returns 0 or the errno.
	using Ask = std::function<int(const Socket &socket, std::uint16_t number)>;
	/// Of a message that has come while question @p number is open.
	using Judge = std::function<Answer(const Bytes &message, std::uint16_t number)>;

	Questions(Socket socket, Ask ask, Judge judge)
		: socket_(std::move(socket)), ask_(std::move(ask)), judge_(std::move(judge))
	{
		thread_ = std::jthread([this](const std::stop_token &stop) { run(stop); });
	}

	Account account;
	void finish()
	{
		thread_.request_stop();
		thread_.join();
	}

private:
	/// The answer, or nothing if none comes in time.
	std::optional<Answer> answer_to(std::uint16_t number)
	{
		for (;;) {
			auto message =
				sock6::receive(socket_, static_cast<int>(flood::patience.count()));

			if (!message)
				return std::nullopt;
			if (Answer answer = judge_(*message, number); answer != Answer::of_another)
				return answer;
		}
	}

	void run(const std::stop_token &stop)
	{
		while (!stop.stop_requested()) {
			const auto number = static_cast<std::uint16_t>(++account.requests);
			std::optional<Answer> answer = Answer::wrong;

			if (ask_(socket_, number) == 0)
				answer = answer_to(number);
			if (!answer)
				account.lost++;
			else if (answer == Answer::right)
				account.replies++;
			else
				account.wrong++;
			std::this_thread::sleep_for(flood::break_time);
		}
	}

	Socket socket_;
	Ask ask_;
	Judge judge_;
	std::jthread thread_;
};

/// Queries of MLD about all groups: the server reports its own (RFC 3810, 5.1 and 5.2).
class Queries : public Questions {
public:
	explicit Queries(const Network &network) : Questions(network.in_client(router), ask, judge)
	{
	}

private:
	static int ask(const Socket &socket, std::uint16_t /*number*/)
	{
		const sock6::Endpoint all{packet6::all_nodes, 0, sock6::local(socket).scope};

		return sock6::send(socket, neighbours::mld_query({}, 2).build(), all);
	}

	/// A socket whose messages come from a router, and that reads reports.
	static Socket router()
	{
		const std::array<std::uint8_t, 8> alert{0, 0, 5, 2, 0, 0, 1, 0};
		const auto device = static_cast<int>(if_nametoindex("client"));
		ipv6_mreq join{};
		Socket socket = flood6::open(packet6::mld2_report);

		sock6::bind(socket, {packet6::client_link, 0, static_cast<std::uint32_t>(device)});
		sock::set(socket, SOL_IPV6, IPV6_MULTICAST_HOPS, 1);
		sock::set(socket, SOL_IPV6, IPV6_MULTICAST_LOOP, 0);
		host::check(setsockopt(socket.get(), SOL_IPV6, IPV6_HOPOPTS, alert.data(),
				       alert.size()),
			    "router alert");
		std::ranges::copy(packet6::ipv6("ff02::16"), join.ipv6mr_multiaddr.s6_addr);
		join.ipv6mr_interface = static_cast<unsigned>(device);
		host::check(
			setsockopt(socket.get(), SOL_IPV6, IPV6_JOIN_GROUP, &join, sizeof(join)),
			"join");
		return socket;
	}

	/// Nobody asks for a report that a group is new: its records are of other types.
	static Answer judge(const Bytes &message, std::uint16_t /*number*/)
	{
		constexpr std::uint8_t mode_is_exclude = 2;
		auto report = packet::parse_icmp(message);

		if (!report || report->type != packet6::mld2_report)
			return Answer::of_another;
		if (report->data.empty())
			return Answer::wrong;
		return report->data[0] == mode_is_exclude ? Answer::right : Answer::of_another;
	}
};

/// Echo requests to a neighbour that has to be found each time (RFC 4861, 7.2): a solicitation and an advertisement.
class Discoveries : public Questions {
public:
	explicit Discoveries(const Network &network)
		: Questions(network.in_client([] { return open_echo(forgotten); }),
			    network.in_client(asker), judge)
	{
	}

private:
	static Ask asker()
	{
		ndmsg header{};

		header.ndm_family = AF_INET6;
		header.ndm_ifindex = static_cast<int>(if_nametoindex("client"));
		return [netlink = std::make_shared<netlink::Socket>(NETLINK_ROUTE),
			forget = netlink::Message(RTM_DELNEIGH, 0, header).put(NDA_DST, forgotten)](
			       const Socket &socket, std::uint16_t number) {
			// The first time there is nothing to forget.
			const int error = netlink->request(forget);
			if (error && (error != ENOENT || number != 1))
				return error;
			return sock6::send(socket,
					   packet6::echo_request(identifier, number).build());
		};
	}

	static Answer judge(const Bytes &message, std::uint16_t number)
	{
		auto reply = parse(message, forgotten);

		// A reply that is spoilt is missed.
		if (!reply || reply->type != packet6::echo_reply || !reply->checksum_right ||
		    reply->rest >> 16 != identifier)
			return Answer::of_another;
		return reply->sequence() == number ? Answer::right : Answer::wrong;
	}

	/// No other traffic's.
	static constexpr std::uint16_t identifier = 0x7d15;
};

} // namespace flood6
