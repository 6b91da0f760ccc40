/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Two namespaces that are joined by devices of a kind: tunnels, and what is put on top of an Ethernet device.
 *
 * At each end the device that has the addresses is `top`, or, where nothing is put on the client's, `client`. It stands on
 * a veth, `server` and `client`, with addresses of its own. The test's own process is where the server's `top` is.
 */
#pragma once

#include "flood.hpp"
#include "host.hpp"
#include "ktap.hpp"
#include "packet.hpp"
#include "ping.hpp"
#include "wire.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <poll.h>
#include <unistd.h>

namespace devices {

using packet::Address;
using packet::Bytes;
using sock::Socket;

/// The two ends; those of the veth below are packet::client and packet::server.
inline constexpr Address client = 0x0a010001, server = 0x0a010002;

/// Networks behind either end, on devices that nothing comes back from, and which take no more than behind_mtu.
constexpr Address behind_server(std::uint8_t number) { return 0x0a020000U | number; }
constexpr Address behind_client(std::uint8_t number) { return 0x0a030000U | number; }
inline constexpr unsigned behind_mtu = 1300;

/// A kind of device, and how the two ends are made of it.
struct Kind {
	std::string name;
	/// Modules of the kernel.
	std::vector<std::string> modules{};
	/// Lines for `ip -batch` in the server's namespace that has the veth, where $$ is a process in that of the test;
	/// a command in that of the test, and more lines there; lines in the client's namespace. They make `top`.
	std::string below{}, command{}, here{}, there{};
	/// The client's device.
	std::string peer = "top";
	/// Whether the server's `top` has a namespace of its own, apart from the veth.
	bool apart = false;
	/// Whether the server's `top` gets what is for others than its own address.
	bool forwards = true;
	/// Whether the way to it is that to the veth below, since nobody asks for neighbours at `top`.
	bool routed_below = false;
	/// Whether the two are tun devices, and this process is what is between them.
	bool is_spliced = false;
	/// Whether the server tracks connections.
	bool tracks = false;
	/// A module that is not to stay.
	std::string unload{};
	/// What net.icmpx.express says of the veth below and of `top`.
	int express_below = 0;
	int express_top = 0;
};

/// Carries what comes out of one wire into the other, both ways.
class Splice {
public:
	Splice(wire::Wire first, wire::Wire second) : ends_{std::move(first), std::move(second)}
	{
		thread_ = std::jthread([this](const std::stop_token &stop) { run(stop); });
	}

private:
	void run(const std::stop_token &stop)
	{
		std::array<pollfd, 2> ready{
			{{ends_[0].fd(), POLLIN, 0}, {ends_[1].fd(), POLLIN, 0}}};
		Bytes buffer(1 << 17);

		while (!stop.stop_requested()) {
			if (poll(ready.data(), ready.size(), 20) <= 0)
				continue;
			for (std::size_t i : {0U, 1U}) {
				ssize_t size = read(ends_[i].fd(), buffer.data(), buffer.size());
				// What the other end does not take is lost, as on a wire.
				if (size > 0)
					(void)!write(ends_[1 - i].fd(), buffer.data(),
						     static_cast<std::size_t>(size));
			}
		}
	}

	std::array<wire::Wire, 2> ends_;
	std::jthread thread_;
};

/// The two namespaces, for as long as this is there. Nothing is limited, and everybody may have ping sockets.
class Joined {
public:
	explicit Joined(const Kind &kind) : kind_(kind)
	{
		for (const std::string &module : kind.modules)
			host::need_module(module);
		host::need_module("dummy");
		if (kind.apart)
			host::enter_new_namespace();
		here_.emplace(host::Namespace::current());
		if (kind.is_spliced)
			splice();
		make();
		if (kind.tracks)
			host::track_connections();
		set();
		in_client([] { return set(), 0; });
		wait_for_the_way();
	}

	const Kind &kind() const { return kind_; }

	/// What @p open returns, opened in the client's namespace.
	template <typename Open> std::invoke_result_t<Open> in_client(Open open) const
	{
		client_.enter();
		auto result = open();
		here_->enter();
		return result;
	}

	/// What @p open returns, in the namespace of the veth below.
	template <typename Open> std::invoke_result_t<Open> below(Open open) const
	{
		below_.enter();
		auto result = open();
		here_->enter();
		return result;
	}

private:
	void splice()
	{
		const wire::Wire::Options options{.name = "top", .ethernet = false};
		wire::Wire far = in_client([&] { return wire::Wire::tap(options); });

		splice_.emplace(wire::Wire::tap(options), std::move(far));
	}

	/// `ip` with @p options, which gets @p lines.
	static std::string batch(const std::string &options, const std::string &lines)
	{
		return "ip " + options + " -batch - <<END || exit\n" + lines + "\nEND\n";
	}

	/// Lines that put @p device up, with the network behind it and the one behind the other end.
	static std::string addresses(const std::string &device, const std::string &own,
				     const std::string &behind, const std::string &other,
				     const std::string &behind_other)
	{
		return "\naddress add " + own + "/24 dev " + device + "\nlink set " + device +
		       " up\nlink add behind mtu " + std::to_string(behind_mtu) +
		       " type dummy\naddress add " + behind +
		       ".254/24 dev behind\nlink set behind up\nroute add " + behind_other +
		       ".0/24 via " + other + " dev " + device;
	}

