/* SPDX-License-Identifier: ISC
 *
 * auth/password: what verifies, what does not, and that "could not tell" is never "wrong". The
 * vectors are from Dovecot's doveadm and the argon2 program.
 */
#include "auth/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "../lib/bytes.h"

#define ASCII "correct horse"
#define UTF8  "p\xc3\xa4ssw\xc3\xb6rd"

/* Cheap enough to be asked a hundred times. */
static const struct password_cost cheap = {
	.memory_kib = 64,
	.passes = 1,
	.max_memory_kib = 262144,
	.max_passes = 16,
};

static const struct vector {
	const char *name;
	const char *stored;
	const char *password;
} vectors[] = {
	/* clang-format off */
	{ "ARGON2ID m=65536 t=3 p=1",
	  "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$/t8FHALjsennfRC8CNQhrg$"
	  "iOZcswT/9i0M22e4Md+hm8tLyfUbOLVXdIcBeod59pY", ASCII },
	{ "ARGON2ID m=65536 t=3 p=1, not ASCII",
	  "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$G/PwSGYwc39HzgQRuN92yw$"
	  "2ZCSovLvQsHJKPB4hl6LXGAfrKUwMRVIa2xjMi4YDJY", UTF8 },
	{ "ARGON2ID m=4096 t=3 p=1",
	  "{ARGON2ID}$argon2id$v=19$m=4096,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
	  "yKu3VvxpnGuioOMoo23yIk+ovTMwsjQzEGrIn1aXYmc", ASCII },
	{ "ARGON2ID m=19456 t=2 p=1",
	  "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
	  "rk2Mi3E4dgRMg0fHaYaptWVZRKqs//6b6k3/nntqGJk", ASCII },
	{ "ARGON2ID m=65536 t=3 p=4",
	  "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg$"
	  "L1b1NjppUoj/KIEORq1pof4waLxklM0mqKZzt9nCsKI", ASCII },
	{ "ARGON2ID m=8 t=1 p=1",
	  "{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
	  "M7jw0GQI4Kfcxf+xPldfNRYttP89scc9XVAYAcaZ0U0", ASCII },
	{ "libsodium, interactive",
	  "{ARGON2ID}$argon2id$v=19$m=65536,t=2,p=1$S1Q+OM7JVQKRFCXPMFz3Rw$"
	  "gdLPOE3AlPBAJDLbWAQKOcdMEXjCr8Cz//N6OgmMKX0", "pw" },
	{ "libsodium, moderate: 256 MiB",
	  "{ARGON2ID}$argon2id$v=19$m=262144,t=3,p=1$SBS5+8B+DCvdZzOVuaJlBQ$"
	  "wxl+hMn6MJbRAdA1dQDXTaJI84Z5zumv8D8bQCX5H3U", "pw" },
	{ "ARGON2I m=32768 t=4 p=1",
	  "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$4EHhwcKvxYMbSPxNNOtBJQ$"
	  "d4GcmF44xL0kyT6TP/5i+fgrFQwIxSa5dA/fvUgwx0Q", ASCII },
	{ "ARGON2I m=32768 t=4 p=1, not ASCII",
	  "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$4jormHfXjOcPVv2dccwojg$"
	  "+6oRMhQ0NlGm/iRjEFvoXcKt+IftXolbs1nQNoBHhzg", UTF8 },
	{ "BLF-CRYPT $2y$",
	  "{BLF-CRYPT}$2y$05$JrhTnT9zaTSmJLfE0o/zQO0qTCcm039h26mRY6ZIkyyz.eY/9cC2a", ASCII },
	{ "BLF-CRYPT $2y$, not ASCII",
	  "{BLF-CRYPT}$2y$05$Tz4a7E0r2AtNxM1mokl9R.GxUXhfCi2PUE5XtnN1Wxx.YafYnZbg2", UTF8 },
	{ "BLF-CRYPT $2b$",
	  "{BLF-CRYPT}$2b$05$E.dflBQdLspmqTQLsRdADejY5j2S1XM3c.cVhDbrD57aluUHYkmz.", ASCII },
	{ "BLF-CRYPT $2a$",
	  "{BLF-CRYPT}$2a$05$dESBRCwUxziJ/jDlLhQjUu3QDSDZHNFJLTLlKwzCQVq87q/rUm.Si", ASCII },
	{ "SHA512-CRYPT $6$",
	  "{SHA512-CRYPT}$6$lWGc/ad2XJ3K3w2N$"
	  "z9Wn.cqZgB4uyaR8rVvT6vDjYWyHs5nRQgDdfVWn7Q95jvCwGueM7iU14xHG"
	  "a4eRAsOZjZLrR2dCpmgvzH/jd1", ASCII },
	{ "SHA512-CRYPT $6$, not ASCII",
	  "{SHA512-CRYPT}$6$03.CSuHS6osvWiAW$"
	  "3d5slFGrPsWU8hADxc.Ulru3D0BKD0OT2QWJ49UP3BTW9errp7/1dy4xVV2n"
	  "dr6zweDsuWkScxJeoSLjvcr.x.", UTF8 },
	{ "SHA512-CRYPT $6$ rounds",
	  "{SHA512-CRYPT}$6$rounds=20000$KS0zAtFSOiwZqWXc$"
	  "pFau3fV3jjykH1xRUrifClo0gUwMdwCW8JbU/cO0Fy5aAz.IIXP5hFocebOO"
	  "dFv65AnDJyJTgC9/8Ni/Ia7Eh/", ASCII },
	{ "SHA256-CRYPT",
	  "{SHA256-CRYPT}$5$kncdwBP6u7m1c.o9$Vz.YBhsDQefBdFeg3Cqx23JMjSiyFaoIKxj9BTn3Zj/", ASCII },
	{ "SHA256-CRYPT, not ASCII",
	  "{SHA256-CRYPT}$5$r87Uc9HSTJ/Mwoes$MeXB4z6tFuengH8hNywJcmOrN9xskGiskaFqIiN/nP7", UTF8 },
	{ "MD5-CRYPT", "{MD5-CRYPT}$1$6WR.NrJJ$vQTRFfR3FytOGocr4MPn/0", ASCII },
	{ "MD5-CRYPT, not ASCII", "{MD5-CRYPT}$1$5hoKDbCS$gBJ2qgfmf7EiSXTAd.mVv/", UTF8 },
	{ "CRYPT $2y$",
	  "{CRYPT}$2y$05$HFDCvlBvHnBRZ8XwPMJNDerp8hMhPsKk.lYJqdlnkyXtItxAyb7ti", ASCII },
	{ "CRYPT $2y$, not ASCII",
	  "{CRYPT}$2y$05$tMVvIE7RLmdyXy3vaUPwlOQ2qLmyVpvoreiC2IgF3I1ESbVWlLbGy", UTF8 },
	{ "CRYPT $y$",
	  "{CRYPT}$y$j9T$8WXNPq5xxj2HEfsXrg5MV1$"
	  "kWo5RIOlfCwYlw6bU5Ozixos8wQCJv6FgD/EZNvWvf5", ASCII },
	{ "CRYPT $7$",
	  "{CRYPT}$7$CU..../....Vw6P6WFPAQQNrS5/BcCR20$"
	  "7KfDZABcP1mjZ73/YsA07EHEIXG3qziB0tBGyjQYVm4", ASCII },
	{ "DES-CRYPT", "{DES-CRYPT}q0l0DK0JlQshk", ASCII },
	{ "DES-CRYPT, not ASCII", "{DES-CRYPT}XU0RDtgnGm.G2", UTF8 },
	{ "SSHA", "{SSHA}BSO6FObNJrg7hK0xcr9gTYFpVoNDo3i9", ASCII },
	{ "SSHA, not ASCII", "{SSHA}Wji3NI8cjXeKnfw8ESA4+Wk5ntJ/Qe5K", UTF8 },
	{ "SSHA.HEX", "{SSHA.HEX}ac6e2c7c1b9daf5d510d173dd19b72cf4100ab9743eacf88", ASCII },
	{ "SSHA.HEX, not ASCII",
	  "{SSHA.HEX}aee22863c93e885f2f521fa35dd4f6b819e7a523f570fd47", UTF8 },
	{ "SSHA256", "{SSHA256}ERmtPRD7sLGZxCAc9VluEk1dUn37wlifQ5RcqplzydwxL1Vt", ASCII },
	{ "SSHA256, not ASCII", "{SSHA256}4aabRQcWvRdbQ4fsOoG3w4lQF/foAJbBSJvrwwHiYShGKk9J", UTF8 },
	{ "SSHA512",
	  "{SSHA512}vabXehB4s8NrAW524hTgcyv/bCKVHI8QObIYOuqBWm"
	  "VI3A9X88GtdsDyUF2LqJx0EIptyudF+QVSIFACq19C46mf1rQ=", ASCII },
	{ "SSHA512, not ASCII",
	  "{SSHA512}QSDZLbYG27a7VHUF2udh+j6q7RwaxvuyzVW+PyKuJX"
	  "yDmu7xuIEfkVi+iY7E3GA72Lc8q+8CCJAB2Q7VpYzkW2eiNF8=", UTF8 },
	{ "SHA", "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=", ASCII },
	{ "SHA, not ASCII", "{SHA}9Rfd8dMqES/xrVXGbRsSyzjn6Pc=", UTF8 },
	{ "SHA256", "{SHA256}QQTTb42iwlQ0n4WDZ5Pr4CngyVcGOjTJHC6SAxh7VjE=", ASCII },
	{ "SHA256, not ASCII", "{SHA256}RpcL73Cs7YEj8NXQlHF+KlzUEgQeA7JjdgSf5lsoNKQ=", UTF8 },
	{ "SHA256.HEX",
	  "{SHA256.HEX}4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631", ASCII },
	{ "SHA512",
	  "{SHA512}VraY3v7bWkNbY0r+MyC7rz/c2SC2xQOkRvx7endrK"
	  "Y1HnRumqLYXgI6wv1ec6aldZoNHvKtxSQhayTyyeZUZew==", ASCII },
	{ "SHA512, not ASCII",
	  "{SHA512}csf+G9M7eFdGqclPm4DSWRzTjzwTyKpD91N/MqKox"
	  "fm10c7ha2nwIS4OOalNg/V7zzomuud2AHzrsB8NYxEnPg==", UTF8 },
	{ "PLAIN-MD5", "{PLAIN-MD5}3cb4e732631f47e6eb961f34554b7cde", ASCII },
	{ "PLAIN-MD5, not ASCII", "{PLAIN-MD5}12841e4ba5e37d2fbfc78458c6714ade", UTF8 },
	{ "LDAP-MD5", "{LDAP-MD5}PLTnMmMfR+brlh80VUt83g==", ASCII },
	{ "LDAP-MD5, not ASCII", "{LDAP-MD5}EoQeS6XjfS+/x4RYxnFK3g==", UTF8 },
	{ "SMD5", "{SMD5}IDVzmJoemt4WgvUGqgl58320Zds=", ASCII },
	{ "SMD5, not ASCII", "{SMD5}9AdFrXaYrZ8c2H3SE6TskfWoHjU=", UTF8 },
	{ "PBKDF2",
	  "{PBKDF2}$1$ajT9WTe4buioYHm4$5000$f711095dcd72961ca45e1ecb5f367b58d01dd849", ASCII },
	{ "PBKDF2, not ASCII",
	  "{PBKDF2}$1$vfPGhhZprUuJc57N$5000$8981b99348e97208bc2c69656d234a93e8c28a98", UTF8 },
	{ "SCRAM-SHA-1",
	  "{SCRAM-SHA-1}4096,hHfFWmj9ZrjvCG1jmoszzA==,x1FuStJD7enXb0yrnEBBSSeuNm4=,"
	  "4A6Gie66HiVfT1KrcHCwC9hLx/k=", ASCII },
	{ "SCRAM-SHA-1, not ASCII",
	  "{SCRAM-SHA-1}4096,R51R/hAc/qrM3nPK7lsfkQ==,Uff7GM58s2DjYrRQjcui+H10Rt8=,"
	  "nCZt4PP1utXP/P1BJjbWKXXq2fo=", UTF8 },
	{ "SCRAM-SHA-256",
	  "{SCRAM-SHA-256}4096,rrQEitsYabgX0gDh3i+RWg==,"
	  "dE2U0xWD4w86POFdiTXpU2cbq+QtvHRqkE8tBa7SDaI=,"
	  "pmkWS1yONCsu0JbP2ZfThPQ2fz3T3zaKAfiMp0uZC1o=", ASCII },
	{ "SCRAM-SHA-256, not ASCII",
	  "{SCRAM-SHA-256}4096,nasByF7icM1qfGPUG4T7kQ==,"
	  "9PlFDdMenF8saGV02x7m1UlIWcujEmdqMYz/qeSFGY8=,"
	  "m61Y+js4gW4PPSw2SwvMSwluSd21OPARNwfJsb0qvnc=", UTF8 },
	{ "PLAIN", "{PLAIN}correct horse", ASCII },
	{ "PLAIN.B64", "{PLAIN.B64}Y29ycmVjdCBob3JzZQ==", ASCII },
	{ "PLAIN.HEX", "{PLAIN.HEX}636f727265637420686f727365", ASCII },
	{ "PLAIN, not ASCII", "{PLAIN}p\xc3\xa4ssw\xc3\xb6rd", UTF8 },
	{ "PLAIN.B64, not ASCII", "{PLAIN.B64}cMOkc3N3w7ZyZA==", UTF8 },
	{ "PLAIN.HEX, not ASCII", "{PLAIN.HEX}70c3a4737377c3b67264", UTF8 },
	{ "argon2: 8-byte salt, 16-byte tag",
	  "{ARGON2ID}$argon2id$v=19$m=64,t=1,p=1$OGJ5dGVzYWw$J8EViSyM5smXGQZecSfIgA", ASCII },
	{ "argon2: 64-byte tag",
	  "{ARGON2ID}$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
	  "rpKMtnYhm5npvlUG9ujc/GI3799XD6zB6vnbpKg2/7Ub+H896ATR8a2tCFwf"
	  "PXwL5w1JiE2V+xeoFdOwG+ZBKg", ASCII },
	{ "argon2: 26-byte salt, two lanes",
	  "{ARGON2ID}$argon2id$v=19$m=64,t=1,p=2$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODk$"
	  "SB+NrIkxQ/EDS+N/D6TrHgL0SQmA8YP3Qx+y6994qms", ASCII },
	{ "argon2: argon2i of one pass",
	  "{ARGON2I}$argon2i$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
	  "upMolgTkMlwbVBjdk8MFwkTNVPmQTsViYFz5ZF/pVVg", ASCII },
	{ "argon2: an argon2i labelled ARGON2ID",
	  "{ARGON2ID}$argon2i$v=19$m=64,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
	  "7Zy9kRR2ckYcS9drlqdGtg040mnL7Y32VUHzoNugrHM", ASCII },
	{ "argon2: an argon2id labelled argon2i",
	  "{argon2i}$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
	  "M7jw0GQI4Kfcxf+xPldfNRYttP89scc9XVAYAcaZ0U0", ASCII },
	{ "argon2: no label",
	  "$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
	  "M7jw0GQI4Kfcxf+xPldfNRYttP89scc9XVAYAcaZ0U0", ASCII },
	{ "crypt: no label", "$1$6WR.NrJJ$vQTRFfR3FytOGocr4MPn/0", ASCII },
	{ "crypt: gost-yescrypt",
	  "{CRYPT}$gy$j9T$8WXNPq5xxj2HEfsXrg5MV1$"
	  "FZmZnQq.1dQYX796DUGCdwoODkb5h.rH4xLr8D8vn2B", ASCII },
	{ "crypt: BSDi", "{CRYPT}_J9..abcdtIvPUrZYa6w", ASCII },
	{ "crypt: Sun's MD5", "{CRYPT}$md5$abcdefgh$$A8TL8sY7.pGvXG33VEUpT0", ASCII },
	{ "crypt: NT", "{CRYPT}$3$$cfc43211ba8dc470832267827cac1407", ASCII },
	{ "MD5 as MD5-CRYPT", "{MD5}$1$6WR.NrJJ$vQTRFfR3FytOGocr4MPn/0", ASCII },
	{ "MD5 as PLAIN-MD5", "{MD5}3cb4e732631f47e6eb961f34554b7cde", ASCII },
	{ "a name in lower case", "{plain-md5}3cb4e732631f47e6eb961f34554b7cde", ASCII },
	{ "a suffix in lower case", "{Plain.hex}636f727265637420686f727365", ASCII },
	{ "the long name of base64", "{PLAIN.BASE64}Y29ycmVjdCBob3JzZQ==", ASCII },
	{ "base64 without padding", "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A", ASCII },
	{ "a digest's hex seen by its length",
	  "{SHA256}4104D36F8DA2C254349F85836793EBE029E0C957063A34C91C2E9203187B5631", ASCII },
	{ "CLEARTEXT", "{CLEARTEXT}correct horse", ASCII },
	{ "passlib: bcrypt-sha256, as its manual has it",
	  "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2", "password" },
	{ "passlib: bcrypt-sha256, the older form, labelled",
	  "{BCRYPT-SHA256}$bcrypt-sha256$2b,12$LrmaIX5x4TRtAwEfwJZa1.$2ehnw6LvuIUTM0iz4iz9hTxv21B6KFO", "password" },
	{ "passlib: pbkdf2-sha256", "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M", ASCII },
	{ "passlib: pbkdf2-sha512, labelled, not ASCII",
	  "{PBKDF2}$pbkdf2-sha512$7$c2FsdHn//g$7lhq/7KuYvu/Rh4BqvQ4xpJGFf1QOcIO9xPmOLdomm1knH0THSp97z1hVSuLW8u32EqaWV/h5NplfNcNO0f7GQ", UTF8 },
	{ "passlib: pbkdf2 with SHA-1", "$pbkdf2$1000$MDEyMzQ1Njc4OWFiY2RlZg$aUfE2vx5Q7zgbb0jx49AaNpXUQQ", ASCII },
	/* clang-format on */
};

