// SPDX-License-Identifier: GPL-2.0-only
// Whether an error may be sent about a datagram, and how it is marked.
#include <icmpx/send.h>
#include <icmpx/stat.h>

#include "dispatch.hpp"

namespace icmpx {
namespace {

constexpr std::size_t kIpTosAt = 1;
constexpr std::size_t kIpFragmentAt = 6;
constexpr std::size_t kIpSourceAt = 12;
constexpr u16 kFragmentOffsetMask = 0x1fff;
constexpr u8 kIcmpProtocol = 1;

/// The bits that RFC 1349 calls the type of service, and the precedence of
/// internetwork control (RFC 791, 3.1).
constexpr u8 kTosMask = 0x1e;
constexpr u8 kInternetworkControl = 0xc0;

constexpr bool well_formed(Bytes datagram)
{
	return datagram[0] >> 4 == 4 && (datagram[0] & 0xf) * 4 >= static_cast<int>(kIpHeaderLen);
}

/// RFC 1122, 3.2.2: the source must name one host, to which the error is sent.
/// Linux lets hosts have addresses of class E, and of 0/8 but for 0.0.0.0, so
/// errors are sent to those.
constexpr bool names_one_host(u32 source)
{
	constexpr u32 kLimitedBroadcast = 0xffffffff;
	const bool multicast = source >> 28 == 0xe;

	return source != 0 && source != kLimitedBroadcast && !multicast;
}

/// A future RFC could make an unknown type an error, and an error about such an error
/// could begin a loop. As in the built-in code, all types above the classic ones are unknown.
constexpr bool may_be_an_error(u8 type) { return type > kLastClassicType || kTable[type].is_error; }

static_assert(may_be_an_error(kUnreachable) && may_be_an_error(kRedirect));
static_assert(may_be_an_error(kTimeExceeded) && may_be_an_error(kParameterProblem));
static_assert(!may_be_an_error(kEcho) && !may_be_an_error(kEchoReply));
static_assert(!may_be_an_error(kTimestamp) && may_be_an_error(kExtendedEcho));

constexpr icmpx_stat sent(u8 type)
{
	switch (type) {
	case kUnreachable:
		return ICMPX_ERROR_SENT_UNREACHABLE;
	case kRedirect:
		return ICMPX_ERROR_SENT_REDIRECT;
	case kTimeExceeded:
		return ICMPX_ERROR_SENT_TIME_EXCEEDED;
	case kParameterProblem:
		return ICMPX_ERROR_SENT_PARAMETER_PROBLEM;
	default:
		return ICMPX_ERROR_SENT_OTHER;
	}
}

constexpr icmpx_send_verdict suppress(icmpx_stat rule)
{
	return {.outcome = static_cast<u8>(rule), .send = 0, .tos = 0};
}

constexpr icmpx_send_verdict decide(u8 type, Bytes datagram, const u8 *inner_type, u32 facts)
{
	if (!well_formed(datagram))
		return suppress(ICMPX_ERROR_SUPPRESSED_MALFORMED);
	if ((facts & ICMPX_BY_LINK_BROADCAST) != 0)
		return suppress(ICMPX_ERROR_SUPPRESSED_LINK_BROADCAST);
	if ((facts & ICMPX_BY_BROADCAST) != 0)
		return suppress(ICMPX_ERROR_SUPPRESSED_BROADCAST);
	if ((load16(datagram, kIpFragmentAt) & kFragmentOffsetMask) != 0)
		return suppress(ICMPX_ERROR_SUPPRESSED_FRAGMENT);
	if (datagram[kIpProtocolAt] == kIcmpProtocol && kTable[type].is_error &&
	    (inner_type == nullptr || may_be_an_error(*inner_type)))
		return suppress(ICMPX_ERROR_SUPPRESSED_ERROR);
	if (!names_one_host(load32(datagram, kIpSourceAt)))
		return suppress(ICMPX_ERROR_SUPPRESSED_SOURCE);

	const u8 tos = datagram[kIpTosAt];

	return {.outcome = static_cast<u8>(sent(type)),
		.send = 1,
		.tos = kTable[type].is_error
			       ? static_cast<u8>((tos & kTosMask) | kInternetworkControl)
			       : tos};
}

} // namespace
} // namespace icmpx

icmpx_send_verdict icmpx_decide_send(u8 type, const u8 *datagram, const u8 *inner_type, u32 facts)
{
	using namespace icmpx;

	return decide(type, Bytes{datagram, kIpHeaderLen}, inner_type, facts);
}
