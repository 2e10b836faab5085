/* SPDX-License-Identifier: ISC
 *
 * The store: domains, mailboxes, aliases, credentials and the log of every change. The only room
 * that knows SQL. Outcomes: FOUND it is there or done, NONE no such row, BAD refused (the text says
 * what to do), RETRY could not look or could not write; nothing was changed then.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdint.h>

#include "auth/account.h"
#include "mail/lookup.h"
#include "mail/question.h"

struct store;
struct store_actor;

/* Who opens it decides what it may see and do. */
enum store_role {
	STORE_LOOKUP,   /* read only; credentials and the change log are denied by the engine */
	STORE_LOGIN,    /* read only; credentials are visible */
	STORE_RECORDER, /* the same, and writes what a login leaves behind: nothing else */
	STORE_ADMIN     /* reads and writes */
};

/* --- the file ------------------------------------------------------------------------------- */

/* Find out whether URI can name a store: "sqlite:PATH" (or a bare PATH), "postgresql://...", or
 * libpq's keywords behind "postgresql:". BAD if not, and for one with a password in it, unless it
 * was read from where nobody else can (CLOSED). */
enum outcome store_check_uri(const char *uri, bool closed, struct error *err);

/* Write what a store may be called in texts: its URI, but never a password. */
enum { STORE_SHOWN = 256 };
void store_show(const char *uri, char *out, size_t size);

/* What a process that uses the store at URI must reach, if that is no file: the ports of its
 * servers (ended by 0; none when they are not known), and files that are read on the way to them.
 */
enum { STORE_PORTS = 16, STORE_FILES = 12 };
struct store_way {
	bool remote;
	unsigned short port[STORE_PORTS + 1];
	const char *readable[STORE_FILES + 1]; /* NULL-ended; in TEXT */
	char text[4096];
};
void store_way(const char *uri, struct store_way *out);

/* Tell other software the way to the server of a store: call FN for each of libpq's keywords in URI
 * that lead there, with its value, but for none that says who it is that connects, or how he shows
 * it. False for a store that is a file. */
typedef void store_link_fn(void *arg, const char *keyword, const char *value);
bool store_link(const char *uri, store_link_fn *fn, void *arg);

/* Call FN for each file that URI names for the secrets of who connects: of passwords, of a key. */
typedef void store_secret_fn(void *arg, const char *path);
void store_secrets(const char *uri, store_secret_fn *fn, void *arg);

/* Make a handle on a store, and look at nothing yet: what is asked
 * of it first opens the store, within the limit of that call. BAD for a URI of no engine; RETRY
 * without memory. */
enum outcome store_new(
    struct store **out, const char *uri, enum store_role role, struct error *err);

/* The same, and open the store now. RETRY with a clear text when it is missing, unreadable, of an
 * older schema (run `vmailctl migrate`), of a newer one, or not ours at all. */
enum outcome store_open(
    struct store **out, const char *uri, enum store_role role, struct error *err);

/* Create the store when it is missing (directory 2770, file 0660, both handed to OWNER:GROUP when
 * they are not -1), migrate it when it is old, and change nothing when it is current. *FROM and *TO
 * tell which: the version found before (0 for none) and the one it has now. BAD for a newer or
 * foreign file. FOUND with a text in ERR: done, and this is what its user should know. A PostgreSQL
 * database must be there; OWNER and GROUP mean nothing for it. When it fails *FROM is
 * STORE_UNKNOWN, or 0 if a file that is not finished was made by this call, and by nobody else. */
enum { STORE_UNKNOWN = -1 };

enum outcome store_create(
    const char *uri, int owner, int group, int *from, int *to, struct error *err);

/* The same; *MADE tells, whatever comes of it, whether the file was made by this call: *FROM is 0
 * as well for one that somebody else has made and not filled yet. */
enum outcome store_make(
    const char *uri, int owner, int group, bool *made, int *from, int *to, struct error *err);

/* Bring an existing store to this program's schema, one numbered migration after the other, each in
 * a transaction. Outcomes as store_create; RETRY when there is none. */
enum outcome store_migrate(const char *uri, int *from, int *to, struct error *err);

