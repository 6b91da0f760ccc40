// SPDX-License-Identifier: GPL-2.0-only
/* /proc/net/icmpx_stat: what became of every packet. */
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>
#include <linux/string_helpers.h>

#include "icmpx.h"
#include "ping/ping.h"
#include "send/send.h"

#define ICMPX_STAT_FILE "icmpx_stat"

/* Room for the longest name and its terminating zero. */
#define ICMPX_STAT_NAME_LEN 32

/* The tags of the list in stat.h. */
enum icmpx_stat_families {
	ICMPX_STAT_V4 = 1,
	ICMPX_STAT_V6 = 2,
	ICMPX_STAT_BOTH = ICMPX_STAT_V4 | ICMPX_STAT_V6,
};

#define ICMPX_STAT_LINE(name, families) { #name, ICMPX_STAT_##families },

static const struct {
	char name[ICMPX_STAT_NAME_LEN];
	enum icmpx_stat_families families;
} icmpx_stat_lines[ICMPX_STAT_COUNT] = {
	ICMPX_STATS(ICMPX_STAT_LINE)
};

static u64 icmpx_stat_sum(const struct icmpx_net *ix, unsigned int stat)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(ix->v4.counters, cpu)->value[stat]);
	return sum;
}

static int icmpx_stat_show(struct seq_file *seq, void *v)
{
	struct net *net = seq_file_single_net(seq);
	const struct icmpx_net *ix = icmpx_net(net);
	char name[ICMPX_STAT_NAME_LEN];
	unsigned int stat;

	for (stat = 0; stat < ICMPX_STAT_COUNT; stat++) {
		if (!(icmpx_stat_lines[stat].families & ICMPX_STAT_V4))
			continue;
		string_lower(name, icmpx_stat_lines[stat].name);
		seq_printf(seq, "%s %llu\n", name, icmpx_stat_sum(ix, stat));
	}
	seq_printf(seq, "ping_sockets %d\n", sock_prot_inuse_get(net, &icmpx_ping_prot));
	seq_printf(seq, "sending %d\n", icmpx_sending());
	return 0;
}

/**
 * icmpx_stat_init() - Give a namespace its counters, and the file to read them.
 * @net: the namespace
 * @ix: icmpx's state of @net
 *
 * Context: process.
 *
 * Return: 0; -ENOMEM, also if another module has a file of that name.
 */
int icmpx_stat_init(struct net *net, struct icmpx_net *ix)
{
	ix->v4.counters = alloc_percpu_gfp(struct icmpx_counters, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!ix->v4.counters)
		return -ENOMEM;
	if (!proc_create_net_single(ICMPX_STAT_FILE, 0444, net->proc_net, icmpx_stat_show, NULL)) {
		free_percpu(ix->v4.counters);
		return -ENOMEM;
	}
	return 0;
}

/**
 * icmpx_stat_exit() - Take a namespace's counters away.
 * @net: the namespace
 * @ix: icmpx's state of @net
 *
 * Context: process; the namespace has no packets any more. Waits for readers.
 */
void icmpx_stat_exit(struct net *net, struct icmpx_net *ix)
{
	remove_proc_entry(ICMPX_STAT_FILE, net->proc_net);
	free_percpu(ix->v4.counters);
}
