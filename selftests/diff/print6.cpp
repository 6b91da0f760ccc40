// SPDX-License-Identifier: GPL-2.0-only

#include "print6.hpp"

#include "print.hpp"
#include "sockets6.hpp"

#include <array>
#include <sstream>

namespace diff {

namespace {

std::string icmp_text(const packet6::Ipv6 &ip)
{
	const auto icmp = packet6::parse_icmp(ip);
	std::ostringstream out;

	if (!icmp)
		return " icmpv6 " + hex(ip.payload);
	out << " icmpv6 type " << +icmp->type << " code " << +icmp->code << " rest 0x" << std::hex
	    << icmp->rest << std::dec << " checksum "
	    << (icmp->checksum_right ? "right" : "0x" + hex(View(ip.payload).subspan(2, 2)))
	    << " data " << hex(icmp->data);
	if (icmp->type < packet6::echo)
		out << "\n      about: " << datagram_text(icmp->data);
	return out.str();
}

} // namespace

std::string datagram6_text(View datagram)
{
	const auto ip = packet6::parse_ipv6(datagram);
	std::ostringstream out;

	if (!ip)
		return "no datagram: " + hex(datagram);
	out << packet6::text(ip->source) << " > " << packet6::text(ip->destination) << " tclass "
	    << +ip->traffic_class << " label 0x" << std::hex << ip->flow_label << std::dec
	    << " hop limit " << +ip->hop_limit;
	for (const packet6::Extension &extension : ip->extensions)
		out << " header " << +extension.kind << ' ' << hex(extension.contents);
	if (ip->fragment)
		out << " fragment " << ip->fragment->id << " offset " << ip->fragment->offset
		    << (ip->fragment->more ? " more" : "");
	out << " protocol " << +ip->protocol;
	if (ip->protocol == IPPROTO_ICMPV6 && !ip->fragment)
		out << icmp_text(*ip);
	else
		out << ' ' << hex(ip->payload);
	return out.str();
}

std::string packet_text(const Packet6 &packet)
{
	static constexpr std::array sums{"right", "wrong", "zero", "absent",
					 "absent, with something in its place"};
	static constexpr std::array casts{"unicast", "broadcast", "multicast"};
	std::ostringstream out;

	out << "packet (" << casts.at(static_cast<std::size_t>(packet.cast)) << " frame, checksum "
	    << sums.at(static_cast<std::size_t>(packet.sum)) << "):\n      "
	    << datagram_text(datagram_of(packet, {}));
	if (packet.patch)
		out << "\n      with the sequence number of "
		    << std::get<1>(packet.patch->connection) << " > "
		    << std::get<2>(packet.patch->connection) << " + " << packet.patch->delta
		    << " at byte " << packet.patch->at;
	return out.str();
}

std::string call_text(const Call6 &call)
{
	std::ostringstream out;

	out << "sendto(" << socket_name(Family::v6, call.socket) << ", flags " << call.flags << ", "
	    << (call.connected ? "peer" : packet6::text(call.to.address)) << ':' << call.to.port
	    << "): " << hex(call.data);
	return out.str();
}

} // namespace diff
