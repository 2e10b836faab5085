/* SPDX-License-Identifier: ISC
 *
 * Records: put into a store by the rules, told as what they were before, read back as they were
 * put, and a whole store copied record by record.
 */
#include "steps.h"
#include "store/logins.h"
#include "store/record.h"

/* --- records as text ----------------------------------------------------------------------------
 */

static const char *const kind_names[] = { "domain", "mailbox", "alias", "map", "entry" };
static const char *const change_names[] = { "same", "added", "changed", "gone" };

static void
show_mailbox(struct sbuf *out, const struct record *r)
{
	sbuf_printf(out, " quota=%lld home=%.*s mail=%.*s ids=%u:%u networks=%.*s %s '%.*s'",
	    (long long)r->quota, (int)r->home.n, r->home.p, (int)r->mail.n, r->mail.p, r->uid,
	    r->gid, (int)r->networks.n, r->networks.p, account_state_name(r->state),
	    (int)r->reason.n, r->reason.p);
	for (size_t i = 0; i < r->credentials; i++) {
		const struct record_credential *c = &r->credential[i];

		sbuf_printf(out, " [%.*s|%.*s|%.*s|%.*s|%lld]", (int)c->label.n, c->label.p,
		    (int)c->hash.n, c->hash.p, (int)c->services.n, c->services.p,
		    (int)c->networks.n, c->networks.p, (long long)c->expires);
	}
}

static void
show_alias(struct sbuf *out, const struct record *r)
{
	for (size_t i = 0; i < r->n_targets; i++)
		sbuf_printf(out, " %.*s", (int)r->targets[i].n, r->targets[i].p);
	sbuf_printf(out, " disabled=%d internal=%d expires=%lld note=%.*s owner=%.*s", r->disabled,
	    r->internal, (long long)r->expires, (int)r->note.n, r->note.p, (int)r->owner.n,
	    r->owner.p);
}

static bool
show(void *arg, const struct record *r)
{
	struct sbuf *out = arg;

	sbuf_printf(out, "%s %.*s", kind_names[r->kind], (int)r->name.n, r->name.p);
	if (r->kind == RECORD_DOMAIN)
		sbuf_printf(out, " %s target=%.*s own=%d '%.*s' propagate=%d",
		    domain_kind_name(r->domain_kind), (int)r->target.n, r->target.p,
		    r->own_delimiters, (int)r->delimiters.n, r->delimiters.p, r->propagate);
	if (r->kind == RECORD_MAILBOX)
		show_mailbox(out, r);
	if (r->kind == RECORD_ALIAS)
		show_alias(out, r);
	if (r->kind == RECORD_MAP)
		sbuf_printf(out, " %s", key_search_name(r->search));
	if (r->kind == RECORD_ENTRY)
		sbuf_printf(
		    out, " in %.*s: %.*s", (int)r->map.n, r->map.p, (int)r->value.n, r->value.p);
	sbuf_add_chr(out, '\n');
	return true;
}

/* --- records to put -----------------------------------------------------------------------------
 */

#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof text - 1                                                              \
	}

static const struct slice two_targets[] = { NAME("Harry@example.com"), NAME("x@else.test") };
static const struct slice twisted[] = { NAME("x@else.test"), NAME("harry@example.com") };
static const struct slice circle[] = { NAME("round@example.com") };
static const struct slice to_other[] = { NAME("harry@other.test") };
static const struct slice no_address[] = { NAME("no address") };
static const struct record_credential two_passwords[] = {
	{ .hash = NAME("{PLAIN}one") },
	{ .label = NAME("phone"),
	    .hash = NAME("{PLAIN}app"),
	    .services = NAME("imap,smtp"),
	    .networks = NAME("192.0.2.0/24,2001:db8::/32"),
	    .expires = 77 },
};
static const struct record_credential two_alike[] = { { .hash = NAME("{PLAIN}one") },
	{ .hash = NAME("{PLAIN}two") } };
static const struct record_credential no_hash[] = { { .hash = NAME("") } };
static const struct record_credential own_services[] = { { .hash = NAME("{PLAIN}one"),
    .services = NAME("imap") } };
static const struct record_credential own_networks[] = { { .hash = NAME("{PLAIN}one"),
    .networks = NAME("192.0.2.0/24") } };
static const struct record_credential own_end[] = { { .hash = NAME("{PLAIN}one"), .expires = 77 } };
static const struct record_credential odd_services[] = { { .hash = NAME("{PLAIN}one"),
    .services = NAME("imap,") } };
static const struct record_credential odd_networks[] = { { .hash = NAME("{PLAIN}one"),
    .networks = NAME("192.0.2.0/33") } };
