// SPDX-License-Identifier: GPL-2.0-only
//
// Whether an error is believed: icmpx_decide_error() on a datagram of any length.

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto header = input.take<fuzz::Header>();
	const auto no_pmtu_disc = input.take<u8>();
	const std::vector<u8> embedded = input.rest();
	const icmpx_error_verdict verdict =
		icmpx_decide_error(header.bytes, embedded.data(), embedded.size(), no_pmtu_disc);

	if (verdict.action == ICMPX_FINISH) {
		fuzz::must(fuzz::is_outcome(verdict.outcome));
		return 0;
	}
	fuzz::must(verdict.action == ICMPX_TO_SOCKETS && verdict.in_error == 0);
	fuzz::must(embedded.size() >= 20);
	fuzz::must(verdict.protocol == embedded[9]);
	// A whole header, and the eight bytes that RFC 792 has quoted.
	fuzz::must(verdict.needed >= 20 + 8 && verdict.needed <= 60 + 8);
	fuzz::must(verdict.needed == (embedded[0] & 0xf) * 4 + 8);
	return 0;
}
