// SPDX-License-Identifier: GPL-2.0-only
//
// What the generic netlink family icmpx lists of both families: ping sockets, sources that are being limited, devices that
// have the express path.

#include "lib/child.hpp"
#include "lib/diag.hpp"
#include "lib/genetlink.hpp"
#include "lib/ping.hpp"
#include "lib/volume.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <net/if.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace {

using diag::End;
using family::V4;
using family::V6;
using genetlink::Attributes;
using genetlink::byte;
using genetlink::Client;
using ktap::expect;
using ktap::expect_equal;
using netlink::Bytes;
using sock::Socket;
using wire::Wire;

using Clock = std::chrono::steady_clock;

template <typename F> constexpr int number() { return F::is_ipv6 ? AF_INET6 : AF_INET; }

template <typename F> std::vector<Attributes> listed(Client &client, std::uint8_t command)
{
	return client.list(
		client.message(command).put_bytes(ICMPX_A_SOCKET_FAMILY, byte(number<F>())));
}

/// The bytes of an address as they go over a wire.
template <typename F> Bytes raw(const typename F::Address &address)
{
	if constexpr (F::is_ipv6) {
		return {address.begin(), address.end()};
	} else {
		Bytes bytes;

		packet::put32(bytes, address);
		return bytes;
	}
}

template <typename F> void new_network()
{
	F::need_icmpx();
	host::enter_new_namespace();
	ping::allow();
	for (int i : {1, 2})
		F::add_address("lo", F::own(i));
}

template <typename F> typename F::Address own(int i)
{
	const std::string prefix = F::own(i);

	return F::address(prefix.substr(0, prefix.find('/')));
}

template <typename F> void what_a_socket_is()
{
	new_network<F>();
	Client client;
	struct stat file {};

	expect(listed<F>(client, ICMPX_CMD_SOCKET_GET).empty(), "none yet");
	host::check(seteuid(1234), "seteuid");
	Socket socket = diag::open<F>();
	host::check(seteuid(0), "seteuid");
	host::check(fstat(socket.get(), &file), "fstat");
	bind(socket, End<F>{.address = own<F>(1), .port = 4711});
	auto list = listed<F>(client, ICMPX_CMD_SOCKET_GET);
	ktap::require_equal(list.size(), 1, "sockets");
	expect_equal(list[0].number(ICMPX_A_SOCKET_IDENT).value_or(0), 4711, "identifier");
	expect(list[0].bytes(ICMPX_A_SOCKET_LOCAL) == raw<F>(own<F>(1)), "local address");
	expect(list[0].bytes(ICMPX_A_SOCKET_REMOTE) == raw<F>({}), "no peer");
	expect(!list[0].has(ICMPX_A_SOCKET_IFINDEX), "no device");
	expect(!list[0].has(ICMPX_A_SOCKET_CONNECTED), "not connected");
	expect_equal(list[0].number(ICMPX_A_SOCKET_UID).value_or(0), 1234, "user");
	expect_equal(list[0].number(ICMPX_A_SOCKET_INODE).value_or(0), file.st_ino, "inode");
	expect_equal(list[0].number(ICMPX_A_SOCKET_DROPS).value_or(9), 0, "drops");

	ktap::require_equal(connect(socket, End<F>{.address = own<F>(2)}), 0, "connect");
	host::check(setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), "to a device");
	const Bytes request{static_cast<std::uint8_t>(F::Type::echo), 0, 0, 0, 0, 0, 0, 1};
	ktap::require_equal(::send(socket.get(), request.data(), request.size(), 0),
			    static_cast<ssize_t>(request.size()), "send");
	sock::wait_for(socket, POLLIN, 60000);
	list = listed<F>(client, ICMPX_CMD_SOCKET_GET);
	ktap::require_equal(list.size(), 1, "sockets");
	expect(list[0].bytes(ICMPX_A_SOCKET_REMOTE) == raw<F>(own<F>(2)), "the peer");
	expect_equal(list[0].number(ICMPX_A_SOCKET_IFINDEX).value_or(0), if_nametoindex("lo"),
		     "device");
	expect(list[0].has(ICMPX_A_SOCKET_CONNECTED), "connected");
	expect(list[0].number(ICMPX_A_SOCKET_RECEIVE_QUEUE).value_or(0) > 0, "the reply waits");
}