#define ARGON2ID_TAG "$MDEyMzQ1Njc4OWFiY2RlZg$M7jw0GQI4Kfcxf+xPldfNRYttP89scc9XVAYAcaZ0U0"
#define SHA1_KEY     "x1FuStJD7enXb0yrnEBBSSeuNm4="

/* What can be neither right nor wrong, and a word that the explanation must hold. */
static const struct trouble {
	const char *name;
	struct slice stored;
	const char *why;
} troubles[] = {
	{ "nothing stored", BYTES(""), "no {SCHEME}" },
	{ "no label", BYTES("correct horse"), "no {SCHEME}" },
	{ "a label without an end", BYTES("{PLAIN"), "no {SCHEME}" },
	{ "an empty label", BYTES("{}correct horse"), "'{}'" },
	{ "an unknown scheme", BYTES("{ROT13}pbeerpg ubefr"), "'{ROT13}'" },
	{ "braces, but no name of a scheme", BYTES("{hunter2}correct horse"), "'{...}'" },
	{ "braces, but too long a name", BYTES("{AAAAAAAAAAAAAAAAAAAAAAAAA}x"), "'{...}'" },
	{ "an unknown suffix", BYTES("{PLAIN.B32}correct horse"), "'{PLAIN.B32}'" },
	{ "an empty suffix", BYTES("{PLAIN.}correct horse"), "'{PLAIN.}'" },
	{ "half a scheme's name", BYTES("{ARGON2I"), "no {SCHEME}" },
	{ "CRAM-MD5", BYTES("{CRAM-MD5}38b57fd1a0c4b46c814aa05f20318edd"), "'{CRAM-MD5}'" },
	{ "DIGEST-MD5", BYTES("{DIGEST-MD5}61249fae4f54de6c481fcb1a75f10acf"), "'{DIGEST-MD5}'" },

	{ "argon2d",
	    BYTES("{ARGON2ID}$argon2d$v=19$m=65536,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$"
		  "SZ+isJ+en1Kj1jfitx6SpbalLZtYKtQmv0tBJ4UExtE"),
	    "malformed" },
	{ "argon2: nothing", BYTES("{ARGON2ID}"), "malformed" },
	{ "argon2: another scheme's text", BYTES("{ARGON2ID}$1$6WR.NrJJ$vQTRFf"), "malformed" },
	{ "argon2: an older version",
	    BYTES("{ARGON2ID}$argon2id$v=16$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
		  "8qQEkLG14QwsOeP8vYfWOPvFwEgwFYUQZ8mRBY7QjtU"),
	    "malformed" },
	{ "argon2: no version", BYTES("$argon2id$m=8,t=1,p=1" ARGON2ID_TAG), "malformed" },
	{ "argon2: no number", BYTES("$argon2id$v=19$m=x,t=1,p=1" ARGON2ID_TAG), "malformed" },
	{ "argon2: an empty number", BYTES("$argon2id$v=19$m=,t=1,p=1" ARGON2ID_TAG), "malformed" },
	{ "argon2: another order", BYTES("$argon2id$v=19$t=1,m=8,p=1" ARGON2ID_TAG), "malformed" },
	{ "argon2: a number more", BYTES("$argon2id$v=19$m=8,t=1,p=1,x=1" ARGON2ID_TAG),
	    "malformed" },
	{ "argon2: no pass", BYTES("$argon2id$v=19$m=8,t=0,p=1" ARGON2ID_TAG), "malformed" },
	{ "argon2: no lane", BYTES("$argon2id$v=19$m=8,t=1,p=0" ARGON2ID_TAG), "malformed" },
	{ "argon2: 7 KiB", BYTES("$argon2id$v=19$m=7,t=1,p=1" ARGON2ID_TAG), "malformed" },
	{ "argon2: too many lanes", BYTES("$argon2id$v=19$m=8,t=1,p=4" ARGON2ID_TAG), "malformed" },
	{ "argon2: a field more", BYTES("$argon2id$v=19$m=8,t=1,p=1" ARGON2ID_TAG "$"),
	    "malformed" },
	{ "argon2: no tag", BYTES("$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg"),
	    "malformed" },
	{ "argon2: a short tag", BYTES("$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$M7jw0GQ"),
	    "malformed" },
	{ "argon2: a short salt",
	    BYTES("$argon2id$v=19$m=8,t=1,p=1$MDEyMw$M7jw0GQI4Kfcxf+xPldfNRYttP89scc9XVAYAcaZ0U0"),
	    "malformed" },
	{ "argon2: NUL behind", BYTES("$argon2id$v=19$m=8,t=1,p=1" ARGON2ID_TAG "\0x"),
	    "malformed" },
	{ "argon2: too much memory", BYTES("$argon2id$v=19$m=262145,t=1,p=1" ARGON2ID_TAG),
	    "costs" },
	{ "argon2: all memory", BYTES("$argon2id$v=19$m=4294967295,t=1,p=1" ARGON2ID_TAG),
	    "costs" },
	{ "argon2: more than a number", BYTES("$argon2id$v=19$m=4294967296,t=1,p=1" ARGON2ID_TAG),
	    "malformed" },
	{ "argon2: too many passes", BYTES("$argon2id$v=19$m=8,t=17,p=1" ARGON2ID_TAG), "costs" },

	{ "crypt: nothing", BYTES("{CRYPT}"), "malformed" },
	{ "crypt: a locked account", BYTES("{CRYPT}!"), "malformed" },
	{ "crypt: an unknown form", BYTES("{CRYPT}$9$abcdefgh$0123456789"), "malformed" },
	{ "crypt: Apache's form", BYTES("{CRYPT}$apr1$abc$0123456789012345678901"), "malformed" },
	{ "crypt: DES cut short", BYTES("{CRYPT}q0l0DK0JlQsh"), "malformed" },
	{ "crypt: DES twice", BYTES("{CRYPT}q0l0DK0JlQshkmVGNR51trIs"), "malformed" },
	{ "crypt: DES, not its letters", BYTES("{CRYPT}q0l0DK0JlQsh!"), "malformed" },
	{ "crypt: MD5 cut short", BYTES("{CRYPT}$1$6WR.NrJJ$vQTRFfR3FytOGocr4MPn/"), "malformed" },
	{ "crypt: only a salt", BYTES("{CRYPT}$1$6WR.NrJJ$"), "malformed" },
	{ "crypt: something behind", BYTES("{CRYPT}$1$6WR.NrJJ$vQTRFfR3FytOGocr4MPn/0x"),
	    "malformed" },
	{ "crypt: NUL behind", BYTES("{CRYPT}$1$6WR.NrJJ$vQTRFfR3FytOGocr4MPn/0\0"), "malformed" },
	{ "crypt: NUL within", BYTES("{CRYPT}$1$6WR.NrJJ$\0QTRFfR3FytOGocr4MPn/0"), "malformed" },
	{ "crypt: a bcrypt without cost", BYTES("{BLF-CRYPT}$2y$xx$JrhTnT9zaTSmJLfE0o/zQO0q"),
	    "malformed" },
	{ "crypt: a dear bcrypt",
	    BYTES("{BLF-CRYPT}$2y$16$JrhTnT9zaTSmJLfE0o/zQO0qTCcm039h26mRY6ZIkyyz.eY/9cC2a"),
	    "costs" },
	{ "crypt: BSDi of many rounds", BYTES("{CRYPT}_zzzzabcdtIvPUrZYa6w"), "costs" },
	{ "crypt: BSDi cut short", BYTES("{CRYPT}_J9..abcdtIvPUrZYa6"), "malformed" },
	{ "crypt: many rounds of SHA", BYTES("{CRYPT}$6$rounds=1000001$abcdefgh$x"), "costs" },
	{ "crypt: no number of rounds", BYTES("{CRYPT}$5$rounds=$abcdefgh$x"), "malformed" },
	{ "crypt: many rounds of SHA-1", BYTES("{CRYPT}$sha1$1000001$abcdefgh$x"), "costs" },
	{ "crypt: many rounds of Sun's MD5", BYTES("{CRYPT}$md5,rounds=1000001$abcdefgh$$x"),
	    "costs" },
	{ "crypt: a large yescrypt", BYTES("{CRYPT}$y$jET$8WXNPq5xxj2HEfsXrg5MV1$x"), "costs" },
	{ "crypt: a yescrypt of another kind", BYTES("{CRYPT}$y$jD5/$8WXNPq5xxj2HEfsXrg5MV1$x"),
	    "malformed" },
	{ "crypt: a large scrypt", BYTES("{CRYPT}$7$FU..../....Vw6P6WFPAQQNrS5/BcCR20$x"),
	    "costs" },
	{ "crypt: an immense scrypt", BYTES("{CRYPT}$7$zzzzzzzzzzzVw6P6WFPAQQNrS5/BcCR20$x"),
	    "costs" },
	{ "crypt: half a scrypt", BYTES("{CRYPT}$7$CU..../..."), "malformed" },

	{ "a digest too short", BYTES("{SHA}L55TUjtiq8FBorTWAZ0jy6g129"), "malformed" },
	{ "a digest too long", BYTES("{SHA}BSO6FObNJrg7hK0xcr9gTYFpVoNDo3i9"), "malformed" },
	{ "a digest that is no base64", BYTES("{SHA}L55TUjtiq8FBorTWAZ0jy6g129!="), "malformed" },
	{ "a digest in the wrong coding", BYTES("{SHA.HEX}L55TUjtiq8FBorTWAZ0jy6g129A="),
	    "malformed" },
	{ "a hex of odd length", BYTES("{PLAIN.HEX}636"), "malformed" },
	{ "a salted digest without a salt", BYTES("{SSHA}L55TUjtiq8FBorTWAZ0jy6g129A="),
	    "malformed" },
	{ "more than a stored password may be", { NULL, 0 }, "malformed" },

	{ "PBKDF2: another version",
	    BYTES("{PBKDF2}$2$salt$1$f711095dcd72961ca45e1ecb5f367b58d01dd849"), "malformed" },
	{ "PBKDF2: no round", BYTES("{PBKDF2}$1$salt$0$f711095dcd72961ca45e1ecb5f367b58d01dd849"),
	    "malformed" },
	{ "PBKDF2: many rounds",
	    BYTES("{PBKDF2}$1$salt$1000001$f711095dcd72961ca45e1ecb5f367b58d01dd849"), "costs" },
	{ "PBKDF2: a short key", BYTES("{PBKDF2}$1$salt$1$f711095dcd72961ca45e1ecb5f367b58d01dd8"),
	    "malformed" },
	{ "passlib: a bcrypt-sha256 cut short",
	    BYTES("$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$"
		  "Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft"),
	    "malformed" },
	{ "passlib: a bcrypt-sha256 of another version",
	    BYTES("$bcrypt-sha256$v=3,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$"
		  "Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2"),
	    "malformed" },
	{ "passlib: a bcrypt-sha256 with odd letters",
	    BYTES("$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uk:$"
		  "Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2"),
	    "malformed" },
	{ "passlib: a dear bcrypt-sha256",
	    BYTES("$bcrypt-sha256$v=2,t=2b,r=16$n79VH.0Q2TMWmt3Oqt9uku$"
		  "Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2"),
	    "costs" },
	{ "passlib: a pbkdf2 of an unknown digest", BYTES("$pbkdf2-md5$1$AAAA$AAAA"), "malformed" },
	{ "passlib: a pbkdf2 with a short key", BYTES("$pbkdf2-sha256$1$AAAA$AAAA"), "malformed" },
	{ "passlib: a pbkdf2 without a round", BYTES("$pbkdf2-sha256$0$AAAA$AAAA"), "malformed" },
	{ "SCRAM: many rounds",
	    BYTES("{SCRAM-SHA-1}1000001,hHfFWmj9ZrjvCG1jmoszzA==," SHA1_KEY "," SHA1_KEY),
	    "costs" },
	{ "SCRAM: one key", BYTES("{SCRAM-SHA-1}4096,hHfFWmj9ZrjvCG1jmoszzA==," SHA1_KEY),
	    "malformed" },
	{ "SCRAM: a key of another hash",
	    BYTES("{SCRAM-SHA-256}4096,rrQEitsYabgX0gDh3i+RWg==,"
		  "" SHA1_KEY "," SHA1_KEY),
	    "malformed" },
};

