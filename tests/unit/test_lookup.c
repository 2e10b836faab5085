/* SPDX-License-Identifier: ISC
 *
 * The resolver against a directory in memory: for every map, what each key gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/memdir.h"

static const char directory[] = "domain vd.test mailbox\n"
				"domain empty.test mailbox\n"
				"domain al.test alias\n"
				"domain copy.test alias vd.test\n"
				"domain lost.test alias gone.test\n"
				"domain over.test alias relay.test\n"
				"domain relay.test relay\n"
				"domain host.test local\n"
				"domain xn--mnchen-3ya.de mailbox\n"
				"mailbox user@vd.test\n"
				"mailbox ann@vd.test\n"
				"mailbox bob@vd.test\n"
				"mailbox real+tag@vd.test\n"
				"mailbox catch@vd.test\n"
				"mailbox strasse@vd.test\n"
				"mailbox j\303\266rg@xn--mnchen-3ya.de\n"
				"alias sales@vd.test ann@vd.test bob@vd.test\n"
				"alias fwd+ext@vd.test exact@o.test\n"
				"alias fwd@vd.test Tgt@o.test b@o.test\n"
				"alias fix@vd.test tgt+fix@o.test\n"
				"alias move@vd.test @other.test\n"
				"alias user@vd.test user@vd.test away@o.test\n"
				"alias chain@vd.test sales@vd.test\n"
				"alias \"a,b\"@vd.test x@o.test\n"
				"alias q@vd.test \"a,b\"@o.test\n"
				"alias @vd.test catch@vd.test\n"
				"alias a@al.test ann@vd.test\n"
				"alias own@copy.test o@o.test\n"
				"alias root ann@vd.test\n"
				"alias full@host.test bob@vd.test\n"
				"alias @host.test catch@vd.test\n"
				"alias postmaster@vd.test ann@vd.test\n";

/* States, aliases that are off, patterns, domains with settings of their own, plain maps. The time
 * is 1000. */
static const char more[] =
    "domain d.test mailbox\n"
    "domain p.test mailbox\n"
    "domain q.test alias p.test\n"
    "domain minus.test mailbox\n"
    "delimiters minus.test -\n"
    "domain none.test mailbox\n"
    "delimiters none.test \n"
    "domain keep.test mailbox\n"
    "propagate keep.test 0\n"
    "domain relay.test relay\n"
    "domain box.relay.test mailbox\n"
    "domain host.test local\n"
    "mailbox active@d.test active\n"
    "mailbox reader@d.test receive-only\n"
    "mailbox noreply@d.test send-only\n"
    "mailbox gone@d.test suspended\n"
    "mailbox c@d.test\n"
    "mailbox u@minus.test\n"
    "mailbox u+x@none.test\n"
    "alias @d.test c@d.test\n"
    "alias team@d.test active@d.test reader@d.test noreply@d.test gone@d.test\n"
    "alias off@d.test active@d.test\n"
    "disabled off@d.test\n"
    "alias past@d.test active@d.test\n"
    "expires past@d.test 1000\n"
    "alias future@d.test active@d.test\n"
    "expires future@d.test 1001\n"
    "alias c+shop@d.test c@d.test\n"
    "disabled c+shop@d.test\n"
    "alias c+good@d.test c@d.test\n"
    "alias a@minus.test t@o.test\n"
    "alias a@keep.test t@o.test\n"
    "alias sales-*@p.test s@o.test\n"
    "pattern sales-@p.test sales-*@p.test\n"
    "alias sales-*-eu@p.test eu@o.test\n"
    "pattern sales-@p.test sales-*-eu@p.test\n"
    "alias sales-x*y@p.test xy@o.test\n"
    "pattern sales-x@p.test sales-x*y@p.test\n"
    "alias *-end@p.test end@o.test\n"
    "pattern @p.test *-end@p.test\n"
    "alias @p.test rest@o.test\n"
    "mailbox sales-real@p.test\n"
    "alias sales-exact@p.test exact@o.test\n"
    "entry transports u@t.test lmtp:one\n"
    "entry transports t.test smtp:two\n"
    "entry transports .t.test smtp:below\n"
    "entry transports * smtp:star\n"
    "entry canonical old@d.test new@d.test\n"
    "entry canonical @was.test @is.test\n"
    "entry generic g@d.test out@isp.test\n"
    "entry relocated left@d.test left@elsewhere.test\n"
    "entry relocated root x@elsewhere.test\n"
    "entry sender-bcc @d.test log@d.test\n"
    "entry sender-access bad@s.test REJECT bad\n"
    "entry sender-access s.test REJECT domain\n"
    "entry sender-access info@ HOLD\n"
    "entry sender-access <> DUNNO\n"
    "entry client-access 192.0.2 REJECT net\n"
    "entry client-access 2001:db8 REJECT six\n"
    "entry client-access dynamic.test REJECT dyn\n"
    "entry sasl-access joe@d.test OK\n"
    "entry tls-policy .t.test may\n"
    "entry tls-policy [mx.t.test]:587 encrypt\n"
    "entry senders shared@d.test active@d.test, noreply@d.test\n"
    "entry senders team@d.test boss@d.test\n"
    "entry recipient-access info@d.test REJECT moved\n"
    "closed team@d.test\n"
    "member friend@o.test\n"
    "map nets network\n"
    "entry nets 192.0.2.0/24 wide\n"
    "entry nets 192.0.2.128/25 narrow\n"
    "entry nets 2001:db8::/32 six\n"
    "map words exact\n"
    "entry words hello world\n"
    "map strange backwards\n";

/* Domains that Postfix folds into others before it asks: straße.test into strasse.test, ως.test
 * into ωσ.test. */