/* Give what an older release stored the names that lookups ask for now (composed letters, domains
 * as Postfix asks for them), each in a transaction with its line in the change log. HOME is the
 * template of homes: a mailbox keeps its own. FN is told of each that got another name, and of each
 * that could not get it, for somebody else has it. Does nothing the second time. FOUND, or RETRY.
 */
typedef void store_refold_fn(void *arg, const char *text);
enum outcome store_refold(
    struct store *s, const char *home, store_refold_fn *fn, void *arg, struct error *err);

/* Tell whether a server keeps what a worker need not see from him. NONE, with a text, when it has
 * no roles for that; of a store that was opened as a worker does, when that one is let do more
 * than it need. FOUND also where there is no server. */
enum outcome store_guarded(struct store *s, struct error *err);

/* Tell whether every address can be in it. NONE, with a text, when its server keeps it in an
 * encoding that lacks some of them. */
enum outcome store_can_hold_all(struct store *s, struct error *err);

void store_close(struct store *s);

/* The schema version this program was built with. */
int store_schema_version(void);

/* The one that was found when the store was last begun, be it good or not; 0: none was. */
int store_found_version(const struct store *s);

/* Tell how many bytes its files have: the store itself, and what is not yet written back to it. */
void store_size(struct store *s, uint64_t *main, uint64_t *log);

/* --- whole stores ----------------------------------------------------------------------------- */

/* Tell what the first STORE_HEAD bytes of a file say that it is, and open nothing. A store that is
 * in use is never taken for a backup, and if it was just made looks like one of somebody else; a
 * backup that was opened for changes is a store. */
enum { STORE_HEAD = 100 };
enum store_file {
	STORE_FILE_OTHER,   /* no database of SQLite's */
	STORE_FILE_FOREIGN, /* one of somebody else */
	STORE_FILE_STORE,
	STORE_FILE_BACKUP, /* a store, as store_backup leaves it */
	STORE_FILE_VIEWS   /* what store_publish makes */
};
enum store_file store_file_of(struct slice head);

/* Have FN told of each database that is being made in a file, by its name, while it is not
 * finished: a program that a signal ends can remove it, and what SQLite has put beside it. One FN
 * for the process; NULL: nobody is told. */
typedef void store_unfinished_fn(const char *path, bool there);
void store_tell_unfinished(store_unfinished_fn *fn);

/* How far a long call has come; FN may be NULL. */
struct store_progress {
	void (*fn)(void *arg, int64_t done, int64_t all);
	void *arg;
};

/* Copy the store, as it is at one moment and while others write to it, into the file PATH, and see
 * whether the copy is whole. PATH is as it was, or complete and on the disk. */
enum outcome store_backup(
    struct store *s, const char *path, const struct store_progress *progress, struct error *err);

/* Make the store be what the backup in the file FROM is, brought to this program's schema, with a
 * line about it in the log by ACTOR. Whoever reads sees the old or the new; so does whoever comes
 * after a crash. What was there is kept in the file store_keep_name(KEEP), told in *KEPT, which the
 * caller frees: NULL when there was nothing to keep. A store that is missing or damaged is
 * replaced. BAD when FROM is no whole store; RETRY, also while another restore is under way: FROM
 * is as it was, and an error after which something is kept says so. */
enum outcome store_restore(const char *uri, const char *from, const char *keep,
    const struct store_actor *actor, const struct store_progress *progress, char **kept,
    struct error *err);

/* Give the name that a restore would use now: KEEP, or the first of KEEP-1, KEEP-2 and so on that
 * no file has. NULL without memory; the caller frees it. */
char *store_keep_name(const char *keep);

/* Look at what store_restore would be given: read the file FROM from beginning to end, and tell the
 * version of its schema and what is in it. FOUND, BAD when it is no whole store, RETRY. */
struct store_counts;
enum outcome store_look(
    const char *from, int *version, struct store_counts *out, struct error *err);

/* Put all that is in the store FROM, as it is at one moment, into the store TO, which has nothing
 * in it yet, and read both again to see that they are the same. One transaction: TO is empty, or it
 * is all of FROM. BAD when there is something in TO. */
