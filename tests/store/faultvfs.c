/* SPDX-License-Identifier: ISC
 *
 * See faultvfs.h. The disk it plays keeps what SQLite relies on and no more: a sync of a file is
 * about its contents, one of a directory about its names; writes that were not synced get there in
 * any order, by sectors, and a sector may be torn; names that were changed and not synced get there
 * in the order in which they were changed, up to some point.
 */
#include "faultvfs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SECTOR = 512, NAMES = 64, NODES = 128, MOVES = 128, PATH_LENGTH = 160 };

struct bytes {
	unsigned char *p;
	size_t n;
};

/* A write that is on its way; without data, a truncation to OFFSET. */
struct op {
	size_t offset;
	struct bytes data;
};

/* The contents of a file, whatever it is called. */
struct node {
	bool used;
	bool directory;
	struct bytes durable;
	struct op *ops;
	size_t n, room;
};

struct name {
	char path[PATH_LENGTH];
	struct node *now;     /* NULL: there is none of that name */
	struct node *durable; /* what it is after a crash */
};

/* One or two names that change in one step. */
struct move {
	struct name *name[2];
	struct node *to[2];
	size_t n;
};

struct kept {
	char path[PATH_LENGTH];
	bool directory;
	struct bytes data;
};

static struct {
	bool live; /* what happens below DIR is noted */
	char dir[PATH_LENGTH];
	struct kept kept[NAMES];
	size_t n_kept;

	struct node node[NODES];
	struct name name[NAMES];
	size_t names;
	struct move move[MOVES];
	size_t moves;
} disk;

static struct {
	enum fault fault;
	unsigned at; /* 0: none is to come */
	bool lasting;
	unsigned seen;
	unsigned made;
	unsigned inside; /* the real VFS is at work: its calls are not counted again */
} plan;

static sqlite3_vfs *base;
static sqlite3_vfs faulty;

/* --- bytes ------------------------------------------------------------------------------------ */

static void *
memory(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

static struct bytes
bytes_from(const void *p, size_t n)
{
	struct bytes b = { memory(malloc(n + 1)), n };

	if (n > 0)
		memcpy(b.p, p, n);
	return b;
}

static void
bytes_resize(struct bytes *b, size_t n, int fill)
{
	if (n > b->n) {
		b->p = memory(realloc(b->p, n + 1));
		memset(b->p + b->n, fill, n - b->n);
	}
	b->n = n;
}

static void
bytes_put(struct bytes *b, size_t offset, const unsigned char *p, size_t n, int fill)
{
	if (offset + n > b->n)
		bytes_resize(b, offset + n, fill);
	memcpy(b->p + offset, p, n);
}

static void
bytes_release(struct bytes *b)
{
	free(b->p);
	*b = (struct bytes){ 0 };
}

/* --- the disk --------------------------------------------------------------------------------- */

static struct node *
node_new(bool directory, struct bytes durable)
{
	for (size_t i = 0; i < NODES; i++) {
		if (disk.node[i].used)
			continue;
		disk.node[i] =
		    (struct node){ .used = true, .directory = directory, .durable = durable };
		return &disk.node[i];
	}
	abort();
}

static void
node_forget(struct node *node)
{
	for (size_t i = 0; i < node->n; i++)
		bytes_release(&node->ops[i].data);
	node->n = 0;
}

static void
node_note(struct node *node, size_t offset, struct bytes data)
{
	if (node->n == node->room) {
		node->room = node->room * 2 + 16;
		node->ops = memory(realloc(node->ops, node->room * sizeof *node->ops));
	}
	node->ops[node->n++] = (struct op){ offset, data };
}

/* All that is on its way gets there. */
static void
node_sync(struct node *node)
{
	for (size_t i = 0; i < node->n; i++) {
		const struct op *op = &node->ops[i];

		if (op->data.p == NULL)
			bytes_resize(&node->durable, op->offset, 0);
		else
			bytes_put(&node->durable, op->offset, op->data.p, op->data.n, 0);
	}
	node_forget(node);
}

static bool
is_ours(const char *path)
{
	size_t n = strlen(disk.dir);

	return disk.live && strncmp(path, disk.dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static struct name *
name_of(const char *path)
{
	for (size_t i = 0; i < disk.names; i++)
		if (strcmp(disk.name[i].path, path) == 0)
			return &disk.name[i];
	if (disk.names == NAMES || strlen(path) >= PATH_LENGTH)
		abort();
	strcpy(disk.name[disk.names].path, path);
	return &disk.name[disk.names++];
}

static struct move *
move_new(void)
{
	if (disk.moves == MOVES)
		abort();
	disk.move[disk.moves] = (struct move){ .n = 0 };
	return &disk.move[disk.moves++];
}

static void
move_add(struct move *m, struct name *name, struct node *to)
{
	name->now = to;
	m->name[m->n] = name;
	m->to[m->n++] = to;
}

static void
move_happens(const struct move *m)
{
	for (size_t i = 0; i < m->n; i++)
		m->name[i]->durable = m->to[i];
}

static bool
is_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/' && strchr(path + n + 1, '/') == NULL;
}

/* The names in a directory are as they are now, and so is what changed in one step with them, or
 * before them by the same name. Those of other directories may stay behind. */
static void
directory_sync(const char *dir)
{
	struct move *synced[MOVES];
	bool concerned[NAMES] = { false };
	size_t n = 0, left = 0;

	for (size_t i = 0; i < disk.names; i++)
		concerned[i] = is_in(disk.name[i].path, dir);
	for (size_t i = disk.moves; i-- > 0;) {
		struct move *m = &disk.move[i];
		bool any = false;

		for (size_t k = 0; k < m->n; k++)
			any |= concerned[m->name[k] - disk.name];
		for (size_t k = 0; any && k < m->n; k++)
			concerned[m->name[k] - disk.name] = true;
		if (any)
			synced[n++] = m;
	}
	while (n-- > 0) {
		move_happens(synced[n]);
		synced[n]->n = 0;
	}
	for (size_t i = 0; i < disk.moves; i++)
		if (disk.move[i].n > 0)
			disk.move[left++] = disk.move[i];
	disk.moves = left;
}

static void
directory_of(char out[PATH_LENGTH], const char *path)
{
	snprintf(out, PATH_LENGTH, "%s", path);
	*strrchr(out, '/') = '\0';
}

/* The file that PATH leads to. Whoever made it just now may have done so without us. */
static struct node *
node_at(const char *path)
{
	struct name *name;

	if (!is_ours(path))
		return NULL;
	name = name_of(path);
	if (name->now == NULL)
		move_add(move_new(), name, node_new(false, bytes_from("", 0)));
	return name->now;
}

static struct node *
node_of_fd(int fd, char path[PATH_LENGTH])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_LENGTH - 1);
	path[n < 0 ? 0 : n] = '\0';
	return node_at(path);
}