static const char folded[] = "domain xn--strae-oqa.test mailbox\n"
			     "asked strasse.test xn--strae-oqa.test\n"
			     "delimiters xn--strae-oqa.test -\n"
			     "domain xn--3xan.test relay\n"
			     "asked xn--4xal.test xn--3xan.test\n"
			     "domain xn--gro-7ka.test relay\n"
			     "asked gross.test xn--gro-7ka.test\n"
			     "delimiters xn--gro-7ka.test -\n"
			     "member m@xn--gro-7ka.test\n"
			     "member plus@xn--gro-7ka.test\n"
			     "member ss@gross.test\n"
			     "domain old.test alias xn--strae-oqa.test\n"
			     "domain xn--fuss-0ja.test alias\n"
			     "mailbox u@xn--strae-oqa.test\n"
			     "mailbox j\303\266rg@xn--strae-oqa.test\n"
			     "alias a@xn--strae-oqa.test t@strasse.example\n"
			     "alias s@xn--strae-oqa.test t@xn--strae-oqa.example\n"
			     "alias list@xn--strae-oqa.test u@xn--strae-oqa.test\n"
			     "closed list@xn--strae-oqa.test\n"
			     "alias sales-*@xn--strae-oqa.test u@xn--strae-oqa.test\n"
			     "pattern sales-@xn--strae-oqa.test sales-*@xn--strae-oqa.test\n"
			     "entry transports strasse.test lmtp:one\n"
			     "entry sender-access x@strasse.example REJECT\n"
			     "entry relay-recipients r@xn--4xal.test OK\n"
			     "entry canonical c-@strasse.test d@d.test\n"
			     "entry relocated c@strasse.test d@d.test\n"
			     "entry senders shared@strasse.test u@xn--strae-oqa.test\n";

/* Something behind each of the odd keys that Postfix was seen to send. */
static const char oddities[] = "domain vd.test mailbox\n"
			       "domain all.test mailbox\n"
			       "domain my.test local\n"
			       "mailbox user@vd.test\n"
			       "mailbox ab@vd.test\n"
			       "mailbox j\303\266rg@vd.test\n"
			       "mailbox strasse@vd.test\n"
			       "mailbox a+b@vd.test\n"
			       "mailbox +ext@vd.test\n"
			       "mailbox postmaster@vd.test\n"
			       "alias \"x..y\"@vd.test dots@o.test\n"
			       "alias \".x\"@vd.test front@o.test\n"
			       "alias \"a.\"@vd.test behind@o.test\n"
			       "alias \"a,b\"@vd.test comma@o.test\n"
			       "alias \"a\\\"b\"@vd.test quote@o.test\n"
			       "alias \"a\\\\b\"@vd.test backslash@o.test\n"
			       "alias \"a\007b\"@vd.test bell@o.test\n"
			       "alias mailer-daemon@vd.test daemon@o.test\n"
			       "alias double-bounce@vd.test twice@o.test\n"
			       "alias a@vd.test a@o.test\n"
			       "alias nodomain no@o.test\n"
			       "alias postmaster pm@o.test\n"
			       "alias @all.test rest@o.test\n"
			       "entry transports * smtp:star\n"
			       "entry transports u@[192.0.2.1] smtp:literal\n"
			       "entry transports u@[ipv6:2001:db8::1] smtp:literal6\n"
			       "entry relayhosts <> [null.test]\n"
			       "entry relayhosts \"<>\" [quoted.test]\n"
			       "entry canonical \"\" nobody@o.test\n"
			       "entry canonical @all.test all@o.test\n"
			       "entry sender-access <> DUNNO\n"
			       "entry client-access unknown REJECT nameless\n"
			       "entry client-access 127 OK\n"
			       "entry client-access 2001:db8:0:1 REJECT six\n"
			       "entry client-access mx.c.test OK\n"
			       "entry helo-access c.test REJECT\n"
			       "entry helo-access [192.0.2.1] REJECT literal\n"
			       "entry sasl-access login@d REJECT\n"
			       "entry sasl-access domain\\joe REJECT\n"
			       "entry sasl-access joe REJECT\n"
			       "entry tls-policy dest.test may\n"
			       "entry tls-policy .dest.test secure\n"
			       "entry tls-policy [h.test]:25 encrypt\n"
			       "entry tls-policy [192.0.2.1] none\n";

struct key_row {
	const char *name;
	const char *map;
	const char *key;
	enum outcome outcome;
	const char *value;
};

