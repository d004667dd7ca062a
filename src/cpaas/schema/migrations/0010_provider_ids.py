"""A carrier's ids move from an index on the message to a table of their own."""

from django.db import migrations, models

from cpaas.schema.partitioned import CreatePartitionedModel


def fill(apps, schema_editor):
    """Take over the ids of messages that are there already."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM message)")
        if cursor.fetchone()[0]:
            cursor.execute("SELECT cpaas_make_partitions(14)")
            cursor.execute("""
                INSERT INTO provider_id (provider_message_id, message_id, account_id)
                SELECT provider_message_id, id, account_id FROM message
                WHERE provider_message_id IS NOT NULL
                  AND id >= cpaas_uuid_at(date_trunc('day', now() AT TIME ZONE 'UTC')
                                          AT TIME ZONE 'UTC' - interval '2 days')
            """)


class Migration(migrations.Migration):

    dependencies = [
        ('schema', '0009_sums_of_the_platform'),
    ]

    operations = [
        CreatePartitionedModel(
            name='ProviderId',
            fields=[
                ('pk', models.CompositePrimaryKey('provider_message_id', 'message_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('provider_message_id', models.TextField()),
                ('message_id', models.UUIDField()),
                ('account_id', models.BigIntegerField()),
            ],
            options={
                'db_table': 'provider_id',
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RemoveIndex(
            model_name='message',
            name='message_provider_id',
        ),
    ]
