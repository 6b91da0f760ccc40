// SPDX-License-Identifier: GPL-2.0-only
/* /proc/net/icmpx_stat and /proc/net/icmpx6_stat: what became of every packet. */
#include <linux/ctype.h>
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

#include "icmpx.h"
#include "ping/ping.h"
#include "send/send.h"

#define ICMPX_STAT_FILE "icmpx_stat"
#define ICMPX6_STAT_FILE "icmpx6_stat"

/* The tags of the list in stat.h; bits of a mask. */
#define ICMPX_STAT_V4 1
#define ICMPX_STAT_V6 2
#define ICMPX_STAT_BOTH (ICMPX_STAT_V4 | ICMPX_STAT_V6)

/* No name is longer than the room that icmpx_stat_name() has for it. */
#define ICMPX_STAT_LINE(name, families) \
	{ #name, ICMPX_STAT_##families + BUILD_BUG_ON_ZERO(sizeof(#name) > ICMPX_STAT_NAME_LEN) },

static const struct {
	const char *name;
	u8 families;
} icmpx_stat_lines[ICMPX_STAT_COUNT] = {
	ICMPX_STATS(ICMPX_STAT_LINE)
};

/**
 * icmpx_stat_name() - Tell the name of a counter, as its line has it.
 * @stat: the counter
 * @name: set to the name, padded with zeros
 *
 * Context: any.
 */
void icmpx_stat_name(enum icmpx_stat stat, char name[ICMPX_STAT_NAME_LEN])
{
	strscpy_pad(name, icmpx_stat_lines[stat].name, ICMPX_STAT_NAME_LEN);
	for (; *name; name++)
		*name = tolower(*name);
}

/**
 * icmpx_stat_is_of() - Tell whether a family of addresses has a counter.
 * @stat: the counter
 * @family: AF_INET or AF_INET6
 *
 * Context: any.
 *
 * Return: true if it has.
 */
bool icmpx_stat_is_of(enum icmpx_stat stat, int family)
{
	return icmpx_stat_lines[stat].families &
	       (family == AF_INET6 ? ICMPX_STAT_V6 : ICMPX_STAT_V4);
}

/**
 * icmpx_stat_sum() - Add up what all CPUs have counted.
 * @family: icmpx's state of the address family
 * @stat: the counter, enum icmpx_stat
 *
 * Context: any.
 *
 * Return: the sum.
 */
u64 icmpx_stat_sum(const struct icmpx_family *family, unsigned int stat)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(family->counters, cpu)->value[stat]);
	return sum;
}

static void icmpx_stat_print(struct seq_file *seq, const struct icmpx_family *counters, int family)
{
	char name[ICMPX_STAT_NAME_LEN];
	unsigned int stat;

	for (stat = 0; stat < ICMPX_STAT_COUNT; stat++) {
		if (!icmpx_stat_is_of(stat, family))
			continue;
		icmpx_stat_name(stat, name);
		seq_printf(seq, "%s %llu\n", name, icmpx_stat_sum(counters, stat));
	}
}

static int icmpx_stat_show(struct seq_file *seq, void *v)
{
	struct net *net = seq_file_single_net(seq);

	icmpx_stat_print(seq, &icmpx_net(net)->v4, AF_INET);
	seq_printf(seq, "ping_sockets %d\n", sock_prot_inuse_get(net, &icmpx_ping_prot));
	seq_printf(seq, "sending %d\n", icmpx_sending());
	return 0;
}

static int icmpx6_stat_show(struct seq_file *seq, void *v)
{
	struct net *net = seq_file_single_net(seq);

	icmpx_stat_print(seq, &icmpx_net(net)->v6, AF_INET6);
	seq_printf(seq, "ping_sockets %d\n", sock_prot_inuse_get(net, &icmpx_ping6_prot));
	seq_printf(seq, "sending %d\n", icmpx6_sending());
	return 0;
}

static int icmpx_stat_create(struct net *net, struct icmpx_family *family, const char *file,
			     int (*show)(struct seq_file *seq, void *v))
{
	family->counters = alloc_percpu_gfp(struct icmpx_counters, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!family->counters)
		return -ENOMEM;
	if (!proc_create_net_single(file, 0444, net->proc_net, show, NULL)) {
		free_percpu(family->counters);
		return -ENOMEM;
	}
	return 0;
}

/**
 * icmpx_stat_init() - Give a namespace its counters of ICMP, and the file to read them.
 * @net: the namespace
 * @ix: icmpx's state of @net
 *
 * Context: process.
 *
 * Return: 0; -ENOMEM, also if another module has a file of that name.
 */
int icmpx_stat_init(struct net *net, struct icmpx_net *ix)
{
	return icmpx_stat_create(net, &ix->v4, ICMPX_STAT_FILE, icmpx_stat_show);
}

/**
 * icmpx_stat_exit() - Take a namespace's counters of ICMP away.
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

/**
 * icmpx6_stat_init() - Do what icmpx_stat_init() does, for ICMPv6.
 * @net: the namespace
 * @ix: icmpx's state of @net
 *
 * Context: process.
 *
 * Return: as icmpx_stat_init().
 */
int icmpx6_stat_init(struct net *net, struct icmpx_net *ix)
{
	return icmpx_stat_create(net, &ix->v6, ICMPX6_STAT_FILE, icmpx6_stat_show);
}

/**
 * icmpx6_stat_exit() - Do what icmpx_stat_exit() does, for ICMPv6.
 * @net: the namespace
 * @ix: icmpx's state of @net
 *
 * Context: as icmpx_stat_exit().
 */
void icmpx6_stat_exit(struct net *net, struct icmpx_net *ix)
{
	remove_proc_entry(ICMPX6_STAT_FILE, net->proc_net);
	free_percpu(ix->v6.counters);
}
