"""Domain-free and dull: ids, money, phone numbers, HTTP, logs."""
