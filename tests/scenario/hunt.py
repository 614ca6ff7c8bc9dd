"""Looks for secrets in what a system has written: as they are, in hexadecimal or base64, and inside of what is in hexadecimal or base64 itself."""
import base64
import re

HEX = re.compile(rb"[0-9a-fA-F]{24,}")
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{20,}")
DEPTH = 3


def forms(secret):
    """The ways in which these bytes can stand in a text. Of base64, what is the same whatever stands before and after them."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for before in range(3):
        whole = base64.b64encode(bytes(before) + secret)
        part = whole[(0, 2, 3)[before]:len(whole) - (4 if (before + len(secret)) % 3 else 0)]
        yield part
        yield part.translate(bytes.maketrans(b"+/", b"-_"))


def opened(data, depth=DEPTH):
    """The data, and all that is in hexadecimal or base64 in it, decoded."""
    yield data
    if depth == 0:
        return
    # What a run begins with may be something else.
    for found in HEX.finditer(data):
        for begin in range(2):
            part = found.group()[begin:]
            yield from opened(bytes.fromhex(part[:len(part) // 2 * 2].decode()), depth - 1)
    for found in BASE64.finditer(data):
        text = found.group().translate(bytes.maketrans(b"-_", b"+/"))
        for begin in range(4):
            part = text[begin:]
            part = part[:len(part) - (len(part) % 4 == 1)]
            yield from opened(base64.b64decode(part + b"=" * (-len(part) % 4)), depth - 1)


class Hunt:
    """What to look for: secrets by what they are."""

    def __init__(self):
        self.secrets = {}

    def add(self, what, *secrets):
        for secret in secrets:
            secret = secret.encode() if isinstance(secret, str) else secret
            assert len(secret) >= 12, f"{what} is too short to be looked for"
            self.secrets[secret] = what

    def search(self, data):
        """What was found in the data: a set of what they are."""
        everything = b"\n".join(opened(data))
        return {what for secret, what in self.secrets.items() if any(form in everything for form in forms(secret))}