static const struct record_credential host_networks[] = {
	{ .label = NAME("desk"), .hash = NAME("{PLAIN}one"), .networks = NAME("2001:DB8::1/128") },
	{ .label = NAME("phone"), .hash = NAME("{PLAIN}app"), .networks = NAME("10.1.2.3/8") },
	{ .label = NAME("tablet"), .hash = NAME("{PLAIN}tab") },
};

static const struct record_credential blank_label[] = {
	{ .hash = NAME("{PLAIN}one") },
	{ .label = NAME(" my phone\t"), .hash = NAME("{PLAIN}app") },
};
static const struct record_credential one_label[] = {
	{ .label = NAME("phone"), .hash = NAME("{PLAIN}one") },
	{ .label = NAME(" phone"), .hash = NAME("{PLAIN}two") },
};
static const struct record_credential no_label[] = { { .label = NAME(" "),
    .hash = NAME("{PLAIN}one") } };
static const struct record_credential odd_label[] = { { .label = NAME("a\nb"),
    .hash = NAME("{PLAIN}one") } };
static const struct record_credential no_text[] = { { .label = NAME("caf\xe9"),
    .hash = NAME("{PLAIN}one") } };

struct put_case {
	const char *name;
	struct record r;
	enum outcome expected;
	const char *says;         /* when it is refused */
	enum record_change first; /* what it takes the first time; the second it is the same */
	const char *what;         /* how the log calls it */
	const char *reads;        /* how it reads then */
};

