"""The GSM 03.38 default alphabet, one septet per octet, as SMPP carries it with data_coding 0.

It is a table of its own because no codec of Python's knows it, and whether a text fits into it
decides what the message costs.
"""

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPE = 0x1B
EXTENSION: dict[str, int] = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}

BASIC_CHARACTERS = frozenset(BASIC) - {"\x1b"}
CHARACTERS = BASIC_CHARACTERS | frozenset(EXTENSION)

_TO_OCTETS: dict[int, str] = {ord(char): chr(code) for code, char in enumerate(BASIC)}
_TO_OCTETS |= {ord(char): f"\x1b{chr(code)}" for char, code in EXTENSION.items()}
# Octets above 127 are no GSM; an SMSC that sends them means Latin-1, its own default alphabet.
_FROM_OCTETS: dict[int, str] = dict(enumerate(BASIC))
_FROM_EXTENSION: dict[str, str] = {chr(code): char for char, code in EXTENSION.items()}


def gsm_length(text: str) -> int:
    """Count the septets of a text that is known to fit the alphabet."""
    if BASIC_CHARACTERS.issuperset(text):
        return len(text)
    return len(text) + sum(map(text.count, EXTENSION))


def encode_gsm(text: str) -> bytes:
    """Write the text one septet per octet; raise ValueError naming the first foreign character."""
    if not CHARACTERS.issuperset(text):
        foreign = next(char for char in text if char not in CHARACTERS)
        raise ValueError(f"{foreign!r} is not in the GSM alphabet")
    return text.translate(_TO_OCTETS).encode("latin-1")


def decode_gsm(data: bytes) -> str:
    """Read one septet per octet; an unknown escape shows the plain character, as 03.38 asks."""
    text = data.decode("latin-1")
    if "\x1b" not in text:
        return text.translate(_FROM_OCTETS)
    first, *escaped = text.split("\x1b")
    parts = [first.translate(_FROM_OCTETS)]
    for piece in escaped:
        special = _FROM_EXTENSION.get(piece[:1])
        if special is None:
            parts.append(" " if not piece else piece.translate(_FROM_OCTETS))
        else:
            parts.append(special + piece[1:].translate(_FROM_OCTETS))
    return "".join(parts)
