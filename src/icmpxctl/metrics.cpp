// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// icmpxctl metrics: counters, settings and limited prefixes for Prometheus, on standard output or in a file.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <icmpx/netlink.h>

#include "command.hpp"
#include "counters.hpp"
#include "exposition.hpp"
#include "settings.hpp"
#include "words.hpp"

namespace icmpxctl {

namespace {

struct Request {
	Options options;
	Exposition format = Exposition::prometheus;
	/// Empty: standard output.
	std::string file;
};

/// Collects samples, of which those with the same metric come together.
class Collection {
public:
	/// @param netns  a label of all samples, if it is not empty
	explicit Collection(std::string netns) : netns_(std::move(netns)) {}

	void add(const std::string &name, MetricType type, const std::string &help, Sample sample)
	{
		if (!netns_.empty())
			sample.labels.emplace_back("netns", netns_);
		for (Metric &metric : metrics_) {
			if (metric.name == name) {
				metric.samples.push_back(std::move(sample));
				return;
			}
		}
		metrics_.push_back({name, type, help, {std::move(sample)}});
	}

	const std::vector<Metric> &metrics() const { return metrics_; }

private:
	std::string netns_;
	std::vector<Metric> metrics_;
};

void add_counter(Collection &collection, const std::string &family, const Counter &counter)
{
	const std::string help = "The counter " + counter.name + " of icmpx(4).";
	const std::string value = std::to_string(counter.value);
	const Sample plain{{{"family", family}}, value};
	const Sample outcome{{{"family", family}, {"outcome", counter.name}}, value};

	switch (counter.kind) {
	case ICMPX_COUNTER_KIND_OUTCOME:
		collection.add("icmpx_packets", MetricType::counter,
			       "Packets that came in, by what became of them, see icmpx(4).",
			       outcome);
		break;
	case ICMPX_COUNTER_KIND_ERROR_OUTCOME:
		collection.add(
			"icmpx_errors", MetricType::counter,
			"Errors that this host had a reason to send, by what became of them, see "
			"icmpx(4).",
			outcome);
		break;
	case ICMPX_COUNTER_KIND_STATE:
		collection.add("icmpx_" + counter.name, MetricType::gauge, help, plain);
		break;
	default:
		collection.add("icmpx_" + counter.name, MetricType::counter, help, plain);
		break;
	}
}

void add_settings(Collection &collection, Netlink &netlink, std::optional<int> family)
{
	for (const Setting &setting : read_settings(netlink, family))
		if (const auto number = setting.number())
			collection.add("icmpx_setting", MetricType::gauge,
				       "The settings that are numbers, see icmpx(4).",
				       {{{"family", family_word(setting.family)},
					 {"setting", setting.name}},
					std::to_string(*number)});
}

/// How many prefixes are limited is a matter of privilege: without it there is no such metric.
void add_limited(Collection &collection, Netlink &netlink, std::optional<int> only)
{
	for (const int family : {AF_INET, AF_INET6}) {
		Message message(ICMPX_CMD_LIMITED_GET);
		std::uint64_t count = 0;

		if (only && *only != family)
			continue;
		message.put_u8(ICMPX_A_LIMITED_FAMILY, static_cast<std::uint8_t>(family));
		try {
			netlink.dump(std::move(message),
				     [&count](int, const Attributes &) { count++; });
		} catch (const Refused &refused) {
			if (refused.code() != EPERM)
				throw;
			return;
		}
		collection.add("icmpx_limited_prefixes", MetricType::gauge,
			       "Source prefixes that get fewer replies than they ask for now.",
			       {{{"family", family_word(family)}}, std::to_string(count)});
	}
}

std::string first_word(const char *path)
{
	std::ifstream file(path);
	std::string word;

	file >> word;
	return word;
}

/// A module that is not loaded is a value, not an error: whoever watches the metric wants to be told.
std::string collect(const Request &request)
{
	const std::optional<int> &family = request.options.family;
	const bool loaded = ::access("/sys/module/icmpx", F_OK) == 0;
	Collection collection(request.options.netns);

	collection.add("icmpx_loaded", MetricType::gauge, "Whether the module icmpx is loaded.",
		       {{}, loaded ? "1" : "0"});
	if (!loaded)
		return expose(collection.metrics(), request.format);
	collection.add("icmpx", MetricType::info, "The module that is loaded.",
		       {{{"version", first_word("/sys/module/icmpx/version")}}, "1"});

	Netlink netlink;

	for (const Counters &counters : read_counters(netlink, family))
		for (const Counter &counter : counters.list)
			add_counter(collection, family_word(counters.family), counter);
	add_limited(collection, netlink, family);
	add_settings(collection, netlink, family);
	return expose(collection.metrics(), request.format);
}

[[noreturn]] void fail(const std::string &file, int code)
{
	throw Error(file + ": " + std::strerror(code));
}

void write_all(int descriptor, std::string_view text, const std::string &file)
{
	while (!text.empty()) {
		const ssize_t size = ::write(descriptor, text.data(), text.size());

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			fail(file, errno);
		text.remove_prefix(static_cast<std::size_t>(size));
	}
}

/// Whether a file is a pipe, a device, or a link such as /dev/stdout. A regular file must not take its place.
bool is_special(const std::string &file)
{
	struct stat status {};

	return ::lstat(file.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

void write_into(const std::string &file, std::string_view text)
{
	constexpr mode_t mode = 0644;
	// A link may lead to what is not there yet.
	const int descriptor =
		::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, mode);

	if (descriptor < 0)
		fail(file, errno);
	write_all(descriptor, text, file);
	if (::close(descriptor))
		fail(file, errno);
}

/// A file with a name of its own in the directory of another, in whose place it is put at the end. A reader sees the one or
/// the other, and no part of one.
class Replacement {
public:
	explicit Replacement(const std::string &file)
		: file_(file), name_(file + ".XXXXXX"), descriptor_(::mkstemp(name_.data()))
	{
		if (descriptor_ < 0)
			fail(file, errno);
	}

	~Replacement()
	{
		::close(descriptor_);
		if (!name_.empty())
			::unlink(name_.c_str());
	}

	Replacement(const Replacement &) = delete;
	Replacement &operator=(const Replacement &) = delete;

	void put(std::string_view text)
	{
		constexpr mode_t readable = 0644;

		write_all(descriptor_, text, file_);
		if (::fchmod(descriptor_, readable) || ::rename(name_.c_str(), file_.c_str()))
			fail(file_, errno);
		name_.clear();
	}

private:
	const std::string &file_;
	/// Without the suffix .prom, by which node_exporter knows what to read. Empty once the file has its place.
	std::string name_;
	int descriptor_;
};

Exposition parse_format(std::string_view word)
{
	if (word == "prometheus")
		return Exposition::prometheus;
	if (word == "openmetrics")
		return Exposition::open_metrics;
	throw Misuse("there is no format '" + std::string(word) + "': prometheus or openmetrics");
}

Request parse(const Options &options, Arguments arguments)
{
	Request request;

	request.options = options;
	for (std::size_t i = 0; i < arguments.size(); i += 2) {
		const std::string_view option = arguments[i];

		if (option != "-o" && option != "-f")
			throw Misuse("metrics takes no '" + std::string(option) + "'");
		if (i + 1 == arguments.size())
			throw Misuse("option " + std::string(option) + " takes an argument");
		if (option == "-o" && !*arguments[i + 1])
			throw Misuse("-o takes the name of a file");
		if (option == "-o")
			request.file = arguments[i + 1];
		else
			request.format = parse_format(arguments[i + 1]);
	}
	if (options.json)
		throw Misuse("metrics has no JSON: see icmpxctl -j stats");
	return request;
}

int run_metrics(const Options &options, Arguments arguments)
{
	const Request request = parse(options, arguments);
	const std::string text = collect(request);

	if (request.file.empty())
		write_all(STDOUT_FILENO, text, "standard output");
	else if (is_special(request.file))
		write_into(request.file, text);
	else
		Replacement(request.file).put(text);
	return kDone;
}

} // namespace

const Command metrics{
	.name = "metrics",
	.summary = "print counters and settings for Prometheus",
	.usage = "Usage: icmpxctl [-4 | -6] metrics [-f FORMAT] [-o FILE]\n"
		 "\n"
		 "Prints counters by outcome, settings and the number of limited prefixes as\n"
		 "metrics. With -n, all of them have the label netns.\n"
		 "\n"
		 "Options:\n"
		 "  -f FORMAT   prometheus, which node_exporter's textfile collector reads\n"
		 "              (the default), or openmetrics\n"
		 "  -o FILE     put them into FILE at once: readers see the old or the new;\n"
		 "              what is no regular file is written into as it is\n"
		 "\n"
		 "While icmpx is not loaded, the only metric is icmpx_loaded, which is 0.\n"
		 "icmpx_limited_prefixes takes CAP_NET_ADMIN.\n",
	.run = run_metrics,
};

} // namespace icmpxctl