static const struct refused {
	const char *name;
	struct slice password;
} refused[] = {
	{ "empty", BYTES("") },
	{ "NUL", BYTES("correct\0horse") },
	{ "\\001", BYTES("correct\001horse") },
	{ "a tab", BYTES("correct\thorse") },
	{ "CR", BYTES("correct horse\r") },
	{ "LF", BYTES("correct horse\n") },
};

static enum outcome
verify(const char *stored, const char *password)
{
	struct error err = { "" };

	return password_verify(slice_str(stored), slice_str(password), &cheap, &err);
}

/* Tell whether a stored password takes long enough to be asked about once only. */
static bool
is_dear(const char *stored)
{
	static const char *const marks[] = { "m=4096,", "m=19456,", "m=32768,", "m=65536,",
		"m=262144,", "$y$", "$gy$", "$7$" };

	for (size_t i = 0; i < ROWS(marks); i++)
		if (strstr(stored, marks[i]) != NULL)
			return true;
	return false;
}

/* Under valgrind, for which it takes fifteen times as long. */
static bool
is_left_out(const char *stored)
{
	return getenv("VMAILD_TEST_QUICK") != NULL && is_dear(stored);
}

static void
test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(vectors); i++) {
		const struct vector *v = &vectors[i];
		enum outcome right, wrong;

		if (is_left_out(v->stored))
			continue;
		right = verify(v->stored, v->password);
		wrong = verify(v->stored, "wrong");
		if (right != FOUND || wrong != NONE)
			fail_msg("%s: right password %s, wrong one %s", v->name,
			    outcome_name(right), outcome_name(wrong));
	}
}

