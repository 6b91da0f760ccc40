// SPDX-License-Identifier: GPL-2.0-only
//
// Settings take effect with the next packet, through whichever name they were written. (Rates have tests of their own.)

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <functional>
#include <string>

namespace {

using counters::Change;
using packet::Type;

const wire::Wire &net()
{
	static const wire::Wire wire = wire::new_server();
	return wire;
}

/// Both names of a setting, or the kernel's alone without the module.
std::vector<std::string> names_of(const std::string &name)
{
	net();
	if (host::has_icmpx())
		return {"net/ipv4/icmp_" + name, "net/icmpx/" + name};
	return {"net/ipv4/icmp_" + name};
}

bool answered(const packet::Ipv4 &request, wire::Cast cast = wire::Cast::unicast)
{
	net().receive_all(wire::milliseconds{0});
	net().send(request, cast);
	return net().receive(wire::silence).has_value();
}

/// @p name off and on and off: whether @p happens agrees each time.
void expect_switch(const std::string &name, bool happens_when_off,
		   const std::function<bool()> &happens)
{
	for (const std::string &path : names_of(name)) {
		for (int value : {0, 1, 0, 1}) {
			host::set_sysctl(path, value);
			ktap::expect_equal(happens(), value ? !happens_when_off : happens_when_off,
					   path + " = " + std::to_string(value));
		}
	}
}

void echo_ignore_all()
{
	packet::Icmp probe = packet::echo_request(1, 1);

	expect_switch("echo_ignore_all", true,
		      [] { return answered(packet::datagram(packet::echo_request(1, 1))); });
	host::set_sysctl("net/ipv4/icmp_echo_ignore_all", 1);
	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	Change change;
	ktap::expect(!answered(packet::datagram(packet::echo_request(1, 1))), "no reply");
	change.expect_icmp({{"Icmp.InMsgs", 1}, {"Icmp.InEchos", 1}, {"IcmpMsg.InType8", 1}},
			   "counters");
	change.expect_outcomes({{"ignore_echo", 1}}, "outcome");
	// RFC 8335, 8: a node that does not answer echo does not answer extended echo.
	probe.type = Type::extended_echo;
	probe.rest |= 1;
	ktap::expect(!answered(packet::datagram(probe)), "no reply to PROBE");
	// A timestamp request is no echo request.
	packet::Icmp timestamp{.type = Type::timestamp, .rest = 7, .data = packet::Bytes(12)};
	ktap::expect(answered(packet::datagram(timestamp)), "a reply to a timestamp request");
	host::set_sysctl("net/ipv4/icmp_echo_ignore_all", 0);
}

void echo_ignore_broadcasts()
{
	expect_switch("echo_ignore_broadcasts", true, [] {
		packet::Ipv4 request = packet::datagram(packet::echo_request(1, 1));

		request.destination = packet::ipv4("10.0.0.255");
		return answered(request, wire::Cast::broadcast);
	});
	host::set_sysctl("net/ipv4/icmp_echo_ignore_broadcasts", 1);
}

void echo_enable_probe()
{
	expect_switch("echo_enable_probe", false, [] {
		packet::Icmp probe = packet::echo_request(1, 1);

		probe.type = Type::extended_echo;
		probe.data = {0x20, 0, 0, 0, 0, 8, 3, 2, 0, 0, 0, 1};
		return answered(packet::datagram(probe));
	});
	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 0);
}

void ignore_bogus_error_responses()
{
	net();
	sock::Socket socket = sock::udp();
	sock::bind(socket, {errors::host, 0});
	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	packet::Bytes sent =
		errors::sent_udp(sock::local(socket), {packet::ipv4("10.0.0.255"), 9}).build();

	expect_switch("ignore_bogus_error_responses", false, [&] {
		net().send(errors::unreachable(errors::Code::port_unreachable, sent));
		return sock::next_error(socket).has_value();
	});
}

void echo_ratelimit()
{
	net();
	host::need_icmpx();
	auto replies = [] {
		int count = 0;

		for (int i = 0; i < 10; i++)
			count += answered(packet::datagram(packet::echo_request(1, 1)));
		return count;
	};

	ktap::expect_equal(replies(), 10, "off at first");
	host::set_sysctl("net/icmpx/echo_burst", 3);
	host::set_sysctl("net/icmpx/echo_ratelimit", 1);
	ktap::expect_between(replies(), 3, 5, "a burst, and one a second");
	host::set_sysctl("net/icmpx/echo_ratelimit", 0);
	ktap::expect_equal(replies(), 10, "off again");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"echo_ignore_all", echo_ignore_all},
			  {"echo_ignore_broadcasts", echo_ignore_broadcasts},
			  {"echo_enable_probe", echo_enable_probe},
			  {"ignore_bogus_error_responses", ignore_bogus_error_responses},
			  {"echo_ratelimit", echo_ratelimit}});
}
