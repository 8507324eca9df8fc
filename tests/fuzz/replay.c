// SPDX-License-Identifier: MIT
/*
 * replay: runs a fuzz target over all files of its corpus, tests/fuzz/corpus/<target>/, so that
 * what the fuzzer once found stays found. Usage: fuzz_<target> [FOLDER]
 *
 * Memory and time have bounds, so that an input whose cost grows with its square is a failure. The
 * sanitizers have address space of their own, and take their time.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_MAX RLIM_INFINITY
#define CPU_MAX 20.0
#else
#define MEMORY_MAX (256u << 20)
#define CPU_MAX 5.0 /* seconds an input; the longest takes a tenth of it on a PC */
#endif

static double cpu(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

/* An emulated processor is slow: FUZZ_CPU_MAX in the environment. */
static double cpu_max(void)
{
	const char *s = getenv("FUZZ_CPU_MAX");
	return s ? atof(s) : CPU_MAX;
}

static int replay_file(const char *path)
{
	static uint8_t data[1 << 20];
	FILE *f = fopen(path, "rb");
	if (!f)
		return 0;
	const size_t size = fread(data, 1, sizeof data, f);
	const int bad = ferror(f); /* a folder */
	fclose(f);
	if (bad)
		return 0;
	uint8_t *exact =
		malloc(size ? size : 1); /* so that a sanitizer sees a read behind its end */
	if (!exact)
		abort();
	memcpy(exact, data, size);
	const double before = cpu();
	printf("%s\n", path); /* the last one is it, if the memory ends */
	fflush(stdout);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	if (cpu() - before > cpu_max()) {
		printf("%s: takes %.1f s\n", path, cpu() - before);
		exit(1);
	}
	return 1;
}

int main(int argc, char **argv)
{
	char folder[1024], path[2048];
	const char *target = strstr(argv[0], "fuzz_"), *srcdir = getenv("srcdir");
	snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".",
	         target ? target + 5 : "");
	setrlimit(RLIMIT_AS, &(struct rlimit){MEMORY_MAX, MEMORY_MAX});
	DIR *d = opendir(argc > 1 ? argv[1] : folder);
	int files = 0;
	if (!d) {
		perror(argc > 1 ? argv[1] : folder);
		return 1;
	}
	for (const struct dirent *e; (e = readdir(d));) {
		snprintf(path, sizeof path, "%s/%s", argc > 1 ? argv[1] : folder, e->d_name);
		files += replay_file(path);
	}
	closedir(d);
	printf("%s: %d inputs\n", argv[0], files);
	return files == 0;
}
