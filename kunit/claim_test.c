// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which requests are turned round in place and which are copied, and what is
 * left of a request's way in.
 */
#include <linux/skbuff.h>
#include <net/dst.h>

#include "reply/claim.h"
#include "shell.h"

#define HEADROOM 60
#define MTU 1500

/* A request of @len bytes that are all different from their neighbours. */
static struct sk_buff *request(struct kunit *test, unsigned int headroom, unsigned int len)
{
	struct sk_buff *skb = alloc_skb(headroom + len, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, headroom);
	skb_put(skb, len);
	for (i = 0; i < len; i++)
		skb->data[i] = i + i / 256;
	return skb;
}

/* Byte @i of a message whose first bytes request() made. */
static bool same_bytes(struct kunit *test, const struct sk_buff *skb, unsigned int len)
{
	unsigned int i;
	u8 byte;

	if (skb->len != len)
		return false;
	for (i = 0; i < len; i++)
		if (skb_copy_bits(skb, i, &byte, 1) || byte != (u8)(i + i / 256))
			return false;
	return true;
}

static void expect_copy_for(struct kunit *test, struct sk_buff *skb, unsigned int len,
			    unsigned int headroom, unsigned int mtu, bool cut)
{
	struct sk_buff *copy = icmpx_claim(skb, headroom, mtu, cut);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_PTR_NE(test, copy, skb);
	KUNIT_EXPECT_GE(test, skb_headroom(copy), headroom + LL_MAX_HEADER);
	KUNIT_EXPECT_FALSE(test, skb_cloned(copy));
	KUNIT_EXPECT_FALSE(test, skb_has_frag_list(copy));
	KUNIT_EXPECT_FALSE(test, skb_is_gso(copy));
	KUNIT_EXPECT_TRUE(test, copy->ip_summed == CHECKSUM_NONE);
	KUNIT_EXPECT_GE(test, skb_headlen(copy), ICMPX_HEADER_LEN);
	KUNIT_EXPECT_TRUE(test, same_bytes(test, copy, len));
	/* The request stays as it was. */
	KUNIT_EXPECT_TRUE(test, same_bytes(test, skb, len));
	kfree_skb(copy);
	kfree_skb(skb);
}

static void expect_copy(struct kunit *test, struct sk_buff *skb, unsigned int len)
{
	expect_copy_for(test, skb, len, HEADROOM, MTU, true);
}

static void plain_is_turned_round(struct kunit *test)
{
	struct sk_buff *skb = request(test, HEADROOM, 64);

	KUNIT_EXPECT_PTR_EQ(test, icmpx_claim(skb, HEADROOM, MTU, true), skb);
	KUNIT_EXPECT_TRUE(test, same_bytes(test, skb, 64));
	kfree_skb(skb);
}

static void one_byte_of_headroom_too_few(struct kunit *test)
{
	struct sk_buff *skb = request(test, HEADROOM, 64);
	const unsigned int more = skb_headroom(skb) - HEADROOM + 1;

	/* The allocator may have given some more: use all of it but 59 bytes. */
	skb_push(skb, more);
	skb_trim(skb, 64);
	memset(skb->data, 7, 64);
	KUNIT_ASSERT_EQ(test, skb_headroom(skb), HEADROOM - 1);
	KUNIT_EXPECT_PTR_EQ(test, icmpx_claim(skb, HEADROOM - 1, MTU, true), skb);
	{
		struct sk_buff *copy = icmpx_claim(skb, HEADROOM, MTU, true);

		KUNIT_ASSERT_NOT_NULL(test, copy);
		KUNIT_EXPECT_PTR_NE(test, copy, skb);
		KUNIT_EXPECT_MEMEQ(test, copy->data, skb->data, 64);
		kfree_skb(copy);
	}
	kfree_skb(skb);
}

static void clone_is_copied(struct kunit *test)
{
	struct sk_buff *skb = request(test, HEADROOM, 64);
	struct sk_buff *clone = skb_clone(skb, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, clone);
	expect_copy(test, skb, 64);
	KUNIT_EXPECT_TRUE(test, same_bytes(test, clone, 64));
	/* The other one is gone, so nobody else reads it. */
	KUNIT_EXPECT_PTR_EQ(test, icmpx_claim(clone, HEADROOM, MTU, true), clone);
	kfree_skb(clone);
}