/* --- the plan --------------------------------------------------------------------------------- */

static const struct {
	bool reads, syncs, writes, others;
} concerns[] = {
	[FAULT_IO] = { true, true, true, true },
	[FAULT_SHORT] = { true, false, false, false },
	[FAULT_FULL] = { false, false, true, false },
	[FAULT_SYNC] = { false, true, false, false },
	[FAULT_LIE] = { false, true, false, false },
	[FAULT_POWER] = { false, true, true, true },
};

enum call { CALL_READ, CALL_SYNC, CALL_WRITE, CALL_NAME, CALL_LOOK };

static bool
is_concerned(enum call call)
{
	switch (call) {
	case CALL_READ:
		return concerns[plan.fault].reads;
	case CALL_SYNC:
		return concerns[plan.fault].syncs;
	case CALL_WRITE:
		return concerns[plan.fault].writes;
	case CALL_NAME:
		return concerns[plan.fault].others;
	case CALL_LOOK: /* nothing on the disk changes by it */
		return plan.fault == FAULT_IO;
	}
	return false;
}

static bool
is_dark(void)
{
	return plan.fault == FAULT_POWER && plan.made > 0;
}

/* Tell whether this call fails. */
static bool
strikes(enum call call)
{
	bool hit;

	if (plan.at == 0 || plan.inside > 0)
		return false;
	if (is_dark())
		return true;
	if (!is_concerned(call))
		return false;
	plan.seen++;
	hit = plan.lasting ? plan.seen >= plan.at : plan.seen == plan.at;
	plan.made += hit;
	return hit;
}

/* --- files of the VFS ------------------------------------------------------------------------- */

struct file {
	sqlite3_file base; /* must be first */
	char path[PATH_LENGTH];
	bool sync_name; /* its first sync is one of its name, too */
	sqlite3_file *real;
};

static struct file *
file_of(sqlite3_file *f)
{
	return (struct file *)f;
}

