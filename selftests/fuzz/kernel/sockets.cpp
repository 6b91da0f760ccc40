// SPDX-License-Identifier: GPL-2.0-only
//
// Sockets, settings and files.

#include "world.hpp"

#include "lib/control.hpp"
#include "lib/socket6.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include <linux/icmp.h>
#include <linux/in.h>
#include <poll.h>

namespace kernel {

using packet::Bytes;

namespace {

/// Settings, what they are before each input (what lets most packets through), and what else they may be.
struct Setting {
	const char *name;
	const char *usual;
	std::array<const char *, 4> others;
};

constexpr Setting settings[] = {
	{"net/icmpx/echo_ignore_all", "0", {"1", "0", "2", ""}},
	{"net/icmpx/echo_ignore_broadcasts", "0", {"1", "0", "1", "-1"}},
	{"net/icmpx/echo_enable_probe", "1", {"0", "1", "0", "9"}},
	{"net/icmpx/ignore_bogus_error_responses", "1", {"0", "1", "0", "x"}},
	{"net/icmpx/ratelimit", "0", {"1000", "1", "100000", "-5"}},
	{"net/icmpx/ratemask", "6168", {"-1", "0", "1", "257"}},
	{"net/icmpx/msgs_per_sec", "100000", {"0", "1", "2147483647", "-1"}},
	{"net/icmpx/msgs_burst", "100000", {"0", "1", "2147483647", "-1"}},
	{"net/icmpx/ping_group_range", "0 0", {"1 0", "0 4294967294", "5 7", "7"}},
	{"net/icmpx/echo_ratelimit", "0", {"1", "1000000", "1000001", "5"}},
	{"net/icmpx/echo_burst", "50", {"1", "1000000", "0", "2"}},
	{"net/icmpx/echo_ratelimit_prefix", "32", {"0", "24", "33", "1"}},
	{"net/icmpx/errors_extension_mask", "0", {"7", "1", "6", "8"}},
	{"net/icmpx/express", "\n", {"wire0", "parts", "wire0 parts", "nothing"}},
	{"net/icmpx/node_name", "\n", {"a", "a.name", "\xff", "x"}},
	{"net/icmpx/node_address", "\n", {"10.0.0.2", "fd00::1", "x", ""}},
	{"net/icmpx/errors_extension_to", "\n", {"10.0.0.0/8", "::/0", "0.0.0.0/0 fd00::/8", "x"}},
	{"net/icmpx6/echo_ignore_all", "0", {"1", "0", "2", ""}},
	{"net/icmpx6/echo_ignore_multicast", "0", {"1", "0", "1", "-1"}},
	{"net/icmpx6/echo_ignore_anycast", "0", {"1", "0", "1", "-1"}},
	{"net/icmpx6/ratelimit", "0", {"1000", "1", "100000", "-5"}},
	{"net/icmpx6/ratemask", "0-1,3-127", {"0-255", "129", "0", "x"}},
	{"net/icmpx6/echo_ratelimit", "0", {"1", "1000000", "1000001", "5"}},
	{"net/icmpx6/echo_burst", "50", {"1", "1000000", "0", "2"}},
	{"net/icmpx6/echo_ratelimit_prefix", "64", {"1", "128", "129", "0"}},
	{"net/icmpx6/errors_extension_mask", "0", {"15", "1", "6", "8"}},
	{"net/icmpx6/node_info", "15", {"0", "1", "7", "16"}},
	{"net/ipv6/conf/all/forwarding", "1", {"0", "1", "0", "1"}},
	{"net/ipv6/flowlabel_reflect", "0", {"1", "7", "0", "2"}},
	{"net/ipv6/anycast_src_echo_reply", "0", {"1", "0", "1", "0"}},
	{"net/ipv6/fwmark_reflect", "0", {"1", "0", "1", "0"}},
	{"net/ipv6/conf/all/accept_source_route", "0", {"1", "0", "-1", "1"}},
	{"net/ipv4/ip_no_pmtu_disc", "0", {"1", "2", "3", "0"}},
	{"net/ipv4/ip_default_ttl", "64", {"1", "255", "2", "64"}},
	{"net/ipv4/conf/all/accept_redirects", "1", {"0", "1", "0", "1"}},
	{"net/ipv4/conf/all/log_martians", "0", {"1", "0", "1", "0"}},
	{"net/ipv4/ip_nonlocal_bind", "0", {"1", "0", "1", "0"}},
	{"net/ipv4/fwmark_reflect", "0", {"1", "0", "1", "0"}},
	{"net/ipv4/icmp_errors_use_inbound_ifaddr", "0", {"1", "0", "1", "0"}},
};

struct Option {
	int level;
	int name;
};

constexpr Option options[] = {
	{SOL_IP, IP_RECVERR},
	{SOL_IP, IP_RECVERR_RFC4884},
	{SOL_IP, IP_PKTINFO},
	{SOL_IP, IP_RECVOPTS},
	{SOL_IP, IP_RETOPTS},
	{SOL_IP, IP_RECVTTL},
	{SOL_IP, IP_RECVTOS},
	{SOL_IP, IP_MTU_DISCOVER},
	{SOL_IP, IP_TOS},
	{SOL_IP, IP_TTL},
	{SOL_IP, IP_HDRINCL},
	{SOL_IP, IP_FREEBIND},
	{SOL_IP, IP_TRANSPARENT},
	{SOL_IP, IP_MULTICAST_TTL},
	{SOL_IP, IP_MULTICAST_LOOP},
	{SOL_IP, IP_BIND_ADDRESS_NO_PORT},
	{SOL_IP, IP_UNICAST_IF},
	{SOL_IP, IP_OPTIONS},
	{SOL_SOCKET, SO_BROADCAST},
	{SOL_SOCKET, SO_RCVBUF},
	{SOL_SOCKET, SO_SNDBUF},
	{SOL_SOCKET, SO_TIMESTAMP},
	{SOL_SOCKET, SO_MARK},
	{SOL_SOCKET, SO_PRIORITY},
	{SOL_SOCKET, SO_DONTROUTE},
	{SOL_SOCKET, SO_BINDTOIFINDEX},
	{SOL_SOCKET, SO_RXQ_OVFL},
	{SOL_SOCKET, SO_TIMESTAMPING},
	{SOL_SOCKET, SO_NO_CHECK},
	{SOL_RAW, ICMP_FILTER},
	{SOL_IPV6, IPV6_RECVERR},
	{SOL_IPV6, IPV6_RECVERR_RFC4884},
	{SOL_IPV6, IPV6_RECVPKTINFO},
	{SOL_IPV6, IPV6_RECVHOPLIMIT},
	{SOL_IPV6, IPV6_RECVTCLASS},
	{SOL_IPV6, IPV6_RECVHOPOPTS},
	{SOL_IPV6, IPV6_RECVDSTOPTS},
	{SOL_IPV6, IPV6_RECVRTHDR},
	{SOL_IPV6, IPV6_RECVPATHMTU},
	{SOL_IPV6, IPV6_UNICAST_HOPS},
	{SOL_IPV6, IPV6_MULTICAST_HOPS},
	{SOL_IPV6, IPV6_MULTICAST_LOOP},
	{SOL_IPV6, IPV6_MULTICAST_IF},
	{SOL_IPV6, IPV6_UNICAST_IF},
	{SOL_IPV6, IPV6_MTU_DISCOVER},
	{SOL_IPV6, IPV6_MTU},
	{SOL_IPV6, IPV6_DONTFRAG},
	{SOL_IPV6, IPV6_TCLASS},
	{SOL_IPV6, IPV6_FREEBIND},
	{SOL_IPV6, IPV6_TRANSPARENT},
	{SOL_IPV6, IPV6_CHECKSUM},
	{SOL_IPV6, 11 /* IPV6_FLOWINFO */},
	{SOL_IPV6, 33 /* IPV6_FLOWINFO_SEND */},
	{SOL_ICMPV6, 1 /* ICMPV6_FILTER */},
};

constexpr packet::Address peers[] = {
	packet::client, packet::client, packet::server, 0x0a000101, 0x0a0000ff,
	0xffffffff,	0xe0000001,	0x7f000001,	0,	    0xc6336401,
	0xcb00714d,	0xc0000201,
};

const packet6::Address peers6[] = {
	packet6::client,
	packet6::client,
	packet6::server,
	packet6::ipv6("fd01::1"),
	packet6::ipv6("fe80::1"),
	packet6::ipv6("ff02::1"),
	packet6::ipv6("::1"),
	packet6::ipv6("::"),
	packet6::ipv6("2001:db8::1"),
	packet6::ipv6("2001:db8:1::1"),
	packet6::ipv6("2001:db8:2::1"),
	packet6::ipv6("::ffff:10.0.0.1"),
};

/// Sockets of half of the slots are of IPv6.
int domain_of(const Op &op) { return op.slot & 0x80 ? AF_INET6 : AF_INET; }

/// Where to, as the kernel is told it.
struct Name {
	sockaddr_storage storage{};
	socklen_t size = 0;