/* Whatever is lost of a stored password, what is left is neither accepted nor read too far. The
 * padding of base64 is no loss. */
static void
test_no_prefix_is_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(vectors); i++) {
		const struct vector *v = &vectors[i];
		size_t n = strlen(v->stored);

		while (v->stored[n - 1] == '=')
			n--;
		while (n-- > 0) {
			struct slice part = bytes_copy(slice_of(v->stored, n));

			if (password_verify(part, slice_str(v->password), &cheap, NULL) == FOUND)
				fail_msg("%s: %zu bytes of it are accepted", v->name, n);
			bytes_free(part);
			if (is_dear(v->stored))
				break;
		}
	}
}

static void
test_trouble_is_never_a_wrong_password(void **state)
{
	char longest[2 * PASSWORD_STORED_MAX] = "{PLAIN}";

	(void)state;
	memset(longest + 7, 'x', sizeof longest - 7);
	for (size_t i = 0; i < ROWS(troubles); i++) {
		const struct trouble *t = &troubles[i];
		struct slice stored =
		    t->stored.p == NULL ? slice_of(longest, sizeof longest) : t->stored;
		struct error err = { "" };
		enum outcome o = password_verify(stored, slice_str(ASCII), &cheap, &err);

		if (o != RETRY || strstr(err.text, t->why) == NULL)
			fail_msg("%s: %s, '%s'", t->name, outcome_name(o), err.text);
		if (strstr(err.text, ASCII) != NULL || strstr(err.text, "M7jw0GQ") != NULL)
			fail_msg("%s: the text tells what is stored: '%s'", t->name, err.text);
	}
}