#define REAL(call) (plan.inside++, rc = (call), plan.inside--, rc)

static int
file_close(sqlite3_file *f)
{
	sqlite3_file *real = file_of(f)->real;
	int rc = SQLITE_OK;

	return real->pMethods == NULL ? rc : REAL(real->pMethods->xClose(real));
}

static int
file_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	sqlite3_file *real = file_of(f)->real;
	int rc;

	if (plan.fault != FAULT_SHORT && strikes(CALL_READ))
		return SQLITE_IOERR_READ;
	return REAL(real->pMethods->xRead(real, to, n, at));
}

/* What SQLite's own VFS calls. A short read of a VFS would mean the end of the file, and zeros; one
 * of the system means that there is more to come, and this is where it can happen. */
static ssize_t
short_pread(int fd, void *to, size_t n, off_t at)
{
	unsigned inside = plan.inside;
	bool hit;

	plan.inside = 0;
	hit = plan.fault == FAULT_SHORT && n > 1 && strikes(CALL_READ);
	plan.inside = inside;
	return pread(fd, to, hit ? n / 2 : n, at);
}

static int
really_write(struct file *f, const void *p, int n, sqlite3_int64 at)
{
	struct node *node = node_at(f->path);
	int rc = REAL(f->real->pMethods->xWrite(f->real, p, n, at));

	if (rc == SQLITE_OK && node != NULL)
		node_note(node, (size_t)at, bytes_from(p, (size_t)n));
	return rc;
}

static int
file_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	if (!strikes(CALL_WRITE))
		return really_write(file_of(f), p, n, at);
	if (plan.fault == FAULT_FULL)
		really_write(file_of(f), p, n / 2, at);
	return plan.fault == FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int
file_truncate(sqlite3_file *f, sqlite3_int64 n)
{
	struct file *file = file_of(f);
	struct node *node = node_at(file->path);
	int rc;

	if (plan.fault != FAULT_FULL && strikes(CALL_WRITE))
		return SQLITE_IOERR_TRUNCATE;
	if (REAL(file->real->pMethods->xTruncate(file->real, n)) == SQLITE_OK && node != NULL)
		node_note(node, (size_t)n, (struct bytes){ 0 });
	return rc;
}

static int
file_sync(sqlite3_file *f, int flags)
{
	struct file *file = file_of(f);
	struct node *node = node_at(file->path);
	char dir[PATH_LENGTH];

	(void)flags;
	if (strikes(CALL_SYNC))
		return plan.fault == FAULT_LIE ? SQLITE_OK : SQLITE_IOERR_FSYNC;
	if (node == NULL)
		return SQLITE_OK;
	node_sync(node);
	if (file->sync_name) {
		directory_of(dir, file->path);
		directory_sync(dir);
		file->sync_name = false;
	}
	return SQLITE_OK;
}

static int
file_size(sqlite3_file *f, sqlite3_int64 *n)
{
	sqlite3_file *real = file_of(f)->real;
	int rc;

	return strikes(CALL_LOOK) ? SQLITE_IOERR_FSTAT : REAL(real->pMethods->xFileSize(real, n));
}

static int
file_lock(sqlite3_file *f, int level)
{
	sqlite3_file *real = file_of(f)->real;
	int rc;

	return strikes(CALL_LOOK) ? SQLITE_IOERR_LOCK : REAL(real->pMethods->xLock(real, level));
}

static int
file_unlock(sqlite3_file *f, int level)
{
	sqlite3_file *real = file_of(f)->real;
	int rc;

	return REAL(real->pMethods->xUnlock(real, level));
}

static int
file_check_lock(sqlite3_file *f, int *taken)
{
	sqlite3_file *real = file_of(f)->real;
	int rc;

	return strikes(CALL_LOOK) ? SQLITE_IOERR_CHECKRESERVEDLOCK
				  : REAL(real->pMethods->xCheckReservedLock(real, taken));
}

static int
file_control(sqlite3_file *f, int what, void *arg)
{
	sqlite3_file *real = file_of(f)->real;
	int rc;

	/* it would write what nobody sees */
	if (what == SQLITE_FCNTL_SIZE_HINT || what == SQLITE_FCNTL_CHUNK_SIZE)
		return SQLITE_OK;
	return REAL(real->pMethods->xFileControl(real, what, arg));
}

static int
file_sector(sqlite3_file *f)
{
	sqlite3_file *real = file_of(f)->real;
	int rc;

	return REAL(real->pMethods->xSectorSize(real));
}

