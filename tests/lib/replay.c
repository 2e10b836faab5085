/* SPDX-License-Identifier: ISC
 *
 * Shows a fuzz target every file of its corpus, without a fuzzer: a TAP line per file.
 *
 * usage: PROGRAM FILE-OR-FOLDER...
 * The target is expected to abort when something is wrong; the last comment names the file then.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned shown;
static unsigned failed;

/* Read a whole file into memory of exactly its size, so that a sanitizer sees the end of it. */
static uint8_t *
read_all(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	long n = -1;

	*size = 0;
	if (f == NULL)
		return NULL;
	if (fseek(f, 0, SEEK_END) == 0 && (n = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0)
		data = malloc(n == 0 ? 1 : (size_t)n);
	if (data != NULL && fread(data, 1, (size_t)n, f) == (size_t)n)
		*size = (size_t)n;
	else
		n = -1;
	fclose(f);
	if (n >= 0)
		return data;
	free(data);
	return NULL;
}

static void
replay_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	size_t size;
	uint8_t *data = read_all(path, &size);

	shown++;
	if (data == NULL) {
		failed++;
		printf("# cannot read '%s': %s\nnot ok %u - corpus/%s\n", path, strerror(errno),
		    shown, name);
		return;
	}
	printf("# %s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	printf("ok %u - corpus/%s\n", shown, name);
	free(data);
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void
replay(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_visible, alphasort);

	if (n < 0) {
		replay_file(path);
		return;
	}
	for (int i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
		replay_file(file);
		free(entries[i]);
	}
	free(entries);
}

int
main(int argc, char **argv)
{
	/* a target that aborts must not take the lines before it along */
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("1..%u\n", shown);
	return shown == 0 || failed > 0;
}
