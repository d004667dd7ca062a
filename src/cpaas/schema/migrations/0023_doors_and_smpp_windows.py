import django.db.models.deletion
from django.db import migrations, models
import django.db.models.functions.datetime


class Migration(migrations.Migration):

    dependencies = [
        ('schema', '0022_numbers_in_order_of_time'),
    ]

    operations = [
        migrations.CreateModel(
            name='TwilioCredential',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.BinaryField(db_default=b'')),
                ('secret', models.BinaryField(db_default=b'')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, to='schema.account')),
            ],
            options={
                'db_table': 'twilio_credential',
            },
        ),
        migrations.AddField(
            model_name='smppcredential',
            name='window',
            field=models.IntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name='smppbind',
            name='last_refusal',
            field=models.TextField(blank=True, db_default=''),
        ),
    ]
