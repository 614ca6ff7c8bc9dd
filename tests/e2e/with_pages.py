#!/usr/bin/python3
"""the pages, in Chromium: the tests are in pages.js."""
from shop import node, shop

import lan
from harness import main, test


@test("pages.js ends as it should")
def play(system):
    node(system, "pages.js")


lan.enter()  # Chromium breaks off what it loads when an interface comes or goes, whose ever it is (net::ERR_NETWORK_CHANGED)
main(shop)
