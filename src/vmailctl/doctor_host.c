/* SPDX-License-Identifier: ISC
 *
 * doctor: the configuration, the store, the clock and the disks.
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>

#include "sys/privs.h"
#include "vmailctl/doctor.h"
#include "vmailctl/output.h"

enum { PATH_ROOM = 4096, MIB = 1 << 20, DISK_LEAST_MIB = 16, DISK_PERCENT = 5, CLOCK_SLACK = 60 };

/* --- configuration and store ------------------------------------------------------------------ */

bool
check_configuration(struct doctor *d, const struct check *c)
{
	d->has_conf = ctl_conf(d->ctl) == FOUND;
	return d->has_conf || doctor_bad(d, c, slice_str(NULL), "%s", d->ctl->err.text);
}

bool
check_store(struct doctor *d, const struct check *c)
{
	struct store_way way;

	d->has_store = ctl_store(d->ctl, STORE_ADMIN) == FOUND;
	store_way(ctl_uri(d->ctl), &way);
	d->is_remote = way.remote;
	return d->has_store ||
	       doctor_bad(d, c, slice_str(d->ctl->store_shown), "%s", d->ctl->err.text);
}

bool
check_integrity(struct doctor *d, const struct check *c)
{
	struct error err = { "" };

	return store_quick_check(d->ctl->store, &err) == FOUND ||
	       doctor_bad(d, c, slice_str(d->ctl->store_shown), "%s", err.text);
}

/* --- permissions ------------------------------------------------------------------------------ */

/* Of a file there are two names. */
static const char *
path_of(const char *uri)
{
	return strncmp(uri, "sqlite:", 7) == 0 ? uri + 7 : uri;
}

static const char *
store_path(const struct doctor *d)
{
	return path_of(ctl_uri(d->ctl));
}

static bool
store_directory(const struct doctor *d, char out[PATH_ROOM])
{
	char copy[PATH_ROOM];

	if ((size_t)snprintf(copy, sizeof copy, "%s", store_path(d)) >= sizeof copy)
		return false;
	snprintf(out, PATH_ROOM, "%s", dirname(copy));
	return true;
}

/* What the daemon's user needs, and nobody else may have. */
static bool
is_proper(struct doctor *d, const struct check *c, const char *path, const struct identity *user,
    mode_t needs)
{
	struct slice subject = slice_str(path);
	struct stat st;

	if (stat(path, &st) < 0)
		return doctor_bad(d, c, subject, "cannot look at it: %s", strerror(errno));
	if (st.st_uid != user->uid &&
	    (st.st_gid != user->gid || (st.st_mode & needs >> 3) != needs >> 3))
		return doctor_bad(d, c, subject,
		    "it belongs to user %lu, and '%s' may not write to it",
		    (unsigned long)st.st_uid, user->name);
	if (st.st_uid == user->uid && (st.st_mode & needs) != needs)
		return doctor_bad(d, c, subject,
		    "'%s', who owns it, may not write to it (mode %04o)", user->name,
		    (unsigned)st.st_mode & 07777);
	if (st.st_mode & 07)
		return doctor_bad(d, c, subject,
		    "others may get at it (mode %04o), and it has password hashes in it",
		    (unsigned)st.st_mode & 07777);
	return true;
}

/* Without the setgid bit, root's vmailctl would make files beside the store that the daemon cannot
 * write. */
static bool
is_shared(struct doctor *d, const struct check *c, const char *directory)
{
	struct stat st;

	if (stat(directory, &st) < 0 || (st.st_mode & S_ISGID))
		return true;
	return doctor_bad(d, c, slice_str(directory),
	    "the directory has no setgid bit (mode %04o): files that root makes in it lock vmaild "
	    "out",
	    (unsigned)st.st_mode & 07777);
}

bool
check_permissions(struct doctor *d, const struct check *c)
{
	static const char *const beside[] = { "-wal", "-shm" };
	char directory[PATH_ROOM], file[PATH_ROOM + 8], cure[3 * PATH_ROOM + 256];
	struct check row = *c; /* with the cure for this very place */
	struct identity user;
	struct error err;
	struct stat st;
	bool ok;

	if (identity_of_user(&user, d->ctl->conf->user, &err) != FOUND)
		return doctor_bad(d, c, slice_str(d->ctl->conf->user), "%s", err.text);
	if (!store_directory(d, directory))
		return doctor_bad(d, c, slice_str(store_path(d)), "its path is too long");
	snprintf(cure, sizeof cure,
	    "as root: chown -R %s: %s; chmod 2770 %s; find %s -type f -exec chmod 0660 {} +",
	    user.name, directory, directory, directory);
	row.cure = cure;
	ok = is_proper(d, &row, directory, &user, 0700) && is_shared(d, &row, directory);
	ok = is_proper(d, &row, store_path(d), &user, 0600) && ok;
	for (size_t i = 0; i < 2; i++) {
		snprintf(file, sizeof file, "%s%s", store_path(d), beside[i]);
		if (stat(file, &st) == 0)
			ok = is_proper(d, &row, file, &user, 0600) && ok;
	}
	return ok;
}

