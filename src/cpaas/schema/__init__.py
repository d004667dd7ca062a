"""The only definition of the database: Django models, migrations, triggers and grants."""
