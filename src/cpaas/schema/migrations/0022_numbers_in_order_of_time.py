"""A number's messages are found in order of time: one number may get very many of a day's."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('schema', '0021_calls_by_id'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='message',
            name='message_recipient',
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['recipient', 'id'], name='message_recipient'),
        ),
    ]
