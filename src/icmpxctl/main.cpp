// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// icmpxctl: the options, and which command is wanted.
#include "command.hpp"
#include "output.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>

namespace {

using namespace icmpxctl;

/// Enters the network namespace that -n names.
void enter(const std::string &netns)
{
	const std::string path =
		netns.find('/') == std::string::npos ? "/run/netns/" + netns : netns;
	const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		throw Error("there is no network namespace '" + netns + "'");
	if (fd < 0)
		throw Error(path + ": " + std::strerror(errno));
	if (::setns(fd, CLONE_NEWNET) == 0) {
		::close(fd);
		return;
	}
	switch (errno) {
	case EINVAL:
		throw Error(path + " is no network namespace");
	case EPERM:
		throw Error("not permitted: entering a network namespace takes CAP_SYS_ADMIN");
	default:
		throw Error(path + ": " + std::strerror(errno));
	}
}

/// Takes the options off the command line. Returns what is left: the command and its arguments.
Arguments parse(int argc, char **argv, Options &options)
{
	int option;

	// Our own words for what is wrong; the first word that is no option ends them.
	opterr = 0;
	while ((option = ::getopt(argc, argv, "+:46jn:Vh")) != -1) {
		switch (option) {
		case '4':
		case '6':
			if (options.family)
				throw Misuse("-4 and -6 are given once");
			options.family = option == '4' ? AF_INET : AF_INET6;
			break;
		case 'j':
			options.json = true;
			break;
		case 'n':
			// A script whose variable is not set means another one than where it is.
			if (!*optarg)
				throw Misuse("-n takes the name of a network namespace");
			options.netns = optarg;
			break;
		case 'V':
			std::printf("icmpxctl %s\n", std::string(kVersion).c_str());
			std::exit(kDone);
		case 'h':
			help.run(options, {});
			std::exit(kDone);
		case ':':
			throw Misuse(std::string("option -") + static_cast<char>(optopt) +
				     " takes an argument");
		default:
			throw Misuse(std::string("there is no option -") +
				     static_cast<char>(optopt));
		}
	}
	return {argv + optind, argv + argc};
}

int run(int argc, char **argv)
{
	Options options;
	const Arguments words = parse(argc, argv, options);

	if (words.empty())
		throw Misuse("no command");

	const Command *command = find_command(words[0]);
	const Arguments arguments = words.subspan(1);

	if (!command)
		throw Misuse(std::string("there is no command '") + words[0] + "'");
	if (command != &help && arguments.size() == 1 && std::string_view(arguments[0]) == "help")
		return help.run(options, words.first(1));
	if (!options.netns.empty())
		enter(options.netns);
	return command->run(options, arguments);
}

} // namespace

int main(int argc, char **argv)
{
	try {
		const int status = run(argc, argv);

		flush_output();
		return status;
	} catch (const Misuse &error) {
		std::fflush(stdout);
		std::fprintf(stderr, "icmpxctl: %s\nTry: icmpxctl help\n", error.what());
		return error.status();
	} catch (const Error &error) {
		std::fflush(stdout);
		std::fprintf(stderr, "icmpxctl: %s\n", error.what());
		return error.status();
	} catch (const std::exception &error) {
		std::fflush(stdout);
		std::fprintf(stderr, "icmpxctl: %s\n", error.what());
		return kRefused;
	}
}