enum outcome store_copy(
    const char *from, const char *to, const struct store_progress *progress, struct error *err);

/* --- moving a store while it is in use --------------------------------------------------------
 *
 * First store_copy. What is changed meanwhile stands in the change log, and store_catch_up brings
 * it over, as often as one likes. store_move_close lets FROM take no more changes, for good, and
 * brings over the last: from there on nothing can be changed in either, and both give the same
 * answers. When nobody asks FROM any more, store_move_open lets TO take changes.
 *
 * That a store takes none is the last line of its change log ('store close', of which TO gets a
 * copy as of every other), and so is that it takes them again ('store open'). TO takes none from
 * the first store_catch_up on, until it is opened or let go: that is a line of its own behind those
 * it has of FROM ('store follow'), which is taken away before others are brought over. */
struct store_move {
	const char *from, *to; /* URIs */
	const struct store_actor *actor;
	struct store_progress progress;
	bool compare; /* in the end read all rows of both, not only those that were changed */
	bool force;   /* the other store may be out of reach */
};

/* What it took. */
struct store_moved {
	int64_t changes; /* lines of the log */
	int64_t logins;  /* of which no line tells */
	bool idle;       /* it was so before */
};

/* Make TO, a copy of FROM, be what FROM is now; every row that was written is read again in both.
 * Each round is one transaction of TO; FROM is only read, and may be changed all the time. BAD when
 * TO is no copy of FROM, or was changed by somebody else, and then nothing was done. */
enum outcome store_catch_up(const struct store_move *m, struct store_moved *out, struct error *err);

/* The same, and from some moment on FROM takes no more changes, and TO neither: whoever tries is
 * told RETRY. Last logins are still recorded. To be done again after a RETRY, which says whether
 * FROM takes changes. */
enum outcome store_move_close(
    const struct store_move *m, struct store_moved *out, struct error *err);

/* Let TO take changes, and bring it the logins that FROM recorded meanwhile; done again, only the
 * latter. BAD when FROM still takes changes, or TO has not all of them. FORCE: for a FROM that is
 * gone. */
enum outcome store_move_open(
    const struct store_move *m, struct store_moved *out, struct error *err);

/* Let FROM take changes again: it stays. BAD when TO takes some already. A TO that was to follow is
 * let go, and is then a store like any other. FORCE: for a TO that is gone. */
enum outcome store_move_cancel(
    const struct store_move *m, struct store_moved *out, struct error *err);

/* Find out whether the store takes no changes: FOUND with since when (unix seconds) and why, NONE
 * when it takes them, RETRY. */
struct store_closed {
	int64_t since;
	bool follows; /* it is to take the place of the OTHER one; else it moves there */
	char other[STORE_SHOWN];
};
enum outcome store_closed(struct store *s, struct store_closed *out, struct error *err);

/* Look at everything in the store, and call FN for what should not be: where (a table, or the kind
 * of an object), the object's name (or nothing), what is wrong. NONE when nothing is, FOUND when
 * something is, RETRY when it could not be looked at. */
typedef bool store_trouble_fn(void *arg, struct slice where, struct slice name, const char *text);
enum outcome store_check(struct store *s, store_trouble_fn *fn, void *arg, struct error *err);

/* --- lookups -------------------------------------------------------------------------------- */

/* Hold one read view from here to store_end: every answer in between is of one moment, which is not
 * before this call. A store file that was replaced (another inode behind the same name) is opened
 * anew here. RETRY when there is nothing to read from. */
enum outcome store_begin(struct store *s, struct error *err);
void store_end(struct store *s);

/* Keep the view from store_end to the next store_begin, as long as it is one of the present moment:
 * what store_begin promises stays as it is, and it costs next to nothing. Whoever does this calls
 * store_rest after a tenth of a second, for a view that is held for long keeps what writers leave
 * behind from being tidied up. */
void store_keep_views(struct store *s);
void store_rest(struct store *s);

/* Leave nothing beside a store's file that a copy of it would miss, or that another one put in its
 * place would be spoiled by. If others are reading just now it stays for whoever comes next. To
 * close a store that can write does the same. */
