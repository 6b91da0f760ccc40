// SPDX-License-Identifier: GPL-2.0-only
/*
 * IcmpMsg of /proc/net/snmp, and with it all numbers of single types in that file. The
 * kernel counts types in atomics that all CPUs share, so that every message would take a
 * cache line from another CPU. Here each CPU has counters of its own. A kprobe at the
 * start of snmp_seq_show(), the only reader of the atomics, adds what the CPUs have
 * counted to the atomics before they are read.
 */
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>
#include <linux/spinlock.h>

#include "icmpx.h"

/* Written only on loading and unloading. */
bool icmpx_mib_own __read_mostly;

#if defined(CONFIG_KPROBES) && defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API)
/* The kernel has a counter for each type received, and after these one for each type sent. */
#define ICMPX_MIB_DIRECTION 256

static_assert(ICMPMSG_MIB_MAX == 2 * ICMPX_MIB_DIRECTION);
static_assert(ICMPX_MIB_TYPES <= ICMPX_MIB_DIRECTION);

/* The probe uses the first argument of snmp_seq_show(), a show function, as a seq_file. */
static_assert(__same_type(((const struct seq_operations *)NULL)->show,
			  (int (*)(struct seq_file *, void *))NULL));

/*
 * Serialises calls of icmpx_mib_fold(), so that each message is added once. A reader finds
 * in the atomics every message that was counted before it began: it waits for a call that
 * has not added its sum yet. The lock is raw, since the handler of a probe may not sleep.
 */
static DEFINE_RAW_SPINLOCK(icmpx_mib_lock);

/* The kernel's counter of the messages of a slot, which is an index into icmpx_net.folded. */
static atomic_long_t *icmpx_mib_of(struct net *net, unsigned int slot)
{
	return &net->mib.icmpmsg_statistics->mibs[slot / ICMPX_MIB_TYPES * ICMPX_MIB_DIRECTION +
						  slot % ICMPX_MIB_TYPES];
}

/*
 * A message that is counted meanwhile is added by this call or by the next one. The lock is
 * not held while the counters of all CPUs are summed up. So a call that began later may take
 * the lock first and add a larger sum: then the difference is negative, and is not added.
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

/* Whether the probe folds the counters for readers. Written only on loading and unloading. */
static bool icmpx_mib_folding __read_mostly;

/* A negative errno if icmpx_mib_take_over() failed and ftrace did not release the ops. */
static int icmpx_mib_stuck;

/* The reader's file holds its namespace, so icmpx's state of it lasts as long as this module. */
static int icmpx_mib_before_reading(struct kprobe *probe, struct pt_regs *regs)
{
	struct seq_file *seq = (void *)regs_get_kernel_argument(regs, 0);

	if (likely(READ_ONCE(icmpx_mib_folding)))
		icmpx_mib_fold(seq_file_single_net(seq));
	return 0;
}

NOKPROBE_SYMBOL(icmpx_mib_before_reading);

/* Armed only once its address is known to be in the kernel itself, not in a module. */
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
 * ftrace carries a probe at the start of a function, and kernel.ftrace_enabled=0 would
 * silence the probe without notice. The kernel refuses that setting as long as a permanent
 * ops is registered. This ops is on a function of icmpx that is not called meanwhile.
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

/* The probe stays disabled if the administrator has disabled all probes. */
static bool icmpx_mib_arm(void)
{
	return !icmpx_in_module(icmpx_mib_probe.addr) && !enable_kprobe(&icmpx_mib_probe) &&
	       !kprobe_disabled(&icmpx_mib_probe);
}

/**
 * icmpx_mib_take_over() - Have each CPU count for itself, if the probe sees readers.
 *
 * If it does not, all CPUs count in the kernel's atomics.
 *
 * Context: process; every namespace has its counters, and the slot is not taken yet.
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
 * unregister_kprobe() clears the address of a probe that it could not disarm, and that is
 * still called. It is not tried where ftrace has disabled itself: some kernels warn then.
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
 * The counters are folded while the probe still folds for readers, so that no reader sees
 * less than the one before. They are folded after the last message that a CPU counts for
 * itself, since the express path handles packets until their namespaces go.
 *
 * Context: process; only the express path still handles packets. When it returns, no reader
 * uses icmpx's state of a namespace: probes run with preemption disabled, and both ways
 * through icmpx_mib_disarm() end with a grace period.
 *
 * Return: 0; a negative errno if ftrace or the probe still refers to this module's text, as
 * it does once ftrace has disabled itself.
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
