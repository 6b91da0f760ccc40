// SPDX-License-Identifier: GPL-2.0-only
// IP options of a reply, made from those of the request (RFC 791, 3.1;
// RFC 1122, 3.2.2.6; RFC 1812, 4.3.3.6 and 5.2.4.1).
#include <icmpx/options.h>

#include "wire.hpp"

#include <algorithm>

namespace icmpx {
namespace {

/// Offsets in an option: its length, its pointer, the flags of a timestamp option,
/// the data of a route. A pointer counts from 1: that of an empty route is 4.
constexpr std::size_t kLengthAt = 1;
constexpr std::size_t kPointerAt = 2;
constexpr std::size_t kFlagsAt = 3;
constexpr std::size_t kRouteAt = 3;
constexpr std::size_t kShortest = 3;
/// A label (CIPSO) is only copied; its content is not read here.
constexpr std::size_t kShortestLabel = 2;
constexpr u8 kFirstPointer = 4;
/// The data of a timestamp option begin one byte later than a route, after the flags.
constexpr u8 kFirstStampPointer = 5;

constexpr std::size_t kAddressLen = 4;
constexpr std::size_t kTimeLen = 4;
/// Flag of a timestamp option: the sender listed the hosts.
constexpr u8 kPrespecified = 3;

/// Finds an option of at least @p shortest bytes. @return its bytes; none if
/// @p at or its length point outside the options
constexpr Bytes option(const icmpx_options &options, u8 at, std::size_t shortest = kShortest)
{
	const Bytes all{options.bytes, std::min<std::size_t>(options.len, ICMPX_OPTIONS_MAX)};

	if (at < kIpHeaderLen || at - kIpHeaderLen + shortest > all.size())
		return {};

	const Bytes rest = all.subspan(at - kIpHeaderLen);
	const std::size_t length = rest[kLengthAt];

	if (length < shortest || length > rest.size())
		return {};
	return rest.first(length);
}

/// As option(), but returns bytes to write to.
constexpr MutableBytes option_to_fill(icmpx_options &options, u8 at)
{
	const Bytes found = option(options, at);

	if (found.empty())
		return {};
	return MutableBytes{options.bytes, ICMPX_OPTIONS_MAX}.subspan(at - kIpHeaderLen,
								      found.size());
}

/// Tells whether @p option has @p room bytes of data left at @p pointer. @p first is
/// the value of a pointer to the start of the option's data.
constexpr bool has_room(Bytes option, u8 first, std::size_t pointer, std::size_t room)
{
	return pointer >= first && pointer - 1 + room <= option.size();
}

/// Puts an address or a time into the slot that ends at @p end, if the option has that
/// slot. icmpx_options_echo() guarantees the slot; options of a program may have none.
constexpr void put_before(MutableBytes option, std::size_t end, __be32 value)
{
	if (end >= kRouteAt + kAddressLen && end <= option.size())
		store_be32(option, end - kAddressLen, value);
}

/// Appends options to a reply; never more than it can hold.
class Appender {
public:
	explicit constexpr Appender(icmpx_options &reply) : reply_(reply) {}

	/// Copies an option to the end.
	/// @return where it is, counted from the IP header; 0 if it does not fit
	constexpr u8 append(Bytes option)
	{
		if (option.size() > std::size_t{ICMPX_OPTIONS_MAX} - reply_.len)
			return 0;

		const u8 at = static_cast<u8>(kIpHeaderLen + reply_.len);

		std::copy(option.begin(), option.end(), reply_.bytes + reply_.len);
		reply_.len = static_cast<u8>(reply_.len + option.size());
		return at;
	}

