/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The tracepoints icmpx:*, read as text from an instance of tracefs of the test's own.
 */
#pragma once

#include "counters.hpp"
#include "host.hpp"
#include "ktap.hpp"
#include "wire.hpp"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tracing {

inline const std::string root = "/sys/kernel/tracing/";

/// Skips the test where the kernel has no tracepoints of icmpx.
inline void need()
{
	if (access((root + "events/icmpx").c_str(), F_OK) != 0)
		ktap::skip("needs icmpx in a kernel with events");
}

/// What an event said: "icmpx_reply", "ipv4", and its fields by name.
struct Event {
	std::string name, family;
	std::map<std::string, std::string> fields;

	/// A field; the test fails when the event has none of that name.
	std::string operator[](const std::string &field) const
	{
		const auto found = fields.find(field);

		if (found == fields.end()) {
			ktap::failure(name + " has no field " + field);
			return "";
		}
		return found->second;
	}
};

/// The event of a line of the file `trace`; one without a name if the line has none of icmpx.
inline Event parse(const std::string &line)
{
	const std::size_t at = line.find(": icmpx_");
	Event event;
	std::string word;

	if (at == std::string::npos)
		return event;
	std::istringstream words(line.substr(at + 2));
	words >> event.name >> event.family;
	event.name.pop_back();
	while (words >> word) {
		const std::size_t equals = word.find('=');

		ktap::require(equals != std::string::npos, "NAME=VALUE: " + word);
		event.fields[word.substr(0, equals)] = word.substr(equals + 1);
	}
	return event;
}

/// The inode number of this network namespace.
inline std::string namespace_number()
{
	struct stat file {};

	host::check(stat("/proc/self/ns/net", &file), "stat");
	return std::to_string(file.st_ino);
}

/// All events of icmpx in the network namespace that this is made in, as long as this is there.
class Trace {
public:
	explicit Trace(const std::string &events = "")
		: enable_("events/icmpx/" + events + "/enable")
	{
		need();
		if (mkdir(instance_.c_str(), 0700) != 0 && errno != EEXIST)
			ktap::fatal("no instance of tracefs");
		write("tracing_on", "1");
		write("events/icmpx/filter", "netns == " + namespace_number());
		restart();
		write(enable_, "1");
	}
	Trace(const Trace &) = delete;
	Trace &operator=(const Trace &) = delete;
	~Trace()
	{
		host::write_file(instance_ + enable_, "0");
		rmdir(instance_.c_str());
	}

	/// Forgets what there was.
	void restart() const
	{
		const host::Descriptor file(
			open((instance_ + "trace").c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));

		ktap::require(file.get() >= 0, "emptying the trace");
	}

	/// The events, once there are @p count, or once no more will come.
	std::vector<Event> events(std::size_t count) const
	{
		const auto end = std::chrono::steady_clock::now() + wire::patience;
		std::vector<Event> found = now();

		while (found.size() < count && std::chrono::steady_clock::now() < end) {
			std::this_thread::sleep_for(std::chrono::milliseconds(1));
			found = now();
		}
		return found;
	}

	/// Expects events of these names since the last time, and returns them; the test ends with others.
	std::vector<Event> expect(const std::vector<std::string> &names,
				  const wire::Where &where = wire::Where::current()) const
	{
		std::vector<Event> found = events(names.size());
		std::string all, wanted;

		for (const Event &event : found)
			all += event.name + " ";
		for (const std::string &name : names)
			wanted += "icmpx_" + name + " ";
		ktap::require_equal(all, wanted, "events", where);
		restart();
		return found;
	}

	/// How often each outcome came in events of @p name.
	counters::Values outcomes(const std::string &name, std::size_t count) const
	{
		counters::Values all;

		for (const Event &event : events(count)) {
			if (event.name == name)
				all[event["outcome"]]++;
		}
		return all;
	}

private:
	void write(const std::string &file, const std::string &text) const
	{
		ktap::require(host::write_file(instance_ + file, text + "\n"), "writing " + file);
	}
	std::vector<Event> now() const
	{
		std::istringstream lines(
			ktap::require_value(host::read_file(instance_ + "trace"), "trace"));
		std::vector<Event> found;
		std::string line;

		while (std::getline(lines, line)) {
			Event event = parse(line);

			if (!event.name.empty())
				found.push_back(std::move(event));
		}
		return found;
	}

	std::string instance_ = root + "instances/icmpx-test/", enable_;
};

/// Expects these fields of @p event.
inline void expect_fields(const Event &event, const std::map<std::string, std::string> &expected,
			  const wire::Where &where = wire::Where::current())
{
	for (const auto &[name, value] : expected)
		ktap::expect_equal(event[name], value, event.name + ": " + name, where);
}

/// What an event calls the address that the family writes as @p text.
template <typename F> std::string address(const std::string &text)
{
	return F::is_ipv6 ? text : "::ffff:" + text;
}

template <typename F> const char *family_name() { return F::is_ipv6 ? "ipv6" : "ipv4"; }

} // namespace tracing