static void segments_are_copied(struct kunit *test)
{
	struct sk_buff *skb = request(test, HEADROOM, 64);

	skb_shinfo(skb)->gso_size = 8;
	expect_copy(test, skb, 64);
}

/* A message in pieces of @sizes, up to the first 0, as it is once its fragments are together. */
static struct sk_buff *pieces(struct kunit *test, const unsigned int *sizes)
{
	struct sk_buff *skb = request(test, HEADROOM, 512);
	struct sk_buff **next = &skb_shinfo(skb)->frag_list;
	unsigned int offset = *sizes;

	for (; *++sizes; next = &(*next)->next) {
		*next = alloc_skb(HEADROOM + *sizes, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, *next);
		skb_reserve(*next, HEADROOM);
		skb_put_data(*next, skb->data + offset, *sizes);
		skb->data_len += *sizes;
		skb->truesize += (*next)->truesize;
		offset += *sizes;
	}
	skb->len = offset;
	skb_set_tail_pointer(skb, offset - skb->data_len);
	return skb;
}

static const struct pieces_case {
	const char *name;
	unsigned int hlen, mtu;
	unsigned int sizes[5];
	bool in_place;
} pieces_cases[] = {
	{ "as_linux_would_cut_it", 20, 116, { 96, 96, 96, 40 }, true },
	{ "two", 20, 116, { 96, 1 }, true },
	{ "the_last_as_large_as_can_be", 20, 122, { 96, 96, 102 }, true },
	{ "the_last_too_large", 20, 122, { 96, 96, 103 }, false },
	{ "the_last_two_fit_into_one", 20, 122, { 96, 96, 6 }, false },
	{ "the_last_two_hardly_do_not", 20, 122, { 96, 96, 7 }, true },
	{ "all_fit_into_one", 20, 1500, { 96, 96, 40 }, false },
	{ "the_first_too_small", 20, 116, { 88, 96, 96, 40 }, false },
	{ "the_second_too_small", 20, 116, { 96, 88, 96, 40 }, false },
	{ "the_second_too_large", 20, 116, { 96, 104, 96, 40 }, false },
	{ "the_first_too_large_for_one", 20, 116, { 97, 8, 8 }, true },
	{ "options", 24, 120, { 96, 96, 40 }, false },
	{ "options_the_first_too_large_for_one", 24, 120, { 97, 8 }, true },
};

