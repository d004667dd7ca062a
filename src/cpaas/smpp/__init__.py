"""SMPP 3.4 as a library: PDUs, text, receipts and sessions without I/O, and thin asyncio shells.

It knows nothing of this platform, so that its tests need nothing of it either.
"""
