// SPDX-License-Identifier: GPL-2.0-only

#include "world.hpp"

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

using std::chrono::milliseconds;
using std::chrono::steady_clock;

const std::string device = "wire0";
/// virtio_net_hdr and Ethernet.
constexpr std::size_t frame_headers = 24;

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

void prepare_kernel()
{
	host::need("tun", "test -c /dev/net/tun");
	host::need("dummy");
	// Otherwise how many redirects a host is sent depends on how fast packets come. These are not per namespace.
	set("route/redirect_load", "1000000");
	// Frames are answered where they are written: on one processor that is always so.
	host::stay_on_one_processor();
}

World::World(const Sequence &sequence)
	: sequence_(sequence), wire_([] {
		  host::enter_new_namespace();
		  host::write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
		  return wire::Wire::tap({.name = device, .virtio_header = true});
	  }())
{
	make_device();
	apply_settings();
	// From the first SYN on.
	begin_ = steady_clock::now();
	fill_global_bucket();
	open_sockets();
}

milliseconds World::age() const
{
	return std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin_);
}

void World::make_device()
{
	sock::Socket any = sock::udp();
	ifreq request = request_for(device);

	request.ifr_mtu = static_cast<int>(sequence_.mtu);
	host::check(ioctl(any.get(), SIOCSIFMTU, &request), "SIOCSIFMTU");
	add_address(any.get(), device, host_address);
	add_address(any.get(), device + ":1", second_address);
	request = request_for(device);
	// Everybody is there, without being asked for.
	request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_NOARP | IFF_BROADCAST | IFF_MULTICAST;
	host::check(ioctl(any.get(), SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
	add_route(any.get(), 0, 0, gateway_address, RTF_GATEWAY);
	add_route(any.get(), unreachable_host(0), 0xffffff00, 0, RTF_REJECT);
	if (sequence_.trusted)
		ktap::require(bpf::trust_checksums(device), "the device says what checksums are");
	if (sequence_.router)
		make_router();
	if (!sequence_.marked)
		return;
	const std::string mark = std::to_string(packet_mark);
	host::run("nft -f - <<'END'\ntable ip t {\nchain in {\ntype filter hook prerouting priority"
		  " -150\nmeta mark set " +
		  mark + "\n}\n}\nEND\nip rule add fwmark " + mark +
		  " table 100\n"
		  "ip route add default via 10.0.0.3 dev wire0 src 10.0.0.20 table 100");
}

void World::apply_settings()
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
	if (sequence_.impatient)
		set("ipfrag_time", "0");
	for (const Setting &setting : sequence_.settings)
		set(setting.name, setting.value);
}

/// Credit that does not come back: after one request has filled the bucket, no more is earned.
void World::fill_global_bucket()
{
	if (sequence_.limit != Limit::global)
		return;
	packet::Ipv4 request = packet::datagram(packet::echo_request(1, 1));

	request.source = remote(200);
	wire_.send(request);
	set("icmp_msgs_per_sec", "0");
	Events ignored;
	observe_wire(ignored);
}

int World::inject(const Packet &packet)
{
	wire::VirtioHeader header = offload_of(packet);
	Bytes frame = wire_.frame(datagram_of(packet, canonical_.learned()), packet.cast);
	Bytes bytes(sizeof(header));

	std::memcpy(bytes.data(), &header, sizeof(header));
	bytes.insert(bytes.end(), frame.begin(), frame.end());
	return ::write(wire_.fd(), bytes.data(), bytes.size()) < 0 ? errno : 0;
}

int World::carry_out(const Call &call)
{
	int fd = sockets_[call.socket].get();
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

Events World::step(const Step &step)
{
	Events events;

	if (step.packet) {
		if (int error = inject(*step.packet))
			events.push_back({.kind = Event::Kind::result, .numbers = {error}});
	}
	if (step.call)
		events.push_back({.kind = Event::Kind::result,
				  .socket = step.call->socket,
				  .numbers = {carry_out(*step.call)}});
	if (sequence_.impatient)
		wait_for_fragments();
	for (Event &event : observe()) {
		std::span<std::uint8_t> bytes = event.bytes;
		if (event.kind == Event::Kind::frame)
			bytes = bytes.subspan(std::min(bytes.size(), frame_headers));
		if (step.packet && step.packet->patch)
			canonical_.patched(bytes, *step.packet->patch);
		events.push_back(std::move(event));
	}
	return events;
}

Event World::counters()
{
	counters::Values now = counters::snmp();
	Event event{.kind = Event::Kind::counters,
		    .values = counters::difference(last_counters_, now)};

	last_counters_ = std::move(now);
	return event;
}

namespace {

/// What all counters together come to whose names begin with @p prefix.
std::int64_t sum_of(const counters::Values &values, std::string_view prefix)
{
	std::int64_t sum = 0;

	for (const auto &[name, value] : counters::only(values, {prefix}))
		sum += value;
	return sum;
}

} // namespace

Record run(const Sequence &sequence)
{
	// Linux's shortest timer that may fire: a second after a SYN or a segment it is sent again.
	constexpr milliseconds limit{900};
	World world(sequence);
	Record record;

	auto add = [&](Events events) {
		if (is_counted(sequence, record.steps.size()))
			events.push_back(world.counters());
		record.steps.push_back(std::move(events));
	};
	add(world.observe());
	for (const Step &step : sequence.steps)
		add(world.step(step));
	record.steps.push_back(world.finish());
	record.stalled = world.age() > limit;
	if (auto stat = counters::icmpx()) {
		counters::Values all = counters::snmp();

		if (!counters::outcomes_equal_packets_in(*stat) ||
		    (*stat)["packets_in"] != all["Icmp.InMsgs"] ||
		    (*stat)["errors_wanted"] != sum_of(*stat, "error_"))
			record.broken_ledger = "Icmp.InMsgs=" + std::to_string(all["Icmp.InMsgs"]) +
					       " " + counters::text(*stat);
	}
	return record;
}

} // namespace diff
