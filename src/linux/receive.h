/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of a received packet. */
#ifndef ICMPX_RECEIVE_H
#define ICMPX_RECEIVE_H

#include "icmpx.h"
#include "tracing.h"

/*
 * Drop reasons of outcomes, for drop monitors. A packet whose outcome has none was not
 * dropped.
 */
extern const enum skb_drop_reason icmpx_drop_reasons[ICMPX_STAT_COUNT];

/**
 * icmpx_finish() - Count a received packet's outcome, and free the packet.
 * @family: icmpx's state of the packet's address family in its namespace
 * @skb: the packet; consumed
 * @outcome: the outcome
 *
 * Context: as icmpx_rcv().
 *
 * Return: NET_RX_SUCCESS, or NET_RX_DROP if the outcome has a drop reason.
 */
static inline int icmpx_finish(struct icmpx_family *family, struct sk_buff *skb,
			       enum icmpx_stat outcome)
{
	const enum skb_drop_reason reason = icmpx_drop_reasons[outcome];

	__icmpx_count(family, outcome);
	if (icmpx_is_tracing())
		icmpx_trace_received(skb, outcome);
	if (reason == SKB_NOT_DROPPED_YET) {
		consume_skb(skb);
		return NET_RX_SUCCESS;
	}
	kfree_skb_reason(skb, reason);
	return NET_RX_DROP;
}

#endif
