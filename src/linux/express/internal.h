/* SPDX-License-Identifier: GPL-2.0-only */
/* What both families have in common on the express path. */
#ifndef ICMPX_EXPRESS_INTERNAL_H
#define ICMPX_EXPRESS_INTERNAL_H

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <net/sch_generic.h>
#include <net/xfrm.h>

#include "express/express.h"
#include "limit/limit.h"
#include "out/renew.h"

/*
 * Whether a frame is for this device, and is as it was on the wire: it has no VLAN tag that
 * is still to be handled, it came neither by a tunnel nor through IPsec, and no other
 * reader has a reference to the skb.
 */
static inline bool icmpx_express_frame(const struct sk_buff *skb, const struct net_device *dev)
{
	return skb->pkt_type == PACKET_HOST &&
	       skb_mac_offset(skb) == -ETH_HLEN && !skb_vlan_tag_present(skb) &&
	       ether_addr_equal(eth_hdr(skb)->h_dest, dev->dev_addr) && !skb_shared(skb) &&
	       !skb->_skb_refdst && !skb_sec_path(skb);
}

/*
 * Whether the skb is one message in one buffer, with its checksum filled in, and without
 * pages that belong to a sender (zerocopy).
 */
static inline bool icmpx_express_buffer(struct sk_buff *skb)
{
	return skb->ip_summed != CHECKSUM_PARTIAL && !skb_is_gso(skb) &&
	       (likely(!skb_is_nonlinear(skb)) ||
		(icmpx_skb_readable(skb) && !skb_has_frag_list(skb))) &&
	       !(skb_shinfo(skb)->flags & SKBFL_ZEROCOPY_ENABLE);
}

/*
 * A port of a bridge, of a bond and the like gives its frames to that device; the frames of
 * a device in a VRF belong to the VRF. A device can become either while it has the express
 * path.
 */
static inline bool icmpx_express_device(const struct net_device *dev)
{
	return !rcu_access_pointer(dev->rx_handler) &&
	       !(dev->priv_flags & (IFF_L3MDEV_MASTER | IFF_L3MDEV_SLAVE));
}

/* Makes the data of the skb writable, and as long as IP's header says. */
static inline bool icmpx_express_claim(struct sk_buff *skb, unsigned int len)
{
	if (skb_unclone(skb, GFP_ATOMIC))
		return false;
	return likely(skb->len == len) || !pskb_trim_rcsum(skb, len);
}

/*
 * Whether dev_queue_xmit() would only call the driver: there is no queueing discipline, as
 * on virtual devices, no hook at the egress, and no tap. Every driver takes a linear frame
 * with its checksums filled in as it is.
 */
static inline bool icmpx_express_direct(const struct sk_buff *skb, struct net_device *dev,
					const struct netdev_queue *txq)
{
	return dev->real_num_tx_queues == 1 && !skb_is_nonlinear(skb) && dev->flags & IFF_UP &&
	       !rcu_dereference_bh(txq->qdisc)->enqueue && !icmpx_has_egress_hooks(dev) &&
	       READ_ONCE(txq->xmit_lock_owner) != smp_processor_id() &&
	       !dev_xmit_recursion() && !dev_nit_active(dev);
}

/* As dev_queue_xmit(), which it calls unless icmpx_express_direct() allows the driver alone. */
static __always_inline int icmpx_express_transmit(struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	struct netdev_queue *txq = netdev_get_tx_queue(dev, 0);
	int err = NETDEV_TX_BUSY;

	if (!icmpx_express_direct(skb, dev, txq))
		return dev_queue_xmit(skb);
	skb_set_queue_mapping(skb, 0);
	HARD_TX_LOCK(dev, txq, smp_processor_id());
	if (likely(!netif_xmit_stopped(txq))) {
		dev_xmit_recursion_inc();
		err = netdev_start_xmit(skb, dev, txq, false);
		dev_xmit_recursion_dec();
	}
	HARD_TX_UNLOCK(dev, txq);
	if (likely(dev_xmit_complete(err)))
		return err;
	kfree_skb(skb);
	return -ENETDOWN;
}

/**
 * icmpx_express_renew() - Make a request's skb one of a frame that goes out.
 * @skb: the request, its data at IP's header
 * @dev: the device that the frame leaves by
 * @mark: of the reply
 * @protocol: network order
 * @hlen: bytes of IP's header
 *
 * Context: any.
 */
static __always_inline void icmpx_express_renew(struct sk_buff *skb, struct net_device *dev,
						u32 mark, __be16 protocol, unsigned int hlen)
{
	icmpx_renew_unrouted(skb);
	skb->dev = dev;
	skb->mark = mark;
	skb->protocol = protocol;
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, hlen);
	__skb_push(skb, ETH_HLEN);
	skb_reset_mac_header(skb);
}

/* express6.c */
#if IS_ENABLED(CONFIG_IPV6)
unsigned int icmpx6_express(struct sk_buff *skb, const struct nf_hook_state *state);
#else
static inline unsigned int icmpx6_express(struct sk_buff *skb, const struct nf_hook_state *state)
{
	return NF_ACCEPT;
}
#endif

#endif
