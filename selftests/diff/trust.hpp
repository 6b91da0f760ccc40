/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A device that says of every packet that its checksum is right.
 */
#pragma once

#include <string>

namespace diff {

/**
 * Has all that comes in by @p device marked as having a right checksum (CHECKSUM_UNNECESSARY), as much hardware does.
 *
 * A tap device has no way to say so, it ignores VIRTIO_NET_HDR_F_DATA_VALID; a BPF program at its ingress has one.
 * Returns false where the kernel has no classifier that runs such programs.
 */
bool trust_checksums(const std::string &device);

/// Whether trust_checksums() works here; moves this process into a new namespace.
bool can_trust_checksums();

} // namespace diff