	explicit Name(const Op &op)
	{
		const auto port =
			static_cast<std::uint16_t>(op.has(as_it_is) ? op.rest : op.rest % 4);

		if (domain_of(op) == AF_INET6)
			set(sock6::to_kernel(
				{peers6[op.destination % std::size(peers6)], port, op.tos % 4U}));
		else
			set(sock::to_kernel({peers[op.destination % std::size(peers)], port}));
	}

	sockaddr *get() { return reinterpret_cast<sockaddr *>(&storage); }

private:
	template <typename T> void set(const T &name)
	{
		std::memcpy(&storage, &name, sizeof(name));
		size = sizeof(name);
	}
};

/// A control message of a kind that means something, its value from the operation's bytes.
control::Message control_message(const Op &op, std::size_t at)
{
	constexpr Option kinds[] = {
		{SOL_IP, IP_TTL},
		{SOL_IP, IP_TOS},
		{SOL_IP, IP_PKTINFO},
		{SOL_IP, IP_RETOPTS},
		{SOL_IP, IP_PROTOCOL},
		{SOL_SOCKET, SO_MARK},
		{SOL_SOCKET, SO_TXTIME},
		{SOL_SOCKET, SO_TIMESTAMPING},
		{SOL_IP, 99},
		{99, 1},
		{SOL_IPV6, IPV6_HOPLIMIT},
		{SOL_IPV6, IPV6_TCLASS},
		{SOL_IPV6, IPV6_PKTINFO},
		{SOL_IPV6, IPV6_HOPOPTS},
		{SOL_IPV6, IPV6_DSTOPTS},
		{SOL_IPV6, IPV6_RTHDR},
		{SOL_IPV6, IPV6_DONTFRAG},
		{SOL_IPV6, 11 /* IPV6_FLOWINFO */},
	};
	constexpr std::size_t sizes[] = {4, 4, 12, 40, 4,  4,  8,  4, 4,
					 4, 4, 4,  20, 16, 16, 24, 4, 4};
	const std::size_t kind = op.bytes[at] % std::size(kinds);
	const std::size_t size = op.has(patched) ? op.bytes[at + 1] % 64 : sizes[kind];
	Bytes data(size);

	for (std::size_t i = 0; i < size; i++)
		data[i] = op.bytes[(at + 2 + i) % sizeof(op.bytes)];
	// An int is small more often than not.
	if (size == 4 && !op.has(as_it_is))
		data[1] = data[2] = data[3] = 0;
	return {kinds[kind].level, kinds[kind].name, std::move(data)};
}

} // namespace

/// The socket in the operation's place; a ping socket if there was none and one is allowed, so that few operations mean
/// nothing.
sock::Socket &World::opened(const Op &op)
{
	if (socket(op).get() < 0)
		socket(op) = sock::Socket(
			::socket(domain_of(op), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				 domain_of(op) == AF_INET6 ? +IPPROTO_ICMPV6 : +IPPROTO_ICMP));
	return socket(op);
}

void World::open(const Op &op)
{
	struct Family {
		int type;
		int protocol;
	};
	constexpr Family families[] = {
		{SOCK_DGRAM, IPPROTO_ICMP}, {SOCK_DGRAM, IPPROTO_ICMP},
		{SOCK_RAW, IPPROTO_ICMP},   {SOCK_DGRAM, 0},
		{SOCK_RAW, IPPROTO_UDP},    {SOCK_RAW, IPPROTO_RAW},
		{SOCK_STREAM, 0},	    {SOCK_RAW, 99},
	};
	const Family &family = families[op.type % std::size(families)];
	const bool is_ipv6 = domain_of(op) == AF_INET6;
	const int protocol =
		is_ipv6 && family.protocol == IPPROTO_ICMP ? +IPPROTO_ICMPV6 : family.protocol;
	const int on = 1;

	socket(op) = sock::Socket(
		::socket(domain_of(op), family.type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
	if ((op.code & 1) != 0)
		setsockopt(socket(op).get(), is_ipv6 ? SOL_IPV6 : SOL_IP,
			   is_ipv6 ? IPV6_RECVERR : IP_RECVERR, &on, sizeof(on));
	if ((op.code & 2) != 0)
		address(op);
}

void World::message(const Op &op)
{
	const bool is_ipv6 = domain_of(op) == AF_INET6, probes = (op.type & 3) == 3;
	const bool connected = (op.code & 4) != 0;
	Name to(op);
	packet::Icmp icmp{.type = static_cast<std::uint8_t>(is_ipv6 ? (probes ? 160 : 128)
								    : (probes ? 42 : 8)),
			  .code = 0,
			  .rest = op.rest};
	Bytes control;

	if (op.has(as_it_is)) {
		icmp.type = op.type;
		icmp.code = op.code;
	}
	icmp.data.resize(op.has(large) ? op.size : op.size % 128, op.tos);
	Bytes message = icmp.build();
	if (op.has(wrong_checksum))
		message.resize(op.ttl % 10);
	if (op.has(with_options))
		control = control::build({control_message(op, 0)});
	if (op.has(offload))
		control = control::build({control_message(op, 0), control_message(op, 24)});
	if (op.has(fragment) && !control.empty())
		control.resize(op.part % (control.size() + 1));
	const int flags = op.source < 200    ? 0
			  : op.source == 200 ? control::msg_probe
					     : static_cast<int>(op.rest);
	control::send_named(opened(op), message, connected ? nullptr : to.get(),
			    connected ? 0 : to.size, control, flags | MSG_DONTWAIT);
}

void World::receive(const Op &op)
{
	constexpr int flags[] = {0,	    MSG_ERRQUEUE, MSG_PEEK,
				 MSG_TRUNC, MSG_OOB,	  MSG_ERRQUEUE | MSG_PEEK};
	sockaddr_storage name{};
	socklen_t size = sizeof(name);

	control::receive(opened(op), flags[op.type % std::size(flags)] | MSG_DONTWAIT,
			 op.has(large) ? 65536 : op.size % 128, op.ttl);
	if (op.has(patched)) {
		getsockname(opened(op).get(), reinterpret_cast<sockaddr *>(&name), &size);
		getpeername(opened(op).get(), reinterpret_cast<sockaddr *>(&name), &size);
	}
	if (op.has(with_options)) {
		pollfd entry{opened(op).get(), POLLIN | POLLOUT, 0};

		poll(&entry, 1, 0);
		shutdown(opened(op).get(), op.code % 3);
	}
}

void World::option(const Op &op)
{
	const Option &chosen = options[op.type % std::size(options)];
	const int value = static_cast<int>(op.has(as_it_is) ? op.rest : op.rest % 8);
	Bytes bytes(44);
	socklen_t size = op.part % 44;

	if (chosen.name == IP_OPTIONS && chosen.level == SOL_IP)
		setsockopt(opened(op).get(), SOL_IP, IP_OPTIONS, op.bytes, size);
	else
		setsockopt(opened(op).get(), chosen.level, chosen.name, &value, sizeof(value));
	getsockopt(opened(op).get(), chosen.level, chosen.name, bytes.data(), &size);
}

void World::address(const Op &op)
{
	Name name(op);
	const socklen_t size = op.has(patched) ? op.part % (name.size + 1) : name.size;

	if (op.has(wrong_checksum))
		name.storage.ss_family = op.tos % 3 == 2 ? AF_INET6 : op.tos % 3;
	// Whether it succeeds is not the question.
	if (op.kind % kinds == bind_socket)
		static_cast<void>(bind(opened(op).get(), name.get(), size));
	else
		static_cast<void>(connect(opened(op).get(), name.get(), size));
}

void World::setting(const Op &op)
{
	const std::size_t index = op.type % std::size(settings);
	const Setting &chosen = settings[index];

	host::write_file(std::string("/proc/sys/") + chosen.name,
			 chosen.others[op.code % chosen.others.size()]);
	changed_.push_back(index);
}

void World::use_usual_settings()
{
	for (const Setting &each : settings)
		host::set_sysctl(each.name, each.usual);
}

void World::proc(const Op &op)
{
	constexpr const char *files[] = {"/proc/net/icmpx",  "/proc/net/icmpx_stat",
					 "/proc/net/snmp",   "/proc/sys/net/icmpx/ping_group_range",
					 "/proc/net/icmpx6", "/proc/net/icmpx6_stat",
					 "/proc/net/snmp6"};

	host::read_file(files[op.type % std::size(files)]);
}

void World::tidy_up()
{
	for (sock::Socket &socket : sockets_)
		socket = sock::Socket();
	for (const std::size_t index : changed_)
		host::set_sysctl(settings[index].name, settings[index].usual);
	changed_.clear();
	if (set_by_netlink_)
		use_usual_settings();
	set_by_netlink_ = false;
	recent_.clear();
	recent6_.clear();
	drain();
}

} // namespace kernel
