// SPDX-License-Identifier: GPL-2.0-only
/*
 * Redirects every call of __icmp_send() in the kernel to icmpx_send(). As for livepatch,
 * ftrace does this, with the room that compilers leave for it at the start of every
 * function.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/moduleparam.h>
#include <net/icmp.h>

#include "send/send.h"

static bool icmpx_send_wanted = true;
module_param_named(send, icmpx_send_wanted, bool, 0444);
MODULE_PARM_DESC(send, "send ICMP errors in place of the built-in code, if the kernel has ftrace for it (default: 1)");

/* Written only on loading and unloading. */
static bool icmpx_send_taken;

/**
 * icmpx_sending() - Tell whether icmpx sends the errors of this host.
 *
 * Context: any.
 *
 * Return: true if it does; false if the built-in code does.
 */
bool icmpx_sending(void)
{
	return READ_ONCE(icmpx_send_taken);
}

#ifdef ICMPX_FTRACE_REDIRECTS
/* ftrace changes only where a call goes on: the arguments are those of __icmp_send(). */
static void __maybe_unused icmpx_send_by_options(struct sk_buff *skb, int type, int code,
						 __be32 info, const struct ip_options *opt)
{
	icmpx_send(skb, type, code, info, opt, 0);
}

static void __maybe_unused icmpx_send_by_parm(struct sk_buff *skb, int type, int code, __be32 info,
					      const struct inet_skb_parm *parm)
{
	icmpx_send(skb, type, code, info, &parm->opt, parm->iif);
}

#define ICMPX_SEND __builtin_choose_expr(ICMPX_SEND_TAKES_PARM, icmpx_send_by_parm, \
					 icmpx_send_by_options)

static_assert(__same_type(__icmp_send, ICMPX_SEND),
	      "__icmp_send() of this kernel takes other arguments than icmpx knows of");

/*
 * Calls no traced function, so it needs no protection from recursion. While
 * icmpx_send_taken is false, __icmp_send() itself goes on: see icmpx_send_unhook().
 */
static void notrace icmpx_send_instead(unsigned long ip, unsigned long parent_ip,
				       struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	if (likely(READ_ONCE(icmpx_send_taken)))
		icmpx_ftrace_go_to(fregs, (unsigned long)ICMPX_SEND);
}

/*
 * Permanent: the kernel refuses kernel.ftrace_enabled=0 while the ops are registered.
 * Otherwise that setting would give errors back to the built-in code without notice.
 */
static struct ftrace_ops icmpx_send_ops = {
	.func = icmpx_send_instead,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT | ICMPX_FTRACE_FLAGS,
};

static int icmpx_send_hook(void)
{
	int err;

	err = ftrace_set_filter_ip(&icmpx_send_ops, (unsigned long)__icmp_send, 0, 0);
	if (err)
		return err;
	err = register_ftrace_function(&icmpx_send_ops);
	if (err)
		ftrace_free_filter(&icmpx_send_ops);
	return err;
}

/*
 * A successful unregister_ftrace_function() has waited when it returns: for every CPU to
 * schedule, and then for every running or preempted task to schedule voluntarily, which
 * no task does between __icmp_send() and the end of icmpx_send().
 *
 * If it fails, ftrace's list still has the ops, and calls still reach
 * icmpx_send_instead(), which lets __icmp_send() go on. Callers that read
 * icmpx_send_taken as true may still be in icmpx_send(): synchronize_rcu_tasks() waits
 * for tasks, preempted ones too, as ftrace does; synchronize_rcu() waits for softirqs, on
 * idle CPUs too.
 */
static int icmpx_send_unhook(void)
{
	const int err = unregister_ftrace_function(&icmpx_send_ops);

	if (err) {
		synchronize_rcu_tasks();
		synchronize_rcu();
		return err;
	}
	ftrace_free_filter(&icmpx_send_ops);
	return 0;
}
#else
static int icmpx_send_hook(void)
{
	return -EOPNOTSUPP;
}

static int icmpx_send_unhook(void)
{
	return 0;
}
#endif

/**
 * icmpx_send_take_over() - Have icmpx send the errors of this host, if possible.
 *
 * If it is not, the built-in code goes on sending them, and all else of icmpx works.
 *
 * Context: process. An error sent meanwhile is sent by icmpx or by the built-in code.
 *
 * Return: whether icmpx sends errors now.
 */
bool icmpx_send_take_over(void)
{
	int err;

	if (!icmpx_send_wanted)
		return false;
	err = icmpx_send_hook();
	if (err)
		pr_notice("errors are still sent by the built-in code: %s (error %d)\n",
			  err == -EBUSY ? "a livepatch is on it, or kernel.ftrace_enabled is 0" :
					  "ftrace does not redirect __icmp_send() here",
			  err);
	else
		WRITE_ONCE(icmpx_send_taken, true);
	return !err;
}

/**
 * icmpx_send_give_back() - Have the built-in code send the errors of this host again.
 *
 * Context: process. When it returns, no caller is in icmpx_send() any more.
 *
 * Return: 0; a negative errno if calls of __icmp_send() still go through this
 * module's text, as they do once ftrace has switched itself off.
 */
int icmpx_send_give_back(void)
{
	if (!icmpx_send_taken)
		return 0;
	WRITE_ONCE(icmpx_send_taken, false);
	return icmpx_send_unhook();
}
