"""What to do here instead of what a kannel.conf says and cannot be carried over."""

from typing import Final

HINTS: Final = {
    "allowed-smsc-id": "routing rules choose routes: cpaas rule create",
    "denied-smsc-id": "routing rules choose routes: cpaas rule create",
    "preferred-smsc-id": "routing rules choose routes: cpaas rule create",
    "allowed-prefix": "routing rules choose routes: cpaas rule create --prefix …",
    "denied-prefix": "block numbers: cpaas blacklist",
    "preferred-prefix": "routing rules choose routes: cpaas rule create --prefix …",
    "forced-smsc": "assign a route to the account in the user editor, or by a rule",
    "default-smsc": "assign a route to the account in the user editor, or by a rule",
    "dlr-url": "each message names its own, or the account has a webhook",
    "max-messages": "long messages have as many segments as they need",
    "concatenation": "long messages are always put together",
    "user-deny-ip": "list the allowed addresses instead",
    "get-url": "replies go to the account's webhook: cpaas webhook set",
    "post-url": "replies go to the account's webhook: cpaas webhook set",
    "bind-addr-ton": "set addr_ton in the route's settings",
    "alt-charset": "set gsm_charset in the route's settings",
    "window": "max-pending-submits is the window",
    "flow-control": "windows are always used",
    "validityperiod": "each message names its validity",
    "source-addr-autodetect": "TON and NPI follow the form of a sender by themselves",
    "connection-timeout": "set response_timeout_seconds and enquire_link_seconds in the settings",
    "esm-class": "it follows from the message",
    "my-number": "give the number to an account: cpaas number",
}

#: groups of other parts of Kannel.
GROUPS: Final = {
    "smsbox-route": "replies go to the account that has the number: cpaas number",
    "dlr-db": "receipts are kept without it", "sqlbox": "nothing here needs it",
    "mysql-connection": "nothing here needs it", "pgsql-connection": "nothing here needs it",
    "redis-connection": "nothing here needs it", "wapbox": "there is no WAP here",
    "ppg": "there is no WAP here", "fakesmsc": "the sandbox has a simulated carrier",
}  # fmt: skip

#: of core and smsbox, whose other variables are of Kannel's own inside.
BOXES: Final = {
    "sendsms-port": "programs send to port 8081 instead",
    "sendsms-url": "programs call /cgi-bin/sendsms",
    "global-sender": "give each account a default sender: cpaas sender default",
    "white-list": "allow countries in the user editor",
    "black-list": "block numbers: cpaas blacklist import",
    "white-list-regex": "allow countries in the user editor",
    "black-list-regex": "block numbers: cpaas blacklist import",
    "unified-prefix": "numbers are written in E.164 here",
    "ppg-url": "there is no WAP here", "wapbox-port": "there is no WAP here",
}  # fmt: skip
