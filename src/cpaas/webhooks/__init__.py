"""Customers' webhooks: which events are wanted, their bodies, signing, delivery, replay."""