/* --- a server --------------------------------------------------------------------------------- */

static bool
is_guarded(struct doctor *d, const struct check *c, struct store *s)
{
	struct error err = { "" };

	return store_guarded(s, &err) == FOUND ||
	       doctor_bad(d, c, slice_str(d->ctl->store_shown), "%s", err.text);
}

/* As a worker connects; who cannot do that from here has seen nothing. */
static bool
is_guarded_from(struct doctor *d, const struct check *c, const char *own, enum store_role role)
{
	const char *uri = own[0] != '\0' ? own : ctl_uri(d->ctl);
	struct error err = { "" };
	struct store *s;
	bool ok;

	if (store_open(&s, uri, role, &err) != FOUND)
		return true;
	ok = is_guarded(d, c, s);
	store_close(s);
	return ok;
}

bool
check_roles(struct doctor *d, const struct check *c)
{
	const struct conf *conf = d->ctl->conf;
	bool ok;

	if (!is_guarded(d, c, d->ctl->store))
		return false;
	ok = is_guarded_from(d, c, conf->store_lookup, STORE_LOOKUP);
	return is_guarded_from(d, c, conf->store_login, STORE_LOGIN) && ok;
}

bool
check_encoding(struct doctor *d, const struct check *c)
{
	struct error err = { "" };

	return store_can_hold_all(d->ctl->store, &err) == FOUND ||
	       doctor_bad(d, c, slice_str(d->ctl->store_shown), "%s", err.text);
}

/* libpq takes no password from a file that others may read, and no key. */
static bool
is_secret(struct doctor *d, const struct check *c, const struct identity *user, const char *path)
{
	struct slice subject = slice_str(path);
	struct stat st;

	if (stat(path, &st) < 0)
		return doctor_bad(d, c, subject, "cannot look at it: %s", strerror(errno));
	if (st.st_mode & 077)
		return doctor_bad(d, c, subject,
		    "others may read it (mode %04o), so that it is passed over",
		    (unsigned)st.st_mode & 07777);
	return st.st_uid == user->uid ||
	       doctor_bad(d, c, subject, "it belongs to user %lu, and '%s' cannot read it",
		   (unsigned long)st.st_uid, user->name);
}

struct secrets {
	struct doctor *d;
	const struct check *c;
	struct identity user;
	bool ok;
};

static void
look_at_secret(void *arg, const char *path)
{
	struct secrets *s = arg;

	s->ok = is_secret(s->d, s->c, &s->user, path) && s->ok;
}

bool
check_secrets(struct doctor *d, const struct check *c)
{
	struct secrets s = { .d = d, .c = c, .ok = true };
	struct error err;

	if (identity_of_user(&s.user, d->ctl->conf->user, &err) != FOUND)
		return doctor_bad(d, c, slice_str(d->ctl->conf->user), "%s", err.text);
	store_secrets(conf_store_for_lookups(d->ctl->conf), look_at_secret, &s);
	store_secrets(conf_store_for_logins(d->ctl->conf), look_at_secret, &s);
	return s.ok;
}

/* --- a move --------------------------------------------------------------------------------------
 */

static void
put_way_out(struct sbuf *out, const struct doctor *d, const struct store_closed *closed)
{
	const char *here = d->ctl->store_shown, *other = closed->other;

	if (closed->follows)
		sbuf_printf(out,
		    "go on with `vmailctl copy --close '%s' '%s'`, then --open; or let it be a "
		    "store of its own: `vmailctl copy --cancel '%s' '%s'`",
		    other, here, other, here);
	/* both stores of a move have the line that closed the old one: it names the new one */
	else if (strcmp(path_of(other), path_of(here)) == 0)
		sbuf_printf(out,
		    "when every vmaild asks this one: `vmailctl copy --open OLD -`, with the store "
		    "that was moved for OLD");
	else
		sbuf_printf(out,
		    "let it move: set store to '%s', reload every vmaild, `vmailctl copy --open "
		    "'%s' '%s'`; or stay: `vmailctl copy --cancel '%s' '%s'`",
		    other, here, other, here, other);
}

