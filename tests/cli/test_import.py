"""kannel.conf: read, planned, made once; whatever cannot be carried over is told with its line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpaas.cli.kannel_conf import ConfError, parse
from cpaas.cli.kannel_plan import plan

CONF = """\
# a usual one
group = core
admin-port = 13000
smsbox-port = 13001
store-type = spool

group = smsc
smsc = smpp
smsc-id = Airtel-1
host = 10.0.0.1
port = 2775
smsc-username = shop
smsc-password = "se\\"cret"
system-type = VMA
transceiver-mode = true
throughput = 50
max-pending-submits = 40
source-addr-ton = 5
msg-id-type = 0x01
allowed-prefix = 91

group = smsc
smsc = smpp
smsc-id = Airtel-1
host = 10.0.0.1
port = 2775
smsc-username = shop
smsc-password = "se\\"cret"

group = smsc
smsc = http
smsc-id = partner
system-type = kannel
send-url = http://partner.example:13013/cgi-bin/sendsms
smsc-username = us
smsc-password = a-long-password

group = smsc
smsc = http
smsc-id = gen
system-type = generic
send-url = "https://api.example/send?to=%P&from=%p&text=%b&x=%n"
status-success-regex = ok

group = smsc
smsc = cimd2
smsc-id = old

group = smpp-tlv
name = PE_ID
tag = 0x1400
type = octetstring
length = 30

group = smsbox
sendsms-port = 13013
global-sender = 13013

group = sendsms-user
username = webshop
password = hunter22x
default-sender = MYSHOP
user-allow-ip = "10.1.2.3;192.168.*.*;10.*.5.1"
max-messages = 5

