// SPDX-License-Identifier: GPL-2.0-only
/* /proc/net/icmpx_stat: what became of every packet. */
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

#include "icmpx.h"
#include "ping/ping.h"
#include "send/send.h"

#define ICMPX_STAT_FILE "icmpx_stat"

static const char *const icmpx_stat_names[ICMPX_STAT_COUNT] = {
	[ICMPX_PACKETS_IN] = "packets_in",
	[ICMPX_REPLY_IN_PLACE] = "reply_in_place",
	[ICMPX_REPLY_COPIED] = "reply_copied",
	[ICMPX_REPLY_EXPRESS] = "reply_express",
	[ICMPX_DELIVER_PING] = "deliver_ping",
	[ICMPX_DELIVER_PING_BUILTIN] = "deliver_ping_builtin",
	[ICMPX_DELIVER_ERROR_ICMP] = "deliver_error_icmp",
	[ICMPX_DELIVER_ERROR_TCP] = "deliver_error_tcp",
	[ICMPX_DELIVER_ERROR_UDP] = "deliver_error_udp",
	[ICMPX_DELIVER_ERROR_OTHER] = "deliver_error_other",
	[ICMPX_DELIVER_ERROR_RAW] = "deliver_error_raw",
	[ICMPX_LIMIT_GLOBAL] = "limit_global",
	[ICMPX_LIMIT_HOST] = "limit_host",
	[ICMPX_LIMIT_PREFIX] = "limit_prefix",
	[ICMPX_IGNORE_ECHO] = "ignore_echo",
	[ICMPX_IGNORE_PROBE] = "ignore_probe",
	[ICMPX_IGNORE_TYPE] = "ignore_type",
	[ICMPX_IGNORE_CODE] = "ignore_code",
	[ICMPX_IGNORE_PMTU] = "ignore_pmtu",
	[ICMPX_IGNORE_REASSEMBLY] = "ignore_reassembly",
	[ICMPX_IGNORE_BOGUS] = "ignore_bogus",
	[ICMPX_DROP_POLICY] = "drop_policy",
	[ICMPX_DROP_TRUNCATED] = "drop_truncated",
	[ICMPX_DROP_CHECKSUM] = "drop_checksum",
	[ICMPX_DROP_UNKNOWN_TYPE] = "drop_unknown_type",
	[ICMPX_DROP_BROADCAST] = "drop_broadcast",
	[ICMPX_DROP_EMBEDDED] = "drop_embedded",
	[ICMPX_DROP_NO_PROTOCOL] = "drop_no_protocol",
	[ICMPX_DROP_NO_SOCKET] = "drop_no_socket",
	[ICMPX_DROP_AMBIGUOUS] = "drop_ambiguous",
	[ICMPX_DROP_SOCKET_FULL] = "drop_socket_full",
	[ICMPX_DROP_SOCKET_FILTER] = "drop_socket_filter",
	[ICMPX_DROP_SOCKET_MEMORY] = "drop_socket_memory",
	[ICMPX_DROP_OPTIONS] = "drop_options",
	[ICMPX_DROP_NO_ROUTE] = "drop_no_route",
	[ICMPX_DROP_BUSY] = "drop_busy",
	[ICMPX_DROP_NO_BUFFER] = "drop_no_buffer",
	[ICMPX_DROP_NO_MEMORY] = "drop_no_memory",
	[ICMPX_DROP_OUTPUT] = "drop_output",
	[ICMPX_FRAGMENTED_REPLIES] = "fragmented_replies",
	[ICMPX_ROUTE_LOOKUPS] = "route_lookups",
	[ICMPX_ERRORS_TO_RAW] = "errors_to_raw_sockets",
	[ICMPX_PING_SENT] = "ping_sent",
	[ICMPX_PING_SEND_FAILED] = "ping_send_failed",
	[ICMPX_PING_ERRORS] = "ping_errors",
	[ICMPX_PING_ERRORS_QUEUED] = "ping_errors_queued",
	[ICMPX_PING_ERRORS_DROPPED] = "ping_errors_dropped",
	[ICMPX_PING_ERRORS_UNMATCHED] = "ping_errors_unmatched",
	[ICMPX_ERRORS_WANTED] = "errors_wanted",
	[ICMPX_ERROR_SENT_UNREACHABLE] = "error_sent_unreachable",
	[ICMPX_ERROR_SENT_REDIRECT] = "error_sent_redirect",
	[ICMPX_ERROR_SENT_TIME_EXCEEDED] = "error_sent_time_exceeded",
	[ICMPX_ERROR_SENT_PARAMETER_PROBLEM] = "error_sent_parameter_problem",
	[ICMPX_ERROR_SENT_OTHER] = "error_sent_other",
	[ICMPX_ERROR_LIMIT_GLOBAL] = "error_limit_global",
	[ICMPX_ERROR_LIMIT_HOST] = "error_limit_host",
	[ICMPX_ERROR_SUPPRESSED_LINK_BROADCAST] = "error_suppressed_link_broadcast",
	[ICMPX_ERROR_SUPPRESSED_BROADCAST] = "error_suppressed_broadcast",
	[ICMPX_ERROR_SUPPRESSED_FRAGMENT] = "error_suppressed_fragment",
	[ICMPX_ERROR_SUPPRESSED_ERROR] = "error_suppressed_error",
	[ICMPX_ERROR_SUPPRESSED_SOURCE] = "error_suppressed_source",
	[ICMPX_ERROR_SUPPRESSED_MALFORMED] = "error_suppressed_malformed",
	[ICMPX_ERROR_FAILED_OPTIONS] = "error_failed_options",
	[ICMPX_ERROR_FAILED_NO_ROUTE] = "error_failed_no_route",
	[ICMPX_ERROR_FAILED_BUSY] = "error_failed_busy",
	[ICMPX_ERROR_FAILED_NO_BUFFER] = "error_failed_no_buffer",
	[ICMPX_ERROR_FAILED_NO_MEMORY] = "error_failed_no_memory",
	[ICMPX_ERROR_FAILED_MTU] = "error_failed_mtu",
	[ICMPX_ERROR_FAILED_OUTPUT] = "error_failed_output",
};

