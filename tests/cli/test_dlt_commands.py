"""`cpaas dlt`, run as a person runs it."""

from pathlib import Path

from tests.cli.test_commands import Run, run
from tests.dlt.test_dlt_imports import PORTAL

__all__ = ["run"]
PE = "1101000000000000001"


def test_ids_templates_and_a_check(run: Run, tmp_path: Path) -> None:
    run("account", "create", "acme")
    run("sender", "create", "MYBRND", "--account", "acme", "--approve")
    found = run("dlt", "set", "--account", "acme", "--pe-id", PE, "--mode", "warn")
    assert found == {"pe_id": PE, "tm_id": "", "dlt_mode": "warn"}
    assert run("dlt", "set", "--account", "acme", "--mode", "auto")["dlt_mode"] == ""
    assert "19 digits" in run("dlt", "set", "--account", "acme", "--pe-id", "1", code=1)["todo"]
    assert "chain" in run("dlt", "set", "--account", "acme", "--tm-id", "1", code=1)["error"]
    assert "mode" in run("dlt", "set", "--account", "acme", "--mode", "loud", code=1)["error"]
    made = run("dlt", "add", "110716", "--account", "acme", "--text", "Hi {#var#}")
    assert (made["new"], len(made["warnings"])) == (True, 2)
    file = tmp_path / "templates.csv"
    file.write_text(PORTAL)
    assert run("dlt", "import", str(file), "--account", "acme")["added"] == 2
    assert len(run("dlt", "list", "--account", "acme")["templates"]) == 3
    good = run("dlt", "check", "Hi Om", "--account", "acme", "--sender", "MYBRND")
    assert good["ids"] == {"pe_id": PE, "template_id": "110716"}
    bad = run("dlt", "check", "Ho", "--account", "acme", "--sender", "MYBRND", code=1)
    assert bad["faults"][0]["code"] == "dlt_template_not_found"
    assert run("dlt", "remove", "110716", "--account", "acme")["deleted"]
    assert "cpaas dlt list" in run("dlt", "remove", "110716", "--account", "acme", code=1)["todo"]