group = sms-service
keyword = default
get-url = http://shop.example/in
"""


def test_what_a_conf_becomes() -> None:
    made = plan(parse(CONF))
    routes = {one.route.name: one.route for one in made.routes}
    assert list(routes) == ["airtel_1", "partner", "gen"]
    airtel = routes["airtel_1"]
    assert (airtel.host, airtel.port, airtel.system_id, airtel.password) == (
        "10.0.0.1", 2775, "shop", 'se"cret',
    )  # fmt: skip
    assert (airtel.bind_type, airtel.binds, airtel.tps, airtel.window_size) == ("trx", 2, 50, 40)
    assert airtel.message_id_mode == "hex_to_dec"
    assert airtel.settings["dlt"] == {"pe_id": {"tag": 0x1400, "type": "octets"}}
    assert (routes["partner"].dialect, routes["partner"].host) == ("kannel", "partner.example")
    assert routes["gen"].settings == {
        "url": "https://api.example/send?to={to}&from={from}&text={text}&x=", "success": "ok",
    }  # fmt: skip
    [account] = made.accounts
    assert (account.name, account.senders, account.networks) == (
        "webshop", ["MYSHOP"], ["10.1.2.3", "192.168.0.0/16"],
    )  # fmt: skip
    notes = {note.line: note.text for note in made.notes}
    lines = CONF.split("\n")
    for words in ("allowed-prefix", "smsc = cimd2", "max-messages", "sendsms-port", "192.168",
                  "global-sender"):  # fmt: skip
        number = next(n for n, line in enumerate(lines, 1) if words in line)
        number = number if number in notes else number - 1
        assert number in notes, words
    assert any("sms-service default" in text for text in notes.values())


def test_nothing_becomes_wider_than_it_was() -> None:
    made = plan(
        parse(
            "group = smsc\nsmsc = smpp\nsmsc-id = slow\nhost = h.example\nsmsc-username = u\n"
            "smsc-password = p\nthroughput = 0.5\n\n"
            "group = sendsms-user\nusername = closed\npassword = hunter22x\n"
            "user-allow-ip = 10.*.5.1\n\n"
            "group = sendsms-user\nusername = shut\npassword = hunter22x\n"
            'user-deny-ip = "*.*.*.*"\n'
        )
    )
    assert [one.route.tps for one in made.routes] == [1], "0 would be without a limit"
    assert made.accounts == [], "and an empty list of addresses would let everybody in"
    said = [note.text for note in made.notes if "not made" in note.text]
    assert [text.split(":")[0] for text in said] == ["account closed", "account shut"]


def test_what_a_note_says_to_do() -> None:
    made = plan(
        parse(
            "group = smsc\nsmsc = smpp\nsmsc-id = A\nhost = h.example\nsmsc-username = u\n"
            "smsc-password = p\nsource-addr-autodetect = true\n\n"
            "group = smsc\nsmsc = smpp\nsmsc-id = B\nhost = i.example\nsmsc-username = u\n"
            "smsc-password = p\n\n"
            "group = smsc\nsmsc = http\nsmsc-id = C\nsystem-type = kannel\n"
            "send-url = http://h.example:13013/x\nsmsc-username = us\nsmsc-password = pw\n"
            "connect-allow-ip = 192.0.2.*\n\n"
            "group = smpp-tlv\nname = PE_ID\ntag = 5120\ntype = nulterminated\nsmsc-id = A;X\n\n"
            "group = sendsms-user\nusername = open\npassword = short\n\n"
            "group = dlr-db\nid = x\n"
        )
    )
    settings = {one.route.label: one.route.settings for one in made.routes}
    assert settings["A"]["dlt"] == {"pe_id": {"tag": 5120, "type": "cstring"}}
    assert "dlt" not in settings["B"], "the TLV is of another carrier"
    assert settings["C"]["receipts_from"] == ["192.0.2.0/24"]
    said = " ".join(note.text for note in made.notes)
    for words in ("follow the form of a sender", "has 5 characters", "receipts are kept"):
        assert words in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("group = core\nbroken", "line 2: 'broken' has no '='"),
        ("\n\nhost = x\n", "line 3: this group does not say what it is"),
        ('group = smsc\nhost = "x', "line 2: the quotes around the value of host are not closed"),
        ('group = smsc\nhost = "x" y', "line 2: something follows the quoted value of host"),
        ("gr oup = smsc", "line 1: 'gr oup' is no name of a variable"),
        ("group = smsc\nhost = a\0b", "line 2: the value of host holds a NUL character"),
    ],
)
def test_a_bad_file_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfError) as raised:
        parse(text)
    assert str(raised.value).startswith(said)


_word = st.sampled_from(
    [
        "group", "smsc", "smpp", "http", "sendsms-user", "port", "host", "throughput", "0x01",
        "username", "password", "send-url", "http://x:99999/", "generic", "kannel", "system-type",
        "http://[", "smpp-tlv", "tag", "instances", "9" * 400, "inf", "nan", "1e9", "smsc-id", "é",
        "smsc-username", "smsc-password", '"', '"x"', "include", "#", "", "msg-id-type", "²",
    ]
)  # fmt: skip


_lines = st.lists(st.tuples(_word, st.sampled_from([" = ", "=", " "]), _word), max_size=30)


@given(_lines, st.text('ab=" #\\\n\0é', max_size=20))
def test_no_file_crashes_it(lines: list[tuple[str, str, str]], more: str) -> None:
    text = "\n".join("".join(line) for line in lines) + more
    try:
        told = [note.line for note in plan(parse(text)).notes]
    except ConfError as error:
        told = [error.line]
    assert all(1 <= line <= text.count("\n") + 1 for line in told)


def cpaas(dsn: str, home: Path, *words: str) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "cpaas", *words], capture_output=True, text=True, check=False,
        env={**os.environ, "CPAAS_DSN": dsn, "CPAAS_HOME": str(home)},
    )  # fmt: skip


@pytest.mark.slow
def test_it_is_made_once(dsn: str, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "kannel.conf"
    file.write_text(CONF)

    def run(*words: str) -> list[str]:
        done = cpaas(dsn, home, "import", str(file), *words, "--json")
        assert done.returncode == 0, done.stderr
        return [one["what"] for one in json.loads(done.stdout)["lines"] if one["what"] != "note"]

    assert run() == ["to be made"] * 4
    assert run() == ["to be made"] * 4, "telling changes nothing"
    assert run("--apply") == ["made"] * 4
    assert run("--apply") == ["there already"] * 4
    file.write_text("group = core\nbroken\n")
    done = cpaas(dsn, home, "import", str(file))
    assert done.returncode != 0
    assert "line 2" in done.stderr