static const struct key_row plus[] = {
	{ "a mailbox domain", "domains", "VD.test", FOUND, "vd.test" },
	{ "with a trailing dot", "domains", "vd.test.", FOUND, "vd.test" },
	{ "an alias domain is none", "domains", "al.test", NONE, "" },
	{ "nor is one that stands for another", "domains", "copy.test", NONE, "" },
	{ "nor a relay domain", "domains", "relay.test", NONE, "" },
	{ "nor a parent", "domains", "test", NONE, "" },
	{ "nor an address", "domains", "user@vd.test", NONE, "" },
	{ "U-label", "domains", "m\303\274nchen.de", FOUND, "xn--mnchen-3ya.de" },
	{ "star", "domains", "*", NONE, "" },
	{ "an empty key", "domains", "", NONE, "" },
	{ "an alias domain", "alias-domains", "al.test", FOUND, "al.test" },
	{ "one that stands for another", "alias-domains", "copy.test", FOUND, "copy.test" },
	{ "a mailbox domain is none", "alias-domains", "vd.test", NONE, "" },

	{ "a mailbox", "mailboxes", "User@VD.test", FOUND, "user@vd.test" },
	{ "a mailbox with extension", "mailboxes", "user+e@vd.test", FOUND, "user@vd.test" },
	{ "a mailbox whose name has a plus", "mailboxes", "real+tag@vd.test", FOUND,
	    "real+tag@vd.test" },
	{ "but not what would be its base", "mailboxes", "real@vd.test", NONE, "" },
	{ "an alias is none", "mailboxes", "sales@vd.test", NONE, "" },
	{ "a catch-all makes none", "mailboxes", "nobody@vd.test", NONE, "" },
	{ "bare mailbox domain, for the default of virtual_mailbox_domains", "mailboxes", "vd.test",
	    FOUND, "vd.test" },
	{ "bare alias domain", "mailboxes", "al.test", NONE, "" },
	{ "sharp s, as cleanup spells it", "mailboxes", "stra\303\237e@vd.test", FOUND,
	    "strasse@vd.test" },
	{ "umlauts in both parts", "mailboxes", "J\303\226RG@M\303\234NCHEN.de", FOUND,
	    "j\303\266rg@xn--mnchen-3ya.de" },

	{ "alias with two targets", "aliases", "sales@vd.test", FOUND, "ann@vd.test, bob@vd.test" },
	{ "extension goes to every target", "aliases", "Sales+X@vd.test", FOUND,
	    "ann+X@vd.test, bob+X@vd.test" },
	{ "exact hit wins and propagates nothing", "aliases", "fwd+ext@vd.test", FOUND,
	    "exact@o.test" },
	{ "spelling of targets is kept", "aliases", "fwd@vd.test", FOUND, "Tgt@o.test, b@o.test" },
	{ "extension behind an extension", "aliases", "fix+e@vd.test", FOUND, "tgt+fix+e@o.test" },
	{ "whole domain keeps the local part", "aliases", "move@vd.test", FOUND,
	    "move@other.test" },
	{ "whole domain and extension", "aliases", "Move+E@vd.test", FOUND, "Move+E@other.test" },
	{ "an address that keeps a copy", "aliases", "user@vd.test", FOUND,
	    "user@vd.test, away@o.test" },
	{ "quotes come back where needed", "aliases", "q+a b@vd.test", FOUND,
	    "\"a,b+a b\"@o.test" },
	{ "a mailbox is not for the catch-all", "aliases", "ann@vd.test", NONE, "" },
	{ "nor is a mailbox with extension", "aliases", "ann+x@vd.test", NONE, "" },
	{ "catch-all", "aliases", "nobody@vd.test", FOUND, "catch@vd.test" },
	{ "catch-all drops the extension", "aliases", "nobody+x@vd.test", FOUND, "catch@vd.test" },
	{ "catch-all for an empty local part", "aliases", "@vd.test", FOUND, "catch@vd.test" },
	{ "the same in quotes", "aliases", "\"\"@vd.test", FOUND, "catch@vd.test" },
	{ "catch-all for an odd local part", "aliases", "\"a b\"@vd.test", FOUND, "catch@vd.test" },
	{ "no catch-all here", "aliases", "nobody@empty.test", NONE, "" },
	{ "an unknown domain", "aliases", "x@nowhere.test", NONE, "" },
	{ "postmaster", "aliases", "postmaster@vd.test", FOUND, "ann@vd.test" },
	{ "bare alias domain, for the default of virtual_alias_domains", "aliases", "al.test",
	    FOUND, "al.test" },
	{ "bare mailbox domain", "aliases", "vd.test", NONE, "" },
	{ "bare name", "aliases", "user", NONE, "" },
	{ "null sender", "aliases", "<>", NONE, "" },
	{ "null sender in quotes", "aliases", "\"<>\"", NONE, "" },
	{ "null sender of canonical", "aliases", "\"\"", NONE, "" },
	{ "parent of tls policy", "aliases", ".vd.test", NONE, "" },
	{ "host and port", "aliases", "[vd.test]:25", NONE, "" },

	{ "alias domain: a mailbox there", "aliases", "ann@copy.test", FOUND, "ann@vd.test" },
	{ "alias domain: with extension", "aliases", "Ann+X@copy.test", FOUND, "Ann+X@vd.test" },
	{ "alias domain: an alias there", "aliases", "sales@copy.test", FOUND, "sales@vd.test" },
	{ "alias domain: the catch-all there", "aliases", "nobody@copy.test", FOUND,
	    "nobody@vd.test" },
	{ "alias domain: its own alias is more specific", "aliases", "own@copy.test", FOUND,
	    "o@o.test" },
	{ "alias domain: of a relay domain takes all", "aliases", "any@over.test", FOUND,
	    "any@relay.test" },
	{ "alias domain: of one that is gone: nobody knows", "aliases", "any@lost.test", RETRY,
	    NULL },

	{ "local domain: bare alias", "aliases", "Root@host.test", FOUND, "ann@vd.test" },
	{ "local domain: bare alias with extension", "aliases", "root+x@host.test", FOUND,
	    "ann+x@vd.test" },
	{ "local domain: whole address", "aliases", "full@host.test", FOUND, "bob@vd.test" },
	{ "local domain: catch-all", "aliases", "any@host.test", FOUND, "catch@vd.test" },
	{ "bare alias is for local domains only", "aliases", "root@empty.test", NONE, "" },
	{ "an @ in quotes never meets another's row", "aliases", "\"sales@vd.test\"@host.test",
	    FOUND, "catch@vd.test" },

	{ "sender: a mailbox", "senders", "ann@vd.test", FOUND, "ann@vd.test" },
	{ "sender: with extension", "senders", "Ann+x@vd.test", FOUND, "ann@vd.test" },
	{ "sender: everyone behind an alias", "senders", "sales@vd.test", FOUND,
	    "ann@vd.test, bob@vd.test" },
	{ "sender: through a chain", "senders", "chain@vd.test", FOUND,
	    "ann@vd.test, bob@vd.test" },
	{ "sender: mailbox and alias of one name", "senders", "user@vd.test", FOUND,
	    "user@vd.test" },
	{ "sender: catch-all", "senders", "nobody@vd.test", FOUND, "catch@vd.test" },
	{ "sender: alias domain", "senders", "ann@copy.test", FOUND, "ann@vd.test" },
	{ "sender: alias domain and catch-all", "senders", "any@copy.test", FOUND,
	    "catch@vd.test" },
	{ "sender: leads outside only", "senders", "fwd@vd.test", NONE, "" },
	{ "sender: nobody", "senders", "x@nowhere.test", NONE, "" },
	{ "sender: no address", "senders", "vd.test", NONE, "" },

	{ "unknown map", "aliasses", "user@vd.test", BAD, NULL },
	{ "no map", "", "user@vd.test", BAD, NULL },
};

