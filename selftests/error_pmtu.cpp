// SPDX-License-Identifier: GPL-2.0-only
//
// Path MTU discovery (RFC 1191): what fragmentation needed does to routes and sockets, under each of the four values of
// net.ipv4.ip_no_pmtu_disc.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"

#include <string>

namespace {

using counters::Change;
using errors::remote;
using packet::Address;
using packet::Bytes;
using packet::Type;
using sock::Endpoint;
using sock::Socket;

const wire::Wire &net()
{
	static const wire::Wire wire = ping::new_network();
	return wire;
}

/// The least that is believed; net.ipv4.route.min_pmtu.
constexpr int min_pmtu = 552;

struct Client {
	explicit Client(Address address, int discovery = IP_PMTUDISC_WANT) : peer{address, 9999}
	{
		net();
		socket = sock::udp();
		sock::bind(socket, {errors::host, 0});
		sock::set(socket, SOL_IP, IP_MTU_DISCOVER, discovery);
		ktap::require_equal(sock::connect(socket, peer), 0, "connect");
		sent = errors::sent_udp(sock::local(socket), peer, packet::pattern(64)).build();
	}

	int mtu() const { return sock::get(socket, SOL_IP, IP_MTU); }

	Endpoint peer;
	Socket socket;
	Bytes sent;
};

void lowers_the_mtu_of_the_route_and_the_socket()
{
	Client client(remote(1), IP_PMTUDISC_DO);

	ktap::expect_equal(client.mtu(), 1500, "IP_MTU before");
	net().send(errors::too_big(1280, client.sent));
	ktap::expect_equal(sock::take_error(client.socket), EMSGSIZE, "SO_ERROR");
	ktap::expect_equal(client.mtu(), 1280, "IP_MTU");
	ktap::expect_equal(errors::learned_mtu(client.peer.address), 1280, "route");
	ktap::expect_equal(sock::send(client.socket, packet::pattern(1253)), EMSGSIZE,
			   "a byte too many");
	ktap::expect_equal(sock::send(client.socket, packet::pattern(1252)), 0, "as much as fits");
	net().send(errors::too_big(1400, client.sent));
	ktap::expect_equal(client.mtu(), 1280, "IP_MTU after a message with a larger one");
	net().send(errors::too_big(1000, client.sent));
	ktap::expect_equal(client.mtu(), 1000, "IP_MTU after a message with a smaller one");
	ktap::expect_equal(errors::learned_mtu(remote(2)), 0, "route to another host");
}

void datagrams_are_fragmented_as_the_route_says()
{
	Client client(remote(3), IP_PMTUDISC_WANT);

	net().send(errors::too_big(600, client.sent));
	sock::take_error(client.socket);
	net().receive_all();
	ktap::expect_equal(sock::send(client.socket, packet::pattern(1000)), 0, "send");
	auto fragments = net().receive_all();
	ktap::expect_equal(fragments.size(), 2U, "fragments");
	for (const packet::Ipv4 &part : fragments)
		ktap::expect(part.payload.size() <= 580, "a fragment fits");
}

/// What ip_no_pmtu_disc is to do to an error about a UDP datagram; about TCP see error_tcp.
void the_meanings_of_ip_no_pmtu_disc()
{
	struct Row {
		int setting;
		std::uint8_t host;
		int number;
		int mtu;
		const char *outcome;
	};
	const Row rows[]{
		{0, 10, EMSGSIZE, 1200, "deliver_error_udp"},
		// The MTU in the message is not used: the least possible stands in for it.
		{1, 11, EMSGSIZE, min_pmtu, "deliver_error_udp"},
		{2, 12, 0, 0, "ignore_pmtu"},
		// UDP does not check that the quotation is one of its own datagrams.
		{3, 13, 0, 0, "ignore_pmtu"},
	};

	for (const Row &row : rows) {
		std::string what = "ip_no_pmtu_disc " + std::to_string(row.setting);
		Client client(remote(row.host), IP_PMTUDISC_DO);
		Change change;

		host::set_sysctl("net/ipv4/ip_no_pmtu_disc", row.setting);
		net().send(errors::too_big(1200, client.sent));
		host::set_sysctl("net/ipv4/ip_no_pmtu_disc", 0);
		ktap::expect_equal(sock::take_error(client.socket), row.number, what);
		ktap::expect_equal(errors::learned_mtu(client.peer.address), row.mtu,
				   what + ", route");
		change.expect_icmp(
			{{"Icmp.InMsgs", 1}, {"Icmp.InDestUnreachs", 1}, {"IcmpMsg.InType3", 1}},
			what);
		change.expect_outcomes({{row.outcome, 1}}, what);
	}
}

void ip_no_pmtu_disc_changes_no_other_code()
{
	for (int setting : {1, 2, 3}) {
		Client client(remote(20));

		host::set_sysctl("net/ipv4/ip_no_pmtu_disc", setting);
		net().send(errors::unreachable(errors::Code::port_unreachable, client.sent));
		host::set_sysctl("net/ipv4/ip_no_pmtu_disc", 0);
		ktap::expect_equal(sock::take_error(client.socket), ECONNREFUSED, "SO_ERROR");
	}
}

void an_mtu_below_the_least_is_raised_and_locked()
{
	std::uint8_t number = 30;

	// 0 is what routers from before RFC 1191 send.
	for (std::uint16_t mtu : {0, 1, 67, 68, 296, 551}) {
		Client client(remote(number++), IP_PMTUDISC_DO);

		net().send(errors::too_big(mtu, client.sent));
		ktap::expect_equal(client.mtu(), min_pmtu, "IP_MTU after " + std::to_string(mtu));
		ktap::expect_equal(errors::route_word(client.peer.address, "mtu"),
				   std::to_string(min_pmtu), "route");
	}
}

void an_mtu_above_that_of_the_device_changes_nothing()
{
	for (std::uint16_t mtu : {1501, 9000, 65535}) {
		Client client(remote(40), IP_PMTUDISC_DO);

		net().send(errors::too_big(mtu, client.sent));
		ktap::expect_equal(client.mtu(), 1500, "IP_MTU");
		ktap::expect_equal(errors::learned_mtu(client.peer.address), 0, "route");
	}
}

/// The route learns in any case: UDP tells the IP layer before it looks for a socket.
void a_socket_decides_whether_it_is_an_error()
{
	struct Row {
		int discovery;
		std::uint8_t host;
		int number;
	};
	const Row rows[]{
		{IP_PMTUDISC_DONT, 50, 0},
		{IP_PMTUDISC_WANT, 51, EMSGSIZE},
		{IP_PMTUDISC_DO, 52, EMSGSIZE},
		{IP_PMTUDISC_PROBE, 53, EMSGSIZE},
		{IP_PMTUDISC_INTERFACE, 54, EMSGSIZE},
		{IP_PMTUDISC_OMIT, 55, EMSGSIZE},
	};

	for (const Row &row : rows) {
		std::string what = "IP_MTU_DISCOVER " + std::to_string(row.discovery);
		Client client(remote(row.host), row.discovery);

		net().send(errors::too_big(1100, client.sent));
		ktap::expect_equal(sock::take_error(client.socket), row.number, what);
		ktap::expect_equal(errors::learned_mtu(client.peer.address), 1100, what);
	}
}

/// An echo reply of ours, as the router quotes it.
Bytes echo_reply_to(Address to)
{
	packet::Icmp reply = packet::echo_request(7, 1, packet::pattern(56));

	reply.type = Type::echo_reply;
	return errors::sent(IPPROTO_ICMP, errors::host, to, reply.build()).build();
}

void errors_about_echo_replies_lower_the_mtu()
{
	Address pinger = remote(60);
	packet::Ipv4 request = packet::datagram(packet::echo_request(7, 2, packet::pattern(1400)));
	Change change;

	net().send(errors::too_big(1280, echo_reply_to(pinger)));
	change.expect_icmp({{"Icmp.InMsgs", 1}, {"Icmp.InDestUnreachs", 1}, {"IcmpMsg.InType3", 1}},
			   "error");
	change.expect_outcomes({{"deliver_error_icmp", 1}}, "error");
	ktap::expect_equal(errors::learned_mtu(pinger), 1280, "route");

	request.source = pinger;
	net().receive_all();
	net().send(request);
	auto fragments = net().receive_all();
	ktap::require_equal(fragments.size(), 2U, "fragments of the next reply");
	ktap::expect_equal(fragments[0].payload.size(), 1256U,
			   "the first one is as long as it may be");
	auto whole = ktap::require_value(packet::reassemble(fragments), "reply");
	auto reply = ktap::require_value(packet::parse_icmp(whole.payload), "reply");
	ktap::expect_equal(reply.data, packet::pattern(1400), "data");
	ktap::expect(reply.checksum_right, "checksum");
}

void errors_about_echo_replies_obey_ip_no_pmtu_disc()
{
	std::uint8_t number = 70;

	for (int setting : {1, 2, 3}) {
		Address pinger = remote(number++);
		// ICMP validates nothing about a reply that it does not remember.
		int mtu = setting == 1 ? min_pmtu : 0;

		host::set_sysctl("net/ipv4/ip_no_pmtu_disc", setting);
		net().send(errors::too_big(1280, echo_reply_to(pinger)));
		host::set_sysctl("net/ipv4/ip_no_pmtu_disc", 0);
		ktap::expect_equal(errors::learned_mtu(pinger), mtu,
				   "ip_no_pmtu_disc " + std::to_string(setting));
	}
}

/// Nobody here sent these, or they are not the kernel's to answer for.
void errors_about_other_icmp_messages_change_no_route()
{
	std::uint8_t number = 80;

	for (std::uint8_t type :
	     {Type::echo, Type::unreachable, Type::timestamp_reply, Type::extended_echo_reply}) {
		Address target = remote(number++);
		packet::Icmp message{.type = type,
				     .rest = packet::id_sequence(7, 1),
				     .data = packet::pattern(56)};

		net().send(errors::too_big(
			1280,
			errors::sent(IPPROTO_ICMP, errors::host, target, message.build()).build()));
		ktap::expect_equal(errors::learned_mtu(target), 0, "type " + std::to_string(type));
	}
}

void other_errors_about_echo_replies_change_nothing()
{
	Address pinger = remote(90);
	Bytes quoted = echo_reply_to(pinger);

	for (std::uint8_t code = 0; code < 16; code++) {
		if (code != errors::Code::fragmentation_needed)
			net().send(errors::unreachable(code, quoted, 1280));
	}
	net().send(errors::report(Type::time_exceeded, 0, 1280, quoted));
	net().send(errors::report(Type::source_quench, 4, 1280, quoted));
	ktap::expect_equal(errors::learned_mtu(pinger), 0, "route");
}

enum Kind { raw, ping_socket };

/// A raw or a ping socket: these tell the IP layer themselves.
struct Other {
	Other(Kind kind, Address to) : peer{to, 0}
	{
		// For experiments (RFC 3692): no part of the kernel handles it.
		constexpr std::uint8_t experimental = 253;
		const bool is_raw = kind == raw;

		net();
		socket = is_raw ? sock::raw(experimental) : sock::ping();
		if (!is_raw)
			sock::bind(socket, {0, 0});
		sent = errors::sent(is_raw ? experimental : std::uint8_t{IPPROTO_ICMP},
				    errors::host, to,
				    is_raw ? packet::pattern(40)
					   : packet::echo_request(ping::identifier(socket), 1,
								  packet::pattern(40))
						     .build())
			       .build();
	}

