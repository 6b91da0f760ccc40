// SPDX-License-Identifier: GPL-2.0-only
/*
 * IcmpMsg of /proc/net/snmp, and with it what that file says of each type. The
 * kernel counts in atomics that all CPUs share, so that every message would take
 * their cache lines from another CPU. Here each CPU counts for itself, and what it
 * has counted goes into the kernel's atomics before they are read: by a kprobe at
 * the begin of snmp_seq_show(), which alone does.
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

#if defined(CONFIG_KPROBES) && defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API)
/* Every type has a place in each direction, those that went out behind those that came in. */
#define ICMPX_MIB_DIRECTION 256

static_assert(ICMPMSG_MIB_MAX == 2 * ICMPX_MIB_DIRECTION);
static_assert(ICMPX_MIB_TYPES <= ICMPX_MIB_DIRECTION);

/* What shows a file of /proc/net, as snmp_seq_show() does, is called with its seq_file. */
static_assert(__same_type(((const struct seq_operations *)NULL)->show,
			  (int (*)(struct seq_file *, void *))NULL));

/*
 * Serialises those that fold, so that each message is added once. A reader finds in
 * the atomics whatever was counted before it began: it waits for others that have
 * taken a message, and have not added it yet. Raw, since a probe may not sleep.
 */
static DEFINE_RAW_SPINLOCK(icmpx_mib_lock);

/* Where the kernel counts a slot's messages. */
static atomic_long_t *icmpx_mib_of(struct net *net, unsigned int slot)
{
	return &net->mib.icmpmsg_statistics->mibs[slot / ICMPX_MIB_TYPES * ICMPX_MIB_DIRECTION +
						  slot % ICMPX_MIB_TYPES];
}

/*
 * Messages may be counted meanwhile: each one is added now or next time. The lock is
 * not held for as long as it takes to look at all CPUs; so another one that began
 * later may have come first, and have added more.
 */
static void icmpx_mib_fold(struct net *net)
{
	struct icmpx_net *ix = icmpx_net(net);
	unsigned long sums[ARRAY_SIZE(ix->folded)] = {};
	unsigned int slot;
	int cpu;

	for_each_possible_cpu(cpu)
		for (slot = 0; slot < ARRAY_SIZE(sums); slot++)
			sums[slot] += READ_ONCE(per_cpu_ptr(ix->v4.counters, cpu)->messages[slot]);

	raw_spin_lock(&icmpx_mib_lock);
	for (slot = 0; slot < ARRAY_SIZE(sums); slot++) {
		const unsigned long more = sums[slot] - ix->folded[slot];

		if ((long)more <= 0)
			continue;
		atomic_long_add(more, icmpx_mib_of(net, slot));
		ix->folded[slot] = sums[slot];
	}
	raw_spin_unlock(&icmpx_mib_lock);
}

/* Whether readers add what was counted. Written while loading and unloading alone. */
static bool icmpx_mib_folding __read_mostly;

/* A negative errno once readers cannot be kept out of this module. */
static int icmpx_mib_stuck;

/* The reader's file holds its namespace, so that ours of it is there as long as we are. */
static int icmpx_mib_before_reading(struct kprobe *probe, struct pt_regs *regs)
{
	struct seq_file *seq = (void *)regs_get_kernel_argument(regs, 0);

	if (likely(READ_ONCE(icmpx_mib_folding)))
		icmpx_mib_fold(seq_file_single_net(seq));
	return 0;
}

NOKPROBE_SYMBOL(icmpx_mib_before_reading);

/* Armed only once its place is known to be the kernel's own. */
static struct kprobe icmpx_mib_probe = {
	.symbol_name = "snmp_seq_show",
	.pre_handler = icmpx_mib_before_reading,
	.flags = KPROBE_FLAG_DISABLED,
};

#ifdef CONFIG_KPROBES_ON_FTRACE
static void notrace icmpx_mib_hold_nothing(unsigned long ip, unsigned long parent_ip,
					   struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
}

/*
 * Probes at the begin of functions are ftrace's, which kernel.ftrace_enabled=0 would
 * silence without a word. That is refused as long as something permanent is there: on a
 * function of ours, which is not called meanwhile.
 */
static struct ftrace_ops icmpx_mib_hold_ops = {
	.func = icmpx_mib_hold_nothing,
	.flags = FTRACE_OPS_FL_PERMANENT,
};

static int icmpx_mib_hold_ftrace(void)
{
	int err = ftrace_set_filter_ip(&icmpx_mib_hold_ops, (unsigned long)icmpx_mib_take_over,
				       0, 0);

	if (err)
		return err;
	err = register_ftrace_function(&icmpx_mib_hold_ops);
	if (err)
		ftrace_free_filter(&icmpx_mib_hold_ops);
	return err;
}

static int icmpx_mib_release_ftrace(void)
{
	const int err = unregister_ftrace_function(&icmpx_mib_hold_ops);

	if (!err)
		ftrace_free_filter(&icmpx_mib_hold_ops);
	return err;
}
#else
static int icmpx_mib_hold_ftrace(void)
{
	return 0;
}

static int icmpx_mib_release_ftrace(void)
{
	return 0;
}
#endif

/* A probe that stays disabled is one that the administrator has disabled, with all others. */
static bool icmpx_mib_arm(void)
{
	return !icmpx_in_module(icmpx_mib_probe.addr) && !enable_kprobe(&icmpx_mib_probe) &&
	       !kprobe_disabled(&icmpx_mib_probe);
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
	if (register_kprobe(&icmpx_mib_probe))
		return;
	if (icmpx_mib_hold_ftrace())
		goto err_probe;
	if (!icmpx_mib_arm())
		goto err_hold;
	WRITE_ONCE(icmpx_mib_folding, true);
	WRITE_ONCE(icmpx_mib_own, true);
	return;

err_hold:
	icmpx_mib_stuck = icmpx_mib_release_ftrace();
err_probe:
	unregister_kprobe(&icmpx_mib_probe);
}

/*
 * A probe without an address is one that could not be disarmed, and is still called. It
 * is not even tried where ftrace has switched itself off: some kernels warn then.
 */
static int icmpx_mib_disarm(void)
{
	const int err = icmpx_mib_release_ftrace();

	if (err) {
		synchronize_rcu();
		return err;
	}
	unregister_kprobe(&icmpx_mib_probe);
	return icmpx_mib_probe.addr ? 0 : -EBUSY;
}

/**
 * icmpx_mib_give_back() - Undo icmpx_mib_take_over().
 *
 * All that was counted is added while readers still have it added, so that none
 * sees less than the one before; and after the last that a CPU has counted for
 * itself, since on the express path packets are ours until their namespaces go.
 *
 * Context: process; no other packet is ours any more. No reader looks at what icmpx
 * keeps for namespaces when it returns: probes run with preemption disabled, and both
 * ways of icmpx_mib_disarm() end with a grace period.
 *
 * Return: 0; a negative errno if readers still come through this module's text, as
 * they do once ftrace has switched itself off.
 */
int icmpx_mib_give_back(void)
{
	struct net *net;

	if (!icmpx_mib_own)
		return icmpx_mib_stuck;
	WRITE_ONCE(icmpx_mib_own, false);
	synchronize_net();
	down_read(&net_rwsem);
	for_each_net(net)
		icmpx_mib_fold(net);
	up_read(&net_rwsem);
	WRITE_ONCE(icmpx_mib_folding, false);
	return icmpx_mib_disarm();
}
#else
void icmpx_mib_take_over(void)
{
}

int icmpx_mib_give_back(void)
{
	return 0;
}
#endif