/// A dump takes many messages, and sockets come and go meanwhile: each that is there all the time is listed once.
template <typename F> void many_sockets()
{
	const std::size_t count = volume::debug_kernel() ? 500 : 3000;
	const rlimit files{8192, 8192};

	new_network<F>();
	host::check(setrlimit(RLIMIT_NOFILE, &files), "RLIMIT_NOFILE");
	Client client;
	std::vector<Socket> sockets, others;
	std::map<std::uint64_t, int> seen;

	for (std::size_t i = 0; i < count; i++) {
		sockets.push_back(diag::open<F>());
		bind(sockets.back(), End<F>{.address = own<F>(1)});
	}
	// Not for ever: a new socket is one more to list.
	std::size_t news = count / 2;
	expect_equal(client.each(client.message(ICMPX_CMD_SOCKET_GET),
				 [&](const Attributes &one) {
					 seen[one.number(ICMPX_A_SOCKET_INODE).value_or(0)]++;
					 if (!news)
						 return;
					 if (--news % 7 == 0)
						 others.clear();
					 others.push_back(diag::open<F>());
					 bind(others.back(), End<F>{.address = own<F>(2)});
				 }),
		     0, "the dump");
	std::size_t once = 0;
	for (const Socket &socket : sockets) {
		struct stat file {};

		host::check(fstat(socket.get(), &file), "fstat");
		once += seen[file.st_ino] == 1;
	}
	expect_equal(once, count, "sockets that are listed once");
}

/// A server that answers @p burst requests of each prefix, and hardly any more.
template <typename F> Wire limited_server(int burst)
{
	F::need_icmpx();
	Wire wire = F::new_server();
	const std::string settings = F::is_ipv6 ? "net/icmpx6/" : "net/icmpx/";

	host::set_sysctl(settings + "echo_burst", burst);
	host::set_sysctl(settings + "echo_ratelimit", 1);
	return wire;
}

template <typename F> void send(const Wire &wire, int requests, const typename F::Address &from)
{
	for (int i = 0; i < requests; i++)
		wire.send(F::between(F::echo(1, 1, {}), from, F::server));
	wire.receive_all();
}

template <typename F> std::uint64_t refused()
{
	Client client;

	for (const Attributes &family : listed<F>(client, ICMPX_CMD_COUNTERS_GET))
		for (const Bytes &nest : family.every(ICMPX_A_COUNTERS_COUNTER)) {
			const Attributes counter(nest);

			if (counter.text(ICMPX_A_COUNTER_NAME) == "limit_prefix")
				return counter.number(ICMPX_A_COUNTER_VALUE).value_or(0);
		}
	return 0;
}

template <typename F> void who_is_limited()
{
	Wire wire = limited_server<F>(5);
	Client client;

	send<F>(wire, 5, F::client);
	expect(listed<F>(client, ICMPX_CMD_LIMITED_GET).empty(), "nobody before a refusal");
	// The machine may be so slow that a limit has ended before it is asked for.
	std::vector<Attributes> list;
	std::uint64_t before = 0;
	auto start = Clock::now();
	for (int tries = 0; tries < 100 && list.empty(); tries++) {
		before = refused<F>();
		start = Clock::now();
		send<F>(wire, 100, F::client);
		list = listed<F>(client, ICMPX_CMD_LIMITED_GET);
	}
	ktap::require_equal(list.size(), 1, "sources");
	Bytes prefix = raw<F>(F::client);
	if (F::is_ipv6)
		std::fill(prefix.begin() + 8, prefix.end(), 0);
	expect(list[0].bytes(ICMPX_A_LIMITED_PREFIX) == prefix, "the prefix");
	expect_equal(list[0].number(ICMPX_A_LIMITED_LENGTH).value_or(0), F::is_ipv6 ? 64 : 32,
		     "its length");
	if (Clock::now() - start < std::chrono::seconds(2))
		expect_equal(list[0].number(ICMPX_A_LIMITED_REFUSED).value_or(0),
			     refused<F>() - before, "refused, as the counter has it");
	expect(refused<F>() > 80, "refusals");
	expect(list[0].number(ICMPX_A_LIMITED_AGE).value_or(0) >=
		       list[0].number(ICMPX_A_LIMITED_IDLE).value_or(~0ULL),
	       "began before the last refusal");
	// Nobody is refused anything any more: the list is empty after a while.
	for (int tries = 0; tries < 600 && !list.empty(); tries++) {
		usleep(100000);
		list = listed<F>(client, ICMPX_CMD_LIMITED_GET);
	}
	expect(list.empty(), "the limit has ended");
	host::set_sysctl(F::is_ipv6 ? "net/icmpx6/echo_ratelimit" : "net/icmpx/echo_ratelimit", 0);
	expect(listed<F>(client, ICMPX_CMD_LIMITED_GET).empty(), "nobody without a limit");
}