	void connect() const { ktap::require_equal(sock::connect(socket, peer), 0, "connect"); }

	Endpoint peer;
	Socket socket;
	Bytes sent;
};

/// ip(7): IP_PMTUDISC_INTERFACE and IP_PMTUDISC_OMIT trust no path MTU that a packet reports. The route learns only from
/// sockets that do.
void a_socket_decides_whether_the_route_learns()
{
	std::uint8_t number = 100;

	for (int discovery : {IP_PMTUDISC_DONT, IP_PMTUDISC_WANT, IP_PMTUDISC_DO, IP_PMTUDISC_PROBE,
			      IP_PMTUDISC_INTERFACE, IP_PMTUDISC_OMIT}) {
		const bool refused =
			discovery == IP_PMTUDISC_INTERFACE || discovery == IP_PMTUDISC_OMIT;

		for (Kind kind : {raw, ping_socket}) {
			for (bool connected : {false, true}) {
				Other client(kind, remote(number++));

				sock::set(client.socket, SOL_IP, IP_MTU_DISCOVER, discovery);
				if (connected)
					client.connect();
				net().send(errors::too_big(1100, client.sent));
				ktap::expect_equal(errors::learned_mtu(client.peer.address),
						   refused ? 0 : 1100,
						   "IP_MTU_DISCOVER " + std::to_string(discovery) +
							   (kind == raw ? ", raw" : ", ping") +
							   (connected ? ", connected" : ""));
			}
		}
	}
}

/// While one exists, what arrives has mark 7, which is reflected and has a route of its own.
class Mark {
public:
	Mark()
	{
		net();
		if (!host::try_run("nft 'add table ip t; add chain ip t in { type filter hook "
				   "prerouting priority -150; };"
				   "add rule ip t in meta mark set 7'"))
			ktap::skip("the kernel has no nf_tables");
		host::run("ip rule add fwmark 7 table 100;"
			  "ip route add default via 10.0.0.3 dev wire0 table 100");
		host::set_sysctl("net/ipv4/fwmark_reflect", 1);
	}
	Mark(const Mark &) = delete;
	Mark &operator=(const Mark &) = delete;
	~Mark()
	{
		host::write_file("/proc/sys/net/ipv4/fwmark_reflect", "0");
		host::try_run("ip rule delete fwmark 7; ip route flush table 100;"
			      "nft delete table ip t");
	}
};

/// A mark that is reflected chooses the way of what no socket sends: a socket that keeps a route learns by that one.
void a_reflected_mark_is_none_of_a_socket()
{
	Mark mark;

	for (Kind kind : {raw, ping_socket}) {
		Other client(kind, remote(static_cast<std::uint8_t>(200 + kind)));

		client.connect();
		net().send(errors::too_big(1200, client.sent));
		ktap::expect_equal(sock::get(client.socket, SOL_IP, IP_MTU), 1200, "IP_MTU");
		ktap::expect_equal(errors::learned_mtu(client.peer.address), 1200, "route");
	}
}

/// A socket that keeps no route, and has no mark of its own, learns by the mark.
void a_reflected_mark_stands_in_for_that_of_a_socket()
{
	struct Row {
		int own;
		int plain, marked;
	};
	const Row rows[]{{0, 0, 1200}, {8, 1200, 0}, {7, 0, 1200}};
	std::uint8_t number = 210;
	Mark mark;

	for (const Row &row : rows) {
		for (Kind kind : {raw, ping_socket}) {
			std::string what = "SO_MARK " + std::to_string(row.own) +
					   (kind == raw ? ", raw" : ", ping");
			Other client(kind, remote(number++));

			sock::set(client.socket, SOL_SOCKET, SO_MARK, row.own);
			net().send(errors::too_big(1200, client.sent));
			ktap::expect_equal(errors::learned_mtu(client.peer.address), row.plain,
					   what + ", route");
			ktap::expect_equal(errors::learned_mtu(client.peer.address, "mark 7"),
					   row.marked, what + ", route by the mark");
		}
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"lowers_the_mtu_of_the_route_and_the_socket",
		  lowers_the_mtu_of_the_route_and_the_socket},
		 {"datagrams_are_fragmented_as_the_route_says",
		  datagrams_are_fragmented_as_the_route_says},
		 {"the_meanings_of_ip_no_pmtu_disc", the_meanings_of_ip_no_pmtu_disc},
		 {"ip_no_pmtu_disc_changes_no_other_code", ip_no_pmtu_disc_changes_no_other_code},
		 {"an_mtu_below_the_least_is_raised_and_locked",
		  an_mtu_below_the_least_is_raised_and_locked},
		 {"an_mtu_above_that_of_the_device_changes_nothing",
		  an_mtu_above_that_of_the_device_changes_nothing},
		 {"a_socket_decides_whether_it_is_an_error",
		  a_socket_decides_whether_it_is_an_error},
		 {"errors_about_echo_replies_lower_the_mtu",
		  errors_about_echo_replies_lower_the_mtu},
		 {"errors_about_echo_replies_obey_ip_no_pmtu_disc",
		  errors_about_echo_replies_obey_ip_no_pmtu_disc},
		 {"errors_about_other_icmp_messages_change_no_route",
		  errors_about_other_icmp_messages_change_no_route},
		 {"other_errors_about_echo_replies_change_nothing",
		  other_errors_about_echo_replies_change_nothing},
		 {"a_socket_decides_whether_the_route_learns",
		  a_socket_decides_whether_the_route_learns},
		 {"a_reflected_mark_is_none_of_a_socket", a_reflected_mark_is_none_of_a_socket},
		 {"a_reflected_mark_stands_in_for_that_of_a_socket",
		  a_reflected_mark_stands_in_for_that_of_a_socket}});
}
