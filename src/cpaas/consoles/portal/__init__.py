"""The User Portal (cpaas-portal): one file per screen, named as the screen."""