/* What would be trouble at a login is refused when it is to be kept, with other words. */
static void
test_stored_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(vectors); i++) {
		struct slice stored = bytes_copy(slice_str(vectors[i].stored));
		struct error err = { "" };
		enum outcome o = password_stored_check(stored, &cheap, &err);

		if (o != FOUND)
			fail_msg("%s: %s '%s'", vectors[i].name, outcome_name(o), err.text);
		bytes_free(stored);
	}
	for (size_t i = 0; i < ROWS(troubles); i++) {
		const struct trouble *t = &troubles[i];
		struct slice stored = bytes_copy(t->stored);
		struct error err = { "" };
		enum outcome o = password_stored_check(stored, &cheap, &err);

		if (o != BAD || strstr(err.text, "verify") != NULL)
			fail_msg("%s: %s '%s'", t->name, outcome_name(o), err.text);
		if (strstr(err.text, ASCII) != NULL || strstr(err.text, "M7jw0GQ") != NULL)
			fail_msg("%s: the text tells what is stored: '%s'", t->name, err.text);
		bytes_free(stored);
	}
}

static const struct {
	const char *name;
	const char *stored;
	bool again;
} rehashes[] = {
	{ "as configured", "{ARGON2ID}$argon2id$v=19$m=4096,t=3,p=1" ARGON2ID_TAG, false },
	{ "dearer", "{ARGON2ID}$argon2id$v=19$m=8192,t=4,p=1" ARGON2ID_TAG, false },
	{ "by another of its names", "{argon2}$argon2id$v=19$m=4096,t=3,p=1" ARGON2ID_TAG, false },
	{ "bare", "$argon2id$v=19$m=4096,t=3,p=1" ARGON2ID_TAG, false },
	{ "less memory", "{ARGON2ID}$argon2id$v=19$m=4095,t=9,p=1" ARGON2ID_TAG, true },
	{ "fewer passes", "{ARGON2ID}$argon2id$v=19$m=8192,t=2,p=1" ARGON2ID_TAG, true },
	{ "argon2i", "{ARGON2I}$argon2i$v=19$m=4096,t=3,p=1" ARGON2ID_TAG, true },
	{ "coded", "{ARGON2ID.HEX}24", true },
	{ "bcrypt", "{BLF-CRYPT}$2y$05$JrhTnT9zaTSmJLfE0o/zQO0qTCcm039h26mRY6ZIkyyz.eY/9cC2a",
	    true },
	{ "a digest", "{SSHA}BSO6FObNJrg7hK0xcr9gTYFpVoNDo3i9", true },
	{ "the password itself", "{PLAIN}correct horse", true },
};

