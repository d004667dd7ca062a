"""A bare connection that writes any PDU and reads what comes back."""

import asyncio
from typing import Any

from cpaas.smpp.codec import PduBuffer, decode, encode
from cpaas.smpp.layout import Pdu
from cpaas.smpp.pdu import BindTransceiver, EnquireLinkResp


class Raw:
    """One connection; what it reads is decoded, enquire_link is answered."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._buffer = PduBuffer()
        self._got: list[Pdu] = []

    @classmethod
    async def connect(cls, port: int) -> "Raw":
        """Connects."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def write(self, data: bytes) -> None:
        """Writes bytes as they are."""
        self._writer.write(data)

    async def read(self, seconds: float = 10) -> Pdu | None:
        """The next PDU; None when the other side has closed."""
        while not self._got:
            try:
                data = await asyncio.wait_for(self._reader.read(65536), seconds)
            except ConnectionError:
                return None
            if not data:
                return None
            for frame in self._buffer.feed(data):
                pdu = decode(frame)
                if type(pdu).__name__ == "EnquireLink":
                    self._writer.write(encode(EnquireLinkResp(sequence=pdu.sequence)))
                else:
                    self._got.append(pdu)
        return self._got.pop(0)

    async def ask(self, pdu: Any) -> Any:
        """Writes a request and reads the next PDU."""
        self._writer.write(encode(pdu))
        return await self.read()

    async def bind(self, password: str = "secret12", kind: Any = BindTransceiver) -> Any:
        """Binds and returns the answer."""
        return await self.ask(kind(system_id="acme", password=password, sequence=1))

    async def close(self) -> None:
        """Closes."""
        self._writer.close()
