// SPDX-License-Identifier: GPL-2.0-only
//
// Record route (RFC 791, 3.1; RFC 1122, 3.2.2.6: a received one is updated and returned in the reply): this machine
// notes its address when the request arrives, and again when the reply leaves, as long as there is room.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

using counters::Change;
using ktap::expect_equal;
using packet::Address;
using packet::Bytes;
using packet::Ipv4;
using wire::expect_echo_reply;
using wire::next_answer;
using wire::require_answer;

namespace {

constexpr Address router = 0xc0000201;

Ipv4 ping(Bytes options, std::size_t size = 24)
{
	Ipv4 ip = packet::datagram(packet::echo_request(0x5252, 2, packet::pattern(size)));

	ip.options = std::move(options);
	return ip;
}

/// A record route option with @p room places, @p recorded of which are routers' already.
Bytes record_route(std::size_t room, const std::vector<Address> &recorded)
{
	Bytes option{7, static_cast<std::uint8_t>(3 + 4 * room),
		     static_cast<std::uint8_t>(4 + 4 * recorded.size())};

	for (Address address : recorded)
		packet::put32(option, address);
	option.resize(3 + 4 * room);
	return option;
}

/// As in a header: with end-of-list behind it up to a whole word.
Bytes padded(Bytes options)
{
	options.resize((options.size() + 3) / 4 * 4);
	return options;
}

void expect_options(const wire::Wire &wire, const Bytes &asked, const Bytes &answered,
		    const wire::Where &where = wire::Where::current())
{
	Ipv4 request = ping(asked);
	auto answer = require_answer(wire, request, wire::Cast::unicast, where);

	expect_echo_reply(answer, request, where);
	expect_equal(answer.ip.options, padded(answered), "options of the reply", where);
}

void every_room()
{
	auto wire = wire::new_server();

	for (std::size_t room = 0; room <= 9; room++) {
		std::vector<Address> route(std::min<std::size_t>(room, 2), packet::server);
		expect_options(wire, record_route(room, {}), record_route(room, route));
	}
}

void partly_recorded()
{
	auto wire = wire::new_server();

	for (std::size_t room = 1; room <= 9; room++) {
		for (std::size_t recorded = 1; recorded <= room; recorded++) {
			std::vector<Address> route(recorded, router);
			Bytes asked = record_route(room, route);
			route.resize(std::min(room, recorded + 2), packet::server);
			expect_options(wire, asked, record_route(room, route));
		}
	}
}

/// The address on arrival is the one that was asked; on departure, the reply's source.
void addresses_recorded()
{
	auto wire = wire::new_server();
	Ipv4 request = ping(record_route(3, {}));

	host::run("ip address add 10.0.0.9/24 dev wire0");
	request.destination = packet::ipv4("10.0.0.9");
	auto answer = require_answer(wire, request);
	expect_echo_reply(answer, request);
	expect_equal(answer.ip.options,
		     padded(record_route(3, {request.destination, request.destination})),
		     "options");

	host::set_sysctl("net/ipv4/icmp_echo_ignore_broadcasts", 0);
	request.destination = packet::ipv4("10.0.0.255");
	answer = require_answer(wire, request, wire::Cast::broadcast);
	expect_equal(answer.ip.source, packet::server, "source of the reply to a broadcast");
	expect_equal(answer.ip.options, padded(record_route(3, {packet::server, packet::server})),
		     "options");
}

/// A pointer that fits no place exactly: as far as it goes, as the built-in code does.
void pointer_between_places()
{
	auto wire = wire::new_server();
	Bytes option = record_route(2, {});

	// Room for one more address at 5, then 2 bytes short of a second: nobody can answer that.
	option[2] = 5;
	Change change;
	wire::expect_no_answer(wire, ping(option));
	change.expect_icmp({{"Icmp.InMsgs", 1}, {"Icmp.InEchos", 1}, {"IcmpMsg.InType8", 1}},
			   "a pointer between places");
	change.expect_outcomes({{"drop_options", 1}}, "a pointer between places");

	// At 8 of 11 there is room for exactly one.
	option[2] = 8;
	Bytes answered{7, 11, 12, 0, 0, 0, 0, 10, 0, 0, 2};
	expect_options(wire, option, answered);
	// 200 is far behind the end: full.
	option[2] = 200;
	expect_options(wire, option, option);
}

void full_one_is_returned_unchanged()
{
	auto wire = wire::new_server();
	Bytes option = record_route(9, std::vector<Address>(9, router));

	expect_options(wire, option, option);
}

/// Where the order of addresses matters, the order of options does not.
void other_options_beside_it()
{
	auto wire = wire::new_server();
	Bytes route = record_route(2, {});
	Bytes no_operation{1, 1};
	Bytes router_alert{148, 4, 0, 0};

	expect_options(wire, packet::concat({no_operation, route}),
		       record_route(2, {packet::server, packet::server}));
	expect_options(wire, packet::concat({router_alert, route}),
		       record_route(2, {packet::server, packet::server}));
	expect_options(wire, packet::concat({route, no_operation, router_alert}),
		       record_route(2, {packet::server, packet::server}));
}

/// RFC 791: record route is not copied on fragmentation; the whole datagram has the first fragment's options.
void request_in_fragments()
{
	auto wire = wire::new_server();
	Ipv4 request = ping(record_route(4, {router}), 4000);

	for (bool backwards : {false, true}) {
		auto parts = packet::fragment(request, 1500);
		if (backwards)
			parts = {parts.rbegin(), parts.rend()};
		for (const Ipv4 &part : parts)
			wire.send(part);
		auto answer = ktap::require_value(next_answer(wire), "an answer");
		expect_echo_reply(answer, request);
		expect_equal(answer.ip.options,
			     padded(record_route(4, {router, packet::server, packet::server})),
			     "options of the first fragment of the reply");
	}
}

void reply_in_fragments()
{
	auto wire = wire::new_server();
	Ipv4 request = ping(record_route(4, {}), 4000);

	wire.send(request);
	auto parts = wire.receive_all();
	ktap::require_equal(parts.size(), 3U, "fragments");
	expect_equal(parts[0].options, padded(record_route(4, {packet::server, packet::server})),
		     "first fragment's options");
	for (std::size_t i : {1, 2}) {
		Bytes no_operations(19, 1);
		expect_equal(parts[i].options, padded(no_operations), "later fragments' options");
	}
	for (std::size_t i = 0; i < 3; i++)
		expect_equal(parts[i].fragment_offset, i * 1456, "offset");
	auto whole = ktap::require_value(packet::reassemble(parts), "all fragments");
	expect_echo_reply(
		{whole, ktap::require_value(packet::parse_icmp(whole.payload), "a message")},
		request);
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"rfc791_record_route_with_room_for_0_to_9", every_room},
				 {"rfc791_record_route_partly_recorded", partly_recorded},
				 {"rfc791_record_route_full", full_one_is_returned_unchanged},
				 {"rfc1122_3_2_2_6_record_route_addresses", addresses_recorded},
				 {"record_route_pointer_between_places", pointer_between_places},
				 {"record_route_beside_other_options", other_options_beside_it},
				 {"rfc791_record_route_request_in_fragments", request_in_fragments},
				 {"rfc791_record_route_reply_in_fragments", reply_in_fragments},
			 });
}