static void
test_needs_rehash(void **state)
{
	const struct password_cost cost = { .memory_kib = 4096, .passes = 3 };

	(void)state;
	for (size_t i = 0; i < ROWS(rehashes); i++)
		if (password_needs_rehash(slice_str(rehashes[i].stored), &cost) !=
		    rehashes[i].again)
			fail_msg("%s", rehashes[i].name);
}

static void
test_cost_is_bounded_by_the_caller(void **state)
{
	struct password_cost cost = { .max_memory_kib = 64, .max_passes = 1 };
	struct slice right = slice_str(ASCII);
	struct slice yescrypt = slice_str("$y$j9T$8WXNPq5xxj2HEfsXrg5MV1$"
					  "kWo5RIOlfCwYlw6bU5Ozixos8wQCJv6FgD/EZNvWvf5");
	struct slice argon2 = slice_str("$argon2id$v=19$m=64,t=1,p=1$OGJ5dGVzYWw$"
					"J8EViSyM5smXGQZecSfIgA");

	(void)state;
	assert_int_equal(password_verify(argon2, right, &cost, NULL), FOUND);
	cost.max_memory_kib = 63;
	assert_int_equal(password_verify(argon2, right, &cost, NULL), RETRY);
	cost.max_memory_kib = 16384;
	assert_int_equal(password_verify(yescrypt, right, &cost, NULL), FOUND);
	cost.max_memory_kib = 16383;
	assert_int_equal(password_verify(yescrypt, right, &cost, NULL), RETRY);
}

