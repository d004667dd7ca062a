from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('schema', '0025_alerts_and_notices'),
    ]

    operations = [
        migrations.AddField(
            model_name='templateversion',
            name='carrier_trouble',
            field=models.TextField(blank=True, db_default=''),
        ),
        migrations.AddField(
            model_name='templateversion',
            name='carrier_tries',
            field=models.IntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name='templateversion',
            name='carrier_due_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RemoveIndex(
            model_name='templateversion',
            name='template_version_waiting',
        ),
        migrations.AddIndex(
            model_name='templateversion',
            index=models.Index(condition=models.Q(('carrier_status', 'pending'), ('status', 'APPROVED')), fields=['carrier_due_at', 'id'], name='template_version_due'),
        ),
    ]
