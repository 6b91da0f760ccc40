// SPDX-License-Identifier: GPL-2.0-only
//
// Redirects (RFC 1122, 3.2.2.2): which ones change a route.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <string>

namespace {

using counters::Change;
using packet::Address;
using packet::Bytes;
using packet::Type;
using sock::Endpoint;
using sock::Socket;

constexpr Address new_gateway = 0x0a000003;
const std::string conf = "net/ipv4/conf/";

/// TEST-NET-2, behind the router; each test redirects another host of it.
constexpr Address behind_router(std::uint8_t number) { return 0xc6336400U | number; }

const wire::Wire &net()
{
	static const wire::Wire wire = [] {
		wire::Wire made = wire::new_server();

		host::run("ip route replace default via 10.0.0.1 dev wire0");
		for (const char *device : {"all", "wire0"}) {
			host::set_sysctl(conf + device + "/accept_redirects", 1);
			host::set_sysctl(conf + device + "/secure_redirects", 1);
			host::set_sysctl(conf + device + "/shared_media", 1);
		}
		return made;
	}();
	return wire;
}

/// An echo reply of ours: the kernel itself answers for it, no socket is needed.
Bytes echo_reply_to(Address to)
{
	packet::Icmp reply = packet::echo_request(7, 1, packet::pattern(56));

	reply.type = Type::echo_reply;
	return errors::sent(IPPROTO_ICMP, errors::host, to, reply.build()).build();
}

packet::Ipv4 redirect(Address to, Address gateway = new_gateway, std::uint8_t code = 1,
		      Address from = errors::router)
{
	return errors::report(Type::redirect, code, gateway, echo_reply_to(to), from);
}

void expect_followed(const packet::Ipv4 &message, Address to, bool followed,
		     const std::string &what)
{
	Change change;

	net().send(message);
	ktap::expect_equal(errors::gateway(to), followed ? "10.0.0.3" : "10.0.0.1", what);
	change.expect_icmp({{"Icmp.InMsgs", 1}, {"Icmp.InRedirects", 1}, {"IcmpMsg.InType5", 1}},
			   what);
	change.expect_outcomes({{"deliver_error_icmp", 1}}, what);
}

void one_from_the_gateway_is_followed()
{
	net();
	ktap::require_equal(errors::gateway(behind_router(1)), "10.0.0.1", "gateway before");
	expect_followed(redirect(behind_router(1)), behind_router(1), true, "redirect");
	ktap::expect_equal(errors::gateway(behind_router(2)), "10.0.0.1", "another host's gateway");
}

void codes()
{
	for (std::uint8_t code = 0; code < 4; code++) {
		Address to = behind_router(static_cast<std::uint8_t>(10 + code));
		expect_followed(redirect(to, new_gateway, code), to, true,
				"code " + std::to_string(code));
	}
	for (std::uint8_t code : {4, 5, 6, 7, 12, 255}) {
		Address to = behind_router(static_cast<std::uint8_t>(20 + code % 16));
		expect_followed(redirect(to, new_gateway, code), to, false,
				"code " + std::to_string(code));
	}
}

void one_from_anybody_else_is_not_followed()
{
	Address to = behind_router(40);

	expect_followed(redirect(to, new_gateway, 1, packet::ipv4("10.0.0.9")), to, false,
			"from a neighbour");
	expect_followed(redirect(to, new_gateway, 1, new_gateway), to, false,
			"from the new gateway itself");
	expect_followed(redirect(to, new_gateway, 1, packet::ipv4("203.0.113.1")), to, false,
			"from far away");
}

void a_host_on_the_link_has_no_gateway()
{
	Address neighbour = packet::ipv4("10.0.0.77");

	net().send(redirect(neighbour));
	ktap::expect_equal(errors::gateway(neighbour), "", "gateway");
}

void gateways_that_are_none()
{
	Address to = behind_router(50);

	for (const char *gateway : {"10.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
				    "10.0.0.2", "10.0.0.255", "127.0.0.1"})
		expect_followed(redirect(to, packet::ipv4(gateway)), to, false, gateway);
}

void the_setting_accept_redirects()
{
	Address to = behind_router(60);

	// A host accepts them if it or the device does, a router if both do.
	host::set_sysctl(conf + "wire0/accept_redirects", 0);
	host::set_sysctl(conf + "all/accept_redirects", 0);
	expect_followed(redirect(to), to, false, "none");
	host::set_sysctl(conf + "all/accept_redirects", 1);
	expect_followed(redirect(to), to, true, "all");

	to = behind_router(61);
	host::set_sysctl(conf + "wire0/forwarding", 1);
	host::set_sysctl(conf + "wire0/accept_redirects", 0);
	expect_followed(redirect(to), to, false, "all, forwarding");
	host::set_sysctl(conf + "wire0/accept_redirects", 1);
	expect_followed(redirect(to), to, true, "both, forwarding");
	host::set_sysctl(conf + "wire0/forwarding", 0);
}

void the_setting_shared_media()
{
	Address off_link = packet::ipv4("203.0.113.1"), to = behind_router(70);

	net().send(redirect(to, off_link));
	ktap::expect_equal(errors::gateway(to), "203.0.113.1",
			   "a gateway off the link, with shared_media");
	host::set_sysctl(conf + "all/shared_media", 0);
	host::set_sysctl(conf + "wire0/shared_media", 0);
	to = behind_router(71);
	expect_followed(redirect(to, off_link), to, false, "a gateway off the link, without");
	// secure_redirects: only to gateways that a route already names.
	to = behind_router(72);
	expect_followed(redirect(to), to, false, "an unknown gateway");
	host::run("ip route add 198.18.0.0/15 via 10.0.0.3 dev wire0");
	expect_followed(redirect(to), to, true, "a gateway of another route");
	host::run("ip route delete 198.18.0.0/15");
	host::set_sysctl(conf + "all/secure_redirects", 0);
	host::set_sysctl(conf + "wire0/secure_redirects", 0);
	to = behind_router(73);
	expect_followed(redirect(to), to, true, "an unknown gateway, without secure_redirects");
	host::set_sysctl(conf + "all/shared_media", 1);
	host::set_sysctl(conf + "wire0/shared_media", 1);
}

void one_about_udp_is_followed_and_no_error()
{
	Endpoint peer{behind_router(80), 9999};

	net();
	Socket socket = sock::udp();
	sock::bind(socket, {errors::host, 0});
	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	net().send(errors::report(Type::redirect, 1, new_gateway,
				  errors::sent_udp(sock::local(socket), peer).build()));
	ktap::expect_equal(errors::gateway(peer.address), "10.0.0.3", "gateway");
	ktap::expect_equal(sock::wait_for(socket, 0), 0, "POLLERR");
}

void one_about_an_echo_request_needs_a_socket()
{
	Address to = behind_router(90);
	packet::Icmp request = packet::echo_request(7, 1);

	net().send(errors::report(
		Type::redirect, 1, new_gateway,
		errors::sent(IPPROTO_ICMP, errors::host, to, request.build()).build()));
	ktap::expect_equal(errors::gateway(to), "10.0.0.1", "no socket");
	Socket raw = sock::raw(IPPROTO_ICMP);
	net().send(errors::report(
		Type::redirect, 1, new_gateway,
		errors::sent(IPPROTO_ICMP, errors::host, to, request.build()).build()));
	ktap::expect_equal(errors::gateway(to), "10.0.0.3", "a raw socket");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"one_from_the_gateway_is_followed", one_from_the_gateway_is_followed},
		 {"codes", codes},
		 {"one_from_anybody_else_is_not_followed", one_from_anybody_else_is_not_followed},
		 {"a_host_on_the_link_has_no_gateway", a_host_on_the_link_has_no_gateway},
		 {"gateways_that_are_none", gateways_that_are_none},
		 {"the_setting_accept_redirects", the_setting_accept_redirects},
		 {"the_setting_shared_media", the_setting_shared_media},
		 {"one_about_udp_is_followed_and_no_error", one_about_udp_is_followed_and_no_error},
		 {"one_about_an_echo_request_needs_a_socket",
		  one_about_an_echo_request_needs_a_socket}});
}