static bool
tell_closed(struct doctor *d, const struct check *c, const struct store_closed *closed)
{
	struct check row = *c; /* with the cure for these very stores */
	struct sbuf cure, since;

	sbuf_init(&cure, 4096);
	sbuf_init(&since, 64);
	put_way_out(&cure, d, closed);
	output_put_time(&since, closed->since, false);
	row.cure = sbuf_cstr(&cure);
	doctor_bad(d, &row, slice_str(d->ctl->store_shown),
	    closed->follows ? "it takes no changes, for it follows '%s', with which it caught up "
			      "at %s (`vmailctl copy --catch-up`)"
			    : "it takes no changes: its move to '%s' was begun at %s (`vmailctl "
			      "copy --close`), and not ended",
	    closed->other, sbuf_cstr(&since));
	sbuf_release(&cure);
	sbuf_release(&since);
	return false;
}

bool
check_closed(struct doctor *d, const struct check *c)
{
	struct store_closed closed;
	struct error err = { "" };
	enum outcome o = store_closed(d->ctl->store, &closed, &err);

	if (o == NONE)
		return true;
	if (o == FOUND)
		return tell_closed(d, c, &closed);
	return doctor_bad(d, c, slice_str(d->ctl->store_shown), "%s", err.text);
}

/* --- clock --------------------------------------------------------------------------------------
 */

bool
check_clock(struct doctor *d, const struct check *c)
{
	struct timex clock = { .modes = 0 };
	int64_t newest = 0, now = time(NULL);
	struct error err;

	if (store_newest(d->ctl->store, &newest, &err) == FOUND && newest > now + CLOCK_SLACK)
		return doctor_bad(d, c, slice_str(NULL),
		    "the store was changed %" PRId64
		    " seconds from now: the clock is behind, or was "
		    "ahead once",
		    newest - now);
	if (adjtimex(&clock) == TIME_ERROR)
		return doctor_say(d, c, SEVERITY_NOTICE, slice_str(NULL), c->cure,
		    "nothing keeps the clock right, as far as the kernel knows");
	return true;
}

/* --- disks --------------------------------------------------------------------------------------
 */

static bool
has_room(struct doctor *d, const struct check *c, const char *path)
{
	struct statvfs fs;
	uintmax_t free_mib, percent;

	if (statvfs(path, &fs) < 0)
		return doctor_say(d, c, SEVERITY_NOTICE, slice_str(path), NULL,
		    "cannot look at its disk: %s", strerror(errno));
	free_mib = (uintmax_t)fs.f_bavail * fs.f_frsize / MIB;
	percent = fs.f_blocks > 0 ? (uintmax_t)fs.f_bavail * 100 / fs.f_blocks : 100;
	if (free_mib < DISK_LEAST_MIB || (fs.f_files > 0 && fs.f_favail < DISK_LEAST_MIB))
		return doctor_bad(d, c, slice_str(path),
		    "its disk is full: %ju MiB and %ju files are left", free_mib,
		    (uintmax_t)fs.f_favail);
	if (percent < DISK_PERCENT)
		return doctor_say(d, c, SEVERITY_WARNING, slice_str(path), c->cure,
		    "its disk is nearly full: %ju %% (%ju MiB) are left", percent, free_mib);
	return true;
}

/* The part of mail-home that is the same for everybody; nothing there yet: the directory above it.
 */
static bool
mail_directory(const struct doctor *d, char out[PATH_ROOM])
{
	size_t n = strcspn(d->ctl->conf->mail_home, "%");
	struct stat st;

	while (n > 1) {
		while (n > 1 && d->ctl->conf->mail_home[n - 1] != '/')
			n--;
		snprintf(out, PATH_ROOM, "%.*s", (int)n, d->ctl->conf->mail_home);
		if (stat(out, &st) == 0)
			return true;
		n--;
	}
	return false;
}

bool
check_disk(struct doctor *d, const struct check *c)
{
	char directory[PATH_ROOM];
	bool ok = d->is_remote || !store_directory(d, directory) || has_room(d, c, directory);

	return (!mail_directory(d, directory) || has_room(d, c, directory)) && ok;
}

bool
check_queue_disk(struct doctor *d, const struct check *c)
{
	const char *queue = sbuf_cstr(&d->queue);
	unsigned long long limit = 0;
	struct statvfs fs;

	if (statvfs(queue, &fs) < 0)
		return doctor_bad(
		    d, c, slice_str(queue), "cannot look at its disk: %s", strerror(errno));
	slice_number(doctor_parameter(d, "message_size_limit"), UINT64_MAX / 2, &limit);
	if ((uintmax_t)fs.f_bavail * fs.f_frsize <= limit + limit / 2)
		return doctor_bad(d, c, slice_str(queue),
		    "%ju MiB are left, and message_size_limit is %llu MiB: Postfix refuses all "
		    "mail",
		    (uintmax_t)fs.f_bavail * fs.f_frsize / MIB, limit / MIB);
	return has_room(d, c, queue);
}