static void describe_pieces(const struct pieces_case *pieces, char *description)
{
	strscpy(description, pieces->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(pieces, pieces_cases, describe_pieces);

/* In place if that makes no difference to those who see the fragments. */
static void fragments(struct kunit *test)
{
	const struct pieces_case *want = test->param_value;
	struct sk_buff *skb = pieces(test, want->sizes);
	const unsigned int len = skb->len;

	if (!want->in_place) {
		expect_copy_for(test, skb, len, want->hlen, want->mtu, true);
		return;
	}
	KUNIT_EXPECT_PTR_EQ(test, icmpx_claim(skb, want->hlen, want->mtu, true), skb);
	KUNIT_EXPECT_TRUE(test, same_bytes(test, skb, len));
	kfree_skb(skb);
}

static void fragments_that_others_may_cut_are_copied(struct kunit *test)
{
	const unsigned int fit[] = { 96, 96, 40, 0 }, large[] = { 97, 8, 0 };

	expect_copy_for(test, pieces(test, fit), 232, 20, 116, false);
	expect_copy_for(test, pieces(test, large), 105, 20, 116, false);
}

/* Whether a message in pieces of 96 bytes is copied, for a network that takes as much. */
static bool is_copied(struct sk_buff *skb)
{
	const unsigned int hlen = sizeof(struct iphdr);
	struct sk_buff *reply = icmpx_claim(skb, hlen, 96 + hlen, true);

	if (reply == skb)
		return false;
	kfree_skb(reply);
	return true;
}

/* Headers are written in front of pieces: so nobody else may have one, nor may one be several. */
static void fragments_that_are_more_are_copied(struct kunit *test)
{
	const unsigned int sizes[] = { 96, 96, 40, 0 };
	struct sk_buff *skb = pieces(test, sizes);
	struct sk_buff *last = skb_shinfo(skb)->frag_list->next;
	struct sk_buff *other = skb_clone(last, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_EXPECT_TRUE(test, is_copied(skb));
	kfree_skb(other);
	other = skb_get(last);
	KUNIT_EXPECT_TRUE(test, is_copied(skb));
	kfree_skb(other);
	skb_shinfo(last)->gso_size = 8;
	KUNIT_EXPECT_TRUE(test, is_copied(skb));
	skb_shinfo(last)->gso_size = 0;
	other = alloc_skb(8, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other);
	skb_shinfo(last)->frag_list = other;
	KUNIT_EXPECT_TRUE(test, is_copied(skb));
	skb_shinfo(last)->frag_list = NULL;
	kfree_skb(other);
	KUNIT_EXPECT_FALSE(test, is_copied(skb));
	kfree_skb(skb);
}

/* Bytes in pages are one buffer all the same. */
static void pages_are_turned_round(struct kunit *test)
{
	struct sk_buff *skb = request(test, HEADROOM, 64);
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	KUNIT_ASSERT_NOT_NULL(test, page);
	skb_add_rx_frag(skb, 0, page, 0, 100, PAGE_SIZE);
	KUNIT_EXPECT_PTR_EQ(test, icmpx_claim(skb, HEADROOM, MTU, true), skb);
	KUNIT_EXPECT_EQ(test, skb->len, 164);
	kfree_skb(skb);
}

static const unsigned int sizes[] = {
	8, 9, 64, 1480, SKB_MAX_HEAD(HEADROOM + LL_MAX_HEADER),
	SKB_MAX_HEAD(HEADROOM + LL_MAX_HEADER) + 1, 8192, 40000, 65515,
};

static void describe_size(const unsigned int *size, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "%u_bytes", *size);
}

KUNIT_ARRAY_PARAM(sizes, sizes, describe_size);

static void copy_of_any_size(struct kunit *test)
{
	const unsigned int len = *(const unsigned int *)test->param_value;
	const bool small = len <= SKB_MAX_HEAD(HEADROOM + LL_MAX_HEADER);
	struct sk_buff *skb = request(test, HEADROOM, len);
	struct sk_buff *clone = skb_clone(skb, GFP_KERNEL);
	struct sk_buff *copy;

	KUNIT_ASSERT_NOT_NULL(test, clone);
	copy = icmpx_claim(skb, HEADROOM, MTU, true);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_EQ(test, skb_headlen(copy), small ? len : ICMPX_HEADER_LEN);
	kfree_skb(copy);
	expect_copy(test, skb, len);
	kfree_skb(clone);
}

/* Fills what is forgotten of a packet's way in; the memory is described by the rest. */
static void fill_way_in(struct sk_buff *skb)
{
	struct skb_shared_info *shared = skb_shinfo(skb);

	memset(&skb->headers, 0xff, sizeof(skb->headers));
	memset(skb->cb, 0xff, sizeof(skb->cb));
	skb->tstamp = 77;
	skb->mac_len = 14;
	skb->hdr_len = 8;
	skb->nohdr = 1;
	skb->peeked = 1;
	/* Else the pages are a device's, and the request is copied. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	skb->unreadable = 0;
#endif
	shared->meta_len = 32;
	shared->tx_flags = SKBTX_HW_TSTAMP;
	shared->tskey = 9;
	shared->gso_segs = 3;
	shared->gso_type = SKB_GSO_DODGY;
	shared->hwtstamps.hwtstamp = 11;
}

/* Compares an skb with what alloc_skb() gives: the headers as bytes, then what is beside them. */
static void expect_as_allocated(struct kunit *test, struct sk_buff *skb, u16 queue)
{
	struct sk_buff *fresh = alloc_skb(64, GFP_KERNEL);
	struct skb_shared_info *shared, *want;

	KUNIT_ASSERT_NOT_NULL(test, fresh);
	/* What may differ: the memory came from another CPU, as this line says. */
	KUNIT_EXPECT_EQ(test, skb->alloc_cpu, 0xffff);
	fresh->alloc_cpu = skb->alloc_cpu;
	KUNIT_EXPECT_MEMEQ(test, &skb->headers, &fresh->headers, sizeof(skb->headers));
	KUNIT_EXPECT_MEMEQ(test, skb->cb, fresh->cb, sizeof(skb->cb));
	KUNIT_EXPECT_NULL(test, skb->dev);
	KUNIT_EXPECT_NULL(test, skb->sk);
	KUNIT_EXPECT_NULL(test, skb->destructor);
	KUNIT_EXPECT_EQ(test, skb->_skb_refdst, 0ul);
	KUNIT_EXPECT_EQ(test, skb_get_nfct(skb), 0ul);
	KUNIT_EXPECT_EQ(test, skb->tstamp, 0);
	KUNIT_EXPECT_EQ(test, skb->mac_len, 0);
	KUNIT_EXPECT_EQ(test, skb->hdr_len, 0);
	KUNIT_EXPECT_FALSE(test, skb->nohdr);
	KUNIT_EXPECT_FALSE(test, skb->peeked);
	KUNIT_EXPECT_FALSE(test, skb_has_extensions(skb));
	shared = skb_shinfo(skb);
	want = skb_shinfo(fresh);
	KUNIT_EXPECT_MEMEQ(test, shared, want, offsetof(struct skb_shared_info, frag_list));
	KUNIT_EXPECT_MEMEQ(test, &shared->hwtstamps, &want->hwtstamps,
			   offsetof(struct skb_shared_info, dataref) -
				   offsetof(struct skb_shared_info, hwtstamps));
	/* And what a forwarded packet keeps, too. */
	KUNIT_EXPECT_EQ(test, skb_get_queue_mapping(skb), queue);
	kfree_skb(fresh);
}

static void way_in_is_forgotten(struct kunit *test)
{
	struct sk_buff *skb = request(test, HEADROOM, 64);

	fill_way_in(skb);
	skb_set_queue_mapping(skb, 3);
	KUNIT_ASSERT_PTR_EQ(test, icmpx_claim(skb, HEADROOM, MTU, true), skb);
	expect_as_allocated(test, skb, 3);
	KUNIT_EXPECT_TRUE(test, same_bytes(test, skb, 64));
	kfree_skb(skb);
}

/* The same of each piece of a message that goes back in pieces. */
static void way_in_of_pieces_is_forgotten(struct kunit *test)
{
	const unsigned int sizes[] = { 96, 96, 40, 0 };
	struct sk_buff *skb = pieces(test, sizes);
	struct sk_buff *piece;

	skb_walk_frags(skb, piece)
		fill_way_in(piece);
	KUNIT_ASSERT_PTR_EQ(test, icmpx_claim(skb, 20, 116, true), skb);
	skb_walk_frags(skb, piece)
		expect_as_allocated(test, piece, 0);
	KUNIT_EXPECT_TRUE(test, same_bytes(test, skb, 232));
	kfree_skb(skb);
}

/* As the request's own buffer would, a copy leaves by the queue that the request came by. */
static void copy_keeps_the_queue(struct kunit *test)
{
	struct sk_buff *skb = request(test, HEADROOM, 64);
	struct sk_buff *clone = skb_clone(skb, GFP_KERNEL);
	struct sk_buff *copy;

	KUNIT_ASSERT_NOT_NULL(test, clone);
	skb_set_queue_mapping(skb, 3);
	copy = icmpx_claim(skb, HEADROOM, MTU, true);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_PTR_NE(test, copy, skb);
	KUNIT_EXPECT_EQ(test, skb_get_queue_mapping(copy), 3);
	kfree_skb(copy);
	kfree_skb(clone);
	kfree_skb(skb);
}

static struct kunit_case claim_cases[] = {
	KUNIT_CASE(plain_is_turned_round),
	KUNIT_CASE(one_byte_of_headroom_too_few),
	KUNIT_CASE(clone_is_copied),
	KUNIT_CASE(segments_are_copied),
	KUNIT_CASE_PARAM(fragments, pieces_gen_params),
	KUNIT_CASE(fragments_that_others_may_cut_are_copied),
	KUNIT_CASE(fragments_that_are_more_are_copied),
	KUNIT_CASE(pages_are_turned_round),
	KUNIT_CASE_PARAM(copy_of_any_size, sizes_gen_params),
	KUNIT_CASE(way_in_is_forgotten),
	KUNIT_CASE(way_in_of_pieces_is_forgotten),
	KUNIT_CASE(copy_keeps_the_queue),
	{}
};

struct kunit_suite icmpx_claim_suite = {
	.name = "icmpx_claim",
	.test_cases = claim_cases,
};
