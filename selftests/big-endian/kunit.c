// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the KUnit suites of the core in user space. Prints KTAP, and of each case
 * how often it called the core and a digest of what was said, which is the same
 * on every machine.
 */
#include <printf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "record.h"
#include "suites.h"

/* Of pages that an emulated machine may have. */
#define PAGE 65536

u8 *page_end(struct kunit *test)
{
	static u8 *page;

	if (!page) {
		page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
		KUNIT_ASSERT_TRUE(test, page != MAP_FAILED);
		KUNIT_ASSERT_EQ(test, mprotect(page + PAGE, PAGE, PROT_NONE), 0);
	}
	return page + PAGE;
}

void kunit_fail(struct kunit *test, bool fatal, const char *where, const char *what, long long left,
		long long right, const char *format, ...)
{
	va_list arguments;

	printf("    # %s: expected %s: %lld, %lld\n    # ", where, what, left, right);
	va_start(arguments, format);
	vprintf(format + 1, arguments);
	va_end(arguments);
	printf("\n");
	test->failed = true;
	if (fatal)
		longjmp(test->end, 1);
}

/* Pointers are printed with %*ph alone, which is so many bytes; the h remains. */
static int print_bytes(FILE *to, const struct printf_info *info, const void *const *arguments)
{
	const u8 *bytes = *(const u8 *const *)arguments[0];
	int printed = 0;

	for (int i = 0; i < info->width; i++)
		printed += fprintf(to, "%02x ", bytes[i]);
	return printed;
}

static int is_pointer(const struct printf_info *info, size_t count, int *types, int *sizes)
{
	if (count) {
		types[0] = PA_POINTER;
		sizes[0] = sizeof(void *);
	}
	return 1;
}

static bool run_once(struct kunit *test, const struct kunit_case *it)
{
	test->failed = false;
	if (!setjmp(test->end))
		it->run_case(test);
	return !test->failed;
}

static bool run_params(struct kunit *test, const struct kunit_case *it)
{
	char name[KUNIT_PARAM_DESC_SIZE];
	bool good = true;
	u32 count = 0;

	printf("        KTAP version 1\n        # Subtest: %s\n", it->name);
	while ((test->param_value = it->generate_params(test->param_value, name))) {
		const bool passed = run_once(test, it);

		printf("        %sok %u %s\n", passed ? "" : "not ", ++count, name);
		good = good && passed;
	}
	printf("        1..%u\n", count);
	return good && count;
}

static bool run_case(const struct kunit_case *it, u32 number)
{
	struct kunit test = {};
	const bool good = it->generate_params ? run_params(&test, it) : run_once(&test, it);
	const struct recorded all = record_take();

	printf("    # %s: %llu calls of the core, digest %016llx\n", it->name, all.calls,
	       all.digest);
	printf("    %sok %u %s\n", good ? "" : "not ", number, it->name);
	return good;
}

static bool run_suite(const struct kunit_suite *suite)
{
	bool good = true;
	u32 count = 0;

	printf("    KTAP version 1\n    # Subtest: %s\n", suite->name);
	for (const struct kunit_case *it = suite->test_cases; it->run_case; it++)
		good = run_case(it, ++count) && good;
	printf("    1..%u\n", count);
	return good && count;
}

int main(void)
{
	bool good = true;
	u32 count = 0;

	register_printf_specifier('p', print_bytes, is_pointer);
	/* Of a program that dies, all that it has said is seen. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n");
	for (struct kunit_suite *const *suite = kunit_suites; *suite; suite++) {
		const bool passed = run_suite(*suite);

		printf("%sok %u %s\n", passed ? "" : "not ", ++count, (*suite)->name);
		good = good && passed;
	}
	printf("1..%u\n", count);
	return good && count ? EXIT_SUCCESS : EXIT_FAILURE;
}
