// SPDX-License-Identifier: GPL-2.0-only

#include "print.hpp"

#include "lib/errors.hpp"
#include "print6.hpp"
#include "sockets6.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>

namespace diff {

namespace {

constexpr std::size_t virtio_header = 10, ethernet_header = 14;

} // namespace

std::string hex(View bytes)
{
	constexpr std::size_t limit = 128;
	std::string text = "[" + std::to_string(bytes.size()) + "]";

	for (std::size_t i = 0; i < bytes.size() && i < limit; i++) {
		std::array<char, 4> digits{};
		std::snprintf(digits.data(), digits.size(), i % 4 ? "%02x" : " %02x", bytes[i]);
		text += digits.data();
	}
	return bytes.size() > limit ? text + " …" : text;
}

namespace {

std::string icmp_text(View message)
{
	auto icmp = packet::parse_icmp(message);

	if (!icmp)
		return " icmp " + hex(message);
	std::ostringstream out;
	out << " icmp type " << +icmp->type << " code " << +icmp->code << " rest 0x" << std::hex
	    << icmp->rest << std::dec << " checksum "
	    << (icmp->checksum_right ? "right" : "0x" + hex(message.subspan(2, 2))) << " data "
	    << hex(icmp->data);
	switch (icmp->type) {
	case packet::unreachable:
	case packet::source_quench:
	case packet::redirect:
	case packet::time_exceeded:
	case packet::parameter_problem:
		out << "\n      about: " << datagram_text(icmp->data);
		break;
	default:
		break;
	}
	return out.str();
}

std::string text(const Packet &packet, wire::Cast cast)
{
	static constexpr std::array sums{"right", "wrong", "zero", "absent",
					 "absent, with something in its place"};
	static constexpr std::array casts{"unicast", "broadcast", "multicast"};
	std::ostringstream out;

	out << "packet (" << casts.at(static_cast<std::size_t>(cast)) << " frame, checksum "
	    << sums.at(static_cast<std::size_t>(packet.sum)) << "):\n      "
	    << datagram_text(datagram_of(packet, {}));
	if (packet.patch)
		out << "\n      with the sequence number of "
		    << std::get<1>(packet.patch->connection) << " > "
		    << std::get<2>(packet.patch->connection) << " + " << packet.patch->delta
		    << " at byte " << packet.patch->at;
	return out.str();
}

std::string text(const Call &call)
{
	std::ostringstream out;

	out << "sendto(" << socket_kinds.at(call.socket).name << ", flags " << call.flags << ", "
	    << (call.connected ? "peer" : errors::text(call.to.address)) << ':' << call.to.port
	    << "): " << hex(call.data);
	return out.str();
}

std::string numbers(const Event &event)
{
	std::string text;

	for (std::int64_t number : event.numbers)
		text += " " + std::to_string(number);
	return text;
}

std::string text(const Event &event, Family family)
{
	static constexpr std::array kinds{"frame",  "data",	"error queue",
					  "errno",  "poll()",	"state",
					  "result", "counters", "learned route"};
	std::string out = kinds.at(static_cast<std::size_t>(event.kind));

	if (event.socket >= 0)
		out += std::string(" of <") +
		       socket_name(family, static_cast<std::size_t>(event.socket)) + ">";
	out += numbers(event);
	switch (event.kind) {
	case Event::Kind::frame:
		if (event.bytes.size() < virtio_header + ethernet_header)
			return out + hex(event.bytes);
		return out + " " +
		       datagram_text(View(event.bytes).subspan(virtio_header + ethernet_header));
	case Event::Kind::counters:
		return out + " " + counters::text(event.values);
	default:
		return out + (event.bytes.empty() ? "" : " " + hex(event.bytes));
	}
}

void print_events(std::ostringstream &out, const char *who, Events mine, const Events &other,
		  Family family)
{
	out << "    " << who << ":\n";
	if (mine.empty())
		out << "      nothing\n";
	for (Event &event : mine) {
		bool same = std::ranges::find(other, event) != other.end();

		if (event.kind == Event::Kind::counters && !same) {
			auto theirs = std::ranges::find(other, Event::Kind::counters, &Event::kind);
			if (theirs != other.end())
				std::erase_if(event.values, [&](const auto &value) {
					auto found = theirs->values.find(value.first);
					return found != theirs->values.end() &&
					       found->second == value.second;
				});
		}
		if (!same || mine.size() < 4)
			out << "      " << (same ? "= " : "! ") << text(event, family) << '\n';
	}
}

std::string text(const Step &step)
{
	if (step.setting)
		return step.setting->name + " = " + step.setting->value;
	if (step.packet6)
		return packet_text(*step.packet6);
	if (step.call6)
		return call_text(*step.call6);
	return step.packet ? text(*step.packet, step.packet->cast) : text(*step.call);
}

void print_world(std::ostringstream &out, const Sequence &sequence)
{
	out << "  mtu " << sequence.mtu << (sequence.marked ? ", what comes in is marked" : "")
	    << (sequence.trusted ? ", whose checksum a device says is right" : "")
	    << (sequence.router ? ", a router" : "")
	    << (sequence.impatient ? ", fragments are not waited for" : "")
	    << (sequence.vrf ? ", in a VRF" : "")
	    << (sequence.queried ? ", reports are waited for" : "") << '\n';
	for (const Setting &setting : sequence.settings)
		out << (sequence.family == Family::v6 ? "  net/" : "  net/ipv4/") << setting.name
		    << " = " << setting.value << '\n';
	for (std::size_t i = 0; sequence.sockets >> i; i++) {
		if (sequence.sockets >> i & 1)
			out << "  socket: " << socket_name(sequence.family, i) << '\n';
	}
}

} // namespace

std::string datagram_text(View datagram)
{
	auto ip = packet::parse_ipv4(datagram);
	std::ostringstream out;

	if (!ip)
		return datagram6_text(datagram);
	out << errors::text(ip->source) << " > " << errors::text(ip->destination) << " tos "
	    << +ip->tos << " ttl " << +ip->ttl << " id " << ip->id << (ip->df ? " DF" : "")
	    << (ip->mf ? " MF" : "") << " offset " << ip->fragment_offset << " protocol "
	    << +ip->protocol;
	if (!ip->options.empty())
		out << " options " << hex(ip->options);
	if (ip->protocol == IPPROTO_ICMP && !ip->fragment_offset)
		out << icmp_text(ip->payload);
	else
		out << ' ' << hex(ip->payload);
	return out.str();
}

std::string report(const Sequence &sequence, const Result &result)
{
	std::ostringstream out;

	print_world(out, sequence);
	for (std::size_t place = 0; place < result.builtin.steps.size(); place++) {
		bool differs = std::ranges::find(result.comparison.unexplained, place) !=
			       result.comparison.unexplained.end();

		if (place && place <= sequence.steps.size())
			out << "  " << place << ". " << text(sequence.steps[place - 1]) << '\n';
		if (!differs)
			continue;
		if (place > sequence.steps.size())
			out << "  at the end:\n";
		const Events &builtin = result.builtin.steps[place];
		const Events &icmpx = result.icmpx.steps[place];
		print_events(out, "built-in", builtin, icmpx, sequence.family);
		print_events(out, "icmpx", icmpx, builtin, sequence.family);
	}
	if (!result.icmpx.broken_ledger.empty())
		out << "  outcomes that do not add up: " << result.icmpx.broken_ledger << '\n';
	return out.str();
}

} // namespace diff