static int
file_traits(sqlite3_file *f)
{
	sqlite3_file *real = file_of(f)->real;
	int rc;

	return REAL(real->pMethods->xDeviceCharacteristics(real));
}

static int
file_shm_map(sqlite3_file *f, int n, int size, int extend, void volatile **out)
{
	sqlite3_file *real = file_of(f)->real;
	int rc;

	*out = NULL;
	return strikes(CALL_LOOK) ? SQLITE_IOERR_SHMMAP
				  : REAL(real->pMethods->xShmMap(real, n, size, extend, out));
}

static int
file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	sqlite3_file *real = file_of(f)->real;
	int rc;

	if ((flags & SQLITE_SHM_LOCK) != 0 && strikes(CALL_LOOK))
		return SQLITE_IOERR_SHMLOCK;
	return REAL(real->pMethods->xShmLock(real, offset, n, flags));
}

static void
file_shm_barrier(sqlite3_file *f)
{
	file_of(f)->real->pMethods->xShmBarrier(file_of(f)->real);
}

static int
file_shm_unmap(sqlite3_file *f, int remove)
{
	sqlite3_file *real = file_of(f)->real;
	int rc;

	return REAL(real->pMethods->xShmUnmap(real, remove));
}

/* Of a version without mapped files: every byte passes through here. */
static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

/* --- the VFS ---------------------------------------------------------------------------------- */

static int
vfs_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *f, int flags, int *out)
{
	struct file *file = file_of(f);
	bool fresh;
	int rc;

	(void)vfs;
	memset(file, 0, sizeof *file);
	file->real = (sqlite3_file *)(file + 1);
	if (path == NULL || !is_ours(path))
		return REAL(base->xOpen(base, path, f, flags, out));
	if (strikes(CALL_LOOK))
		return SQLITE_CANTOPEN;
	fresh = access(path, F_OK) != 0;
	if (REAL(base->xOpen(base, path, file->real, flags, out)) != SQLITE_OK)
		return rc;
	snprintf(file->path, sizeof file->path, "%s", path);
	file->sync_name = fresh && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
	node_at(path);
	file->base.pMethods = &methods;
	return SQLITE_OK;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_dir)
{
	char dir[PATH_LENGTH];
	int rc;

	(void)vfs;
	if (strikes(CALL_NAME))
		return SQLITE_IOERR_DELETE;
	if (REAL(base->xDelete(base, path, 0)) != SQLITE_OK || !is_ours(path))
		return rc;
	move_add(move_new(), name_of(path), NULL);
	directory_of(dir, path);
	if (sync_dir)
		directory_sync(dir);
	return SQLITE_OK;
}

static int
vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
	int rc;

	(void)vfs;
	return strikes(CALL_LOOK) ? SQLITE_IOERR_ACCESS
				  : REAL(base->xAccess(base, path, flags, out));
}

/* What is compared afterwards must not tell when it was made. */
static int
vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *ms)
{
	(void)vfs;
	*ms = (sqlite3_int64)2440587 * 86400000 + 43200000 + (sqlite3_int64)1700000000 * 1000;
	return SQLITE_OK;
}

time_t
time(time_t *t)
{
	if (t != NULL)
		*t = 1700000000;
	return 1700000000;
}

/* Either is what it calls: that was decided when it was built. */
static const char *const reads[] = { "pread", "pread64" };

void
faults_install(void)
{
	if (base == NULL) {
		base = sqlite3_vfs_find(NULL);
		faulty = *base;
		faulty.zName = "faulty";
		faulty.szOsFile = (int)sizeof(struct file) + base->szOsFile;
		faulty.xOpen = vfs_open;
		faulty.xDelete = vfs_delete;
		faulty.xAccess = vfs_access;
		faulty.xCurrentTimeInt64 = vfs_time;
		for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++)
			base->xSetSystemCall(base, reads[i], (sqlite3_syscall_ptr)short_pread);
	}
	if (sqlite3_vfs_register(&faulty, 1) != SQLITE_OK)
		abort();
}

void
faults_remove(void)
{
	disk.live = false;
	plan.at = 0;
	if (base != NULL && sqlite3_vfs_register(base, 1) != SQLITE_OK)
		abort();
}

/* --- calls past SQLite ------------------------------------------------------------------------ */

static int
denied(void)
{
	errno = plan.fault == FAULT_FULL ? ENOSPC : EIO;
	return -1;
}

