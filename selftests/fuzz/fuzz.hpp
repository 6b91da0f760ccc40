/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What the fuzz targets share. Each is a libFuzzer program around entries of the core: the sanitizers tell what the core
 * may not do, must() what it may not say.
 */
#pragma once

#include <icmpx/core.h>

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <vector>

namespace fuzz {

/// Ends the run with this input as the one that did it.
inline void must(bool condition)
{
	if (!condition)
		__builtin_trap();
}

/// The fuzzer's bytes, taken from the front. What is not there is 0.
class Input {
public:
	Input(const u8 *data, std::size_t size) : data_(data), size_(size) {}

	template <typename T> T take() requires std::is_trivially_copyable_v<T>
	{
		T value{};
		const std::size_t size = sizeof(T) < size_ ? sizeof(T) : size_;

		if (size != 0)
			std::memcpy(&value, data_, size);
		data_ += size;
		size_ -= size;
		return value;
	}

	/// What is left, in memory of exactly that size: one byte further is the sanitizer's.
	std::vector<u8> rest() const { return {data_, data_ + size_}; }

private:
	const u8 *data_;
	std::size_t size_;
};

/// The fixed part of an ICMP message.
struct Header {
	u8 bytes[ICMPX_HEADER_LEN];
};

inline bool is_outcome(unsigned stat)
{
	return stat >= ICMPX_OUTCOME_FIRST && stat <= ICMPX_OUTCOME_LAST;
}

} // namespace fuzz