/* clang-format off */
static const struct put_case puts_[] = {
	{ "a new domain, folded", { .kind = RECORD_DOMAIN, .name = NAME("New.TEST.") },
	  FOUND, NULL, RECORD_ADDED, "domain add", "domain new.test mailbox target= own=0 '' propagate=-1\n" },
	{ "one with all settings", { .kind = RECORD_DOMAIN, .name = NAME("new.test"), .said = RECORD_ALL,
	    .domain_kind = DOMAIN_ALIAS, .target = NAME("Example.com"), .own_delimiters = true,
	    .delimiters = NAME("-="), .propagate = 1 },
	  FOUND, NULL, RECORD_ADDED, "domain add",
	  "domain new.test alias target=example.com own=1 '-=' propagate=1\n" },
	{ "nothing said of one that is there", { .kind = RECORD_DOMAIN, .name = NAME("example.com") },
	  FOUND, NULL, RECORD_SAME, NULL, "domain example.com mailbox target= own=0 '' propagate=-1\n" },
	{ "another kind", { .kind = RECORD_DOMAIN, .name = NAME("relay.test"), .said = RECORD_DOMAIN_KIND,
	    .domain_kind = DOMAIN_LOCAL },
	  FOUND, NULL, RECORD_CHANGED, "domain set", "domain relay.test local target= own=0 '' propagate=-1\n" },
	{ "no delimiters at all", { .kind = RECORD_DOMAIN, .name = NAME("relay.test"), .said = RECORD_DELIMITERS,
	    .own_delimiters = true },
	  FOUND, NULL, RECORD_CHANGED, "domain set", "domain relay.test relay target= own=1 '' propagate=-1\n" },
	{ "a stand-in that is one no more", { .kind = RECORD_DOMAIN, .name = NAME("other.test"),
	    .said = RECORD_DOMAIN_KIND, .domain_kind = DOMAIN_RELAY },
	  FOUND, NULL, RECORD_CHANGED, "domain set", "domain other.test relay target= own=0 '' propagate=-1\n" },

	{ "a new mailbox", { .kind = RECORD_MAILBOX, .name = NAME("Tom@Example.com") },
	  FOUND, NULL, RECORD_ADDED, "user add",
	  "mailbox tom@example.com quota=0 home= mail= ids=0:0 networks= active ''\n" },
	{ "one with everything", { .kind = RECORD_MAILBOX, .name = NAME("tom@example.com"), .said = RECORD_ALL,
	    .quota = 5, .home = NAME("/srv/tom"), .mail = NAME("mbox:~/m"), .uid = 7, .gid = 8,
	    .networks = NAME("10.0.0.0/8"), .state = STATE_SUSPENDED, .reason = NAME("why"),
	    .credential = two_passwords, .credentials = 2 },
	  FOUND, NULL, RECORD_ADDED, "user add",
	  "mailbox tom@example.com quota=5 home=/srv/tom mail=mbox:~/m ids=7:8 networks=10.0.0.0/8 suspended 'why'"
	  " [|{PLAIN}one|||0] [phone|{PLAIN}app|imap,smtp|192.0.2.0/24,2001:db8::/32|77]\n" },
	{ "a quota", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"), .said = RECORD_QUOTA, .quota = 9 },
	  FOUND, NULL, RECORD_CHANGED, "user quota",
	  "mailbox harry@example.com quota=9 home= mail= ids=0:0 networks= active '' [|{PLAIN}one|||0]\n" },
	{ "a state", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"), .said = RECORD_STATE,
	    .state = STATE_SEND_ONLY },
	  FOUND, NULL, RECORD_CHANGED, "user state",
	  "mailbox harry@example.com quota=0 home= mail= ids=0:0 networks= send-only '' [|{PLAIN}one|||0]\n" },
	{ "one password more", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_CREDENTIALS, .credential = two_passwords, .credentials = 2 },
	  FOUND, NULL, RECORD_CHANGED, "user passwd",
	  "mailbox harry@example.com quota=0 home= mail= ids=0:0 networks= active ''"
	  " [|{PLAIN}one|||0] [phone|{PLAIN}app|imap,smtp|192.0.2.0/24,2001:db8::/32|77]\n" },
	{ "networks with the bits of a host, in a new mailbox", { .kind = RECORD_MAILBOX,
	    .name = NAME("tom@example.com"), .said = RECORD_NETWORKS | RECORD_CREDENTIALS,
	    .networks = NAME("192.0.2.5/24, 2001:DB8::7/32"), .credential = host_networks, .credentials = 3 },
	  FOUND, NULL, RECORD_ADDED, "user add",
	  "mailbox tom@example.com quota=0 home= mail= ids=0:0 networks=192.0.2.0/24,2001:db8::/32 active ''"
	  " [desk|{PLAIN}one||2001:db8::1|0] [phone|{PLAIN}app||10.0.0.0/8|0] [tablet|{PLAIN}tab|||0]\n" },
	{ "the same in one that is there", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_NETWORKS | RECORD_CREDENTIALS, .networks = NAME("::ffff:192.0.2.5/120"),
	    .credential = host_networks, .credentials = 3 },
	  FOUND, NULL, RECORD_CHANGED, "user set",
	  "mailbox harry@example.com quota=0 home= mail= ids=0:0 networks=192.0.2.0/24 active ''"
	  " [desk|{PLAIN}one||2001:db8::1|0] [phone|{PLAIN}app||10.0.0.0/8|0] [tablet|{PLAIN}tab|||0]\n" },
	{ "a label with blanks around it", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_CREDENTIALS, .credential = blank_label, .credentials = 2 },
	  FOUND, NULL, RECORD_CHANGED, "user passwd",
	  "mailbox harry@example.com quota=0 home= mail= ids=0:0 networks= active ''"
	  " [|{PLAIN}one|||0] [my phone|{PLAIN}app|||0]\n" },
	{ "no password any more", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_CREDENTIALS },
	  FOUND, NULL, RECORD_CHANGED, "user passwd",
	  "mailbox harry@example.com quota=0 home= mail= ids=0:0 networks= active ''\n" },
	{ "two things", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_QUOTA | RECORD_HOME, .quota = 1, .home = NAME("/h") },
	  FOUND, NULL, RECORD_CHANGED, "user set",
	  "mailbox harry@example.com quota=1 home=/h mail= ids=0:0 networks= active '' [|{PLAIN}one|||0]\n" },

	{ "a new alias", { .kind = RECORD_ALIAS, .name = NAME("NEW@example.com"), .said = RECORD_TARGETS,
	    .targets = two_targets, .n_targets = 2 },
	  FOUND, NULL, RECORD_ADDED, "alias add",
	  "alias new@example.com Harry@example.com x@else.test disabled=0 internal=0 expires=0 note= owner=\n" },
	{ "one with all settings", { .kind = RECORD_ALIAS, .name = NAME("sale*@example.com"), .said = RECORD_ALL,
	    .targets = two_targets, .n_targets = 2, .disabled = true, .internal = true, .expires = 99,
	    .note = NAME("n"), .owner = NAME("o") },
	  FOUND, NULL, RECORD_ADDED, "alias add",
	  "alias sale*@example.com Harry@example.com x@else.test disabled=1 internal=1 expires=99 note=n owner=o\n" },
	{ "other targets, in their order", { .kind = RECORD_ALIAS, .name = NAME("info@example.com"),
	    .said = RECORD_TARGETS, .targets = twisted, .n_targets = 2 },
	  FOUND, NULL, RECORD_CHANGED, "alias set",
	  "alias info@example.com x@else.test harry@example.com disabled=0 internal=0 expires=0 note= owner=\n" },
	{ "a note", { .kind = RECORD_ALIAS, .name = NAME("info@example.com"), .said = RECORD_NOTE, .note = NAME("n") },
	  FOUND, NULL, RECORD_CHANGED, "alias set",
	  "alias info@example.com harry@example.com Sally@else.test disabled=0 internal=0 expires=0 note=n owner=\n" },

	{ "a map", { .kind = RECORD_MAP, .name = NAME("mine"), .search = SEARCH_NETWORK },
	  FOUND, NULL, RECORD_ADDED, "map create", "map mine network\n" },
	{ "an entry", { .kind = RECORD_ENTRY, .name = NAME("Example.ORG"), .map = NAME("transports"),
	    .value = NAME(" smtp:[h] ") },
	  FOUND, NULL, RECORD_ADDED, "map set", "entry example.org in transports: smtp:[h]\n" },

	{ "a domain that is none", { .kind = RECORD_DOMAIN, .name = NAME("a b") }, BAD, "no domain name", 0, NULL, NULL },
	{ "a kind with mailboxes in it", { .kind = RECORD_DOMAIN, .name = NAME("example.com"),
	    .said = RECORD_DOMAIN_KIND, .domain_kind = DOMAIN_RELAY }, BAD, "still has 2 mailboxes", 0, NULL, NULL },
	{ "a stand-in for a stand-in", { .kind = RECORD_DOMAIN, .name = NAME("fwd.test"),
	    .said = RECORD_DOMAIN_KIND, .domain_kind = DOMAIN_ALIAS, .target = NAME("other.test") },
	  BAD, "stands for 'example.com' itself", 0, NULL, NULL },
	{ "a stand-in of kind relay", { .kind = RECORD_DOMAIN, .name = NAME("relay.test"),
	    .said = RECORD_DOMAIN_KIND, .domain_kind = DOMAIN_RELAY, .target = NAME("example.com") },
	  BAD, "cannot stand for another", 0, NULL, NULL },
	{ "for a domain that is not there", { .kind = RECORD_DOMAIN, .name = NAME("relay.test"),
	    .said = RECORD_DOMAIN_KIND, .domain_kind = DOMAIN_ALIAS, .target = NAME("no.test") },
	  BAD, "not in the store", 0, NULL, NULL },
	{ "a mailbox of no domain", { .kind = RECORD_MAILBOX, .name = NAME("a@no.test") },
	  BAD, "not in the store", 0, NULL, NULL },
	{ "a mailbox in a stand-in", { .kind = RECORD_MAILBOX, .name = NAME("a@other.test") },
	  BAD, "add the mailbox there", 0, NULL, NULL },
	{ "two passwords of one label", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_CREDENTIALS, .credential = two_alike, .credentials = 2 },
	  BAD, "same label", 0, NULL, NULL },
	{ "a password for some services", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_CREDENTIALS, .credential = own_services, .credentials = 1 },
	  BAD, "only an app password can have", 0, NULL, NULL },
	{ "a password from somewhere", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_CREDENTIALS, .credential = own_networks, .credentials = 1 },
	  BAD, "only an app password can have", 0, NULL, NULL },
	{ "a password for a time, of a new mailbox", { .kind = RECORD_MAILBOX, .name = NAME("tom@example.com"),
	    .said = RECORD_CREDENTIALS, .credential = own_end, .credentials = 1 },
	  BAD, "only an app password can have", 0, NULL, NULL },
	{ "two of one label but for a blank", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_CREDENTIALS, .credential = one_label, .credentials = 2 },
	  BAD, "same label: 'phone'", 0, NULL, NULL },
	{ "a label of blanks is not the own password", { .kind = RECORD_MAILBOX,
	    .name = NAME("harry@example.com"), .said = RECORD_CREDENTIALS, .credential = no_label,
	    .credentials = 1 },
	  BAD, "needs a label", 0, NULL, NULL },
	{ "a label of two lines", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_CREDENTIALS, .credential = odd_label, .credentials = 1 },
	  BAD, "control character", 0, NULL, NULL },
	{ "a label that is no text", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_CREDENTIALS, .credential = no_text, .credentials = 1 },
	  BAD, "not UTF-8", 0, NULL, NULL },
	{ "an empty hash", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_CREDENTIALS, .credential = no_hash, .credentials = 1 }, BAD, "is empty", 0, NULL, NULL },
	{ "odd services", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_CREDENTIALS, .credential = odd_services, .credentials = 1 },
	  BAD, "no list of services", 0, NULL, NULL },
	{ "odd networks", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_CREDENTIALS, .credential = odd_networks, .credentials = 1 },
	  BAD, "'192.0.2.0/33' is no network", 0, NULL, NULL },
	{ "odd networks of a mailbox", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_NETWORKS, .networks = NAME("192.0.2.0/24,home") },
	  BAD, "'home' is no network", 0, NULL, NULL },
	{ "a list with no network in it is not everywhere", { .kind = RECORD_MAILBOX,
	    .name = NAME("harry@example.com"), .said = RECORD_NETWORKS, .networks = NAME(" ,") },
	  BAD, "there is no network in ' ,'", 0, NULL, NULL },
	{ "a negative quota", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_QUOTA, .quota = -1 }, BAD, "negative", 0, NULL, NULL },
	{ "a uid that is nobody's", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_IDS, .uid = 4294967295 }, BAD, "at most 4294967294", 0, NULL, NULL },
	{ "a home that is no whole path", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_HOME, .home = NAME("rel/../etc") }, BAD, "does not begin with a slash", 0, NULL, NULL },
	{ "of a new one as well", { .kind = RECORD_MAILBOX, .name = NAME("tom@example.com"),
	    .said = RECORD_HOME, .home = NAME("rel") }, BAD, "does not begin with a slash", 0, NULL, NULL },
	{ "a place that says no kind", { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"),
	    .said = RECORD_MAIL, .mail = NAME("nonsense %x") }, BAD, "does not tell where mail is", 0, NULL, NULL },
	{ "an alias without targets", { .kind = RECORD_ALIAS, .name = NAME("new@example.com") },
	  BAD, "at least one target", 0, NULL, NULL },
	{ "a target that is none", { .kind = RECORD_ALIAS, .name = NAME("new@example.com"),
	    .said = RECORD_TARGETS, .targets = no_address, .n_targets = 1 }, BAD, "no domain", 0, NULL, NULL },
	{ "a circle", { .kind = RECORD_ALIAS, .name = NAME("x@fwd.test"), .said = RECORD_TARGETS,
	    .targets = circle, .n_targets = 1 }, BAD, "circles", 0, NULL, NULL },
	{ "a catch-all of a stand-in", { .kind = RECORD_ALIAS, .name = NAME("@other.test"),
	    .said = RECORD_TARGETS, .targets = to_other, .n_targets = 1 }, BAD, "stands for", 0, NULL, NULL },
	{ "one of the program's maps", { .kind = RECORD_MAP, .name = NAME("transports") },
	  BAD, "is a map already", 0, NULL, NULL },
	{ "an entry of no map", { .kind = RECORD_ENTRY, .name = NAME("k"), .map = NAME("none"), .value = NAME("v") },
	  BAD, "no map 'none'", 0, NULL, NULL },
	{ "an empty value", { .kind = RECORD_ENTRY, .name = NAME("k"), .map = NAME("transports"), .value = NAME(" ") },
	  BAD, "empty", 0, NULL, NULL },
};
/* clang-format on */

