// SPDX-License-Identifier: GPL-2.0-only
#include "signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "command.hpp"

namespace icmpxctl {

Signals::Signals(std::initializer_list<int> signals)
{
	sigset_t set;

	sigemptyset(&set);
	for (const int signal : signals) {
		struct sigaction action {};

		// nohup(1), and a shell that starts a program in the background, have it ignored.
		if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&set, signal);
	}
	sigprocmask(SIG_BLOCK, &set, nullptr);
	fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd_ < 0)
		throw Error("signalfd failed");
}

Signals::~Signals() { ::close(fd_); }

int Signals::read() const
{
	signalfd_siginfo info;

	return ::read(fd_, &info, sizeof(info)) == sizeof(info) ? static_cast<int>(info.ssi_signo)
								: 0;
}

bool ends(int signal)
{
	return signal == SIGINT || signal == SIGQUIT || signal == SIGTERM || signal == SIGHUP;
}

} // namespace icmpxctl
