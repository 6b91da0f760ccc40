// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replies over IPv6 that wait. A query that came by multicast or anycast may have come to many
 * nodes, whose replies must not arrive all at once: each waits for a random time of up to a
 * second (RFC 4620, 5).
 *
 * Who sends queries decides how many replies wait. So each namespace has a bound for them. A
 * reply that waits has no skb, and no reference to a device or a route.
 */
#include <linux/list.h>
#include <linux/math.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "icmpx.h"
#include "reply/internal6.h"
#include "reply/reply.h"

/* How many replies of a namespace may wait. */
#define ICMPX6_LATE_MAX 32
/* MAX_ANYCAST_DELAY_TIME (RFC 4861, 10). */
#define ICMPX6_LATE_DELAY HZ

/**
 * struct icmpx6_late_reply - a reply that waits
 * @list: entry of struct icmpx_late
 * @due: when the reply is sent, in jiffies
 * @reply: the reply
 */
struct icmpx6_late_reply {
	struct list_head list;
	unsigned long due;
	struct icmpx6_node_reply reply;
};

/* Puts a reply behind those that are due before it. Context: the lock is held. */
static void icmpx6_late_insert(struct icmpx_late *late, struct icmpx6_late_reply *fresh)
{
	struct list_head *before = late->waiting.prev;

	while (before != &late->waiting &&
	       time_after(list_entry(before, struct icmpx6_late_reply, list)->due, fresh->due))
		before = before->prev;
	list_add(&fresh->list, before);
	late->count++;
}

/* Context: the lock is held. Returns the outcome to count. */
static enum icmpx_stat icmpx6_late_add(struct icmpx_late *late,
				       const struct icmpx6_node_reply *reply)
{
	struct icmpx6_late_reply *fresh;
	u32 delay;

	if (late->closed || late->count >= ICMPX6_LATE_MAX)
		return ICMPX_DROP_NO_BUFFER;
	fresh = kmalloc(sizeof(*fresh), GFP_ATOMIC | __GFP_NOWARN);
	if (!fresh)
		return ICMPX_DROP_NO_MEMORY;
	delay = reciprocal_scale(get_random_u32(), ICMPX6_LATE_DELAY + 1);
	fresh->due = jiffies + delay;
	fresh->reply = *reply;
	icmpx6_late_insert(late, fresh);
	if (list_is_first(&fresh->list, &late->waiting))
		mod_delayed_work(icmpx_wq, &late->work, delay);
	return ICMPX_REPLY_NODE_INFO_LATE;
}

/**
 * icmpx6_reply_late() - Send a reply after a random delay.
 * @ix: icmpx's state of the namespace
 * @reply: the reply; is copied
 *
 * Context: as icmpx_rcv().
 *
 * Return: the outcome to count.
 */
enum icmpx_stat icmpx6_reply_late(struct icmpx_net *ix, const struct icmpx6_node_reply *reply)
{
	enum icmpx_stat outcome;

	spin_lock_bh(&ix->late.lock);
	outcome = icmpx6_late_add(&ix->late, reply);
	spin_unlock_bh(&ix->late.lock);
	return outcome;
}

/* Takes the first reply if it is due. If not, the work is queued for that time. */
static struct icmpx6_late_reply *icmpx6_late_take(struct icmpx_late *late)
{
	struct icmpx6_late_reply *first;

	spin_lock_bh(&late->lock);
	first = list_first_entry_or_null(&late->waiting, struct icmpx6_late_reply, list);
	if (first && !late->closed && time_is_after_jiffies(first->due)) {
		mod_delayed_work(icmpx_wq, &late->work, first->due - jiffies);
		first = NULL;
	}
	if (first) {
		list_del(&first->list);
		late->count--;
	}
	spin_unlock_bh(&late->lock);
	return first;
}

static void icmpx6_late_send(struct net *net, const struct icmpx6_node_reply *reply)
{
	struct icmpx_net *ix = icmpx_net(net);
	enum icmpx_stat outcome;
	bool sent;

	local_bh_disable();
	rcu_read_lock();
	outcome = icmpx6_send_node_info(net, ix, reply);
	sent = outcome == ICMPX_REPLY_NODE_INFO || outcome == ICMPX_REPLY_NODE_INFO_REFUSED;
	__icmpx_count(&ix->v6, sent ? ICMPX_NODE_INFO_SENT_LATE : ICMPX_NODE_INFO_LOST_LATE);
	rcu_read_unlock();
	local_bh_enable();
}

static void icmpx6_late_work(struct work_struct *work)
{
	struct icmpx_late *late = container_of(work, struct icmpx_late, work.work);
	struct icmpx6_late_reply *due;

	while (!READ_ONCE(late->closed) && (due = icmpx6_late_take(late)) != NULL) {
		icmpx6_late_send(late->net, &due->reply);
		kfree(due);
	}
}

/**
 * icmpx6_late_init() - Prepare a namespace for replies that wait.
 * @net: the namespace
 * @ix: icmpx's state of @net
 *
 * Context: process.
 */
void icmpx6_late_init(struct net *net, struct icmpx_net *ix)
{
	struct icmpx_late *late = &ix->late;

	spin_lock_init(&late->lock);
	INIT_LIST_HEAD(&late->waiting);
	INIT_DELAYED_WORK(&late->work, icmpx6_late_work);
	late->net = net;
}

/**
 * icmpx6_late_exit() - Forget a namespace's replies that wait, and take no more.
 * @ix: icmpx's state of the namespace
 *
 * Packets may still come in. When this returns, nothing is sent any more, and no code of the
 * module is run for what waited.
 *
 * Context: process. Waits for a reply that is being sent.
 */
void icmpx6_late_exit(struct icmpx_net *ix)
{
	struct icmpx6_late_reply *reply;

	spin_lock_bh(&ix->late.lock);
	WRITE_ONCE(ix->late.closed, true);
	spin_unlock_bh(&ix->late.lock);
	cancel_delayed_work_sync(&ix->late.work);
	while ((reply = icmpx6_late_take(&ix->late)) != NULL)
		kfree(reply);
}