/* Every odd key that Postfix was seen to send, or may be asked to. */
static const struct key_row odd[] = {
	{ "transport: *", "transports", "*", FOUND, "smtp:star" },
	{ "*, where nobody has one", "relocated", "*", NONE, "" },
	{ "relayhost: null sender", "relayhosts", "<>", FOUND, "[null.test]" },
	{ "relayhost: null sender in quotes", "relayhosts", "\"<>\"", FOUND, "[quoted.test]" },
	{ "access: null sender", "sender-access", "<>", FOUND, "DUNNO" },
	{ "canonical: null sender", "canonical", "\"\"", FOUND, "nobody@o.test" },
	{ "empty local part in quotes", "aliases", "\"\"@all.test", FOUND, "rest@o.test" },
	{ "empty local part", "aliases", "@all.test", FOUND, "rest@o.test" },
	{ "empty local part of a plain map", "canonical", "\"\"@all.test", FOUND, "all@o.test" },
	{ "the catch-all's own key of a plain map", "canonical", "@all.test", FOUND, "all@o.test" },
	{ "empty local part where there is no catch-all", "aliases", "@vd.test", NONE, "" },
	{ "no mailbox by an empty local part", "mailboxes", "\"\"@vd.test", NONE, "" },
	{ "nor without quotes", "mailboxes", "@vd.test", NONE, "" },

	{ "quoted blank: nobody", "mailboxes", "\"a b\"@vd.test", NONE, "" },
	{ "raw blank: nobody, and not ab", "mailboxes", "a b@vd.test", NONE, "" },
	{ "raw quote: not ab", "mailboxes", "a\"b@vd.test", NONE, "" },
	{ "quoted quote", "aliases", "\"a\\\"b\"@vd.test", FOUND, "quote@o.test" },
	{ "raw quote", "aliases", "a\"b@vd.test", FOUND, "quote@o.test" },
	{ "quoted backslash", "aliases", "\"a\\\\b\"@vd.test", FOUND, "backslash@o.test" },
	{ "raw backslash", "aliases", "a\\b@vd.test", FOUND, "backslash@o.test" },
	{ "quoted dots", "aliases", "\"x..y\"@vd.test", FOUND, "dots@o.test" },
	{ "raw dots", "aliases", "x..y@vd.test", FOUND, "dots@o.test" },
	{ "quoted dot in front", "aliases", "\".x\"@vd.test", FOUND, "front@o.test" },
	{ "raw dot in front", "aliases", ".x@vd.test", FOUND, "front@o.test" },
	{ "quoted dot behind", "aliases", "\"a.\"@vd.test", FOUND, "behind@o.test" },
	{ "raw dot behind", "aliases", "a.@vd.test", FOUND, "behind@o.test" },
	{ "quoted comma", "aliases", "\"a,b\"@vd.test", FOUND, "comma@o.test" },
	{ "raw comma", "aliases", "a,b@vd.test", FOUND, "comma@o.test" },
	{ "quoted comma with extension", "aliases", "\"a,b+e\"@vd.test", FOUND, "comma+e@o.test" },
	{ "extension with a blank, in quotes", "aliases", "\"a+e f\"@vd.test", FOUND,
	    "\"a+e f\"@o.test" },
	{ "quotes that are not needed are another name", "mailboxes", "\"user\"@vd.test", NONE,
	    "" },

	{ "control character", "aliases", "a\007b@vd.test", FOUND, "bell@o.test" },
	{ "line feed", "aliases", "a\nb@vd.test", NONE, "" },
	{ "bytes that are no UTF-8", "aliases", "\377@vd.test", NONE, "" },
	{ "such a domain", "domains", "\377", NONE, "" },
	{ "EAI: smtpd folds", "mailboxes", "j\303\266rg@vd.test", FOUND, "j\303\266rg@vd.test" },
	{ "EAI: cleanup does not", "mailboxes", "J\303\226RG@vd.test", FOUND,
	    "j\303\266rg@vd.test" },
	{ "EAI: sharp s, folded", "mailboxes", "strasse@vd.test", FOUND, "strasse@vd.test" },
	{ "EAI: sharp s, as it is", "mailboxes", "stra\303\237e@vd.test", FOUND,
	    "strasse@vd.test" },

	{ "no domain, where bare names count", "aliases", "nodomain@my.test", FOUND, "no@o.test" },
	{ "bare postmaster, as cleanup asks", "aliases", "postmaster@my.test", FOUND, "pm@o.test" },
	{ "trailing dot", "mailboxes", "user@vd.test.", FOUND, "user@vd.test" },
	{ "source route is an odd local part", "mailboxes", "@r.test:user@vd.test", NONE, "" },
	{ "domain literal", "transports", "u@[192.0.2.1]", FOUND, "smtp:literal" },
	{ "domain literal IPv6, folded", "transports", "u@[ipv6:2001:db8::1]", FOUND,
	    "smtp:literal6" },
	{ "domain literal IPv6, as it is", "transports", "U@[IPv6:2001:DB8::1]", FOUND,
	    "smtp:literal6" },
	{ "domain literal is no domain of ours", "domains", "[192.0.2.1]", NONE, "" },

	{ "leftmost delimiter", "aliases", "a+b+c@vd.test", FOUND, "a+b+c@o.test" },
	{ "a mailbox with a delimiter in its name", "mailboxes", "a+b@vd.test", FOUND,
	    "a+b@vd.test" },
	{ "an extension that is only the delimiter", "mailboxes", "user+@vd.test", FOUND,
	    "user@vd.test" },
	{ "a delimiter in front never splits", "mailboxes", "+ext@vd.test", FOUND, "+ext@vd.test" },
	{ "nor does a second one then", "mailboxes", "+ext+x@vd.test", NONE, "" },
	{ "postmaster with extension is split", "mailboxes", "postmaster+x@vd.test", FOUND,
	    "postmaster@vd.test" },
	{ "mailer-daemon", "aliases", "MAILER-DAEMON@vd.test", FOUND, "daemon@o.test" },
	{ "double-bounce", "aliases", "double-bounce@vd.test", FOUND, "twice@o.test" },

	{ "client: no name", "client-access", "unknown", FOUND, "REJECT nameless" },
	{ "client: name", "client-access", "mx.c.test", FOUND, "OK" },
	{ "client: address", "client-access", "127.0.0.1", FOUND, "OK" },
	{ "client: IPv6 address", "client-access", "2001:db8:0:1:2::3", FOUND, "REJECT six" },
	{ "helo: a name", "helo-access", "mx.C.test", FOUND, "REJECT" },
	{ "helo: a literal", "helo-access", "[192.0.2.1]", FOUND, "REJECT literal" },
	{ "helo: junk", "helo-access", "'; drop table helo", NONE, "" },
	{ "login, verbatim", "sasl-access", "Login@D", FOUND, "REJECT" },
	{ "login with a backslash", "sasl-access", "DOMAIN\\joe", FOUND, "REJECT" },
	{ "login without a domain", "sasl-access", "joe", FOUND, "REJECT" },
	{ "TLS: domain", "tls-policy", "Dest.test", FOUND, "may" },
	{ "TLS: parent, with its dot", "tls-policy", ".Dest.test", FOUND, "secure" },
	{ "TLS: parents are Postfix's to ask", "tls-policy", "a.b.Dest.test", NONE, "" },
	{ "TLS: host and port", "tls-policy", "[h.test]:25", FOUND, "encrypt" },
	{ "TLS: address", "tls-policy", "[192.0.2.1]", FOUND, "none" },
	{ "parent with its dot is no domain", "domains", ".vd.test", NONE, "" },
	{ "host and port is no address", "mailboxes", "[h.test]:25", NONE, "" },
	{ "nothing at all", "aliases", "", NONE, "" },
	{ "nothing at all of a plain map", "transports", "", NONE, "" },
	{ "a blank", "aliases", " ", NONE, "" },
};

