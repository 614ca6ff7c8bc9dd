#!/usr/bin/python3
"""Authorization codes (R17-R19, R25, R28, R36, R39; RFC 6749 section 4.1, RFC 7636, RFC 9207, RFC 9700): a user lets a web application act for it; what its tokens reach; each code is used once."""
import issuers
import wire
from administer import admin, types
from codes import (BACK, CHALLENGE, ISS, OK, OTHER_BACK, PASSWORD, SCOPES, VERIFIER, ask, authorize, authorize_call, becomes, claims_of, connect, consent,
                   decision, edit, exchange, good, introspect, login, pkce, refresh, refused, shop, tokens, trail, validate)
from harness import SLOW, expect, expect_equal, main, test, wait_for

import envelope_pb2 as envelope
import issuer_pb2 as issuer
import validator_pb2 as validator

CROWD = 200


@test("a look, a consent, a code, a token and a refresh token: for the user, by the client, for what was asked (R17, R18, R24, R36)")
def promise(system):
    desk = system.clients["desk"]["client_id"]
    for token in (None, system.logins["ada"]):
        look = authorize(system, token, scope="module:orders:read")
        expect_equal(look, issuer.AuthorizeReply(status=200, redirect=True, iss=ISS, scope="module:orders:read", client_name="desk", account=system.account,
                                                 account_name="Acme" if token else ""))
    expect_equal(authorize(system).scope, " ".join(SCOPES), "all that the client may, where nothing is asked for")
    expect_equal(system.sql("select count(*) from authorization_codes"), "0")
    given = trail(system, "consent.given")
    code = consent(system, scope="market:code:eu module:orders:read")
    eu = f"market:{system.markets[0].number}"
    expect_equal(system.sql("select round(extract(epoch from expires_at - created_at)), digest = sha256('" + code + "') from authorization_codes"), "60|t")
    expect_equal(trail(system, "consent.given"), given + 1)
    expect_equal(system.sql("select object_id, actor_id, account_id from trail where event = 'platform.users.consent.given'"),
                 f"{desk}|{system.users['ada']}|{system.account}")
    reply = good(exchange(system, code, which=1), f"{eu} module:orders:read")
    claims = claims_of(reply.access_token)
    expect_equal({k: claims[k] for k in ("sub", "client_id", "account", "client_kind", "scope", "environment", "markets")},
                 {"sub": system.users["ada"], "client_id": desk, "account": system.account, "client_kind": "webapp", "scope": reply.scope, "environment": "live",
                  "markets": [system.markets[0].number]})
    for _ in range(2):  # looked up, and from memory
        shown = validate(system, reply.access_token)
        expect_equal((shown.reason, shown.user, shown.client, shown.customer, shown.account, shown.scope),
                     (validator.REASON_OK, system.users["ada"], desk, "", system.account, eu))
        said = introspect(system, reply.access_token)
        expect_equal((said.active, said.sub, said.client_id, said.scope, said.customer), (True, system.users["ada"], desk, reply.scope, ""))
    again = good(refresh(system, reply.refresh_token, scope=""), reply.scope)
    expect_equal(claims_of(again.access_token)["sub"], system.users["ada"])
    dump = system.sql("select coalesce(string_agg(c::text, ''), '') from authorization_codes c") + system.sql("select string_agg(f::text, '') from refresh_families f") + \
        system.sql("select string_agg(encode(record, 'escape'), '') from trail")
    expect(code not in dump and reply.refresh_token not in dump and VERIFIER not in dump, "a secret in the database")
    test_token = tokens(system, environment=types.ENVIRONMENT_TEST).access_token
    expect_equal((decision(system, test_token, environment=types.ENVIRONMENT_TEST), decision(system, test_token)), (OK, ("WRONG_ENVIRONMENT", 403)))
    refused(exchange(system, (code := consent(system)), environment=types.ENVIRONMENT_TEST), says="environment")
    good(exchange(system, code, environment=types.ENVIRONMENT_LIVE))
    user = system.sql("select number from users where username = 'ada'")
    wanted = {f"4 1 {issuer.GRANT_REASON_OK}", f"5 1 {issuer.GRANT_REASON_OK}", "0 1 1"}
    found = lambda: set(system.sql(f"select grant_type || ' ' || decision || ' ' || reason from use_log where client is not null and \"user\" = {user}").split("\n"))
    wait_for(lambda: wanted <= found(), 15, "each is in the access log, of user and client")


