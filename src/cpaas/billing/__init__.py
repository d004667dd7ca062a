"""Money: prices, wallets and the append-only ledger."""
