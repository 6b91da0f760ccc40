// SPDX-License-Identifier: GPL-2.0-only

#include "world4.hpp"

#include "lib/bpf.hpp"
#include "lib/errors.hpp"
#include "lib/ktap.hpp"
#include "router.hpp"
#include "routes.hpp"
#include "sockets.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <net/if.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace diff {

namespace {

const std::string device{wire_name};

sockaddr as_sockaddr(Address address)
{
	sockaddr_in name = sock::to_kernel({address, 0});
	sockaddr generic{};

	std::memcpy(&generic, &name, sizeof(generic));
	return generic;
}

ifreq request_for(const std::string &name)
{
	ifreq request{};

	name.copy(request.ifr_name, IFNAMSIZ - 1);
	return request;
}

/// One address of @p name ("wire0:1" for a second one).
void add_address(int fd, const std::string &name, Address address)
{
	ifreq request = request_for(name);

	request.ifr_addr = as_sockaddr(address);
	host::check(ioctl(fd, SIOCSIFADDR, &request), "SIOCSIFADDR");
	request.ifr_netmask = as_sockaddr(0xffffff00);
	host::check(ioctl(fd, SIOCSIFNETMASK, &request), "SIOCSIFNETMASK");
}

void add_route(int fd, Address network, Address mask, Address gateway, unsigned flags)
{
	rtentry route{};
	std::string name = device;

	route.rt_dst = as_sockaddr(network);
	route.rt_genmask = as_sockaddr(mask);
	route.rt_gateway = as_sockaddr(gateway);
	route.rt_flags = static_cast<unsigned short>(RTF_UP | flags);
	if (!(flags & RTF_REJECT))
		route.rt_dev = name.data();
	host::check(ioctl(fd, SIOCADDRT, &route), "SIOCADDRT");
}

void set(const std::string &name, const std::string &value)
{
	host::set_sysctl("net/ipv4/" + name, value);
}

} // namespace

World4::World4(const Sequence &sequence)
	: World(sequence, [] {
		  host::enter_new_namespace();
		  host::write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
		  return wire::Wire::tap({.name = device, .virtio_header = true});
	  }())
{
	make_device();
	apply_settings();
	// From the first SYN on.
	begin();
	fill_global_bucket();
	open_sockets();
}

void World4::make_device()
{
	sock::Socket any = sock::udp();
	ifreq request = request_for(device);

	request.ifr_mtu = static_cast<int>(sequence().mtu);
	host::check(ioctl(any.get(), SIOCSIFMTU, &request), "SIOCSIFMTU");
	add_address(any.get(), device, host_address);
	add_address(any.get(), device + ":1", second_address);
	request = request_for(device);
	// Everybody is there, without being asked for.
	request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_NOARP | IFF_BROADCAST | IFF_MULTICAST;
	host::check(ioctl(any.get(), SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
	add_route(any.get(), 0, 0, gateway_address, RTF_GATEWAY);
	add_route(any.get(), unreachable_host(0), 0xffffff00, 0, RTF_REJECT);
	if (sequence().trusted)
		ktap::require(bpf::trust_checksums(device), "the device says what checksums are");
	if (sequence().router)
		make_router();
	if (!sequence().marked)
		return;
	const std::string mark = std::to_string(packet_mark);
	host::run("nft -f - <<'END'\ntable ip t {\nchain in {\ntype filter hook prerouting priority"
		  " -150\nmeta mark set " +
		  mark + "\n}\n}\nEND\nip rule add fwmark " + mark +
		  " table 100\n"
		  "ip route add default via 10.0.0.3 dev wire0 src 10.0.0.20 table 100");
}

void World4::apply_settings()
{
	static const std::vector<Setting> always{
		{"ping_group_range", "0 2147483647"},
		// A limit is there when it is the limit that is looked at: it is made of time.
		{"icmp_ratemask", "0"},
		{"icmp_ignore_bogus_error_responses", "1"},
		// Their random offsets would be seen.
		{"tcp_timestamps", "0"},
		// A second SYN is answered or not, however long after the first it comes.
		{"tcp_invalid_ratelimit", "600000"},
		{"conf/all/rp_filter", "0"},
		{"conf/wire0/rp_filter", "0"},
		{"conf/all/log_martians", "0"},
		{"conf/wire0/log_martians", "0"},
	};

	for (const Setting &setting : always)
		set(setting.name, setting.value);
	if (sequence().impatient)
		set("ipfrag_time", "0");
	for (const Setting &setting : sequence().settings)
		set(setting.name, setting.value);
}

/// Credit that does not come back: after one request has filled the bucket, no more is earned.
void World4::fill_global_bucket()
{
	if (sequence().limit != Limit::global)
		return;
	packet::Ipv4 request = packet::datagram(packet::echo_request(1, 1));

	request.source = remote(200);
	wire().send(request);
	set("icmp_msgs_per_sec", "0");
	Events ignored;
	observe_wire(ignored);
}

int World4::call(const Call &call) const
{
	int fd = socket(call.socket).get();
	sockaddr_in name = sock::to_kernel(call.to);
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

namespace {

/// Waits until no fragments are kept; their timers fire at once, which is a tick of the slowest clock there is, and longer
/// where the processor has other things to do.
void wait_for_fragments()
{
	constexpr int tick = 30000, tries = 100;

	usleep(tick);
	for (int i = 0; i < tries; i++) {
		const std::string sockets = host::read_file("/proc/net/sockstat").value_or("");

		// Given back once all has been sent that there is to say of them.
		if (sockets.ends_with("FRAG: inuse 0 memory 0"))
			return;
		usleep(tick);
	}
	ktap::fatal("fragments are kept, whose time is over");
}

} // namespace

void World4::carry_out(const Step &step, Events &events)
{
	if (step.packet) {
		const Packet &packet = *step.packet;

		if (int error = inject(datagram_of(packet, canonical_.learned()),
				       offload_of(packet), packet.cast))
			events.push_back({.kind = Event::Kind::result, .numbers = {error}});
	}
	if (step.call)
		events.push_back({.kind = Event::Kind::result,
				  .socket = step.call->socket,
				  .numbers = {call(*step.call)}});
}

void World4::settle()
{
	if (sequence().impatient)
		wait_for_fragments();
}

std::string World4::broken_ledger() const
{
	const auto stat = counters::icmpx();

	return stat ? broken_ledger_of(*stat, counters::snmp()["Icmp.InMsgs"]) : "";
}

} // namespace diff