@test("what is wrong with a request goes back to the redirect URI, but for a client or a redirect URI that is not right (RFC 6749 section 4.1.2.1, RFC 9207)")
def requests(system):
    a = system.admin
    off = a.ok("CreateClient", account_id=system.account, name="off", kind=types.CLIENT_KIND_WEBAPP, redirect_uris=[BACK]).client.id
    gone = a.ok("CreateClient", account_id=system.account, name="gone", kind=types.CLIENT_KIND_WEBAPP, redirect_uris=[BACK]).client.id
    a.ok("DeactivateClient", id=off)
    a.ok("DeleteClient", id=gone)
    invalid = "invalid_request"
    shown = [(invalid, {"client_id": client}) for client in ("", "x", "CLI-0000-0000", off, gone, system.account, "é", "CLI-0000-0000' or true --", "C" * 30000)]
    shown += [("unauthorized_client", {"client_id": system.clients[name]["client_id"]}) for name in ("erp", "shop")]
    shown += [(invalid, {"redirect_uri": uri}) for uri in ("", BACK + "/", BACK[:-1], BACK.upper(), BACK.replace("https", "http"), BACK + "?", BACK + "#x", " " + BACK, BACK + " ",
                                                          BACK.replace("desk", "DESK"), BACK.replace("/back", "/%62ack"), BACK.replace("/back", "//back"), BACK + "?b=2",
                                                          "https://desk.example:443/back", "https://x@desk.example/back", "https://board.example/", "é", "x" * 2049, "y" * 30000,
                                                          "' or true --", "%", "{" + BACK + "}")]
    back = [(invalid, {"response_type": ""}), *(("unsupported_response_type", {"response_type": kind}) for kind in ("token", "code token", "Code", "code ", "x" * 30000)),
            *((invalid, {"code_challenge_method": method}) for method in ("", "plain", "s256", "S512", "é", "x" * 30000)),
            *((invalid, {"code_challenge": challenge}) for challenge in ("", "x", CHALLENGE[:-1], CHALLENGE + "A", CHALLENGE + "=", CHALLENGE[:-1] + "!", "A" * 42 + "B",
                                                                         CHALLENGE[:-2] + "é", "A" * 40 + " AA", "+" + CHALLENGE[1:], "x" * 30000)),
            *(("invalid_scope", {"scope": scope}) for scope in ("module:prices:read", "module:stock:write", "market:code:b2b", "market:code:nowhere", "nonsense", "x" * 4097,
                                                                "y" * 30000, "module:orders:read\x01"))]
    for token in (None, system.logins["ada"]):
        for redirect, cases in ((False, shown), (True, back)):
            for error, fields in cases:
                reply = authorize(system, token, consent=token is not None, **fields)
                expect_equal((reply.error, reply.redirect, reply.iss, reply.status, reply.code, reply.client_name, reply.scope),
                             (error, redirect, ISS if redirect else "", 400, "", "", ""), f"{fields} {reply.error_description}")
                expect(reply.error_description and all(" " <= c <= "~" and c not in '"\\' for c in reply.error_description), f"{reply.error_description!r}")
    expect_equal(authorize(system, redirect_uri=OTHER_BACK).status, 200, "another one that is registered")
    for environment in (-1, 3):
        expect_equal(authorize_call(system, environment=environment).code, envelope.CODE_INVALID_ARGUMENT)
    texts = [field.number << 3 | 2 for field in issuer.AuthorizeRequest.DESCRIPTOR.fields if field.type == field.TYPE_STRING]
    expect_equal(len(texts), 6, "fields with a text")
    for bad in (bytes([tag, len(text)]) + text for tag in texts for text in (b"\xff", b"a\xc0\x80", b"\0", b"a\0b")):
        expect_equal(system.issuers[0].call("jeton.v1.Issuer/Authorize", bad, timeout=25).code, envelope.CODE_INVALID_ARGUMENT, f"{bad}")
    expect_equal(system.sql("select count(*) from authorization_codes"), "0", "codes")