	/// Pads to whole words with the option "end of option list", which is a 0:
	/// the unused bytes of the reply are 0 already.
	constexpr void pad() { reply_.len = static_cast<u8>((reply_.len + 3U) & ~3U); }

private:
	icmpx_options &reply_;
};

/// Returns a record route option with a slot reserved for this host, in addition to
/// the slot that this host filled in when it received the request.
constexpr bool echo_record_route(const icmpx_options &request, icmpx_options &reply, Appender &out)
{
	const Bytes route = option(request, request.rr);

	if (route.empty())
		return false;

	const u8 pointer = route[kPointerAt];

	reply.rr = out.append(route);
	if (reply.rr == 0)
		return false;
	if (request.rr_needaddr != 0 && pointer <= route.size()) {
		if (!has_room(route, kFirstPointer, pointer, kAddressLen))
			return false;
		option_to_fill(reply, reply.rr)[kPointerAt] =
			static_cast<u8>(pointer + kAddressLen);
		reply.rr_needaddr = 1;
	}
	return true;
}

/// Moves the pointer of a timestamp option past the slots that this host will fill in.
constexpr bool claim_timestamp(Bytes stamps, const icmpx_options &request,
			       bool prespecified_is_ours, icmpx_options &reply,
			       std::size_t &pointer)
{
	if (request.ts_needaddr != 0) {
		if (!has_room(stamps, kFirstStampPointer, pointer, kAddressLen))
			return false;
		reply.ts_needaddr = 1;
		pointer += kAddressLen;
	}
	if (request.ts_needtime == 0)
		return true;
	if (!has_room(stamps, kFirstStampPointer, pointer, kTimeLen))
		return false;
	if ((stamps[kFlagsAt] & 0xf) != kPrespecified) {
		reply.ts_needtime = 1;
		pointer += kTimeLen;
	} else if (prespecified_is_ours &&
		   has_room(stamps, kFirstStampPointer, pointer, kAddressLen + kTimeLen)) {
		reply.ts_needtime = 1;
		pointer += kAddressLen + kTimeLen;
	}
	return true;
}

constexpr bool echo_timestamp(const icmpx_options &request, bool prespecified_is_ours,
			      icmpx_options &reply, Appender &out)
{
	const Bytes stamps = option(request, request.ts);

	if (stamps.size() <= kFlagsAt)
		return false;

	std::size_t pointer = stamps[kPointerAt];

	reply.ts = out.append(stamps);
	if (reply.ts == 0)
		return false;
	if (pointer > stamps.size())
		return true;
	if (!claim_timestamp(stamps, request, prespecified_is_ours, reply, pointer))
		return false;
	option_to_fill(reply, reply.ts)[kPointerAt] = static_cast<u8>(pointer);
	return true;
}

/// Reverses the route that the request recorded. The last slot is left for the
/// reply's destination; the reply goes first to the host that is nearest on the route.
constexpr bool echo_source_route(const icmpx_options &request, __be32 source, icmpx_options &reply,
				 Appender &out)
{
	const Bytes route = option(request, request.srr);

	if (route.empty() || route[kPointerAt] < kFirstPointer)
		return false;

	const std::size_t end = std::min<std::size_t>(route[kPointerAt], route.size() + 1);
	std::size_t hops = end < kFirstPointer ? 0 : (end - kFirstPointer) / kAddressLen;

	if (hops == 0)
		return true;

	// The addresses end at the pointer, also if the pointer is not a multiple of 4.
	const std::size_t first = end - 1 - hops * kAddressLen;
	u8 reversed[ICMPX_OPTIONS_MAX] = {route[0], 0, kFirstPointer};

	for (std::size_t i = 0; i + 1 < hops; ++i)
		store_be32(reversed, kRouteAt + i * kAddressLen,
			   load_be32(route, first + (hops - 2 - i) * kAddressLen));
	// RFC 1812, 5.2.4.1: a route that lists its own source is illegal, and
	// is corrected here.
	const __be32 nearest = load_be32(route, first + (hops - 1) * kAddressLen);

	if (load_be32(route, first) == source && --hops == 0)
		return true;
	reversed[kLengthAt] = static_cast<u8>(kRouteAt + hops * kAddressLen);
	reply.srr = out.append(Bytes{reversed, reversed[kLengthAt]});
	reply.first_hop = nearest;
	reply.strict_route = request.strict_route;
	return reply.srr != 0;
}

constexpr bool echo(const icmpx_options &request, __be32 source, bool prespecified_is_ours,
		    icmpx_options &reply)
{
	Appender out{reply};

	if (request.rr != 0 && !echo_record_route(request, reply, out))
		return false;
	if (request.ts != 0 && !echo_timestamp(request, prespecified_is_ours, reply, out))
		return false;
	if (request.srr != 0 && !echo_source_route(request, source, reply, out))
		return false;
	if (request.cipso != 0) {
		const Bytes label = option(request, request.cipso, kShortestLabel);

		reply.cipso = label.empty() ? 0 : out.append(label);
		if (reply.cipso == 0)
			return false;
	}
	out.pad();
	return true;
}

} // namespace
} // namespace icmpx

bool icmpx_options_prespecified(const icmpx_options *request, __be32 *address)
{
	using namespace icmpx;

	if (request->ts == 0 || request->ts_needtime == 0)
		return false;

	const Bytes stamps = option(*request, request->ts);

	if (stamps.size() <= kFlagsAt || (stamps[kFlagsAt] & 0xf) != kPrespecified)
		return false;
	if (!has_room(stamps, kFirstStampPointer, stamps[kPointerAt], kAddressLen + kTimeLen))
		return false;
	*address = load_be32(stamps, stamps[kPointerAt] - 1U);
	return true;
}

bool icmpx_options_echo(const icmpx_options *request, __be32 source, bool prespecified_is_ours,
			icmpx_options *reply)
{
	*reply = {};
	return icmpx::echo(*request, source, prespecified_is_ours, *reply);
}

void icmpx_options_fill(icmpx_options *reply, __be32 source, __be32 destination, __be32 now)
{
	using namespace icmpx;

	const MutableBytes route = option_to_fill(*reply, reply->srr);
	const MutableBytes record = option_to_fill(*reply, reply->rr);
	const MutableBytes stamps = option_to_fill(*reply, reply->ts);

	const std::size_t time_len = reply->ts_needtime != 0 ? kTimeLen : 0;

	if (!route.empty())
		put_before(route, route.size(), destination);
	if (!record.empty() && reply->rr_needaddr != 0)
		put_before(record, record[kPointerAt] - 1U, source);
	if (stamps.empty())
		return;

	const std::size_t end = stamps[kPointerAt] - 1U;

	if (reply->ts_needaddr != 0)
		put_before(stamps, end - time_len, source);
	if (reply->ts_needtime != 0)
		put_before(stamps, end, now);
}