void store_tidy(struct store *s);

/* Begin with the view that was kept, if it is one of the present moment: true as FOUND of
 * store_begin. Without LOOK one thing is not asked about, for it takes a system call: whether the
 * store's file was replaced or copied over. That is for whoever has just learned by poll(2) that
 * the descriptor store_watched cannot be read, and otherwise calls store_stir. (-1: there is none
 * as yet.) */
bool store_stay(struct store *s, bool look);

/* Watch the store's file; whoever keeps views does already. The descriptor can be read when
 * something happened to it, and then store_stir is called: for if another one is in its place, what
 * we hold of the old one is in everybody's way, and nobody may ask us anything for a long time. */
void store_watch(struct store *s);
int store_watched(const struct store *s);
void store_stir(struct store *s);

/* A number that is another one whenever anything may have changed; of the view held. */
uint64_t store_view(const struct store *s);

/* Limit how long any one call may take from now on, in milliseconds; past it the call gives RETRY.
 */
void store_deadline(struct store *s, unsigned ms);

/* Find the first candidate that exists. FOUND: *facts is filled, facts->hit told whether any
 * matched. RETRY: could not look. Never NONE. Works inside and outside of store_begin/store_end. */
enum outcome store_ask(
    struct store *s, const struct question *q, struct facts *facts, struct error *err);

/* Run a whole lookup against the store: lookup_start must have been called. */
void store_resolve(struct store *s, struct lookup *l);

/* The same for a whole expansion (mail/rules.h): expand_start must have been called. */
struct expand;
void store_expand(struct store *s, struct expand *x);

/* --- people; more of them in store/logins.h --------------------------------------------------- */

/* Find a mailbox by canonical address. For STORE_LOGIN and STORE_ADMIN, as it tells of a password;
 * RETRY for STORE_LOOKUP. */
enum outcome store_account(
    struct store *s, struct slice address, struct account *out, struct error *err);

/* --- listing: CALLBACK per row until it returns false; rows come in address order ------------- */

/* A callback may ask this store on, but not change it. */

struct domain_row {
	struct slice name;
	enum domain_kind kind;
	struct slice target; /* the domain it stands for, or empty */
	int64_t mailboxes;
	int64_t aliases;
	int64_t created; /* unix seconds */
	bool own_delimiters;
	struct slice delimiters; /* in place of the configured ones, when own_delimiters */
	int propagate;           /* 1, 0, or -1: as configured */
};

/* What an alias is besides its targets. */
struct alias_settings {
	bool disabled;      /* it is nobody, and no catch-all takes its mail */
	int64_t expires;    /* from then on as well; unix seconds, 0 for never */
	bool internal;      /* only our own senders may write to it */
	struct slice note;  /* for the admin, or empty */
	struct slice owner; /* who asked for it, or empty */
	unsigned
	    only; /* when they are set: ALIAS_SET_... of those that change; 0 for all of them */
};

enum {
	ALIAS_SET_DISABLED = 1,
	ALIAS_SET_EXPIRES = 2,
	ALIAS_SET_INTERNAL = 4,
	ALIAS_SET_NOTE = 8,
	ALIAS_SET_OWNER = 16
};

struct alias_row {
	struct slice address;
	struct slice targets; /* each ended by LF */
	int64_t created;
	struct alias_settings settings;
};

struct map_row {
	struct slice name;
	enum key_search search;
	int64_t created;
};

struct entry_row {
	struct slice key;
	struct slice value;
	int64_t created;
};

typedef bool store_domain_fn(void *arg, const struct domain_row *row);
typedef bool store_account_fn(void *arg, const struct account *row);
typedef bool store_alias_fn(void *arg, const struct alias_row *row);

/* NAME empty: all of them. FOUND when at least one row was given, NONE otherwise. */
enum outcome store_domains(
    struct store *s, struct slice name, store_domain_fn *fn, void *arg, struct error *err);

/* DOMAIN empty: of every domain. AFTER empty: from the first on; else only those behind that
 * address in the listing's order (it need not exist any more), so that a long list can be had in
 * pieces. A mailbox that came or went during the listing may or may not show. */
