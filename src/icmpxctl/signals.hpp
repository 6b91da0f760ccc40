// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Signals as events, for the commands that run until they are told to end.
#pragma once

#include <initializer_list>

namespace icmpxctl {

/// Holds signals back from their actions; they are read from a descriptor instead. What was ignored when the program began
/// stays ignored.
class Signals {
public:
	/// Throws Error.
	explicit Signals(std::initializer_list<int> signals);
	~Signals();
	Signals(const Signals &) = delete;
	Signals &operator=(const Signals &) = delete;

	/// For poll().
	int descriptor() const { return fd_; }
	/// The next signal that has come. Returns 0 if there is none.
	int read() const;

private:
	int fd_;
};

/// Whether a signal asks a program to end.
bool ends(int signal);

} // namespace icmpxctl
