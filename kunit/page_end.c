// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory with nothing behind it: who reads one byte too many does not go on.
 */
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "suites.h"

KUNIT_DEFINE_ACTION_WRAPPER(free_page_end, vfree, const void *);

u8 *page_end(struct kunit *test)
{
	u8 *page = vmalloc(PAGE_SIZE);

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_page_end, page), 0);
	return page + PAGE_SIZE;
}
