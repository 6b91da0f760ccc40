// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call of __icmp_send(), wherever in the kernel it is, led to icmpx_send():
 * by ftrace, as livepatch does it, for which compilers leave room at the begin of
 * every function.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/moduleparam.h>
#include <net/icmp.h>

#include "send/send.h"

static bool icmpx_send_wanted = true;
module_param_named(send, icmpx_send_wanted, bool, 0444);
MODULE_PARM_DESC(send, "send ICMP errors in place of the built-in code, where the kernel lets us (default: 1)");

/* Written while loading and unloading alone. */
static bool icmpx_send_taken;

/**
 * icmpx_sending() - Tell whether the errors that the kernel sends are ours.
 *
 * Context: any.
 *
 * Return: true if they are.
 */
bool icmpx_sending(void)
{
	return READ_ONCE(icmpx_send_taken);
}

#ifdef ICMPX_FTRACE_REDIRECTS
/* They find their arguments where the callers of __icmp_send() have put them. */
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
 * Calls nothing that is traced, so it needs no protection from itself. Where nothing
 * is to be taken, __icmp_send() goes on as if the call had not been led here: see
 * icmpx_send_unhook().
 */
static void notrace icmpx_send_instead(unsigned long ip, unsigned long parent_ip,
				       struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	if (likely(READ_ONCE(icmpx_send_taken)))
		icmpx_ftrace_go_to(fregs, (unsigned long)ICMPX_SEND);
}

/*
 * Permanent: kernel.ftrace_enabled=0 is refused while we are there, instead of
 * errors changing hands behind our back.
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
 * Where ftrace lets go of us, it has waited when it returns: for every CPU to schedule,
 * and then for every task that was running or preempted to schedule by its own will,
 * which none does between __icmp_send() and the end of icmpx_send().
 *
 * Where it does not, calls still come to icmpx_send_instead(), which sends them back,
 * and ftrace's list still has the ops. What remains to be waited for is icmpx_send()
 * itself, called by those that saw icmpx_send_taken set: tasks, preempted ones too, as
 * ftrace waits for them; softirqs, on idle CPUs too, by a grace period.
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
 * icmpx_send_take_over() - Make the errors that the kernel sends ours, if we may.
 *
 * Where it cannot be, all else works, and the built-in code goes on sending.
 *
 * Context: process. Errors may be sent meanwhile, each one by the one or the other.
 */
void icmpx_send_take_over(void)
{
	int err;

	if (!icmpx_send_wanted)
		return;
	err = icmpx_send_hook();
	if (err)
		pr_notice("errors are still sent by the built-in code: %s (error %d)\n",
			  err == -EBUSY ? "a livepatch is on it, or kernel.ftrace_enabled is 0" :
					  "this kernel does not let us",
			  err);
	else
		WRITE_ONCE(icmpx_send_taken, true);
}

/**
 * icmpx_send_give_back() - Make the errors that the kernel sends its own again.
 *
 * Context: process. No error is in icmpx_send() any more when it returns.
 *
 * Return: 0; a negative errno if calls of __icmp_send() still come through this
 * module's text, as they do once ftrace has switched itself off.
 */
int icmpx_send_give_back(void)
{
	if (!icmpx_send_taken)
		return 0;
	WRITE_ONCE(icmpx_send_taken, false);
	return icmpx_send_unhook();
}
