"""What runs, what waits, who is bound: read for the dashboard, wished for by the operator."""