static void
test_passwords_that_could_never_be_set(void **state)
{
	char text[PASSWORD_MAX + 1] = "";
	struct slice longest = slice_of(text, PASSWORD_MAX);
	struct sbuf stored;

	(void)state;
	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < ROWS(refused); i++) {
		struct slice p = refused[i].password;
		struct error err = { "" };
		struct sbuf out;

		sbuf_init(&out, 128);
		if (password_check(slice_str("a@b"), p, &err) != BAD ||
		    strstr(err.text, "choose") == NULL ||
		    password_hash(&out, p, &cheap, &err) != BAD || out.n != 0 ||
		    password_verify(slice_str("{PLAIN}" ASCII), p, &cheap, &err) != NONE ||
		    password_verify(slice_str("rubbish"), p, &cheap, &err) != NONE ||
		    password_verify_dummy(p, &cheap, &err) != NONE)
			fail_msg("%s", refused[i].name);
		sbuf_release(&out);
	}
	assert_int_equal(password_verify_dummy(longest, &cheap, NULL), NONE);
	assert_int_equal(password_check(slice_str(""), longest, NULL), FOUND);
	assert_int_equal(password_check(slice_str("a"), longest, NULL), BAD);
	assert_int_equal(
	    password_check(slice_str("a"), slice_head(longest, PASSWORD_MAX - 1), NULL), FOUND);
	assert_int_equal(password_check(longest, slice_str("x"), NULL), BAD);
	assert_int_equal(password_check(slice_of(text, sizeof text), slice_str("x"), NULL), BAD);
	sbuf_init(&stored, PASSWORD_STORED_MAX);
	sbuf_printf(&stored, "{PLAIN}%.*s", PASSWORD_MAX, text);
	assert_int_equal(password_verify(sbuf_slice(&stored), longest, &cheap, NULL), FOUND);
	sbuf_add_chr(&stored, 'x');
	assert_int_equal(
	    password_verify(sbuf_slice(&stored), slice_of(text, sizeof text), &cheap, NULL), NONE);
	sbuf_release(&stored);
}

static void
test_hash_is_verified(void **state)
{
	static const char start[] = "{ARGON2ID}$argon2id$v=19$m=64,t=1,p=1$";
	struct sbuf a, b;

	(void)state;
	sbuf_init(&a, PASSWORD_STORED_MAX);
	sbuf_init(&b, PASSWORD_STORED_MAX);
	assert_int_equal(password_hash(&a, slice_str(UTF8), &cheap, NULL), FOUND);
	assert_int_equal(password_hash(&b, slice_str(UTF8), &cheap, NULL), FOUND);
	assert_true(slice_starts(sbuf_slice(&a), start));
	assert_true(slice_starts(sbuf_slice(&b), start));
	assert_false(slice_eq(sbuf_slice(&a), sbuf_slice(&b)));
	assert_int_equal(verify(sbuf_cstr(&a), UTF8), FOUND);
	assert_int_equal(verify(sbuf_cstr(&b), UTF8), FOUND);
	assert_int_equal(verify(sbuf_cstr(&a), ASCII), NONE);
	sbuf_release(&a);
	sbuf_release(&b);
}

static void
test_hash_refuses_a_cost_that_is_none(void **state)
{
	const struct password_cost costs[] = { { .memory_kib = 7, .passes = 1 },
		{ .memory_kib = 64, .passes = 0 } };

	(void)state;
	for (size_t i = 0; i < ROWS(costs); i++) {
		struct sbuf out;

		sbuf_init(&out, PASSWORD_STORED_MAX);
		assert_int_equal(password_hash(&out, slice_str(ASCII), &costs[i], NULL), BAD);
		assert_int_equal(out.n, 0);
		sbuf_release(&out);
	}
}

static void
test_dummy_is_never_found(void **state)
{
	(void)state;
	assert_int_equal(
	    password_verify_dummy(slice_str(ASCII), &password_default_cost, NULL), NONE);
	assert_int_equal(password_verify_dummy(slice_str(ASCII), &cheap, NULL), NONE);
}

/* Allow so much address space more than is used now; back to the old limit with SIZE_MAX. */
static void
allow_memory(size_t more)
{
	struct rlimit limit;
	unsigned long pages;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	if (more != SIZE_MAX)
		limit.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

/* The right password, and not the memory to tell. */
static const struct {
	const char *name;
	const char *stored;
} hungry[] = {
	{ "argon2id", "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$/t8FHALjsennfRC8CNQhrg$"
		      "iOZcswT/9i0M22e4Md+hm8tLyfUbOLVXdIcBeod59pY" },
	{ "argon2id of four lanes",
	    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg$"
	    "L1b1NjppUoj/KIEORq1pof4waLxklM0mqKZzt9nCsKI" },
	{ "scrypt", "{CRYPT}$7$CU..../....Vw6P6WFPAQQNrS5/BcCR20$"
		    "7KfDZABcP1mjZ73/YsA07EHEIXG3qziB0tBGyjQYVm4" },
};

static void
test_want_of_memory_is_never_a_wrong_password(void **state)
{
	struct slice right = slice_str(ASCII);
	enum outcome got[ROWS(hungry)], dummy, hashed;
	struct error err = { "" }, why[ROWS(hungry)];
	struct sbuf out;

	(void)state;
	sbuf_init(&out, PASSWORD_STORED_MAX);
	allow_memory(32UL << 20);
	for (size_t i = 0; i < ROWS(hungry); i++)
		got[i] = password_verify(slice_str(hungry[i].stored), right, &cheap, &why[i]);
	dummy = password_verify_dummy(right, &password_default_cost, &err);
	hashed = password_hash(&out, right, &password_default_cost, &err);
	allow_memory(SIZE_MAX);
	for (size_t i = 0; i < ROWS(hungry); i++) {
		if (got[i] != RETRY || strstr(why[i].text, "no memory") == NULL)
			fail_msg("%s: %s, '%s'", hungry[i].name, outcome_name(got[i]), why[i].text);
		assert_int_equal(verify(hungry[i].stored, ASCII), FOUND);
	}
	assert_int_equal(dummy, RETRY);
	assert_int_equal(hashed, RETRY);
	assert_int_equal(out.n, 0);
	sbuf_release(&out);
}

static int
set_up(void **state)
{
	(void)state;
	return password_setup(NULL) == FOUND ? 0 : -1;
}

/* --- what others have stored ------------------------------------------------------------------ */

/* All that can be verified is taken, as it is or, in the clear, as PLAIN. */
static void
test_adopt_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		const struct vector *v = &vectors[i];
		struct error err = { "" };
		struct sbuf out;

		if (is_left_out(v->stored))
			continue;
		sbuf_init(&out, PASSWORD_STORED_MAX);
		if (password_adopt(&out, slice_str(v->stored), slice_str(""),
			&password_default_cost, &err) != FOUND)
			fail_msg("%s: %s", v->name, err.text);
		if (password_verify(sbuf_slice(&out), slice_str(v->password),
			&password_default_cost, &err) != FOUND)
			fail_msg("%s: '%s' is another password", v->name, sbuf_cstr(&out));
		sbuf_release(&out);
	}
}

