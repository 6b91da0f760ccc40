// SPDX-License-Identifier: GPL-2.0-only
/*
 * The KUnit suites of icmpx, one for each file of the core and for what of
 * src/linux needs no packet on a wire.
 */
#include <linux/module.h>

#include "suites.h"

kunit_test_suites(&icmpx_bucket_suite,
		  &icmpx_dispatch_suite,
		  &icmpx_dispatch6_suite,
		  &icmpx_echo_suite,
		  &icmpx_echo6_suite,
		  &icmpx_error_suite,
		  &icmpx_error6_suite,
		  &icmpx_express_suite,
		  &icmpx_express6_suite,
		  &icmpx_extension_suite,
		  &icmpx_node_suite,
		  &icmpx_node_info_suite,
		  &icmpx_prefixes_suite,
		  &icmpx_options_suite,
		  &icmpx_options_route_suite,
		  &icmpx_options_garbage_suite,
		  &icmpx_probe_suite,
		  &icmpx_send_suite,
		  &icmpx_send6_suite,
		  &icmpx_ping_table_suite,
		  &icmpx_ping6_table_suite,
		  &icmpx_ping_share_suite,
		  &icmpx_ping6_share_suite,
		  &icmpx_ping_find_suite,
		  &icmpx_claim_suite,
		  &icmpx_cmsg_suite,
		  &icmpx_control_suite,
		  &icmpx_places_suite,
		  &icmpx_prefix_limit_suite,
		  &icmpx_host_table_suite,
		  &icmpx_sysctl_suite,
		  &icmpx_reply_suite,
		  &icmpx_ratelimit_suite,
		  &icmpx_stat_suite,
		  &icmpx_deliver_suite,
		  &icmpx_ping_suite,
		  &icmpx_reply_limit_suite,
		  &icmpx_interface_suite,
		  &icmpx_ping_error_suite);

MODULE_DESCRIPTION("KUnit suites of icmpx");
MODULE_LICENSE("GPL");