static void
prepare(struct store *s)
{
	struct error e = { "" };

	must(alias_add(s, "round@example.com", "x@fwd.test", &e), &e, "half a circle");
}

static void
check_taken(struct fixture *f, const struct put_case *c)
{
	enum record_change did;
	struct sbuf out;
	char sql[160];
	int64_t id;

	sbuf_init(&out, 1 << 16);
	must(store_get(f->s, &c->r, show, &out, &f->err), &f->err, "read");
	assert_string_equal(sbuf_cstr(&out), c->reads);
	id = last_change(f->path);
	if (c->what != NULL) {
		snprintf(sql, sizeof sql, "SELECT what FROM change WHERE id = %lld", (long long)id);
		sbuf_clear(&out);
		raw_rows(f->path, &out, sql);
		sbuf_truncate(&out, out.n - 1);
		assert_string_equal(sbuf_cstr(&out), c->what);
	}
	must(store_put(f->s, &c->r, &did, &f->err), &f->err, "again");
	assert_string_equal(change_names[did], "same");
	assert_int_equal(last_change(f->path), id);
	sbuf_release(&out);
}

static void
check_put(struct fixture *f, const struct put_case *c)
{
	enum record_change did = RECORD_GONE;
	struct sbuf before, after;
	enum outcome o;

	dump(f->path, &before);
	o = store_put(f->s, &c->r, &did, &f->err);
	if (o != c->expected)
		fail_msg("%s: %s", outcome_name(o), f->err.text);
	if (o == FOUND) {
		assert_string_equal(change_names[did], change_names[c->first]);
		check_taken(f, c);
	} else {
		if (strstr(f->err.text, c->says) == NULL)
			fail_msg("says: %s", f->err.text);
		dump(f->path, &after);
		assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
		sbuf_release(&after);
	}
	sbuf_release(&before);
}