@test("who consents is who signed in: the gateway names nobody, and no other token will do (R34)")
def consents(system):
    a = system.admin
    of_ada = tokens(system).access_token
    other_key = login(system, "ada")
    erp = ask(system, "erp", grant_type="client_credentials").access_token
    api = a.ok("CreateToken", account_id=system.account, name="x", kind=types.TOKEN_KIND_PERSONAL, owner_id=system.users["ada"]).value
    bad = [None, "", "x", "a.b.c", other_key[:-4] + "AAAA", login(system, "ada", environment=types.ENVIRONMENT_TEST), of_ada, erp, api, system.users["ada"]]
    for token in bad:
        for which in (0, 1):
            expect_equal(authorize_call(system, token, which=which, consent=True).code, envelope.CODE_UNAUTHENTICATED, f"{token}")
    for token in bad[1:]:
        expect_equal(authorize_call(system, token).code, envelope.CODE_UNAUTHENTICATED, "a look with a token that is none")
    operator = wire.Dealer(system, system["issuer"])
    expect_equal(authorize_call(system, dealer=operator, consent=True).code, envelope.CODE_UNAUTHENTICATED, "an operator is no user")
    for keys, code in (("caller", envelope.CODE_PERMISSION_DENIED), ("admin", envelope.CODE_PERMISSION_DENIED)):
        expect_equal(authorize_call(system, system.logins["ada"], dealer=wire.Dealer(system, system["issuer"], keys), consent=True).code, code, keys)
    reply = authorize(system, system.logins["carl"], consent=True)
    expect_equal((reply.error, reply.status, reply.redirect, reply.code), ("access_denied", 403, True, ""))
    expect_equal(authorize(system, system.logins["carl"]).error, "access_denied")
    # What the user is now counts, not what it was when it signed in.
    for end, again, what in (("DisableUser", "EnableUser", {"id": system.users["ada"]}),):
        a.ok(end, **what)
        expect_equal(authorize_call(system, system.logins["ada"], consent=True).code, envelope.CODE_UNAUTHENTICATED)
        a.ok(again, **what)
    a.ok("SuspendAccount", id=system.account)
    expect_equal(authorize_call(system, system.logins["ada"], consent=True).code, envelope.CODE_PERMISSION_DENIED)
    expect_equal(authorize(system).error, "invalid_request", "a look at a suspended account's client")
    a.ok("ResumeAccount", id=system.account)
    a.ok("RevokeAccessTokens", account_id=system.account, id=system.users["ada"])
    expect_equal(authorize_call(system, system.logins["ada"], consent=True).code, envelope.CODE_UNAUTHENTICATED)
    system.logins["ada"] = login(system, "ada")
    consent(system)
    # And what a client was given for a user manages nothing, neither here nor at jeton-admin.
    gateway = wire.Dealer(system, system["admin"], "gateway")
    for token, code in ((tokens(system, "bert").access_token, envelope.CODE_UNAUTHENTICATED), (system.logins["bert"], envelope.CODE_OK)):
        reply = gateway.call("jeton.v1.Admin/ListTokens", admin.ListTokensRequest(), timeout=20, pairs={"authorization": f"Bearer {token}"})
        expect_equal(reply.code, code)
    a.ok("CreateCustomer", account_id=system.account, email="ada@shop.example", password=PASSWORD)
    reply = system.issuers[0].call("jeton.v1.Issuer/CustomerToken", issuer.CustomerTokenRequest(store_token=tokens(system).access_token, email="ada@shop.example", password=PASSWORD),
                                   timeout=25)
    expect_equal(issuer.CustomerTokenReply.FromString(reply.body).error, "invalid_token", "it is no store's")


