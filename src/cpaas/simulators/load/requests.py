"""Ready-made HTTP requests of the bench, of which only the number changes.

Encoding JSON for each request would cost the generator more than sending it.
"""

from typing import Final

import msgspec

SENDER: Final = "BENCH"
SHORT_TEXT: Final = "Your verification code is 481516. It expires in 10 minutes. Do not share it."
#: three segments of 153 septets.
LONG_TEXT: Final = ("Your order has left our warehouse and will reach you tomorrow. " * 7)[:430]
#: numbers are +919 and nine digits, so that each message of a bench has its own.
NUMBERS_MAX: Final = 1_000_000_000
_NUMBER: Final = "@NUMBER@"


class Single:
    """One message a request; the number goes into the reference as well."""

    def __init__(self, host: str, key: str, text: str) -> None:
        message = {"channel": "sms", "to": f"+919{_NUMBER}", "from": SENDER, "text": text}
        body = msgspec.json.encode(message | {"reference": _NUMBER})
        body = body.replace(b"%", b"%%").replace(_NUMBER.encode(), b"%09d")
        head = _head(host, key, len(body % (0, 0))).replace(b"%", b"%%")
        self._whole = head + body

    def make(self, number: int) -> bytes:
        """The request for the number-th recipient."""
        return self._whole % (number, number)


class Many:
    """One text to many recipients a request."""

    def __init__(self, host: str, key: str, text: str, recipients: int) -> None:
        rest = msgspec.json.encode({"channel": "sms", "from": SENDER, "text": text})
        self._start = rest[:-1] + b',"to":["'
        self._host, self._key, self._recipients = host, key, recipients

    def make(self, number: int) -> bytes:
        """The request for `recipients` numbers from number * recipients on."""
        first = number * self._recipients
        numbers = (b"+919%09d" % n for n in range(first, first + self._recipients))
        body = self._start + b'","'.join(numbers) + b'"]}'
        return _head(self._host, self._key, len(body)) + body


def _head(host: str, key: str, length: int) -> bytes:
    return (
        f"POST /v1/messages HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()