/* What could never be verified is not taken, and not shown. */
static void
test_adopt_troubles(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
		const struct trouble *t = &troubles[i];
		struct error err = { "" };
		struct sbuf out;
		enum outcome o;

		sbuf_init(&out, PASSWORD_STORED_MAX);
		o = password_adopt(&out, t->stored, slice_str(""), &cheap, &err);
		if (o == FOUND || o == RETRY || out.n != 0 || (o == BAD) != (err.text[0] != '\0'))
			fail_msg("%s: %s, '%s'", t->name, outcome_name(o), err.text);
		sbuf_release(&out);
	}
}

static const struct adopted {
	const char *stored;
	const char *bare;
	const char *expected; /* NULL: BAD; "": NONE */
} adopteds[] = {
	{ "secret", "", NULL },
	{ "secret", "PLAIN", "{PLAIN}secret" },
	{ "!", "PLAIN", "{PLAIN}!" },
	{ "secret", "CRYPT", NULL },
	{ "q0l0DK0JlQshk", "", NULL },
	{ "q0l0DK0JlQshk", "CRYPT", "{CRYPT}q0l0DK0JlQshk" },
	{ "q0l0DK0JlQshk", "PLAIN", "{PLAIN}q0l0DK0JlQshk" },
	{ "q0l0DK0JlQshk", "ROT13", NULL },
	{ "$1$6WR.NrJJ$vQTRFfR3FytOGocr4MPn/0", "PLAIN",
	    "{CRYPT}$1$6WR.NrJJ$vQTRFfR3FytOGocr4MPn/0" },
	{ "3cb4e732631f47e6eb961f34554b7cde", "", "{PLAIN-MD5}3cb4e732631f47e6eb961f34554b7cde" },
	{ "3cb4e732631f47e6eb961f34554b7cde", "CRYPT",
	    "{PLAIN-MD5}3cb4e732631f47e6eb961f34554b7cde" },
	{ "2f9e53523ba2abc141a2b4d6019d23c1f2d4d5e7", "",
	    "{SHA.HEX}2f9e53523ba2abc141a2b4d6019d23c1f2d4d5e7" },
	{ "L55TUjtiq8FBorTWAZ0jy6g129A=", "SHA", "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=" },
	{ "{plain.b64}Y29ycmVjdCBob3JzZQ==", "", "{PLAIN}correct horse" },
	{ "{PLAIN}two\nlines", "", NULL },
	{ "{PLAIN}", "", NULL },
	{ "{CRYPT}!$1$6WR.NrJJ$vQTRFfR3FytOGocr4MPn/0", "", NULL },
	{ "", "", "" },
	{ "!", "", "" },
	{ "!!", "", "" },
	{ "*", "", "" },
	{ "x", "CRYPT", "" },
	{ "!$1$6WR.NrJJ$vQTRFfR3FytOGocr4MPn/0", "", "" },
	{ "{CRYPT}*", "", "" },
};

static void
test_adopt_bare(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof adopteds / sizeof adopteds[0]; i++) {
		const struct adopted *a = &adopteds[i];
		enum outcome expected = a->expected == NULL      ? BAD
					: a->expected[0] == '\0' ? NONE
								 : FOUND;
		struct error err = { "" };
		struct sbuf out;
		enum outcome o;

		sbuf_init(&out, PASSWORD_STORED_MAX);
		o = password_adopt(
		    &out, slice_str(a->stored), slice_str(a->bare), &password_default_cost, &err);
		if (o != expected || (o == FOUND && strcmp(sbuf_cstr(&out), a->expected) != 0))
			fail_msg("'%s' as '%s': %s '%s' (%s)", a->stored, a->bare, outcome_name(o),
			    sbuf_cstr(&out), err.text);
		if (o == BAD && a->stored[0] != '{' && strstr(err.text, a->stored) != NULL)
			fail_msg("'%s' is shown: %s", a->stored, err.text);
		sbuf_release(&out);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_no_prefix_is_accepted),
		cmocka_unit_test(test_trouble_is_never_a_wrong_password),
		cmocka_unit_test(test_stored_check),
		cmocka_unit_test(test_needs_rehash),
		cmocka_unit_test(test_cost_is_bounded_by_the_caller),
		cmocka_unit_test(test_passwords_that_could_never_be_set),
		cmocka_unit_test(test_hash_is_verified),
		cmocka_unit_test(test_hash_refuses_a_cost_that_is_none),
		cmocka_unit_test(test_dummy_is_never_found),
		cmocka_unit_test(test_adopt_vectors),
		cmocka_unit_test(test_adopt_troubles),
		cmocka_unit_test(test_adopt_bare),
		cmocka_unit_test(test_want_of_memory_is_never_a_wrong_password),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("password", tests, set_up, NULL);
}
