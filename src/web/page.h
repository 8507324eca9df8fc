/* SPDX-License-Identifier: MIT */
/*
 * page: the files of the page, inside the program.
 */
#ifndef WEB_PAGE_H
#define WEB_PAGE_H

#include <stddef.h>

struct page_file {
	const char *path, *type;
	const char *data;
	size_t len;
};

/* NULL: there is none. */
const struct page_file *page_find(const char *path);

#endif