static void
test_put(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof puts_ / sizeof puts_[0]; i++) {
		void *state = NULL;

		print_message("# %s\n", puts_[i].name);
		assert_int_equal(full_setup(&state), 0);
		prepare(((struct fixture *)state)->s);
		check_put(state, &puts_[i]);
		teardown(&state);
	}
}

/* --- as many app passwords as a mailbox may have ------------------------------------------------
 */

enum { MANY = APP_PASSWORDS_MAX + 2 };

/* N of them, from the one of number FIRST on. */
static struct record
with_app_passwords(struct record_credential *list, char (*label)[16], int first, int n)
{
	for (int i = 0; i < n; i++) {
		snprintf(label[i], sizeof label[i], "n%02d", first + i);
		list[i] = (struct record_credential){ .label = slice_str(label[i]),
			.hash = slice_str("{PLAIN}app") };
	}
	return (struct record){ .kind = RECORD_MAILBOX,
		.name = slice_str("harry@example.com"),
		.said = RECORD_CREDENTIALS,
		.credential = list,
		.credentials = (size_t)n };
}

static void
see_nothing(void *arg, const struct record *now, const struct record *wanted, bool differs)
{
	(void)now;
	(void)wanted;
	*(bool *)arg = differs;
}

/* Refused, whether it is there already or new, and with others that stay; and by a comparison. */
static void
must_refuse_many(struct fixture *f, const struct record *r, const char *says)
{
	struct record fresh = *r;
	struct sbuf before, after;
	enum record_change did;
	bool differs;

	fresh.name = slice_str("tom@example.com");
	dump(f->path, &before);
	assert_int_equal(store_put(f->s, r, &did, &f->err), BAD);
	if (strstr(f->err.text, says) == NULL)
		fail_msg("says: %s", f->err.text);
	if (!r->merge) {
		assert_int_equal(store_put(f->s, &fresh, &did, &f->err), BAD);
		assert_int_equal(store_compare(f->s, r, see_nothing, &differs, &f->err), BAD);
		assert_non_null(strstr(f->err.text, says));
	}
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	sbuf_release(&before);
	sbuf_release(&after);
}

