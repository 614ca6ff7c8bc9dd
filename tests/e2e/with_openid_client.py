#!/usr/bin/python3
"""openid-client, with the pages in Chromium: the tests are in openid_client.js."""
from shop import node, shop

import lan
from harness import main, test


@test("openid_client.js ends as it should")
def play(system):
    node(system, "openid_client.js")


lan.enter()  # Chromium breaks off what it loads when an interface comes or goes, whose ever it is (net::ERR_NETWORK_CHANGED)
main(shop)
