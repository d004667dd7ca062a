"""RCS through a hub of the Virtuoso, Vi and Dotgo family: one driver, configurable addresses."""
