/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What the fuzz targets share. Each is a libFuzzer program around entries of the core: the sanitizers and the guard pages
 * tell what the core may not do, must() what it may not say.
 */
#pragma once

#include <icmpx/core.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <span>
#include <type_traits>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace fuzz {

using Bytes = std::span<const u8>;

/// Ends the run with this input as the one that did it.
inline void must(bool condition)
{
	if (!condition)
		__builtin_trap();
}

/// The number that a little-endian machine reads where @p value is: an input means the same on every machine.
template <typename T> T little(T value) requires std::is_integral_v<T>
{
	if constexpr (std::endian::native == std::endian::big) {
		auto *bytes = reinterpret_cast<u8 *>(&value);

		std::reverse(bytes, bytes + sizeof(value));
	}
	return value;
}

/// The fuzzer's bytes, taken from the front. What is not there is 0.
class Input {
public:
	Input(const u8 *data, std::size_t size) : left_(data, size) {}

	template <typename T> T take() requires std::is_trivially_copyable_v<T>
	{
		T value{};
		const Bytes taken =
			left_.first(sizeof(T) < left_.size() ? sizeof(T) : left_.size());

		if (!taken.empty())
			std::memcpy(&value, taken.data(), taken.size());
		left_ = left_.subspan(taken.size());
		if constexpr (std::is_integral_v<T>)
			value = little(value);
		return value;
	}

	/// What is left.
	Bytes rest() const { return left_; }

private:
	Bytes left_;
};

/// Where in its page a buffer lies: right after the guard page before it, or right before the one after it.
enum class Edge { front, back };

inline constexpr std::initializer_list<Edge> both_edges{Edge::front, Edge::back};

/**
 * A page between two that nobody may touch: a sanitizer's red zone has an end, and one that is jumped over tells nothing.
 *
 * The page is there twice. What the core only reads it gets through a mapping that cannot be written.
 */
class Guarded {
public:
	Guarded() : file_(memfd_create("guarded", MFD_CLOEXEC)), size_(sysconf(_SC_PAGESIZE))
	{
		must(file_ >= 0 && ftruncate(file_, size_) == 0);
		constant_ = map(PROT_READ);
		writable_ = map(PROT_READ | PROT_WRITE);
	}
	Guarded(const Guarded &) = delete;
	Guarded &operator=(const Guarded &) = delete;

	/// @p bytes, to be read; valid until the next call.
	const u8 *constant(Bytes bytes, Edge edge) { return constant_ + put(bytes, edge); }
	/// @p bytes, to be read and written.
	u8 *writable(Bytes bytes, Edge edge) { return writable_ + put(bytes, edge); }

	template <typename T> const T *constant(const T &value, Edge edge)
	{
		return reinterpret_cast<const T *>(constant(bytes_of(value), edge));
	}
	template <typename T> T *writable(const T &value, Edge edge)
	{
		return reinterpret_cast<T *>(writable(bytes_of(value), edge));
	}

private:
	template <typename T> static Bytes bytes_of(const T &value)
	{
		return {reinterpret_cast<const u8 *>(&value), sizeof(value)};
	}

	u8 *map(int protection) const
	{
		void *room =
			mmap(nullptr, 3 * size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		must(room != MAP_FAILED);
		u8 *page = static_cast<u8 *>(room) + size_;
		must(mmap(page, size_, protection, MAP_SHARED | MAP_FIXED, file_, 0) == page);
		return page;
	}

	/// @return how far from the page's begin they are
	std::size_t put(Bytes bytes, Edge edge)
	{
		must(bytes.size() <= static_cast<std::size_t>(size_));
		const std::size_t at = edge == Edge::front ? 0 : size_ - bytes.size();

		if (!bytes.empty())
			std::memcpy(writable_ + at, bytes.data(), bytes.size());
		return at;
	}

	int file_;
	long size_;
	u8 *constant_ = nullptr;
	u8 *writable_ = nullptr;
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