int
rename(const char *from, const char *to)
{
	struct move *m;
	struct node *node;

	if (is_ours(from) && strikes(CALL_NAME))
		return denied();
	if (syscall(SYS_rename, from, to) != 0)
		return -1;
	if (plan.inside > 0 || !is_ours(from))
		return 0;
	node = node_at(from);
	m = move_new();
	move_add(m, name_of(to), node);
	move_add(m, name_of(from), NULL);
	return 0;
}

int
unlink(const char *path)
{
	if (is_ours(path) && strikes(CALL_NAME))
		return denied();
	if (syscall(SYS_unlink, path) != 0)
		return -1;
	if (plan.inside == 0 && is_ours(path))
		move_add(move_new(), name_of(path), NULL);
	return 0;
}

int
mkdir(const char *path, mode_t mode)
{
	if (is_ours(path) && strikes(CALL_NAME))
		return denied();
	if (syscall(SYS_mkdir, path, mode) != 0)
		return -1;
	if (plan.inside == 0 && is_ours(path))
		move_add(move_new(), name_of(path), node_new(true, bytes_from("", 0)));
	return 0;
}

int
ftruncate(int fd, off_t n)
{
	char path[PATH_LENGTH];
	struct node *node = plan.inside > 0 ? NULL : node_of_fd(fd, path);

	if (node != NULL && strikes(CALL_WRITE))
		return denied();
	if (syscall(SYS_ftruncate, fd, n) != 0)
		return -1;
	if (node != NULL)
		node_note(node, (size_t)n, (struct bytes){ 0 });
	return 0;
}

int
fsync(int fd)
{
	char path[PATH_LENGTH];
	struct stat st;
	struct node *node;

	if (plan.inside > 0 || fstat(fd, &st) != 0)
		return 0;
	if (strikes(CALL_SYNC))
		return plan.fault == FAULT_LIE ? 0 : denied();
	if (S_ISDIR(st.st_mode)) {
		char link[64];
		ssize_t n;

		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		n = readlink(link, path, sizeof path - 1);
		path[n < 0 ? 0 : n] = '\0';
		directory_sync(path);
		return 0;
	}
	node = node_of_fd(fd, path);
	if (node != NULL)
		node_sync(node);
	return 0;
}

/* The checks sync as well, and nobody pulls a plug. */
int
fdatasync(int fd)
{
	return fsync(fd);
}

/* --- runs ------------------------------------------------------------------------------------- */

static struct bytes
read_all(const char *path, size_t n)
{
	struct bytes b = { memory(malloc(n + 1)), n };
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, b.p, n) != (ssize_t)n)
		abort();
	close(fd);
	return b;
}

static void
write_all(const char *path, const struct bytes *b)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);

	if (fd < 0 || write(fd, b->p, b->n) != (ssize_t)b->n)
		abort();
	close(fd);
}

static int
keep_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	struct kept *k = &disk.kept[disk.n_kept];

	(void)kind;
	if (at->level == 0)
		return 0;
	if (disk.n_kept == NAMES || strlen(path) >= PATH_LENGTH)
		abort();
	disk.n_kept++;
	strcpy(k->path, path);
	k->directory = S_ISDIR(st->st_mode);
	if (!k->directory)
		k->data = read_all(path, (size_t)st->st_size);
	return 0;
}

void
faults_keep(const char *dir)
{
	for (size_t i = 0; i < disk.n_kept; i++)
		bytes_release(&disk.kept[i].data);
	memset(disk.kept, 0, sizeof disk.kept);
	disk.n_kept = 0;
	snprintf(disk.dir, sizeof disk.dir, "%s", dir);
	nftw(dir, keep_one, 16, FTW_PHYS);
}

static int
clear_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	if (at->level > 0)
		syscall(kind == FTW_DP ? SYS_rmdir : SYS_unlink, path);
	return 0;
}

