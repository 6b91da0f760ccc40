// SPDX-License-Identifier: GPL-2.0-only
// Echo and timestamp replies.
#include <icmpx/reply.h>

#include "checksum.hpp"

bool icmpx_echo_reply(u8 *header)
{
	using namespace icmpx;

	const Header reply{header, ICMPX_HEADER_LEN};

	// The reply has the code of the request.
	const u16 checksum = echo_reply_checksum(native<u16>(reply, kChecksumAt));

	reply[kTypeAt] = kEchoReply;
	put_native(reply, kChecksumAt, checksum);
	return checksum != kAmbiguous;
}

void icmpx6_echo_reply(u8 *header)
{
	using namespace icmpx;

	const Header reply{header, ICMPX_HEADER_LEN};

	reply[kTypeAt] = kEchoReply6;
	put_native(reply, kChecksumAt, echo6_reply_checksum(native<u16>(reply, kChecksumAt)));
}

void icmpx_timestamp_reply(u8 *message, __be32 now)
{
	using namespace icmpx;

	constexpr std::size_t kReceiveAt = ICMPX_HEADER_LEN + 4;
	constexpr std::size_t kTransmitAt = ICMPX_HEADER_LEN + 8;
	const MutableBytes reply{message, ICMPX_HEADER_LEN + ICMPX_TIMESTAMP_LEN};

	reply[kTypeAt] = kTimestampReply;
	reply[kCodeAt] = 0;
	store16(reply, kChecksumAt, 0);
	store_be32(reply, kReceiveAt, now);
	store_be32(reply, kTransmitAt, now);
	store16(reply, kChecksumAt, checksum(reply));
}