@test("a token by code reaches what its client was granted, and no more than client and user may, at once (R2, R12, R14, R15, R25, R28)")
def reach(system):
    a = system.admin
    token = tokens(system).access_token
    ada, desk, account = system.users["ada"], system.clients[system.app]["client_id"], system.account
    # The same user's login reaches all of the account.
    for module, write, of_login, of_token in (("orders", False, OK, OK), ("orders", True, OK, OK), ("stock", False, OK, OK), ("stock", True, OK, ("READ_ONLY", 403)),
                                              ("prices", False, OK, ("MODULE_NOT_GRANTED", 403)), ("prices", True, OK, ("MODULE_NOT_GRANTED", 403)),
                                              ("unheard", False, ("MODULE_NOT_GRANTED", 403), ("MODULE_NOT_GRANTED", 403))):
        for _ in range(2):
            expect_equal((decision(system, system.logins["ada"], module, write), decision(system, token, module, write)), (of_login, of_token), f"{module} {write}")
    narrow = tokens(system, scope="module:orders:read").access_token
    expect_equal([decision(system, narrow, m, w) for m, w in (("orders", False), ("orders", True), ("stock", False))],
                 [OK, ("READ_ONLY", 403), ("MODULE_NOT_GRANTED", 403)])

    def during(what, wanted, begin, end, fields, again=OK):
        a.ok(begin, **fields)
        becomes(system, token, wanted, what)
        expect_equal(introspect(system, token).active, wanted[0] in ("MODULE_DISABLED", "OUT_OF_SCOPE"), what)
        a.ok(end, **fields)
        becomes(system, token, again, f"after: {what}")

    during("the user is disabled", ("DISABLED", 401), "DisableUser", "EnableUser", {"id": ada})
    during("the client is inactive", ("DISABLED", 401), "DeactivateClient", "ActivateClient", {"id": desk})
    during("the account is suspended", ("ACCOUNT_SUSPENDED", 403), "SuspendAccount", "ResumeAccount", {"id": account})
    during("the module is disabled", ("MODULE_DISABLED", 403), "DisableModule", "EnableModule", {"account_id": account, "module": "orders"})
    edit(system, system.app, scopes=["module:orders:read", "module:prices:write"])
    wait_for(lambda: decision(system, token, "orders", True) == ("READ_ONLY", 403), 5, "the client may only read")
    expect_equal([decision(system, token, m) for m in ("orders", "stock", "prices")], [OK, ("MODULE_NOT_GRANTED", 403), ("MODULE_NOT_GRANTED", 403)],
                 "what the client has got since is not the token's")
    edit(system, system.app, scopes=[])
    becomes(system, token, ("MODULE_NOT_GRANTED", 403), "the client has no scopes")
    edit(system, system.app, scopes=SCOPES)
    becomes(system, token, OK, "scopes again")
    # Resources.
    eu, us = (f"market:{market.number}" for market in system.markets[:2])
    token = tokens(system, scope=f"{eu} module:orders:read").access_token
    expect_equal(validate(system, token).scope, eu)
    during("its market is inactive", ("OUT_OF_SCOPE", 403), "DeactivateMarket", "ActivateMarket", {"id": system.markets[0].id})
    revision = a.ok("GetMarket", id=system.markets[0].id).market.revision
    a.ok("EditMarket", id=system.markets[0].id, revision=revision, fields=["customer_group_id"], customer_group_id=system.group)
    becomes(system, token, ("OUT_OF_SCOPE", 403), "its market is private, and a user is no customer")
    a.ok("EditMarket", id=system.markets[0].id, revision=revision + 1, fields=["customer_group_id"])
    becomes(system, token, OK, "public again")
    both = tokens(system, scope=f"{eu} {us} module:orders:read").access_token
    a.ok("DeactivateMarket", id=system.markets[1].id)
    wait_for(lambda: validate(system, both).scope == eu, 5, "one is left")
    a.ok("ActivateMarket", id=system.markets[1].id)
    # All of somebody's: of these, and only of these.
    for owner in (ada, desk, account):
        mine, others = tokens(system).access_token, tokens(system, "bert").access_token
        a.ok("RevokeAccessTokens", account_id=account, id=owner)
        becomes(system, mine, ("REVOKED", 401), owner)
        expect_equal(decision(system, others), OK if owner == ada else ("REVOKED", 401), f"another user's, after {owner}")
        system.logins = {name: login(system, name) for name in system.users}
    revoked = tokens(system)
    reply = system.issuers[1].call("jeton.v1.Issuer/Revoke", issuer.RevokeRequest(token=revoked.access_token, **system.clients[system.app]), timeout=25)
    expect_equal(issuer.RevokeReply.FromString(reply.body).status, 200)
    becomes(system, revoked.access_token, ("REVOKED", 401), "given back")
    # For good.
    gone = a.ok("CreateClient", account_id=account, name="brief", kind=types.CLIENT_KIND_WEBAPP, redirect_uris=[BACK], scopes=SCOPES,
                token_format=a.ok("GetClient", id=desk).client.token_format)
    system.clients["brief"] = {"client_id": gone.client.id, "client_secret": gone.secret}
    of_gone = good(exchange(system, consent(system, name="brief"), name="brief")).access_token
    becomes(system, of_gone, OK, "before it is deleted")
    a.ok("DeleteClient", id=gone.client.id)
    becomes(system, of_gone, ("REVOKED", 401), "the client is deleted")
    dora = a.ok("CreateUser", account_id=account, username="dora", name="Dora", password=PASSWORD).user.id
    system.logins["dora"] = login(system, "dora")
    of_dora, late = tokens(system, "dora"), consent(system, "dora")
    becomes(system, of_dora.access_token, OK, "before she is deleted")
    a.ok("DeleteUser", id=dora)
    becomes(system, of_dora.access_token, ("REVOKED", 401), "the user is deleted")
    refused(refresh(system, of_dora.refresh_token))
    refused(exchange(system, late))