template <typename F> typename F::Address forged(std::uint32_t number)
{
	typename F::Address from = F::client;

	if constexpr (F::is_ipv6) {
		from[4] = 1;
		from[5] = static_cast<std::uint8_t>(number >> 8);
		from[6] = static_cast<std::uint8_t>(number);
	} else {
		from = 0x0b000001U + number;
	}
	return from;
}

/// More prefixes than there are places: those that send one packet each do not hide the one that sends many.
template <typename F> void forged_sources_hide_nobody()
{
	Wire wire = limited_server<F>(1);
	Client client;
	Bytes heavy = raw<F>(F::client);

	if (F::is_ipv6)
		std::fill(heavy.begin() + 8, heavy.end(), 0);
	// Those that share their buckets with others are refused their first request.
	std::vector<Attributes> list;
	for (std::uint32_t round = 0; round < 50; round++) {
		for (std::uint32_t i = 0; i < 4000; i++) {
			wire.send(F::between(F::echo(1, 1, {}), forged<F>(i), F::server));
			if (i % 10 == 0)
				wire.send(F::between(F::echo(1, 1, {}), F::client, F::server));
		}
		list = listed<F>(client, ICMPX_CMD_LIMITED_GET);
		expect(list.size() <= 1024, "prefixes: " + std::to_string(list.size()));
		std::ranges::sort(list, std::ranges::greater(), [](const Attributes &one) {
			return one.number(ICMPX_A_LIMITED_REFUSED).value_or(0);
		});
		// Unless the machine is so slow that all limits have ended.
		if (list.size() > 200)
			break;
	}
	ktap::require(list.size() > 200, "prefixes that are limited");
	expect(list[0].bytes(ICMPX_A_LIMITED_PREFIX) == heavy, "the one that sends many is listed");
}

void each_namespace_has_its_own_limited()
{
	Wire wire = limited_server<V4>(1);
	Client client;

	send<V4>(wire, 10, V4::client);
	expect_equal(listed<V4>(client, ICMPX_CMD_LIMITED_GET).size(), 1, "here");
	expect(listed<V6>(client, ICMPX_CMD_LIMITED_GET).empty(), "none of the other family");
	host::enter_new_namespace();
	Client elsewhere;
	expect(listed<V4>(elsewhere, ICMPX_CMD_LIMITED_GET).empty(), "elsewhere");
}

std::vector<std::string> express_devices(Client &client)
{
	std::vector<std::string> names;

	for (const Attributes &one : client.list(client.message(ICMPX_CMD_EXPRESS_GET))) {
		names.push_back(one.text(ICMPX_A_EXPRESS_NAME));
		expect_equal(one.number(ICMPX_A_EXPRESS_IFINDEX).value_or(0),
			     if_nametoindex(names.back().c_str()), "index");
	}
	return names;
}

int change(Client &client, int command, const std::string &device)
{
	return client.request(genetlink::express_change(client, command, device));
}

