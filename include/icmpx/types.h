/* SPDX-License-Identifier: GPL-2.0-only */
/* Types and sizes that all parts of the C ABI use, see core.h. */
#ifndef ICMPX_TYPES_H
#define ICMPX_TYPES_H

#ifdef __cplusplus
#include <cstddef>
#include <cstdint>

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s32 = std::int32_t;

/* Network byte order is a type of its own, here as under sparse in C. */
enum class __be32 : u32 {}; // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
#else
#include <linux/types.h>
#endif

/* Bytes of the fixed part of every ICMP message (RFC 792). */
#define ICMPX_HEADER_LEN 8
/* The most bytes of an interface's name, its 0 included. */
#define ICMPX_IFNAME_MAX 16

#endif