static void
clear(void)
{
	nftw(disk.dir, clear_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
forget(void)
{
	for (size_t i = 0; i < NODES; i++) {
		node_forget(&disk.node[i]);
		free(disk.node[i].ops);
		bytes_release(&disk.node[i].durable);
		disk.node[i] = (struct node){ 0 };
	}
	memset(disk.name, 0, sizeof disk.name);
	disk.names = disk.moves = 0;
}

void
faults_begin(void)
{
	memset(&plan, 0, sizeof plan);
	clear();
	forget();
	disk.live = true;
	for (size_t i = 0; i < disk.n_kept; i++) {
		const struct kept *k = &disk.kept[i];
		struct name *name = name_of(k->path);

		name->durable = name->now =
		    node_new(k->directory, bytes_from(k->data.p, k->data.n));
		if (k->directory)
			syscall(SYS_mkdir, k->path, 0755);
		else
			write_all(k->path, &k->data);
	}
}

void
faults_arm(enum fault fault, unsigned at, bool lasting)
{
	plan.fault = fault;
	plan.at = at;
	plan.lasting = lasting;
	plan.seen = plan.made = 0;
}

unsigned
faults_heal(void)
{
	plan.at = 0;
	return plan.made;
}

bool
faults_struck(void)
{
	return plan.made > 0;
}

/* --- after the power went --------------------------------------------------------------------- */

static unsigned dice;

/* 0 .. n-1 */
static unsigned
roll(unsigned n)
{
	dice = dice * 1103515245u + 12345u;
	return (dice >> 16) % n;
}

/* Of a write, sector by sector: whether it gets there, and how much of it. */
static void
crash_write(struct bytes *b, const struct op *op, enum crash crash)
{
	int fill = roll(2) == 0 ? 0 : 0xa5;

	for (size_t at = 0, n; at < op->data.n; at += n) {
		unsigned luck = crash == CRASH_ALL ? 0 : roll(6);
		size_t part;

		n = SECTOR - (op->offset + at) % SECTOR;
		if (n > op->data.n - at)
			n = op->data.n - at;
		part = luck < 3 ? n : luck == 3 ? roll((unsigned)n) : 0;
		if (part > 0)
			bytes_put(b, op->offset + at, op->data.p + at, part, fill);
	}
}

static struct bytes
crash_node(const struct node *node, enum crash crash)
{
	struct bytes b = bytes_from(node->durable.p, node->durable.n);

	for (size_t i = 0; crash != CRASH_NOTHING && i < node->n; i++) {
		const struct op *op = &node->ops[i];

		if (op->data.p != NULL)
			crash_write(&b, op, crash);
		else if (crash == CRASH_ALL || roll(2) == 0)
			bytes_resize(&b, op->offset, 0);
	}
	return b;
}

static void
crash_names(enum crash crash)
{
	size_t n = crash == CRASH_NOTHING ? 0 : disk.moves;

	if (crash == CRASH_SOME)
		n = roll((unsigned)disk.moves + 1);
	for (size_t i = 0; i < n; i++)
		move_happens(&disk.move[i]);
}

/* The index of a -wal is memory, and a file only by the way: there may be anything in it. */
static void
spoil_index(const char *wal)
{
	char path[PATH_LENGTH];
	struct bytes b = bytes_from("", 0);

	snprintf(path, sizeof path, "%.*sshm", (int)strlen(wal) - 3, wal);
	bytes_resize(&b, 32768, roll(2) == 0 ? 0xa5 : 0);
	if (roll(3) > 0)
		write_all(path, &b);
	bytes_release(&b);
}

static void
leave(const struct name *name, enum crash crash)
{
	size_t n = strlen(name->path);
	struct bytes b = crash_node(name->durable, crash);

	write_all(name->path, &b);
	bytes_release(&b);
	if (n > 4 && strcmp(name->path + n - 4, "-wal") == 0)
		spoil_index(name->path);
}

/* A file whose directory did not get there is gone, too. */
static bool
has_directory(const char *path)
{
	char dir[PATH_LENGTH];
	struct stat st;

	directory_of(dir, path);
	return stat(dir, &st) == 0;
}

void
faults_crash(enum crash crash, unsigned seed)
{
	struct node *was[NAMES];

	dice = seed * 2654435761u + 1;
	for (size_t i = 0; i < disk.names; i++)
		was[i] = disk.name[i].durable;
	plan.at = 0;
	clear();
	crash_names(crash);
	for (size_t i = 0; i < disk.names; i++)
		if (disk.name[i].durable != NULL && disk.name[i].durable->directory)
			syscall(SYS_mkdir, disk.name[i].path, 0755);
	for (size_t i = 0; i < disk.names; i++)
		if (disk.name[i].durable != NULL && !disk.name[i].durable->directory &&
		    has_directory(disk.name[i].path))
			leave(&disk.name[i], crash);
	for (size_t i = 0; i < disk.names; i++)
		disk.name[i].durable = was[i];
}
