/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What programs here that are no tests have in common.
 */
#pragma once

#include "lib/ktap.hpp"

#include <exception>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

/// Runs @p what with the program's arguments; gives back its status, or 1, and why on standard error, if it throws.
template <typename What> int run_tool(int argc, char **argv, What what)
{
	try {
		return what(std::vector<std::string>{argv + 1, argv + argc});
	} catch (const ktap::Abort &) {
		// It has said why.
	} catch (const ktap::Skip &skip) {
		std::cerr << skip.reason << '\n';
	} catch (const std::exception &error) {
		std::cerr << error.what() << '\n';
	}
	return 1;
}
