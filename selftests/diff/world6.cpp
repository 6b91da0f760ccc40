// SPDX-License-Identifier: GPL-2.0-only

#include "world6.hpp"

#include "lib/bpf.hpp"
#include "lib/counters6.hpp"
#include "lib/ktap.hpp"
#include "lib/wire6.hpp"

#include <algorithm>
#include <cerrno>

#include <net/if.h>
#include <poll.h>
#include <unistd.h>

namespace diff {

namespace {

const std::string device{wire_name}, vrf_name = "vrf0", far_device = "far0";

void set(const Setting &setting) { host::set_sysctl("net/" + setting.name, setting.value); }

std::string route(const char *type, six::Odd odd, const std::string &table)
{
	return std::string("route add ") + type + " " + packet6::text(six::odd_host(odd, 0)) +
	       "/96" + table + "\n";
}

} // namespace

World6::World6(const Sequence &sequence)
	: World(sequence, [] {
		  host::enter_new_namespace();
		  // No device has an address of its own making, or asks for a router.
		  wire6::quiet("default");
		  return wire::Wire::tap({.name = device, .virtio_header = true});
	  }())
{
	apply_settings();
	make_devices();
	join();
	await_report();
	begin();
	open_sockets();
	// What moves from here on is the sequence's.
	counters();
}

/// One command makes all of it.
void World6::make_devices() const
{
	const std::string table = sequence().vrf ? " table 10" : "";
	const std::string master = sequence().vrf ? " master " + vrf_name : "";
	wire6::LocalRoutes routes;
	std::string commands;

	if (sequence().vrf)
		commands += "link add " + vrf_name + " type vrf table 10\nlink set " + vrf_name +
			    " up\n";
	commands += "link set " + device + " arp off mtu " + std::to_string(sequence().mtu) +
		    master + " up\n";
	for (const six::Address &address : {six::host_address, six::second_address, six::host_link})
		commands +=
			"address add " + packet6::text(address) + "/64 dev " + device + " nodad\n";
	if (sequence().router)
		commands += "link add " + far_device + " type dummy\nlink set " + far_device +
			    " arp off mtu " + std::to_string(six::far_mtu) + master +
			    " up\naddress add " + packet6::text(six::far_address) + "/64 dev " +
			    far_device + " nodad\n";
	// Otherwise Linux asks whether the routers are there, when a worker comes to it.
	for (const six::Address &router : {six::gateway, six::other_gateway})
		commands += "neigh add " + packet6::text(router) +
			    " lladdr 02:00:00:00:00:01 nud permanent dev " + device + "\n";
	commands += "route add default via " + packet6::text(six::gateway) + " dev " + device +
		    table + "\n" + route("unreachable", six::unreachable, table) +
		    route("prohibit", six::prohibited, table) +
		    route("blackhole", six::blackhole, table);
	// Otherwise a solicitation by multicast for an anycast address is answered after a random time.
	host::set_sysctl("net/ipv6/neigh/" + device + "/proxy_delay", 0);
	host::run("ip -6 -batch - <<'END'\n" + commands + "END");
	for (const six::Address &address : {six::host_address, six::second_address, six::host_link})
		routes.await(address);
	if (sequence().router)
		routes.await(six::far_address);
	if (sequence().trusted)
		ktap::require(bpf::trust_checksums(device), "the device says what checksums are");
	if (!sequence().marked)
		return;
	const std::string mark = std::to_string(packet_mark);
	host::run(
		"nft -f - <<'END'\ntable ip6 t {\nchain in {\ntype filter hook prerouting priority"
		" -150\nmeta mark set " +
		mark + "\n}\n}\nEND\nip -6 rule add fwmark " + mark +
		" table 100\nip -6 route add default via fe80::3 dev wire0 src fd00::20 table 100");
}

void World6::apply_settings() const
{
	static const std::vector<Setting> always{
		{"ipv4/ping_group_range", "0 2147483647"},
		// A limit is there when it is the limit that is looked at: it is made of time.
		{"ipv6/icmp/ratemask", "200"},
		// Their random offsets would be seen.
		{"ipv4/tcp_timestamps", "0"},
		{"ipv4/tcp_invalid_ratelimit", "600000"},
		{"ipv4/tcp_l3mdev_accept", "1"},
		{"ipv4/udp_l3mdev_accept", "1"},
		{"ipv4/raw_l3mdev_accept", "1"},
	};

	for (const Setting &setting : always)
		set(setting);
	if (sequence().router)
		set({"ipv6/conf/all/forwarding", "1"});
	if (sequence().impatient)
		set({"ipv6/ip6frag_time", "0"});
	for (const Setting &setting : sequence().settings)
		set(setting);
}

void World6::join() const
{
	ipv6_mreq request{};

	request.ipv6mr_interface = if_nametoindex(device.c_str());
	std::ranges::copy(six::joined_group, request.ipv6mr_multiaddr.s6_addr);
	host::check(setsockopt(member_.get(), SOL_IPV6, IPV6_JOIN_GROUP, &request, sizeof(request)),
		    "IPV6_JOIN_GROUP");
	std::ranges::copy(six::anycast_address, request.ipv6mr_multiaddr.s6_addr);
	host::check(
		setsockopt(member_.get(), SOL_IPV6, IPV6_JOIN_ANYCAST, &request, sizeof(request)),
		"IPV6_JOIN_ANYCAST");
}

/// The last of what the kernel sends unasked is the report of the group that was joined last.
void World6::await_report() const
{
	pollfd ready{.fd = wire().fd(), .events = POLLIN, .revents = 0};
	Bytes frame(1 << 16);

	for (;;) {
		ktap::require(poll(&ready, 1, static_cast<int>(wire::patience.count())) == 1,
			      "a report of the group");
		const auto size = static_cast<std::size_t>(host::check(
			static_cast<int>(read(wire().fd(), frame.data(), frame.size())), "read"));
		if (!std::ranges::search(View(frame).first(size), six::joined_group).empty())
			return;
	}
}

int World6::call(const Call6 &call) const
{
	int fd = socket(call.socket).get();
	sockaddr_in6 name = sock6::to_kernel(call.to);
	const sockaddr *address =
		call.connected ? nullptr : reinterpret_cast<const sockaddr *>(&name);

	if (fd < 0)
		return EBADF;
	return ::sendto(fd, call.data.data(), call.data.size(),
			call.flags | MSG_NOSIGNAL | MSG_DONTWAIT, address,
			address ? sizeof(name) : 0) < 0
		       ? errno
		       : 0;
}

void World6::carry_out(const Step &step, Events &events)
{
	if (step.setting)
		set(*step.setting);
	if (step.packet6) {
		const Packet6 &packet = *step.packet6;

		if (int error = inject(datagram_of(packet, canonical_.learned()),
				       offload_of(packet), packet.cast))
			events.push_back({.kind = Event::Kind::result, .numbers = {error}});
	}
	if (step.call6)
		events.push_back({.kind = Event::Kind::result,
				  .socket = step.call6->socket,
				  .numbers = {call(*step.call6)}});
}

namespace {

/// Waits until no fragments are kept, whose timers fire at once.
void wait_for_fragments()
{
	constexpr int tick = 30000, tries = 100;

	usleep(tick);
	for (int i = 0; i < tries; i++) {
		const std::string sockets = host::read_file("/proc/net/sockstat6").value_or("");

		if (sockets.ends_with("FRAG6: inuse 0 memory 0"))
			return;
		usleep(tick);
	}
	ktap::fatal("fragments are kept, whose time is over");
}

} // namespace

void World6::settle()
{
	// A worker of the kernel's handles a query and then waits a tick or two for reports to send at once.
	constexpr int ticks = 50000;

	if (sequence().impatient)
		wait_for_fragments();
	if (sequence().queried)
		usleep(ticks);
}

counters::Values World6::count() const
{
	// What both families share, such as TCP's.
	counters::Values all = counters::snmp();
	const auto add = [&all](const std::string &of, const counters::Values &values) {
		for (const auto &[name, value] : values)
			all.emplace(of + name, value);
	};

	add("", counters6::snmp());
	add(device + " ", counters6::snmp(device));
	add("lo ", counters6::snmp("lo"));
	if (sequence().vrf)
		add(vrf_name + " ", counters6::snmp(vrf_name));
	if (sequence().router)
		add(far_device + " ", counters6::snmp(far_device));
	std::erase_if(all, [](const auto &value) { return value.first.ends_with("ifIndex"); });
	return all;
}

std::string World6::broken_ledger() const
{
	const auto stat = counters6::icmpx();

	return stat ? broken_ledger_of(*stat, counters6::snmp()["Icmp6InMsgs"]) : "";
}

} // namespace diff