static const struct key_row no_propagation[] = {
	{ "extension is dropped", "aliases", "sales+x@vd.test", FOUND, "ann@vd.test, bob@vd.test" },
	{ "whole domain loses it as well", "aliases", "move+e@vd.test", FOUND, "move@other.test" },
	{ "alias domain keeps it", "aliases", "ann+x@copy.test", FOUND, "ann+x@vd.test" },
};

static const struct key_row two_delimiters[] = {
	{ "the second delimiter", "aliases", "sales-x@vd.test", FOUND,
	    "ann-x@vd.test, bob-x@vd.test" },
	{ "the leftmost", "aliases", "sales-x+y@vd.test", FOUND,
	    "ann-x+y@vd.test, bob-x+y@vd.test" },
	{ "never split", "aliases", "sales-request@vd.test", FOUND, "catch@vd.test" },
};

static const struct key_row no_delimiter[] = {
	{ "nothing is stripped", "aliases", "sales+x@vd.test", FOUND, "catch@vd.test" },
	{ "nor for mailboxes", "mailboxes", "user+e@vd.test", NONE, "" },
};

static const struct key_row extras[] = {
	{ "active gets mail", "mailboxes", "active@d.test", FOUND, "active@d.test" },
	{ "receive-only gets mail", "mailboxes", "reader@d.test", FOUND, "reader@d.test" },
	{ "send-only gets none", "mailboxes", "noreply@d.test", NONE, "" },
	{ "suspended gets none", "mailboxes", "gone+x@d.test", NONE, "" },
	{ "and no catch-all takes it", "aliases", "gone@d.test", NONE, "" },
	{ "active sends", "senders", "active@d.test", FOUND, "active@d.test" },
	{ "receive-only does not", "senders", "reader@d.test", NONE, "" },
	{ "send-only does", "senders", "noreply@d.test", FOUND, "noreply@d.test" },
	{ "suspended does not", "senders", "gone@d.test", NONE, "" },
	{ "of a team only who may, and who was granted", "senders", "team@d.test", FOUND,
	    "boss@d.test, active@d.test, noreply@d.test" },
	{ "granted where nobody lives", "senders", "shared@d.test", FOUND,
	    "active@d.test, noreply@d.test, c@d.test" },

	{ "a disabled alias is nobody", "aliases", "off@d.test", NONE, "" },
	{ "with extension too", "aliases", "off+x@d.test", NONE, "" },
	{ "expired", "aliases", "past@d.test", NONE, "" },
	{ "about to expire", "aliases", "future@d.test", FOUND, "active@d.test" },
	{ "nobody sends as one that is off", "senders", "off@d.test", NONE, "" },
	{ "a disabled extension is no mailbox", "mailboxes", "c+shop@d.test", NONE, "" },
	{ "one with an alias still is", "mailboxes", "c+good@d.test", FOUND, "c@d.test" },
	{ "and any other", "mailboxes", "c+any@d.test", FOUND, "c@d.test" },

	{ "a domain's own delimiter", "aliases", "a-x@minus.test", FOUND, "t-x@o.test" },
	{ "in place of the configured", "aliases", "a+x@minus.test", NONE, "" },
	{ "for mailboxes", "mailboxes", "u-x@minus.test", FOUND, "u@minus.test" },
	{ "the configured is none there", "mailboxes", "u+x@minus.test", NONE, "" },
	{ "a domain without any", "mailboxes", "u+x@none.test", FOUND, "u+x@none.test" },
	{ "none: nothing is stripped", "mailboxes", "u+y@none.test", NONE, "" },
	{ "a domain that does not propagate", "aliases", "a+x@keep.test", FOUND, "t@o.test" },

	{ "pattern", "aliases", "sales-1@p.test", FOUND, "s@o.test" },
	{ "the longer of two", "aliases", "sales-1-eu@p.test", FOUND, "eu@o.test" },
	{ "the longer beginning first", "aliases", "sales-x1y@p.test", FOUND, "xy@o.test" },
	{ "and on to a shorter when it does not match", "aliases", "sales-x1@p.test", FOUND,
	    "s@o.test" },
	{ "a star matches nothing at all too", "aliases", "sales-@p.test", FOUND, "s@o.test" },
	{ "a star in front", "aliases", "the-end@p.test", FOUND, "end@o.test" },
	{ "exact before patterns", "aliases", "sales-exact@p.test", FOUND, "exact@o.test" },
	{ "a mailbox before patterns", "aliases", "sales-real@p.test", NONE, "" },
	{ "the catch-all behind them", "aliases", "other@p.test", FOUND, "rest@o.test" },
	{ "by way of an alias domain", "aliases", "sales-1@q.test", FOUND, "sales-1@p.test" },

	{ "relay domain", "relay-domains", "relay.test", FOUND, "relay.test" },
	{ "below a relay domain", "relay-domains", "a.b.relay.test", FOUND, "relay.test" },
	{ "not where mailboxes are", "relay-domains", "box.relay.test", NONE, "" },
	{ "below such a one, all the same", "relay-domains", "x.box.relay.test", FOUND,
	    "relay.test" },
	{ "local domain", "local-domains", "host.test", FOUND, "host.test" },

	{ "transport of an address", "transports", "u+x@t.test", FOUND, "lmtp:one" },
	{ "of a domain", "transports", "V@T.test", FOUND, "smtp:two" },
	{ "of a parent, with its dot", "transports", "v@a.b.t.test", FOUND, "smtp:below" },
	{ "the star only by itself", "transports", "v@other.test", NONE, "" },
	{ "the star", "transports", "*", FOUND, "smtp:star" },
	{ "a domain alone", "transports", "x.t.test", FOUND, "smtp:below" },

	{ "canonical", "canonical", "Old+X@d.test", FOUND, "new+X@d.test" },
	{ "canonical of a whole domain", "canonical", "Joe+x@was.test", FOUND, "Joe+x@is.test" },
	{ "generic leaves the extension out", "generic", "g+x@d.test", FOUND, "out@isp.test" },
	{ "canonical of the null sender", "canonical", "\"\"", NONE, "" },
	{ "relocated", "relocated", "left+x@d.test", FOUND, "left@elsewhere.test" },
	{ "a bare name in a local domain", "relocated", "Root@host.test", FOUND,
	    "x@elsewhere.test" },
	{ "and nowhere else", "relocated", "root@d.test", NONE, "" },
	{ "whole domain", "sender-bcc", "any@d.test", FOUND, "log@d.test" },
	{ "by the domain's own delimiter", "relocated", "left-x@d.test", NONE, "" },

	{ "access: address", "sender-access", "bad@s.test", FOUND, "REJECT bad" },
	{ "access: domain", "sender-access", "x@s.test", FOUND, "REJECT domain" },
	{ "access: parent", "sender-access", "x@a.s.test", FOUND, "REJECT domain" },
	{ "access: user of any domain", "sender-access", "Info+x@any.test", FOUND, "HOLD" },
	{ "access: domain before user", "sender-access", "info@s.test", FOUND, "REJECT domain" },
	{ "access: null sender", "sender-access", "<>", FOUND, "DUNNO" },
	{ "client: network by octets", "client-access", "192.0.2.77", FOUND, "REJECT net" },
	{ "client: not the next one", "client-access", "192.0.20.1", NONE, "" },
	{ "client: IPv6", "client-access", "2001:db8::7", FOUND, "REJECT six" },
	{ "client: parent of the name", "client-access", "h1.dynamic.test", FOUND, "REJECT dyn" },
	{ "client: unknown", "client-access", "unknown", NONE, "" },
	{ "sasl: folded", "sasl-access", "Joe@D.test", FOUND, "OK" },
	{ "tls: Postfix sends the parents", "tls-policy", ".T.test", FOUND, "may" },
	{ "tls: we try none", "tls-policy", "a.t.test", NONE, "" },
	{ "tls: host and port", "tls-policy", "[MX.t.test]:587", FOUND, "encrypt" },

	{ "recipient: an entry", "recipient-access", "info+x@d.test", FOUND, "REJECT moved" },
	{ "recipient: a closed list", "recipient-access", "Team@d.test", FOUND, MAP_CLOSED_LIST },
	{ "recipient: an open one", "recipient-access", "future@d.test", NONE, "" },
	{ "recipient: a domain", "recipient-access", "d.test", NONE, "" },
	{ "member: in a domain of ours", "members", "any@d.test", FOUND, "OK" },
	{ "member: of a list", "members", "Friend+x@o.test", FOUND, "OK" },
	{ "member: of none", "members", "foe@o.test", NONE, "" },
	{ "member: of a relay domain", "members", "any@relay.test", NONE, "" },
	{ "member: the null sender", "members", "<>", NONE, "" },

	{ "a map of the admin's", "words", "Hello", FOUND, "world" },
	{ "a key it has not", "words", "bye", NONE, "" },
	{ "the smallest network", "nets", "192.0.2.200", FOUND, "narrow" },
	{ "the wider one", "nets", "192.0.2.1", FOUND, "wide" },
	{ "an IPv6 network", "nets", "2001:db8:ffff::1", FOUND, "six" },
	{ "in no network", "nets", "198.51.100.1", NONE, "" },
	{ "no address at all", "nets", "unknown", NONE, "" },
	{ "a map nobody made", "nothing", "x", BAD, NULL },
	{ "a name that no map can have", "no such", "x", BAD, NULL },
	{ "a search of a later release", "strange", "x", RETRY, NULL },
	{ "an odd key in a plain map", "relocated", "a b@d.test", NONE, "" },
	{ "an empty key", "relocated", "", NONE, "" },
	{ "bytes that are no UTF-8", "sasl-access", "\377", NONE, "" },
};

