// SPDX-License-Identifier: GPL-2.0-only
// Which received errors are to be believed, and what they say.
#include <icmpx/dispatch.h>
#include <icmpx/error.h>
#include <icmpx/stat.h>

#include "wire.hpp"

namespace icmpx {
namespace {

/// Settings of net.ipv4.ip_no_pmtu_disc that bear on a received error.
constexpr u32 kPmtuBelieved = 0;
constexpr u32 kPmtuDiscarded = 2;
constexpr u32 kPmtuStrict = 3;

/// Delivery of an error needs eight bytes of the quoted transport header: they
/// contain the ports, and RFC 792 says that an error quotes them.
constexpr std::size_t kTransportLen = 8;

constexpr icmpx_error_verdict finish(icmpx_stat outcome, bool in_error)
{
	icmpx_error_verdict verdict{};

	verdict.action = ICMPX_FINISH;
	verdict.outcome = static_cast<u8>(outcome);
	verdict.in_error = in_error;
	return verdict;
}

constexpr icmpx_error_verdict deliver(Bytes embedded, u32 info, u8 checks)
{
	icmpx_error_verdict verdict{};

	verdict.action = ICMPX_TO_SOCKETS;
	verdict.info = info;
	verdict.checks = checks;
	verdict.protocol = embedded[kIpProtocolAt];
	verdict.needed = static_cast<u16>((embedded[0] & 0xf) * 4 + kTransportLen);
	return verdict;
}

/// RFC 1122, 3.2.2.1 and RFC 1191.
constexpr icmpx_error_verdict unreachable(ConstHeader header, Bytes embedded, u32 no_pmtu_disc)
{
	if (header[kCodeAt] > kLastUnreachableCode)
		return finish(ICMPX_IGNORE_CODE, false);
	if (header[kCodeAt] != kFragmentationNeeded)
		return deliver(embedded, 0, ICMPX_CHECK_BROADCAST);

	const u32 mtu = load16(header, kSequenceAt);

	if (no_pmtu_disc == kPmtuDiscarded)
		return finish(ICMPX_IGNORE_PMTU, false);
	if (no_pmtu_disc == kPmtuBelieved)
		return deliver(embedded, mtu, ICMPX_CHECK_BROADCAST);
	if (no_pmtu_disc == kPmtuStrict)
		return deliver(embedded, mtu, ICMPX_CHECK_BROADCAST | ICMPX_CHECK_TAG);
	return deliver(embedded, 0, ICMPX_CHECK_BROADCAST);
}

/// RFC 1122, 3.2.2.4.
constexpr icmpx_error_verdict time_exceeded(ConstHeader header, Bytes embedded)
{
	icmpx_error_verdict verdict = header[kCodeAt] == kReassembly
					      ? finish(ICMPX_IGNORE_REASSEMBLY, false)
					      : deliver(embedded, 0, ICMPX_CHECK_BROADCAST);

	verdict.checks |= ICMPX_COUNT_TIME_EXCEEDED;
	return verdict;
}

constexpr icmpx_error_verdict decide_error(ConstHeader header, Bytes embedded, u32 no_pmtu_disc)
{
	if (embedded.size() < kIpHeaderLen)
		return finish(ICMPX_DROP_TRUNCATED, true);
	if ((embedded[0] & 0xf) * 4 < static_cast<int>(kIpHeaderLen))
		return finish(ICMPX_DROP_EMBEDDED, true);

	switch (header[kTypeAt]) {
	case kUnreachable:
		return unreachable(header, embedded, no_pmtu_disc);
	case kTimeExceeded:
		return time_exceeded(header, embedded);
	case kParameterProblem:
		return deliver(embedded, header[kRestAt], ICMPX_CHECK_BROADCAST);
	case kRedirect:
		return deliver(embedded, load32(header, kRestAt), 0);
	default:
		return deliver(embedded, 0, ICMPX_CHECK_BROADCAST);
	}
}

} // namespace
} // namespace icmpx

icmpx_error_verdict icmpx_decide_error(const u8 *header, const u8 *embedded, size_t len,
				       u32 no_pmtu_disc)
{
	using namespace icmpx;

	return decide_error(ConstHeader{header, ICMPX_HEADER_LEN}, Bytes{embedded, len},
			    no_pmtu_disc);
}
