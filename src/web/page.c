// SPDX-License-Identifier: MIT
#include "web/page.h"

#include <string.h>

/* The assembler reads them; Makefile.am makes this object depend on them. */
#define EMBED(name, file)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
	        ".global page_" #name "\n.global page_" #name "_end\n"                             \
	        "page_" #name ":\n.incbin \"" PAGE_DIR "/" file "\"\n"                             \
	        "page_" #name "_end:\n.byte 0\n"                                                   \
	        ".popsection\n");                                                                  \
	extern const char page_##name[], page_##name##_end[]

#ifndef PAGE_DIR
#define PAGE_DIR "src/web/page" /* for those who only read */
#endif

EMBED(index, "index.html");
EMBED(script, "app.js");
EMBED(style, "app.css");
EMBED(icon, "icon.svg");

const struct page_file *page_find(const char *path)
{
	static struct page_file file[] = {
		{"/", "text/html; charset=utf-8", page_index, 0},
		{"/app.js", "text/javascript; charset=utf-8", page_script, 0},
		{"/app.css", "text/css; charset=utf-8", page_style, 0},
		{"/icon.svg", "image/svg+xml", page_icon, 0},
	};
	const char *const end[] = {page_index_end, page_script_end, page_style_end, page_icon_end};

	for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
		if (strcmp(file[i].path, path) != 0)
			continue;
		file[i].len = (size_t)(end[i] - file[i].data);
		return &file[i];
	}
	return NULL;
}