@test("a code is good once, for its client, redirect URI and verifier, for 60 s; what it is not good for, it is refused for in the same words (RFC 7636, RFC 9700)")
def refusals(system):
    words = set()
    code = consent(system)
    # What is malformed, or another client's, does nothing to it.
    for fields, says in (({"code": ""}, "code"), ({"redirect_uri": ""}, "redirect_uri"), ({"code_verifier": ""}, "code_verifier"), ({"code_verifier": "x" * 42}, "code_verifier"),
                         ({"code_verifier": "x" * 129}, "code_verifier"), ({"code_verifier": VERIFIER[:-1] + "é"}, "code_verifier"), ({"code_verifier": VERIFIER + " "}, "code_verifier")):
        refused(exchange(system, **{"code": code, **fields}), "invalid_request", says)
    words.add(refused(exchange(system, code, name="board")))
    words.add(refused(exchange(system, code, name="board", redirect_uri="https://board.example/")))
    for name in ("erp", "shop"):
        refused(exchange(system, code, name=name), "unauthorized_client")
    refused(exchange(system, code, client_secret="x"), "invalid_client", status=401)
    refused(exchange(system, code, scope="module:prices:read"), "invalid_scope", "module:prices:read")
    refused(exchange(system, code, scope="nonsense"), "invalid_scope")
    narrowed = good(exchange(system, code, scope="module:stock:read"), "module:stock:read")
    refused(refresh(system, narrowed.refresh_token, scope="module:orders:read"), "invalid_scope", "module:orders:read")
    for bad in ("x", code[:-1], code + "A", code.upper(), " " + code, code[:-1] + chr(ord(code[-1]) + 1), "jtn_code_" + "A" * 43, "jtn_code_" + "é" * 21 + "A", narrowed.refresh_token,
                "' or true --", "\x01"):
        words.add(refused(exchange(system, bad)))
    # One try with another redirect URI or verifier is all.
    misused = trail(system, "authorization_code.misused")
    for fields in ({"code_verifier": pkce()[0]}, {"redirect_uri": OTHER_BACK}, {"redirect_uri": BACK + "/"}, {"code_verifier": CHALLENGE}):
        code = consent(system)
        words.add(refused(exchange(system, code, **fields)))
        words.add(refused(exchange(system, code)))
    expect_equal(trail(system, "authorization_code.misused"), misused + 4)
    expired = consent(system)
    system.sql("update authorization_codes set expires_at = clock_timestamp()")
    words.add(refused(exchange(system, expired)))
    for owner in (system.users["ada"], system.clients["desk"]["client_id"], system.account):
        code = consent(system)
        system.admin.ok("RevokeAccessTokens", account_id=system.account, id=owner)
        words.add(refused(exchange(system, code)))
        system.logins = {name: login(system, name) for name in system.users}
    code = consent(system)
    system.admin.ok("DisableUser", id=system.users["ada"])
    words.add(refused(exchange(system, code)))
    system.admin.ok("EnableUser", id=system.users["ada"])
    good(exchange(system, code))
    # What the client has lost since is refused by name; the code stays good.
    code = consent(system)
    edit(system, "desk", scopes=["module:orders:write"])
    refused(exchange(system, code), "invalid_scope", "module:stock:read")
    edit(system, "desk", scopes=SCOPES)
    good(exchange(system, code))
    expect_equal(len(words), 1, f"{words}")
    wanted = {f"{issuer.GrantReason.Value('GRANT_REASON_' + name)}" for name in ("CODE", "CODE_MISUSED", "USER_DISABLED", "SCOPE", "NOT_FOR_CLIENT", "CLIENT_SECRET")}
    wait_for(lambda: wanted <= set(system.sql("select reason from use_log where grant_type = 4 and decision = 2").split("\n")), 15, "the refusals in the log")


