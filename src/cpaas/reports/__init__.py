"""What reports and dashboards read: the message log, figures, summaries and exports."""
