"""The host that runs any channel's routes: takes, claims, writes, and reports what came back."""