enum outcome store_accounts(struct store *s, struct slice domain, struct slice after,
    store_account_fn *fn, void *arg, struct error *err);

/* ADDRESS set: that alias alone; else those of DOMAIN; else all. */
enum outcome store_aliases(struct store *s, struct slice address, struct slice domain,
    store_alias_fn *fn, void *arg, struct error *err);

/* The aliases of DOMAIN (empty: of all) behind AFTER, as store_accounts. */
enum outcome store_aliases_after(struct store *s, struct slice domain, struct slice after,
    store_alias_fn *fn, void *arg, struct error *err);

/* Count what is there, at once; in DOMAIN (empty: everywhere). */
struct store_counts {
	int64_t domains, mailboxes, aliases;
};
enum outcome store_count(
    struct store *s, struct slice domain, struct store_counts *out, struct error *err);

typedef bool store_map_fn(void *arg, const struct map_row *row);
typedef bool store_entry_fn(void *arg, const struct entry_row *row);

/* The maps that an admin made, and the entries of a map in key order. */
enum outcome store_maps(struct store *s, store_map_fn *fn, void *arg, struct error *err);
enum outcome store_entries(
    struct store *s, struct slice map, store_entry_fn *fn, void *arg, struct error *err);

/* How a map with entries is searched and what its values are: of the program's table, or an
 * admin's. NONE when there is none by that name, BAD when it has no entries of its own. */
enum outcome store_map(struct store *s, struct slice name, enum key_search *search,
    enum map_value *value, struct error *err);

/* The value under exactly this key (in any spelling of it): NONE when there is none. */
enum outcome store_entry(
    struct store *s, struct slice map, struct slice key, struct sbuf *value, struct error *err);

struct change_row {
	int64_t id;
	int64_t at;           /* unix seconds */
	struct slice who;     /* who did it */
	struct slice what;    /* "domain add", "user passwd", ... */
	struct slice subject; /* the address or domain */
	struct slice before;  /* JSON, empty for none; password hashes never appear in it */
	struct slice after;
	int64_t undoes; /* the change that this one took back, or 0 */
	int64_t batch;  /* the first change of the same transaction */
};

typedef bool store_change_fn(void *arg, const struct change_row *row);

/* The change log, oldest first, from AFTER_ID (exclusive) on; or of SUBJECT (canonical) alone. */
enum outcome store_changes(
    struct store *s, int64_t after_id, store_change_fn *fn, void *arg, struct error *err);
enum outcome store_changes_of(struct store *s, struct slice subject, int64_t after_id,
    store_change_fn *fn, void *arg, struct error *err);

/* Find the id of the last change, or of the one before the last N; 0 when there is none. */
enum outcome store_last_change(struct store *s, int64_t *id, struct error *err);
enum outcome store_change_before(struct store *s, int64_t n, int64_t *id, struct error *err);

/* --- undoing ---------------------------------------------------------------------------------- */

/* Take the change ID back: what it changed is as it was before, with all that belonged to it. That
 * is a change of its own, which can be taken back as well. NONE when there is no such change, BAD
 * when it was undone already, and when what it changed was changed again since (unless FORCE). */
enum outcome store_undo(struct store *s, int64_t id, bool force, struct error *err);

/* Which transactions to take back: the newest first, of WHO (empty: anybody), that are no undoing
 * themselves and were not undone, at most N (0: all) of them, back to the time SINCE (0: ever).
 * With ID, the transaction that this change belongs to, whatever it is. */
struct undo_choice {
	struct slice who;
	int64_t n;
	int64_t since;
	int64_t id;
};

/* Call FN for every change of them, in the order in which they must be taken back. NONE when there
 * is nothing to undo. FN may not ask the store: the ids are to be kept. */
typedef bool store_undo_fn(void *arg, int64_t id);
enum outcome store_undoable(struct store *s, const struct undo_choice *choice, store_undo_fn *fn,
    void *arg, struct error *err);

/* --- looking at all of it --------------------------------------------------------------------- */

