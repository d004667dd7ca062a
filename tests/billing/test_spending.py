"""Several processes spend one account's money at once: never a micro-unit too much."""

import asyncio
import sys
from pathlib import Path

import pytest
from tests.pipeline.accepting import PRICE, desk

PROCESSES = 4


@pytest.mark.slow
@pytest.mark.parametrize(("messages", "credit"), [(150, 0), (60, 40)])
async def test_nothing_is_overdrawn(dsn: str, messages: int, credit: int) -> None:
    async with desk(dsn) as world:
        account = await world.account(balance=messages * PRICE + PRICE // 2)
        await world.pool.execute("UPDATE wallet SET credit_limit_micro = $1", credit * PRICE)
        told = await asyncio.gather(
            *(spend(dsn, account, seed) for seed in range(PROCESSES)),
            *(top_up(world, account) for _ in range(3)),
        )
        accepted, refused, spent = (sum(one[n] for one in told[:PROCESSES]) for n in range(3))
        most = messages + credit + 3
        assert refused
        assert accepted == most, "each message that could be paid for was taken, and no other"
        assert await world.balance(account) == messages * PRICE + PRICE // 2 + 3 * PRICE - spent
        assert await world.pool.fetchval("SELECT count(*) FROM message") == accepted
        assert (
            await world.pool.fetchval("SELECT count(*) FROM ledger_entry WHERE kind = 'DEBIT'")
            == accepted
        )


async def spend(dsn: str, account: int, seed: int) -> tuple[int, int, int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.billing.spender", dsn, str(account), str(seed),
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    accepted, refused, spent = out.split()
    return int(accepted), int(refused), int(spent)


async def top_up(world: object, account: int) -> tuple[int, int, int]:
    """Money that comes in between is spent, too."""
    from cpaas.billing import wallet

    await asyncio.sleep(0.3)
    await wallet.credit(world.pool, account, PRICE, actor="t")  # type: ignore[attr-defined]
    return 0, 0, 0
