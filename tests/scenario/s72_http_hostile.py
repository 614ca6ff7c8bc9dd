"""The gateway and HTTP that is not as it should be: what is malformed, too large, too slow or too much costs its sender the connection, and nobody else notices.

R27, R46; the gateway's own rules are in services/gateway/DESIGN.md.
"""

from harness import System, expect, expect_equal, main, test


@test("what is at no path is 404, as a problem with a correlation")
def nothing_there(system):
    gateway = system["gateway"]
    for listener in ("tls", "proxy", "status"):
        response = gateway.request("GET", "/nothing", listener=listener)
        expect_equal(response.status, 404)
        expect_equal(response.headers["Content-Type"], "application/problem+json")
        problem = response.json()
        expect_equal((problem["type"], problem["status"]), ("urn:jeton:problem:not-found", 404))
        expect_equal(problem["request"], response.headers["X-Request-Id"])
        expect_equal(response.headers["Cache-Control"], "no-store")
        expect_equal(response.headers["Strict-Transport-Security"] is not None, listener == "tls")


@test("plain HTTP is refused, whatever is asked (R27)")
def plain(system):
    for method, path in (("GET", "/"), ("POST", "/oauth/token"), ("GET", "/auth")):
        response = system["gateway"].request(method, path, headers={"Authorization": "Bearer jtn_live_x"}, listener="plain")
        expect_equal(response.status, 403)
        expect_equal(response.headers["Content-Type"], "application/problem+json")
        expect_equal(response.headers["Connection"], "close")


main(lambda: System(processes={"gateway": 1}))