static void
run(struct lookup *l, struct memdir *d, const struct lookup_rules *rules, const struct key_row *r)
{
	lookup_start(l, rules, slice_str(r->map), slice_str(r->key));
	memdir_resolve(d, l);
}

static void
check(
    const char *text, const struct key_row *rows, size_t n, const char *delimiters, bool propagate)
{
	struct lookup_rules rules = { delimiters, propagate, 1000 };
	struct memdir d = { text, 0 };
	struct lookup l;

	lookup_init(&l);
	for (size_t i = 0; i < n; i++) {
		const struct key_row *r = &rows[i];

		run(&l, &d, &rules, r);
		if (l.outcome != r->outcome ||
		    (r->value != NULL && strcmp(sbuf_cstr(&l.value), r->value) != 0))
			fail_msg("%s: %s '%s' gave %s '%s'", r->name, r->map, r->key,
			    outcome_name(l.outcome), sbuf_cstr(&l.value));
	}
	lookup_release(&l);
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
test_plus(void **state)
{
	(void)state;
	check(directory, plus, COUNT(plus), "+", true);
}

static void
test_no_propagation(void **state)
{
	(void)state;
	check(directory, no_propagation, COUNT(no_propagation), "+", false);
}

static void
test_two_delimiters(void **state)
{
	(void)state;
	check(directory, two_delimiters, COUNT(two_delimiters), "+-", true);
}

static void
test_no_delimiter(void **state)
{
	(void)state;
	check(directory, no_delimiter, COUNT(no_delimiter), "", true);
}

static void
test_extras(void **state)
{
	(void)state;
	check(more, extras, COUNT(extras), "+", true);
}

/* Whichever question fails, the answer is RETRY: never NONE, never half a list. */
static void
check_failures(const char *text, const struct key_row *rows, size_t n)
{
	struct lookup_rules rules = { "+", true, 1000 };
	struct lookup l;

	lookup_init(&l);
	for (size_t i = 0; i < n; i++) {
		for (unsigned at = 1;; at++) {
			struct memdir d = { text, at };

			run(&l, &d, &rules, &rows[i]);
			if (d.fail_at > 0)
				break;
			if (l.outcome != RETRY)
				fail_msg("%s: failing question %u gave %s", rows[i].name, at,
				    outcome_name(l.outcome));
		}
	}
	lookup_release(&l);
}

#define SZ  "stra\303\237e"
#define OS  "\317\211\317\202"
#define OSS "\317\211\317\203"

static const struct key_row as_asked[] = {
	{ "domain, as smtpd folds it", "domains", "strasse.test", FOUND, "strasse.test" },
	{ "domain, as it is", "domains", SZ ".test", FOUND, "xn--strae-oqa.test" },
	{ "domain, by its A-label", "domains", "xn--strae-oqa.test", FOUND, "xn--strae-oqa.test" },
	{ "domain of another kind", "alias-domains", "strasse.test", NONE, "" },
	{ "final sigma, folded", "relay-domains", OSS ".test", FOUND, "xn--4xal.test" },
	{ "final sigma, as it is", "relay-domains", OS ".test", FOUND, "xn--3xan.test" },
	{ "below it, folded", "relay-domains", "x." OSS ".test", FOUND, "xn--4xal.test" },
	{ "mailbox, folded", "mailboxes", "u@strasse.test", FOUND, "u@xn--strae-oqa.test" },
	{ "mailbox, as cleanup asks", "mailboxes", "U@" SZ ".test", FOUND, "u@xn--strae-oqa.test" },
	{ "mailbox, A-label", "mailboxes", "u@xn--strae-oqa.test", FOUND, "u@xn--strae-oqa.test" },
	{ "its delimiters count", "mailboxes", "u-x@strasse.test", FOUND, "u@xn--strae-oqa.test" },
	{ "the configured do not", "mailboxes", "u+x@strasse.test", NONE, "" },
	{ "mailbox in decomposed letters", "mailboxes", "jo\314\210rg@strasse.test", FOUND,
	    "j\303\266rg@xn--strae-oqa.test" },
	{ "nobody", "mailboxes", "n@strasse.test", NONE, "" },
	{ "alias, folded", "aliases", "a@strasse.test", FOUND, "t@strasse.example" },
	{ "a target abroad is handed out as it is", "aliases", "s@strasse.test", FOUND,
	    "t@xn--strae-oqa.example" },
	{ "alias with extension, folded", "aliases", "a-x@strasse.test", FOUND,
	    "t-x@strasse.example" },
	{ "pattern, folded", "aliases", "sales-eu@strasse.test", FOUND, "u@xn--strae-oqa.test" },
	{ "from a domain that stands for it", "aliases", "u@old.test", FOUND,
	    "u@xn--strae-oqa.test" },
	{ "sender, folded", "senders", "u@strasse.test", FOUND, "u@xn--strae-oqa.test" },
	{ "sender by grant", "senders", "shared@strasse.test", FOUND, "u@xn--strae-oqa.test" },
	{ "closed list, folded", "recipient-access", "list@strasse.test", FOUND, MAP_CLOSED_LIST },
	{ "member of ours, folded", "members", "x@strasse.test", FOUND, "OK" },
	{ "member of a relay domain, folded", "members", "m@gross.test", FOUND, "OK" },
	{ "as it is", "members", "m@gro\303\237.test", FOUND, "OK" },
	{ "by its A-label", "members", "m@xn--gro-7ka.test", FOUND, "OK" },
	{ "its delimiters count for members", "members", "m-x@gross.test", FOUND, "OK" },
	{ "the configured do not there", "members", "plus+x@gross.test", NONE, "" },
	{ "a member by the other name", "members", "ss@gross.test", FOUND, "OK" },
	{ "nobody's neighbour", "members", "n@gross.test", NONE, "" },
	{ "transport, folded", "transports", "u@strasse.test", FOUND, "lmtp:one" },
	{ "transport, as rewrite asks", "transports", "u@" SZ ".test", FOUND, "lmtp:one" },
	{ "transport, A-label", "transports", "u@xn--strae-oqa.test", FOUND, "lmtp:one" },
	{ "entry for a domain abroad, folded", "sender-access", "x@strasse.example", FOUND,
	    "REJECT" },
	{ "entry for a domain abroad, A-label", "sender-access", "x@xn--strae-oqa.example", FOUND,
	    "REJECT" },
	{ "relay recipient", "relay-recipients", "r@" OS ".test", FOUND, "OK" },
	{ "relocated with extension", "relocated", "c-x@strasse.test", FOUND, "d@d.test" },
	{ "a stranger's domain", "domains", "strasse.example", NONE, "" },
};

/* No addresses, for want of UTF-8 or of a domain; taken apart they are all the same. */
static const char loose_directory[] = "domain d.test mailbox\n"
				      "domain minus.test mailbox\n"
				      "delimiters minus.test -\n"
				      "domain keep.test mailbox\n"
				      "propagate keep.test 0\n"
				      "domain l.test local\n"
				      "domain xn--strae-oqa.test mailbox\n"
				      "asked strasse.test xn--strae-oqa.test\n"
				      "delimiters xn--strae-oqa.test -\n"
				      "entry sender-access spam@minus.test REJECT\n"
				      "entry sender-access plus@ REJECT\n"
				      "entry sender-access s@strasse.test REJECT\n"
				      "entry canonical old@d.test new@out.test\n"
				      "entry canonical old@minus.test new@out.test\n"
				      "entry canonical old@keep.test new@out.test\n"
				      "entry canonical old@a..b @out.test\n"
				      "entry canonical a@a..b \"new name\"@out.test\n"
				      "entry canonical @d.test @other.test\n"
				      "entry generic old@a..b new@out.test\n"
				      "entry local-recipients joe OK\n"
				      "entry senders @d.test harry@d.test\n";

static const struct key_row loose[] = {
	{ "the domain's own delimiters", "sender-access", "Spam-\377@minus.test", FOUND, "REJECT" },
	{ "none but those", "sender-access", "spam+\377@minus.test", NONE, "" },
	{ "the configured in other domains", "sender-access", "plus+\377@d.test", FOUND, "REJECT" },
	{ "its own where Postfix folds its name", "sender-access", "s-\377@strasse.test", FOUND,
	    "REJECT" },
	{ "a rewritten one takes its extension along", "canonical", "Old+\377@d.test", FOUND,
	    "new+\377@out.test" },
	{ "as its domain's delimiters have it", "canonical", "old-\377@minus.test", FOUND,
	    "new-\377@out.test" },
	{ "and not where its domain has that", "canonical", "old+\377@keep.test", FOUND,
	    "new@out.test" },
	{ "at no domain too", "canonical", "A+Ext@a..b", FOUND, "\"new name+Ext\"@out.test" },
	{ "nor in generic", "generic", "old+x@a..b", FOUND, "new@out.test" },
	{ "what Postfix puts a name in front of", "canonical", "\377@d.test", FOUND,
	    "@other.test" },
	{ "with an extension as well", "canonical", "old+x@a..b", FOUND, "@out.test" },
	{ "a bare name in a local domain", "local-recipients", "joe+\377@l.test", FOUND, "OK" },
	{ "and in no other", "local-recipients", "joe+\377@d.test", NONE, "" },
	{ "a login for a whole domain", "senders", "\377@d.test", FOUND, "harry@d.test" },
	{ "no mailbox", "mailboxes", "\377@d.test", NONE, "" },
	{ "no alias", "aliases", "\377@d.test", NONE, "" },
};

static void
test_loose(void **state)
{
	(void)state;
	check(loose_directory, loose, COUNT(loose), "+", true);
}

static void
test_odd(void **state)
{
	(void)state;
	check(oddities, odd, COUNT(odd), "+", true);
}

/* What Postfix cannot send by SMTP: no name of anything, and no more than can be held is even
 * looked at (a session lets none so long through). */
static void
test_huge_keys(void **state)
{
	static const char *const ends[] = { "", "@vd.test", "@" };
	struct lookup_rules rules = { "+", true, 1000 };
	struct memdir d = { oddities, 0 };
	const struct map *map;
	struct sbuf key;
	struct lookup l;

	(void)state;
	lookup_init(&l);
	sbuf_init(&key, 2 << 20);
	for (size_t e = 0; e < COUNT(ends); e++) {
		sbuf_clear(&key);
		memset(sbuf_room(&key, 1000000), 'x', 1000000);
		key.n += 1000000;
		sbuf_add_str(&key, ends[e]);
		for (size_t i = 0; (map = map_at(i)) != NULL; i++) {
			lookup_start(&l, &rules, slice_str(map->name), sbuf_slice(&key));
			memdir_resolve(&d, &l);
			if (l.outcome != NONE && l.outcome != RETRY)
				fail_msg("%s: %s", map->name, outcome_name(l.outcome));
		}
	}
	lookup_start(&l, &rules, slice_str("aliases"), slice_of("user\0@vd.test", 13));
	memdir_resolve(&d, &l);
	assert_int_equal(l.outcome, NONE);
	lookup_release(&l);
	sbuf_release(&key);
}

static void
test_as_asked(void **state)
{
	(void)state;
	check(folded, as_asked, COUNT(as_asked), "+", true);
}

static void
test_every_failure_is_retry(void **state)
{
	(void)state;
	check_failures(directory, plus, COUNT(plus));
	check_failures(more, extras, COUNT(extras));
	check_failures(oddities, odd, COUNT(odd));
	check_failures(folded, as_asked, COUNT(as_asked));
	check_failures(loose_directory, loose, COUNT(loose));
}

/* One step of an address is at most two questions: one round trip, and one more for alias domains.
 */
static void
test_questions_are_bounded(void **state)
{
	struct lookup_rules rules = { "+", true, 1000 };
	struct memdir d = { directory, 0 };
	struct lookup l;

	(void)state;
	lookup_init(&l);
	for (size_t i = 0; i < COUNT(plus); i++) {
		run(&l, &d, &rules, &plus[i]);
		if (strcmp(plus[i].map, "senders") != 0)
			assert_in_range(l.steps, 0, 2);
	}
	lookup_release(&l);
}

/* A list of senders that goes round in circles ends. */
static void
test_sender_loops_end(void **state)
{
	struct lookup_rules rules = { "+", true, 1000 };
	struct memdir d = { "domain d.test mailbox\nmailbox m@d.test\n"
			    "alias a@d.test b@d.test\nalias b@d.test a@d.test m@d.test\n"
			    "alias g@d.test g+x@d.test m@d.test\n",
		0 };
	struct key_row loop = { "loop", "senders", "a@d.test", FOUND, "m@d.test" };
	struct key_row growth = { "growth", "senders", "g@d.test", RETRY, NULL };
	struct lookup l;

	(void)state;
	lookup_init(&l);
	run(&l, &d, &rules, &loop);
	assert_int_equal(l.outcome, FOUND);
	assert_string_equal(sbuf_cstr(&l.value), "m@d.test");
	run(&l, &d, &rules, &growth);
	assert_in_range(l.steps, 1, LOOKUP_STEPS_MAX + 1);
	lookup_release(&l);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plus),
		cmocka_unit_test(test_no_propagation),
		cmocka_unit_test(test_two_delimiters),
		cmocka_unit_test(test_no_delimiter),
		cmocka_unit_test(test_extras),
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_huge_keys),
		cmocka_unit_test(test_as_asked),
		cmocka_unit_test(test_loose),
		cmocka_unit_test(test_every_failure_is_retry),
		cmocka_unit_test(test_questions_are_bounded),
		cmocka_unit_test(test_sender_loops_end),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
