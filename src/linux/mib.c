// SPDX-License-Identifier: GPL-2.0-only
/*
 * IcmpMsg of /proc/net/snmp, and with it what that file says of each type. The
 * kernel counts in atomics that all CPUs share, so that every message would take
 * their cache lines from another CPU. Here each CPU counts for itself, and what it
 * has counted goes into the kernel's atomics before anybody reads them: ftrace
 * calls us at the begin of snmp_seq_show(), which alone does.
 */
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>
#include <linux/spinlock.h>

#include "icmpx.h"

/* Written while loading and unloading alone. */
bool icmpx_mib_own __read_mostly;

#if defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) && defined(CONFIG_KPROBES)
/* Serialises those that fold, so that each message is added once. */
static DEFINE_SPINLOCK(icmpx_mib_lock);

/* Where the kernel counts a slot's messages: it has room for 256 types each way. */
static atomic_long_t *notrace icmpx_mib_of(struct net *net, unsigned int slot)
{
	return &net->mib.icmpmsg_statistics->mibs[slot / ICMPX_MIB_TYPES * 256 +
						  slot % ICMPX_MIB_TYPES];
}

/*
 * Messages may be counted meanwhile: each one is added now or next time. Nobody has
 * the lock for as long as it takes to look at all CPUs; so it may be that somebody
 * who began later has come first, and has added more.
 */
static void notrace icmpx_mib_fold(struct net *net)
{
	struct icmpx_net *ix = icmpx_net(net);
	unsigned long sums[ARRAY_SIZE(ix->folded)] = {};
	unsigned int slot;
	int cpu;

	for_each_possible_cpu(cpu)
		for (slot = 0; slot < ARRAY_SIZE(sums); slot++)
			sums[slot] += READ_ONCE(per_cpu_ptr(ix->counters, cpu)->messages[slot]);

	spin_lock(&icmpx_mib_lock);
	for (slot = 0; slot < ARRAY_SIZE(sums); slot++) {
		const unsigned long more = sums[slot] - ix->folded[slot];

		if ((long)more <= 0)
			continue;
		atomic_long_add(more, icmpx_mib_of(net, slot));
		ix->folded[slot] = sums[slot];
	}
	spin_unlock(&icmpx_mib_lock);
}

/* Calls nothing that leads back here, so it needs no protection from itself. */
static void notrace icmpx_mib_before_reading(unsigned long ip, unsigned long parent_ip,
					     struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	icmpx_mib_fold(seq_file_single_net((void *)icmpx_ftrace_argument(fregs, 0)));
}

/* Permanent: kernel.ftrace_enabled=0 is refused, instead of counters standing still. */
static struct ftrace_ops icmpx_mib_ops = {
	.func = icmpx_mib_before_reading,
	.flags = FTRACE_OPS_FL_PERMANENT,
};

/*
 * Where snmp_seq_show() is, which nobody exports: from a probe that is never armed.
 * ftrace finds functions by name, too, but not so that one could rely on it: when it
 * has no memory to note the one that it has found, it says that all is well, and has
 * noted none, which to it means every function of the kernel.
 */
static unsigned long icmpx_mib_reader(void)
{
	struct kprobe probe = {
		.symbol_name = "snmp_seq_show",
		.flags = KPROBE_FLAG_DISABLED,
	};

	if (register_kprobe(&probe))
		return 0;
	unregister_kprobe(&probe);
	/* Of a module it is another function that happens to have the name. */
	return icmpx_in_module(probe.addr) ? 0 : (unsigned long)probe.addr;
}

/**
 * icmpx_mib_take_over() - Have each CPU count for itself, if we learn of readers.
 *
 * Where we do not, all CPUs count in the kernel's atomics.
 *
 * Context: process; every namespace has its counters, and no packet is ours yet.
 */
void icmpx_mib_take_over(void)
{
	const unsigned long reader = icmpx_mib_reader();

	if (!reader || ftrace_set_filter_ip(&icmpx_mib_ops, reader, 0, 0))
		return;
	if (register_ftrace_function(&icmpx_mib_ops))
		ftrace_free_filter(&icmpx_mib_ops);
	else
		WRITE_ONCE(icmpx_mib_own, true);
}

/**
 * icmpx_mib_give_back() - Undo icmpx_mib_take_over().
 *
 * All that was counted is added while readers still have it added, so that none
 * sees less than the one before; and after the last that a CPU has counted for
 * itself, since on the express path packets are ours until their namespaces go.
 *
 * Context: process; no other packet is ours any more. No reader is in our code
 * when it returns, for the reason that icmpx_send_unhook() gives.
 */
void icmpx_mib_give_back(void)
{
	struct net *net;

	if (!icmpx_mib_own)
		return;
	WRITE_ONCE(icmpx_mib_own, false);
	synchronize_net();
	down_read(&net_rwsem);
	for_each_net(net)
		icmpx_mib_fold(net);
	up_read(&net_rwsem);
	unregister_ftrace_function(&icmpx_mib_ops);
	ftrace_free_filter(&icmpx_mib_ops);
}
#else
void icmpx_mib_take_over(void)
{
}

void icmpx_mib_give_back(void)
{
}
#endif