static void
test_app_passwords_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct record_credential list[MANY];
	char label[MANY][16];
	enum record_change did;
	struct record r = with_app_passwords(list, label, 0, APP_PASSWORDS_MAX + 1);

	must_refuse_many(f, &r, "would have 33 app passwords");
	r = with_app_passwords(list, label, 0, APP_PASSWORDS_MAX);
	must(store_put(f->s, &r, &did, &f->err), &f->err, "as many as there may be");
	r.merge = true;
	must(store_put(f->s, &r, &did, &f->err), &f->err, "the same, merged");
	assert_int_equal(did, RECORD_SAME);
	r = with_app_passwords(list, label, 31, 2);
	r.merge = true;
	must_refuse_many(f, &r, "would have 33 app passwords");
}

/* As an earlier release has let them in. */
static void
test_too_many_app_passwords_stay(void **state)
{
	struct fixture *f = *state;
	struct record_credential list[MANY];
	char label[MANY][16];
	enum record_change did;
	struct record r;
	char sql[160];
	int64_t id;

	for (int i = 0; i < MANY; i++) {
		snprintf(sql, sizeof sql,
		    "INSERT INTO credential (mailbox, label, hash, created) "
		    "VALUES ('harry@example.com', 'n%02d', '{PLAIN}app', 1)",
		    i);
		raw(f->path, sql);
	}
	r = with_app_passwords(list, label, 0, MANY);
	r.merge = true;
	must(store_put(f->s, &r, &did, &f->err), &f->err, "those that are there");
	assert_int_equal(did, RECORD_SAME);
	r = with_app_passwords(list, label, 0, MANY - 1);
	must(store_put(f->s, &r, &did, &f->err), &f->err, "one less");
	id = last_change(f->path);
	r = with_app_passwords(list, label, 0, MANY);
	assert_int_equal(store_put(f->s, &r, &did, &f->err), BAD);
	must(store_undo(f->s, id, false, &f->err), &f->err, "undone");
	r = (struct record){ .kind = RECORD_MAILBOX,
		.name = slice_str("harry@example.com"),
		.said = RECORD_QUOTA,
		.quota = 7 };
	must(store_put(f->s, &r, &did, &f->err), &f->err, "a quota");
}

/* --- places of an earlier release ---------------------------------------------------------------
 */

static bool
see_place(void *arg, struct slice where, struct slice name, const char *text)
{
	assert_true(slice_is(where, "mailbox"));
	assert_true(slice_is(name, "harry@example.com"));
	sbuf_printf(arg, "%s\n", text);
	return true;
}

