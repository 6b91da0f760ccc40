// SPDX-License-Identifier: GPL-2.0-only
//
// Errors about translated datagrams: whoever gets one reads the addresses and ports that it knows, outside and in the
// quotation, with all checksums right.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/sending.hpp"

#include <cerrno>
#include <string>

namespace {

using errors::remote;
using packet::Address;
using packet::Bytes;
using packet::Ipv4;
using packet::Type;
using sock::Endpoint;
using wire::Answer;

constexpr Address target = sending::beyond;
constexpr Endpoint service{packet::server, 5353}, inner{target, 53};
constexpr unsigned mtu = 1300;

/// Services at 10.0.0.2 are in truth at 10.0.1.1, behind wire1.
const sending::Router &net()
{
	static const sending::Router router = [] {
		sending::Router made(mtu);

		host::need("nft_nat",
			   "nft 'add table ip probe; add chain ip probe c { type nat hook "
			   "prerouting priority 0; }; add rule ip probe c udp dport 1 dnat to "
			   "10.0.1.1:1; delete table ip probe'");
		host::run("nft -f - <<'END'\n"
			  "table ip translate {\n"
			  "	chain prerouting {\n"
			  "		type nat hook prerouting priority dstnat;\n"
			  "		ip daddr 10.0.0.2 udp dport 5353 dnat to 10.0.1.1:53\n"
			  "		ip daddr 10.0.0.2 udp dport 5400-5415 dnat to 10.0.1.1\n"
			  "		ip daddr 10.0.0.2 udp dport 5354 redirect to :54\n"
			  "	}\n"
			  "	chain output {\n"
			  "		type nat hook output priority -100;\n"
			  "		ip daddr 192.0.2.0/24 udp dport 5353 dnat to 10.0.1.1:53\n"
			  "	}\n"
			  "	chain forward {\n"
			  "		type filter hook forward priority filter;\n"
			  "		udp dport 5400 reject with icmp type net-unreachable\n"
			  "		udp dport 5401 reject with icmp type host-unreachable\n"
			  "		udp dport 5402 reject with icmp type prot-unreachable\n"
			  "		udp dport 5403 reject with icmp type port-unreachable\n"
			  "		udp dport 5409 reject with icmp type net-prohibited\n"
			  "		udp dport 5410 reject with icmp type host-prohibited\n"
			  "		udp dport 5413 reject with icmp type admin-prohibited\n"
			  "	}\n"
			  "}\nEND");
		return made;
	}();
	return router;
}

/// A UDP datagram of the client's to @p to, whose checksum is right; a new port each time, as a connection that is known
/// already would not be new.
Ipv4 request(std::size_t size, const Endpoint &to = service, Address from = packet::client)
{
	static std::uint16_t port = 40000;
	Ipv4 ip = errors::sent_udp({from, ++port}, to, packet::pattern(size));
	Bytes pseudo;

	packet::put32(pseudo, ip.source);
	packet::put32(pseudo, ip.destination);
	packet::put16(pseudo, IPPROTO_UDP);
	packet::put16(pseudo, static_cast<std::uint16_t>(ip.payload.size()));
	const std::uint16_t sum = packet::checksum(packet::concat({pseudo, ip.payload}));
	ip.payload[6] = static_cast<std::uint8_t>(sum >> 8);
	ip.payload[7] = static_cast<std::uint8_t>(sum);
	return ip;
}

/// What the client has sent, as it is on its way after one hop.
Ipv4 hop(Ipv4 ip)
{
	ip.ttl--;
	return ip;
}

/// The translation is what it is to be: a datagram arrives, and its answer comes back as the service's.
void datagrams_are_translated()
{
	net();
	const Ipv4 asked = request(20);

	net().near.send(asked);
	const auto there = ktap::require_value(net().far.receive(), "datagram");
	ktap::expect_equal(there.destination, inner.address, "destination");
	ktap::expect_equal(packet::get16(there.payload, 2), inner.port, "destination port");
	const Endpoint client{packet::client, packet::get16(there.payload, 0)};
	net().far.send(errors::sent_udp(inner, client));
	const auto answer = ktap::require_value(net().near.receive(), "answer");
	ktap::expect_equal(answer.source, service.address, "source");
	ktap::expect_equal(packet::get16(answer.payload, 0), service.port, "source port");
}

/// A firewall behind the translation refuses: as if the service itself had done so.
void reject_behind_dnat()
{
	net();
	for (std::uint8_t code : {0, 1, 2, 3, 9, 10, 13}) {
		for (std::size_t size : {20, 1000}) {
			const Ipv4 asked = request(
				size, {service.address, static_cast<std::uint16_t>(5400 + code)});
			counters::Change change(counters::Files::snmp);

			net().near.send(asked);
			const Answer answer = ktap::require_value(wire::next_answer(net().near),
								  "code " + std::to_string(code));
			sending::expect_is(answer, hop(asked),
					   {.type = Type::unreachable,
					    .code = code,
					    .rest = 0,
					    .source = service.address});
			sending::expect_counted_sent(change, Type::unreachable);
		}
	}
	ktap::expect(net().far.receive_all(wire::milliseconds(0)).empty(), "nothing passed");
}

/// The same for a port of our own that stands for another.
void closed_port_behind_redirect()
{
	net();
	const Ipv4 asked = request(20, {packet::server, 5354});

	sending::expect_error(net().near, asked,
			      {.type = Type::unreachable,
			       .code = errors::Code::port_unreachable,
			       .rest = 0,
			       .source = packet::server});
}

/// The link to the target takes less than the client sends.
void fragmentation_needed_to_the_target()
{
	net();
	Ipv4 asked = request(1400);

	asked.df = true;
	sending::expect_error(net().near, asked,
			      {.type = Type::unreachable,
			       .code = errors::Code::fragmentation_needed,
			       .rest = mtu,
			       .source = service.address});
	ktap::expect(net().far.receive_all(wire::milliseconds(0)).empty(), "nothing passed");
}

void time_exceeded_before_the_target()
{
	net();
	Ipv4 asked = request(20);

	asked.ttl = 1;
	sending::expect_error(
		net().near, asked,
		{.type = Type::time_exceeded, .code = 0, .rest = 0, .source = service.address});
}

/// A router behind the translation knows the target alone. Its error is translated on its way to the client, and so is
/// its own address: the client has never heard of a host behind the service.
void fragmentation_needed_from_behind()
{
	net();
	for (Address from : {target, packet::ipv4("10.0.1.9")}) {
		Ipv4 asked = request(1200);

		asked.df = true;
		net().near.send(asked);
		const auto there = ktap::require_value(net().far.receive(), "datagram");
		Ipv4 error = errors::report(Type::unreachable, errors::Code::fragmentation_needed,
					    1000, there.build(), from);
		error.destination = packet::client;
		net().far.send(error);
		const Answer answer =
			ktap::require_value(wire::next_answer(net().near), "the error");
		ktap::expect_equal(answer.ip.source, service.address, "source");
		ktap::expect_equal(answer.icmp.type, Type::unreachable, "type");
		ktap::expect_equal(answer.icmp.code, errors::Code::fragmentation_needed, "code");
		ktap::expect_equal(answer.icmp.rest, 1000, "MTU");
		ktap::expect_equal(answer.icmp.data, hop(asked).build(), "quoted datagram");
	}
}

/// A socket of ours whose datagrams are translated: errors about them come to it, about the address that it sent to.
void a_socket_behind_dnat()
{
	net();
	const Endpoint named{remote(5), 5353};
	const sock::Socket socket = sock::udp();

	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	sock::set(socket, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	ktap::require_equal(sock::connect(socket, named), 0, "connect");
	const Bytes data = packet::pattern(1100);
	ktap::require_equal(sock::send(socket, data), 0, "send");
	const auto there = ktap::require_value(net().far.receive(), "datagram");
	ktap::expect_equal(there.destination, target, "destination");

	Ipv4 error = errors::report(Type::unreachable, errors::Code::fragmentation_needed, 1000,
				    there.build(), target);
	error.destination = there.source;
	net().far.send(error);
	const auto told = ktap::require_value(sock::next_error(socket), "fragmentation needed");
	ktap::expect_equal(told.number, EMSGSIZE, "ee_errno");
	ktap::expect_equal(told.info, 1000, "ee_info");
	ktap::expect_equal(told.offender, named.address, "offender");
	ktap::expect(told.destination == named, "destination");
	ktap::expect_equal(told.payload, data, "payload");
	ktap::expect_equal(errors::learned_mtu(named.address), 1000, "route to the name");
	sock::forget_errors(socket);

	error = errors::report(Type::unreachable, errors::Code::port_unreachable, 0, there.build(),
			       target);
	error.destination = there.source;
	net().far.send(error);
	ktap::expect_equal(sock::take_error(socket), ECONNREFUSED, "SO_ERROR");
	const auto refused = ktap::require_value(sock::next_error(socket), "port unreachable");
	ktap::expect(refused.destination == named, "destination of the second");
	ktap::expect_equal(refused.offender, named.address, "offender of the second");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"datagrams_are_translated", datagrams_are_translated},
		 {"reject_behind_dnat", reject_behind_dnat},
		 {"closed_port_behind_redirect", closed_port_behind_redirect},
		 {"fragmentation_needed_to_the_target", fragmentation_needed_to_the_target},
		 {"time_exceeded_before_the_target", time_exceeded_before_the_target},
		 {"fragmentation_needed_from_behind", fragmentation_needed_from_behind},
		 {"a_socket_behind_dnat", a_socket_behind_dnat}});
}
