#!/usr/bin/python3
"""/oauth/authorize by a browser that the test plays (R17, R23, R29, R36, R46): signing in, consenting, and what becomes of forged, hostile, late and repeated requests."""
import base64
import hashlib
import html.parser
import itertools
import json
import re
import secrets
import urllib.parse

import wire
from administer import Admin, types
from harness import System, expect, expect_equal, main, test, wait_for

import issuer_pb2 as issuer

PASSWORD = "correct horse battery & staple"
SCOPES = ["module:orders:write", "module:stock:read"]
BACK, OTHER_BACK, LOOPBACK = "https://desk.example/back", "https://desk.example/back?b=1", "http://127.0.0.1:5000/back"
ATTACK = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}"
VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class Forms(html.parser.HTMLParser):
    """Forms with their fields by name, links by their text, and all text that is shown."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.links, self.tags, self.text, self.alert, self.href = [], {}, [], "", None, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if tag == "form":
            self.forms.append({"action": attributes["action"], "fields": {}})
        elif tag == "input":
            self.forms[-1]["fields"][attributes["name"]] = attributes.get("value", "")
        elif tag == "a":
            self.href = attributes["href"]
        elif attributes.get("role") == "alert":
            self.alert = ""

    def handle_endtag(self, tag):
        if tag == "a":
            self.href = None

    def handle_data(self, data):
        self.text += data
        if self.href is not None:
            self.links[data] = self.href
        if self.alert == "":
            self.alert = data


def login_of(cookie):
    return cookie.split(".", 1)[1]


def claims(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


class Browser:
    """Cookies, and the page that it is at. gateways: each request goes to the next of them."""

    def __init__(self, system, *gateways):
        self.system, self.cookies, self.page = system, {}, None
        self.gateways = itertools.cycle(gateways or ("gateway",))

    def send(self, method, target, fields=None, headers=None):
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **(headers or {})}
        body = None
        if fields is not None:
            body = urllib.parse.urlencode(fields)
            headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        response = self.system[next(self.gateways)].request(method, target, body, {name: value for name, value in headers.items() if value})
        for cookie in response.headers.get_all("Set-Cookie") or ():
            name, rest = cookie.split("=", 1)
            value, *attributes = rest.split("; ")
            expect(name.startswith("__Host-") and {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(attributes) and "Domain" not in cookie, cookie)
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        if response.headers.get("Content-Type", "").startswith("text/html"):
            text = response.body.decode()
            self.page = Forms(text)
            policy = response.headers["Content-Security-Policy"]
            expect(policy.startswith("default-src 'none'; style-src 'sha256-") and "frame-ancestors 'none'" in policy and "script-src" not in policy, policy)
            expect_equal((response.headers["Cache-Control"], response.headers["Referrer-Policy"], response.headers["X-Frame-Options"], response.headers["X-Content-Type-Options"]),
                         ("no-store", "same-origin", "DENY", "nosniff"))
            expect(not {"script", "img", "iframe", "object", "link", "base"} & {tag for tag, _ in self.page.tags}, f"{self.page.tags}")
            expect(not any(name.startswith("on") or name == "style" for _, attributes in self.page.tags for name in attributes), f"{self.page.tags}")
        return response

    def get(self, **changed):
        return self.send("GET", target(self.system, **changed))

    def form(self, action):
        found = [form for form in self.page.forms if form["fields"]["action"] == action]
        expect_equal(len(found), 1, f"forms {action}: {self.page.text}")
        return found[0]

    def submit(self, action, headers=None, **fields):
        form = self.form(action)
        return self.send("POST", form["action"], {**form["fields"], **fields}, headers)

    def follow(self, response):
        expect_equal(response.status, 303)
        expect(response.headers["Location"].startswith("/oauth/authorize?"), response.headers["Location"])
        return self.send("GET", response.headers["Location"])

    def sign_in(self, username="ada", password=PASSWORD, **changed):
        """To the page that asks for consent."""
        expect_equal(self.get(**changed).status, 200)
        return self.follow(self.submit("sign-in", username=username, password=password))


def target(system, **changed):
    fields = {"response_type": "code", "client_id": system.clients["desk"]["client_id"], "redirect_uri": BACK, "scope": "module:orders:read", "state": "s t&a=te",
              "code_challenge": CHALLENGE, "code_challenge_method": "S256", **changed}
    return "/oauth/authorize?" + urllib.parse.urlencode({name: value for name, value in fields.items() if value is not None})


def told(response, back=BACK):
    """What the client is told at its redirect URI."""
    expect_equal(response.status, 303)
    return told_by(response.headers["Location"], back)


def told_by(location, back=BACK):
    expect(location.startswith(back + ("&" if "?" in back else "?")), location)
    return dict(urllib.parse.parse_qsl(location[len(back) + 1:], strict_parsing=True))


def shop():
    system = System({"gateway": 2}, {"issuer": {"login_address_per_minute": "60000"}, "auditor": {"outbox_poll_ms": "20"}})
    system.admin = a = Admin(system)
    for module in ("orders", "stock"):
        a.ok("CreateModule", name=module)
    system.account = a.ok("CreateAccount", name="Acme & Söhne", modules=["orders", "stock"]).account.id
    system.other = a.ok("CreateAccount", name="Other", modules=["orders"]).account.id
    system.market = a.ok("CreateMarket", account_id=system.account, code="eu", name="Europe").market
    system.clients = {}
    for name, fields in (("desk", {"kind": types.CLIENT_KIND_WEBAPP, "redirect_uris": [BACK, OTHER_BACK, LOOPBACK]}),
                         ("evil", {"name": ATTACK, "kind": types.CLIENT_KIND_WEBAPP, "redirect_uris": [BACK]}), ("erp", {"kind": types.CLIENT_KIND_INTEGRATION})):
        made = a.ok("CreateClient", **{"account_id": system.account, "name": name, "scopes": SCOPES, **fields})
        system.clients[name] = {"client_id": made.client.id, "client_secret": made.secret}
    system.users = {}
    for account, name in ((system.account, "ada"), (system.account, "bert"), (system.other, "carl")):
        system.users[name] = a.ok("CreateUser", account_id=account, username=name, name=name.title(), role=types.USER_ROLE_MEMBER, password=PASSWORD).user.id
    return system


@test("sign in, consent, and the client has a code, its state and the issuer; what is granted is what was shown; each step at another gateway (R17, R23, RFC 9207)")
def whole(system):
    browser = Browser(system, "gateway", "gateway2")
    browser.get(scope=f"market:{system.market.number} module:stock:read module:orders:write")
    expect("desk" in browser.page.text and not browser.page.alert, browser.page.text)
    expect("Acme" not in browser.page.text, "the account's name is for its users only")
    expect_equal(list(browser.cookies), ["__Host-jeton-form"])
    response = browser.submit("sign-in", username="ADA", password=PASSWORD)
    expect(3500 < int(re.search("Max-Age=([0-9]+)", response.headers["Set-Cookie"]).group(1)) <= 3600, "as long as the login token is good")
    browser.follow(response)
    for words in ("desk", system.clients["desk"]["client_id"], f"Acme & Söhne ({system.account})", "ada", "orders", "read and change", f"Market {system.market.number}", "desk.example"):
        expect(words in browser.page.text, f"{words!r} in {browser.page.text!r}")
    answer = told(browser.submit("allow"))
    expect_equal((sorted(answer), answer["state"], answer["iss"], answer["code"][:9]), (["code", "iss", "state"], "s t&a=te", "https://jeton.localhost", "jtn_code_"))
    desk = system.clients["desk"]
    reply = wire.Dealer(system, system["issuer"], "gateway").call(
        "jeton.v1.Issuer/Token", issuer.TokenRequest(grant_type="authorization_code", code=answer["code"], redirect_uri=BACK, code_verifier=VERIFIER, **desk), timeout=25)
    expect_equal(issuer.TokenReply.FromString(reply.body).scope, f"market:{system.market.number} module:stock:read module:orders:write")
    # Again without signing in, to a redirect URI with a query; without a state there is none.
    browser.get(redirect_uri=OTHER_BACK, state=None)
    expect_equal(sorted(told(browser.submit("allow"), OTHER_BACK)), ["code", "iss"])
    expect_equal(int(system.sql("select count(*) from authorization_codes")), 1)
    wait_for(lambda: system.sql("select count(*) from trail where event = 'platform.users.consent.given'") == "2", 10, "the consents are in the trail")


@test("denied or cancelled, the client is told so, whoever is signed in")
def deny(system):
    browser = Browser(system)
    browser.get()
    cancelled = told_by(browser.page.links["Cancel"])
    browser.sign_in()
    for answer in (cancelled, told_by(browser.page.links["Deny"])):
        expect_equal(answer, {"error": "access_denied", "state": "s t&a=te", "iss": "https://jeton.localhost"})
    for back, wanted in ((BACK, "form-action 'self' https:;"), (LOOPBACK, "form-action 'self' https: http://127.0.0.1:5000;")):
        expect(wanted in browser.get(redirect_uri=back).headers["Content-Security-Policy"], wanted)


@test("a user name or password that is wrong is told in the same words; who guesses waits; nothing that was typed is in a log (R29, R46)")
def wrong(system):
    browser, words = Browser(system), set()
    system.admin.ok("DisableUser", id=system.users["bert"])
    for username, password in (("ada", "wrong-secret-1"), ("nobody-of-that-name", PASSWORD), ("bert", PASSWORD), ("a" * 513, PASSWORD), ("ada", "x" * 1025), (ATTACK, ATTACK)):
        browser.get()
        response = browser.submit("sign-in", username=username, password=password)
        expect_equal(response.status, 403)
        expect(browser.page.alert is not None and password not in response.body.decode(), browser.page.text)
        expect_equal(browser.form("sign-in")["fields"]["username"], username)
        expect_equal(list(browser.cookies), ["__Host-jeton-form"])
        words.add(browser.page.alert)
    expect_equal(len(words), 1, f"{words}")
    system.admin.ok("EnableUser", id=system.users["bert"])
    for username, password in (("", PASSWORD), ("ada", "")):
        expect_equal(browser.submit("sign-in", username=username, password=password).status, 400)
    for _ in range(40):
        response = browser.submit("sign-in", username="guessed", password="wrong-secret-2")
        if response.status == 429:
            break
    seconds = int(response.headers["Retry-After"])
    expect(response.status == 429 and seconds > 0 and f"Wait {seconds} seconds" in browser.page.alert, f"{response.status}: {browser.page.alert}")
    browser.sign_in()
    for service in system.services.values():
        for secret in (PASSWORD, "wrong-secret-1", "wrong-secret-2", "x" * 1025, urllib.parse.quote_plus(PASSWORD), *browser.cookies.values()):
            expect(secret not in service.log(), f"the log of {service.name}")


@test("another user, of the same account or another; one who may not sign in any more; a sign-in that is over")
def another(system):
    browser = Browser(system)
    browser.sign_in("bert")
    cookie = browser.cookies["__Host-jeton-login"]
    response = browser.submit("switch")
    expect_equal(list(browser.cookies), ["__Host-jeton-form"])
    # Who has kept the cookie has nothing; others who have signed in as the same user stay so.
    thief = Browser(system)
    thief.cookies["__Host-jeton-login"] = cookie
    expect(thief.get().status == 200 and thief.form("sign-in"), thief.page.text)
    gone = login_of(cookie)
    expect_equal(system["gateway"].request("GET", "/v1/accounts", headers={"Authorization": f"Bearer {gone}"}).status, 401)
    expect_equal(system.validate(gone)["reason"], "revoked")
    ended = wait_for(lambda: [row for row in system.cli("audit", "list", "--event", "platform.tokens.jwt.revoked") if row["object"]["id"] == claims(gone)["jti"]], 10, "the record")
    expect_equal((len(ended), ended[0]["actor"]["id"]), (1, system.users["bert"]))
    browser.follow(response)
    browser.follow(browser.submit("sign-in", username="carl", password=PASSWORD))
    expect("another account" in browser.page.alert, browser.page.text)
    expect_equal(browser.get().status, 403)
    browser.follow(browser.submit("sign-in", username="ada", password=PASSWORD))
    expect("Signed in as ada" in browser.page.text, browser.page.text)
    system.admin.ok("DisableUser", id=system.users["ada"])
    browser.follow(browser.submit("allow"))
    expect(browser.form("sign-in") and not browser.page.alert, browser.page.text)
    system.admin.ok("EnableUser", id=system.users["ada"])
    # A cookie that somebody has made up is nobody's.
    for value in ("x", "YWRh.x.y.z", browser.cookies["__Host-jeton-login"][:-9], "YWRh." + "A" * 4000):
        stranger = Browser(system)
        stranger.cookies["__Host-jeton-login"] = value
        expect_equal(stranger.get().status, 200)
        expect(stranger.form("sign-in"), value)


@test("what was not sent by our own form, from our own page, for this request, this user and this browser, is refused and does nothing")
def forged(system):
    browser, victim = Browser(system), Browser(system)
    browser.sign_in()
    victim.sign_in("bert")
    codes = int(system.sql("select count(*) from authorization_codes"))
    good = browser.form("allow")
    port = system["gateway"].ports["tls"]
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": f"http://localhost:{port}"}, {"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "cross-site", "Origin": f"https://localhost:{port}"}):
        expect_equal(browser.send("POST", good["action"], good["fields"], headers).status, 403, f"{headers}")
    wide = {**good["fields"], "scope": " ".join(SCOPES)}
    for sender, path, fields in ((browser, good["action"], {**good["fields"], "form": "x"}), (browser, good["action"], {**good["fields"], "form": ""}), (browser, good["action"], wide),
                                 (browser, target(system, redirect_uri=OTHER_BACK), good["fields"]), (browser, target(system, scope=" ".join(SCOPES)), good["fields"]),
                                 (browser, target(system, state="another"), good["fields"]), (browser, good["action"], {**good["fields"], "action": "switch"}),
                                 (victim, good["action"], good["fields"]), (Browser(system), good["action"], good["fields"]), (Browser(system), target(system), {}),
                                 (browser, "/oauth/authorize", good["fields"])):
        sent = sender.send("POST", path, fields)
        expect_equal((sent.status, sent.headers.get("Location")), (403, None), f"{path} {fields}")
    # Signing somebody in to the attacker's account needs a form, too.
    attacker = Browser(system)
    attacker.get()
    mine = attacker.form("sign-in")
    for sender in (Browser(system), browser):
        expect_equal(sender.send("POST", mine["action"], {**mine["fields"], "username": "ada", "password": PASSWORD}).status, 403)
    expect_equal(int(system.sql("select count(*) from authorization_codes")), codes)
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/json"}, {"Content-Type": "multipart/form-data; boundary=x"}):
        expect(browser.send("POST", good["action"], good["fields"], headers).status in (400, 415), f"{headers}")
    twice = [*good["fields"].items(), ("scope", "module:orders:read")]
    expect_equal(browser.send("POST", good["action"], twice).status, 400)
    # With all that a real browser says, it is good.
    browser.get()
    expect("code" in told(browser.submit("allow", {"Origin": f"https://localhost:{port}", "Sec-Fetch-Site": "same-origin"})), "a real browser")


@test("whatever is wrong with a request: told at a redirect URI that the client has registered, shown otherwise, never sent anywhere else (RFC 6749, RFC 9700)")
def refusals(system):
    browser = Browser(system)
    for signed_in in (False, True):
        if signed_in:
            browser.sign_in()
        for uri in ("https://evil.example/back", "https://desk.example.evil.example/back", "https://desk.example/back/", BACK + "#x", BACK + "?c=d", "//evil.example", "javascript:alert(1)", "",
                    "https://desk.example@evil.example/back", BACK + "\r\nSet-Cookie: a=b", BACK + "\x00", ATTACK):
            response = browser.get(redirect_uri=uri)
            expect(response.status == 400 and response.headers.get("Location") is None and not (signed_in and response.headers.get("Set-Cookie")), f"{uri!r}: {response.status}")
        for fields in ({"client_id": "CLI-9999-9999"}, {"client_id": "x"}, {"client_id": None}, {"client_id": system.clients["erp"]["client_id"]}):
            response = browser.get(**fields)
            expect_equal((response.status, response.headers.get("Location")), (400, None), f"{fields}")
        for fields, error in (({"response_type": "token"}, "unsupported_response_type"), ({"response_type": None}, "invalid_request"), ({"code_challenge": None}, "invalid_request"),
                              ({"code_challenge_method": None}, "invalid_request"), ({"code_challenge_method": "plain"}, "invalid_request"), ({"code_challenge": "x"}, "invalid_request"),
                              ({"scope": "module:prices:read"}, "invalid_scope"), ({"scope": "market:99999"}, "invalid_scope"), ({"scope": ATTACK}, "invalid_scope")):
            answer = told(browser.get(**fields))
            expect_equal((answer["error"], answer["state"], answer["iss"]), (error, "s t&a=te", "https://jeton.localhost"), f"{fields}")
        for name, value in (("client_id", "x"), ("redirect_uri", "https://evil.example/"), ("state", "x"), ("state", ""), ("scope", ""), ("code_challenge", CHALLENGE), ("environment", "test")):
            again = target(system, environment="live") + f"&{name}=" + urllib.parse.quote(value)
            response = browser.send("GET", again)
            expect_equal((response.status, response.headers.get("Location")), (400, None), name)
        expect_equal(browser.get(environment="moon").status, 400)
        expect_equal(browser.send("GET", target(system) + "&unknown=1&unknown=2").status, 200)
    expect_equal(browser.send("HEAD", target(system)).status, 200)
    expect_equal(browser.send("PUT", target(system), {}).status, 405)


@test("nothing that comes from outside is taken for markup: in each parameter, a client's name, a user's name")
def hostile(system):
    for signed_in in (False, True):
        browser = Browser(system)
        if signed_in:
            browser.sign_in()
            name = browser.cookies["__Host-jeton-login"].split(".", 1)[1]
            browser.cookies["__Host-jeton-login"] = base64.urlsafe_b64encode(ATTACK.encode()).decode().rstrip("=") + "." + name
        for field in ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method", "environment", "unknown"):
            response = browser.get(**{field: ATTACK})
            expect(b"<script" not in response.body and b"onerror" not in response.body.replace(b"onerror%3D", b"").replace(b"onerror=alert(2)&gt;", b""), f"{field}: {response.body[-900:]}")
        browser.get(client_id=system.clients["evil"]["client_id"], state=ATTACK)
        expect(ATTACK in browser.page.text, browser.page.text)
        expect_equal(told_by(browser.page.links["Deny" if signed_in else "Cancel"])["state"], ATTACK)
        if signed_in:
            expect_equal(told(browser.submit("allow"))["state"], ATTACK)
    long = browser.get(state="x" * 100000)
    expect(400 <= long.status < 500, f"{long.status}")


@test("nobody can tell without the issuer or the database: 503, and a page that says so; afterwards all goes on where it was")
def down(system):
    browser, stranger, leaving = Browser(system), Browser(system), Browser(system)
    stranger.get()
    browser.sign_in()
    leaving.sign_in()
    system["gateway"].settings["call_timeout_ms"] = "1000"
    system["gateway"].restart()
    system["issuer"].kill()
    for response in (browser.submit("allow"), browser.get()):
        expect_equal((response.status, response.headers.get("Location")), (503, None))
    leaving.submit("switch")
    expect("could not be ended" in leaving.page.alert and list(leaving.cookies) == ["__Host-jeton-form"], leaving.page.text)
    answer = stranger.submit("sign-in", username="ada", password=PASSWORD)
    expect_equal((answer.status, answer.headers.get("Set-Cookie")), (503, None))
    expect(answer.headers["Retry-After"] and "Try again" in stranger.page.links, stranger.page.text)
    system["issuer"].start()
    del system["gateway"].settings["call_timeout_ms"]
    system["gateway"].restart()
    wait_for(lambda: browser.get().status == 200, 10, "the issuer is back")
    expect("code" in told(browser.submit("allow")), "signed in as before")
    system.postgres.stop()
    try:
        response = browser.get()
        expect_equal((response.status, response.headers.get("Location")), (503, None))
    finally:
        system.postgres.start()
    wait_for(lambda: browser.get().status == 200, 20, "the database is back")
    expect("code" in told(browser.submit("allow")), "as before")


main(shop)