static u64 icmpx_stat_sum(const struct icmpx_net *ix, unsigned int stat)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(ix->counters, cpu)->value[stat]);
	return sum;
}

static int icmpx_stat_show(struct seq_file *seq, void *v)
{
	struct net *net = seq_file_single_net(seq);
	const struct icmpx_net *ix = icmpx_net(net);
	unsigned int stat;

	for (stat = 0; stat < ICMPX_STAT_COUNT; stat++)
		seq_printf(seq, "%s %llu\n", icmpx_stat_names[stat], icmpx_stat_sum(ix, stat));
	seq_printf(seq, "ping_sockets %d\n", sock_prot_inuse_get(net, &icmpx_ping_prot));
	seq_printf(seq, "sending %d\n", icmpx_sending());
	return 0;
}

/**
 * icmpx_stat_init() - Give a namespace its counters, and the file to read them.
 * @net: the namespace
 * @ix: what icmpx keeps for it
 *
 * Context: process.
 *
 * Return: 0; -ENOMEM, also if another module has a file of that name.
 */
int icmpx_stat_init(struct net *net, struct icmpx_net *ix)
{
	ix->counters = alloc_percpu_gfp(struct icmpx_counters, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!ix->counters)
		return -ENOMEM;
	if (!proc_create_net_single(ICMPX_STAT_FILE, 0444, net->proc_net, icmpx_stat_show, NULL)) {
		free_percpu(ix->counters);
		return -ENOMEM;
	}
	return 0;
}

/**
 * icmpx_stat_exit() - Take a namespace's counters away.
 * @net: the namespace
 * @ix: what icmpx keeps for it
 *
 * Context: process; the namespace has no packets any more. Waits for readers.
 */
void icmpx_stat_exit(struct net *net, struct icmpx_net *ix)
{
	remove_proc_entry(ICMPX_STAT_FILE, net->proc_net);
	free_percpu(ix->counters);
}
