"""One of several processes that spend an account's money at once; says what it spent.

Run as `python -m tests.billing.spender DSN ACCOUNT SEED`; prints accepted, refused, spent.
"""

import asyncio
import random
import sys

from tests.pipeline.accepting import PRICE, desk

from cpaas.pipeline.drafts import Outcome

ROUNDS = 60


async def main(dsn: str, account: int, seed: int) -> None:
    """Sends singles and lists, some at once, until the rounds are over."""
    chance = random.Random(seed)
    accepted = refused = spent = 0
    async with desk(dsn) as world:
        await world.known(account)
        for _ in range(ROUNDS):
            sizes = [chance.choice([1, 1, 1, 2, 7]) for _ in range(chance.randint(1, 4))]
            numbers = [
                [f"+9198765{chance.randrange(10**5):05}" for _ in range(size)] for size in sizes
            ]
            outcomes: list[Outcome] = await asyncio.gather(
                *(world.send(account, some) for some in numbers)
            )
            for size, outcome in zip(sizes, outcomes, strict=True):
                if outcome is None:
                    accepted += size
                    spent += size * PRICE
                else:
                    refused += size
    print(accepted, refused, spent)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
