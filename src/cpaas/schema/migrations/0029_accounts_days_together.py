from django.db import migrations, models

_NAMES = (
    "accepted, segments, submitted, delivered, read, failed, rejected, expired, blocked, cancelled,"
    " charged_micro, refunded_micro, carrier_cost_micro"
)
#: an account's sums stood among its rows, under a route that is none.
MOVE = f"""
INSERT INTO counter_account_day (day, account_id, {_NAMES})
SELECT day, account_id, {_NAMES} FROM counter_day WHERE route_id = -1 ORDER BY day, account_id;
DELETE FROM counter_day WHERE route_id = -1;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('schema', '0028_the_ledger_by_day'),
    ]

    operations = [
        migrations.CreateModel(
            name='CounterAccountDay',
            fields=[
                ('accepted', models.BigIntegerField(db_default=0)),
                ('segments', models.BigIntegerField(db_default=0)),
                ('submitted', models.BigIntegerField(db_default=0)),
                ('delivered', models.BigIntegerField(db_default=0)),
                ('read', models.BigIntegerField(db_default=0)),
                ('failed', models.BigIntegerField(db_default=0)),
                ('rejected', models.BigIntegerField(db_default=0)),
                ('expired', models.BigIntegerField(db_default=0)),
                ('blocked', models.BigIntegerField(db_default=0)),
                ('cancelled', models.BigIntegerField(db_default=0)),
                ('charged_micro', models.BigIntegerField(db_default=0)),
                ('refunded_micro', models.BigIntegerField(db_default=0)),
                ('carrier_cost_micro', models.BigIntegerField(db_default=0)),
                ('pk', models.CompositePrimaryKey('day', 'account_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('account_id', models.BigIntegerField()),
            ],
            options={
                'db_table': 'counter_account_day',
            },
        ),
        migrations.RunSQL(MOVE, migrations.RunSQL.noop),
        migrations.RemoveIndex(
            model_name='counterday',
            name='counter_day_totals',
        ),
    ]