/* One pass each over a store for what may be wrong. What a row says:
 *
 *	TARGETS           an alias (subject) leads to an address of ours (detail; as written: more)
 *	                  where at first sight nobody is at the time AT
 *	STEPS, LOCAL_..   addresses whose expansion takes more than one step
 *	EXTERNAL          an alias leads to an address (detail) whose domain (more) is not ours
 *	EXPIRED           an alias has been nobody since a time (number) not after AT
 *	HIDDEN            a mailbox whose address is an alias that does not lead to it, at AT
 *	CATCH_ALL_HIDES   a catch-all of a domain that stands for another (detail)
 *	CATCH_ALL_ALONE   a catch-all of a domain with nothing else in it
 *	CATCH_ALL_NEVER   a catch-all behind a pattern (detail) that matches everything
 *	MISPLACED         a mailbox in a domain of another kind (detail)
 *	BARE              a bare name while no domain is local
 *	ENTRIES           a map with entries (number of them) that no admin made
 *	DOMAINS           a domain of the kind mailbox or alias (detail) that stands for none
 *	MAILBOX_DOMAINS   a domain of the kind mailbox, and delimiters of its own (detail)
 *	DOTS              an address that is another (detail) but for its dots
 *	ALL_...           each of them
 *	HASHES            a mailbox whose password is of a scheme (detail, upper case, or empty) not
 *	                  made here; more: "$1$" and the like, where the hash begins so
 *	LIMITED           a mailbox whose own password has limits, as an app password may
 *	UNUSED            a mailbox nobody has logged into since AT; number: the last time, or 0
 */
enum store_scan {
	SCAN_TARGETS,
	SCAN_STEPS,
	SCAN_LOCAL_STEPS,
	SCAN_EXTERNAL,
	SCAN_EXPIRED,
	SCAN_HIDDEN,
	SCAN_CATCH_ALL_HIDES,
	SCAN_CATCH_ALL_ALONE,
	SCAN_CATCH_ALL_NEVER,
	SCAN_MISPLACED,
	SCAN_BARE,
	SCAN_ENTRIES,
	SCAN_DOMAINS,
	SCAN_MAILBOX_DOMAINS,
	SCAN_DOTS,
	SCAN_ALL_DOMAINS,
	SCAN_ALL_MAILBOXES,
	SCAN_ALL_ALIASES,
	SCAN_HASHES,
	SCAN_LIMITED,
	SCAN_UNUSED
};

struct scan_row {
	struct slice subject;
	struct slice detail;
	struct slice more;
	int64_t number;
};

/* Call FN for each row until it returns false; it may ask this store on, but neither scan nor
 * change it. FOUND, with or without rows, or RETRY. For STORE_ADMIN. */
typedef bool store_scan_fn(void *arg, const struct scan_row *row);
enum outcome store_scan(struct store *s, enum store_scan which, int64_t at, store_scan_fn *fn,
    void *arg, struct error *err);

/* Tell whether a canonical ADDRESS is a mailbox or an alias: FOUND or NONE. */
enum outcome store_taken(struct store *s, struct slice address, struct error *err);

/* Find when the store was changed for the last time: NONE when never. */
enum outcome store_newest(struct store *s, int64_t *at, struct error *err);

/* Look for damage in the whole file: FOUND when there is none, BAD when there is. */
enum outcome store_quick_check(struct store *s, struct error *err);

/* --- for other software ----------------------------------------------------------------------- */

/* Copy the public views (vmaild-views.7) of one moment into an SQLite file of their own at PATH,
 * which replaces an older one in one step: mode 0640, for GROUP or, with -1, for that of the older
 * one. With HASHES the view that has the passwords is among them; without, no byte of one is in the
 * file. BAD when something else lies at PATH. */
enum outcome store_publish(
    struct store *s, const char *path, int group, bool hashes, struct error *err);

/* --- changes: each one transaction, with its line in the change log -------------------------- */

/* Who and what rules the changes are made under. Borrowed while the store is open. */
struct password_cost;

struct store_actor {
	const char *who;                  /* for the change log */
	struct lookup_rules rules;        /* how addresses are read: loops are found with these */
	const struct password_cost *cost; /* what a stored hash may cost; NULL: by default */
};

