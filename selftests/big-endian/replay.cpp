// SPDX-License-Identifier: GPL-2.0-only
//
// Runs a fuzz target without a fuzzer, the same on every machine: on inputs that are kept, and on others that are made of
// them and are always the same. Prints a line for each input: its number, and what record.h has of it.
// Usage: replay COUNT FILE…; the environment variable SHOW=NUMBER has every call for that input printed.

#include "record.h"

#include <icmpx/types.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size);

namespace {

using Input = std::vector<u8>;

constexpr std::size_t longest = 512;

/// SplitMix64 (Steele, Lea, Flood 2014), with one seed for ever.
u32 random_number()
{
	static u64 state = 792;
	u64 mixed = state += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
	return static_cast<u32>(mixed >> 32);
}

std::size_t below(std::size_t end) { return random_number() % end; }

u8 byte() { return static_cast<u8>(random_number()); }

/// One step away from @p input.
void change(Input &input, const Input &other)
{
	const std::size_t at = input.empty() ? 0 : below(input.size());

	switch (below(input.empty() ? 2 : 7)) {
	case 0:
		input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), byte());
		break;
	case 1:
		input.resize(input.size() + below(16), input.empty() ? u8{0} : input.back());
		break;
	case 2:
		input[at] = byte();
		break;
	case 3:
		input[at] = static_cast<u8>(input[at] ^ 1U << below(8));
		break;
	case 4:
		input[at] = static_cast<u8>(input[at] + below(9) - 4);
		break;
	case 5:
		input.resize(at);
		break;
	default:
		// What another one has at the same place.
		for (std::size_t i = at; i < std::min({other.size(), input.size(), at + 4}); i++)
			input[i] = other[i];
	}
}

Input variation(const std::vector<Input> &kept)
{
	// Bytes of no origin, now and then.
	if (below(16) == 0) {
		Input input(below(128));
		std::generate(input.begin(), input.end(), byte);
		return input;
	}
	Input input = kept[below(kept.size())];
	for (std::size_t steps = 1 + below(4); steps != 0; steps--)
		change(input, kept[below(kept.size())]);
	input.resize(std::min(input.size(), longest));
	return input;
}

void run(const Input &input, unsigned long number, unsigned long shown)
{
	record_show(number == shown);
	LLVMFuzzerTestOneInput(input.data(), input.size());
	const recorded all = record_take();
	std::printf("%lu: %llu calls, digest %016llx\n", number, all.calls, all.digest);
}

} // namespace

int main(int argc, char **argv)
{
	const char *show = std::getenv("SHOW");
	const unsigned long shown = show == nullptr ? 0 : std::strtoul(show, nullptr, 10);
	unsigned long number = 0;
	std::vector<Input> kept;

	for (int i = 2; i < argc; i++) {
		std::ifstream file(argv[i], std::ios::binary);
		kept.emplace_back(std::istreambuf_iterator<char>(file),
				  std::istreambuf_iterator<char>());
	}
	if (kept.empty()) {
		std::fprintf(stderr, "usage: replay COUNT FILE...\n");
		return 2;
	}
	// Of a program that dies, the last line tells which input did it.
	std::setvbuf(stdout, nullptr, _IOLBF, 0);
	for (const Input &input : kept)
		run(input, ++number, shown);
	for (unsigned long count = std::strtoul(argv[1], nullptr, 10); count != 0; count--)
		run(variation(kept), ++number, shown);
	return 0;
}