/* They may stay, go, and come back with what is undone; and are told of. */
static void
test_old_places_stay(void **state)
{
	struct fixture *f = *state;
	struct record r = { .kind = RECORD_MAILBOX,
		.name = S("harry@example.com"),
		.said = RECORD_QUOTA | RECORD_HOME | RECORD_MAIL,
		.home = S("rel"),
		.mail = S("odd"),
		.quota = 7 };
	enum record_change did;
	struct sbuf out;
	bool differs;

	raw(f->path, "UPDATE mailbox SET home = 'rel', mail = 'odd' WHERE address LIKE 'harry%'");
	sbuf_init(&out, 4096);
	must(store_compare(f->s, &r, see_nothing, &differs, &f->err), &f->err, "compared");
	must(store_put(f->s, &r, &did, &f->err), &f->err, "with a quota");
	must(store_check(f->s, see_place, &out, &f->err), &f->err, "checked");
	assert_non_null(strstr(sbuf_cstr(&out), "the home 'rel' does not begin with a slash"));
	assert_non_null(strstr(sbuf_cstr(&out), "'odd' does not tell where mail is"));
	r.home = S("/srv/h");
	r.mail = S("maildir:~/m");
	must(store_put(f->s, &r, &did, &f->err), &f->err, "as they should be");
	assert_int_equal(store_check(f->s, see_place, &out, &f->err), NONE);
	r.home = S("rel");
	assert_int_equal(store_put(f->s, &r, &did, &f->err), BAD);
	assert_int_equal(store_compare(f->s, &r, see_nothing, &differs, &f->err), BAD);
	must(store_undo(f->s, last_change(f->path), false, &f->err), &f->err, "undone");
	sbuf_clear(&out);
	raw_rows(
	    f->path, &out, "SELECT home, mail, quota FROM mailbox WHERE address LIKE 'harry%'");
	assert_string_equal(sbuf_cstr(&out), "rel|odd|7\n");
	must(store_mailbox_remove(f->s, S("harry@example.com"), true, &f->err), &f->err, "removed");
	must(store_undo(f->s, last_change(f->path), false, &f->err), &f->err, "and back");
	sbuf_release(&out);
}

/* --- a whole store ------------------------------------------------------------------------------
 */

struct copy {
	struct store *to;
	struct error err;
	size_t n;
};

static bool
put_copy(void *arg, const struct record *r)
{
	struct copy *c = arg;
	enum record_change did;

	c->n++;
	must(store_put(c->to, r, &did, &c->err), &c->err, "copied");
	return true;
}

/* One of everything, with all that can be said of each. */
static void
put_all(struct store *s)
{
	struct error e = { "" };
	enum record_change did;

	for (size_t i = 0; i < sizeof puts_ / sizeof puts_[0]; i++)
		if (puts_[i].expected == FOUND)
			must(store_put(s, &puts_[i].r, &did, &e), &e, puts_[i].name);
}

static void
data_dump(const char *path, struct sbuf *out)
{
	static const char *const all[] = {
		"SELECT * FROM domain ORDER BY name",
		"SELECT * FROM mailbox ORDER BY address",
		"SELECT mailbox, label, hash, services, networks, expires, created FROM credential "
		"ORDER BY mailbox, label",
		"SELECT * FROM alias ORDER BY address",
		"SELECT * FROM alias_target ORDER BY address, position",
		"SELECT * FROM map ORDER BY name",
		"SELECT * FROM entry ORDER BY map, key",
	};

	sbuf_init(out, 1 << 20);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		raw_rows(path, out, all[i]);
}

/* Age everything, so that what is copied cannot be taken for what is made now. */
static void
age(const char *path)
{
	raw(path, "UPDATE domain SET created = 11; UPDATE mailbox SET created = 12;"
		  "UPDATE credential SET created = 13; UPDATE alias SET created = 14;"
		  "UPDATE map SET created = 15; UPDATE entry SET created = 16;");
}

static void
test_copy_is_the_same(void **state)
{
	struct fixture *f = *state;
	struct copy c = { .n = 0 };
	struct sbuf from, to;
	char path[160];

	prepare(f->s);
	put_all(f->s);
	age(f->path);
	snprintf(path, sizeof path, "%s/copy/vmail.db", f->dir);
	create_at(path);
	c.to = open_at(path, STORE_ADMIN);
	must(store_batch_begin(c.to, &f->err), &f->err, "batch");
	must(store_records(f->s, put_copy, &c, &f->err), &f->err, "records");
	must(store_batch_end(c.to, true, &f->err), &f->err, "commit");
	assert_true(c.n >= 15);
	data_dump(f->path, &from);
	data_dump(path, &to);
	assert_string_equal(sbuf_cstr(&to), sbuf_cstr(&from));
	store_close(c.to);
	sbuf_release(&from);
	sbuf_release(&to);
}

struct few {
	int left;
	enum record_kind last;
	bool ordered;
};

static bool
take_few(void *arg, const struct record *r)
{
	struct few *few = arg;

	few->ordered = few->ordered && r->kind >= few->last;
	few->last = r->kind;
	return --few->left > 0;
}

