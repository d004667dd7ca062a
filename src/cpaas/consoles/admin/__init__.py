"""The Admin Dashboard (cpaas-admin): one file per screen, named as the screen."""
