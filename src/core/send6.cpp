// SPDX-License-Identifier: GPL-2.0-only
// Whether an ICMPv6 error may be sent about a packet.
#include <icmpx/send.h>
#include <icmpx/stat.h>

#include "dispatch6.hpp"

#include <algorithm>

namespace icmpx {
namespace {

constexpr std::size_t kIp6SourceAt = 8;
constexpr std::size_t kIp6DestinationAt = 24;
constexpr std::size_t kIp6AddressLen = 16;
constexpr u8 kUnknownOption = 2;

/// The two highest bits of an option's type say what becomes of a packet with an option that
/// is not known (RFC 8200, 4.2).
constexpr u8 kOptionAction = 0xc0;
constexpr u8 kReportAlways = 0x80;

constexpr bool is_multicast(Bytes address) { return address[0] == 0xff; }

constexpr bool is_unspecified(Bytes address)
{
	return std::ranges::all_of(address, [](u8 byte) { return byte == 0; });
}

/// RFC 4443, 2.4 (e.3): the two errors that may be about a packet for many. As in the built-in
/// code, an option that is not in the packet is taken for one that asks for an error.
constexpr bool may_be_about_multicast(u8 type, u8 code, const u8 *option)
{
	if (type == kPacketTooBig6)
		return true;
	return type == kParameterProblem6 && code == kUnknownOption &&
	       (option == nullptr || (*option & kOptionAction) == kReportAlways);
}

/// RFC 4443, 2.4 (e.1). A fragment may lack the byte that tells (RFC 8200, 4.5).
constexpr bool may_be_an_error(const icmpx6_offender &offender)
{
	if ((offender.facts & ICMPX6_IS_ICMPV6) == 0)
		return false;
	if (offender.inner_type == nullptr)
		return (offender.facts & ICMPX6_IS_FRAGMENT) == 0;
	return *offender.inner_type < kFirstInformational6;
}

constexpr icmpx_stat sent(u8 type)
{
	switch (type) {
	case kUnreachable6:
		return ICMPX_ERROR_SENT_UNREACHABLE;
	case kPacketTooBig6:
		return ICMPX_ERROR_SENT_PACKET_TOO_BIG;
	case kTimeExceeded6:
		return ICMPX_ERROR_SENT_TIME_EXCEEDED;
	case kParameterProblem6:
		return ICMPX_ERROR_SENT_PARAMETER_PROBLEM;
	default:
		return ICMPX_ERROR_SENT_OTHER;
	}
}

constexpr icmpx6_send_verdict suppress(icmpx_stat rule)
{
	return {.outcome = static_cast<u8>(rule), .send = 0, .for_many = 0};
}

constexpr icmpx6_send_verdict decide(u8 type, u8 code, const icmpx6_offender &offender)
{
	const Bytes header{offender.header, ICMPX6_IP_HEADER_LEN};
	const Bytes source = header.subspan(kIp6SourceAt, kIp6AddressLen);
	const bool by_link = (offender.facts & ICMPX_BY_LINK_BROADCAST) != 0;
	const bool by_multicast = is_multicast(header.subspan(kIp6DestinationAt, kIp6AddressLen));

	if ((by_link || by_multicast) && !may_be_about_multicast(type, code, offender.option))
		return suppress(by_multicast ? ICMPX_ERROR_SUPPRESSED_BROADCAST
					     : ICMPX_ERROR_SUPPRESSED_LINK_BROADCAST);
	if (is_unspecified(source) || is_multicast(source))
		return suppress(ICMPX_ERROR_SUPPRESSED_SOURCE);
	if (may_be_an_error(offender))
		return suppress(ICMPX_ERROR_SUPPRESSED_ERROR);
	return {.outcome = static_cast<u8>(sent(type)),
		.send = 1,
		.for_many = static_cast<u8>(by_link || by_multicast)};
}

} // namespace
} // namespace icmpx

icmpx6_send_verdict icmpx6_decide_send(u8 type, u8 code, const icmpx6_offender *offender)
{
	return icmpx::decide(type, code, *offender);
}