@test("used a second time, all that came of the first is revoked (RFC 6749 section 4.1.2)")
def reuse(system):
    code = consent(system)
    first, bystander = good(exchange(system, code)), tokens(system)
    second = good(refresh(system, first.refresh_token))
    refused(exchange(system, code, name="board"))
    becomes(system, second.access_token, OK, "another client's try does nothing")
    reused = trail(system, "authorization_code.reused")
    system.sql("delete from authorization_codes")  # the family knows its code for as long as it lives
    for which in (0, 1):
        refused(exchange(system, code, which=which, code_verifier=pkce()[0]))
    for reply in (first, second):
        becomes(system, reply.access_token, ("REVOKED", 401), "access tokens")
        refused(refresh(system, reply.refresh_token))
    becomes(system, bystander.access_token, OK, "of another consent")
    good(refresh(system, bystander.refresh_token))
    expect_equal(trail(system, "authorization_code.reused"), reused + 1)
    expect_equal(system.sql("select distinct object_id from trail where event = 'platform.users.authorization_code.reused'"), system.users["ada"])
    wait_for(lambda: str(issuer.GRANT_REASON_CODE_REUSED) in system.sql("select reason from use_log where grant_type = 4").split("\n"), 15, "in the log")


@test("a client with opaque tokens: the same of the same (R24)")
def opaque(system):
    system.app = "safe"
    try:
        given = tokens(system, scope="module:orders:read")
        expect_equal(given.access_token[:16], "jtn_access_live_")
        for _ in range(2):
            shown, said = validate(system, given.access_token), introspect(system, given.access_token)
            expect_equal((shown.user, shown.client, said.sub, said.client_id, said.scope),
                         (system.users["ada"], system.clients["safe"]["client_id"], system.users["ada"], system.clients["safe"]["client_id"], "module:orders:read"))
        expect_equal(good(refresh(system, given.refresh_token), "module:orders:read").access_token[:16], "jtn_access_live_")
        expect_equal(authorize_call(system, given.access_token, consent=True).code, envelope.CODE_UNAUTHENTICATED)
        reach(system)
        reuse(system)
    finally:
        system.app = "desk"


