"""The simulated SMSC itself: who may bind, what is answered, which receipts follow and when.

Everything is done per batch, since the bench measures our gateway with it and not itself.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cpaas.simulators.smsc.agenda import Agenda
from cpaas.simulators.smsc.binding import Binding
from cpaas.simulators.smsc.mailbox import Mailbox
from cpaas.simulators.smsc.outcome import Decider
from cpaas.simulators.smsc.receipts import Accepted, ReceiptWriter
from cpaas.simulators.smsc.received import ReceivedMessage, Ring, Taken, assemble
from cpaas.simulators.smsc.settings import IdStyle, SmscSettings, changed
from cpaas.simulators.smsc.stats import Stats
from cpaas.smpp.events import Limits
from cpaas.smpp.layout import ESM_UDHI
from cpaas.smpp.pdu import DeliverSm, SubmitSm
from cpaas.smpp.receipt import MessageState
from cpaas.smpp.server import Connection, Server, ServerLimits
from cpaas.smpp.text import plan, split

MAILBOXES_MAX = 10_000


class SimulatedSmsc:
    """One simulated carrier on one port, embedded in the caller's event loop."""

    def __init__(self, settings: SmscSettings, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.clock = clock
        self.stats = Stats()
        self.decider = Decider(settings, clock)
        self.agenda = Agenda()
        self.bindings: set[Binding] = set()
        self._mailboxes: dict[str, Mailbox] = {}
        self._pending: dict[str, Accepted] = {}
        self._taken: Ring = deque(maxlen=settings.messages_kept_max)
        self._writer = ReceiptWriter(clock)
        self._last_id = 0
        self._mo_reference = 0
        limits = Limits(
            window=settings.window,
            enquire_link_seconds=settings.enquire_link_seconds,
            response_timeout_seconds=settings.response_timeout_seconds,
        )
        self._server = Server(
            settings.host, settings.port, self._adopt, limits=ServerLimits(link=limits)
        )

    async def start(self) -> int:
        """Listen and return the port."""
        return await self._server.start()

    async def stop(self) -> None:
        """Unbind everybody and stop."""
        self.agenda.close()
        for mailbox in self._mailboxes.values():
            mailbox.close()
        await self._server.stop(drain_seconds=1.0)

    def configure(self, **changes: Any) -> SmscSettings:
        """Change the behaviour while running; ports, hosts and link limits stay as they are."""
        self.settings = changed(self.settings, changes)
        self.decider.configure(self.settings)
        return self.settings

    def messages(self, limit: int = 100, destination: str | None = None) -> list[ReceivedMessage]:
        """Return the latest messages, oldest first, long ones joined."""
        taken = [t for t in self._taken if destination in (None, t.pdu.destination_addr)]
        found = assemble(taken)
        return found[-limit:] if limit > 0 else []

    def snapshot(self) -> Stats:
        """Return the counters with the present depths."""
        self.stats.connections = len(self._server.connections)
        self.stats.receipts_pending = len(self._pending)
        self.stats.deliveries_waiting = sum(map(len, self._mailboxes.values()))
        return self.stats

    def drop(self, system_id: str | None = None) -> int:
        """Cut the connections of one system_id, or all; return how many."""
        doomed = [b for b in self.bindings if system_id in (None, b.connection.system_id)]
        for binding in doomed:
            self.stats.drops += 1
            binding.connection.abort("dropped on command")
        return len(doomed)

    def inject(self, *, source: str, destination: str, text: str, system_id: str) -> int:
        """Send a message from a handset to a system_id; return its number of parts."""
        self._mo_reference = (self._mo_reference + 1) & 0xFF
        segments = split(text, plan(text).encoding, self._mo_reference)
        pdus = [
            DeliverSm(
                "",
                1,
                1,
                source,
                1,
                1,
                destination,
                segment.esm_class_udhi & ESM_UDHI,
                data_coding=segment.data_coding,
                short_message=segment.short_message,
            )
            for segment in segments
        ]
        self.stats.mobile_originated += 1
        self.mailbox(system_id).add(pdus)
        return len(pdus)

    # For the bindings

    def mailbox(self, system_id: str) -> Mailbox:
        """Return the queue of a system_id, made when it is first needed."""
        found = self._mailboxes.get(system_id)
        if found is None:
            if len(self._mailboxes) >= MAILBOXES_MAX:
                idle = next((k for k, m in self._mailboxes.items() if not m.receivers), system_id)
                self._mailboxes.pop(idle, None)
            found = self.new_mailbox()
            self._mailboxes[system_id] = found
        return found

    def new_mailbox(self) -> Mailbox:
        """Make the queue of one system_id."""
        return Mailbox(self.settings.receipts_kept_max, self.stats)

    def next_ids(self) -> tuple[str, str]:
        """Return a new id as the answer and as the receipt write it."""
        self._last_id += 1
        style = self.settings.id_style
        decimal = str(self._last_id)
        if style is IdStyle.SAME:
            return decimal, decimal
        hexadecimal = f"{self._last_id:08X}"
        if style is IdStyle.RESP_HEX_DLR_DEC:
            return hexadecimal, decimal
        return decimal, hexadecimal

    def record(self, system_id: str, message_id: str, status: int, pdu: SubmitSm) -> None:
        """Keep what came for whoever wants to look at it."""
        self._taken.append(Taken(self.clock(), system_id, message_id, status, pdu))

    def expect_receipts(self, batch: list[Accepted], seconds: float) -> None:
        """Send the receipts of a batch when it is time."""
        room = self.settings.receipts_kept_max - len(self._pending)
        if len(batch) > room:
            self.stats.receipts_discarded += len(batch) - room
            batch = batch[:room]
        for accepted in batch:
            self._pending[accepted.message_id] = accepted
        self.agenda.after(seconds, lambda: self._send_receipts(batch))

    def cancel(self, message_id: str) -> bool:
        """Cancel a message whose receipt is not out yet; its receipt will say DELETED."""
        accepted = self._pending.get(message_id)
        if accepted is None:
            return False
        accepted.state, accepted.err = MessageState.DELETED, "000"
        return True

    def is_pending(self, message_id: str) -> bool:
        """Tell whether the message's receipt is still to come."""
        return message_id in self._pending

    def _send_receipts(self, batch: list[Accepted]) -> None:
        boxes: dict[str, list[DeliverSm]] = {}
        counts = self.stats.receipts
        moment = datetime.fromtimestamp(self.clock(), UTC)
        self._writer.at(moment, tlvs=self.settings.receipt_tlvs)
        for accepted in batch:
            self._pending.pop(accepted.message_id, None)
            name = accepted.state.name
            counts[name] = counts.get(name, 0) + 1
            boxes.setdefault(accepted.system_id, []).append(self._writer.write(accepted))
        for system_id, pdus in boxes.items():
            self.mailbox(system_id).add(pdus)

    def _adopt(self, connection: Connection) -> Binding:
        binding = Binding(self, connection)
        self.bindings.add(binding)
        return binding


async def serve(settings: SmscSettings) -> None:
    """Run a simulated SMSC, with its control port if asked for, until cancelled."""
    smsc = SimulatedSmsc(settings)
    async with contextlib.AsyncExitStack() as stack:
        await smsc.start()
        stack.push_async_callback(smsc.stop)
        if settings.control_port is not None:
            from cpaas.simulators.smsc.control import start_control

            _, stop_control = await start_control(smsc, settings.control_port)
            stack.push_async_callback(stop_control)
        await asyncio.Event().wait()
