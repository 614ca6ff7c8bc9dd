#!/usr/bin/python3
"""The description of REST, by validators that others wrote: the tests are in openapi.js."""
from shop import node, shop

from harness import main, test


@test("openapi.js ends as it should")
def play(system):
    node(system, "openapi.js")


main(shop)
