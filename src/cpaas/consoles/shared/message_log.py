"""What the message log of both consoles has in common: how filters are read, a few cells."""

from django.utils.safestring import SafeString

from cpaas.consoles.shared import cells
from cpaas.consoles.shared.filters import Filters
from cpaas.reports.statement import micros
from cpaas.reports.types import MessageRow


def log_values(filters: Filters) -> dict[str, str]:
    """The screen's filters as `reports.check.read_filter` takes them."""
    found = {name: value for name, value in filters.values.items() if value and name != "account"}
    found["from"] = filters.days.first.isoformat()
    found["to"] = filters.days.last.isoformat()
    return found


def status_cell(one: MessageRow) -> SafeString:
    """The status with its error on hover."""
    return cells.badge(one.status, one.error)


def when_cells(one: MessageRow) -> tuple[SafeString, SafeString]:
    """Sent At and Delivered At."""
    sent, delivered = one.submitted_at, one.delivered_at
    return (
        cells.time(micros(sent) if sent else None),
        cells.time(micros(delivered) if delivered else None),
    )