@test("refresh tokens of users: rotation, reuse, given back, narrower, for as long as user, client and account may (R17-R19, R25)")
def refreshing(system):
    a = system.admin
    first = tokens(system)
    less = good(refresh(system, first.refresh_token, scope="module:orders:read"), "module:orders:read")
    expect_equal(decision(system, less.access_token, "orders", True), ("READ_ONLY", 403))
    refused(refresh(system, less.refresh_token, scope="module:prices:read"), "invalid_scope", "module:prices:read")
    refused(refresh(system, less.refresh_token, name="board"))
    third = good(refresh(system, less.refresh_token))
    a.ok("DisableUser", id=system.users["ada"])
    refused(refresh(system, third.refresh_token))
    a.ok("EnableUser", id=system.users["ada"])
    a.ok("SuspendAccount", id=system.account)
    refused(refresh(system, third.refresh_token), "invalid_client", status=401)
    a.ok("ResumeAccount", id=system.account)
    fourth = good(refresh(system, third.refresh_token))
    system.sql("update refresh_tokens set used_at = used_at - interval '1 minute' where used_at is not null")
    refused(refresh(system, first.refresh_token))
    refused(refresh(system, fourth.refresh_token))
    becomes(system, fourth.access_token, ("REVOKED", 401), "reuse ends the family")
    expect_equal(trail(system, "refresh_token.reused"), 1)
    back = tokens(system)
    reply = system.issuers[1].call("jeton.v1.Issuer/Revoke", issuer.RevokeRequest(token=back.refresh_token, **system.clients["desk"]), timeout=25)
    expect_equal(issuer.RevokeReply.FromString(reply.body).status, 200)
    becomes(system, back.access_token, ("REVOKED", 401), "a refresh token that is given back")
    expect_equal(trail(system, "refresh_token.revoked"), 1)
    for owner in (system.users["ada"], system.clients["desk"]["client_id"], system.account):
        value = tokens(system).refresh_token
        a.ok("RevokeAccessTokens", account_id=system.account, id=owner)
        refused(refresh(system, value))
        system.logins = {name: login(system, name) for name in system.users}


def crowd(system, code, kill):
    """The answers to many uses of a code at once, at both issuers, one of which may be killed after the first."""
    request = issuer.TokenRequest(grant_type="authorization_code", code=code, redirect_uri=BACK, code_verifier=VERIFIER, **system.clients["desk"])
    return issuers.token_replies(issuers.crowd(system, request, CROWD, kill))


@test("two hundred uses of a code at two issuers, one of which is killed, begin one family, which the others' tries end (R17, R19)")
def at_once(system):
    for kill in (False, True):
        families = int(system.sql("select count(*) from refresh_families"))
        code = consent(system, which=1)
        told = crowd(system, code, kill)
        given = [reply for reply in told if reply.status == 200]
        counts = {(reply.status, reply.error): 0 for reply in told}
        for reply in told:
            counts[reply.status, reply.error] += 1
        print(f"# kill -9: {kill}: {counts}")
        expect(len(given) <= 1 and (kill or len(given) == 1), f"{counts}")
        expect(set(counts) <= {(200, ""), (400, "invalid_grant"), (503, "temporarily_unavailable")}, f"{counts}")
        expect_equal(int(system.sql("select count(*) from refresh_families")) - families, 1, "families")
        expect_equal(system.sql("select count(*) from authorization_codes"), "0")
        if kill:
            system["issuer"].start()
            connect(system)
        refused(exchange(system, code))
        expect_equal(system.sql(f"select revoked_at is not null from refresh_families where code = sha256('{code}')"), "t")
        for reply in given:
            becomes(system, reply.access_token, ("REVOKED", 401), "what the first was given")
            refused(refresh(system, reply.refresh_token))