static void
test_records_end_and_are_ordered(void **state)
{
	struct fixture *f = *state;
	struct few few = { 3, RECORD_DOMAIN, true };
	struct few all = { 1000, RECORD_DOMAIN, true };

	put_all(f->s);
	must(store_records(f->s, take_few, &few, &f->err), &f->err, "few");
	assert_int_equal(few.left, 0);
	must(store_records(f->s, take_few, &all, &f->err), &f->err, "all");
	assert_true(all.ordered);
	assert_int_equal(all.last, RECORD_ENTRY);
}

static bool
write_meanwhile(void *arg, const struct record *r)
{
	struct fixture *f = arg;
	struct store *other = open_at(f->path, STORE_ADMIN);

	domain_add(other, "zz.test", "relay", "", &f->err);
	store_close(other);
	return !slice_is(r->name, "zz.test");
}

/* A reader of everything neither sees what is written meanwhile nor holds it up. */
static void
test_records_are_of_one_moment(void **state)
{
	struct fixture *f = *state;
	struct sbuf before, after;

	sbuf_init(&before, 1 << 16);
	sbuf_init(&after, 1 << 16);
	must(store_begin(f->s, &f->err), &f->err, "view");
	must(store_records(f->s, show, &before, &f->err), &f->err, "before");
	must(store_records(f->s, write_meanwhile, f, &f->err), &f->err, "meanwhile");
	must(store_records(f->s, show, &after, &f->err), &f->err, "after");
	store_end(f->s);
	assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "zz.test", &f->err), FOUND);
	sbuf_release(&before);
	sbuf_release(&after);
}

/* --- dropping -----------------------------------------------------------------------------------
 */

static void
test_drop(void **state)
{
	static const struct {
		struct record r;
		enum outcome expected;
		const char *says;
	} drops[] = {
		{ { .kind = RECORD_DOMAIN, .name = NAME("example.com") }, BAD,
		    "stands for 'example.com'" },
		{ { .kind = RECORD_DOMAIN, .name = NAME("relay.test") }, FOUND, NULL },
		{ { .kind = RECORD_DOMAIN, .name = NAME("relay.test") }, NONE, "no domain" },
		{ { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com") }, BAD, "leads to" },
		{ { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com"), .force = true },
		    FOUND, NULL },
		{ { .kind = RECORD_MAILBOX, .name = NAME("harry@example.com") }, NONE,
		    "no mailbox" },
		{ { .kind = RECORD_ALIAS, .name = NAME("INFO@example.com") }, FOUND, NULL },
		{ { .kind = RECORD_ALIAS, .name = NAME("info@example.com") }, NONE, "no alias" },
		{ { .kind = RECORD_MAP, .name = NAME("mine") }, NONE, "no map" },
		{ { .kind = RECORD_ENTRY, .map = NAME("transports"), .name = NAME("k") }, NONE,
		    "no key" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof drops / sizeof drops[0]; i++) {
		enum outcome o = store_drop(f->s, &drops[i].r, &f->err);

		if (o != drops[i].expected ||
		    (o != FOUND && strstr(f->err.text, drops[i].says) == NULL))
			fail_msg("%zu is %s: %s", i, outcome_name(o), f->err.text);
	}
}

/* What a limit of a password changes is not the password's age; a new hash is a new one. */
static void
test_age_of_credentials(void **state)
{
	struct fixture *f = *state;
	struct record_credential c = {
		.label = S("phone"), .hash = S("{PLAIN}one"), .expires = 99
	};
	struct record r = { .kind = RECORD_MAILBOX,
		.name = S("harry@example.com"),
		.said = RECORD_CREDENTIALS,
		.credential = &c,
		.credentials = 1 };
	enum record_change did;
	struct sbuf out;

	raw(f->path, "UPDATE credential SET label = 'phone'");
	age(f->path);
	must(store_put(f->s, &r, &did, &f->err), &f->err, "limited");
	c.hash = S("{PLAIN}two");
	c.created = 21;
	sbuf_init(&out, 1 << 10);
	raw_rows(f->path, &out, "SELECT expires, created FROM credential");
	assert_string_equal(sbuf_cstr(&out), "99|13\n");
	must(store_put(f->s, &r, &did, &f->err), &f->err, "changed");
	sbuf_clear(&out);
	raw_rows(f->path, &out, "SELECT hash, expires, created FROM credential");
	assert_string_equal(sbuf_cstr(&out), "{PLAIN}two|99|21\n");
	sbuf_release(&out);
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, full_setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		CASE(test_app_passwords_are_bounded),
		CASE(test_too_many_app_passwords_stay),
		CASE(test_old_places_stay),
		CASE(test_copy_is_the_same),
		CASE(test_records_end_and_are_ordered),
		CASE(test_records_are_of_one_moment),
		CASE(test_drop),
		CASE(test_age_of_credentials),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
