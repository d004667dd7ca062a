"""Starts PostgreSQL and the services in order, keeps them alive and obeys the desired state."""
