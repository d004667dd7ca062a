import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('schema', '0026_reviews_come_due'),
    ]

    operations = [
        migrations.AddField(
            model_name='campaignfault',
            name='cells',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), db_default=[], size=None),
        ),
    ]
