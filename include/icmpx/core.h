/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The C ABI between the two halves of icmpx, all of it.
 *
 * The core (src/core, C++20) decides what ICMP says; the shell (src/linux, C)
 * does what Linux does. These headers are all that they share: plain structs,
 * fixed-width types and pure functions. Every function may be called in any
 * context; none takes a lock, allocates, sleeps, prints or keeps state, and
 * none reads or writes outside the buffers that its arguments name.
 */
#ifndef ICMPX_CORE_H
#define ICMPX_CORE_H

#include <icmpx/bucket.h>
#include <icmpx/dispatch.h>
#include <icmpx/error.h>
#include <icmpx/express.h>
#include <icmpx/extension.h>
#include <icmpx/nodeinfo.h>
#include <icmpx/options.h>
#include <icmpx/prefixes.h>
#include <icmpx/probe.h>
#include <icmpx/reply.h>
#include <icmpx/send.h>
#include <icmpx/stat.h>
#include <icmpx/types.h>

#endif