	void make() const
	{
		const bool routed = kind_.routed_below;

		host::run(batch("-n " + network_.server(),
				kind_.below + (routed ? "\nroute add 10.1.0.1 via 10.0.0.1"
							"\nroute add 10.3.0.0/24 via 10.0.0.1"
						      : "")) +
			  kind_.command + "\n" +
			  batch("", kind_.here + addresses("top", "10.1.0.2", "10.2.0", "10.1.0.1",
							   "10.3.0")) +
			  batch("-n " + network_.client(),
				kind_.there +
					addresses(kind_.peer, "10.1.0.1", "10.3.0", "10.1.0.2",
						  "10.2.0") +
					(routed ? "\nroute add 10.1.0.2 via 10.0.0.2 src 10.1.0.1"
						: "")));
	}

	static void set()
	{
		ping::allow();
		host::set_sysctl("net/ipv4/icmp_ratemask", 0);
		host::set_sysctl("net/ipv4/ip_forward", 1);
	}

	/// Links may take a moment to notice that they are up, neighbours are asked for.
	static void wait_for_the_way()
	{
		const auto until = std::chrono::steady_clock::now() + flood::patience;
		Socket socket = sock::ping();

		while (std::chrono::steady_clock::now() < until) {
			sock::send(socket, ping::request(1), sock::Endpoint{client, 0});
			if (sock::receive(socket, 200))
				return;
		}
		ktap::fatal("no way to the other end");
	}

	Kind kind_;
	flood::Network network_;
	host::Namespace below_ = host::Namespace::named(network_.server());
	host::Namespace client_ = host::Namespace::named(network_.client());
	std::optional<host::Namespace> here_;
	std::optional<Splice> splice_;
};

/// A tunnel between the veths' addresses; @p options as of `ip link add … type`.
inline Kind tunnel(const std::string &name, const std::string &module, const std::string &options,
		   int express_top)
{
	const std::string make = "link add top type " + options;

	return {.name = name,
		.modules = {module},
		.below = make + " local 10.0.0.2 remote 10.0.0.1",
		.there = make + " local 10.0.0.1 remote 10.0.0.2",
		.express_top = express_top};
}

/// One that is put on the veth, and then into a namespace of its own; @p options as of `ip link add … type`.
inline Kind apart(const std::string &name, const std::string &module, const std::string &options)
{
	return {.name = name,
		.modules = {module},
		.below = "link add top link server type " + options + "\nlink set top netns $$",
		.peer = "client",
		.apart = true,
		.express_below = EBUSY};
}

inline Kind ipvlan(const std::string &mode)
{
	Kind kind = apart("ipvlan_" + mode, "ipvlan", "ipvlan mode " + mode);

	kind.forwards = false;
	kind.routed_below = mode != "l2";
	return kind;
}

/// One that the veth is a part of, alone.
inline Kind master(const std::string &name, const std::string &module, const std::string &options)
{
	return {.name = name,
		.modules = {module},
		.below = "link set server down\nlink add top type " + options,
		.here = "link set server master top\nlink set server up",
		.peer = "client",
		.express_below = EBUSY};
}

inline Kind team()
{
	Kind kind = master("team", "team_mode_roundrobin", "team");

	kind.command = "teamnl top setoption mode roundrobin || exit";
	return kind;
}

/// One whose frames netfilter's hooks of IPv4 see.
inline Kind bridge()
{
	Kind kind = master("bridge", "br_netfilter", "bridge");

	kind.tracks = true;
	kind.unload = "br_netfilter";
	return kind;
}

inline Kind vlan_in_vlan()
{
	const auto make = [](const std::string &device) {
		return "link add link " + device + " name outer type vlan proto 802.1ad id 7\n" +
		       "link set outer up\nlink add link outer name top type vlan id 5";
	};

	return {.name = "vlan_in_vlan",
		.modules = {"8021q"},
		.below = make("server"),
		.there = make("client")};
}

/// All kinds.
inline std::vector<Kind> all()
{
	return {
		tunnel("gre", "ip_gre", "gre", EOPNOTSUPP),
		tunnel("ipip", "ipip", "ipip", EOPNOTSUPP),
		tunnel("vxlan", "vxlan", "vxlan id 5 dstport 4789", 0),
		{.name = "geneve",
		 .modules = {"geneve"},
		 .below = "link add top type geneve id 5 remote 10.0.0.1",
		 .there = "link add top type geneve id 5 remote 10.0.0.2"},
		apart("macvlan", "macvlan", "macvlan mode bridge"),
		ipvlan("l2"),
		ipvlan("l3"),
		ipvlan("l3s"),
		master("bond", "bonding", "bond mode balance-rr"),
		team(),
		bridge(),
		vlan_in_vlan(),
		{.name = "tun", .is_spliced = true, .express_top = EOPNOTSUPP},
	};
}

} // namespace devices