void express_devices_come_and_go()
{
	// Longer than a device's own name can be.
	const std::string other_name = "the-one-by-the-window";

	host::need_icmpx();
	host::enter_new_namespace();
	host::run("ip link add va type veth peer name vb; ip link add br0 type bridge; "
		  "ip link add vc type veth peer name vd; ip link set vc master br0; "
		  "ip link property add dev va altname " +
		  other_name);
	Client client;

	expect(express_devices(client).empty(), "none at first");
	expect_equal(change(client, ICMPX_CMD_EXPRESS_ADD, "va"), 0, "adding va");
	expect_equal(client.request(client.message(ICMPX_CMD_EXPRESS_ADD)
					    .put(ICMPX_A_EXPRESS_IFINDEX,
						 std::uint32_t{if_nametoindex("vb")})),
		     0, "adding vb by its index");
	expect(express_devices(client) == std::vector<std::string>{"va", "vb"}, "both");
	expect_equal(host::sysctl("net/icmpx/express"), "va vb", "the setting");
	for (const auto &[command, device, error, reason] :
	     {std::tuple{ICMPX_CMD_EXPRESS_ADD, "va", EEXIST,
			 "the device has the express path already"},
	      {ICMPX_CMD_EXPRESS_ADD, "absent", ENODEV, "no such device"},
	      {ICMPX_CMD_EXPRESS_ADD, "lo", EOPNOTSUPP, "not an Ethernet device"},
	      {ICMPX_CMD_EXPRESS_ADD, "vc", EBUSY, "another device gets the frames of this one"},
	      {ICMPX_CMD_EXPRESS_DEL, "vd", ENOENT, "the device does not have the express path"},
	      {ICMPX_CMD_EXPRESS_DEL, "absent", ENODEV, "no such device"}}) {
		expect_equal(change(client, command, device), error, device);
		expect_equal(client.reason(), reason, "reason");
	}
	expect_equal(client.request(client.message(ICMPX_CMD_EXPRESS_ADD)
					    .put(ICMPX_A_EXPRESS_IFINDEX,
						 std::uint32_t{if_nametoindex("vd")})
					    .put(ICMPX_A_EXPRESS_NAME, "va")),
		     ENODEV, "a name and an index of different devices");
	expect_equal(client.request(client.message(ICMPX_CMD_EXPRESS_ADD)), ENODEV, "no device");
	expect_equal(host::sysctl("net/icmpx/express"), "va vb", "the setting, as it was");
	expect_equal(client.request(client.message(ICMPX_CMD_EXPRESS_DEL)
					    .put(ICMPX_A_EXPRESS_IFINDEX,
						 std::uint32_t{if_nametoindex("va")})
					    .put(ICMPX_A_EXPRESS_NAME, other_name)),
		     0, "taking va away by its index and its other name");
	expect_equal(change(client, ICMPX_CMD_EXPRESS_ADD, other_name), 0,
		     "adding va by its other name");
	expect_equal(host::sysctl("net/icmpx/express"), "vb va", "the setting, with va again");
	expect_equal(change(client, ICMPX_CMD_EXPRESS_DEL, "va"), 0, "taking va away");
	expect(express_devices(client) == std::vector<std::string>{"vb"}, "vb is left");
	host::run("ip link del va");
	expect(express_devices(client).empty(), "none when both are gone");
}

void no_more_express_devices_than_fit()
{
	host::need_icmpx();
	host::enter_new_namespace();
	Client client;

	for (int i = 0; i < 65; i++)
		host::run("ip link add a-long-name-" + std::to_string(100 + i) + " type dummy");
	for (int i = 0; i < 64; i++)
		expect_equal(change(client, ICMPX_CMD_EXPRESS_ADD,
				    "a-long-name-" + std::to_string(100 + i)),
			     0, "one more");
	expect_equal(change(client, ICMPX_CMD_EXPRESS_ADD, "a-long-name-164"), E2BIG,
		     "one too many");
	expect_equal(express_devices(client).size(), 64, "devices");
	const std::string names = host::sysctl("net/icmpx/express");
	expect(names.ends_with(" a-long-name-163"), "the setting has them all");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		family::both(
			{
				{"what_a_socket_is", what_a_socket_is<V4>},
				{"many_sockets", many_sockets<V4>},
				{"who_is_limited", who_is_limited<V4>},
				{"forged_sources_hide_nobody", forged_sources_hide_nobody<V4>},
				{"each_namespace_has_its_own_limited",
				 each_namespace_has_its_own_limited},
				{"express_devices_come_and_go", express_devices_come_and_go},
				{"no_more_express_devices_than_fit",
				 no_more_express_devices_than_fit},
			},
			{
				{"what_a_socket_is", what_a_socket_is<V6>},
				{"many_sockets", many_sockets<V6>},
				{"who_is_limited", who_is_limited<V6>},
				{"forged_sources_hide_nobody", forged_sources_hide_nobody<V6>},
			}));
}