void store_act_as(struct store *s, const struct store_actor *actor);

/* Make all changes from here to store_batch_end one transaction. Each is still made or refused
 * (BAD, NONE) by itself, and sees those before it; readers see none until the end. After a RETRY no
 * more are made. */
enum outcome store_batch_begin(struct store *s, struct error *err);

/* Commit them if KEEP, or leave no trace: a dry run. RETRY: nothing was changed. */
enum outcome store_batch_end(struct store *s, bool keep, struct error *err);

/* Add a domain. TARGET (may be empty) makes it stand for another one; that needs DOMAIN_ALIAS, and
 * the target must exist and stand for no other itself. */
enum outcome store_domain_add(struct store *s, struct slice name, enum domain_kind kind,
    struct slice target, struct error *err);

/* What a domain does in its own way. */
struct domain_settings {
	bool own_delimiters;
	struct slice delimiters; /* when own_delimiters; may be empty: none */
	int propagate;           /* 1, 0, or -1: as configured */
	unsigned only;           /* DOMAIN_SET_... of those that change; 0 for all of them */
};

enum { DOMAIN_SET_DELIMITERS = 1, DOMAIN_SET_PROPAGATE = 2 };

enum outcome store_domain_set(
    struct store *s, struct slice name, const struct domain_settings *settings, struct error *err);

/* Remove an empty domain; with ALL, its mailboxes and aliases too. BAD says what is still in it. */
enum outcome store_domain_remove(struct store *s, struct slice name, bool all, struct error *err);

/* Add a mailbox. HASH empty: nobody can log in yet. QUOTA in bytes, 0 for none. */
enum outcome store_mailbox_add(
    struct store *s, struct slice address, struct slice hash, int64_t quota, struct error *err);

enum outcome store_mailbox_passwd(
    struct store *s, struct slice address, struct slice hash, struct error *err);

/* Set what a mailbox may do. REASON (may be empty) is what its user is told. */
enum outcome store_mailbox_state(struct store *s, struct slice address, enum account_state state,
    struct slice reason, struct error *err);

enum outcome store_mailbox_quota(
    struct store *s, struct slice address, int64_t quota, struct error *err);

/* Remove a mailbox and its credentials. Aliases that lead to it are left; BAD names one such alias
 * unless FORCE is set. */
enum outcome store_mailbox_remove(
    struct store *s, struct slice address, bool force, struct error *err);

/* Add TARGETS (N of them, as typed) to the alias ADDRESS (an address, `@domain` for the catch-all,
 * or a bare local part for local domains), making it when it is not there. Targets it already has
 * are FOUND and change nothing. Refused: see mail/rules.h. */
enum outcome store_alias_add(struct store *s, struct slice address, const struct slice *targets,
    size_t n, struct error *err);

/* Remove TARGETS from the alias, or all of it with N = 0 (or when none is left). NONE when the
 * alias or one of the targets is not there. */
enum outcome store_alias_remove(struct store *s, struct slice address, const struct slice *targets,
    size_t n, struct error *err);

/* Set what an alias is besides its targets. */
enum outcome store_alias_set(struct store *s, struct slice address,
    const struct alias_settings *settings, struct error *err);

/* Make a map, or remove one with all its entries. BAD for the names of the program's own. */
enum outcome store_map_create(
    struct store *s, struct slice name, enum key_search search, struct error *err);
enum outcome store_map_remove(struct store *s, struct slice name, struct error *err);

/* Give a key of a map its value, or take the key out (NONE when it is not there). */
enum outcome store_entry_set(
    struct store *s, struct slice map, struct slice key, struct slice value, struct error *err);
enum outcome store_entry_unset(
    struct store *s, struct slice map, struct slice key, struct error *err);

/* Set many in one transaction: NEXT fills in one key and value after the other (views that live
 * until the next call) and returns false behind the last. The first that is refused ends it all,
 * and nothing is changed. */
typedef bool store_entry_next(void *arg, struct slice *key, struct slice *value);
enum outcome store_entries_set(
    struct store *s, struct slice map, store_entry_next *next, void *arg, struct error *err);

#endif
