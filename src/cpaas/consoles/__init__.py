"""The Admin Dashboard and the User Portal: two Django processes on one set of shared parts."""
