// SPDX-License-Identifier: GPL-2.0-only
//
// A reply leaves by the queue that its request came by, as what is forwarded does: no processor takes another one's lock,
// and no flow hash has to be made; so does an error. (What the built-in code sends leaves by its hash.)

#include "lib/express.hpp"
#include "lib/sending.hpp"
#include "lib/socket.hpp"
#include "lib/topology.hpp"

#include <optional>
#include <string>
#include <vector>

namespace {

using counters::Change;
using packet::Ipv4;
using wire::Wire;

constexpr int count = 4;

/// Requests of several flows, each by all queues but the last: there go those that say nothing.
void expect_kept(const std::vector<Wire> &in, const std::vector<Wire> &out, const char *way,
		 std::size_t size = 56, const wire::Where &where = wire::Where::current())
{
	for (std::uint16_t flow = 0; flow < 3; flow++) {
		for (std::size_t queue = 0; queue < count - 1; queue++) {
			const Ipv4 request = packet::datagram(
				packet::echo_request(flow, 1, packet::pattern(size)));
			const Change change(counters::Files::snmp);

			in[queue].send(request);
			auto answer = wire::next_answer(out[queue], wire::patience, where);
			wire::expect_echo_reply(
				ktap::require_value(std::move(answer),
						    "a reply by queue " + std::to_string(queue),
						    where),
				request, where);
			change.expect_outcomes({{way, 1}}, "a request", where);
		}
	}
}

std::vector<Wire> server(unsigned mtu = 1500)
{
	const Wire::Options options{.several_queues = true};

	host::need_icmpx();
	return topology::queues(wire::new_server(options, mtu), options, count);
}

void replies_in_place()
{
	const std::vector<Wire> queues = server();

	expect_kept(queues, queues, "reply_in_place");
	expect_kept(queues, queues, "reply_in_place", 1400);
}

void replies_that_are_copies()
{
	const std::vector<Wire> queues = server(9000);
	const sock::Socket reader = sock::raw(IPPROTO_ICMP);

	expect_kept(queues, queues, "reply_copied");
	expect_kept(queues, queues, "reply_copied", 8000);
}

void express_replies()
{
	const std::vector<Wire> queues = server();

	host::set_sysctl(express::setting, "wire0");
	expect_kept(queues, queues, "reply_express");
}

void replies_by_another_device()
{
	const std::vector<Wire> queues = server();
	const Wire::Options options{.name = "wire1", .several_queues = true};
	const std::vector<Wire> others = topology::queues(Wire::tap(options), options, count);

	host::write_file("/proc/sys/net/ipv6/conf/wire1/disable_ipv6", "1");
	for (const char *device : {"all", "wire0"})
		host::set_sysctl(std::string("net/ipv4/conf/") + device + "/rp_filter", 0);
	host::run("ip link set wire1 arp off up; ip route add 10.0.0.1 dev wire1");
	expect_kept(queues, others, "reply_in_place");
}

void errors_too()
{
	const std::vector<Wire> queues = server();

	host::set_sysctl("net/ipv4/icmp_ratemask", 0);
	for (std::uint16_t port = 4242; port < 4245; port++) {
		for (std::size_t queue = 0; queue < count - 1; queue++) {
			const Ipv4 about =
				errors::sent_udp({packet::client, port}, {packet::server, 9});

			queues[queue].send(about);
			auto answer = wire::next_answer(queues[queue]);
			sending::expect_is(
				ktap::require_value(std::move(answer),
						    "an error by queue " + std::to_string(queue)),
				about, {.code = 3});
		}
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"replies_in_place", replies_in_place},
				 {"replies_that_are_copies", replies_that_are_copies},
				 {"express_replies", express_replies},
				 {"replies_by_another_device", replies_by_another_device},
				 {"errors_too", errors_too},
			 });
}