@test("who consents too often waits; nobody can tell without a database")
def bounds(system):
    system["issuer2"].settings.update({"token_client_per_minute": "3", "authorize_address_per_minute": "20"})
    system["issuer2"].restart()
    connect(system)
    system["issuer2"].settings.update({"token_client_per_minute": "60000", "authorize_address_per_minute": "60000"})
    replies = [authorize(system, system.logins["ada"], which=1, consent=True) for _ in range(5)]
    expect_equal([reply.status for reply in replies], [200, 200, 200, 429, 429])
    expect(replies[4].error == "temporarily_unavailable" and replies[4].redirect and 0 < replies[4].retry_after <= 60, f"{replies[4]}")
    expect_equal(authorize(system, system.logins["ada"], which=1).status, 200, "a look counts for nothing")
    expect_equal(authorize(system, system.logins["bert"], which=1, consent=True).status, 200, "another user")
    # Who asks proves nothing: an address may ask so often for whichever client, and others still may.
    replies = [authorize(system, name=name, which=1) for name in ("desk", "safe") * 10]
    expect(replies[0].status == 200 and (replies[-1].status, replies[-1].error, replies[-1].redirect) == (429, "temporarily_unavailable", False)
           and 0 < replies[-1].retry_after <= 3, f"{replies[-1]}")
    expect_equal(authorize(system, which=1, address="192.0.2.1").status, 200, "another address")
    system["issuer2"].restart()
    connect(system)
    code = consent(system)
    system.postgres.stop()
    try:
        for reply in (authorize_call(system), authorize_call(system, system.logins["ada"], consent=True)):
            expect(reply.code == envelope.CODE_UNAVAILABLE or issuer.AuthorizeReply.FromString(reply.body).status == 503, f"{reply}")
        reply = system.issuers[0].call("jeton.v1.Issuer/Token", issuer.TokenRequest(grant_type="authorization_code", code=code, redirect_uri=BACK, code_verifier=VERIFIER,
                                                                                 **system.clients["desk"]), timeout=25, timeout_ms=int(20000 * SLOW))
        expect(reply.code == envelope.CODE_UNAVAILABLE or issuer.TokenReply.FromString(reply.body).status == 503, f"{reply}")
    finally:
        system.postgres.start()
    wait_for(lambda: system.health() and all(row.get("state") in ("serving", "standby") for row in system.health()), 20, "the database is back")
    system.sql("update authorization_codes set expires_at = clock_timestamp() + interval '1 minute'")
    good(exchange(system, code))


@test("by the command line: the user's login token, the client's secret, one command")
def command(system):
    path, desk = system.path("secret"), system.clients["desk"]
    with open(path, "w", encoding="ascii") as f:
        f.write(desk["client_secret"] + "\n")
    as_ada = {"JETON_LOGIN_TOKEN": system.logins["ada"]}
    arguments = ("grant", "authorization-code", desk["client_id"], "--redirect", BACK, "--secret-file", path)
    reply = system.cli(*arguments, environment=as_ada)
    expect_equal((reply["scope"], reply["refresh_token"][:12]), (" ".join(SCOPES), "jtn_refresh_"))
    token = system.jeton(*arguments, "--scope", "module:orders:read", "--token-only", environment=as_ada, check=0).stdout.strip()
    expect_equal((decision(system, token), claims_of(token)["sub"]), (OK, system.users["ada"]))
    text = system.jeton("grant", "refresh", desk["client_id"], "--secret-file", path, "--token-only", input=reply["refresh_token"] + "\n", check=0).stdout
    expect_equal(decision(system, text.strip()), OK)
    for environment, more, status, says in (({}, (), 77, "login token"), (as_ada, ("--scope", "module:prices:read"), 77, "invalid_scope"),
                                            ({"JETON_LOGIN_TOKEN": system.logins["carl"]}, (), 77, "access_denied")):
        run = system.jeton(*arguments, *more, environment=environment, check=status)
        expect(says in run.stderr, run.stderr)
    system.jeton(*arguments[:4], BACK + "/", *arguments[5:], environment=as_ada, check=77)
    system.jeton("grant", "authorization-code", desk["client_id"], "--secret-file", path, environment=as_ada, check=64)


main(shop)
