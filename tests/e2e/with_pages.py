#!/usr/bin/python3
"""the pages, in Chromium: the tests are in pages.js."""
from shop import node, shop

from harness import main, test


@test("pages.js ends as it should")
def play(system):
    node(system, "pages.js")


main(shop)
