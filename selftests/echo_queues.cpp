// SPDX-License-Identifier: GPL-2.0-only
//
// A reply leaves by the queue that its request came by, as what is forwarded does: no processor takes another one's lock,
// and no flow hash has to be made; so does an error. (What the built-in code sends leaves by its hash.)

#include "lib/express.hpp"
#include "lib/family.hpp"
#include "lib/sending.hpp"
#include "lib/socket.hpp"
#include "lib/topology.hpp"

#include <optional>
#include <string>
#include <vector>

namespace {

using family::V4;
using family::V6;
using packet::Ipv4;
using wire::Wire;

constexpr int count = 4;

/// Requests of several flows, each by all queues but the last: there go those that say nothing.
template <typename F>
void expect_kept(const std::vector<Wire> &in, const std::vector<Wire> &out, const char *way,
		 std::size_t size = 56, const wire::Where &where = wire::Where::current())
{
	for (std::uint16_t flow = 0; flow < 3; flow++) {
		for (std::size_t queue = 0; queue < count - 1; queue++) {
			const auto request = F::datagram(F::echo(flow, 1, packet::pattern(size)));
			const auto change = F::change();

			in[queue].send(request);
			family::expect_reply_at(out[queue], request,
						"a reply by queue " + std::to_string(queue), where);
			change.expect_outcomes({{way, 1}}, "a request", where);
		}
	}
}

template <typename F> std::vector<Wire> server(unsigned mtu = 1500)
{
	const Wire::Options options{.several_queues = true};

	F::need_icmpx();
	return topology::queues(F::new_server(options, mtu), options, count);
}

template <typename F> void replies_in_place()
{
	const std::vector<Wire> queues = server<F>();

	expect_kept<F>(queues, queues, "reply_in_place");
	expect_kept<F>(queues, queues, "reply_in_place", 1400);
}

template <typename F> void replies_that_are_copies()
{
	const std::vector<Wire> queues = server<F>(9000);
	const sock::Socket reader = F::raw();

	expect_kept<F>(queues, queues, "reply_copied");
	expect_kept<F>(queues, queues, "reply_copied", 8000);
}

void express_replies()
{
	const std::vector<Wire> queues = server<V4>();

	host::set_sysctl(express::setting, "wire0");
	expect_kept<V4>(queues, queues, "reply_express");
}

template <typename F> void replies_by_another_device()
{
	const std::vector<Wire> queues = server<F>();
	const Wire::Options options{.name = "wire1", .several_queues = true};
	const std::vector<Wire> others = topology::queues(Wire::tap(options), options, count);

	F::quiet("wire1");
	for (const char *device : {"all", "wire0"})
		host::set_sysctl(std::string("net/ipv4/conf/") + device + "/rp_filter", 0);
	host::run("ip link set wire1 arp off up; ip " + F::option + " route add " + F::client_text +
		  " dev wire1");
	expect_kept<F>(queues, others, "reply_in_place");
}

void errors_too()
{
	const std::vector<Wire> queues = server<V4>();

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

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"replies_in_place", replies_in_place<F>},
		{"replies_that_are_copies", replies_that_are_copies<F>},
		{"replies_by_another_device", replies_by_another_device<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	all.insert(all.end(), {{"express_replies", express_replies}, {"errors_too", errors_too}});
	return ktap::run(argc, argv, all);
}
